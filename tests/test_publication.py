from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bundler.errors import EnvironmentProblem
from bundler.publication import is_temporary, publish_directory, publish_file, temporary_sibling


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_appears_when_its_block_ends(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "app.tar.zst"
    with publish_file(path, durable=durable) as stream:
        stream.write(b"whole")
        stream.flush()
        assert not path.exists()
    assert contents(tmp_path) == {"app.tar.zst": b"whole"}


def test_a_former_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "app.tar.zst"
    path.write_bytes(b"old")
    with publish_file(path) as stream:
        stream.write(b"new")
        assert path.read_bytes() == b"old"
    assert contents(tmp_path) == {"app.tar.zst": b"new"}


def write_half(path: Path, error: type[BaseException]) -> None:
    with publish_file(path) as stream:
        stream.write(b"half")
        raise error


def fill_half(path: Path, error: type[BaseException], *, replace: bool) -> None:
    with publish_directory(path, replace=replace) as temporary:
        (temporary / "new").write_bytes(b"half")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failed_block_leaves_the_former_file_and_no_litter(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "app.tar.zst"
    path.write_bytes(b"old")
    with pytest.raises(error):
        write_half(path, error)
    assert contents(tmp_path) == {"app.tar.zst": b"old"}


def test_a_new_file_follows_the_umask(tmp_path: Path) -> None:
    former = os.umask(0o027)
    try:
        with publish_file(tmp_path / "app.tar.zst") as stream:
            stream.write(b"")
    finally:
        os.umask(former)
    assert stat.S_IMODE((tmp_path / "app.tar.zst").stat().st_mode) == 0o640


def test_a_file_in_a_directory_that_is_not_there_is_a_problem_of_the_machine(tmp_path: Path) -> None:
    path = tmp_path / "no" / "app.tar.zst"
    with pytest.raises(EnvironmentProblem, match=r"can't write .*: no such file or directory"), publish_file(path):
        pass


def test_a_full_disk_leaves_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnvironmentProblem, match="no space left"), publish_file(tmp_path / "app.tar.zst") as stream:
        stream.write(b"half")
    assert contents(tmp_path) == {}


def test_what_is_durable_is_synced_before_the_name_appears_and_the_directory_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "app.tar.zst", []
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(path.exists()))
    with publish_file(path):
        pass
    assert seen == [False, True]
    with publish_file(path, durable=False):
        pass
    assert len(seen) == 2


def test_temporary_names_are_recognized_and_never_the_same(tmp_path: Path) -> None:
    first, second = temporary_sibling(tmp_path / "a"), temporary_sibling(tmp_path / "a")
    assert first != second
    assert first.parent == tmp_path
    assert is_temporary(first.name)


@pytest.mark.parametrize("empty", [True, False])
def test_a_directory_appears_when_its_block_ends(tmp_path: Path, empty: bool) -> None:
    path = tmp_path / "wheelhouse"
    if empty:
        path.mkdir()
    with publish_directory(path) as temporary:
        (temporary / "a").write_bytes(b"whole")
        assert temporary.parent == tmp_path
        assert not (path / "a").exists()
    assert contents(path) == {"a": b"whole"}
    assert os.listdir(tmp_path) == ["wheelhouse"]


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_block_leaves_the_former_directory(tmp_path: Path, replace: bool, error: type[BaseException]) -> None:
    path = tmp_path / "wheelhouse"
    path.mkdir()
    (path / "old").write_bytes(b"old")
    with pytest.raises(error):
        fill_half(path, error, replace=replace)
    assert contents(path) == {"old": b"old"}
    assert os.listdir(tmp_path) == ["wheelhouse"]


def test_a_full_directory_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "wheelhouse"
    path.mkdir()
    (path / "old").write_bytes(b"old")
    with pytest.raises(EnvironmentProblem, match="not empty"), publish_directory(path) as temporary:
        (temporary / "new").write_bytes(b"new")
    assert contents(path) == {"old": b"old"}
    with publish_directory(path, replace=True) as temporary:
        (temporary / "new").write_bytes(b"new")
    assert contents(path) == {"new": b"new"}
    assert os.listdir(tmp_path) == ["wheelhouse"]


@pytest.mark.parametrize("replace", [True, False])
def test_a_file_or_a_link_is_never_replaced_by_a_directory(tmp_path: Path, replace: bool) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_bytes(b"kept")
    for name in ("link", "file"):
        with pytest.raises(EnvironmentProblem), publish_directory(tmp_path / name, replace=replace):
            pass
    assert sorted(os.listdir(tmp_path)) == ["file", "link", "real"]
    assert (tmp_path / "file").read_bytes() == b"kept"


def test_the_former_directory_comes_back_when_the_new_one_can_not_be_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wheelhouse"
    path.mkdir()
    (path / "old").write_bytes(b"old")
    rename, calls = os.rename, []

    def interrupted(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), publish_directory(path, replace=True):
        pass
    assert contents(path) == {"old": b"old"}
    assert os.listdir(tmp_path) == ["wheelhouse"]


@pytest.mark.parametrize("replace", [False, True])
def test_the_working_directory_stays_and_is_filled_file_by_file(
    replace: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "here"
    path.mkdir(mode=0o750)
    inode = path.stat().st_ino
    if replace:
        (path / "former").write_bytes(b"old")
        (path / "both").write_bytes(b"old")
    monkeypatch.chdir(path)
    with publish_directory(path, replace=replace, last="both") as temporary:
        assert temporary.parent == path
        (temporary / "both").write_bytes(b"new")
        (temporary / "new").write_bytes(b"new")
    assert contents(Path()) == {"both": b"new", "new": b"new"}
    assert (path.stat().st_ino, stat.S_IMODE(path.stat().st_mode)) == (inode, 0o750)


def test_a_directory_that_stays_is_as_it_was_when_the_block_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fill_half(tmp_path, KeyboardInterrupt, replace=False)
    assert contents(tmp_path) == {}
