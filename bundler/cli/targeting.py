"""`bundler target show | list`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bundler.cli.display import Display
from bundler.cli.options import display_options, target_options

__all__ = ["target"]


@click.group()
def target() -> None:
    """Describe machines that bundles can be built for."""


@target.command(short_help="Print a target as JSON.")
@target_options
def show(pythons: tuple[str, ...], platforms: tuple[str, ...], target_files: tuple[Path, ...]) -> None:
    """Print a target as JSON: this machine, or the one that the options name.

    Run it on the far machine, carry the file here, and give it to `bundler build --target FILE.json`.
    """
    import json

    from bundler.operations.inputs import read_targets
    from bundler.targets.descriptions import describe

    described = [describe(each) for each in read_targets(pythons, platforms, target_files)]
    click.echo(json.dumps(described[0] if len(described) == 1 else described, indent=2))


@target.command(name="list")
@display_options
def list_(**display: Any) -> None:
    """List the names that --python and --platform know."""
    from bundler.targets.platforms import known_platforms, known_pythons

    screen = Display(**display)
    known = {"python": dict(known_pythons()), "platform": dict(known_platforms())}
    if screen.as_json:
        screen.result(known, ())
        return
    for kind, names in known.items():
        screen.table([f"--{kind}", ""], names.items())
        click.echo()
