from __future__ import annotations

import io
import random
import threading
from pathlib import Path

import httpx
import pytest

from bundler.cache.blobs import BlobStore
from bundler.digests import Digest
from bundler.errors import IntegrityError, NotFound, Refused, Unavailable, UnusableFile
from bundler.index import downloads
from bundler.index.downloads import BREAKS, download, download_all, fetch_unknown
from bundler.index.transport import Transport
from bundler.simple.model import ProjectFile
from tests.support.fake_index import FakeIndex

NAME = "x-1.0-py3-none-any.whl"
DATA = random.Random(3).randbytes(300_000)
DIGEST = Digest.sha256(DATA)

Told = list[int]


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def reaching(index: FakeIndex) -> Transport:
    return Transport(backend=httpx.MockTransport(index.handler), sleep=lambda _: None)


def holding(data: bytes = DATA, name: str = NAME, *, etag: bool = True, ranges: bool = True) -> FakeIndex:
    index = FakeIndex(etag=etag, ranges=ranges)
    index.add(name, data)
    return index


def entry(
    name: str = NAME, digest: Digest | None = DIGEST, size: int | None = None, data: bytes | None = None
) -> ProjectFile:
    digest = Digest.sha256(data) if data is not None else digest
    hashes = () if digest is None else (digest,)
    return ProjectFile(filename=name, url=f"https://index.example/files/{name}", hashes=hashes, size=size)


def stored_files(blobs: BlobStore) -> list[Path]:
    return [path for path in blobs.root.rglob("*") if path.is_file()]


def asked_ranges(index: FakeIndex) -> list[str | None]:
    return [request.headers.get("range") for request in index.requests]


@pytest.mark.parametrize("size", [None, len(DATA)])
def test_a_file_arrives_in_the_store_and_is_counted(blobs: BlobStore, size: int | None) -> None:
    index, told = holding(), Told()
    assert download(entry(size=size), transport=reaching(index), blobs=blobs, on_bytes=told.append) == DIGEST
    assert blobs.verify(DIGEST)
    assert sum(told) == len(DATA)
    assert index.requests[0].headers["accept-encoding"] == "identity"


def test_a_file_that_is_there_is_not_asked_for_again(blobs: BlobStore) -> None:
    index, told = holding(), Told()
    download(entry(), transport=reaching(index), blobs=blobs)
    download(entry(), transport=reaching(index), blobs=blobs, on_bytes=told.append)
    assert (len(index.requests), told) == (1, [len(DATA)])


def test_a_poisoned_blob_is_fetched_again(blobs: BlobStore) -> None:
    index = holding()
    download(entry(), transport=reaching(index), blobs=blobs)
    blobs.path(DIGEST).write_bytes(DATA[:-1] + b"X")
    download(entry(), transport=reaching(index), blobs=blobs)
    assert blobs.verify(DIGEST)


def test_a_file_without_sha256_is_unusable(blobs: BlobStore) -> None:
    for digest in (None, Digest("md5", "0" * 32)):
        with pytest.raises(UnusableFile, match="no sha256"):
            download(entry(digest=digest), transport=reaching(holding()), blobs=blobs)


def test_a_cut_body_is_continued_by_its_strong_etag(blobs: BlobStore) -> None:
    index, told = holding(), Told()
    index.fault("/files/", "cut", after=100_000)
    download(entry(), transport=reaching(index), blobs=blobs, on_bytes=told.append)
    assert asked_ranges(index) == [None, "bytes=100000-"]
    assert index.requests[1].headers["if-range"].startswith('"')
    assert sum(told) == len(DATA)


@pytest.mark.parametrize(("etag", "ranges"), [(False, True), (True, False)])
def test_a_cut_body_starts_again_without_etag_or_ranges(blobs: BlobStore, etag: bool, ranges: bool) -> None:
    index, told = holding(etag=etag, ranges=ranges), Told()
    index.fault("/files/", "cut", after=100_000)
    download(entry(), transport=reaching(index), blobs=blobs, on_bytes=told.append)
    assert blobs.verify(DIGEST)
    assert asked_ranges(index) == [None, "bytes=100000-" if etag else None]
    assert sum(told) == len(DATA)


def test_a_weak_etag_doesnt_continue_anything(blobs: BlobStore) -> None:
    index = holding(etag=False)
    index.fault("/files/", "cut", after=10)

    def weakened(request: httpx.Request) -> httpx.Response:
        response = index.handler(request)
        response.headers["etag"] = 'W/"a"'
        return response

    download(entry(), transport=Transport(backend=httpx.MockTransport(weakened), sleep=lambda _: None), blobs=blobs)
    assert asked_ranges(index) == [None, None]


def test_a_file_that_changed_meanwhile_starts_again(blobs: BlobStore) -> None:
    index = holding(b"older" * 50_000)
    index.fault("/files/", "cut", after=100_000)
    transport = reaching(index)
    told: list[int] = []

    def exchange(change: int) -> None:
        told.append(change)
        if len(told) == 2:
            index.add(NAME, DATA)

    download(entry(), transport=transport, blobs=blobs, on_bytes=exchange)
    assert blobs.verify(DIGEST)
    assert sum(told) == len(DATA)


@pytest.mark.parametrize(
    ("status", "stated"),
    [
        (206, "bytes 99999-299999/300000"),
        (206, "bytes 100000-299999/300001"),
        (206, "bytes 100000-199999/300000"),
        (206, ""),
        (416, "bytes */300000"),
    ],
)
def test_an_odd_continuation_starts_again_from_zero(blobs: BlobStore, status: int, stated: str) -> None:
    index = holding()
    index.fault("/files/", "cut", after=100_000)
    index.fault("/files/", "status", status=status, headers={"content-range": stated}, body=b"odd")
    download(entry(), transport=reaching(index), blobs=blobs)
    assert blobs.verify(DIGEST)
    assert asked_ranges(index) == [None, "bytes=100000-", None]


def test_a_body_that_always_breaks_off_is_unavailable(blobs: BlobStore) -> None:
    index = holding()
    index.fault("/files/", "cut", times=None, after=0)
    with pytest.raises(Unavailable, match="broke off"):
        download(entry(), transport=reaching(index), blobs=blobs)
    assert len(index.requests) == BREAKS
    assert stored_files(blobs) == []


def test_a_wrong_hash_is_asked_for_once_more_past_caches(blobs: BlobStore) -> None:
    index, told = holding(), Told()
    index.fault("/files/", "flip")
    download(entry(), transport=reaching(index), blobs=blobs, on_bytes=told.append)
    assert blobs.verify(DIGEST)
    assert index.requests[1].headers["cache-control"] == "no-cache"
    assert sum(told) == len(DATA)


def test_a_wrong_hash_twice_names_file_place_and_both_hashes(blobs: BlobStore) -> None:
    index = holding(b"other")
    with pytest.raises(IntegrityError) as caught:
        download(entry(), transport=reaching(index), blobs=blobs)
    text = str(caught.value)
    assert all(part in text for part in (NAME, "https://index.example/files/", str(DIGEST)))
    assert str(Digest.sha256(b"other")) in text
    assert len(index.requests) == 2
    assert stored_files(blobs) == []


def test_an_endless_body_stops_at_the_size_that_the_index_states(blobs: BlobStore) -> None:
    index, told = holding(), Told()
    index.fault("/files/", "endless", times=None)
    with pytest.raises(IntegrityError, match="larger than the index says"):
        download(entry(size=len(DATA)), transport=reaching(index), blobs=blobs, on_bytes=told.append)
    assert sum(told) <= len(DATA)
    assert stored_files(blobs) == []


def test_an_answer_that_wasnt_asked_for_is_refused(blobs: BlobStore) -> None:
    index = holding()
    index.fault("/files/", "status", status=206, headers={"content-range": "bytes 0-2/3"}, body=b"abc")
    with pytest.raises(Refused):
        download(entry(), transport=reaching(index), blobs=blobs)


def test_many_files_arrive_and_each_is_told_of_once(blobs: BlobStore) -> None:
    index, files = FakeIndex(), []
    for number in range(40):
        name, data = f"p{number}-1.0-py3-none-any.whl", random.Random(number).randbytes(number * 1000)
        index.add(name, data)
        files.append(entry(name, data=data, size=len(data)))
    files_told: list[ProjectFile] = []
    lock, bytes_told = threading.Lock(), [0]

    def count(change: int) -> None:
        with lock:
            bytes_told[0] += change

    download_all(files, transport=reaching(index), blobs=blobs, on_bytes=count, on_file=files_told.append)
    assert all(file.digest is not None and blobs.verify(file.digest) for file in files)
    assert sorted(file.filename for file in files_told) == sorted(file.filename for file in files)
    assert bytes_told == [sum(file.size or 0 for file in files)]


def test_nothing_to_download_is_no_problem(blobs: BlobStore) -> None:
    download_all([], transport=reaching(FakeIndex()), blobs=blobs)


def test_the_first_failure_stops_the_others(blobs: BlobStore) -> None:
    index, files = FakeIndex(), [entry("absent-1.0.tar.gz", size=10**9)]
    for number in range(200):
        name = f"p{number}-1.0-py3-none-any.whl"
        index.add(name, DATA)
        files.append(entry(name, digest=Digest.sha256(str(number).encode())))
    index.fault("/files/p", "stall", times=None, after=0)
    with pytest.raises(NotFound, match=r"absent-1\.0"):
        download_all(files, transport=reaching(index), blobs=blobs)
    assert len(index.requests) < 150
    assert stored_files(blobs) == []


def test_the_same_holds_over_a_socket(blobs: BlobStore) -> None:
    index = holding()
    index.fault("/files/", "reset")
    index.fault("/files/", "cut", after=200_000)
    with index.serve() as origin, Transport(sleep=lambda _: None) as transport:
        file = ProjectFile(filename=NAME, url=f"{origin}/files/{NAME}", hashes=(DIGEST,))
        download_all([file], transport=transport, blobs=blobs)
    assert blobs.verify(DIGEST)
    assert asked_ranges(index) == [None, None, "bytes=200000-"]


def test_a_file_of_unknown_hash_arrives_in_an_open_file_and_tells_its_hash() -> None:
    index, told, target = holding(), Told(), io.BytesIO()
    index.fault("/files/", "cut", after=100_000)
    digest = fetch_unknown(entry(digest=None), target, transport=reaching(index), on_bytes=told.append)
    assert (digest, target.getvalue(), sum(told)) == (DIGEST, DATA, len(DATA))
    assert asked_ranges(index) == [None, "bytes=100000-"]


def test_a_file_of_unknown_hash_that_must_start_again_leaves_nothing_of_the_first_try() -> None:
    index, target = holding(etag=False), io.BytesIO()
    index.fault("/files/", "cut", after=200_000)
    assert fetch_unknown(entry(digest=None), target, transport=reaching(index)) == DIGEST
    assert target.getvalue() == DATA


def test_a_file_of_unknown_hash_has_a_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MAX_FILE", 100_000)
    with pytest.raises(IntegrityError, match="larger than"):
        fetch_unknown(entry(digest=None), io.BytesIO(), transport=reaching(holding()))


def test_a_file_of_unknown_hash_that_isnt_there_is_told() -> None:
    with pytest.raises(NotFound):
        fetch_unknown(entry(digest=None), io.BytesIO(), transport=reaching(FakeIndex()))
