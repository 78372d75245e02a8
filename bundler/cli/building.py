"""`bundler build`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bundler.cli.display import Display
from bundler.cli.options import display_options, option
from bundler.cli.planning import plan_of, plan_options
from bundler.cli.settings import Settings
from bundler.cli.summaries import chosen_fields, chosen_lines
from bundler.cli.text import counted, human_size

if TYPE_CHECKING:
    from bundler.operations.build import BuildSummary

__all__ = ["build"]


@click.command(short_help="Requirements in, one bundle out.")
@plan_options
@option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="BUNDLE",
    help="The file to write; one that is there is replaced once the new one is whole.",
)
@display_options
@click.pass_obj
def build(settings: Settings, /, *, output: Path, **asked: Any) -> None:
    """Resolve requirements for every target, fetch the files, and pack them into one BUNDLE.

    No code of any package is run.
    """
    from bundler.operations.build import BuildRequest, build_bundle

    screen = Display.of(asked)
    request = BuildRequest(plan=plan_of(settings, asked), output=output)
    with screen.progress() as progress:
        summary = build_bundle(request, progress)
    if not screen.quiet or screen.as_json:
        screen.result(_as_json(summary), _as_lines(summary))


def _as_lines(summary: BuildSummary) -> Iterator[str]:
    yield from chosen_lines(summary.chosen)
    for sdist in summary.sdists:
        yield f"sdist: {sdist} (installing it needs its build tools)"
    yield f"{counted(summary.files, 'file')}, {human_size(summary.artifact_bytes)}"
    yield f"wrote {summary.output} ({human_size(summary.bundle_bytes)})"
    yield f"identity {summary.identity}"


def _as_json(summary: BuildSummary) -> dict[str, object]:
    return {
        "bundle": str(summary.output),
        "identity": str(summary.identity),
        "bundle_bytes": summary.bundle_bytes,
        "artifact_bytes": summary.artifact_bytes,
        "files": summary.files,
        "sdists": list(summary.sdists),
        **chosen_fields(summary.chosen),
    }
