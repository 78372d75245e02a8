from __future__ import annotations

import random
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bundler.errors import EnvironmentProblem, Refused
from bundler.index.tls import tls_context
from bundler.index.transport import Transport

DATA = random.Random(1).randbytes(1_000_003)

#: A certificate for 127.0.0.1 that nobody trusts, with its key, made for this test and used for nothing else.
PEM = """\
-----BEGIN CERTIFICATE-----
MIIBjTCCATOgAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAkxMjcuMC4w
LjEwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CTEyNy4wLjAuMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMq4L9QPJeNejOfK
Q13rb28o6PxtV81tuBmWA0FbbYe7pFy+pwSDf3YNdR8difNw9vEJY4ZZL9RVfotd
XQUrunWjdDByMA8GA1UdEQQIMAaHBH8AAAEwDwYDVR0TAQH/BAUwAwEB/zAOBgNV
HQ8BAf8EBAMCAoQwHQYDVR0OBBYEFK/yrBVuPrevL+FUwjyMY6nT2/bIMB8GA1Ud
IwQYMBaAFK/yrBVuPrevL+FUwjyMY6nT2/bIMAoGCCqGSM49BAMCA0gAMEUCIEiG
6lZyHUHrpHpBPoAWogV6nSyn1Tpm+uhGbxGG7lh4AiEA9MS5bsT62pj/K3UDGvQW
SLmkwpXp3VztTDFj+V+ThsY=
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgzLOKK9xIxJlcssKJ
3QFdZstaMkfH2e7moBDqbLeIHH2hRANCAATKuC/UDyXjXoznykNd629vKOj8bVfN
bbgZlgNBW22Hu6RcvqcEg392DXUfHYnzcPbxCWOGWS/UVX6LXV0FK7p1
-----END PRIVATE KEY-----
"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked += 1  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    asked = 0

    def handle_error(self, *_: object) -> None:
        """A client that turns away is what these tests are about."""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "certificate.pem"
    path.write_text(PEM)
    return path


@pytest.fixture
def server(certificate: Path) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_certificate_that_nobody_vouches_for_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    with Transport(sleep=slept.append) as transport, pytest.raises(Refused, match="isn't trusted") as caught:
        transport.get(f"https://127.0.0.1:{server.server_port}/", ceiling=1 << 21)
    assert "SSL_CERT_FILE" in (caught.value.hint or "")
    assert (server.asked, slept) == (0, [])


def test_ssl_cert_file_is_honoured_and_many_records_arrive_whole(
    server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with Transport() as transport:
        for _ in range(3):
            assert transport.get(f"https://127.0.0.1:{server.server_port}/", ceiling=1 << 21).body == DATA
        with transport.stream(f"https://127.0.0.1:{server.server_port}/") as answer:
            assert b"".join(answer.chunks) == DATA


def test_a_certificate_for_another_name_is_refused(
    server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with Transport() as transport, pytest.raises(Refused, match="isn't trusted"):
        transport.get(f"https://localhost:{server.server_port}/", ceiling=1 << 21)


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_certificate_file_that_cant_be_read_fails_closed(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "absent.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(EnvironmentProblem, match=r"absent\.pem"):
        tls_context({"SSL_CERT_FILE": str(path)})


@pytest.mark.parametrize("environ", [{}, {"SSL_CERT_FILE": ""}])
def test_every_context_checks_certificate_and_name(environ: dict[str, str]) -> None:
    context = tls_context(environ)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
