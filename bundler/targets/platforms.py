"""Targets from names: every Python on every platform, or the running interpreter.

Named targets know nothing of the running machine; only what isn't named is taken from it, as packaging sees it. A name
says what makes a target differ: `cp312-linux-x86_64`, `cp312.4-linux-x86_64-glibc2.17`, `cp313t-windows-x86_64`,
`pp311-macos-arm64`, `cp312-manylinux_2_17_x86_64`. Its halves are the work of `targets.pythons` and `targets.machines`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from packaging.markers import default_environment
from packaging.tags import Tag, platform_tags, sys_tags

from bundler.errors import UsageError
from bundler.targets.machines import KNOWN_PLATFORMS, Platform, platform_name
from bundler.targets.model import MARKER_VARIABLES, Target
from bundler.targets.pythons import KNOWN_PYTHONS, Python

__all__ = ["known_platforms", "known_pythons", "running_target", "target_name", "targets_for"]


def targets_for(pythons: Sequence[str], platforms: Sequence[str]) -> tuple[Target, ...]:
    """Make the targets of every Python on every platform: Pythons outer, in the order given, each target once.

    No Python means the running interpreter's, no platform the running machine's.

    Raises:
        UsageError: a name that isn't known.
    """
    if not pythons and not platforms:
        return (running_target(),)
    interpreters = [Python.parse(text) for text in pythons] or [_running_python()]
    machines = [Platform.parse(text) for text in platforms] or [_running_platform()]
    targets = [_target(interpreter, machine) for interpreter in interpreters for machine in machines]
    return tuple({target.name: target for target in targets}.values())


def running_target() -> Target:
    """The running interpreter on the running machine, as packaging sees them."""
    environment, tags = _running_environment(), tuple(sys_tags())
    return Target(name=target_name(environment, tags), environment=_ordered(environment), tags=tags)


def target_name(environment: Mapping[str, str], tags: Sequence[Tag]) -> str:
    """Name a target by its markers and tags, as `targets_for` would: `cp311.7-linux-x86_64-glibc2.36`."""
    platforms = [tag.platform for tag in tags if tag.platform != "any"]
    return f"{Python.of_environment(environment, tags[0]).label}-{platform_name(platforms or ['any'])}"


def known_pythons() -> tuple[tuple[str, str], ...]:
    """What `--python` takes, each with a line that explains it; the list isn't closed."""
    return KNOWN_PYTHONS


def known_platforms() -> tuple[tuple[str, str], ...]:
    """What `--platform` takes, each with a line that explains it; other floors and raw tags are understood too."""
    return KNOWN_PLATFORMS


def _target(python: Python, platform: Platform) -> Target:
    return Target(
        name=f"{python.label}-{platform.name}",
        environment=_ordered({**platform.environment, **python.environment()}),
        tags=tuple(python.tags(platform.tags)),
    )


def _ordered(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((variable, environment[variable]) for variable in MARKER_VARIABLES)


def _running_environment() -> dict[str, str]:
    environment = cast("dict[str, str]", default_environment())
    if environment["sys_platform"] == "linux":  # the kernel's; a build must not change with it, and no marker asks
        environment |= {"platform_release": "", "platform_version": ""}
    if environment["python_full_version"].endswith("+"):  # built between releases; PEP 440 has no such version
        environment["python_full_version"] += "local"
    return environment


def _running_python() -> Python:
    python = Python.of_environment(_running_environment(), next(sys_tags()))
    if python.implementation not in {"cpython", "pypy"}:
        raise UsageError(
            f"the running interpreter, {python.implementation}, can't be combined with a platform",
            hint="say which Python will install, such as --python 3.12",
        )
    return python


def _running_platform() -> Platform:
    tags = tuple(platform_tags())
    return Platform(name=platform_name(tags), tags=tags, environment=_running_environment())
