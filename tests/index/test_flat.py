from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.digests import Digest
from bundler.distributions import check_filename
from bundler.errors import IntegrityError, UnusableFile, UsageError
from bundler.index.flat import FlatPlace, merged, with_local_digests
from bundler.resolution.candidates import releases_of
from bundler.simple.model import ProjectFile, ProjectPage
from bundler.simple.versions import versions_of

WHEEL = "x-1.0-py3-none-any.whl"
ONE, TWO = Digest.sha256(b"1"), Digest.sha256(b"2")


def page(*files: ProjectFile, url: str = "https://index.example/simple/x/") -> ProjectPage:
    return ProjectPage(name="x", url=url, filenames=tuple(f.filename for f in files), read=files.__getitem__)


def entry(filename: str = WHEEL, digest: Digest | None = None, host: str = "index.example") -> ProjectFile:
    return ProjectFile(filename=filename, url=f"https://{host}/{filename}", hashes=() if digest is None else (digest,))


def place(*files: ProjectFile, url: str = "https://flat.example/") -> FlatPlace:
    return FlatPlace.of_page(page(*files, url=url))


def test_a_directory_has_its_own_distributions_and_no_others(tmp_path: Path) -> None:
    names = ["x-1.0-py3-none-any.whl", "x-0.9.tar.gz", "Y_y-1.0.zip", "x-1.0.egg", "README", "x-zzz.tar.gz"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "x-2.0.tar.gz").write_bytes(b"")
    (tmp_path / "x-3.0.tar.gz").mkdir()
    flat = FlatPlace.of_directory(tmp_path.as_uri())
    assert list(flat.files("x")) == ["x-0.9.tar.gz", "x-1.0-py3-none-any.whl"]
    assert list(flat.files("y-y")) == ["Y_y-1.0.zip"]
    assert flat.files("readme") == {}


@pytest.mark.skipif(os.name == "nt", reason="names that Windows doesn't hold")
def test_hostile_names_in_a_directory_are_no_files(tmp_path: Path) -> None:
    hostile = [
        "x-1.0-py3-none-any.whl\n",
        "-x-1.0.tar.gz",
        ".x-1.0.tar.gz",
        "x\\..\\..\\y-1.0.tar.gz",
        "x-1.0%2Fy.tar.gz",
        "x-1.0;rm.tar.gz",
        "ⅹ-1.0.tar.gz",
        "nul.tar.gz",
    ]
    for name in hostile:
        (tmp_path / name).write_bytes(b"")
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/x-1.\xff.tar.gz"))).write_bytes(b"")
    flat = FlatPlace.of_directory(tmp_path.as_uri())
    assert all(flat.files(name) == {} for name in ("x", "y", "nul", ""))


@given(st.lists(st.text(min_size=1)))
def test_only_safe_names_come_through(names: list[str]) -> None:
    flat = FlatPlace("file:///x/", [(name, entry) for name in [*names, *(f"{name}-1.0.tar.gz" for name in names)]])
    for project in names:
        assert all(check_filename(name) for name in flat.files(project.lower()))


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_links_to_regular_files_are_followed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"1")
    (tmp_path / "x-1.0.tar.gz").symlink_to("real")
    (tmp_path / "x-2.0.tar.gz").symlink_to("absent")
    os.mkfifo(tmp_path / "x-3.0.tar.gz")
    flat = FlatPlace.of_directory(tmp_path.as_uri())
    assert list(flat.files("x")) == ["x-1.0.tar.gz"]
    assert flat.files("x")["x-1.0.tar.gz"]().digest == ONE


def test_a_file_is_hashed_when_its_entry_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a dir" / "x-1.0+local.1.tar.gz"
    path.parent.mkdir()
    path.write_bytes(b"1")
    read = FlatPlace.of_directory(path.parent.as_uri()).files("x")[path.name]
    path.write_bytes(b"22")
    file = read()
    assert (file.filename, file.url, file.size) == (path.name, path.as_uri(), 2)
    assert file.digest == Digest("sha256", hashlib.sha256(b"22").hexdigest())
    path.unlink()
    assert read() is file


def test_a_file_that_is_gone_meanwhile_is_unusable(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(b"1")
    read = FlatPlace.of_directory(tmp_path.as_uri()).files("x")[WHEEL]
    (tmp_path / WHEEL).unlink()
    with pytest.raises(UnusableFile, match=f"^{WHEEL}"):
        read()


@pytest.mark.parametrize("name", ["absent", "file"])
def test_a_directory_that_isnt_one_is_a_mistake(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="named as find-links"):
        FlatPlace.of_directory((tmp_path / name).as_uri())


def test_nobody_has_what_nobody_has() -> None:
    assert merged("x", None, [place()]) is None
    owner = page(entry())
    assert merged("x", owner, [place(entry("y-1.0.tar.gz"))]) is owner


def test_a_page_keeps_its_order_and_status_and_gets_more_files() -> None:
    owner = page(entry("x-2.0.tar.gz"), entry(WHEEL))
    both = merged("x", owner, [place(entry(WHEEL, ONE), entry("x-3.0.tar.gz"))])
    assert both is not None
    assert both.filenames == ("x-2.0.tar.gz", WHEEL, "x-3.0.tar.gz")
    assert [file.filename for file in both.files()] == list(both.filenames)
    assert both.url == owner.url


@pytest.mark.parametrize(
    ("local", "owned", "taken"),
    [
        (ONE, ONE, "flat.example"),
        (ONE, None, "flat.example"),
        (None, ONE, "index.example"),
        (None, None, "flat.example"),
    ],
)
def test_one_file_in_two_places_is_taken_from_the_first_that_states_a_hash(
    local: Digest | None, owned: Digest | None, taken: str
) -> None:
    both = merged("x", page(entry(digest=owned)), [place(entry(digest=local, host="flat.example"))])
    assert both is not None
    assert both.read(0).url == f"https://{taken}/{WHEEL}"


def test_two_files_of_one_name_are_refused_with_both_places() -> None:
    both = merged("x", page(entry(digest=ONE)), [place(entry(digest=TWO))])
    assert both is not None
    with pytest.raises(IntegrityError) as caught:
        both.read(0)
    assert "https://flat.example/" in caught.value.message
    assert "https://index.example/simple/x/" in caught.value.message
    places = [place(entry(digest=ONE), url="https://a.example/"), place(entry(digest=TWO), url="https://b.example/")]
    alone = merged("x", None, places)
    assert alone is not None
    with pytest.raises(IntegrityError, match=r"https://a\.example/.*https://b\.example/"):
        alone.read(0)


def test_pages_of_one_place_have_urls_of_their_own() -> None:
    flat = place(entry(), entry("y-1.0.tar.gz"))
    urls = {found.url for name in ("x", "y") if (found := merged(name, None, [flat])) is not None}
    assert len(urls) == 2


def test_only_local_files_without_a_hash_are_hashed(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(b"1")
    local = ProjectFile(filename=WHEEL, url=(tmp_path / WHEEL).as_uri())
    stated = ProjectFile(filename=WHEEL, url=local.url, hashes=(TWO,))
    elsewhere = ProjectFile(filename=WHEEL, url=f"file://other.example/{WHEEL}")
    with pytest.raises(UnusableFile, match=f"^{WHEEL}"):
        with_local_digests(page(elsewhere)).read(0)
    digests = [file.digest for file in with_local_digests(page(local, stated, entry())).files()]
    assert digests == [ONE, TWO, None]


def test_the_versions_of_a_merged_page_are_those_of_all_its_files() -> None:
    owner = replace(page(entry(), entry("x-2.0.tar.gz")), versions=versions_of([WHEEL, "x-2.0.tar.gz"]))
    both = merged("x", owner, [place(entry("x-3.0.tar.gz"), entry("x-1.0.tar.gz"))])
    assert both is not None
    found = [(str(release.version), [both.filenames[at] for at in release.entries]) for release in releases_of(both)]
    assert found == [("3.0", ["x-3.0.tar.gz"]), ("2.0", ["x-2.0.tar.gz"]), ("1.0", [WHEEL, "x-1.0.tar.gz"])]
    assert [str(release.version) for release in releases_of(owner)] == ["2.0", "1.0"]
