"""Why not: the text a person needs when no set of versions fits.

For each project that the conflict is about: who asks for what (with file and line where a person wrote it), whether any
version meets all of that, and why each version that does fell out on this target, grouped by reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from packaging.utils import canonicalize_name

from bundler.errors import ResolutionError
from bundler.requirements.model import DeclaredRequirement
from bundler.resolution.candidates import Candidate, Release
from bundler.resolution.provider import Asked, Provider, Reporter, Shelf
from bundler.resolution.refusals import Reason, Rejection
from bundler.resolution.wants import Demand, Want

__all__ = ["explain"]

_SHOWN_VERSIONS = 4
_SHOWN_ASKERS = 8
_SHOWN_TEXT = 200  # characters of a requirement

_HINTS = {
    Reason.REQUIRES_PYTHON: "choose another Python with --python, or allow an older version of {name}",
    Reason.NO_TAG: "choose another --platform or --python, or allow another version of {name}",
    Reason.YANKED: "pin {name} with == to take a yanked version knowingly",
    Reason.OTHER_HASH: "correct the hashes of {name}, or its version",
    Reason.UNUSABLE: "choose a --python or --platform that {name} has wheels for, or allow another version of it",
    Reason.NO_DIGEST: "use an index that states sha256 hashes",
    Reason.NO_BINARY: "allow wheels of {name}: leave out --no-binary, or add --only-binary {name}",
    Reason.ONLY_BINARY: "allow an sdist of {name} with --no-binary {name}, or another version of it",
    Reason.EXCLUDED_BY_DATE: "choose a later --exclude-newer, or allow an older version of {name}",
    Reason.UNDATED: "allow files without a date (--allow-undated), or leave out --exclude-newer",
    Reason.UNHASHED: "write the hashes of {name} too: {name}==VERSION --hash=sha256:…",
}


def explain(causes: Iterable[Asked], provider: Provider, reporter: Reporter, demand: Demand) -> ResolutionError:
    """Turn a conflict into an error whose details tell it project by project."""
    by_name: dict[str, list[Asked]] = {}
    for cause in causes:
        by_name.setdefault(cause.requirement.key[0], []).append(cause)
    details: list[str] = []
    hints: list[str] = []
    for name, asked in by_name.items():
        told, hint = _project(name, _askers(name, asked, reporter), provider, demand.limits)
        details += told
        hints.append(hint)
    return ResolutionError(
        f"no versions satisfy the requirements together on {demand.target.name}",
        details=tuple(dict.fromkeys(details)),
        hint=hints[0] if hints else None,
    )


def _askers(name: str, causes: Sequence[Asked], reporter: Reporter) -> list[Asked]:
    """Who asks for a project; where its own candidates proved unusable, those who asked for them."""
    own = [cause for cause in causes if cause.requirement.impossible and cause.parent and cause.parent.name == name]
    others = [cause for cause in causes if cause not in own]
    return [*others, *reporter.asked.get(name, {}).values()] if own else others


def _project(
    name: str, asked: Sequence[Asked], provider: Provider, limits: Sequence[DeclaredRequirement]
) -> tuple[list[str], str]:
    lines = list(dict.fromkeys(_who(cause.requirement, cause.parent) for cause in asked))
    if len(lines) > _SHOWN_ASKERS:
        lines[_SHOWN_ASKERS:] = [f"and {len(lines) - _SHOWN_ASKERS} more ask for {name}"]
    lines += [
        f"{d.origin} limits it to {d.requirement}" for d in limits if canonicalize_name(d.requirement.name) == name
    ]
    wants = [cause.requirement for cause in asked if cause.requirement.impossible is None]
    shelf = provider.shelf(name)
    if shelf is None:
        return [*lines, f"{name}: no index knows this project"], f"check the spelling of {name}"
    if not wants:
        return lines, f"allow another version of {name}"
    releases = list(provider.allowed(shelf, wants))
    if not releases:
        lines.append(f"{name}: {_existing(shelf.releases)}")
        return lines, f"relax one of the requirements on {name}"
    refused, offered = _evaluated(shelf, releases, provider)
    lines += [f"{name} {line}" for line in _grouped(refused, offered)]
    return lines, _hint(name, refused, offered)


def _evaluated(shelf: Shelf, releases: Sequence[Release], provider: Provider) -> tuple[list[Rejection], list[Release]]:
    """Every file that was refused among these releases, and the releases that have one which wasn't."""
    unusable = provider.unusable.get(shelf.page.name, ())
    refused: list[Rejection] = []
    offered: list[Release] = []
    for release in releases:
        offers, rejections = provider.evaluate(shelf, release)
        later = [rejection for rejection in unusable if rejection.version == release.version]
        refused += [*later, *rejections]
        if {offer.file.filename for offer in offers} - {rejection.filename for rejection in later}:
            offered.append(release)
    return refused, offered


def _who(want: Want, parent: Candidate | None) -> str:
    text = want.text if len(want.text) <= _SHOWN_TEXT else f"{want.text[:_SHOWN_TEXT]}…"
    if want.impossible is not None and parent is not None:
        return f"{parent.name} {parent.version}: {want.impossible}"
    if want.impossible is not None:
        return f"{want.origin}: {want.impossible}"
    if parent is None:
        return f"{want.origin} asks for {text}"
    extra = f"[{parent.extra}]" if parent.extra else ""
    return f"{parent.name}{extra} {parent.version} asks for {text}"


def _existing(releases: Sequence[Release]) -> str:
    if not releases:
        return "the index has no wheel or sdist of it"
    versions = [str(release.version) for release in releases]
    return f"no version meets all of this; there are {_listed(versions)}"


def _grouped(refused: Iterable[Rejection], offered: Sequence[Release]) -> Iterator[str]:
    """One line per reason, versions newest first; a version with several reasons stands under its nearest miss."""
    taken = {release.version for release in offered}
    by_version: dict[object, Rejection] = {}
    for rejection in refused:
        known = by_version.get(rejection.version)
        if rejection.version not in taken and (known is None or _nearness(rejection) < _nearness(known)):
            by_version[rejection.version] = rejection
    groups: dict[str, list[Rejection]] = {}
    for rejection in by_version.values():
        reason = str(rejection).replace(f"({rejection.filename}: ", "(")  # many files may share one fault
        groups.setdefault(reason, []).append(rejection)
    for reason, rejections in groups.items():
        told = reason if len(rejections) > 1 else str(rejections[0])
        yield f"{_listed([str(rejection.version) for rejection in rejections])}: {told}"


_NEAREST_FIRST = (
    Reason.UNUSABLE,
    Reason.OTHER_HASH,
    Reason.UNHASHED,
    Reason.YANKED,
    Reason.NO_DIGEST,
    Reason.EXCLUDED_BY_DATE,
    Reason.UNDATED,
    Reason.NO_BINARY,
    Reason.ONLY_BINARY,
    Reason.REQUIRES_PYTHON,
    Reason.NO_TAG,
)


def _nearness(rejection: Rejection) -> int:
    return _NEAREST_FIRST.index(rejection.reason)


def _listed(versions: Sequence[str]) -> str:
    shown = ", ".join(versions[:_SHOWN_VERSIONS])
    more = len(versions) - _SHOWN_VERSIONS
    return f"{shown} and {more} older" if more > 0 else shown


def _hint(name: str, refused: Sequence[Rejection], offered: Sequence[Release]) -> str:
    if offered or not refused:
        return f"relax one of the requirements on {name}"
    nearest = min(refused, key=_nearness)
    return _HINTS[nearest.reason].format(name=name)
