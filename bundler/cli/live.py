"""Progress on a terminal, by rich; imported only when there is one."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TaskID, TextColumn, TransferSpeedColumn

from bundler.cli.text import plain

__all__ = ["LiveProgress"]


class LiveProgress:
    """A spinner while the total isn't known, a bar with bytes and files once it is."""

    def __init__(self, console: Console, *, details: bool) -> None:
        self._console = console
        self._details = details
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._files = 0

    def __enter__(self) -> LiveProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def begin(self, stage: str, *, total_bytes: int | None = None, total_files: int | None = None) -> None:
        """Replace the display of the former stage."""
        self._stop()
        columns = [SpinnerColumn(), TextColumn("{task.description}")]
        if total_bytes is not None:
            columns += [BarColumn(), DownloadColumn(), TransferSpeedColumn()]
        if total_files is not None:
            columns += [TextColumn("{task.fields[files]}" + f"/{total_files} files")]
        self._progress = Progress(*columns, console=self._console, transient=True)
        self._task = self._progress.add_task(plain(stage), total=total_bytes, files=0)
        self._files = 0
        self._progress.start()

    def advance(self, *, nbytes: int = 0, files: int = 0) -> None:
        """Move the bar."""
        if self._progress is not None and self._task is not None:
            self._files += files
            self._progress.update(self._task, advance=nbytes, files=self._files)

    def note(self, line: str) -> None:
        """A line above the display."""
        self._console.print(plain(line))

    def detail(self, line: str) -> None:
        """A line above the display, with -v."""
        if self._details:
            self._console.print(plain(line))

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
