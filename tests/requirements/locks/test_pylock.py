from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import Environment
from packaging.pylock import Pylock, PylockSelectError
from packaging.version import Version

from bundler.digests import Digest
from bundler.errors import RequirementError, UsageError
from bundler.requirements.locked import Lock, LockedProject
from bundler.requirements.locks.pinned import LockedPackage
from bundler.requirements.locks.pylock import read_pylock, write_pylock
from bundler.targets.model import Target
from bundler.targets.platforms import known_platforms, targets_for
from tests.requirements.disk import Disk, anywhere
from tests.requirements.locks.locking import (
    CLICK,
    COLORAMA,
    LINUX,
    MACOS,
    SAMPLES,
    WINDOWS,
    chosen,
    mutations,
    satisfying,
    survives,
    tables,
)

HEAD = 'lock-version = "1.0"\ncreated-by = "x"\n'
SHA = "0" * 64
NT = "marker = \"os_name == 'nt'\""


def read(text: str | bytes, *, extras: Sequence[str] = (), groups: Sequence[str] = ()) -> Lock:
    data = text.encode() if isinstance(text, str) else text
    return read_pylock(data, "pylock.toml", extras=extras, groups=groups, locate=anywhere)


def sample(name: str) -> Lock:
    return read((SAMPLES / name).read_bytes())


def entry(name: str = "a", version: str = "1.0", *, more: str = "", where: str = "") -> str:
    """A package of one wheel."""
    filename = f"{name}-{version}-py3-none-any.whl"
    where = where or f"url = 'https://files.example/{filename}'"
    return f"""
[[packages]]
name = "{name}"
version = "{version}"
{more}
wheels = [{{ {where}, hashes = {{ sha256 = "{SHA}" }} }}]
"""


def only(lock: Lock, target: Target = LINUX) -> LockedProject:
    (project,) = lock.choose(satisfying(target))
    return project


# What real tools write.


def test_what_uv_exports_is_chosen_by_its_markers() -> None:
    lock = sample("pylock.uv-workspace.toml")
    assert chosen(lock, LINUX) == [
        "gitty @ git+https://git.example/gitty.git@f741af5a50c278e48774d4a15aeca128b5dee589#subdirectory=sub",
        "idna 3.20",
        "iniconfig 2.3.1",
        "markupsafe 3.0.4",
        "pathy-wheel 1.0",
        "sniffio 1.3.1",
        "ws-lib @ file:///w/lib/",
        "ws-vendored @ file:///w/vendored/",
    ]
    with pytest.raises(RequirementError, match="isn't for this target: none of its environments") as caught:
        lock.choose(satisfying(WINDOWS))
    assert caught.value.details == ('it is for sys_platform == "linux"', 'it is for sys_platform == "darwin"')


def test_what_pip_locks_is_chosen_whole() -> None:
    lock = sample("pylock.pip.toml")
    assert [project.name for project in lock.choose(satisfying(LINUX))] == [project.name for project in lock.projects]
    by_name = {project.name: project for project in lock.projects}
    assert by_name["ws-vendored"].reference == "file:///w/vendored/"
    assert by_name["gitty"].reference is not None
    (archive,) = by_name["pathy-wheel"].files
    assert by_name["pathy-wheel"].version == Version("1.0")
    assert archive.url == "file:///srv/wheels/pathy_wheel-1.0-py3-none-any.whl"
    (wheel,) = by_name["h2"].files
    assert (wheel.filename, wheel.hashes[0].algorithm) == ("h2-4.4.1-py3-none-any.whl", "sha256")


def test_a_file_carries_all_that_the_lock_tells_of_it() -> None:
    project = next(each for each in sample("pylock.uv-app.toml").projects if each.name == "markupsafe")
    file = project.files[0]
    assert file.url is not None
    assert file.url.startswith("https://files.example/packages/")
    assert file.url.endswith(file.filename)
    assert file.upload_time == "2026-10-02T23:04:37+00:00"
    assert len(file.hashes[0].hexdigest) == 64


# The rules of PEP 751.


def test_a_path_is_taken_from_where_the_lock_is() -> None:
    disk = Disk.holding("sub/wheels/a-1.0-py3-none-any.whl")
    data = (HEAD + entry(where="path = 'wheels/a-1.0-py3-none-any.whl'")).encode()
    lock = read_pylock(data, "sub/pylock.toml", extras=(), groups=(), locate=disk.locate)
    assert only(lock).files[0].url == "file:///w/sub/wheels/a-1.0-py3-none-any.whl"


def test_a_path_where_nothing_is_leaves_the_file_to_its_url_or_to_the_indexes() -> None:
    name = "missing/a-1.0-py3-none-any.whl"
    assert only(read(HEAD + entry(where=f"path = '{name}'"))).files[0].url is None
    both = f"path = '{name}', url = 'https://files.example/x', name = 'a-1.0-py3-none-any.whl'"
    file = only(read(HEAD + entry(where=both))).files[0]
    assert (file.filename, file.url) == ("a-1.0-py3-none-any.whl", "https://files.example/x")


def test_a_directory_that_isnt_there_is_refused_only_where_it_is_needed() -> None:
    lock = read(f"{HEAD}{entry()}[[packages]]\nname = 'b'\n{NT}\ndirectory = {{path = 'missing'}}\n")
    assert chosen(lock, LINUX) == ["a 1.0"]
    with pytest.raises(RequirementError, match="names no wheel, sdist, archive or directory of b that is there"):
        lock.choose(satisfying(WINDOWS))


EXTRAS = (
    HEAD
    + """
extras = ["web", "db"]
dependency-groups = ["default", "dev"]
default-groups = ["default"]
"""
    + entry("a", more="marker = \"'default' in dependency_groups\"")
    + entry("b", more="marker = \"'web' in extras and sys_platform == 'linux'\"")
    + entry("c", more="marker = \"'dev' in dependency_groups or 'db' in extras\"")
)


@pytest.mark.parametrize(
    ("extras", "groups", "expected"),
    [
        ([], [], ["a 1.0"]),
        (["Web"], [], ["a 1.0", "b 1.0"]),
        ([], ["dev"], ["a 1.0", "c 1.0"]),
        (["db", "web"], ["dev"], ["a 1.0", "b 1.0", "c 1.0"]),
    ],
)
def test_extras_and_groups_are_chosen_when_the_lock_is_read(
    extras: list[str], groups: list[str], expected: list[str]
) -> None:
    assert chosen(read(EXTRAS, extras=extras, groups=groups), LINUX) == expected


def test_markers_on_extras_ask_for_the_target_too() -> None:
    assert chosen(read(EXTRAS, extras=["web"]), WINDOWS) == ["a 1.0"]


def test_an_extra_or_group_that_the_lock_hasnt_got_is_refused_with_the_nearest() -> None:
    with pytest.raises(RequirementError, match="the lock has no extra wen") as caught:
        read(EXTRAS, extras=["wen"])
    assert caught.value.hint == "did you mean web?"
    with pytest.raises(RequirementError, match="the lock has no group test") as caught:
        read(EXTRAS, groups=["test"])
    assert caught.value.hint == "the lock has default, dev; leave test out, or lock again with it"


def test_python_and_two_of_a_name_are_held_against_the_target() -> None:
    with pytest.raises(RequirementError, match="its Python isn't") as caught:
        read(f'{HEAD}requires-python = ">=3.13"\n{entry()}').choose(satisfying(LINUX))
    assert caught.value.details == ("it is for Python >=3.13",)
    lock = read(HEAD + entry() + entry(version="2.0", more=NT))
    assert chosen(lock, LINUX) == ["a 1.0"]
    with pytest.raises(RequirementError, match="gives this target a more than once") as caught:
        lock.choose(satisfying(WINDOWS))
    assert caught.value.details == ("a 1.0", "a 2.0")


def test_what_a_project_requires_of_python_is_kept() -> None:
    assert only(read(HEAD + entry(more='requires-python = ">=3.9"'))).requires_python == ">=3.9"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "isn't valid TOML"),
        ("\xff", "isn't valid TOML"),
        ("", "isn't a valid pylock.toml: Missing required value in 'lock-version'"),
        (HEAD.replace("1.0", "2.0") + "packages = []", "pylock version 2.0 is not supported"),
        (HEAD + entry(more='marker = "nonsense"'), "isn't a valid pylock.toml"),
        (HEAD + entry(where="url = 'https://files.example/b-1.0-py3-none-any.whl'"), "is not consistent"),
        (HEAD + entry(where="url = 'ftp://files.example/a-1.0-py3-none-any.whl'"), "the address of a file of a"),
        (f"{HEAD}{entry()}".replace("sha256 =", "crc32 ="), "a has a hash that isn't one"),
        (
            f"{HEAD}[[packages]]\nname = 'a'\nvcs = {{type = 'hg', url = 'https://hg.example', commit-id = '00'}}\n",
            "a comes from a hg repository",
        ),
        (
            HEAD
            + "[[packages]]\nname = 'a'\nvcs = {type = 'git', url = 'https://g.example/a', commit-id = '--help'}\n",
            "a isn't pinned to a commit",
        ),
    ],
)
def test_what_isnt_understood_is_refused(text: str, message: str) -> None:
    with pytest.raises(RequirementError, match=re.escape(message)):
        read(text)


def test_an_archive_that_isnt_an_sdist_by_its_name_is_a_reference_with_its_hash() -> None:
    archive = (
        f"archive = {{url = 'https://files.example/v1.tar.gz', hashes = {{sha256 = '{SHA}'}}, subdirectory = 'x'}}"
    )
    project = only(read(f"{HEAD}[[packages]]\nname = 'a'\n{archive}\n"))
    assert project.reference == "https://files.example/v1.tar.gz#subdirectory=x"
    assert project.hashes == (Digest("sha256", SHA),)


_KEYS = (
    "lock-version environments requires-python extras dependency-groups default-groups created-by packages name "
    "version marker vcs directory archive wheels sdist type url path commit-id subdirectory size upload-time hashes "
    "sha256 index"
)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    survives(read, data)


@given(tables(_KEYS), tables(_KEYS))
def test_no_wrong_types_crash_the_reader(document: dict[str, object], package: dict[str, object]) -> None:
    good = {"lock-version": "1.0", "created-by": "x", "packages": [{"name": "a", **package}]}
    survives(read, tomli_w.dumps(good | document).encode())
    survives(read, tomli_w.dumps(document | good).encode())


@settings(max_examples=60)
@given(st.sampled_from(sorted(SAMPLES.glob("pylock*"))).flatmap(lambda path: mutations(path.read_bytes())))
def test_no_change_to_a_sample_crashes_the_reader(data: bytes) -> None:
    survives(read, data)


# Writing.


def _written(*locks: tuple[Target, Sequence[LockedPackage]]) -> bytes:
    return write_pylock([(dict(target.environment), packages) for target, packages in locks], created_by="bundler")


def _lock(*packages: LockedPackage) -> Pylock:
    return Pylock.from_dict(tomllib.loads(_written((WINDOWS, packages)).decode()))


def _environment(target: Target) -> Environment:
    return cast("Environment", dict(target.environment))


def test_a_pylock_is_these_bytes() -> None:
    assert _written((WINDOWS, [COLORAMA, CLICK])).decode() == (
        'lock-version = "1.0"\n'
        "environments = [\n"
        '    "implementation_name == \\"cpython\\" and python_version == \\"3.12\\" and '
        'sys_platform == \\"win32\\" and platform_machine == \\"AMD64\\"",\n'
        "]\n"
        'created-by = "bundler"\n'
        "\n"
        "[[packages]]\n"
        'name = "click"\n'
        'version = "8.1.7"\n'
        'requires-python = ">=3.7"\n'
        "dependencies = [\n"
        '    { name = "colorama" },\n'
        "]\n"
        "\n"
        "[[packages.wheels]]\n"
        "upload-time = 2023-08-17 17:29:11.042000+00:00\n"
        'path = "click-8.1.7-py3-none-any.whl"\n'
        "size = 5\n"
        "\n"
        "[packages.wheels.hashes]\n"
        f'sha256 = "{CLICK.digest.hexdigest}"\n'
        "\n"
        "[[packages]]\n"
        'name = "colorama"\n'
        'version = "0.4.6+local.1"\n'
        "\n"
        "[packages.sdist]\n"
        'path = "colorama-0.4.6+local.1.tar.gz"\n'
        "size = 8\n"
        "\n"
        "[packages.sdist.hashes]\n"
        f'sha256 = "{COLORAMA.digest.hexdigest}"\n'
    )


def test_an_installer_selects_all_of_it_for_the_target() -> None:
    selected = list(_lock(CLICK, COLORAMA).select(environment=_environment(WINDOWS), tags=WINDOWS.tags))
    assert [package.name for package, _ in selected] == ["click", "colorama"]


def test_an_installer_refuses_it_for_another_target() -> None:
    with pytest.raises(PylockSelectError, match="does not satisfy any of the environments"):
        list(_lock(CLICK).select(environment=_environment(LINUX), tags=LINUX.tags))


@pytest.mark.parametrize("machine", [name for name, _ in known_platforms()])
def test_the_environment_tells_targets_apart(machine: str) -> None:
    target, newer, pypy = targets_for(["3.12", "3.13", "pypy3.11"], [machine])
    lock = Pylock.from_dict(tomllib.loads(_written((target, [CLICK])).decode()))
    assert lock.environments is not None
    (marker,) = lock.environments
    assert [other.satisfies(marker) for other in (target, newer, pypy)] == [True, False, False]


@pytest.mark.parametrize("text", [None, "", "yesterday", "2023-08-17T17:29:11", "0001-01-01T00:00:00+23:00"])
def test_an_upload_time_that_isnt_one_is_left_out(text: str | None) -> None:
    (package,) = _lock(replace(CLICK, upload_time=text)).packages
    assert package.wheels is not None
    assert package.wheels[0].upload_time is None


def test_no_url_leads_away_from_the_files_beside_the_lock() -> None:
    assert b"url" not in _written((WINDOWS, [CLICK, COLORAMA]))


def test_a_url_is_written_with_a_name_where_the_url_has_another() -> None:
    url = "https://files.example/packages/click-8.1.7-py3-none-any.whl"
    (package,) = _lock(replace(CLICK, url=url, size=None)).packages
    assert package.wheels is not None
    (wheel,) = package.wheels
    assert (wheel.url, wheel.path, wheel.name, wheel.size) == (url, None, None, None)
    (package,) = _lock(replace(CLICK, url="https://files.example/get?file=7")).packages
    assert package.wheels is not None
    assert package.wheels[0].name == CLICK.filename


NUMPY = replace(
    CLICK, name="numpy", version=Version("2.0"), requires=(), filename="numpy-2.0-cp312-cp312-manylinux_2_28_x86_64.whl"
)
OLD_NUMPY = replace(NUMPY, version=Version("1.26"), filename="numpy-1.26-cp312-cp312-win_amd64.whl")
MAC_NUMPY = replace(
    NUMPY, filename="numpy-2.0-cp312-cp312-macosx_11_0_arm64.whl", digest=Digest.sha256(b"mac"), requires=("click",)
)


def test_a_package_that_all_targets_take_has_no_marker_and_the_union_of_files() -> None:
    lock = Pylock.from_dict(tomllib.loads(_written((LINUX, [NUMPY]), (MACOS, [MAC_NUMPY])).decode()))
    (package,) = lock.packages
    assert package.marker is None
    assert [wheel.filename for wheel in package.wheels or ()] == [MAC_NUMPY.filename, NUMPY.filename]
    assert package.dependencies == [{"name": "click"}]
    assert [str(marker) for marker in lock.environments or ()] == [
        'implementation_name == "cpython" and python_version == "3.12" and '
        f'sys_platform == "{platform}" and platform_machine == "{machine}"'
        for platform, machine in (("linux", "x86_64"), ("darwin", "arm64"))
    ]


def test_a_marker_names_the_fewest_variables_that_tell_the_targets_apart() -> None:
    targets = targets_for(["3.11", "3.12"], ["linux-x86_64", "linux-aarch64", "windows-x86_64"])
    taking = {target.name: [CLICK] if "windows" in target.name else [] for target in targets}
    taking[targets[1].name] = [COLORAMA]
    text = _written(*((target, taking[target.name]) for target in targets)).decode()
    markers = {package["name"]: package["marker"] for package in tomllib.loads(text)["packages"]}
    assert markers == {
        "click": 'sys_platform == "win32"',
        "colorama": 'python_version == "3.11" and platform_machine == "aarch64"',
    }


def test_versions_that_differ_by_target_are_told_apart_and_named_by_those_that_need_them() -> None:
    user = replace(CLICK, requires=("numpy",))
    document = tomllib.loads(_written((LINUX, [user, NUMPY]), (WINDOWS, [user, OLD_NUMPY])).decode())
    assert [(each["name"], each["version"], each.get("marker")) for each in document["packages"]] == [
        ("click", "8.1.7", None),
        ("numpy", "1.26", 'sys_platform == "win32"'),
        ("numpy", "2.0", 'sys_platform == "linux"'),
    ]
    assert document["packages"][0]["dependencies"] == [
        {"name": "numpy", "version": "1.26"},
        {"name": "numpy", "version": "2.0"},
    ]


def test_what_targets_state_differently_is_left_out() -> None:
    other = replace(CLICK, requires_python=">=3.8")
    (package,) = tomllib.loads(_written((LINUX, [CLICK]), (WINDOWS, [other])).decode())["packages"]
    assert "requires-python" not in package


def test_targets_that_no_marker_tells_apart_share_an_environment() -> None:
    new, old = targets_for(["3.12"], ["linux-x86_64-glibc2.28", "linux-x86_64-glibc2.17"])
    wheel = replace(NUMPY, filename="numpy-2.0-cp312-cp312-manylinux_2_17_x86_64.whl", digest=Digest.sha256(b"17"))
    document = tomllib.loads(_written((new, [NUMPY, CLICK]), (old, [wheel])).decode())
    assert len(document["environments"]) == 1
    assert [(package["name"], len(package["wheels"])) for package in document["packages"]] == [
        ("click", 1),
        ("numpy", 2),
    ]
    with pytest.raises(UsageError, match=r"one lock can't hold numpy 2\.0 and 1\.26"):
        _written((new, [NUMPY]), (old, [OLD_NUMPY]))


def test_one_file_name_with_two_digests_isnt_written() -> None:
    with pytest.raises(UsageError, match=f"{re.escape(CLICK.filename)} has two digests"):
        _written((LINUX, [CLICK]), (WINDOWS, [replace(CLICK, digest=Digest.sha256(b"another"))]))


TARGETS = targets_for(["3.11", "3.12", "pypy3.11"], ["linux-x86_64", "linux-aarch64", "windows-x86_64", "macos-arm64"])
_PACKAGES = [
    replace(CLICK, name=name, version=Version(version), filename=filename, digest=Digest.sha256(filename.encode()))
    for name, version in itertools.product(("a", "b", "c"), ("1.0", "2.0"))
    for filename in (f"{name}-{version}-py3-none-any.whl",)
]


@st.composite
def _taken(draw: st.DrawFn) -> list[tuple[Target, list[LockedPackage]]]:
    """Some targets, each with one version at most of each project, in any order."""
    targets = draw(st.lists(st.sampled_from(TARGETS), min_size=1, max_size=6, unique_by=lambda target: target.name))
    locks = []
    for target in targets:
        packages = draw(st.lists(st.sampled_from(_PACKAGES), unique_by=lambda package: package.name))
        present = {package.name for package in packages}
        locks.append((target, [replace(each, requires=tuple(sorted(present - {each.name}))) for each in packages]))
    return locks


@given(_taken())
def test_each_target_gets_its_own_packages_from_the_lock_of_all(
    locks: list[tuple[Target, list[LockedPackage]]],
) -> None:
    data = _written(*locks)
    pylock = Pylock.from_dict(tomllib.loads(data.decode()))
    ours = read(data)
    for target, packages in locks:
        expected = sorted(package.filename for package in packages)
        selected = pylock.select(environment=_environment(target), tags=target.tags)
        assert sorted(wheel.filename for _, wheel in selected if hasattr(wheel, "filename")) == expected
        taken = ours.choose(satisfying(target))
        assert sorted(file.filename for project in taken for file in project.files) == expected


@given(_taken())
def test_nobody_else_installs_from_the_lock(locks: list[tuple[Target, list[LockedPackage]]]) -> None:
    ours = read(_written(*locks))
    for target in TARGETS:
        if target.name not in {taker.name for taker, _ in locks}:
            with pytest.raises(RequirementError, match="isn't for this target"):
                ours.choose(satisfying(target))


@given(_taken())
def test_the_order_of_packages_doesnt_change_the_bytes(locks: list[tuple[Target, list[LockedPackage]]]) -> None:
    shuffled = [(target, list(reversed(packages))) for target, packages in locks]
    assert _written(*locks) == _written(*shuffled)


@given(_taken())
def test_what_was_written_is_read_again(locks: list[tuple[Target, list[LockedPackage]]]) -> None:
    ours = read(_written(*locks))
    for target, packages in locks:
        for project in ours.choose(satisfying(target)):
            (package,) = (each for each in packages if each.name == project.name)
            (file,) = project.files
            assert (file.hashes, file.size, file.url) == (
                (package.digest,),
                package.size,
                f"file:///w/{file.filename}",
            )
            assert project.version == package.version
