"""A TOML document that a person wrote: what it says, and on which line.

TOML parsers don't tell lines, so they are looked up: a value is on the one line that holds it as a quoted string, a
key on the one line of its table that starts with it. What stands there twice, or in another spelling, has no line
rather than a wrong one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from bundler.errors import RequirementError
from bundler.requirements.origins import Origin
from bundler.requirements.quoting import shown

__all__ = ["TomlDocument", "decode"]

Form = TypeVar("Form")

_STRING = re.compile(r""""([^"\\]++)"|'([^']++)'""")
_KEY = re.compile(r"""["']?([\w.-]++)["']?[ \t]*+=""")
#: tomllib takes quadratic time and memory for a dotted key: 100 KB of it took 6 GB.
_DEEP = re.compile(r"""(?<![A-Za-z0-9_-])(?:(?:"[^"\n]*+"|'[^'\n]*+'|[A-Za-z0-9_-]++)[ \t]*+\.[ \t]*+){64}""")
_AT_LINE = re.compile(r"(.*) \(at line ([0-9]+), column [0-9]+\)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class TomlDocument:
    """A document of the file `name`: its table, and the lines of what stands in it once."""

    name: str
    table: Mapping[str, Any]
    #: By a string, or by "[table] key".
    lines: Mapping[str, int]

    @classmethod
    def parse(cls, data: bytes | str, name: str, *, first_line: int = 1) -> TomlDocument:
        """Read a document, which may be a part of a file that begins at a line of it.

        Raises:
            RequirementError: not UTF-8, or not TOML.
        """
        text = data if isinstance(data, str) else decode(data, name)
        if _DEEP.search(text):
            raise RequirementError("a key of more than 64 parts isn't read", origin=name)
        try:
            table = tomllib.loads(text)
        except (ValueError, RecursionError) as exc:
            raise _not_toml(exc, name, first_line) from exc
        return cls(name=name, table=table, lines=_lines(text, first_line))

    def convert(self, form: type[Form], value: object = None, *, at: str = "") -> Form:
        """The document, or a value out of it, in the form of a msgspec struct; `at` says where the value stands.

        Raises:
            RequirementError: it hasn't that form.
        """
        try:
            return msgspec.convert(self.table if value is None else value, form)
        except (ValueError, RecursionError) as exc:
            message = f"{at or 'the document'} isn't understood: {shown(str(exc))}"
            raise RequirementError(message, origin=self.name) from exc

    def origin(self, value: str, *, table: str | None = None) -> Origin:
        """Where a string stands, or with `table`, a key."""
        line = self.lines.get(value if table is None else f"[{table}] {value}")
        return Origin(source=self.name, line=line)


def decode(data: bytes, name: str) -> str:
    """The text of a file, which must be UTF-8; a byte order mark is no part of it.

    Raises:
        RequirementError: other bytes.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise RequirementError("the file isn't UTF-8", origin=f"{name}:{line}", hint="save it as UTF-8") from exc


def _not_toml(exc: Exception, name: str, first_line: int) -> RequirementError:
    match = _AT_LINE.fullmatch(str(exc))
    origin = Origin(source=name, line=int(match[2]) + first_line - 1 if match else None)
    detail = match[1] if match else str(exc)
    return RequirementError("the file isn't valid TOML", origin=str(origin), details=(shown(detail),))


def _lines(text: str, first_line: int) -> Mapping[str, int]:
    """The lines of what stands there once."""
    found: dict[str, int] = {}
    twice = set()
    for number, what in _marks(text, first_line):
        if found.setdefault(what, number) != number:
            twice.add(what)
    return {what: number for what, number in found.items() if what not in twice}


def _marks(text: str, first_line: int) -> Iterator[tuple[int, str]]:
    table = ""
    for number, line in enumerate(map(str.strip, text.split("\n")), start=first_line):
        if line.startswith("#"):
            continue
        if line.startswith("[") and (header := line.partition("#")[0].strip()).endswith("]"):
            table = header.strip("[] \t")
            parent, _, key = table.rpartition(".")
            yield number, f"[{parent}] {key}"
        elif match := _KEY.match(line):
            yield number, f"[{table}] {match[1]}"
        for string in _STRING.finditer(line):
            yield number, string[1] or string[2]
