"""Poetry's version constraints, as PEP 440 specifiers: of the alternatives that "||" parts, one must hold.

"^" and "~" end before the next breaking release, "x" and "*" stand for any part, a bare version for that one, and
clauses are joined by commas or spaces. https://python-poetry.org/docs/dependency-specification/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.specifiers import SpecifierSet

from bundler.distributions import parse_specifier, parse_version

__all__ = ["read_constraint"]

_CLAUSE = re.compile(r"\s*(\^|~=?|[<>!=]=|[<>=]|)\s*v?([^\s,|^~<>!=][^\s,|^~<>=]*)\s*,?", re.IGNORECASE)
_WILDCARD = re.compile(r"((?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*)(?:\.[x*])+", re.IGNORECASE)
_ANY = re.compile(r"[x*](?:\.[x*])*", re.IGNORECASE)
_EXACT = {"": "==", "=": "=="}
_MAX_TEXT = 4096  # characters, as of a requirement


def read_constraint(text: str) -> tuple[SpecifierSet, ...]:
    """Read a constraint such as "^1.2", "~1.2.3", "1.*", ">=1,<2 || >=3".

    Raises:
        ValueError: not a constraint.
    """
    if len(text) > _MAX_TEXT:
        raise ValueError(f"a constraint of {len(text)} characters")
    return tuple(_conjunction(part) for part in re.split(r"\|\|?", text))


def _conjunction(text: str) -> SpecifierSet:
    clauses = list(_clauses(text))
    specifier = parse_specifier(",".join(filter(None, clauses)))
    if specifier is None or not clauses:
        raise ValueError(f"{text!r} isn't a version constraint")
    return specifier


def _clauses(text: str) -> Iterator[str]:
    place = 0
    while place < len(text):
        match = _CLAUSE.match(text, place)
        if match is None:
            raise ValueError(f"{text!r} isn't a version constraint")
        yield _clause(match[1], match[2])
        place = match.end()


def _clause(operator: str, version: str) -> str:
    if operator in ("^", "~"):
        return f">={version},<{_ceiling(operator, version)}"
    operator = _EXACT.get(operator, operator)
    if operator == "==" and _ANY.fullmatch(version):
        return ""
    wildcard = _WILDCARD.fullmatch(version)
    return f"{operator}{wildcard[1]}.*" if wildcard else f"{operator}{version}"


def _ceiling(operator: str, version: str) -> str:
    """The first release that is too new: "^" keeps the first part that isn't 0, of three at most, "~" the first two."""
    parsed = parse_version(version)
    if parsed is None:
        raise ValueError(f"{version!r} isn't a version")
    release = parsed.release[:3]
    significant = next((place for place, part in enumerate(release) if part), len(release) - 1)
    place = significant if operator == "^" else min(1, len(release) - 1)
    epoch = f"{parsed.epoch}!" if parsed.epoch else ""
    return epoch + ".".join(map(str, (*release[:place], release[place] + 1)))
