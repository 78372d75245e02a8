"""How results and progress look: results to standard output, everything else to standard error.

Colour never carries meaning. On a terminal progress is a live line; in a log it is one plain line per stage.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import click

from bundler.cli.text import counted, human_size, plain
from bundler.operations.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Display"]

Color = Literal["auto", "always", "never"]

#: Columns whose cells are set to the right.
_NUMBERS = ("files", "size")


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """What the common options ask for."""

    quiet: bool
    verbose: int
    as_json: bool
    no_progress: bool
    color: Color

    @classmethod
    def of(cls, asked: dict[str, Any]) -> Display:
        """Take the common options out of all that a command was asked."""
        return cls(**{name: asked.pop(name) for name in ("quiet", "verbose", "as_json", "no_progress", "color")})

    def result(self, value: object, lines: Iterable[str], *, aside: bool = False) -> None:
        """Print a result: the value as JSON with --json, else the lines, `aside` to standard error."""
        if self.as_json:
            click.echo(json.dumps(value, indent=2))
            return
        for line in lines:
            click.echo(plain(line), err=aside)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print rows under headings, in columns as wide as their widest cell."""
        lines = [headings, *rows]
        widths = [max(len(line[place]) for line in lines) for place in range(len(headings))]
        numbers = [heading in _NUMBERS for heading in headings]
        for line in lines:
            cells = zip(line, widths, numbers, strict=True)
            text = "  ".join(cell.rjust(width) if number else cell.ljust(width) for cell, width, number in cells)
            click.echo(plain(text.rstrip()))

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Show an operation's progress while the block runs."""
        if self.quiet:
            yield _Lines(notes=False, stages=False, details=False)
        elif self.no_progress or sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            yield _Lines(notes=True, stages=not self.no_progress, details=self.verbose > 0)
        else:
            from bundler.cli.live import LiveProgress

            with LiveProgress(self._console(), details=self.verbose > 0) as live:
                yield live

    def _console(self) -> Console:
        from rich.console import Console

        settings: dict[Color, dict[str, Any]] = {
            "always": {"force_terminal": True},
            "never": {"no_color": True, "color_system": None},
            "auto": {},
        }
        return Console(stderr=True, highlight=False, markup=False, **settings[self.color])


class _Lines:
    """Plain lines for a log."""

    def __init__(self, *, notes: bool, stages: bool, details: bool) -> None:
        self._notes = notes
        self._stages = stages
        self._details = details

    def begin(self, stage: str, *, total_bytes: int | None = None, total_files: int | None = None) -> None:
        """One line per stage."""
        if self._stages:
            files = [counted(total_files, "file")] if total_files is not None else []
            size = [human_size(total_bytes)] if total_bytes is not None else []
            click.echo(plain(": ".join([stage, *filter(None, [", ".join(files + size)])])), err=True)

    def advance(self, *, nbytes: int = 0, files: int = 0) -> None:
        """A log doesn't move."""

    def note(self, line: str) -> None:
        """A line of its own."""
        if self._notes:
            click.echo(plain(line), err=True)

    def detail(self, line: str) -> None:
        """A line of its own, with -v."""
        if self._details:
            click.echo(plain(line), err=True)
