from __future__ import annotations

from collections.abc import Sequence

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from bundler.errors import RequirementError
from bundler.requirements.locked import Lock
from bundler.requirements.locks.poetry import read_poetry_lock
from bundler.targets.model import Target
from bundler.targets.platforms import targets_for
from tests.requirements.disk import anywhere
from tests.requirements.locks.locking import LINUX, SAMPLES, WINDOWS, chosen, mutations, satisfying, survives, tables

(OLD_PYTHON,) = targets_for(["3.11.2"], ["linux-x86_64"])
PROJECT = (SAMPLES / "poetry-1.x-pyproject.toml").read_bytes()


def read(
    data: bytes | str, *, project: bytes | str | None = None, extras: Sequence[str] = (), groups: Sequence[str] = ()
) -> Lock:
    data = data.encode() if isinstance(data, str) else data
    project = project.encode() if isinstance(project, str) else project
    return read_poetry_lock(data, "poetry.lock", project=project, extras=extras, groups=groups, locate=anywhere)


def sample(name: str, *, extras: Sequence[str] = (), groups: Sequence[str] = ()) -> Lock:
    return read((SAMPLES / name).read_bytes(), project=PROJECT, extras=extras, groups=groups)


# Poetry itself is the oracle: its `poetry export` says what its lock means.


@pytest.mark.parametrize("target", [LINUX, WINDOWS, OLD_PYTHON], ids=lambda target: target.name)
@pytest.mark.parametrize(
    ("name", "extras", "groups"),
    [("poetry-2.1", ["cache", "speed"], ["dev", "docs"]), ("poetry-2.0", ["cache"], ["dev"])],
)
def test_a_lock_means_what_poetry_exports_of_it(
    name: str, extras: list[str], groups: list[str], target: Target
) -> None:
    exported = map(Requirement, (SAMPLES / f"{name}.export.txt").read_text().splitlines())
    theirs = [
        f"{each.name} @ {each.url}" if each.url else f"{each.name} {str(each.specifier).removeprefix('==')}"
        for each in exported
        if target.satisfies(each.marker)
    ]
    assert chosen(sample(f"{name}.lock", extras=extras, groups=groups), target) == theirs


# Poetry 2.

GITTY = "gitty @ git+ssh://git@git.example/gitty.git@f741af5a50c278e48774d4a15aeca128b5dee589#subdirectory=sub"
MAIN = [
    "anyio 4.16.0",
    "certifi 2026.10.18",
    "click 8.5.1",
    GITTY,
    "h11 0.16.0",
    "h2 4.4.1",
    "hpack 4.2.0",
    "httpcore 1.0.9",
    "httpx 0.28.1",
    "hyperframe 6.1.0",
    "idna 3.20",
    "markupsafe 3.0.4",
    "typing-extensions 4.16.0",
]
DEV = ["iniconfig 2.3.1", "packaging 26.3", "pluggy 1.7.0", "pygments 2.21.0", "pytest 8.4.2"]


def test_the_main_group_is_taken_by_its_markers() -> None:
    assert chosen(sample("poetry-2.1.lock"), LINUX) == MAIN
    assert chosen(sample("poetry-2.1.lock", groups=["main"]), LINUX) == MAIN


@pytest.mark.parametrize(
    ("extras", "groups", "more"),
    [
        (["cache"], [], ["redis 8.1.0"]),
        (["speed"], [], ["redis 8.1.0", "uvloop 0.23.0"]),
        ([], ["dev"], DEV),
        ([], ["docs"], ["markdown 3.10.3"]),
    ],
)
def test_extras_and_groups_come_on_top(extras: list[str], groups: list[str], more: list[str]) -> None:
    lock = sample("poetry-2.1.lock", extras=extras, groups=groups)
    assert sorted(set(chosen(lock, LINUX)) - set(MAIN)) == more


def test_markers_ask_for_the_target() -> None:
    lock = sample("poetry-2.1.lock", extras=["speed"], groups=["dev"])
    assert "async-timeout 5.0.1" in chosen(lock, OLD_PYTHON)
    assert not {"colorama 0.4.6", "async-timeout 5.0.1"} & set(chosen(lock, LINUX))
    assert "uvloop 0.23.0" not in chosen(lock, WINDOWS)
    assert "colorama 0.4.6" in chosen(lock, WINDOWS)


def test_files_have_a_name_and_a_hash_and_are_left_to_the_indexes() -> None:
    (click,) = (project for project in sample("poetry-2.1.lock").projects if project.name == "click")
    assert [file.filename for file in click.files] == ["click-8.5.1-py3-none-any.whl", "click-8.5.1.tar.gz"]
    assert all(file.url is None and file.hashes[0].algorithm == "sha256" for file in click.files)
    assert click.requires_python == ">=3.10"


# Before Poetry 2 the roots are the project's, and dependencies are followed.

OLD_MAIN = [
    "anyio 4.16.0",
    "certifi 2026.10.18",
    "click 8.5.1",
    "h11 0.16.0",
    "h2 4.4.1",
    "hpack 4.2.0",
    "httpcore 1.0.9",
    "httpx 0.27.2",
    "hyperframe 6.1.0",
    "idna 3.20",
    "sniffio 1.3.1",
    "typing-extensions 4.16.0",
]
OLD_FORMATS = pytest.mark.parametrize("name", ["poetry-1.1.lock", "poetry-2.0.lock"])


@OLD_FORMATS
def test_an_old_lock_is_walked_from_the_projects_roots(name: str) -> None:
    assert chosen(sample(name), LINUX) == OLD_MAIN
    assert set(chosen(sample(name), WINDOWS)) - set(OLD_MAIN) == {"tomli 2.5.0"}
    assert set(chosen(sample(name, extras=["cache"]), LINUX)) - set(OLD_MAIN) == {"redis 5.3.1", "pyjwt 2.15.1"}
    assert "async-timeout 5.0.1" in chosen(sample(name, extras=["cache"]), OLD_PYTHON)
    dev = {"iniconfig 2.3.1", "packaging 26.3", "pluggy 1.7.0", "pytest 7.4.4"}
    assert set(chosen(sample(name, groups=["dev"]), LINUX)) - set(OLD_MAIN) == dev


@OLD_FORMATS
def test_an_old_lock_keeps_its_hashes(name: str) -> None:
    assert all(file.hashes for project in sample(name).projects for file in project.files)
    assert all(project.files for project in sample(name).projects)


@OLD_FORMATS
def test_an_old_lock_without_its_project_is_refused(name: str) -> None:
    with pytest.raises(RequirementError, match="doesn't tell what the project needs") as caught:
        read((SAMPLES / name).read_bytes())
    assert caught.value.hint == "put its pyproject.toml beside it, or run poetry lock with Poetry 2"


@pytest.mark.parametrize(("name", "group"), [("poetry-2.1.lock", "docks"), ("poetry-2.0.lock", "devs")])
def test_an_extra_or_group_that_isnt_there_is_refused_with_the_nearest(name: str, group: str) -> None:
    with pytest.raises(RequirementError, match="the lock has no extra cash") as caught:
        sample(name, extras=["cash"])
    assert caught.value.hint == "did you mean cache?"
    with pytest.raises(RequirementError, match=f"the lock has no group {group}") as caught:
        sample(name, groups=[group])
    assert caught.value.hint == f"did you mean {'docs' if group == 'docks' else 'dev'}?"


OLD = '[metadata]\nlock-version = "2.0"\npython-versions = "^3.9"\n'
NEW = OLD.replace("2.0", "2.1")
ROOTS = "[tool.poetry.dependencies]\npython = '^3.9'\n"


def package(name: str, version: str = "1.0", more: str = "", python: str = "*") -> str:
    file = f"{{file = '{name}-{version}-py3-none-any.whl', hash = 'sha256:{'0' * 64}'}}"
    head = f"[[package]]\nname = '{name}'\nversion = '{version}'\npython-versions = '{python}'\n"
    return f"{head}files = [{file}]\n{more}\n"


def walked(packages: str, roots: str) -> list[str]:
    return chosen(read(OLD + packages, project=ROOTS + roots), LINUX)


FORKS = package("a", "1.0", python=">=3.9,<3.12") + package("a", "2.0", python=">=3.12") + package("b")


def test_of_several_versions_the_one_that_the_constraint_and_python_fit_is_taken() -> None:
    assert walked(FORKS, "a = '<2'") == ["a 1.0"]
    assert walked(FORKS, "a = '*'") == ["a 2.0"]
    by_marker = "a = [{version = '^1', markers = \"os_name == 'nt'\"}, {version = '^2', markers = \"os_name != 'nt'\"}]"
    assert walked(FORKS, by_marker) == ["a 2.0"]
    assert walked(FORKS, "a = {version = '^1', python = '<3.10'}\nb = {version = '*', platform = 'linux'}") == ["b 1.0"]


@pytest.mark.parametrize(
    ("platform", "taken"),
    [("linux | darwin", ["b 1.0"]), ("!=win32", ["b 1.0"]), ("darwin || win32", []), ("!= linux", [])],
)
def test_a_platform_may_have_alternatives_or_be_left_out(platform: str, taken: list[str]) -> None:
    assert walked(FORKS, f"b = {{version = '*', platform = '{platform}'}}") == taken
    needed = package("c", more=f"dependencies = {{b = {{version = '*', platform = '{platform}'}}}}")
    assert walked(FORKS + needed, "c = '*'") == [*taken, "c 1.0"]


def test_a_loose_dependency_takes_the_version_that_a_strict_one_took() -> None:
    packages = package("a", "1.0") + package("a", "2.0") + package("b", more="dependencies = {a = '*'}")
    assert walked(packages, "b = '*'\na = '^1'") == ["a 1.0", "b 1.0"]
    with pytest.raises(RequirementError, match="several versions of a that fit"):
        walked(packages, "b = '*'")


def test_an_optional_dependency_is_taken_by_the_extra_that_lists_it() -> None:
    needs = "dependencies = {b = {version = '*', optional = true}}\nextras = {X_Y = ['b (>=1)']}"
    packages = package("a", more=needs) + package("b")
    assert walked(packages, "a = '*'") == ["a 1.0"]
    assert walked(packages, "a = {version = '*', extras = ['x-y']}") == ["a 1.0", "b 1.0"]


def test_what_poetry_never_locked_isnt_missed_and_the_rest_is() -> None:
    packages = package("a", more="dependencies = {setuptools = '*'}")
    assert walked(packages, "a = '*'") == ["a 1.0"]
    with pytest.raises(RequirementError, match="the lock needs b and hasn't got it"):
        walked(package("a", more="dependencies = {b = '*'}"), "a = '*'")


@pytest.mark.parametrize(
    ("source", "reference"),
    [
        ("type = 'directory', url = '../lib'", "file:///lib/"),
        ("type = 'url', url = 'https://files.example/v1.tar.gz'", "https://files.example/v1.tar.gz"),
        ("type = 'file', url = 'dist/odd.zip'", "file:///w/dist/odd.zip"),
        (
            f"type = 'git', url = 'https://g.example/a', resolved_reference = '{'0' * 40}'",
            f"git+https://g.example/a@{'0' * 40}",
        ),
    ],
)
def test_direct_sources_are_references(source: str, reference: str) -> None:
    (project,) = read(NEW + package("a", more=f"groups = ['main']\nsource = {{{source}}}")).projects
    assert (project.files, project.reference) == ((), reference)


def test_an_sdist_at_a_url_is_a_file() -> None:
    source = "groups = ['main']\nsource = {type = 'url', url = 'https://files.example/a-1.0-py3-none-any.whl'}"
    (project,) = read(NEW + package("a", more=source)).projects
    (file,) = project.files
    assert (file.url, len(file.hashes)) == ("https://files.example/a-1.0-py3-none-any.whl", 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "isn't understood: Object missing required field `metadata`"),
        (NEW.replace("2.1", "3.0"), "the lock is of format '3.0'"),
        (NEW.replace("^3.9", "^x"), "the Python of the lock '^x' isn't one of Poetry's constraints"),
        (NEW + package("a", "x"), "'x' isn't a version of 'a'"),
        (NEW + package("a", more="groups = ['main']\nmarkers = 'x'"), "'x' isn't a marker"),
        (NEW + package("a", more="source = {type = 'hg'}"), "a comes from a source of the kind 'hg'"),
        (NEW + package("a").replace("sha256:0", "sha256:"), "a has a hash that isn't one"),
    ],
)
def test_what_isnt_understood_is_refused(text: str, message: str) -> None:
    with pytest.raises(RequirementError) as caught:
        read(text)
    assert message in str(caught.value)


def test_another_python_is_refused_when_the_target_asks() -> None:
    lock = read(NEW.replace("^3.9", "^3.13 || ~2.7"))
    with pytest.raises(RequirementError, match="its Python isn't") as caught:
        lock.choose(satisfying(LINUX))
    assert caught.value.details == ("it is for Python ^3.13 || ~2.7",)


_KEYS = (
    "metadata lock-version python-versions files package name version groups markers file hash dependencies extras "
    "source type url resolved_reference subdirectory optional main"
)
_PROJECT_KEYS = "tool poetry dependencies dev-dependencies group project optional-dependencies version markers extras a"


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_bytes_crash_the_reader(data: bytes, project: bytes) -> None:
    survives(read, data, project=project)


@given(tables(_KEYS), tables(_KEYS), tables(_PROJECT_KEYS))
def test_no_wrong_types_crash_the_reader(
    document: dict[str, object], entry: dict[str, object], project: dict[str, object]
) -> None:
    good: dict[str, object] = {"metadata": {"lock-version": "2.0"}, "package": [{"name": "a", "version": "1", **entry}]}
    for table in (good | document, document | good):
        survives(read, tomli_w.dumps(table).encode(), project=tomli_w.dumps(project).encode())
        survives(read, tomli_w.dumps(table).encode(), project=PROJECT)


@settings(max_examples=60)
@given(st.sampled_from(sorted(SAMPLES.glob("poetry-*.lock"))).flatmap(lambda path: mutations(path.read_bytes())))
def test_no_change_to_a_sample_crashes_the_reader(data: bytes) -> None:
    survives(read, data, project=PROJECT)


@settings(max_examples=60)
@given(mutations(PROJECT))
def test_no_change_to_the_project_crashes_the_reader(project: bytes) -> None:
    survives(read, (SAMPLES / "poetry-2.0.lock").read_bytes(), project=project)
