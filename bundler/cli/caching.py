"""`bundler cache dir | info`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bundler.cli.display import Display
from bundler.cli.options import cache_options, display_options

__all__ = ["cache"]


@click.group()
def cache() -> None:
    """Look at the cache."""


@cache.command(name="dir")
@cache_options
def dir_(cache_dir: Path | None, no_cache: bool) -> None:
    """Print where the cache is."""
    from bundler.operations.caching import cache_directory

    click.echo(cache_directory(cache_dir))
