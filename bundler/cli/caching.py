"""`bundler cache dir | info`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bundler.cli.display import Display
from bundler.cli.options import cache_dir_option, display_options
from bundler.cli.text import human_size

__all__ = ["cache"]


@click.group()
def cache() -> None:
    """Look at the cache."""


@cache.command(name="dir")
@cache_dir_option
def dir_(cache_dir: Path | None) -> None:
    """Print where the cache is."""
    from bundler.operations.caching import cache_directory

    click.echo(cache_directory(cache_dir))


@cache.command()
@cache_dir_option
@display_options
def info(cache_dir: Path | None, **display: Any) -> None:
    """Show what the cache holds, and whether it can be used."""
    from bundler.operations.caching import cache_report

    screen = Display(**display)
    report = cache_report(cache_dir)
    if screen.as_json:
        contents = [
            {"kind": c.kind, "files": c.files, "bytes": c.bytes, "oldest": c.oldest, "newest": c.newest}
            for c in report.contents
        ]
        screen.result({"directory": str(report.directory), "problem": report.problem, "contents": contents}, ())
        return
    screen.result(None, (f"{report.directory}: {report.problem or 'usable'}",))
    rows = [(c.kind, str(c.files), human_size(c.bytes), _date(c.oldest), _date(c.newest)) for c in report.contents]
    screen.table(["kind", "files", "size", "oldest", "newest"], rows)


def _date(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
