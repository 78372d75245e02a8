from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bundler.errors import BundlerError, NotFound, Refused
from bundler.index.local import open_regular, opened, path_of
from tests.support.fake_index import JSON_TYPE

posix_only = pytest.mark.skipif(os.name == "nt", reason="POSIX paths")


def body(url: str, **headers: str) -> bytes:
    with opened(url, headers) as answer:
        return b"".join(answer.chunks())


@posix_only
@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///srv/a", "/srv/a"),
        ("file://localhost/srv/a", "/srv/a"),
        ("file:///srv/my%20dir/100%25/a", "/srv/my dir/100%/a"),
        ("file:///srv/100%2525/a", "/srv/100%25/a"),
        ("file:///srv/%2e%2e/a%23b%3Fc", "/srv/../a#b?c"),
        ("file:///srv/%FF", os.fsdecode(b"/srv/\xff")),
    ],
)
def test_a_url_is_decoded_once(url: str, path: str) -> None:
    assert str(path_of(url)) == path


@pytest.mark.parametrize("url", ["file://other.example/a", "file://u:p@localhost/a", "file:a", "file:///a%00b"])
def test_a_url_that_names_no_file_here_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        path_of(url)


@posix_only
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_every_path_comes_back_from_its_url(text: str) -> None:
    path = Path("/srv") / text.lstrip("/")
    assert path_of(path.as_uri()) == path


@given(st.text())
@example("/%00")
@example("[")
@example("/%ff%/..//\n")
def test_no_url_does_more_than_be_refused(text: str) -> None:
    with suppress(BundlerError), opened(f"file://{text}", {}) as answer:
        assert answer.size >= 0


def test_a_page_is_its_json_or_else_its_html(tmp_path: Path) -> None:
    project = tmp_path / "x"
    project.mkdir()
    (project / "index.html").write_bytes(b"<html>")
    with opened(f"{project.as_uri()}/", {}) as answer:
        assert answer.headers["content-type"] == "application/vnd.pypi.simple.v1+html"
    (project / "index.json").write_bytes(b"{}")
    with opened(f"{project.as_uri()}/", {}) as answer:
        assert (answer.headers["content-type"], b"".join(answer.chunks())) == (JSON_TYPE, b"{}")


def test_a_directory_without_a_page_isnt_an_absent_project(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="neither"):
        body(f"{tmp_path.as_uri()}/")
    with pytest.raises(NotFound):
        body(f"{tmp_path.as_uri()}/absent/")
    with pytest.raises(NotFound):
        body(f"{tmp_path.as_uri()}/absent")


@pytest.mark.parametrize("header", ["bytes=0-3", "bytes=5-", "bytes=-4", "bytes=-99", "bytes=3-3", "bytes=8-99"])
def test_a_range_is_cut_out(tmp_path: Path, header: str) -> None:
    data = bytes(range(10))
    (tmp_path / "f").write_bytes(data)
    first, last = header.removeprefix("bytes=").split("-")
    expected = data[int(first) : int(last or 99) + 1] if first else data[-min(10, int(last)) :]
    with opened((tmp_path / "f").as_uri(), {"range": header}) as answer:
        assert (answer.status, b"".join(answer.chunks())) == (206, expected)
        assert answer.headers["content-range"].endswith("/10")


@pytest.mark.parametrize(("header", "status"), [("bytes=10-", 416), ("bytes=4-3", 416), ("bytes=-", 200), ("x", 200)])
def test_a_range_that_cant_be_had_or_read_isnt_a_part(tmp_path: Path, header: str, status: int) -> None:
    (tmp_path / "f").write_bytes(bytes(10))
    with opened((tmp_path / "f").as_uri(), {"range": header}) as answer:
        assert answer.status == status


def test_a_changed_file_has_another_etag(tmp_path: Path) -> None:
    def etag() -> str:
        with opened((tmp_path / "f").as_uri(), {}) as answer:
            return answer.headers["etag"]

    (tmp_path / "f").write_bytes(b"1")
    before = etag()
    assert etag() == before
    (tmp_path / "f").write_bytes(b"12")
    assert etag() != before


@posix_only
def test_only_regular_files_are_read_and_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"1")
    (tmp_path / "link").symlink_to("f")
    (tmp_path / "dangling").symlink_to("absent")
    (tmp_path / "around").symlink_to("around")
    os.mkfifo(tmp_path / "pipe")
    assert body((tmp_path / "link").as_uri()) == b"1"
    with pytest.raises(NotFound):
        body((tmp_path / "dangling").as_uri())
    for name in ("pipe", "around", "", quote("a" * 300)):
        with pytest.raises(Refused):
            body(f"{tmp_path.as_uri()}/{name}".rstrip("/"))


def test_what_is_closed_to_us_isnt_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", closed)
    with pytest.raises(Refused, match="can't be read"):
        body(f"{tmp_path.as_uri()}/x/")


def test_a_file_that_shrinks_meanwhile_ends_early(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(bytes(1 << 20))
    with opened(path.as_uri(), {}) as answer:
        path.write_bytes(b"")
        assert len(b"".join(answer.chunks())) < answer.size


def test_what_is_opened_comes_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"123")
    stream, found = open_regular(tmp_path / "f")
    with stream:
        assert (stream.read(), found.st_size) == (b"123", 3)
