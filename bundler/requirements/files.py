"""requirements.txt: what is wanted, as people and tools write it down.

pip's grammar as far as it asks for projects by name: comments, continuations, nested -r and -c (relative to the file
they stand in), extras, environment markers, and hashes, of which any one binds. Every line that isn't understood is
refused with its file and line, the line being the first of a continued one; nothing is skipped in silence.

Left out on purpose: options of the installer (they belong on the command line, where a bundle's reader can see them),
URLs, paths and editables (a bundle holds files of an index), and `${VARIABLES}`.

The module is pure: `open_file` gets a path as written and the name of the file it is written in, and gives the name to
show and the bytes.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bundler.digests import STRONG_ALGORITHMS, Digest
from bundler.distributions import parse_requirement
from bundler.errors import RequirementError, UsageError
from bundler.requirements.model import DeclaredRequirement, RequirementSet
from bundler.requirements.origins import COMMAND_LINE as _COMMAND_LINE
from bundler.requirements.origins import Origin

__all__ = ["OpenFile", "read_requirements"]

OpenFile = Callable[[str, str | None], tuple[str, bytes]]

_MAX_DEPTH = 50  # files within files; a chain that long is a loop through links that the names don't show
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_OPTIONS = re.compile(r"(?:^|(?<=\s))-.*", re.DOTALL)
_INCLUDE = re.compile(r"(?:-([rc])|--(requirement|constraint)(?=[=\s]))=?(.*)", re.DOTALL)
_URL = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)  # one letter is a Windows drive
_NEARLY = re.compile(r"([\w.-]+\s*(?:\[[^]]*\])?)\s*(=>|=<|=|)\s*([0-9]\S*)")
_MAX_HINTED = 200  # characters; the pattern takes cubic time
_BY_NAME = "ask for it by name and version, such as name==1.0: a bundle holds files of an index"


def read_requirements(
    positional: Sequence[str],
    requirement_files: Sequence[str],
    constraint_files: Sequence[str],
    open_file: OpenFile,
) -> RequirementSet:
    """Read everything that is wanted: positional requirements first, then the files, in the order given.

    Raises:
        RequirementError: a line that isn't understood, bytes that aren't UTF-8, files that include each other.
        UsageError: from `open_file`, for a file that can't be read.
    """
    reading = _Reading(open_file=open_file)
    for text in positional:
        reading.requirements.append(_declared(text, _COMMAND_LINE))
    for path in requirement_files:
        reading.include(_Include(path=path, constraint=False, origin=_COMMAND_LINE), ())
    for path in constraint_files:
        reading.include(_Include(path=path, constraint=True, origin=_COMMAND_LINE), ())
    return RequirementSet(requirements=tuple(reading.requirements), constraints=tuple(reading.constraints))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Include:
    """-r or -c. As in pip, the option decides what the named file is, not the file it stands in."""

    path: str
    constraint: bool
    origin: Origin


@dataclass(slots=True, kw_only=True)
class _Reading:
    open_file: OpenFile
    requirements: list[DeclaredRequirement] = field(default_factory=list)
    constraints: list[DeclaredRequirement] = field(default_factory=list)
    #: What has been read, by name and kind: a file that many others include is read once.
    done: set[tuple[str, bool]] = field(default_factory=set)

    def include(self, include: _Include, within: tuple[str, ...]) -> None:
        """Read a file; `within` are the files that lead to it, outermost first."""
        try:
            name, data = self.open_file(include.path, within[-1] if within else None)
        except UsageError as exc:
            if not within:
                raise
            raise _error(exc.message, include.origin) from exc
        if name in within:
            raise _error(f"{name} includes itself", include.origin, details=(" → ".join((*within, name)),))
        if len(within) >= _MAX_DEPTH:
            raise _error(f"more than {_MAX_DEPTH} files include each other", include.origin)
        if (name, include.constraint) in self.done:
            return
        self.done.add((name, include.constraint))
        for origin, line in _logical_lines(_decode(data, name), name):
            self._line(line, origin, include, (*within, name))

    def _line(self, line: str, origin: Origin, include: _Include, within: tuple[str, ...]) -> None:
        if nested := _nested(line, origin):
            self.include(nested, within)
        elif include.constraint:
            self.constraints.append(_constraint(_declared(line, origin)))
        else:
            self.requirements.append(_declared(line, origin))


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise _error("the file isn't UTF-8", Origin(source=name, line=line), hint="save it as UTF-8") from exc


def _logical_lines(text: str, name: str) -> Iterator[tuple[Origin, str]]:
    """Join continued lines and drop comments, as pip does: a comment line ends a continuation."""
    parts: list[str] = []
    first = 1
    for number, line in enumerate(text.splitlines(), start=1):
        if not parts:
            first = number
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            parts.append(line[:-1])
            continue
        parts.append(f" {line}" if comment else line)
        yield from _stripped("".join(parts), Origin(source=name, line=first))
        parts = []
    yield from _stripped("".join(parts), Origin(source=name, line=first))


def _stripped(line: str, origin: Origin) -> Iterator[tuple[Origin, str]]:
    line = _COMMENT.sub("", line).strip()
    if line:
        yield origin, line


def _nested(line: str, origin: Origin) -> _Include | None:
    match = _INCLUDE.fullmatch(line)
    if match is None:
        return None
    paths = _split(match[3], origin)
    if len(paths) != 1 or "\0" in paths[0]:
        raise _error(f"{line[:80]!r} doesn't name one file", origin, hint='quote a path with spaces: -r "my file.txt"')
    if _URL.match(paths[0]) and "://" in paths[0]:
        raise _error(f"{paths[0]!r} is a URL", origin, hint="fetch the file first, and name it by its path")
    return _Include(path=paths[0], constraint="c" in (match[1], (match[2] or "")[:1]), origin=origin)


def _declared(line: str, origin: Origin) -> DeclaredRequirement:
    options = _OPTIONS.search(line)
    text = (line[: options.start()] if options else line).strip()
    if options and not text:
        raise _option_refused(line, origin)
    hashes = _hashes(_split(options[0], origin), origin) if options else ()
    _refuse_places(text, origin)
    try:
        requirement = parse_requirement(text)
    except ValueError as exc:
        raise _error(f"{text[:80]!r} isn't a requirement", origin, details=(str(exc),), hint=_hint(text)) from exc
    if requirement.url is not None:
        raise _error(f"{requirement.name} is asked for by URL", origin, hint=_BY_NAME)
    return DeclaredRequirement(requirement=requirement, origin=origin, hashes=hashes)


def _constraint(declared: DeclaredRequirement) -> DeclaredRequirement:
    if declared.requirement.extras:
        raise _error(
            f"the constraint on {declared.requirement.name} has extras",
            declared.origin,
            hint="leave the extras out here: constraints narrow versions and ask for nothing",
        )
    return declared


def _refuse_places(text: str, origin: Origin) -> None:
    plain = text.split(";", 1)[0].split("@", 1)[0]
    if _URL.match(plain):
        raise _error(f"{text[:80]!r} is a URL", origin, hint=_BY_NAME)
    if plain.strip().endswith(".txt"):
        raise _error(f"{text[:80]!r} isn't a requirement", origin, hint=f"did you mean -r {plain.strip()[:80]}?")
    if (
        plain.startswith((".", "/", "~"))
        or "/" in plain
        or "\\" in plain
        or plain.strip().endswith((".whl", ".tar.gz"))
    ):
        raise _error(f"{text[:80]!r} is a path", origin, hint=_BY_NAME)


def _option_refused(line: str, origin: Origin) -> RequirementError:
    option = re.split(r"[\s=]", line, maxsplit=1)[0][:80]
    if option in {"-e", "--editable"}:
        return _error("an editable requirement can't be bundled", origin, hint=_BY_NAME)
    hint = "leave it out here"
    if option in {"-i", "--index-url"}:
        hint += ", and give it to bundler on the command line: --index-url"
    return _error(f"the option {option} isn't understood in a requirements file", origin, hint=hint)


def _hashes(words: list[str], origin: Origin) -> tuple[Digest, ...]:
    digests = []
    remaining = iter(words)
    for word in remaining:
        option, equals, value = word.partition("=")
        if option != "--hash":
            raise _option_refused(word, origin)
        digests.append(_digest(value if equals else next(remaining, ""), origin))
    return tuple(digests)


def _digest(text: str, origin: Origin) -> Digest:
    try:
        digest = Digest.parse(text)
    except ValueError as exc:
        raise _error(f"--hash has no valid value: {text[:140]!r}", origin, hint="write --hash=sha256:…") from exc
    if digest.algorithm not in STRONG_ALGORITHMS:
        known = ", ".join(STRONG_ALGORITHMS)
        raise _error(f"--hash={digest.algorithm}:… is too weak to bind", origin, hint=f"use one of {known}")
    return digest


def _split(text: str, origin: Origin) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as exc:
        raise _error(f"{text.strip()[:80]!r} has a quote or backslash that isn't closed", origin) from exc


def _hint(text: str) -> str | None:
    match = _NEARLY.fullmatch(text) if len(text) <= _MAX_HINTED else None
    if match is None:
        return None
    operator = {"=>": ">=", "=<": "<="}.get(match[2], "==")
    return f"did you mean {match[1].strip()}{operator}{match[3]}?"


def _error(message: str, origin: Origin, *, details: tuple[str, ...] = (), hint: str | None = None) -> RequirementError:
    return RequirementError(message, origin=str(origin), details=details, hint=hint)
