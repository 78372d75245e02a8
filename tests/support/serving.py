"""The two ways to the fake index: a body for httpx.MockTransport, and a server on the loopback."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.support.answers import Answer, pieces

__all__ = ["Answerer", "LoopbackServer", "MockBody"]

#: (method, path, headers in lower case, origin) -> answer
Answerer = Callable[[str, str, Mapping[str, str], str], Answer]


class MockBody(httpx.SyncByteStream):
    """A body that ends as it would on the wire: h11 counts what Content-Length said, MockTransport doesn't."""

    def __init__(self, answer: Answer, request: httpx.Request) -> None:
        self._answer = answer
        self._request = request
        self._closing = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        bodyless = self._request.method == "HEAD" or self._answer.status == 304
        promised = 0 if bodyless else int(self._answer.headers.get("content-length", -1))
        sent = 0
        for piece in pieces(self._answer, self._closing):
            part = piece if promised < 0 else piece[: promised - sent]
            sent += len(part)
            yield part
        if self._answer.is_faulty("stall"):
            raise httpx.ReadTimeout("the read operation timed out", request=self._request)
        if sent < promised:
            message = f"peer closed connection without sending complete message body (received {sent} bytes)"
            raise httpx.RemoteProtocolError(message, request=self._request)

    def close(self) -> None:
        self._closing.set()


class LoopbackServer(ThreadingHTTPServer):
    """A threading HTTP/1.1 server that keeps connections alive until `close`, which ends all of them."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, answer: Answerer) -> None:
        self.answer = answer
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()
        self._thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no event; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: LoopbackServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.answer(self.command, self.path, headers, f"http://{headers['host']}")
        if answer.is_faulty("reset"):
            self._reset()
        else:
            self._send_head(answer)
            self._send_body(answer)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _send_head(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "content-length" not in answer.headers:
            self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def _send_body(self, answer: Answer) -> None:
        chunked = "content-length" not in answer.headers
        for piece in pieces(answer, self.server.closing):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if answer.fault is not None and answer.fault.kind == "stall":
            self.server.closing.wait(answer.fault.seconds)
        if answer.fault is not None and answer.fault.kind in ("cut", "stall", "endless", "wrong_length"):
            self.close_connection = True

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())  # close() would wait for rfile, and shut down politely
        self.close_connection = True

    def log_message(self, *arguments: Any) -> None:
        """The record is in the index's `requests`."""
