from __future__ import annotations

import platform
import sys

import packaging.markers
import packaging.tags
import pytest
from packaging.markers import Marker

from bundler.errors import UsageError
from bundler.targets import platforms
from bundler.targets.model import MARKER_VARIABLES
from bundler.targets.platforms import known_platforms, known_pythons, running_target, targets_for

_LIBC = platform.libc_ver()
_HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
on_glibc = pytest.mark.skipif(
    _LIBC[0] != "glibc" or platform.machine() != "x86_64" or sys.implementation.name != "cpython",
    reason="the oracle is CPython on x86_64 Linux with glibc",
)


@on_glibc
def test_a_named_target_has_exactly_the_tags_that_packaging_finds_here() -> None:
    (target,) = targets_for([_HERE], [f"linux-x86_64-glibc{_LIBC[1]}"])
    assert list(target.tags) == list(packaging.tags.sys_tags())


@on_glibc
def test_a_named_target_has_the_markers_that_packaging_finds_here() -> None:
    (target,) = targets_for([platform.python_version()], [f"linux-x86_64-glibc{_LIBC[1]}"])
    found = dict(packaging.markers.default_environment())
    assert dict(target.environment) == {**found, "platform_release": "", "platform_version": ""}


@on_glibc
def test_the_running_target_is_named_as_if_it_had_been_asked_for() -> None:
    (target,) = targets_for([platform.python_version()], [f"linux-x86_64-glibc{_LIBC[1]}"])
    assert running_target().name == target.name


def test_no_names_mean_the_running_target() -> None:
    assert targets_for([], []) == (running_target(),)
    assert list(running_target().tags) == list(packaging.tags.sys_tags())
    expected = packaging.markers.default_environment()
    if expected["sys_platform"] == "linux":
        expected |= {"platform_release": "", "platform_version": ""}
    assert dict(running_target().environment) == expected


def test_pythons_are_outer_and_platforms_inner() -> None:
    names = [target.name for target in targets_for(["3.13", "3.11"], ["windows-x86_64", "linux-x86_64"])]
    assert names == [
        "cp313-windows-x86_64",
        "cp313-linux-x86_64",
        "cp311-windows-x86_64",
        "cp311-linux-x86_64",
    ]


def test_a_target_named_twice_is_one() -> None:
    targets = targets_for(["3.12", "3.12.0"], ["linux-x86_64", "linux-x86_64-glibc2.28"])
    assert [target.name for target in targets] == ["cp312-linux-x86_64"]


@pytest.mark.parametrize(
    ("python", "machine", "name"),
    [
        ("3.12.4", "linux-x86_64-glibc2.17", "cp312.4-linux-x86_64-glibc2.17"),
        ("3.13t", "windows-x86_64", "cp313t-windows-x86_64"),
        ("pypy3.11", "macos-arm64", "pp311-macos-arm64"),
        ("3.12", "manylinux_2_17_x86_64", "cp312-manylinux_2_17_x86_64"),
    ],
)
def test_names_of_targets(python: str, machine: str, name: str) -> None:
    assert [target.name for target in targets_for([python], [machine])] == [name]


def test_a_named_platform_alone_takes_the_running_python() -> None:
    (target,) = targets_for([], ["windows-x86_64"])
    assert dict(target.environment)["python_full_version"] == platform.python_version()
    assert dict(target.environment)["sys_platform"] == "win32"


def test_a_named_python_alone_takes_the_running_machine() -> None:
    (target,) = targets_for(["3.9"], [])
    assert dict(target.environment)["sys_platform"] == sys.platform
    assert dict(target.environment)["python_version"] == "3.9"
    assert {tag.platform for tag in target.tags} == {*packaging.tags.platform_tags(), "any"}


def test_every_marker_variable_is_answered_in_order() -> None:
    for target in targets_for(["3.12", "pypy3.11"], ["linux-x86_64", "windows-x86_64", "macos-arm64"]):
        assert tuple(variable for variable, _ in target.environment) == MARKER_VARIABLES


def test_markers_are_the_targets_and_not_the_hosts() -> None:
    windows, linux = targets_for(["3.12"], ["windows-x86_64", "linux-x86_64"])
    marker = Marker('platform_system == "Windows" and python_version == "3.12"')
    assert windows.satisfies(marker)
    assert not linux.satisfies(marker)


def test_nothing_of_the_host_leaks_into_a_named_target(monkeypatch: pytest.MonkeyPatch) -> None:
    names = (["3.12", "3.13t", "pypy3.11"], [name for name, _ in known_platforms()])
    expected = targets_for(*names)

    def refuse(*_: object) -> None:
        pytest.fail("the host was asked")

    for function in ("platform_tags", "sys_tags", "_get_config_var", "_generic_abi", "_cpython_abis"):
        monkeypatch.setattr(packaging.tags, function, refuse)
    monkeypatch.setattr(platform, "mac_ver", refuse)
    monkeypatch.setattr(platforms, "default_environment", refuse)
    monkeypatch.setattr(platforms, "platform_tags", refuse)
    monkeypatch.setattr(platforms, "sys_tags", refuse)
    assert targets_for(*names) == expected
    assert len(expected) == 3 * len(known_platforms())


def test_a_python_built_between_releases_gets_a_version_that_pep_440_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {**packaging.markers.default_environment(), "python_full_version": "3.15.0a1+"}
    monkeypatch.setattr(platforms, "default_environment", lambda: dict(environment))
    assert str(running_target().python_version) == "3.15.0a1+local"


def test_another_implementation_isnt_combined_with_a_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {**packaging.markers.default_environment(), "implementation_name": "graalpy"}
    monkeypatch.setattr(platforms, "default_environment", lambda: dict(environment))
    with pytest.raises(UsageError, match="graalpy"):
        targets_for([], ["linux-x86_64"])


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="unknown platform 'linux-x99'"):
        targets_for(["3.12"], ["linux-x99"])
    with pytest.raises(UsageError, match="unknown Python '3'"):
        targets_for(["3"], ["linux-x86_64"])


def test_the_lists_name_both_halves() -> None:
    assert "linux-x86_64" in dict(known_platforms())
    assert "3.13t" in dict(known_pythons())
