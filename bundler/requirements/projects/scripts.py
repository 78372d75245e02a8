"""PEP 723: what a single-file script says, in a comment of its own, that it needs.

`dependencies` and the same parts of [tool.uv] as in a project. `requires-python` chooses nothing here: the targets are
named to bundler. A script without the comment is refused, since nobody but its author knows what it imports.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from bundler.errors import RequirementError
from bundler.requirements.files.references import Locate
from bundler.requirements.model import RequirementSet
from bundler.requirements.projects.sources import wanted
from bundler.requirements.projects.uv import UvTool
from bundler.requirements.toml_documents import TomlDocument, decode

__all__ = ["read_script"]

_START = re.compile(r"# /// ([a-zA-Z0-9-]+)")
_END = "# ///"
_HINT = 'add the comment "# /// script" with its dependencies (PEP 723), or name requirements in its place'


class _Tool(msgspec.Struct):
    uv: dict[str, object] = {}


class _Script(msgspec.Struct):
    dependencies: list[str] = []
    tool: _Tool = msgspec.field(default_factory=_Tool)


def read_script(data: bytes, name: str, *, locate: Locate) -> RequirementSet:
    """Read the script block of a Python file.

    Raises:
        RequirementError: none, more than one, or one that isn't understood.
    """
    document = _block(decode(data, name), name)
    script = document.convert(_Script)
    uv = UvTool.read(script.tool.uv, document, locate)
    parts = [part for text in script.dependencies for part in uv.parts(text)]
    return wanted(parts, uv.options(), constraints=uv.constraints(), overrides=uv.overrides())


def _block(text: str, name: str) -> TomlDocument:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blocks = [(first, content) for kind, first, content in _blocks(lines) if kind == "script"]
    if not blocks:
        raise RequirementError("the script doesn't say what it needs", origin=name, hint=_HINT)
    if len(blocks) > 1:
        line = blocks[1][0] - 1
        raise RequirementError("there is a second script block", origin=f"{name}:{line}", hint="leave one (PEP 723)")
    ((first, content),) = blocks
    return TomlDocument.parse("\n".join(line[2:] for line in content), name, first_line=first)


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, int, Sequence[str]]]:
    """The type of each block, the number of its first line within, and its lines.

    The same as the PEP's regular expression, which takes quadratic time where blocks don't end: in a run of comment
    lines the first start and the last end make a block, with something between them.
    """
    for are_comments, numbered in groupby(enumerate(lines, start=1), lambda pair: _is_comment(pair[1])):
        run = list(numbered)
        starts = [place for place, (_, line) in enumerate(run) if _START.fullmatch(line)]
        ends = [place for place, (_, line) in enumerate(run) if line == _END]
        if are_comments and starts and ends and ends[-1] - starts[0] > 1:
            content = run[starts[0] + 1 : ends[-1]]
            yield run[starts[0]][1].split()[-1], content[0][0], [line for _, line in content]


def _is_comment(line: str) -> bool:
    return line == "#" or line.startswith("# ")
