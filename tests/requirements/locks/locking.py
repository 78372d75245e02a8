"""What the tests of lock files share: samples, targets, and what a lock gives them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import ParamSpec

from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.version import Version

from bundler.digests import Digest
from bundler.errors import RequirementError
from bundler.requirements.locked import Chosen, Lock, LockedProject, Satisfies
from bundler.requirements.locks.pinned import LockedPackage
from bundler.targets.model import Target
from bundler.targets.platforms import targets_for
from tests.requirements import disk

__all__ = [
    "CLICK",
    "COLORAMA",
    "LINUX",
    "MACOS",
    "SAMPLES",
    "WINDOWS",
    "chosen",
    "mutations",
    "satisfying",
    "survives",
    "tables",
]

SAMPLES = disk.SAMPLES / "locks"
WINDOWS, LINUX, MACOS = targets_for(["3.12"], ["windows-x86_64", "linux-x86_64", "macos-arm64"])

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

Arguments = ParamSpec("Arguments")


def satisfying(target: Target) -> Satisfies:
    """How a target evaluates the markers of a lock."""

    def satisfies(marker: Marker | None, sets: Chosen) -> bool:
        try:
            return marker is None or marker.evaluate({**dict(target.environment), **sets}, context="lock_file")
        except (ValueError, KeyError):
            return False

    return satisfies


def survives(read: Callable[Arguments, Lock], *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
    """Read a lock and ask it for a target; nothing is worse than a RequirementError."""
    with contextlib.suppress(RequirementError):
        read(*args, **kwargs).choose(satisfying(LINUX))


def chosen(lock: Lock, target: Target) -> list[str]:
    """What a target takes: names and versions, or the reference of what has no files."""
    return [_shown(project) for project in lock.choose(satisfying(target))]


def _shown(project: LockedProject) -> str:
    return f"{project.name} {project.version}" if project.files else f"{project.name} @ {project.reference}"


_VALUES = [
    "name",
    "1.0",
    "*",
    "main",
    "^1",
    "https://files.example/name-1.0.tar.gz",
    "sha256:00",
    "os_name == 'nt'",
    ".",
]


def tables(keys: str) -> st.SearchStrategy[dict[str, object]]:
    """Tables that a TOML document may hold, with such keys on every level."""
    names = st.sampled_from(keys.split())
    leaves = st.booleans() | st.integers() | st.datetimes() | st.sampled_from(_VALUES) | st.text(max_size=5)
    inner = st.recursive(
        leaves,
        lambda each: st.lists(each, max_size=3) | st.dictionaries(names, each, max_size=5),
        max_leaves=10,
    )
    return st.dictionaries(names, inner, max_size=5)


def mutations(data: bytes) -> st.SearchStrategy[bytes]:
    """The sample with a few of its values, quotes or lines changed."""
    text = data.decode()
    spots = [match.span() for match in re.finditer(r'"[^"\n]*"|[0-9]+|^.*\n|\[+|\]+', text, re.MULTILINE)]
    replacements = st.sampled_from(['""', '"x"', "1", "-1", "[]", "{}", "true", '"1.0"', '"os_name == 1"', '"."', ""])
    changes = st.lists(st.tuples(st.sampled_from(spots), replacements), min_size=1, max_size=3)
    return changes.map(lambda each: _changed(text, each).encode())


def _changed(text: str, changes: list[tuple[tuple[int, int], str]]) -> str:
    for (start, end), replacement in sorted(changes, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text
