from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.digests import Digest
from bundler.errors import Refused, UnusableFile
from bundler.simple.compact import page_of
from bundler.simple.json import read_listing, write_page
from bundler.simple.model import ProjectFile, ProjectPage
from tests.simple.pages import URL, pages, project_files

SHA = "0" * 64
WHEEL = "demo-1.0-py3-none-any.whl"
FILE: dict[str, Any] = {"filename": WHEEL, "url": f"../../files/{WHEEL}", "hashes": {"sha256": SHA}}


def page(*files: object, **changes: object) -> ProjectPage:
    body = {"meta": {"api-version": "1.1"}, "name": "Demo", "files": list(files), **changes}
    return page_of(read_listing(json.dumps(body).encode(), url=URL, name="demo"))


def read(**changes: object) -> ProjectFile:
    return page({**FILE, **changes}).read(0)


@given(pages(project_files(size=st.none() | st.integers(0, 2**62))))
def test_reading_what_was_written_gives_the_same_page(original: ProjectPage) -> None:
    again = page_of(read_listing(write_page(original), url=URL, name="demo"))
    assert again == original
    assert list(again.files()) == list(original.files())


def test_a_bare_entry_needs_only_name_url_and_hashes() -> None:
    assert read() == ProjectFile(
        filename=WHEEL, url=f"https://index.example/files/{WHEEL}", hashes=(Digest("sha256", SHA),)
    )


@pytest.mark.parametrize(
    ("stated", "known", "digest"),
    [
        ({"core-metadata": True}, True, None),
        ({"core-metadata": False}, False, None),
        ({"core-metadata": {"sha256": SHA}}, True, Digest("sha256", SHA)),
        ({"core-metadata": {"md5": "0" * 32}}, True, None),
        ({"dist-info-metadata": {"sha256": SHA}}, True, Digest("sha256", SHA)),
        ({"core-metadata": False, "dist-info-metadata": True}, False, None),
        ({"data-dist-info-metadata": True}, False, None),
        ({}, False, None),
    ],
)
def test_core_metadata_in_every_form(stated: dict[str, object], known: bool, digest: Digest | None) -> None:
    file = read(**stated)
    assert (file.has_metadata, file.metadata_digest) == (known, digest)


@pytest.mark.parametrize(("stated", "yanked"), [(True, ""), (False, None), ("broken", "broken"), ("", None)])
def test_yanked_in_every_form(stated: object, yanked: str | None) -> None:
    assert read(yanked=stated).yanked == yanked


def test_unknown_digests_and_keys_are_passed_over() -> None:
    file = read(hashes={"blake2b_256": "ff", "sha256": "short", "md5": "0" * 32}, provenance=None, other={"a": [1]})
    assert file.hashes == (Digest("md5", "0" * 32),)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": 1},
        {"hashes": None},
        {"hashes": ["sha256"]},
        {"hashes": {"sha256": 1}},
        {"size": "12"},
        {"size": -1},
        {"requires-python": 3.9},
        {"yanked": 1},
        {"core-metadata": "true"},
        {"upload-time": 5},
        {"url": "file:///etc/passwd"},
        {"url": "javascript:alert(1)"},
        {"url": "data:,x"},
        {"url": "http:///no-host"},
        {"url": "https://[broken/x"},
        {"url": "https://files.example:port/x"},
        {"url": "https://files.example/a b"},
        {"filename": "../evil.whl"},
        {"filename": ".hidden"},
        {"filename": 5},
        {"filename": None},
    ],
)
def test_a_broken_entry_is_unusable_and_the_others_go_on(changes: dict[str, object]) -> None:
    whole = page({**FILE, **changes}, FILE)
    with pytest.raises(UnusableFile):
        whole.read(0)
    assert whole.read(1).filename == WHEEL


@pytest.mark.parametrize("entry", [None, 5, "x", [], {}, {"filename": WHEEL}])
def test_an_entry_that_is_none_is_unusable_and_the_others_go_on(entry: object) -> None:
    whole = page(entry, FILE)
    with pytest.raises(UnusableFile):
        whole.read(0)
    assert whole.filenames[1] == WHEEL


def test_a_file_link_is_allowed_on_a_page_that_is_a_file() -> None:
    body = json.dumps({"meta": {"api-version": "1.0"}, "name": "demo", "files": [FILE]}).encode()
    file = page_of(read_listing(body, url="file:///srv/simple/demo/index.json", name="demo")).read(0)
    assert file.url == f"file:///srv/files/{WHEEL}"


def test_the_status_is_read() -> None:
    whole = page(**{"project-status": {"status": "quarantined", "reason": "malware"}})
    assert (whole.status, whole.status_reason) == ("quarantined", "malware")
    assert page(**{"project-status": {"status": "odd"}}).status == "active"


@pytest.mark.parametrize(
    "changes",
    [
        {"meta": {"api-version": "2.0"}},
        {"meta": {"api-version": "1"}},
        {"meta": {"api-version": 1.0}},
        {"meta": {}},
        {"meta": None},
        {"name": "other"},
        {"name": 5},
        {"files": {}},
        {"files": None},
        {"project-status": "archived"},
    ],
)
def test_a_page_that_breaks_a_rule_is_refused_with_its_url(changes: dict[str, object]) -> None:
    with pytest.raises(Refused, match=r"^https://index\.example/simple/demo/: "):
        page(FILE, **changes)


@pytest.mark.parametrize(
    "body",
    [b"", b"<!DOCTYPE html><html>log in first</html>", b"[]", b"\xff\xfe", b'{"files":' + b"[" * 100_000, b"{} {}"],
    ids=["empty", "HTML", "a list", "no text", "deep", "two"],
)
def test_what_is_not_json_is_refused_with_its_url(body: bytes) -> None:
    with pytest.raises(Refused, match=r"^https://index\.example/simple/demo/: not a project page"):
        read_listing(body, url=URL, name="demo")


def test_deep_nesting_in_an_entry_is_refused() -> None:
    body = b'{"meta":{"api-version":"1.0"},"name":"demo","files":[' + b'{"x":' * 50_000 + b"1" + b"}" * 50_000 + b"]}"
    with pytest.raises(Refused, match="not a project page"):
        read_listing(body, url=URL, name="demo")


@pytest.mark.parametrize(("size", "version"), [(5, "1.4"), (None, "1.0")])
def test_the_version_written_is_one_whose_rules_are_kept(size: int | None, version: str) -> None:
    written = json.loads(write_page(page({**FILE, "size": size}, {**FILE, "filename": "notes.txt", "size": 1})))
    assert written["meta"] == {"api-version": version}
    assert written["versions"] == ["1.0"]
