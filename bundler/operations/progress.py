"""What an operation tells while it works; `cli` draws it, tests record it."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "Silent"]


class Progress(Protocol):
    """A listener; its methods may be called from several threads."""

    def begin(self, stage: str, *, total_bytes: int | None = None, total_files: int | None = None) -> None:
        """A stage starts ("resolving cp312-linux-x86_64", "downloading", "packing"); totals where they are known."""

    def advance(self, *, nbytes: int = 0, files: int = 0) -> None:
        """So much more of the stage is done."""

    def note(self, line: str) -> None:
        """A sentence that a person should see whatever the display (the cache can't be used, an extra is unknown)."""

    def detail(self, line: str) -> None:
        """A sentence for those who asked to see more (-v)."""


class Silent:
    """Tells nobody."""

    def begin(self, stage: str, *, total_bytes: int | None = None, total_files: int | None = None) -> None:
        """Ignore it."""

    def advance(self, *, nbytes: int = 0, files: int = 0) -> None:
        """Ignore it."""

    def note(self, line: str) -> None:
        """Ignore it."""

    def detail(self, line: str) -> None:
        """Ignore it."""
