"""Where something that a person wrote stands."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COMMAND_LINE", "Origin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a requirement stands: a file and a 1-based line, or the command line."""

    source: str
    line: int | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


COMMAND_LINE = Origin(source="command line")
