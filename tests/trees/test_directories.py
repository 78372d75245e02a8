from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from bundler.errors import EnvironmentProblem, Unavailable, UnusableFile
from bundler.trees.directories import directory_tree
from bundler.trees.model import TreeFile, TreeLink
from tests.trees.making import GitRepository, git, write_files

SOURCES = {"pyproject.toml": b"p", "src/demo/__init__.py": b"1", "src/build/x.py": b"2", "dist.py": b"3"}
PRODUCTS = {
    "__pycache__/a.cpython-311.pyc": b"",
    "src/demo/b.pyc": b"",
    "build/lib/demo.py": b"",
    "dist/demo-1.0.tar.gz": b"",
    "src/demo.egg-info/PKG-INFO": b"",
    ".venv/x": b"",
    "env/pyvenv.cfg": b"",
    "env/lib/x.py": b"",
    ".tox/x": b"",
}


def names(root: Path) -> set[str]:
    return set(directory_tree(root))


def test_a_plain_directory_is_taken_without_what_tools_made(tmp_path: Path) -> None:
    write_files(tmp_path, SOURCES | PRODUCTS | {".git-not/x": b"", ".hg/x": b""})
    assert names(tmp_path) == {*SOURCES, ".git-not/x"}


def test_a_work_tree_is_taken_as_it_stands(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "r", SOURCES | {".gitignore": b"*.log\n/out/\n", "gone.py": b"", "é.py": b""})
    write_files(repository.root, PRODUCTS | {"a.log": b"", "out/x": b"", "new.py": b"4", "dist.py": b"changed"})
    (repository.root / "gone.py").unlink()
    tree = directory_tree(repository.root)
    assert set(tree) == {*SOURCES, ".gitignore", "new.py", "é.py"}
    changed = tree["dist.py"]
    assert isinstance(changed, TreeFile)
    assert b"".join(changed.read()) == b"changed"


def test_what_git_tracks_is_a_source_whatever_its_name(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "r", {"pyproject.toml": b"", "build/tool.py": b"", "dist/x": b""})
    assert names(repository.root) == {"pyproject.toml", "build/tool.py", "dist/x"}


def test_a_directory_in_a_work_tree_is_taken_alone(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "r", {"a/x": b"", "b/y": b""})
    write_files(repository.root, {"a/new": b""})
    assert names(repository.root / "a") == {"x", "new"}


def test_a_directory_that_its_work_tree_ignores_counts_as_a_plain_one(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "r", {".gitignore": b"/scratch/\n"})
    write_files(repository.root / "scratch", {"x": b"", "__pycache__/y.pyc": b""})
    assert names(repository.root / "scratch") == {"x"}


def test_submodules_and_nested_repositories_are_part_of_it(tmp_path: Path) -> None:
    GitRepository(tmp_path / "lib", {"lib.py": b"", ".gitignore": b"*.o\n"})
    repository = GitRepository(tmp_path / "r", {"x": b""})
    git(repository.root, "submodule", "add", "--quiet", str(tmp_path / "lib"), "vendor/lib")
    GitRepository(repository.root / "nested", {"n.py": b""})
    write_files(repository.root, {"vendor/lib/new.py": b"", "vendor/lib/a.o": b""})
    inside = {"vendor/lib/lib.py", "vendor/lib/.gitignore", "vendor/lib/new.py", "nested/n.py"}
    assert names(repository.root) == {"x", ".gitmodules", *inside}


def test_a_submodule_that_isnt_here_is_an_empty_directory(tmp_path: Path) -> None:
    GitRepository(tmp_path / "lib", {"lib.py": b""})
    repository = GitRepository(tmp_path / "r", {"x": b""})
    git(repository.root, "submodule", "add", "--quiet", str(tmp_path / "lib"), "lib")
    repository.commit()
    git(tmp_path, "clone", "--quiet", str(repository.root), "clone")
    assert names(tmp_path / "clone") == {"x", ".gitmodules"}


def test_modes_and_links_are_told(tmp_path: Path) -> None:
    write_files(tmp_path, {"run": b"x", "plain": b"y"})
    (tmp_path / "run").chmod(0o700)
    (tmp_path / "link").symlink_to("run")
    (tmp_path / "directory").symlink_to("/etc")
    tree = directory_tree(tmp_path)
    assert tree["link"] == TreeLink(target="run")
    assert tree["directory"] == TreeLink(target="/etc")
    executable = {name: entry.executable for name, entry in tree.items() if isinstance(entry, TreeFile)}
    assert executable == {"run": True, "plain": False}


def test_pipes_and_sockets_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnusableFile, match="'pipe' is neither a file nor a link"):
        directory_tree(tmp_path)
    (tmp_path / "pipe").unlink()
    monkeypatch.chdir(tmp_path)  # a socket's path may have 108 bytes
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")
        with pytest.raises(UnusableFile, match="'s' is neither"):
            directory_tree(tmp_path)


def test_a_directory_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / ("d/" * 150)).mkdir(parents=True)
    with pytest.raises(UnusableFile, match="nested too deeply"):
        directory_tree(tmp_path)


def test_a_directory_that_isnt_there_is_an_environment_problem(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="read the directory"):
        directory_tree(tmp_path / "absent")


def test_a_work_tree_that_git_cant_read_is_not_taken_for_a_plain_directory(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "r", {"x": b"", ".gitignore": b"secret\n"})
    write_files(repository.root, {"secret": b""})
    shutil.rmtree(repository.root / ".git" / "objects")
    (repository.root / ".git" / "HEAD").write_text("broken")
    with pytest.raises(Unavailable, match="git ls-files failed"):
        directory_tree(repository.root)


def test_a_work_trees_monitor_and_hooks_arent_run(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "r", {"x": b""})
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    git(repository.root, "config", "core.fsmonitor", str(trap))
    assert names(repository.root) == {"x"}
    assert not (tmp_path / "sprung").exists()


def test_variables_of_a_git_that_runs_us_dont_lead_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = GitRepository(tmp_path / "other", {"wrong": b""})
    repository = GitRepository(tmp_path / "r", {"right": b""})
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.root))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.root / ".git" / "index"))
    assert names(repository.root) == {"right"}
