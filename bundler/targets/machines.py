"""What `--platform` names: a machine's markers and platform tags.

A name is a system and an architecture, with a floor where one is told (`linux-x86_64-glibc2.17`, `macos-arm64-14.0`),
or a raw platform tag (`manylinux_2_17_x86_64`; uv's way to turn it round, `x86_64-manylinux_2_17`, is understood). A
raw tag is a floor too: it stands for all that such a machine installs. Nothing here looks at the running machine.

Floors when none is told are uv's: glibc 2.28, musl 1.2, macOS 13.0, so that both tools choose the same wheels.
Left out: iOS, Android and Emscripten, for which a target description serves.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.tags import mac_platforms

from bundler.errors import UsageError

__all__ = ["KNOWN_PLATFORMS", "Platform", "platform_name"]

Floor = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _System:
    name: str
    #: Architecture in our names -> `platform_machine` as Python reports it there.
    machines: Mapping[str, str]
    #: os_name, sys_platform, platform_system.
    markers: tuple[str, str, str]
    #: What stands before the floor in a name, the floor when none is told, and the highest; Windows has none.
    floor_word: str = ""
    floor: Floor | None = None
    highest: Floor = (0, 0)
    title: str


_LINUX_MACHINES = ("x86_64", "aarch64", "i686", "armv7l", "ppc64le", "s390x", "riscv64", "loongarch64")
_LINUX = _System(
    name="linux",
    title="Linux with glibc",
    machines={machine: machine for machine in _LINUX_MACHINES},
    markers=("posix", "linux", "Linux"),
    floor_word="glibc",
    floor=(2, 28),
    highest=(2, 99),
)
_ALPINE = _System(
    name="alpine",
    title="Alpine and other Linux with musl",
    machines=_LINUX.machines,
    markers=_LINUX.markers,
    floor_word="musl",
    floor=(1, 2),
    highest=(1, 99),
)
_MACOS = _System(
    name="macos",
    title="macOS",
    machines={"arm64": "arm64", "x86_64": "x86_64"},
    markers=("posix", "darwin", "Darwin"),
    floor=(13, 0),
    highest=(99, 99),
)
_WINDOWS = _System(
    name="windows",
    title="Windows",
    machines={"x86_64": "AMD64", "arm64": "ARM64", "x86": "x86"},
    markers=("nt", "win32", "Windows"),
)
_SYSTEMS = {system.name: system for system in (_LINUX, _ALPINE, _MACOS, _WINDOWS)}
_TAG_SYSTEMS = {"manylinux": _LINUX, "musllinux": _ALPINE, "macosx": _MACOS}

#: PEP 600: the legacy names of three floors, newest first.
_LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
_WINDOWS_TAGS = {"x86_64": "win_amd64", "arm64": "win_arm64", "x86": "win32"}
_OTHER_SPELLINGS = {
    "linux-amd64": "linux-x86_64",
    "linux-arm64": "linux-aarch64",
    "macos-aarch64": "macos-arm64",
    "windows-aarch64": "windows-arm64",
    "windows-amd64": "windows-x86_64",
}

_NAME = re.compile(r"(linux|alpine|macos|windows)-([a-z0-9_]+)(?:-(glibc|musl|)([0-9]{1,2})(?:\.([0-9]{1,2}))?)?")
_RAW = re.compile(r"(manylinux|musllinux|macosx)_([0-9]{1,2})_([0-9]{1,2})_([a-z0-9_]+)")
_TURNED = re.compile(r"([a-z0-9_]+)-((?:manylinux|musllinux)[0-9_]+)")
_RAW_LEGACY = re.compile(r"(manylinux1|manylinux2010|manylinux2014)_([a-z0-9_]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    """What a name means; a Linux without floor is one of unknown C library (the raw tag `linux_x86_64`)."""

    system: _System
    architecture: str
    floor: Floor | None

    @property
    def name(self) -> str:
        plain = f"{self.system.name}-{self.architecture}"
        if self.floor is None or self.floor == self.system.floor:
            return plain
        return f"{plain}-{self.system.floor_word}{self.floor[0]}.{self.floor[1]}"

    def tags(self) -> Iterator[str]:
        """Platform tags, best first, in the order of packaging 26.3."""
        if self.system is _WINDOWS:
            yield _WINDOWS_TAGS[self.architecture]
        elif self.system is _MACOS:
            yield from mac_platforms(self.floor, self.architecture)
        else:
            yield f"linux_{self.architecture}"
            yield from self._libc_tags()

    def _libc_tags(self) -> Iterator[str]:
        if self.floor is None:
            return
        family = "manylinux" if self.system is _LINUX else "musllinux"
        for minor in range(self.floor[1], self.lowest[1] - 1, -1):
            yield f"{family}_{self.floor[0]}_{minor}_{self.architecture}"
            if self.system is _LINUX and (2, minor) in _LEGACY:
                yield f"{_LEGACY[2, minor]}_{self.architecture}"

    @property
    def lowest(self) -> Floor:
        """The oldest floor that has wheels: PEP 513 and 599 for manylinux, the first release for the others."""
        if self.system is _LINUX:
            return (2, 5) if self.architecture in {"x86_64", "i686"} else (2, 17)
        if self.system is _MACOS:
            return (10, 4) if self.architecture == "x86_64" else (11, 0)
        return (1, 0)

    def check(self, text: str) -> None:
        """Refuse a floor outside what the tags of the system can say."""
        if self.floor is not None and not self.lowest <= self.floor <= self.system.highest:
            low, high = ("{}.{}".format(*floor) for floor in (self.lowest, self.system.highest))
            floors = f"{self.system.floor_word} {low} to {high}".strip()
            raise UsageError(f"platform {text} can't be a target: {self.system.title} has the floors {floors}")

    def environment(self) -> dict[str, str]:
        os_name, sys_platform, platform_system = self.system.markers
        return {
            "os_name": os_name,
            "platform_machine": self.system.machines[self.architecture],
            "platform_release": "",
            "platform_system": platform_system,
            "platform_version": "",
            "sys_platform": sys_platform,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A machine that installs: `tags` best first, and the markers that the machine decides."""

    name: str
    tags: tuple[str, ...]
    environment: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read what `--platform` takes.

        Raises:
            UsageError: an unknown name, or a floor that has no tags.
        """
        plain = _TURNED.sub(r"\2_\1", text.strip().lower())
        named = _by_name(plain)
        machine = named or _by_tag(plain)
        if machine is None:
            raise _unknown(text)
        machine.check(text)
        return cls(name=named.name if named else plain, tags=tuple(machine.tags()), environment=machine.environment())


def platform_name(tags: Sequence[str]) -> str:
    """Name a machine by its platform tags: as `--platform` would where there is a name for it, else by its best tag."""
    best = next((tag for tag in tags if not tag.startswith("linux_")), tags[0])
    machine = _by_tag(best)
    return best if machine is None or best.startswith("linux_") else machine.name


def _by_name(text: str) -> _Machine | None:
    match = _NAME.fullmatch(text)
    if match is None or match[2] not in _SYSTEMS[match[1]].machines:
        return None
    system, floor = _SYSTEMS[match[1]], match[4] and (int(match[4]), int(match[5] or 0))
    if floor and (system.floor is None or match[3] != system.floor_word):
        return None
    return _machine(system, match[2], floor or system.floor)


def _by_tag(text: str) -> _Machine | None:
    if match := _RAW.fullmatch(text):
        return _machine(_TAG_SYSTEMS[match[1]], match[4], (int(match[2]), int(match[3])))
    if match := _RAW_LEGACY.fullmatch(text):
        floor = next(floor for floor, name in _LEGACY.items() if name == match[1])
        return _machine(_LINUX, match[2], floor)
    if text.startswith("linux_"):
        return _machine(_LINUX, text.removeprefix("linux_"), None)
    architecture = next((ours for ours, tag in _WINDOWS_TAGS.items() if tag == text), "")
    return _machine(_WINDOWS, architecture, None)


def _machine(system: _System, architecture: str, floor: Floor | None) -> _Machine | None:
    if architecture not in system.machines:
        return None
    if floor and system is _MACOS and floor[0] >= 11:
        floor = (floor[0], 0)  # since macOS 11 tags know no minor release
    return _Machine(system=system, architecture=architecture, floor=floor)


def _unknown(text: str) -> UsageError:
    names = [*(name for name, _ in KNOWN_PLATFORMS), *_OTHER_SPELLINGS]
    near = difflib.get_close_matches(text.strip().lower(), names, n=3)
    meant = dict.fromkeys(_OTHER_SPELLINGS.get(name, name) for name in near)
    return UsageError(
        f"unknown platform {text[:80]!r}",
        hint=(f"did you mean {', '.join(meant)}? " if meant else "") + "see `bundler target list`",
    )


def _explanation(system: _System, architecture: str) -> str:
    if system.floor is None:
        return f"{system.title}, {architecture}"
    floor = f"{system.floor_word} {system.floor[0]}.{system.floor[1]} or newer".strip()
    return f"{system.title}, {architecture}; {floor}"


#: What `bundler target list` shows; other floors and raw tags are understood as well.
KNOWN_PLATFORMS = tuple(
    (f"{system.name}-{architecture}", _explanation(system, architecture))
    for system in _SYSTEMS.values()
    for architecture in system.machines
)
