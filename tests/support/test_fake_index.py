from __future__ import annotations

import csv
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx
import pytest
from packaging.metadata import Metadata
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from tests.support.answers import FaultKind
from tests.support.fake_index import JSON_TYPE, FakeIndex
from tests.support.wheels import make_sdist, make_wheel

JSON = {"accept": JSON_TYPE}


@contextmanager
def mocked(index: FakeIndex) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.MockTransport(index.handler), base_url="https://index.example") as client:
        yield client


@contextmanager
def served(index: FakeIndex) -> Iterator[httpx.Client]:
    with index.serve() as origin, httpx.Client(base_url=origin, trust_env=False) as client:
        yield client


both_ways = pytest.mark.parametrize("reach", [mocked, served])
Reach = Callable[[FakeIndex], AbstractContextManager[httpx.Client]]


def test_a_made_wheel_is_valid_and_its_record_is_right() -> None:
    filename, data = make_wheel("My.Pkg", "1.0", requires=["a; extra == 'x'"], extras=["x"], tag="cp311.cp312-abi3-any")
    parse_wheel_filename(filename)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        Metadata.from_email(archive.read("my_pkg-1.0.dist-info/METADATA"))
        rows = list(csv.reader(io.StringIO(archive.read("my_pkg-1.0.dist-info/RECORD").decode())))
        assert sorted(row[0] for row in rows) == sorted(archive.namelist())
        assert archive.read("my_pkg-1.0.dist-info/WHEEL").count(b"Tag: ") == 2
    assert make_wheel("a", "1") == make_wheel("a", "1")


@pytest.mark.parametrize(("static", "form"), [(True, b"2.2"), (False, b"2.1")])
def test_a_made_sdist_states_whether_it_is_static(static: bool, form: bytes) -> None:
    filename, data = make_sdist("pkg", "1.0", requires=["a"], static=static)
    parse_sdist_filename(filename)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        member = archive.extractfile("pkg-1.0/PKG-INFO")
        assert member is not None
        info = member.read()
    assert (b"Metadata-Version: " + form in info, b"Requires-Dist: a" in info) == (True, static)
    assert make_sdist("pkg", "1.0") == make_sdist("pkg", "1.0")


@both_ways
def test_a_json_page_states_everything(reach: Reach) -> None:
    index = FakeIndex()
    index.add_wheel("pkg", "1.0", requires_python=">=3.8", yanked="bad", upload_time="2026-01-02T03:04:05Z")
    index.set_status("pkg", "archived", "done")
    with reach(index) as client:
        page = json.loads(client.get("/simple/pkg/", headers=JSON).raise_for_status().content)
        [entry] = page["files"]
        data = client.get(entry["url"]).content
        sidecar = client.get(entry["url"] + ".metadata").content
    assert entry["hashes"] == {"sha256": hashlib.sha256(data).hexdigest()}
    assert entry["core-metadata"] == {"sha256": hashlib.sha256(sidecar).hexdigest()}
    assert (entry["size"], entry["yanked"], entry["requires-python"]) == (len(data), "bad", ">=3.8")
    assert page["project-status"] == {"status": "archived", "reason": "done"}


def test_accept_decides_the_form() -> None:
    index = FakeIndex()
    index.add_wheel("pkg", "1.0")
    with mocked(index) as client:

        def content_type(accept: str) -> str:
            answer = client.get("/simple/pkg/", headers={"accept": accept})
            return str(answer.headers.get("content-type", "none"))

        assert content_type("text/html") == "text/html"
        assert content_type(f"{JSON_TYPE}, text/html;q=0.1") == JSON_TYPE
        assert content_type("image/png") == "none"


def test_a_plain_mirror_answers_html_whatever_is_asked() -> None:
    index = FakeIndex(form="html", pep658=False, etag=False, max_age=None)
    filename = index.add_wheel("pkg", "1.0", upload_time="2026-01-02T03:04:05Z", requires_python=">=3.8")
    with mocked(index) as client:
        answer = client.get("/simple/pkg/", headers=JSON)
        assert client.get(f"/files/{filename}.metadata").status_code == 404
    assert answer.headers["content-type"] == "text/html"
    assert {"etag", "cache-control"}.isdisjoint(answer.headers)
    assert 'data-requires-python="&gt;=3.8" data-upload-time="2026-01-02T03:04:05Z"' in answer.text


@both_ways
def test_names_are_redirected_to_their_normal_form_and_unknown_ones_are_404(reach: Reach) -> None:
    index = FakeIndex()
    index.add_wheel("my-pkg", "1.0")
    with reach(index) as client:
        assert client.get("/simple/My.Pkg").headers["location"] == "/simple/my-pkg/"
        assert client.get("/simple/other/").status_code == 404
        assert client.get("/elsewhere").status_code == 404
    assert index.count("/simple/") == 2
    assert index.requests[0].path == "/simple/My.Pkg"


@both_ways
def test_a_known_etag_gets_304(reach: Reach) -> None:
    index = FakeIndex()
    index.add_wheel("pkg", "1.0")
    with reach(index) as client:
        etag = client.get("/simple/pkg/").headers["etag"]
        again = client.get("/simple/pkg/", headers={"if-none-match": etag})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get("/simple/pkg/", headers={"if-none-match": '"x"'}).status_code == 200


@both_ways
@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=-99", 206, b"0123456789"),
        ("bytes=10-", 416, b""),
        ("lines=1-2", 200, b"0123456789"),
    ],
)
def test_ranges(reach: Reach, asked: str, status: int, body: bytes) -> None:
    index = FakeIndex()
    index.add("pkg-1.tar.gz", b"0123456789")
    with reach(index) as client:
        answer = client.get("/files/pkg-1.tar.gz", headers={"range": asked})
        stale = client.get("/files/pkg-1.tar.gz", headers={"range": asked, "if-range": '"x"'})
    assert (answer.status_code, answer.content) == (status, body)
    assert (stale.status_code, stale.content) == (200, b"0123456789")


@both_ways
@pytest.mark.parametrize(
    ("kind", "error"),
    [("cut", httpx.RemoteProtocolError), ("stall", httpx.ReadTimeout), ("reset", httpx.ReadError)],
)
def test_broken_connections_break_once(reach: Reach, kind: FaultKind, error: type[Exception]) -> None:
    index = FakeIndex()
    index.add("pkg-1.tar.gz", b"0123456789")
    index.fault(r"\.tar\.gz", kind)
    with reach(index) as client:
        with pytest.raises(error):
            client.get("/files/pkg-1.tar.gz", timeout=0.5)
        assert client.get("/files/pkg-1.tar.gz").content == b"0123456789"


@both_ways
def test_answers_that_lie(reach: Reach) -> None:
    index = FakeIndex()
    index.add("pkg-1.tar.gz", b"0123456789")
    index.fault("pkg-1", "status", status=429, headers={"Retry-After": "2"})
    index.fault("pkg-1", "redirect", to="https://elsewhere.example/x")
    index.fault("pkg-1", "flip", at=0)
    index.fault("pkg-1", "wrong_length", by=-3)
    index.fault("pkg-1", "captive")
    index.fault("pkg-1", "bomb", size=1 << 22)
    index.fault("pkg-1", "gzip")
    with reach(index) as client:
        answers = [client.get("/files/pkg-1.tar.gz") for _ in range(8)]
    assert [answer.status_code for answer in answers] == [429, 302, 200, 200, 200, 200, 200, 200]
    assert answers[0].headers["retry-after"] == "2"
    assert answers[1].headers["location"] == "https://elsewhere.example/x"
    assert [answer.content for answer in answers[2:4]] == [b"1123456789", b"0123456"]
    assert answers[4].headers["content-type"].startswith("text/html")
    assert len(answers[5].content) == 1 << 22
    assert answers[5].num_bytes_downloaded < 1 << 14
    assert [answer.content for answer in answers[6:]] == [b"0123456789"] * 2


@both_ways
def test_an_endless_body_goes_on_past_its_file(reach: Reach) -> None:
    index = FakeIndex()
    index.add("pkg-1.tar.gz", b"0123456789")
    index.fault("pkg-1", "endless", times=None)
    with reach(index) as client, client.stream("GET", "/files/pkg-1.tar.gz") as answer:
        received = 0
        for piece in answer.iter_raw():
            received += len(piece)
            if received > 1 << 20:
                break
    assert received > 1 << 20


@both_ways
def test_a_slow_body_arrives_whole(reach: Reach) -> None:
    index = FakeIndex()
    index.add("pkg-1.tar.gz", bytes(200))
    index.fault("pkg-1", "slow", rate=1000)
    with reach(index) as client:
        answer = client.get("/files/pkg-1.tar.gz")
    assert answer.content == bytes(200)
    assert answer.elapsed.total_seconds() > 0.15


def test_a_lying_sidecar_is_stated_with_its_own_hash() -> None:
    index = FakeIndex()
    filename = index.add_wheel("pkg", "1.0", metadata=b"Name: other\n")
    with mocked(index) as client:
        [entry] = client.get("/simple/pkg/", headers=JSON).json()["files"]
        assert client.get(f"/files/{filename}.metadata").content == b"Name: other\n"
    assert entry["core-metadata"] == {"sha256": hashlib.sha256(b"Name: other\n").hexdigest()}


def test_the_server_keeps_connections_alive() -> None:
    index = FakeIndex()
    index.add_wheel("pkg", "1.0")
    with index.serve() as origin, httpx.Client(base_url=origin, trust_env=False) as client:
        ports = {
            client.get("/simple/pkg/").extensions["network_stream"].get_extra_info("client_addr")[1] for _ in range(3)
        }
    assert len(ports) == 1
