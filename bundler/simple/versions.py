"""A page's files by version: what a resolver looks at before it reads any entry.

Only file names are looked at, and those cheaply, as a page holds 15,000: `parse_filename` is the judge once a file is.
Files without a PEP 440 version are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import itemgetter
from typing import Final

from packaging.version import Version

from bundler.distributions import parse_version
from bundler.simple.model import Versions

__all__ = ["are_versions", "versions_of"]

_SDIST_ENDINGS = (".tar.gz", ".zip")
# PEP 440's letters and separators, within lengths that `parse_version` takes; nothing longer names a usable file.
_NUMBER: Final = "[0-9]{1,99}+"
_VERSION: Final = (
    rf"(?:{_NUMBER}!)?+{_NUMBER}(?:\.{_NUMBER}){{0,20}}+(?:(?:a|b|rc){_NUMBER})?+(?:\.post{_NUMBER})?+(?:\.dev{_NUMBER})?+"
    r"(?:\+[a-z0-9]{1,99}+(?:\.[a-z0-9]{1,99}+){0,9}+)?+"
)
_LINES: Final = re.compile(rf"(?:{_VERSION}\n)*+")


def are_versions(lines: str) -> bool:
    """Whether each of these lines is a version as `versions_of` gives it, which `parse_version` can read."""
    return _LINES.fullmatch(lines) is not None


def versions_of(filenames: Iterable[str]) -> Versions:
    """Group a page's file names by version, newest first; each version's files are in the page's order."""
    written: dict[str, list[int]] = {}
    former, places = "", [0]
    for place, filename in enumerate(filenames):
        if former and filename.startswith(former):  # one more wheel of the version before: what most files are
            places.append(place)
            continue
        former, text = _guess(filename)
        if text:
            places = written.setdefault(text, [])
            places.append(place)
    parsed = [(version, text) for text in written if (version := parse_version(text)) is not None]
    grouped: dict[str, list[int]] = {}
    former_version, spelled = None, ""
    for version, text in sorted(parsed, key=itemgetter(0), reverse=True):
        if version == former_version:  # 1.0 and 1.0.0 are one version
            grouped[spelled] = sorted(grouped[spelled] + written[text])
        else:
            former_version, spelled = version, _spelled(version, text)
            grouped[spelled] = written[text]
    grouped.pop("", None)
    return Versions(texts=tuple(grouped), places=list(grouped.values()).__getitem__)


def _spelled(version: Version, text: str) -> str:
    """The version as `are_versions` takes it, or "" where it's absurd."""
    if are_versions(f"{text}\n"):
        return text
    normal = str(version)
    return normal if are_versions(f"{normal}\n") else ""


def _guess(filename: str) -> tuple[str, str]:
    """What a wheel's name shares with all of its version, and the version in it; empty where there is none."""
    if filename.endswith(".whl"):
        parts = filename.split("-", 2)
        return (f"{parts[0]}-{parts[1]}-", parts[1]) if filename.count("-") >= 4 else ("", "")
    for ending in _SDIST_ENDINGS:
        if filename.endswith(ending):
            return "", filename[: -len(ending)].rpartition("-")[2]
    return "", ""
