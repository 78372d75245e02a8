from __future__ import annotations

import itertools
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Environment
from packaging.pylock import Pylock, PylockSelectError, PylockValidationError, is_valid_pylock_path
from packaging.version import Version

from bundler.digests import Digest
from bundler.errors import UsageError
from bundler.requirements.files import read_requirements
from bundler.requirements.locks import LockedPackage, document_names, write_pylock, write_requirements
from bundler.targets.model import Target
from bundler.targets.platforms import known_platforms, targets_for

WINDOWS, LINUX = targets_for(["3.12"], ["windows-x86_64", "linux-x86_64"])
CLICK = LockedPackage(
    name="click",
    version=Version("8.1.7"),
    filename="click-8.1.7-py3-none-any.whl",
    digest=Digest.sha256(b"click"),
    size=5,
    is_wheel=True,
    requires_python=">=3.7",
    upload_time="2023-08-17T17:29:11.042000Z",
    requires=("colorama",),
)
COLORAMA = LockedPackage(
    name="colorama",
    version=Version("0.4.6+local.1"),
    filename="colorama-0.4.6+local.1.tar.gz",
    digest=Digest.sha256(b"colorama"),
    size=8,
    is_wheel=False,
    requires_python=None,
    upload_time=None,
    requires=(),
)


def _environment(target: Target) -> Environment:
    return cast("Environment", dict(target.environment))


def _lock(*packages: LockedPackage) -> Pylock:
    return Pylock.from_dict(
        tomllib.loads(write_pylock(packages, dict(WINDOWS.environment), created_by="bundler").decode())
    )


def test_a_pylock_is_these_bytes() -> None:
    assert write_pylock([COLORAMA, CLICK], dict(WINDOWS.environment), created_by="bundler").decode() == (
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
    lock = Pylock.from_dict(tomllib.loads(write_pylock([CLICK], dict(target.environment), created_by="x").decode()))
    assert lock.environments is not None
    (marker,) = lock.environments
    assert [other.satisfies(marker) for other in (target, newer, pypy)] == [True, False, False]


@pytest.mark.parametrize("text", [None, "", "yesterday", "2023-08-17T17:29:11", "0001-01-01T00:00:00+23:00"])
def test_an_upload_time_that_isnt_one_is_left_out(text: str | None) -> None:
    (package,) = _lock(replace(CLICK, upload_time=text)).packages
    assert package.wheels is not None
    assert package.wheels[0].upload_time is None


def test_no_url_leads_away_from_the_files_beside_the_lock() -> None:
    assert b"url" not in write_pylock([CLICK, COLORAMA], dict(WINDOWS.environment), created_by="bundler")


def test_a_package_that_contradicts_its_file_name_isnt_written() -> None:
    with pytest.raises(PylockValidationError):
        write_pylock([replace(CLICK, version=Version("8.1.8"))], dict(WINDOWS.environment), created_by="bundler")


def test_requirements_are_pinned_sorted_and_hashed() -> None:
    assert write_requirements([COLORAMA, CLICK], header="bundler 1.0\n\nfor cp312").decode() == (
        "# bundler 1.0\n"
        "#\n"
        "# for cp312\n"
        "click==8.1.7 \\\n"
        f"    --hash=sha256:{CLICK.digest.hexdigest}\n"
        "colorama==0.4.6+local.1 \\\n"
        f"    --hash=sha256:{COLORAMA.digest.hexdigest}\n"
    )


def test_our_own_reader_understands_the_requirements() -> None:
    data = write_requirements([COLORAMA, CLICK], header="x")
    wanted = read_requirements([], ["r.txt"], [], lambda path, _: (path, data))
    assert [(str(each.requirement), each.hashes) for each in wanted.requirements] == [
        ("click==8.1.7", (CLICK.digest,)),
        ("colorama==0.4.6+local.1", (COLORAMA.digest,)),
    ]


_MANY = [
    replace(CLICK, name=name, filename=f"{name}-8.1.7-py3-none-any.whl") for name in ("a", "b", "click", "d", "zope")
]


@given(st.permutations(_MANY))
def test_any_order_gives_the_same_bytes(packages: list[LockedPackage]) -> None:
    assert write_pylock(packages, dict(LINUX.environment), created_by="x") == write_pylock(
        _MANY, dict(LINUX.environment), created_by="x"
    )
    assert write_requirements(packages, header="") == write_requirements(_MANY, header="")


def test_one_target_has_plain_names() -> None:
    assert document_names([LINUX.name]) == (("requirements.txt", "pylock.toml"),)


def test_several_targets_have_their_names_without_dots() -> None:
    targets = targets_for(["3.12.4"], ["windows-x86_64", "linux-x86_64-glibc2.17"])
    assert document_names([target.name for target in targets]) == (
        ("requirements.cp312_4-windows-x86_64.txt", "pylock.cp312_4-windows-x86_64.toml"),
        (
            "requirements.cp312_4-linux-x86_64-glibc2_17.txt",
            "pylock.cp312_4-linux-x86_64-glibc2_17.toml",
        ),
    )


def test_the_names_are_valid_by_pep_751_and_differ() -> None:
    targets = targets_for(["3.12.4", "3.13t"], [name for name, _ in known_platforms()])
    names = document_names([target.name for target in targets])
    assert all(is_valid_pylock_path(Path(lock)) for _, lock in names)
    assert len(set(itertools.chain(*names))) == 2 * len(targets)


@pytest.mark.parametrize("name", ["CP312-linux-x86_64", "cp312-linux-x86.64"])
def test_names_that_would_meet_in_one_file_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="too much like another's"):
        document_names([LINUX.name, name])
