from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.cache.responses import ResponseStore, StoredAnswer
from bundler.digests import Digest

URL = "https://index.example/simple/x/"
ANSWER = StoredAnswer.of(url=URL, asked_at=1000.5, headers={"etag": '"a"', "content-type": "text/html"}, body=b"<html>")
COMPACT = b"\x00 compact\n"
WHEEL = Digest.sha256(b"a wheel")


@pytest.fixture
def store(tmp_path: Path) -> ResponseStore:
    return ResponseStore(tmp_path)


def only_file(tmp_path: Path) -> Path:
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    return path


def test_metadata_comes_back_by_the_wheels_digest(store: ResponseStore) -> None:
    store.store_metadata(WHEEL, b"Name: x\n")
    assert store.metadata(WHEEL) == b"Name: x\n"
    assert store.metadata(Digest.sha256(b"another")) is None
    store.drop_metadata(WHEEL)
    assert store.metadata(WHEEL) is None


def test_a_recipe_comes_back_by_the_artifacts_digest_and_the_rules_that_made_it(store: ResponseStore) -> None:
    store.store_recipe(WHEEL, b"recipe", by="1")
    assert store.recipe(WHEEL, by="1") == b"recipe"
    assert store.recipe(WHEEL, by="2") is None
    assert store.recipe(Digest.sha256(b"another"), by="1") is None
    store.store_recipe(WHEEL, b"better", by="2")
    assert (store.recipe(WHEEL, by="1"), store.recipe(WHEEL, by="2")) == (None, b"better")
    store.drop_recipe(WHEEL)
    assert store.recipe(WHEEL, by="2") is None


def test_every_flipped_byte_and_every_cut_of_a_recipe_counts_as_absent(store: ResponseStore, tmp_path: Path) -> None:
    store.store_recipe(WHEEL, b"recipe", by="1")
    path = only_file(tmp_path)
    whole = path.read_bytes()
    for at in range(len(whole)):
        for spoiled in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
            path.write_bytes(spoiled)
            assert store.recipe(WHEEL, by="1") in (None, b"recipe")


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
    store.store_compact_page(URL, "html", ANSWER.source, COMPACT)
    store.store_answer(URL, "html", ANSWER)
    store.store_metadata(WHEEL, b"")
    store.drop_answer(URL, "html")
    assert store.answer(URL, "html") is None
    assert store.problem is not None


def page_of(store: ResponseStore) -> bytes | None:
    page = store.compact_page(URL, "html", ANSWER.source)
    return None if page is None else bytes(page)


@pytest.fixture
def kept(store: ResponseStore) -> ResponseStore:
    store.store_compact_page(URL, "html", ANSWER.source, COMPACT)
    store.store_answer(URL, "html", ANSWER)
    return store


def test_an_answer_and_its_page_come_back_as_they_were(kept: ResponseStore) -> None:
    assert kept.answer(URL, "html") == ANSWER
    assert page_of(kept) == COMPACT
    assert kept.answer(URL, "json") is None
    assert kept.compact_page(URL + "y", "html", ANSWER.source) is None


def test_a_page_is_never_that_of_another_answer(kept: ResponseStore) -> None:
    assert kept.compact_page(URL, "html", Digest.sha256(b"another")) is None


def test_an_answer_is_renewed_without_its_page_and_both_can_be_dropped(kept: ResponseStore) -> None:
    renewed = replace(ANSWER, asked_at=2000.0, headers={"etag": '"a"', "age": "5"})
    kept.store_answer(URL, "html", renewed)
    assert kept.answer(URL, "html") == renewed
    assert page_of(kept) == COMPACT
    kept.drop_answer(URL, "html")
    kept.drop_answer(URL, "html")
    assert kept.answer(URL, "html") is None
    assert page_of(kept) is None
    assert kept.problem is None


def test_the_source_is_all_that_a_page_depends_on() -> None:
    def source(url: str = URL, body: bytes = b"x", **headers: str) -> Digest:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return StoredAnswer.of(url=url, asked_at=0, headers=named, body=body).source

    assert source() == source(date="now", etag='"b"')
    others = [
        source(),
        source(url=URL + "y"),
        source(body=b"y"),
        source(content_type="x"),
        source(content_encoding="x"),
    ]
    assert len(set(others)) == len(others)


def test_only_the_headers_that_matter_are_kept(store: ResponseStore, tmp_path: Path) -> None:
    store.store_answer(URL, "html", replace(ANSWER, headers={"set-cookie": "canary", "date": "now"}))
    stored = store.answer(URL, "html")
    assert stored is not None
    assert stored.headers == {"date": "now"}
    assert b"canary" not in only_file(tmp_path).read_bytes()


def test_the_answer_to_another_question_counts_as_absent(kept: ResponseStore, tmp_path: Path) -> None:
    other = URL + "y"
    kept.store_compact_page(other, "html", ANSWER.source, COMPACT)
    kept.store_answer(other, "html", ANSWER)
    for question in ("GET {} html", "page GET {} html"):
        mine, others = (
            tmp_path / "pages" / Digest.sha256(question.format(url).encode()).hexdigest for url in (URL, other)
        )
        others.write_bytes(mine.read_bytes())
    assert kept.answer(other, "html") is None
    assert kept.compact_page(other, "html", ANSWER.source) is None


def test_an_answer_with_its_body_as_bundler_once_kept_it_counts_as_absent(store: ResponseStore, tmp_path: Path) -> None:
    store.store_answer(URL, "html", ANSWER)
    head = {"question": f"GET {URL} html", "url": URL, "asked_at": 1000.5, "headers": {}}
    head["sha256"] = Digest.sha256(b"<html>").hexdigest
    only_file(tmp_path).write_bytes(json.dumps(head).encode() + b"\n<html>")
    assert store.answer(URL, "html") is None


def test_every_flipped_byte_and_every_cut_of_an_answer_or_a_page_counts_as_absent(
    kept: ResponseStore, tmp_path: Path
) -> None:
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        whole = path.read_bytes()
        for at in range(len(whole)):
            for spoiled in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
                path.write_bytes(spoiled)
                assert kept.answer(URL, "html") in (None, ANSWER)
                assert page_of(kept) in (None, COMPACT)
        path.write_bytes(whole)
    assert (kept.answer(URL, "html"), page_of(kept)) == (ANSWER, COMPACT)


def test_an_answer_of_another_schema_counts_as_absent(kept: ResponseStore, tmp_path: Path) -> None:
    answer = {"url": URL, "asked_at": 1, "headers": {}, "source": "sha256:" + "0" * 64}
    question = f"GET {URL} html"
    place = tmp_path / "pages" / Digest.sha256(question.encode()).hexdigest
    others: tuple[object, ...] = ({**answer, "source": "none"}, {**answer, "more": 1}, [], {**answer, "headers": []})
    for other in others:
        body = json.dumps(other).encode()
        head = {"question": question, "sha256": Digest.sha256(body).hexdigest}
        place.write_bytes(json.dumps(head).encode() + b"\n" + body)
        assert kept.answer(URL, "html") is None
