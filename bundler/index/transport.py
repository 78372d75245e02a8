"""HTTP: the one way to it, by httpx over our own `connections`.

One pooled HTTP/1.1 client, shared by all threads. What the pool gives is narrowed here: our own redirect loop, bounded
and jittered retries, ceilings on size and time, a minimum rate, raw bytes only (httpx decodes without limit), no
cookies, and credentials only where `locations` allows them, asked for once more (`credentials`) where an index answers
401. file: URLs are answered by `local`, in the same form. Certificates are checked (`tls`), proxies come from the
environment. No exception of httpx leaves this module, and no URL with userinfo enters httpx, which logs URLs.

Left out: HTTP/2 (slower in pure Python), and a bound on header bytes that trickle in just under the read timeout.
"""

from __future__ import annotations

import os
import random
import socket
import ssl
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.request import getproxies

from bundler import __version__
from bundler.errors import BundlerError, NotFound, Refused, SourceError, Unavailable, UsageError
from bundler.index import local
from bundler.index.connections import Connections, httpx
from bundler.index.credentials import Keys
from bundler.index.locations import IndexLocation, follow, is_local, redact
from bundler.index.retries import MAX_PAUSE, TEMPORARY_STATUSES, TRIES, pause, retry_after
from bundler.index.tls import tls_context

__all__ = ["Interrupted", "Response", "Stream", "Transport"]

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 20.0
#: Seconds that one page or metadata file may take in all, retries not counted.
DEADLINE = 300.0
#: A body must bring at least this many bytes in each window of so many seconds.
MIN_BYTES, WINDOW = 16 << 10, 20.0
MAX_REDIRECTS = 10
SHORT = 4096

_PROXIES = frozenset({"http", "https", "all"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ANSWERS = frozenset({200, 206, 304, 416})
_KEYS_WANTED = "give a user name and password in the index's URL (https://user:password@host/), in netrc or in keyring"

T = TypeVar("T")


class Interrupted(Unavailable):
    """A body that ended early, stalled or came too slowly; what arrived may be continued from there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer with its whole body, still in its Content-Encoding. Header names are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An answer whose body is still to be read: raw bytes, whose iteration raises Interrupted."""

    url: str
    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


class _Temporary(Exception):
    """One try failed in a way that another may not; `after` is the server's own wish, in seconds."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Transport:
    """Gets things over HTTP, and local files; safe to use from many threads. After `close` every use of HTTP fails.

    `environment` names netrc, keyring's surroundings and certificates.
    """

    def __init__(
        self,
        *,
        locations: Sequence[IndexLocation] = (),
        environment: Mapping[str, str] = os.environ,
        backend: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._keys = Keys(locations, environment)
        self._clock, self._now, self._jitter = clock, now, jitter
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._client = _client(backend, environment, self._keep)

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections, and wake every thread that waits for bytes or for another try."""
        self._closed.set()
        for connection in list(self._sockets):
            with suppress(OSError):  # closed already
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # not SSLSocket's, which a reader would trip over
        self._client.close()

    def get(
        self,
        url: str,
        *,
        ceiling: int,
        headers: Mapping[str, str] | None = None,
        statuses: Collection[int] = (200,),
    ) -> Response:
        """Fetch a whole answer of at most `ceiling` bytes, as sent. Its status is 200, 206, 304 or 416.

        A body is read only where the status is among `statuses`; it is empty otherwise.

        Raises:
            NotFound, Refused, Unavailable: see `bundler.errors`; another try is only worth it for the last.
        """
        if is_local(url):
            return _local_response(url, headers or {}, ceiling, statuses)

        def attempt() -> Response:
            with closing(self._open(url, headers or {})) as response:
                try:
                    body = self._body(response, ceiling) if response.status_code in statuses else b""
                except Interrupted as exc:
                    raise _Temporary(exc.details[0] if exc.details else exc.message) from exc
                return Response(url=_url(response), status=response.status_code, headers=_headers(response), body=body)

        return self._persistently(url, attempt)

    @contextmanager
    def stream(self, url: str, *, headers: Mapping[str, str] | None = None) -> Iterator[Stream]:
        """Open an answer with the same statuses and errors as `get`; its body is read within the block."""
        if is_local(url):
            with local.opened(url, headers or {}) as answer:
                yield Stream(url=url, status=answer.status, headers=answer.headers, chunks=answer.chunks())
            return
        response = self._persistently(url, lambda: self._open(url, headers or {}))
        with closing(response):
            yield Stream(
                url=_url(response),
                status=response.status_code,
                headers=_headers(response),
                chunks=self._chunks(response),
            )

    def pause(self, failures: int) -> None:
        """Wait before the next try of something that failed so often; returns at once when closed."""
        self._sleep(pause(failures, self._jitter()))

    def _persistently(self, url: str, attempt: Callable[[], T]) -> T:
        """Try up to TRIES times, with pauses between."""
        failures = 0
        while not self._closed.is_set():
            try:
                return attempt()
            except _Temporary as exc:
                failures += 1
                if exc.after is not None and exc.after > MAX_PAUSE:
                    details = (str(exc), f"it asks to come back in {min(exc.after, 1e9):.0f} seconds")
                    raise Unavailable(f"{redact(url)} can't be had now", details=details) from exc
                if failures == TRIES:
                    details = (str(exc), f"tried {TRIES} times")
                    hint = "check the network and the index, then try again"
                    raise Unavailable(f"no usable answer from {redact(url)}", details=details, hint=hint) from exc
                if exc.after is None:
                    self.pause(failures)
                else:
                    self._sleep(exc.after)
        raise Unavailable(f"stopped before {redact(url)} was fetched")

    def _open(self, url: str, headers: Mapping[str, str]) -> httpx.Response:
        """One try, redirects followed: an open answer with one of the statuses in _ANSWERS."""
        place = url
        for _ in range(MAX_REDIRECTS + 1):
            response = self._admitted(place, headers)
            location = response.headers.get("location")
            if response.status_code not in _REDIRECTS or location is None:
                return self._accepted(response)
            self._finish(response)
            place = follow(place, location)
        raise Refused(f"{redact(url)} redirects more than {MAX_REDIRECTS} times")

    def _admitted(self, url: str, headers: Mapping[str, str]) -> httpx.Response:
        """One request; on a 401, a second one with what keyring knows, if it knows anything."""
        sent = self._keys.header(url)
        response = self._send(url, headers, sent)
        if response.status_code != 401:
            return response
        other = self._keys.after_refusal(url, sent)
        if other is None:
            return response
        self._finish(response)
        return self._send(url, headers, other)

    def _send(self, url: str, headers: Mapping[str, str], allowed: str | None) -> httpx.Response:
        try:
            extensions = {"trace": self._note_socket}
            request = self._client.build_request("GET", url, headers=dict(headers), extensions=extensions)
            if allowed is not None:
                request.headers["authorization"] = allowed
            return self._client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as exc:  # UnicodeError: a host that IDNA refuses
            raise _translated(exc, url) from exc
        except RuntimeError as exc:  # httpx's way to say that its client is closed
            raise Unavailable(f"stopped before {redact(url)} was fetched") from exc

    def _note_socket(self, event: str, info: Mapping[str, Any]) -> None:
        """Keep hold of each connection through a proxy as it is made (httpcore's trace extension), as of every other.

        So `close` can wake its reader: closing a socket doesn't end a `recv` on it in another thread; shutting it down
        does.
        """
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._keep(info["return_value"].get_extra_info("socket"))

    def _keep(self, connection: socket.socket) -> None:
        self._sockets.add(connection)

    def _accepted(self, response: httpx.Response) -> httpx.Response:
        """The answer itself if its status is one that callers handle; finished, and raised as an error, otherwise."""
        status = response.status_code
        if status in _ANSWERS:
            return response
        self._finish(response)
        if status in TEMPORARY_STATUSES:
            raise _Temporary(f"HTTP status {status}", retry_after(response.headers.get("retry-after"), self._now()))
        raise _status_error(status, redact(_url(response)), keys="authorization" in response.request.headers)

    def _finish(self, response: httpx.Response) -> None:
        """Close an answer; a short body is read first, so that its connection can be used again."""
        with closing(response), suppress(Interrupted):
            if _stated_length(response) in range(SHORT):
                deque(self._chunks(response), maxlen=0)

    def _body(self, response: httpx.Response, ceiling: int) -> bytes:
        size, pieces = 0, []
        deadline = self._clock() + DEADLINE
        for piece in self._chunks(response):
            size += len(piece)
            if size > ceiling:
                raise Refused(f"{redact(_url(response))} sends more than {ceiling} bytes")
            if self._clock() > deadline:
                raise Refused(f"{redact(_url(response))} takes longer than {DEADLINE:.0f} seconds")
            pieces.append(piece)
        return b"".join(pieces)

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        """The raw body; its length is checked here too, since not every backend does."""
        subject, total = redact(_url(response)), 0
        window_end, needed = self._clock() + WINDOW, MIN_BYTES
        try:
            for chunk in response.iter_raw():
                total += len(chunk)
                if self._clock() >= window_end:
                    if total < needed:
                        raise _interrupted(subject, f"less than {MIN_BYTES >> 10} KiB in {WINDOW:.0f} seconds")
                    window_end, needed = self._clock() + WINDOW, total + MIN_BYTES
                if self._closed.is_set():
                    raise _interrupted(subject, "we stopped")
                yield chunk
        except (httpx.HTTPError, httpx.StreamError) as exc:
            raise _interrupted(subject, _reason(exc)) from exc
        if response.status_code != 304 and _stated_length(response) not in (None, total):
            raise _interrupted(subject, f"{total} of {_stated_length(response)} bytes")


def _local_response(url: str, headers: Mapping[str, str], ceiling: int, statuses: Collection[int]) -> Response:
    with local.opened(url, headers) as answer:
        wanted = answer.status in statuses
        if wanted and answer.size > ceiling:
            raise Refused(f"{redact(url)} has more than {ceiling} bytes")
        body = b"".join(answer.chunks()) if wanted else b""
        return Response(url=url, status=answer.status, headers=answer.headers, body=body)


def _client(
    backend: httpx.BaseTransport | None,
    environment: Mapping[str, str],
    opened: Callable[[socket.socket], None],
) -> httpx.Client:
    """The client of httpx: over our own connections or, where the environment names a proxy, over httpx's."""
    context = True if backend is not None else tls_context(environment)
    if backend is None and isinstance(context, ssl.SSLContext) and _PROXIES.isdisjoint(getproxies()):
        backend = Connections(context, connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT, opened=opened)
    try:
        return httpx.Client(
            transport=backend,
            verify=context,
            headers={"user-agent": f"bundler/{__version__}", "accept-encoding": "identity"},
            timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT, pool=None),
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=())),
            follow_redirects=False,
        )
    except (ValueError, ImportError, httpx.InvalidURL):  # its text may hold a proxy's password: not told, not chained
        hint = "correct or unset HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY"
        raise UsageError("the proxy that the environment names can't be used", hint=hint) from None


def _status_error(status: int, subject: str, *, keys: bool) -> SourceError:
    text = f"HTTP status {status}"
    if status in (404, 410):
        return NotFound(f"{subject} doesn't exist", details=(text,))
    if status in (401, 403, 407):
        hint = "check the user name and password" if keys or status == 407 else _KEYS_WANTED
        return Refused(f"{subject} isn't open to us", details=(text,), hint=hint)
    if status >= 500:
        return Unavailable(f"no usable answer from {subject}", details=(text,))
    return Refused(f"no usable answer from {subject}", details=(text,))


def _translated(exc: Exception, url: str) -> BundlerError | _Temporary:
    if isinstance(exc, (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError, UnicodeError)):
        return Refused(f"{redact(url)} can't be asked for", details=(_reason(exc),))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(exc)):
        hint = "name the file with your authority's certificate in SSL_CERT_FILE"
        return Refused(f"the certificate of {redact(url)} isn't trusted", details=(_reason(exc),), hint=hint)
    return _Temporary(_reason(exc))


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__


def _interrupted(subject: str, reason: str) -> Interrupted:
    return Interrupted(f"{subject} broke off", details=(reason,))


def _reason(exc: Exception) -> str:
    return str(exc) or type(exc).__name__


def _stated_length(response: httpx.Response) -> int | None:
    text = response.headers.get("content-length", "")[:18]
    return int(text) if text.isascii() and text.isdigit() else None


def _url(response: httpx.Response) -> str:
    return str(response.request.url)


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
