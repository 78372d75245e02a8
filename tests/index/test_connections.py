from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence

import httpx
import pytest

from bundler.index.connections import Connections

HEAD = b"HTTP/1.1 200 OK\r\n"


class Server:
    """Answers each request on a connection with the next of its bytes, and counts connections; b"" hangs up."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/page?x=1"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                with connection, contextlib.suppress(ConnectionError):
                    self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        while self.answers and (request := connection.recv(65536)):
            self.requests.append(request)
            answer = self.answers.pop(0)
            if not answer:
                return
            connection.sendall(answer)
            if b"close" in answer:
                return


@contextlib.contextmanager
def serving(*answers: bytes) -> Iterator[tuple[Server, httpx.Client, list[socket.socket]]]:
    server, opened = Server(answers), list[socket.socket]()
    connections = Connections(ssl.create_default_context(), connect_timeout=5, read_timeout=0.5, opened=opened.append)
    with httpx.Client(transport=connections) as client:
        yield server, client, opened
    server.listener.close()


def answered(body: bytes, *headers: str) -> bytes:
    return (
        HEAD + "".join(f"{line}\r\n" for line in (f"content-length: {len(body)}", *headers)).encode() + b"\r\n" + body
    )


def test_a_connection_serves_one_request_after_another() -> None:
    with serving(
        answered(b"one"), answered(b""), HEAD + b"transfer-encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
    ) as (
        server,
        client,
        opened,
    ):
        assert [client.get(server.url).content for _ in range(3)] == [b"one", b"", b"two"]
    assert (server.connections, len(opened)) == (1, 1)
    assert server.requests[0].startswith(b"GET /page?x=1 HTTP/1.1\r\n")
    assert server.requests[0].lower().count(b"\r\nhost: 127.0.0.1") == 1


def test_one_that_was_closed_meanwhile_is_replaced() -> None:
    with serving(answered(b"one"), b"", answered(b"two")) as (server, client, _):
        assert [client.get(server.url).content for _ in range(2)] == [b"one", b"two"]
    assert server.connections == 2


@pytest.mark.parametrize("closing", ["connection: close", "x: close"])
def test_a_server_that_closes_is_met_again_on_a_new_connection(closing: str) -> None:
    with serving(answered(b"one", closing), answered(b"two")) as (server, client, _):
        assert [client.get(server.url).content for _ in range(2)] == [b"one", b"two"]
    assert server.connections == 2


def test_a_body_that_isnt_read_to_its_end_takes_its_connection_with_it() -> None:
    with serving(answered(b"x" * 100_000), answered(b"two")) as (server, client, _):
        with client.stream("GET", server.url) as response:
            assert next(response.iter_raw())
        assert client.get(server.url).content == b"two"
    assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", httpx.ReadError),
        (b"nonsense\r\n\r\n", httpx.RemoteProtocolError),
        (HEAD + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd", httpx.RemoteProtocolError),
        (HEAD + b"".join(b"x%d: y\r\n" % number for number in range(200)) + b"\r\n", httpx.RemoteProtocolError),
        (HEAD + b"x: " + b"y" * 100_000 + b"\r\n\r\n", httpx.RemoteProtocolError),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nnonsense\r\n", httpx.RemoteProtocolError),
        (HEAD[:9], httpx.RemoteProtocolError),
        (HEAD + b"content-length: 9\r\n\r\nabc", httpx.RemoteProtocolError),
    ],
)
def test_what_goes_wrong_is_told_by_httpxs_own_errors(answer: bytes, error: type[httpx.HTTPError]) -> None:
    with serving(answer) as (server, client, _), pytest.raises(error):
        client.get(server.url)


def test_nobody_listening_is_a_connect_error() -> None:
    with serving() as (server, client, _):
        server.listener.close()
        with pytest.raises(httpx.ConnectError):
            client.get("http://127.0.0.1:9/")


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb"])
def test_a_header_cannot_bring_another_one(value: str) -> None:
    with serving(answered(b"")) as (server, client, _), pytest.raises(httpx.LocalProtocolError):
        client.get(server.url, headers={"x": value})


def test_a_server_that_stalls_is_waited_for_so_long_and_no_longer() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        serving() as (_, client, _),
        pytest.raises(httpx.ReadTimeout),
    ):
        client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/")
