from __future__ import annotations

import re
from pathlib import Path

import pytest

from bundler.errors import NotFound, SourceError, Unavailable, UnusableFile, UsageError
from bundler.trees import checkout
from bundler.trees.checkout import opened_checkout
from bundler.trees.git import Git
from bundler.trees.model import TreeFile, TreeLink
from bundler.trees.repositories import Repository
from tests.trees.making import GitRepository, git, write_files


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "origin", {"a.py": b"first\n", "d/é.py": b"2"})


def contents(url: str, subdirectory: str = "") -> dict[str, bytes | str]:
    with opened_checkout(Repository.parse(url)) as opened:
        tree = opened.tree(subdirectory)
        return {
            name: b"".join(entry.read()) if isinstance(entry, TreeFile) else entry.target
            for name, entry in tree.items()
        }


def commit_of(url: str) -> str:
    with opened_checkout(Repository.parse(url)) as opened:
        return opened.commit


def test_without_a_ref_the_branch_of_head_is_taken(repository: GitRepository) -> None:
    assert contents(repository.url) == {"a.py": b"first\n", "d/é.py": b"2"}
    assert commit_of(repository.url) == repository.head


def test_branches_tags_full_names_and_commits_are_found(repository: GitRepository) -> None:
    first = repository.head
    git(repository.root, "tag", "light")
    git(repository.root, "tag", "--annotate", "heavy", "--message=x")
    git(repository.root, "update-ref", "refs/pull/1/head", first)
    git(repository.root, "branch", "feature/x")
    second = repository.commit({"a.py": b"second\n"})
    for ref in ("light", "heavy", "refs/tags/heavy", "refs/pull/1/head", "feature/x", first, first[:8]):
        assert commit_of(f"{repository.url}@{ref}") == first, ref
    for ref in ("main", "HEAD", second, second[:12]):
        assert commit_of(f"{repository.url}@{ref}") == second, ref


def test_a_branch_goes_before_a_tag_of_its_name(repository: GitRepository) -> None:
    git(repository.root, "tag", "both")
    second = repository.commit({"a.py": b"second\n"})
    git(repository.root, "branch", "both")
    assert commit_of(f"{repository.url}@both") == second


@pytest.mark.parametrize("ref", ["nothing", "v1", "a.py", "0123456", "0" * 40, "ai", "eature"])
def test_a_ref_that_isnt_there_is_named(repository: GitRepository, ref: str) -> None:
    git(repository.root, "branch", "feature")
    with pytest.raises(NotFound, match=rf"has no branch, tag or commit '{ref}'"):
        commit_of(f"{repository.url}@{ref}")


def test_a_repository_that_isnt_there_is_told_in_gits_words(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="git fetch failed") as caught:
        commit_of(f"git+{(tmp_path / 'absent').as_uri()}")
    assert any("does not" in line for line in caught.value.details)


def test_modes_and_links_are_told_and_nothing_is_written(repository: GitRepository, tmp_path: Path) -> None:
    (repository.root / "run").write_bytes(b"x")
    (repository.root / "run").chmod(0o755)
    (repository.root / "link").symlink_to("../../../etc/passwd")
    repository.commit()
    with opened_checkout(Repository.parse(repository.url)) as opened:
        tree = opened.tree()
        run = tree["run"]
        assert isinstance(run, TreeFile)
        assert run.executable
        assert tree["link"] == TreeLink(target="../../../etc/passwd")


def test_the_machines_settings_dont_change_bytes(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "gitconfig"
    trap = f"touch {tmp_path}/sprung; cat"
    config.write_text(
        f"[core]\nautocrlf = true\nhooksPath = {tmp_path}/hooks\nfsmonitor = {tmp_path}/hooks/fsmonitor\n[init]\n"
        f'templateDir = {tmp_path}/template\n[filter "trap"]\nsmudge = {trap}\nrequired = true\n'
        "[safe]\nbareRepository = explicit\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    hook = f"#!/bin/sh\ntouch {tmp_path}/sprung\n".encode()
    names = ("reference-transaction", "post-checkout", "fsmonitor")
    write_files(tmp_path, {f"{place}/{name}": hook for place in ("hooks", "template/hooks") for name in names})
    for path in tmp_path.glob("**/hooks/*"):
        path.chmod(0o755)
    repository.commit({".gitattributes": b"*.py filter=trap text eol=crlf\n"})
    assert contents(repository.url)["a.py"] == b"first\n"
    assert not (tmp_path / "sprung").exists()


def test_submodules_are_part_of_the_tree(tmp_path: Path, repository: GitRepository) -> None:
    GitRepository(tmp_path / "inner", {"inner.py": b"1"})
    library = GitRepository(tmp_path / "lib", {"lib.py": b"2"})
    git(library.root, "submodule", "add", "--quiet", "../inner", "deep/inner")
    library.commit()
    git(repository.root, "submodule", "add", "--quiet", str(library.root), "vendor/lib")
    repository.commit()
    library.commit({"lib.py": b"later"})
    found = contents(repository.url)
    assert found["vendor/lib/lib.py"] == b"2"
    assert found["vendor/lib/deep/inner/inner.py"] == b"1"


def test_only_the_submodules_that_a_subdirectory_meets_are_fetched(tmp_path: Path, repository: GitRepository) -> None:
    for name in ("one", "two"):
        GitRepository(tmp_path / name, {"deep/x.py": name.encode()})
        git(repository.root, "submodule", "add", "--quiet", str(tmp_path / name), f"sub/{name}")
    repository.commit()
    (tmp_path / "two").rename(tmp_path / "gone")
    assert contents(repository.url, "sub/one/deep")["sub/one/deep/x.py"] == b"one"
    assert "sub/one/deep/x.py" not in contents(repository.url, "d")
    with pytest.raises(Unavailable):
        contents(repository.url, "sub")


def submodule_at(repository: GitRepository, gitmodules: str) -> None:
    write_files(repository.root, {".gitmodules": gitmodules.encode()})
    git(repository.root, "update-index", "--add", "--cacheinfo", f"160000,{repository.head},sub")
    git(repository.root, "add", ".gitmodules")
    git(repository.root, "commit", "--quiet", "--message=x")


@pytest.mark.parametrize(
    ("gitmodules", "error"),
    [
        ("", UnusableFile),
        ('[submodule "x"]\npath = other\nurl = ../x\n', UnusableFile),
        ('[submodule "x"]\npath = sub\n', UnusableFile),
        ('[submodule "x"]\npath = sub\nurl = a\n[submodule "y"]\npath = sub\nurl = b\n', UnusableFile),
        ('[submodule "x"]\npath = sub\nurl = "ext::sh -c touch% /tmp/x"\n', UsageError),
        ('[submodule "x"]\npath = sub\nurl = -u./payload\n', UsageError),
        ('[submodule "x"\n', SourceError),
    ],
)
def test_a_submodule_without_a_plain_address_is_refused(
    repository: GitRepository, gitmodules: str, error: type[Exception]
) -> None:
    submodule_at(repository, gitmodules)
    with pytest.raises(error):
        contents(repository.url)


def test_a_repository_within_itself_ends(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "_MAX_NESTED", 0)
    submodule_at(repository, f'[submodule "x"]\npath = sub\nurl = {repository.root}\n')
    with pytest.raises(UnusableFile, match="nested more than 0 deep"):
        contents(repository.url)


def test_pointers_of_git_lfs_are_counted(repository: GitRepository) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
    repository.commit({"model.bin": pointer})
    with opened_checkout(Repository.parse(repository.url)) as opened:
        entry = opened.tree()["model.bin"]
        assert isinstance(entry, TreeFile)
        assert b"".join(entry.read()) == pointer
        assert opened.pointers == 1


def test_a_name_that_isnt_utf_8_is_refused(repository: GitRepository) -> None:
    Path(str(repository.root) + "/\udcff.py").write_bytes(b"")
    repository.commit()
    with pytest.raises(UnusableFile, match="isn't UTF-8"):
        contents(repository.url)


def test_a_tree_that_is_a_bomb_is_refused(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Git.read, "__kwdefaults__", {"ceiling": 1 << 20})
    entry = f"100644 blob {git(repository.root, 'hash-object', '-w', 'a.py')}"
    for _ in range(8):  # a hundred million files in a kilobyte
        lines = "".join(f"{entry}\tf{number}\n" for number in range(10))
        entry = f"040000 tree {git(repository.root, 'mktree', said=lines)}"
    commit = git(repository.root, "commit-tree", entry.split()[-1], "-m", "bomb")
    git(repository.root, "branch", "bomb", commit)
    with pytest.raises(UnusableFile, match="without end"):
        contents(f"{repository.url}@bomb")


def interrupted(url: str) -> None:
    with opened_checkout(Repository.parse(url)) as opened:
        (entry,) = (entry for name, entry in opened.tree().items() if name == "a.py")
        assert isinstance(entry, TreeFile)
        next(entry.read())
        raise KeyboardInterrupt


def test_nothing_stays_behind(repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    assert re.fullmatch("[0-9a-f]{40}", commit_of(repository.url))
    with pytest.raises(KeyboardInterrupt):
        interrupted(repository.url)
    with pytest.raises(NotFound):
        commit_of(f"{repository.url}@absent")
    assert list(place.iterdir()) == []
