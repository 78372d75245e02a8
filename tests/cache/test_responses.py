from __future__ import annotations

import json
from pathlib import Path

import pytest

from bundler.cache.responses import ResponseStore, StoredResponse
from bundler.digests import Digest

URL = "https://index.example/simple/x/"
PAGE = StoredResponse(
    url=URL, asked_at=1000.5, headers={"etag": '"a"', "content-type": "text/html"}, body=b"<html>\n\x00 body"
)
WHEEL = Digest.sha256(b"a wheel")


@pytest.fixture
def store(tmp_path: Path) -> ResponseStore:
    return ResponseStore(tmp_path)


def only_file(tmp_path: Path) -> Path:
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    return path


def test_a_page_comes_back_as_it_was(store: ResponseStore) -> None:
    store.store_page(URL, "html", PAGE)
    assert store.page(URL, "html") == PAGE
    assert store.page(URL, "json") is None
    assert store.page(URL + "y", "html") is None


def test_a_page_replaces_a_former_one_and_can_be_dropped(store: ResponseStore) -> None:
    store.store_page(URL, "html", PAGE)
    newer = StoredResponse(url=URL, asked_at=2000.0, headers={}, body=b"newer")
    store.store_page(URL, "html", newer)
    assert store.page(URL, "html") == newer
    store.drop_page(URL, "html")
    store.drop_page(URL, "html")
    assert store.page(URL, "html") is None
    assert store.problem is None


def test_only_the_headers_that_matter_are_kept(store: ResponseStore, tmp_path: Path) -> None:
    store.store_page(URL, "html", StoredResponse(url=URL, asked_at=0, headers={"set-cookie": "canary"}, body=b""))
    assert b"canary" not in only_file(tmp_path).read_bytes()


def test_metadata_comes_back_by_the_wheels_digest(store: ResponseStore) -> None:
    store.store_metadata(WHEEL, b"Name: x\n")
    assert store.metadata(WHEEL) == b"Name: x\n"
    assert store.metadata(Digest.sha256(b"another")) is None
    store.drop_metadata(WHEEL)
    assert store.metadata(WHEEL) is None


def test_every_flipped_byte_and_every_cut_counts_as_absent_or_changes_nothing(
    store: ResponseStore, tmp_path: Path
) -> None:
    store.store_metadata(WHEEL, b"Name: x\n")
    path = only_file(tmp_path)
    whole = path.read_bytes()
    for at in range(len(whole)):
        for spoiled in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
            path.write_bytes(spoiled)
            assert store.metadata(WHEEL) in (None, b"Name: x\n")
    store.store_metadata(WHEEL, b"Name: x\n")
    assert store.metadata(WHEEL) == b"Name: x\n"


def test_a_flipped_body_counts_as_absent(store: ResponseStore, tmp_path: Path) -> None:
    store.store_page(URL, "html", PAGE)
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    assert store.page(URL, "html") is None


def test_the_answer_to_another_question_counts_as_absent(store: ResponseStore, tmp_path: Path) -> None:
    store.store_page(URL, "html", PAGE)
    swapped = only_file(tmp_path).read_bytes()
    store.drop_page(URL, "html")
    store.store_page("https://index.example/simple/y/", "html", PAGE)
    only_file(tmp_path).write_bytes(swapped)
    assert store.page("https://index.example/simple/y/", "html") is None


def test_another_schema_counts_as_absent(store: ResponseStore, tmp_path: Path) -> None:
    store.store_metadata(WHEEL, b"Name: x\n")
    path = only_file(tmp_path)
    line, body = path.read_bytes().split(b"\n", 1)
    heads: tuple[object, ...] = ({**json.loads(line), "schema": 2}, {"sha256": 5}, [], {})
    for head in heads:
        path.write_bytes(json.dumps(head).encode() + b"\n" + body)
        assert store.metadata(WHEEL) is None


def test_a_link_counts_as_absent(store: ResponseStore, tmp_path: Path) -> None:
    store.store_metadata(WHEEL, b"Name: x\n")
    path = only_file(tmp_path)
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    assert store.metadata(WHEEL) is None


def test_a_cache_that_cant_be_written_fails_nothing_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = ResponseStore(tmp_path / "file")
    store.store_page(URL, "html", PAGE)
    store.store_metadata(WHEEL, b"")
    store.drop_page(URL, "html")
    assert store.page(URL, "html") is None
    assert store.problem is not None
