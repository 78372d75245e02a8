"""`bundler build`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bundler.cli.display import Display
from bundler.cli.options import DEFAULT_INDEX_URL, cache_options, display_options, option, target_options
from bundler.cli.text import counted, human_size
from bundler.errors import UsageError

if TYPE_CHECKING:
    from bundler.operations.build import BuildSummary

__all__ = ["build"]


@click.command(short_help="Requirements in, one bundle out.")
@click.argument("requirements", nargs=-1, metavar="[REQUIREMENT]...")
@option(
    "-r",
    "--requirement",
    "requirement_files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file of requirements. Repeatable.",
)
@option(
    "-c",
    "--constraint",
    "constraint_files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file of constraints. Repeatable.",
)
@option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="BUNDLE",
    help="The file to write; one that is there is replaced once the new one is whole.",
)
@target_options
@option("--index-url", default=DEFAULT_INDEX_URL, show_default=True, metavar="URL", help="The package index.")
@cache_options
@display_options
def build(
    *,
    requirements: tuple[str, ...],
    requirement_files: tuple[Path, ...],
    constraint_files: tuple[Path, ...],
    output: Path,
    pythons: tuple[str, ...],
    platforms: tuple[str, ...],
    target_files: tuple[Path, ...],
    index_url: str,
    cache_dir: Path | None,
    no_cache: bool,
    **display: Any,
) -> None:
    """Resolve requirements for every target, fetch the files, and pack them into one BUNDLE.

    No code of any package is run.
    """
    from bundler.operations.build import BuildRequest, build_bundle
    from bundler.operations.inputs import read_targets, read_wanted

    screen = Display(**display)
    for path in (*requirement_files, *constraint_files, *target_files):
        if output.exists() and path.exists() and output.samefile(path):
            raise UsageError(f"{output} is asked for as input and as output", hint="name another file with -o")
    request = BuildRequest(
        wanted=read_wanted(requirements, requirement_files, constraint_files),
        targets=read_targets(pythons, platforms, target_files),
        output=output,
        index_url=index_url,
        cache_dir=cache_dir,
        no_cache=no_cache,
    )
    with screen.progress() as progress:
        summary = build_bundle(request, progress)
    if not screen.quiet or screen.as_json:
        screen.result(_as_json(summary), _as_lines(summary))


def _as_lines(summary: BuildSummary) -> Iterator[str]:
    for warning in summary.warnings:
        yield f"warning: {warning}"
    yield from _passed_over(summary)
    for name, pins in summary.pins_by_target:
        yield f"{name}: {counted(pins, 'package')}"
    for sdist in summary.sdists:
        yield f"sdist: {sdist} (no wheel of that version fits; installing it needs its build tools)"
    yield f"{counted(summary.files, 'file')}, {human_size(summary.artifact_bytes)}"
    yield f"wrote {summary.output} ({human_size(summary.bundle_bytes)})"
    yield f"identity {summary.identity}"


def _passed_over(summary: BuildSummary) -> Iterator[str]:
    """Newer versions that weren't taken, those of one project that have one reason on one line."""
    grouped: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for passed in summary.passed_over:
        grouped.setdefault((passed.name, passed.reason, passed.targets), []).append(passed.version)
    for (name, reason, targets), versions in grouped.items():
        yield f"passed over {name} {', '.join(versions)} ({', '.join(targets)}): {reason}"


def _as_json(summary: BuildSummary) -> dict[str, object]:
    return {
        "bundle": str(summary.output),
        "identity": str(summary.identity),
        "bundle_bytes": summary.bundle_bytes,
        "artifact_bytes": summary.artifact_bytes,
        "files": summary.files,
        "sdists": list(summary.sdists),
        "targets": dict(summary.pins_by_target),
        "passed_over": [
            {"name": p.name, "version": str(p.version), "targets": list(p.targets), "reason": p.reason}
            for p in summary.passed_over
        ],
        "warnings": list(summary.warnings),
    }
