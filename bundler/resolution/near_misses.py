"""How nearly a version would have done: why none of its files suits the target, and what would let one in.

A version is told by its nearest miss among its wheels and, where that differs, by its sdist's. Tags tell the most: a
wheel that misses by the Python alone, or by a newer glibc, is worth more words than one for another system.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC

from packaging.version import Version

from bundler.distributions import parse_specifier, parse_version
from bundler.requirements.choices import Choices
from bundler.requirements.quoting import shown
from bundler.resolution.refusals import Reason, Rejection
from bundler.resolution.wheel_misses import wheel_miss
from bundler.targets.model import Target

__all__ = ["Miss", "grouped", "miss_of", "told_versions"]

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
_SHOWN_GROUPS = 4
_SHOWN_VERSIONS = 3

_REMEDIES = {
    Reason.OTHER_HASH: "correct the hashes or the version of {name}",
    Reason.UNHASHED: "write {name} with its hashes too ({name}=={version} --hash=sha256:…)",
    Reason.YANKED: "pin {name}=={version} to take a yanked version knowingly",
    Reason.NO_DIGEST: "use an index that states sha256 hashes of {name}",
    Reason.EXCLUDED_BY_DATE: "choose a later --exclude-newer",
    Reason.UNDATED: "take files without a date (--allow-undated), or leave out --exclude-newer",
    Reason.NO_BINARY: "allow wheels of {name}: add --only-binary {name}, or leave out --no-binary",
    Reason.ONLY_BINARY: "allow sdists of {name}: add --no-binary {name}, or leave out --only-binary",
}
_PYTHONS = tuple(Version(f"3.{minor}") for minor in range(6, 16))


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A version of which the target can take no file: why, in words that other versions may share, and what helps."""

    version: Version
    reason: str
    #: The same for this version alone.
    exact: str
    #: In the imperative; none where nothing but another version helps.
    remedies: tuple[str, ...]


def miss_of(name: str, rejections: Sequence[Rejection], target: Target, choices: Choices) -> Miss:
    """Tell one version by why its files (at least one) were refused."""
    sides = [
        min(side, key=lambda rejection: _NEAREST_FIRST.index(rejection.reason))
        for side in ([r for r in rejections if _is_wheel(r)], [r for r in rejections if not _is_wheel(r)])
        if side
    ]
    nearest = min(sides, key=lambda rejection: _NEAREST_FIRST.index(rejection.reason))
    told = [_told(side, rejections, target, choices) for side in sides]
    if len(sides) == 2 and told[0] != told[1] and sides[1].reason is not Reason.UNUSABLE:
        told[1] = (f"its sdist: {told[1][0]}", f"its sdist: {told[1][1]}")
    remedies = dict.fromkeys(_remedy(name, side, rejections, target) for side in sides)
    return Miss(
        version=nearest.version,
        reason="; ".join(dict.fromkeys(reason for reason, _ in told)),
        exact="; ".join(dict.fromkeys(exact for _, exact in told)),
        remedies=tuple(filter(None, remedies)),
    )


def grouped(misses: Iterable[Miss], everything: Sequence[Version]) -> list[str]:
    """One line per reason, that of the newest version first; the last ones in one line where there are many."""
    groups: dict[str, list[Miss]] = {}
    for miss in sorted(misses, key=lambda miss: miss.version, reverse=True):
        groups.setdefault(miss.reason, []).append(miss)
    lines = []
    several = list(groups.values())
    cut = _SHOWN_GROUPS if len(several) <= _SHOWN_GROUPS else _SHOWN_GROUPS - 1
    for group in several[:cut]:
        why = group[0].exact if len(group) == 1 else group[0].reason
        lines.append(f"{told_versions([miss.version for miss in group], everything)}: {why}")
    if rest := [miss.version for group in several[cut:] for miss in group]:
        lines.append(f"{told_versions(rest, everything)}: none of their files suits either")
    return lines


def told_versions(versions: Iterable[Version], everything: Sequence[Version]) -> str:
    """A few versions by name, many as a range: "1.0 to 1.9 (10 versions)" where no other stands between them."""
    ordered = sorted(versions)
    if len(ordered) <= _SHOWN_VERSIONS:
        *others, last = map(str, ordered)
        return f"{', '.join(others)} and {last}" if others else last
    between = [version for version in everything if ordered[0] <= version <= ordered[-1]]
    count = f"{len(ordered)} versions"
    if len(between) == len(ordered):
        return f"{ordered[0]} to {ordered[-1]} ({count})"
    return f"{count} from {ordered[0]} to {ordered[-1]}"


def _is_wheel(rejection: Rejection) -> bool:
    return rejection.filename.endswith(".whl")


def _told(rejection: Rejection, rejections: Sequence[Rejection], target: Target, choices: Choices) -> tuple[str, str]:
    """Why a file fell out: in words for several versions, and for this one."""
    reason, detail = rejection.reason, rejection.detail
    if reason is Reason.NO_TAG:
        return (told := wheel_miss(_filenames(rejections), target).reason), told
    if reason is Reason.REQUIRES_PYTHON:
        return (told := f"needs Python {detail}, the target has {_python(detail, target)}"), told
    if reason is Reason.EXCLUDED_BY_DATE and choices.exclude_newer is not None:
        limit = f"{choices.exclude_newer.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return f"uploaded after {limit} (--exclude-newer)", f"{detail}, and --exclude-newer is {limit}"
    if reason is Reason.YANKED and detail:
        return (told := f"yanked ({shown(detail)}), and not pinned with =="), told
    if reason is Reason.UNUSABLE:
        plain = detail.removeprefix(f"{rejection.filename}: ")
        kind = "wheel" if _is_wheel(rejection) else "sdist"
        return f"the {kind} is unusable: {plain}", f"{rejection.filename} is unusable: {plain}"
    return str(reason), str(rejection)


def _remedy(name: str, rejection: Rejection, rejections: Sequence[Rejection], target: Target) -> str:
    if rejection.reason is Reason.NO_TAG:
        return wheel_miss(_filenames(rejections), target).remedy
    if rejection.reason is Reason.REQUIRES_PYTHON:
        return _python_for(rejection.detail, target)
    if rejection.reason is Reason.UNUSABLE and not _is_wheel(rejection) and "isn't static" in rejection.detail:
        return f"build a wheel of {name} {rejection.version} elsewhere and give its directory with --find-links"
    return _REMEDIES.get(rejection.reason, "").format(name=name, version=rejection.version)


def _filenames(rejections: Iterable[Rejection]) -> list[str]:
    return [rejection.filename for rejection in rejections if rejection.reason is Reason.NO_TAG]


def _python(requires_python: str, target: Target) -> str:
    """The target's Python; without its patch level where that is 0 and doesn't matter."""
    text = str(target.python_version)
    matters = any(len(version.release) > 2 for version in _named(requires_python))
    return text if matters else text.removesuffix(".0")


def _python_for(requires_python: str, target: Target) -> str:
    """The Python to choose instead: the next newer one that is allowed, else the next older one."""
    specifier = parse_specifier(requires_python)
    pythons = sorted({*_PYTHONS, *(v for v in _named(requires_python) if v.release[:2] <= _PYTHONS[-1].release)})
    allowed = [python for python in pythons if specifier and specifier.contains(python, prereleases=True)]
    newer = [python for python in allowed if python > target.python_version]
    return f"choose --python {newer[0] if newer else allowed[-1]}" if allowed else ""


def _named(requires_python: str) -> list[Version]:
    """The versions of Python that a Requires-Python names."""
    versions = [parse_version(specifier.version) for specifier in parse_specifier(requires_python) or ()]
    return [version for version in versions if version is not None and version.major == 3 and not version.is_prerelease]
