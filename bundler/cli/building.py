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
@option(
    "--level",
    type=click.IntRange(1, 22),
    default=9,
    show_default=True,
    help="How hard to compress, as in zstd; 19 takes minutes.",
)
@option(
    "--no-recompress",
    is_flag=True,
    help="Keep every file as it is: built at once, unpacked by tar alone, and a third to more than twice as large.",
)
@display_options
@click.pass_obj
def build(settings: Settings, /, *, output: Path, level: int, no_recompress: bool, **asked: Any) -> None:
    """Resolve requirements for every target, fetch the files, and pack them into one BUNDLE.

    What is compressed in the files is kept once and compressed together, and comes out bit for bit as the index had it.
    No code of any package is run.
    """
    from bundler.operations.build import BuildRequest, build_bundle

    screen = Display.of(asked)
    plan = plan_of(settings, asked)
    request = BuildRequest(plan=plan, output=output, level=level, recompress=not no_recompress)
    with screen.progress() as progress:
        summary = build_bundle(request, progress)
    if not screen.quiet or screen.as_json:
        screen.result(_as_json(summary), _as_lines(summary))


def _as_lines(summary: BuildSummary) -> Iterator[str]:
    yield from chosen_lines(summary.chosen)
    for sdist in summary.sdists:
        yield f"sdist: {sdist} (installing it needs its build tools)"
    yield f"{counted(summary.files, 'file')}, {human_size(summary.artifact_bytes)}"
    yield f"wrote {summary.output} ({', '.join(_size(summary))})"
    yield f"identity {summary.identity}"


def _size(summary: BuildSummary) -> Iterator[str]:
    yield human_size(summary.bundle_bytes)
    if summary.artifact_bytes:
        yield f"{summary.bundle_bytes / summary.artifact_bytes:.0%} of the files".replace("%", " %")


def _as_json(summary: BuildSummary) -> dict[str, object]:
    return {
        "bundle": str(summary.output),
        "identity": str(summary.identity),
        "bundle_bytes": summary.bundle_bytes,
        "artifact_bytes": summary.artifact_bytes,
        "files": summary.files,
        "recompressed": summary.recompressed,
        "sdists": list(summary.sdists),
        **chosen_fields(summary.chosen),
    }
