from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from bundler.cache.store import KINDS, open_store
from bundler.digests import Digest


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary stand-ins are made, so that a test can see what stays."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_the_default_place_is_made_in_a_home_that_exists(home: Path) -> None:
    default = home / ".cache" / "bundler"
    with open_store(None, default=default) as store:
        assert (store.root, store.temporary, store.notice) == (default, False, None)
    tag = default / "v1" / "CACHEDIR.TAG"
    assert tag.read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    assert default.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in default.iterdir()) == ["v1"]
    assert sorted(path.name for path in (default / "v1").iterdir()) == ["CACHEDIR.TAG", *sorted(KINDS)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_cache_with_something_else_in_the_place_of_a_kind_isnt_used(home: Path, kind: str) -> None:
    (home / "cache" / "v1").mkdir(parents=True)
    (home / "cache" / "v1" / kind).write_text("in the way")
    with open_store(home / "cache", default=home) as store:
        assert store.temporary
        assert store.notice is not None


def test_nobodys_home_is_ever_made(tmp_path: Path, temporary: Path) -> None:
    with open_store(None, default=tmp_path / "nobody" / ".cache" / "bundler") as store:
        assert store.temporary
        assert store.notice is not None
        assert "\n" not in store.notice
        assert f"there is no {tmp_path / 'nobody'}" in store.notice
        assert store.root.parent == temporary
    assert not (tmp_path / "nobody").exists()
    assert list(temporary.iterdir()) == []


def test_a_named_place_is_made_with_its_parents(tmp_path: Path) -> None:
    with open_store(tmp_path / "a" / "b" / "c" / "d", default=tmp_path) as store:
        assert not store.temporary
    assert (tmp_path / "a" / "b" / "c" / "d" / "v1" / "CACHEDIR.TAG").exists()


def test_without_a_cache_nothing_stays(home: Path, temporary: Path) -> None:
    with open_store(home / "cache", default=home, no_cache=True) as store:
        assert store.notice is None
        with store.blobs.receive(Digest.sha256(b"x"), subject="x") as writer:
            writer.write(b"x")
    assert list(home.iterdir()) == []
    assert list(temporary.iterdir()) == []


def test_a_cache_of_another_user_isnt_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    (home / "cache").mkdir()
    with open_store(home / "cache", default=home) as store:
        assert store.temporary
        assert store.notice is not None
        assert "another user" in store.notice
    assert list((home / "cache").iterdir()) == []


def test_root_leaves_nothing_in_a_users_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with open_store(None, default=home / ".cache" / "bundler") as store:
        assert store.temporary
        assert store.notice is not None
        assert f"{home} belongs to another user" in store.notice
    assert list(home.iterdir()) == []


def test_a_cache_that_anybody_may_write_to_isnt_used(home: Path) -> None:
    (home / "cache").mkdir()
    (home / "cache").chmod(0o777)
    with open_store(home / "cache", default=home) as store:
        assert store.temporary
        assert store.notice is not None
        assert "everybody may write" in store.notice


def test_a_file_in_its_place_fails_nothing(home: Path) -> None:
    (home / "cache").write_text("mine")
    with open_store(home / "cache", default=home) as store:
        assert store.temporary
        assert store.notice is not None
        assert "isn't a directory" in store.notice
    assert (home / "cache").read_text() == "mine"


def test_a_read_only_cache_fails_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *args: object, **kwargs: object) -> None:
        raise OSError(30, "Read-only file system", str(self))

    (home / "cache").mkdir()
    monkeypatch.setattr(Path, "touch", refuse)
    with open_store(home / "cache", default=home) as store:
        assert store.temporary
        assert store.notice is not None
        assert "read-only file system" in store.notice


def test_info_counts_each_kind(home: Path) -> None:
    with open_store(home / "cache", default=home) as store:
        assert [(kind.kind, kind.files, kind.bytes, kind.oldest) for kind in store.info()] == [
            (kind, 0, 0, None) for kind in KINDS
        ]
        for data in (b"one", b"three"):
            with store.blobs.receive(Digest.sha256(data), subject="x") as writer:
                writer.write(data)
        os.utime(store.blobs.path(Digest.sha256(b"one")), (1000, 1000))
        store.responses.store_metadata(Digest.sha256(b"one"), b"Name: x")
        blobs, pages, metadata, *_ = store.info()
    assert (blobs.files, blobs.bytes, blobs.oldest, pages.files, metadata.files) == (2, 8, 1000.0, 0, 1)
    assert blobs.newest is not None
    assert blobs.newest > 1000
