"""The terms that files of every kind share: the name of a project, a marker, the Pythons it holds for, hashes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidName, canonicalize_name

from bundler.digests import Digest
from bundler.distributions import parse_requirement
from bundler.errors import RequirementError
from bundler.requirements.origins import Origin
from bundler.requirements.quoting import quote

__all__ = ["check_hashes", "python_condition", "read_marker", "read_name"]


def read_name(text: str, origin: Origin | str) -> str:
    """Read a project's name and normalize it.

    Raises:
        RequirementError: not a name.
    """
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName as exc:
        raise RequirementError(f"{quote(text)} isn't the name of a project", origin=str(origin)) from exc


def read_marker(text: str, origin: Origin | str) -> Marker:
    """Read a PEP 508 marker.

    Raises:
        RequirementError: anything else.
    """
    try:
        marker = parse_requirement(f"x ; {text}").marker
    except ValueError:
        marker = None
    if marker is None:
        raise RequirementError(f"{quote(text)} isn't an environment marker", origin=str(origin))
    return marker


def python_condition(alternatives: Iterable[SpecifierSet]) -> str:
    """The text of a marker that holds where Python's version is in one of the sets; "" if it holds anywhere.

    Whoever reads it finds out whether there is such a marker: `===` takes any text.
    """
    texts = [
        " and ".join(sorted(f'python_full_version {each.operator} "{each.version}"' for each in specifier))
        for specifier in alternatives
    ]
    return " or ".join(texts) if all(texts) else ""


def check_hashes(hashes: Sequence[Digest], subject: str, origin: Origin | str, *, hint: str) -> None:
    """Check that a file of an index can be known by one of the hashes, if there are any.

    Raises:
        RequirementError: none is by SHA-256. An index states no other, and files are chosen before they are fetched;
            pip fetches first.
    """
    if hashes and all(digest.algorithm != "sha256" for digest in hashes):
        message = f"{subject} has no hash by sha256, and an index states no other"
        raise RequirementError(message, origin=str(origin), hint=hint)
