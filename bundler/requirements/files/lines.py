"""The lines of a requirements file, before anybody knows what they mean.

As in pip: a backslash at the end continues a line, a comment line ends the continuation, and `${NAME}` stands for an
environment variable, with upper-case letters, digits and underscores. Two things are stricter: bytes that aren't UTF-8
are refused, where pip goes by a coding comment or the locale, and so is a variable that is unset or empty, which pip
leaves in the URL as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bundler.errors import RequirementError
from bundler.requirements.origins import Origin
from bundler.requirements.toml_documents import decode

__all__ = ["expand", "logical_lines"]

_MAX_LINE = 256 << 10  # characters; shlex takes quadratic time for an open quote
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


def logical_lines(data: bytes, name: str) -> Iterator[tuple[Origin, str]]:
    """Give every line that says something, continued ones joined, with the number of its first line.

    Raises:
        RequirementError: bytes that aren't UTF-8, or a line of more than 256 Ki characters.
    """
    parts: list[str] = []
    first = 1
    for number, line in enumerate(decode(data, name).splitlines(), start=1):
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


def expand(line: str, environment: Mapping[str, str], origin: Origin) -> str:
    """Fill in the variables. The result may hold secrets: no message may quote it.

    Raises:
        RequirementError: a variable that is unset or empty.
    """

    def value(match: re.Match[str]) -> str:
        if found := environment.get(match[1]):
            return found
        raise RequirementError(
            f"the variable {match[1][:80]} isn't set", origin=str(origin), hint="set it in the environment"
        )

    return _VARIABLE.sub(value, line)


def _stripped(line: str, origin: Origin) -> Iterator[tuple[Origin, str]]:
    if len(line) > _MAX_LINE:
        raise RequirementError(f"a line of {len(line)} characters isn't read", origin=str(origin))
    line = _COMMENT.sub("", line).strip()
    if line:
        yield origin, line
