"""Every kind of refusal, word for word: goldens/*.txt hold a situation and, below the line, what a person reads.

A situation is written in lines of their own words:

    wheel NAME VERSION …     a pure wheel of that version; "1.{0-9}" stands for ten versions
    file FILENAME …          any wheel or sdist
    known NAME               a project without files
    asks, limit, override    a line of requirements.txt, constraints.txt, overrides.txt
    lock NAME==VERSION       a project of pylock.toml
    target PYTHON PLATFORM
    option NAME[=VALUE]      a choice, as on the command line
    seconds COUNT            a budget that a ticking clock uses up

What follows a file is `requires=`, `python=` (Requires-Python), `metadata-python=` (in its metadata alone), `yanked=`,
`uploaded=`, `unusable=` (why), `no-digest`; what follows a requirement is `hash`, one that no file has, or
`hash=FILENAME`.

WRITE_GOLDENS=1 writes the texts anew; read each aloud before it is kept: would you know what to do?
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from bundler.digests import Digest
from bundler.errors import BundlerError, UnusableFile
from bundler.requirements.choices import Choices, Formats, NameRule
from bundler.requirements.locked import Lock, LockedFile, LockedProject
from bundler.requirements.model import DeclaredRequirement, Origin
from bundler.resolution.refusals import Reason
from bundler.targets.model import Target
from bundler.targets.platforms import targets_for
from tests.resolution.wanted import LINUX, resolution, ticking, unbounded
from tests.support.memory_source import MemorySource

_GOLDENS = sorted((Path(__file__).parent / "goldens").glob("*.txt"))
_LINE = "-" * 20
_MOST_LINES = 15
_WRONG = Digest.sha256(b"another file")
_FILES = {"asks": "requirements.txt", "limit": "constraints.txt", "override": "overrides.txt"}

#: How each reason is told.
_PHRASES = {
    Reason.NO_TAG: "wheels for ",
    Reason.REQUIRES_PYTHON: "needs Python ",
    Reason.EXCLUDED_BY_DATE: "(--exclude-newer)",
    Reason.UNUSABLE: " is unusable: ",
    Reason.YANKED: "and not pinned with ==",
}


@dataclass
class Situation:
    """What a golden's upper half says."""

    source: MemorySource = field(default_factory=MemorySource)
    declared: dict[str, list[DeclaredRequirement]] = field(default_factory=dict)
    locked: list[LockedProject] = field(default_factory=list)
    choices: Choices = field(default_factory=Choices)
    target: Target = LINUX
    seconds: float | None = None

    @classmethod
    def read(cls, text: str) -> Situation:
        situation = cls()
        for line in text.splitlines():
            word, *words = shlex.split(line, comments=True) or ["#"]
            if word != "#":
                situation._take(word, words)
        return situation

    def refusal(self) -> str:
        """What a person reads, as the command line prints it."""
        lock = Lock(source="pylock.toml", projects=tuple(self.locked), choose=lambda _: tuple(self.locked))
        with pytest.raises(BundlerError) as caught:
            resolution(
                self.source,
                *self.declared.get("asks", ()),
                constraints=tuple(self.declared.get("limit", ())),
                overrides=tuple(self.declared.get("override", ())),
                locks=(lock,) if self.locked else (),
                choices=self.choices,
                target=self.target,
                budget=unbounded() if self.seconds is None else ticking(self.seconds),
            )
        return f"error: {caught.value}\nhint: {caught.value.hint}\n"

    def _take(self, word: str, words: list[str]) -> None:
        match word:
            case "wheel":
                for version in _versions(words[1]):
                    self._add(f"{words[0]}-{version}-py3-none-any.whl", words[2:])
            case "file":
                for filename in _versions(words[0]):
                    self._add(filename, words[1:])
            case "known":
                self.source.know(words[0])
            case "target":
                (self.target,) = targets_for([words[0]], [words[1]])
            case "option":
                self.choices = _chosen(self.choices, *words[0].partition("=")[::2])
            case "seconds":
                self.seconds = float(words[0])
            case _:
                self._want(word, words[0], tuple(_hash(fact) for fact in words[1:]))

    def _want(self, word: str, text: str, hashes: tuple[Digest, ...]) -> None:
        if word == "lock":
            self.locked.append(_locked(text, hashes))
            return
        several = self.declared.setdefault(word, [])
        origin = Origin(source=_FILES[word], line=len(several) + 1)
        several.append(DeclaredRequirement(requirement=Requirement(text), origin=origin, hashes=hashes))

    def _add(self, filename: str, words: list[str]) -> None:
        facts: dict[str, Any] = {"requires": []}
        unusable = None
        for word in words:
            name, _, value = word.partition("=")
            match name:
                case "requires":
                    facts["requires"].append(value)
                case "python":
                    facts["requires_python"] = value
                case "metadata-python":
                    facts |= {"requires_python": value, "page_requires_python": ""}
                case "yanked":
                    facts["yanked"] = value
                case "uploaded":
                    facts["upload_time"] = value
                case "unusable":
                    unusable = UnusableFile(f"{filename}: {value}")
                case "no-digest":
                    facts["hashes"] = ()
                case _:
                    raise AssertionError(f"no such fact: {word}")
        facts["extras"] = re.findall(r"extra == '(\w+)'", " ".join(facts["requires"]))
        self.source.add(filename, **facts)
        if unusable is not None:
            self.source.fail_metadata(filename, unusable)


def _versions(text: str) -> Iterator[str]:
    match = re.search(r"\{(\d+)-(\d+)\}", text)
    if match is None:
        yield text
    else:
        for number in range(int(match[1]), int(match[2]) + 1):
            yield from _versions(text.replace(match[0], str(number)))


def _hash(fact: str) -> Digest:
    filename = fact.removeprefix("hash").removeprefix("=")
    return Digest.sha256(filename.encode()) if filename else _WRONG


def _locked(text: str, hashes: tuple[Digest, ...]) -> LockedProject:
    name, version = text.split("==")
    files = (LockedFile(filename=f"{name}.whl", hashes=hashes),) if hashes else ()
    return LockedProject(name=name, version=Version(version), origin=Origin(source="pylock.toml"), files=files)


def _chosen(choices: Choices, name: str, value: str) -> Choices:
    match name:
        case "only-binary":
            return replace(choices, formats=Formats(only_binary=NameRule.parse([value])))
        case "no-binary":
            return replace(choices, formats=Formats(no_binary=NameRule.parse([value])))
        case "exclude-newer":
            return replace(choices, exclude_newer=datetime.fromisoformat(value))
        case "require-hashes":
            return replace(choices, require_hashes=True)
        case _:
            raise AssertionError(f"no such option: {name}")


@pytest.mark.parametrize("path", _GOLDENS, ids=lambda path: path.stem)
def test_a_refusal_reads_as_agreed(path: Path) -> None:
    situation, _, expected = path.read_text().partition(f"{_LINE}\n")
    told = Situation.read(situation).refusal()
    if os.environ.get("WRITE_GOLDENS"):
        path.write_text(f"{situation}{_LINE}\n{told}")
    else:
        assert told == expected


@pytest.mark.parametrize("path", _GOLDENS, ids=lambda path: path.stem)
def test_a_refusal_is_short_and_ends_in_a_hint(path: Path) -> None:
    lines = path.read_text().partition(f"{_LINE}\n")[2].splitlines()
    assert 2 <= len(lines) <= _MOST_LINES
    assert max(map(len, lines)) <= 200
    assert re.fullmatch(r"hint: [a-z].*[^.]", lines[-1])
    assert len(set(lines)) == len(lines)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_told_in_some_refusal(reason: Reason) -> None:
    texts = [path.read_text().partition(f"{_LINE}\n")[2] for path in _GOLDENS]
    assert any(_PHRASES.get(reason, str(reason)) in text for text in texts)


def test_there_are_goldens_of_at_least_thirty_kinds() -> None:
    assert len(_GOLDENS) >= 30
