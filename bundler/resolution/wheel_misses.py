"""Which wheels there are, where none suits a target: "wheels for cp312, none for cp314".

File names' tags tell it, shortened: `cp312` for a Python and its ABI, `manylinux_x86_64` for every glibc. A wheel
misses by the Python alone, by the floor of the system alone (glibc, musl, macOS), by the system, or by both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from packaging.tags import Tag

from bundler.distributions import Wheel, parse_filename
from bundler.errors import UnusableFile
from bundler.targets.machines import KNOWN_PLATFORMS
from bundler.targets.model import Target

__all__ = ["WheelMiss", "wheel_miss"]

_SHOWN = 4
_PLATFORM = re.compile(r"(manylinux|musllinux|macosx)_(\d+)_(\d+)_(\w+)")
#: PEP 600: what the older names of floors mean.
_LEGACY = {"manylinux1_": "manylinux_2_5_", "manylinux2010_": "manylinux_2_12_", "manylinux2014_": "manylinux_2_17_"}
_FLOORS = {"manylinux": "glibc", "musllinux": "musl", "macosx": "macOS"}
_SYSTEMS = {"manylinux": "linux", "musllinux": "alpine", "macosx": "macos"}
_WINDOWS = {"win_amd64": "windows-x86_64", "win_arm64": "windows-arm64", "win32": "windows-x86"}
_KNOWN = {name for name, _ in KNOWN_PLATFORMS}
_INTERPRETER = re.compile(r"(cp|pp)3(\d+)(t?)(-abi3)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelMiss:
    """Why a version's wheels don't suit a target, and what would, in the imperative; empty where that can't be said."""

    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class _System:
    """What a platform tag names."""

    #: Without a floor: "manylinux_x86_64".
    label: str
    kind: str = ""
    machine: str = ""
    floor: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, platform: str) -> _System:
        for legacy, name in _LEGACY.items():
            platform = platform.replace(legacy, name) if platform.startswith(legacy) else platform
        match = _PLATFORM.fullmatch(platform)
        if match is None:
            return cls(label=platform)
        kind, major, minor, machine = match.groups()
        return cls(label=f"{kind}_{machine}", kind=kind, machine=machine, floor=(int(major), int(minor)))

    @property
    def option(self) -> str:
        """What `--platform` calls it; empty where nothing short is right."""
        name = f"{_SYSTEMS[self.kind]}-{self.machine}" if self.kind else _WINDOWS.get(self.label, "")
        return name if name in _KNOWN else ""


def wheel_miss(filenames: Iterable[str], target: Target) -> WheelMiss:
    """Tell the wheels of one version by what they lack; none of them suits the target."""
    tags = [tag for filename in filenames for tag in _tags(filename)]
    pythons = {(tag.interpreter, tag.abi) for tag in target.tags}
    platforms = {tag.platform for tag in target.tags}
    right_platform = [tag for tag in tags if tag.platform in platforms]
    right_python = [tag for tag in tags if (tag.interpreter, tag.abi) in pythons]
    if right_platform:
        return _other_python(right_platform, target)
    if right_python:
        return _other_platform([_System.of(tag.platform) for tag in right_python], target)
    if not tags:
        return WheelMiss(reason="no wheel for this platform and Python")
    return _other_everything(tags, target)


def _other_everything(tags: Sequence[Tag], target: Target) -> WheelMiss:
    python, own = _own_python(target), _own_system(target)
    systems = [_System.of(tag.platform) for tag in tags]
    remedies = [_nearest_python(_pythons(tags), python), *(f"--platform {name}" for name in _options(systems, own)[:1])]
    return WheelMiss(
        reason=f"wheels for {_listed(_pythons(tags))} on {_labels(systems)}, none for {python} on {own.label}",
        remedy=" and ".join(remedies) if all(remedies) and len(remedies) == 2 else "",
    )


def _tags(filename: str) -> Iterator[Tag]:
    try:
        distribution = parse_filename(filename)
    except UnusableFile:
        return
    if isinstance(distribution, Wheel):
        yield from sorted(distribution.tags, key=str)


def _other_python(tags: Sequence[Tag], target: Target) -> WheelMiss:
    pythons = _pythons(tags)
    return WheelMiss(
        reason=f"wheels for {_listed(pythons)}, none for {_own_python(target)}",
        remedy=_nearest_python(pythons, _own_python(target)),
    )


def _other_platform(systems: Sequence[_System], target: Target) -> WheelMiss:
    own = _own_system(target)
    lowest = min((system for system in systems if system.label == own.label), default=None, key=lambda s: s.floor)
    if lowest is not None and own.kind:
        needs, has = (".".join(map(str, system.floor)) for system in (lowest, own))
        word = _FLOORS[own.kind].removeprefix("macOS")
        return WheelMiss(
            reason=f"needs {_FLOORS[own.kind]} {needs}, the target has {has}",
            remedy=f"choose --platform {own.option}-{word}{needs}",
        )
    options = _options(systems, own)
    return WheelMiss(
        reason=f"wheels for {_labels(systems)}, none for {own.label}",
        remedy=f"choose --platform {' or '.join(options[:2])}" if options else "",
    )


def _options(systems: Iterable[_System], own: _System) -> list[str]:
    """What `--platform` calls these systems, those of the target's own machine first."""
    names = dict.fromkeys(system.option for system in sorted(systems) if system.option)
    return sorted(names, key=lambda name: not name.endswith(f"-{own.machine}"))


def _labels(systems: Iterable[_System]) -> str:
    return _listed(sorted({system.label for system in systems}))


def _pythons(tags: Iterable[Tag]) -> list[str]:
    """The Pythons that wheels are for, oldest first: "cp39", "cp313t", "pp311"."""
    return sorted(
        {_python(tag) for tag in tags}, key=lambda label: (label[:2], len(re.split("[tmu-]", label)[0]), label)
    )


def _python(tag: Tag) -> str:
    if tag.abi == "none" or tag.interpreter.startswith("pp"):
        return tag.interpreter
    return tag.abi if tag.abi.startswith(tag.interpreter) else f"{tag.interpreter}-{tag.abi}"


def _nearest_python(labels: Iterable[str], own: str) -> str:
    """The option for the Python nearest to the target's own."""
    matches = [match for label in labels if (match := _INTERPRETER.fullmatch(label))]
    wanted = _INTERPRETER.fullmatch(own)
    if not matches or wanted is None:
        return ""
    own_minor = int(wanted[2])
    minors = [(match, max(int(match[2]), own_minor if match[4] else 0)) for match in matches]  # abi3: that and newer
    nearest, minor = min(minors, key=lambda m: (m[0][1] != wanted[1], abs(m[1] - own_minor), m[0][3] != wanted[3]))
    return f"choose --python {'pypy' if nearest[1] == 'pp' else ''}3.{minor}{nearest[3]}"


def _own_python(target: Target) -> str:
    return _pythons(target.tags[:1])[0]


def _own_system(target: Target) -> _System:
    """The platform that says most of a target: its best tag that has a floor, else its best."""
    systems = [_System.of(platform) for platform in dict.fromkeys(tag.platform for tag in target.tags)]
    return next((system for system in systems if system.kind), systems[0])


def _listed(labels: Sequence[str]) -> str:
    if len(labels) > _SHOWN + 1:
        return f"{', '.join(labels[:_SHOWN])} and {len(labels) - _SHOWN} more"
    return " and ".join((", ".join(labels[:-1]), labels[-1])) if len(labels) > 1 else labels[0]
