"""Targets as data: what `bundler target show` prints, `--target` reads and a bundle's manifest holds.

    {"name": "cp312-linux-x86_64", "environment": {"os_name": "posix", …}, "tags": ["cp312-cp312-linux_x86_64", …]}

pex's complete-platform JSON is read too: {"path", "compatible_tags", "marker_environment"}; it has no name, so one is
made from its markers and tags. A description comes from another machine and is checked in full: every marker variable
of PEP 508, plain tags, a name that may stand in a file name, and ceilings on all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

import msgspec
from packaging.tags import Tag

from bundler.distributions import parse_version
from bundler.errors import UsageError
from bundler.targets.model import MARKER_VARIABLES, Target
from bundler.targets.platforms import target_name

__all__ = ["describe", "from_description", "read_descriptions"]

_MAX_TEXT = 8 << 20  # characters; the longest that we make, for macOS 26 on x86_64, has 180 KB
_MAX_TAGS = 50_000
_MAX_VALUE = 1000  # characters
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}")
_PLAIN = re.compile(r"[A-Za-z0-9_.+ -]*")
_FREE = {"platform_release", "platform_version"}  # sentences on some systems; the rest are words that stand in markers
_TAG = re.compile(r"([a-z0-9_]+)-([a-z0-9_]+)-([a-z0-9_]+)", re.IGNORECASE | re.ASCII)


_OneOrMore = dict[str, object] | Annotated[list[dict[str, object]], msgspec.Meta(min_length=1)]


class _Description(msgspec.Struct):
    name: str
    environment: dict[str, str]
    tags: list[str]


class _CompletePlatform(msgspec.Struct):
    """What pex writes with `pex3 interpreter inspect --markers --tags`."""

    marker_environment: dict[str, str]
    compatible_tags: list[str]


def describe(target: Target) -> dict[str, object]:
    """The description of a target; `from_description` gives the same target back."""
    return {
        "name": target.name,
        "environment": dict(target.environment),
        "tags": [str(tag) for tag in target.tags],
    }


def from_description(mapping: Mapping[str, object]) -> Target:
    """The target that a description, ours or pex's, stands for.

    Raises:
        ValueError: keys missing, wrong types, or values out of bounds; the message is a clause without a subject.
    """
    try:
        if "marker_environment" in mapping:
            platform = msgspec.convert(mapping, _CompletePlatform)
            return _target(platform.marker_environment, platform.compatible_tags)
        description = msgspec.convert(mapping, _Description)
        return _target(description.environment, description.tags, name=description.name)
    except msgspec.ValidationError as exc:
        raise ValueError(str(exc)) from exc


def read_descriptions(text: str, source: str) -> tuple[Target, ...]:
    """Read the JSON that `--target` points at, one description or a list of them; `source` is the file's name.

    Raises:
        UsageError: not JSON, or not the description of a target.
    """
    if len(text) > _MAX_TEXT:
        raise UsageError(f"{source} isn't the description of a target: it is longer than {_MAX_TEXT} characters")
    try:
        found = msgspec.json.decode(text.removeprefix("\ufeff"), type=_OneOrMore)
        return tuple(from_description(each) for each in (found if isinstance(found, list) else [found]))
    except (ValueError, msgspec.MsgspecError, RecursionError) as exc:
        raise UsageError(
            f"{source} isn't the description of a target: {str(exc)[:300]}",
            hint="give what `bundler target show` or `pex3 interpreter inspect --markers --tags` prints there",
        ) from exc


def _target(environment: Mapping[str, str], texts: list[str], *, name: str | None = None) -> Target:
    variables = _environment(environment)
    if not 1 <= len(texts) <= _MAX_TAGS:
        raise ValueError(f"{len(texts)} tags, where 1 to {_MAX_TAGS} are expected")
    tags = tuple(_tag(text) for text in texts)
    name = target_name(environment, tags) if name is None else name
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name[:120]!r} can't be the name of a target")
    return Target(name=name, environment=variables, tags=tags)


def _environment(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    missing = [variable for variable in MARKER_VARIABLES if variable not in environment]
    if missing:
        raise ValueError(f"its environment has no {missing[0]}")
    variables = tuple((variable, environment[variable]) for variable in MARKER_VARIABLES)
    for variable, value in variables:
        plain = value.isprintable() if variable in _FREE else _PLAIN.fullmatch(value)
        if len(value) > _MAX_VALUE or not plain:
            raise ValueError(f"its {variable} can't be {value[:80]!r}")
    full, short = parse_version(environment["python_full_version"]), parse_version(environment["python_version"])
    if full is None or short is None or len(short.release) != 2 or full.release[:2] != short.release:
        raise ValueError("its python_version and python_full_version aren't of one Python")
    return variables


def _tag(text: str) -> Tag:
    match = _TAG.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:120]!r} isn't a tag")
    return Tag(match[1], match[2], match[3])
