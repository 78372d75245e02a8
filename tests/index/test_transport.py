from __future__ import annotations

import gzip
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from bundler.errors import BundlerError, NotFound, Refused, Unavailable, UsageError
from bundler.index.locations import Credentials, IndexLocation
from bundler.index.transport import DEADLINE, MAX_REDIRECTS, WINDOW, Interrupted, Transport
from tests.support.fake_index import FakeIndex

INDEX = "https://index.example/simple/"
CANARY = "canary-9f3"

Handler = Callable[[httpx.Request], httpx.Response]


class Clock:
    """Time that passes only when somebody sleeps or a test says so."""

    def __init__(self) -> None:
        self.time = 1_000_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def transport(handler: Handler, clock: Clock, *locations: str) -> Transport:
    return Transport(
        locations=[IndexLocation.parse(text) for text in locations],
        environment={},
        backend=httpx.MockTransport(handler),
        clock=clock,
        now=clock,
        sleep=clock.sleep,
        jitter=lambda: 0.5,
    )


def answering(*answers: httpx.Response | Exception) -> tuple[Handler, list[httpx.Request]]:
    """A handler that gives these answers in turn, the last one for ever, and the requests it has seen."""
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        answer = answers[min(len(requests), len(answers) - 1)]
        requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, stream=answer.stream)

    return handler, requests


def raw(status: int, body: bytes = b"", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, stream=Body(lambda: iter([body])))


class Body(httpx.SyncByteStream):
    def __init__(self, pieces: Callable[[], Iterator[bytes]]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces()


# What goes out


def test_a_page_is_asked_for_plainly_and_comes_back_whole(clock: Clock) -> None:
    handler, requests = answering(raw(200, b"page", Content_Type="text/html"))
    response = transport(handler, clock).get(INDEX, headers={"accept": "text/html"}, ceiling=100)
    assert (response.status, response.body, response.url) == (200, b"page", INDEX)
    assert response.headers["content-type"] == "text/html"
    assert requests[0].headers["accept"] == "text/html"
    assert requests[0].headers["accept-encoding"] == "identity"
    assert requests[0].headers["user-agent"].startswith("bundler/")
    assert "authorization" not in requests[0].headers


def test_cookies_are_never_sent_back(clock: Clock) -> None:
    handler, requests = answering(raw(200, Set_Cookie="session=1; Path=/"), raw(200))
    client = transport(handler, clock)
    client.get(INDEX, ceiling=1)
    client.get(INDEX, ceiling=1)
    assert "cookie" not in requests[1].headers


def test_netrc_is_never_read(clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text(f"machine index.example login u password {CANARY}")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    handler, requests = answering(raw(200))
    transport(handler, clock).get(INDEX, ceiling=1)
    assert "authorization" not in requests[0].headers


# Credentials


def test_credentials_go_to_the_index_and_not_beyond_a_redirect(clock: Clock) -> None:
    handler, requests = answering(raw(302, Location=f"https://x:{CANARY}@other.example/simple/"), raw(200))
    transport(handler, clock, f"https://user:{CANARY}@index.example/simple/").get(INDEX, ceiling=1)
    assert "authorization" in requests[0].headers
    assert str(requests[1].url) == "https://other.example/simple/"
    assert "authorization" not in requests[1].headers


@pytest.mark.parametrize("status", [401, 404, 418, 503, 302])
def test_a_password_is_in_no_message_log_or_traceback(
    clock: Clock, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    handler, _ = answering(raw(status, Location=f"ftp://u:{CANARY}@evil.example/?t={CANARY}"))
    client = transport(handler, clock, f"https://user:{CANARY}@index.example/simple/")
    with pytest.raises(BundlerError) as caught:
        client.get(f"{INDEX}x/?token={CANARY}", ceiling=1)
    told = f"{caught.value} {caught.value.hint} {caught.value.__cause__!r} {client!r}"
    assert CANARY not in told
    assert CANARY not in caplog.text.replace(f"?token={CANARY}", "")


def test_a_proxys_password_is_not_in_the_message_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", f"gopher://user:{CANARY}@proxy.example")
    with pytest.raises(UsageError, match="proxy") as caught:
        Transport()
    assert CANARY not in f"{caught.value} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__


# Redirects


def test_redirects_are_followed_and_the_last_url_is_told(clock: Clock) -> None:
    handler, requests = answering(raw(301, Location="../moved/"), raw(307, Location="/here/"), raw(200, b"x"))
    response = transport(handler, clock).get(INDEX, ceiling=1)
    assert [request.url.path for request in requests] == ["/simple/", "/moved/", "/here/"]
    assert response.url == "https://index.example/here/"


def test_a_redirect_loop_ends(clock: Clock) -> None:
    handler, requests = answering(raw(302, Location=INDEX))
    with pytest.raises(Refused, match=f"redirects more than {MAX_REDIRECTS} times"):
        transport(handler, clock).get(INDEX, ceiling=1)
    assert len(requests) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("location", ["http://index.example/", "file:///etc/passwd"])
def test_a_redirect_to_somewhere_worse_is_refused(clock: Clock, location: str) -> None:
    handler, requests = answering(raw(302, Location=location))
    with pytest.raises(Refused, match="redirects"):
        transport(handler, clock).get(INDEX, ceiling=1)
    assert len(requests) == 1


# Statuses and retries


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, NotFound) for status in (404, 410)),
        *((status, Refused) for status in (401, 403, 407, 400, 406, 417, 451, 300, 302, 204)),
        *((status, Unavailable) for status in (501, 505)),
    ],
)
def test_what_wont_change_is_not_asked_again(clock: Clock, status: int, error: type[Exception]) -> None:
    handler, requests = answering(raw(status))
    with pytest.raises(error) as caught:
        transport(handler, clock).get(INDEX, ceiling=1)
    assert type(caught.value) is error
    assert (len(requests), clock.slept) == (1, [])


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_temporary_status_is_asked_again_a_few_times(clock: Clock, status: int) -> None:
    handler, requests = answering(raw(status))
    with pytest.raises(Unavailable, match=f"HTTP status {status}"):
        transport(handler, clock).get(INDEX, ceiling=1)
    assert (len(requests), clock.slept) == (4, [0.25, 0.5, 1.0])


def test_a_flapping_server_is_waited_for(clock: Clock) -> None:
    handler, _ = answering(raw(502), raw(504), httpx.ConnectError("connection refused"), raw(200, b"x"))
    assert transport(handler, clock).get(INDEX, ceiling=1).body == b"x"


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("connection refused"),
        httpx.ConnectTimeout(""),
        httpx.ReadError("reset"),
        httpx.ReadTimeout("timed out"),
        httpx.RemoteProtocolError("nonsense"),
        httpx.ProxyError("407"),
    ],
)
def test_a_broken_connection_is_tried_again_and_then_unavailable(clock: Clock, failure: Exception) -> None:
    handler, requests = answering(failure)
    with pytest.raises(Unavailable, match=r"no usable answer from https://index\.example/simple/") as caught:
        transport(handler, clock).get(INDEX, ceiling=1)
    assert len(requests) == 4
    assert "tried 4 times" in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://index.example/", "https://exa mple/", "https://index.example:99999/", "x"])
def test_what_isnt_a_url_is_refused(clock: Clock, url: str) -> None:
    handler, requests = answering(httpx.UnsupportedProtocol("no"))
    with pytest.raises(Refused):
        transport(handler, clock).get(url, ceiling=1)
    assert len(requests) <= 1


@pytest.mark.parametrize("wish", ["7", "Sun, 09 Sep 2001 01:46:47 GMT"])
def test_retry_after_is_honoured_in_both_forms(clock: Clock, wish: str) -> None:
    handler, _ = answering(raw(503, Retry_After=wish), raw(200, b"x"))
    transport(handler, clock).get(INDEX, ceiling=1)
    assert clock.slept == [7.0]


@pytest.mark.parametrize("wish", ["31", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_an_absurd_retry_after_ends_at_once_and_says_so(clock: Clock, wish: str) -> None:
    handler, requests = answering(raw(429, Retry_After=wish))
    with pytest.raises(Unavailable, match="asks to come back in"):
        transport(handler, clock).get(INDEX, ceiling=1)
    assert (len(requests), clock.slept) == (1, [])


def test_an_untrusted_certificate_is_refused_at_once(clock: Clock) -> None:
    failure = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]")
    failure.__cause__ = ssl.SSLCertVerificationError(1, "self-signed certificate")
    handler, requests = answering(failure)
    with pytest.raises(Refused, match="isn't trusted"):
        transport(handler, clock).get(INDEX, ceiling=1)
    assert len(requests) == 1


# Bodies


def test_the_body_is_never_decoded(clock: Clock) -> None:
    bomb = gzip.compress(bytes(1 << 20))
    handler, _ = answering(raw(200, bomb, Content_Encoding="gzip"))
    client = transport(handler, clock)
    assert client.get(INDEX, ceiling=10_000).body == bomb
    with client.stream(INDEX) as answer:
        assert b"".join(answer.chunks) == bomb


@pytest.mark.parametrize("encoding", ["zstd", "br", "deflate"])
def test_other_encodings_stay_undecoded_too(clock: Clock, encoding: str) -> None:
    handler, _ = answering(raw(200, b"\x28\xb5\x2f\xfd", Content_Encoding=encoding))
    assert transport(handler, clock).get(INDEX, ceiling=10).body == b"\x28\xb5\x2f\xfd"


def test_a_body_above_its_ceiling_is_refused_at_once(clock: Clock) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(1000)

    handler, requests = answering(httpx.Response(200, stream=Body(endless)))
    with pytest.raises(Refused, match="sends more than 5000 bytes"):
        transport(handler, clock).get(INDEX, ceiling=5000)
    assert len(requests) == 1


@pytest.mark.parametrize("stated", ["3", "5"])
def test_a_wrong_length_is_a_broken_body(clock: Clock, stated: str) -> None:
    handler, requests = answering(raw(200, b"four", Content_Length=stated))
    client = transport(handler, clock)
    with pytest.raises(Unavailable, match=f"4 of {stated} bytes"):
        client.get(INDEX, ceiling=10)
    assert len(requests) == 4
    with client.stream(INDEX) as answer, pytest.raises(Interrupted):
        list(answer.chunks)


def test_a_body_that_breaks_off_is_fetched_again(clock: Clock) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise httpx.ReadError("reset")

    handler, _ = answering(httpx.Response(200, stream=Body(broken)), raw(200, b"half and half"))
    assert transport(handler, clock).get(INDEX, ceiling=100).body == b"half and half"


def test_a_body_that_trickles_is_broken_off(clock: Clock) -> None:
    def trickling() -> Iterator[bytes]:
        while True:
            clock.time += WINDOW / 10
            yield b"x" * 100

    handler, _ = answering(httpx.Response(200, stream=Body(trickling)))
    with transport(handler, clock).stream(INDEX) as answer, pytest.raises(Interrupted, match="less than"):
        list(answer.chunks)


def test_a_page_has_a_time_limit_even_when_it_moves(clock: Clock) -> None:
    def slowly() -> Iterator[bytes]:
        while True:
            clock.time += 1
            yield bytes(2000)

    handler, _ = answering(httpx.Response(200, stream=Body(slowly)))
    with pytest.raises(Refused, match=f"longer than {DEADLINE:.0f} seconds"):
        transport(handler, clock).get(INDEX, ceiling=1 << 30)


def test_a_body_that_wasnt_wanted_is_left_unread(clock: Clock) -> None:
    read: list[str] = []

    def noticed() -> Iterator[bytes]:
        read.append("it was read")
        yield b""

    handler, _ = answering(httpx.Response(200, stream=Body(noticed)))
    response = transport(handler, clock).get(INDEX, ceiling=1, statuses=(206,))
    assert (response.status, response.body, read) == (200, b"", [])


# Its end


def test_a_closed_transport_refuses_at_once(clock: Clock) -> None:
    handler, requests = answering(raw(503))
    with transport(handler, clock) as client:
        pass
    with pytest.raises(Unavailable, match="stopped"):
        client.get(INDEX, ceiling=1)
    assert requests == []


def test_closing_wakes_who_waits() -> None:
    handler, _ = answering(raw(503, Retry_After="30"))
    client = Transport(backend=httpx.MockTransport(handler))
    threading.Timer(0.1, client.close).start()
    begin = time.monotonic()
    with pytest.raises(Unavailable):
        client.get(INDEX, ceiling=1)
    assert time.monotonic() - begin < 5


# Over a real socket


def test_the_same_holds_over_a_socket() -> None:
    index = FakeIndex()
    filename = index.add_wheel("x", "1.0")
    with index.serve() as origin, Transport(sleep=lambda _: None) as client:
        whole = client.get(f"{origin}/files/{filename}", ceiling=1 << 20)
        index.fault("/files/", "cut", after=10)
        assert client.get(f"{origin}/files/{filename}", ceiling=1 << 20).body == whole.body
        index.fault("/files/", "reset")
        assert client.get(f"{origin}/files/{filename}", ceiling=1 << 20).body == whole.body
        index.fault("/files/", "endless")
        with pytest.raises(Refused, match="sends more than"):
            client.get(f"{origin}/files/{filename}", ceiling=1 << 20)
        with pytest.raises(NotFound):
            client.get(f"{origin}/files/absent.whl", ceiling=1)


def test_nobody_listening_is_unavailable() -> None:
    with FakeIndex().serve() as origin:
        pass
    with Transport(sleep=lambda _: None) as client, pytest.raises(Unavailable, match="tried 4 times"):
        client.get(f"{origin}/simple/x/", ceiling=1)


# Local files


def test_a_local_file_is_answered_like_one_on_a_server(clock: Clock, tmp_path: Path) -> None:
    handler, requests = answering(raw(200))
    client = transport(handler, clock)
    (tmp_path / "a file").write_bytes(bytes(range(100)))
    url = (tmp_path / "a file").as_uri()
    assert client.get(url, ceiling=100).body == bytes(range(100))
    tail = client.get(url, ceiling=100, headers={"range": "bytes=-10"}, statuses=frozenset({206}))
    assert (tail.status, tail.body, tail.headers["content-range"]) == (206, bytes(range(90, 100)), "bytes 90-99/100")
    assert client.get(url, ceiling=100, headers={"range": "bytes=-10"}).body == b""
    with client.stream(url) as answer:
        assert (answer.status, b"".join(answer.chunks)) == (200, bytes(range(100)))
    assert requests == []


def test_a_local_file_has_a_ceiling_too(clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(101))
    with pytest.raises(Refused, match="more than 100 bytes"):
        transport(answering(raw(200))[0], clock).get((tmp_path / "big").as_uri(), ceiling=100)


# What opens an index


def test_a_401_is_answered_once_with_what_keyring_knows(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundler.index.credentials._from_keyring", lambda *_: Credentials("user", CANARY))
    handler, requests = answering(raw(401, b"no"), raw(200, b"yes"), raw(200, b"yes"))
    client = transport(handler, clock, INDEX)
    assert client.get(f"{INDEX}x/", ceiling=10).body == b"yes"
    client.get(f"{INDEX}y/", ceiling=10)
    key = Credentials("user", CANARY).header()
    assert [request.headers.get("authorization") for request in requests] == [None, key, key]


def test_a_second_401_stands(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundler.index.credentials._from_keyring", lambda *_: Credentials("user", CANARY))
    handler, requests = answering(raw(401))
    with pytest.raises(Refused, match="isn't open to us") as caught:
        transport(handler, clock, INDEX).get(f"{INDEX}x/", ceiling=10)
    assert caught.value.hint == "check the user name and password"
    assert len(requests) == 2


def test_a_401_without_credentials_tells_how_to_give_them(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundler.index.credentials._from_keyring", lambda *_: None)
    handler, requests = answering(raw(401))
    with pytest.raises(Refused, match="isn't open to us") as caught:
        transport(handler, clock, INDEX).get(f"{INDEX}x/", ceiling=10)
    assert "netrc" in (caught.value.hint or "")
    assert len(requests) == 1


def test_keyring_is_not_asked_for_another_host(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundler.index.credentials._from_keyring", lambda *_: Credentials("user", CANARY))
    moved = raw(302, location="https://evil.example/x/")
    handler, requests = answering(moved, raw(401))
    with pytest.raises(Refused):
        transport(handler, clock, INDEX).get(f"{INDEX}x/", ceiling=10)
    assert [request.headers.get("authorization") for request in requests] == [None, None]
