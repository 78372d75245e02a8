from __future__ import annotations

from collections.abc import Sequence

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.digests import Digest
from bundler.errors import RequirementError
from bundler.requirements.locked import Lock
from bundler.requirements.locks.pylock import read_pylock
from bundler.requirements.locks.uv import read_uv_lock
from bundler.targets.model import Target
from bundler.targets.platforms import targets_for
from tests.requirements.disk import anywhere
from tests.requirements.locks.locking import LINUX, SAMPLES, WINDOWS, chosen, mutations, satisfying, survives, tables

TARGETS = targets_for(["3.11.2", "3.12"], ["linux-x86_64", "macos-arm64", "windows-x86_64"])
UV_LOCKS = sorted(SAMPLES.glob("uv-*.lock"))


def read(data: bytes | str, *, extras: Sequence[str] = (), groups: Sequence[str] = ()) -> Lock:
    data = data.encode() if isinstance(data, str) else data
    return read_uv_lock(data, "uv.lock", extras=extras, groups=groups, locate=anywhere)


def sample(name: str, *, extras: Sequence[str] = (), groups: Sequence[str] = ()) -> Lock:
    return read((SAMPLES / name).read_bytes(), extras=extras, groups=groups)


# uv itself is the oracle: `uv export --format pylock.toml` says what its lock means.


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize(
    ("name", "extras", "groups"),
    [("app", ["all"], ["dev", "docs"]), ("workspace", [], []), ("conflicts", ["old"], [])],
)
def test_a_lock_means_what_uv_exports_of_it(name: str, extras: list[str], groups: list[str], target: Target) -> None:
    exported = (SAMPLES / f"pylock.uv-{name}.toml").read_bytes()
    theirs = read_pylock(exported, "pylock.toml", extras=(), groups=(), locate=anywhere)
    ours = sample(f"uv-{name}.lock", extras=extras, groups=groups)
    assert _meaning(ours, target) == _meaning(theirs, target)


def _meaning(lock: Lock, target: Target) -> object:
    """What is taken, without the root project, which uv exports too."""
    try:
        taken = lock.choose(satisfying(target))
    except RequirementError as exc:
        return exc.message.partition(":")[2]
    files = {
        project.name: {(file.filename, file.url, file.hashes) for file in project.files}
        for project in taken
        if project.name != "web-app"
    }
    return files, {project.reference for project in taken if project.name != "web-app"}


def test_extras_and_groups_are_taken_only_when_they_are_asked_for() -> None:
    names = {project.name for project in sample("uv-app.lock").choose(satisfying(LINUX))}
    assert {"click", "h2"} <= names
    assert not names & {"redis", "uvloop", "pytest", "markdown", "web-app"}
    more = {project.name for project in sample("uv-app.lock", extras=["cache"]).choose(satisfying(LINUX))}
    assert more - names == {"redis"}
    more = {project.name for project in sample("uv-app.lock", groups=["docs"]).choose(satisfying(LINUX))}
    assert more - names == {"markdown"}


def test_the_order_is_the_files() -> None:
    lock = sample("uv-app.lock", extras=["all"], groups=["dev"])
    names = [project.name for project in lock.projects]
    assert names == sorted(names)
    taken = lock.choose(satisfying(LINUX))
    assert [project for project in lock.projects if project in taken] == list(taken)


def test_conflicting_extras_are_refused_and_each_alone_is_taken() -> None:
    assert chosen(sample("uv-conflicts.lock", extras=["new"]), LINUX) == ["click 8.1.8", "sniffio 1.3.1"]
    assert chosen(sample("uv-conflicts.lock", groups=["lint"]), LINUX) == ["click 8.0.4", "sniffio 1.3.1"]
    with pytest.raises(RequirementError, match="click more than once") as caught:
        sample("uv-conflicts.lock", extras=["old", "new"]).choose(satisfying(LINUX))
    assert caught.value.details == ("click 8.0.4", "click 8.1.8")


def test_an_extra_or_group_that_isnt_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(RequirementError, match="the lock has no extra cash") as caught:
        sample("uv-app.lock", extras=["cash"])
    assert caught.value.hint == "did you mean cache?"
    with pytest.raises(RequirementError, match="the lock has no group test") as caught:
        sample("uv-app.lock", groups=["test"])
    assert caught.value.hint == "the lock has dev, docs; leave test out, or lock again with it"


def test_files_come_from_wherever_the_lock_says() -> None:
    flatty, pathy, urly = sample("uv-places.lock").projects
    assert [(file.filename, file.url, file.hashes) for file in flatty.files] == [
        ("flatty-1.0+cpu-py3-none-any.whl", "file:///links/flatty-1.0+cpu-py3-none-any.whl", ())
    ]
    digest = Digest.parse("sha256:1ba2cb7109509fc794c5779096dd027a036d4d2a5f8e9246742c05de438e896b")
    assert [(file.filename, file.url, file.hashes) for file in pathy.files] == [
        ("pathy_sdist-2.0.tar.gz", "file:///links/pathy_sdist-2.0.tar.gz", (digest,))
    ]
    assert (urly.files, urly.reference) == ((), "https://files.example/archive-v2.tar.gz")
    assert urly.hashes == (Digest.parse("sha256:d7272d3cf14f83be12f1e55a721877f65dba4b37c33f7177cba2f245004c3122"),)


HEAD = 'version = 1\nrequires-python = ">=3.9"\n'
ROOT = '[[package]]\nname = "app"\nversion = "1"\nsource = { virtual = "." }\n'
INDEX = 'source = { registry = "https://index.example/simple" }\n'
WHEEL = (
    "wheels = [{ url = 'https://files.example/%s-%s-py3-none-any.whl', hash = 'sha256:" + "0" * 64 + "', size = 7 }]\n"
)


def package(name: str, version: str = "1.0", more: str = "") -> str:
    return f"[[package]]\nname = '{name}'\nversion = '{version}'\n{INDEX}{more}{WHEEL % (name, version)}"


def test_conflict_markers_look_at_what_is_active() -> None:
    lock = (
        HEAD
        + ROOT
        + """dependencies = [
            { name = "a", marker = "extra == 'extra-3-app-gpu'" },
            { name = "b", marker = "extra != 'extra-3-app-gpu'" },
            { name = "c", marker = "extra == 'group-3-app-dev' or extra == 'project-3-app'" },
            { name = "d", extra = ["x"] },
            { name = "e", marker = "extra == 'extra-1-d-x'" },
        ]
        optional-dependencies = { gpu = [] }
        """
        + "".join(map(package, "abcde"))
    )
    assert chosen(read(lock), LINUX) == ["b 1.0", "c 1.0", "d 1.0", "e 1.0"]
    assert chosen(read(lock, extras=["gpu"]), LINUX) == ["a 1.0", "c 1.0", "d 1.0", "e 1.0"]


def test_a_fork_is_told_by_its_markers_where_no_version_is_stated() -> None:
    forks = package("a", "1.0", "resolution-markers = [\"sys_platform == 'win32'\"]\n")
    forks += package("a", "2.0", "resolution-markers = [\"sys_platform != 'win32'\"]\n")
    lock = read(f"{HEAD}{ROOT}dependencies = [{{ name = 'a' }}]\n{forks}")
    assert chosen(lock, LINUX) == ["a 2.0"]
    assert chosen(lock, WINDOWS) == ["a 1.0"]


def test_cycles_and_the_extras_of_dependencies_end() -> None:
    one = package("a", more='dependencies = [{ name = "b", extra = ["x"] }]\n')
    two = package("b", more='dependencies = [{ name = "a" }]\noptional-dependencies = { x = [{ name = "c" }] }\n')
    three = package("c", more='dependencies = [{ name = "app" }, { name = "b" }]\n')
    lock = read(f'{HEAD}{ROOT}dependencies = [{{ name = "a" }}]\n{one}{two}{three}')
    assert chosen(lock, LINUX) == ["a 1.0", "b 1.0", "c 1.0"]


def test_a_virtual_member_is_only_its_dependencies() -> None:
    member = "[[package]]\nname = 'm'\nversion = '1'\nsource = { virtual = 'm' }\ndependencies = [{ name = 'a' }]\n"
    lock = read(f"{HEAD}{ROOT}dependencies = [{{ name = 'm' }}]\n{member}{package('a')}")
    assert chosen(lock, LINUX) == ["a 1.0"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version = 2", "the lock isn't of version 1 of uv's format"),
        (f"version = 0x{'f' * 9999}", "the lock isn't of version 1 of uv's format"),
        ("", "the lock isn't of version 1 of uv's format"),
        (HEAD, "the lock has no project at its root"),
        (HEAD.replace(">=3.9", "nonsense") + ROOT, "'nonsense' isn't a specifier of Python versions"),
        (HEAD + ROOT + package("a", "nonsense"), "'nonsense' isn't a version of 'a'"),
        (HEAD + ROOT + package("a!"), "'a!' isn't the name of a project"),
        (HEAD + ROOT + "dependencies = [{ name = 'a', marker = 'x' }]", "'x' isn't a marker"),
        (HEAD + ROOT + "[[package]]\nname = 'a'\nsource = {}", "doesn't say where a comes from"),
        (HEAD + ROOT + "dependencies = 7", "isn't understood: Expected `array`, got `int`"),
        (HEAD + ROOT + package("a").replace("sha256:0", "sha256:"), "a has a hash that isn't one"),
        (HEAD + ROOT + "[[package]]\nname = 'a'\nsource = { git = 'https://g.example/a?rev=main' }", "isn't pinned"),
    ],
)
def test_what_isnt_understood_is_refused(text: str, message: str) -> None:
    with pytest.raises(RequirementError) as caught:
        read(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD.replace("3.9", "3.13") + ROOT, "isn't for this target: its Python isn't"),
        (HEAD + ROOT + "dependencies = [{ name = 'a' }]", "the lock needs a and hasn't got it"),
        (
            HEAD + ROOT + "dependencies = [{ name = 'a' }]\n" + package("a") + package("a", "2.0"),
            "several versions of a",
        ),
        (HEAD + ROOT + "dependencies = [{ name = 'a' }]\n" + package("a").replace("-1.0-", "-2.0-"), "no wheel, sdist"),
    ],
)
def test_what_a_target_cant_take_is_refused_when_it_asks(text: str, message: str) -> None:
    lock = read(text)
    with pytest.raises(RequirementError) as caught:
        lock.choose(satisfying(LINUX))
    assert message in str(caught.value)


_KEYS = (
    "version requires-python supported-markers package name source registry git url path directory editable virtual "
    "subdirectory filename hash size upload-time extra marker dependencies optional-dependencies dev-dependencies "
    "sdist wheels metadata provides-extras requires-dev resolution-markers"
)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    survives(read, data)


@given(tables(_KEYS), tables(_KEYS))
def test_no_wrong_types_crash_the_reader(document: dict[str, object], entry: dict[str, object]) -> None:
    root = {"name": "app", "source": {"virtual": "."}, "dependencies": [{"name": "a"}]}
    good = {"version": 1, "package": [root, {"name": "a", **entry}]}
    survives(read, tomli_w.dumps(good | document).encode())
    survives(read, tomli_w.dumps(document | good).encode())


@settings(max_examples=60)
@given(st.sampled_from(UV_LOCKS).flatmap(lambda path: mutations(path.read_bytes())))
def test_no_change_to_a_sample_crashes_the_reader(data: bytes) -> None:
    survives(read, data)
