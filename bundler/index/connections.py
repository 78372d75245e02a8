"""Straight connections by the standard library's http.client, as a transport for httpx.

httpx's own, httpcore over h11, takes twice the processor time for a page and several times that for a large file: a
sixth of a cold resolve. What httpx is needed for stays with it: URLs, headers, and proxies, for which `transport` uses
httpx's own. Whoever needs httpx takes it from here, where it is imported without its command line. Connections are kept
alive and shared by all threads, each used by one at a time; one that was closed meanwhile is replaced without counting
as a failure.

http.client is lenient where h11 isn't; of that only contradicting lengths would do harm, and they are refused.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, InvalidURL

# httpx imports its command line, and with it click, rich and pygments, when they are installed: 90 ms of 230.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # the documented way to make an import fail
import httpx  # noqa: E402

__all__ = ["Connections", "httpx"]

_PIECE = 256 << 10

#: Scheme, host and port.
_Origin = tuple[str, str, int | None]


class Connections(httpx.BaseTransport):
    """Answers httpx's requests; safe to use from many threads. `opened` is told of each new socket."""

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        connect_timeout: float,
        read_timeout: float,
        opened: Callable[[socket.socket], None],
    ) -> None:
        self._context, self._opened = context, opened
        self._connect_timeout, self._read_timeout = connect_timeout, read_timeout
        self._idle: dict[_Origin, list[HTTPConnection]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the head of its answer; httpx's exceptions say what went wrong."""
        origin = (request.url.scheme, request.url.host, request.url.port)
        with self._lock:
            waiting = self._idle.get(origin)
            connection = waiting.pop() if waiting else None
        if connection is not None:
            try:
                return self._exchange(origin, connection, request)
            except httpx.NetworkError:  # closed while it was idle; a GET can be sent again
                pass
        return self._exchange(origin, self._connected(origin, request), request)

    def close(self) -> None:
        """Close what is idle; a connection in use is closed when its answer is."""
        with self._lock:
            self._closed = True
            idle = [connection for waiting in self._idle.values() for connection in waiting]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _connected(self, origin: _Origin, request: httpx.Request) -> HTTPConnection:
        scheme, host, port = origin
        connection = (
            HTTPSConnection(host, port, timeout=self._connect_timeout, context=self._context)
            if scheme == "https"
            else HTTPConnection(host, port, timeout=self._connect_timeout)
        )
        try:
            connection.connect()
        except TimeoutError as exc:
            connection.close()
            raise httpx.ConnectTimeout(str(exc), request=request) from exc
        except OSError as exc:
            connection.close()
            raise httpx.ConnectError(str(exc), request=request) from exc
        connection.sock.settimeout(self._read_timeout)
        self._opened(connection.sock)
        return connection

    def _exchange(self, origin: _Origin, connection: HTTPConnection, request: httpx.Request) -> httpx.Response:
        try:
            connection.putrequest(
                request.method, request.url.raw_path.decode(), skip_host=True, skip_accept_encoding=True
            )
            for name, value in request.headers.raw:
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
        except BaseException as exc:
            connection.close()
            raise _translated(exc, request) from exc
        body = _Body(request, response, lambda *, whole: self._finished(origin, connection, whole=whole))
        if len(set(response.headers.get_all("content-length", ()))) > 1:
            body.close()
            raise httpx.RemoteProtocolError("an answer with two lengths", request=request)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.getheaders()]
        return httpx.Response(response.status, headers=headers, stream=body, request=request)

    def _finished(self, origin: _Origin, connection: HTTPConnection, *, whole: bool) -> None:
        with self._lock:
            kept = whole and not self._closed
            if kept:
                self._idle.setdefault(origin, []).append(connection)
        if not kept:
            connection.close()


class _Body(httpx.SyncByteStream):
    """The raw body of an answer; once it was read to its end, the connection can serve another."""

    def __init__(self, request: httpx.Request, response: HTTPResponse, finished: Callable[..., None]) -> None:
        self._request, self._response, self._finished = request, response, finished
        self._whole = self._over = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            while piece := self._response.read1(_PIECE):  # what has arrived: a slow body must be seen to be slow
                yield piece
        except (OSError, HTTPException) as exc:
            raise _translated(exc, self._request) from exc
        if self._response.length:
            raise httpx.RemoteProtocolError(f"{self._response.length} bytes are missing", request=self._request)
        self._whole = self._response.length in (0, None) and not self._response.will_close

    def close(self) -> None:
        if not self._over:
            self._over = True
            self._response.close()
            self._finished(whole=self._whole)


def _translated(exc: BaseException, request: httpx.Request) -> BaseException:
    if isinstance(exc, TimeoutError):
        return httpx.ReadTimeout(str(exc), request=request)
    if isinstance(exc, OSError):  # RemoteDisconnected too: no answer at all
        return httpx.ReadError(str(exc), request=request)
    if isinstance(exc, (InvalidURL, ValueError)):
        return httpx.LocalProtocolError(str(exc), request=request)
    return httpx.RemoteProtocolError(str(exc), request=request) if isinstance(exc, HTTPException) else exc
