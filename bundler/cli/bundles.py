"""`bundler expand | verify | inspect`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bundler.cli.display import Display
from bundler.cli.options import display_options, option, repeatable
from bundler.cli.text import counted, human_size, plain
from bundler.errors import UsageError

if TYPE_CHECKING:
    from bundler.bundle.manifest import Manifest

__all__ = ["expand", "inspect", "verify"]

_bundle = click.argument("bundle", metavar="BUNDLE", type=click.Path(allow_dash=True, path_type=Path))


@click.command(short_help="Turn a bundle into a find-links directory.")
@_bundle
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@option("-f", "--force", is_flag=True, help="Replace a former expansion in DIR.")
@repeatable("--only", metavar="NAME", text="Nothing but the files of this project, or the file of this name.")
@display_options
def expand(*, bundle: Path, directory: Path, force: bool, only: tuple[str, ...], **display: Any) -> None:
    """Turn BUNDLE ("-" is standard input) into DIR, a find-links directory for pip and uv.

    DIR must be new or empty. Every file is checked before DIR appears.
    """
    from bundler.operations.expand import expand_bundle, expand_only

    if only and force:
        raise UsageError("--only and --force don't go together", hint="name a new or empty directory")
    screen = Display(**display)
    with screen.progress() as progress:
        if only:
            manifest, written = expand_only(bundle, directory, only, progress=progress)
        else:
            manifest = expand_bundle(bundle, directory, force=force, progress=progress)
            written = manifest.artifacts
    if not screen.quiet or screen.as_json:
        screen.result(
            {"directory": str(directory), "identity": str(manifest.identity), "files": len(written)},
            (f"expanded {counted(len(written), 'file')} into {directory}", f"identity {manifest.identity}"),
        )


@click.command(short_help="Check every frame, size and hash of a bundle.")
@_bundle
@option("--rebuild", is_flag=True, help="Also put every file together in a temporary directory, and check it there.")
@display_options
def verify(*, bundle: Path, rebuild: bool, **display: Any) -> int:
    """Check every frame, size and hash of BUNDLE ("-" is standard input); exit 5 and name everything that is wrong."""
    from bundler.operations.verify import verify_bundle

    screen = Display(**display)
    with screen.progress() as progress:
        report = verify_bundle(bundle, progress, rebuild=rebuild)
    findings = list(report.findings)
    identity = str(report.identity) if report.identity else None
    if not screen.quiet or screen.as_json:
        screen.result(
            {"bundle": str(bundle), "identity": identity, "sound": not findings, "findings": findings},
            findings or (f"{bundle} is sound: {counted(report.files, 'file')}", f"identity {identity}"),
        )
    if findings:
        wrong = "is damaged" if identity else "can't be read as a bundle"
        click.echo(plain(f"error: {bundle} {wrong}"), err=True)
        return 5
    return 0


@click.command(short_help="Show what a bundle holds.")
@_bundle
@display_options
def inspect(bundle: Path, **display: Any) -> None:
    """Show what BUNDLE ("-" is standard input) holds: targets, packages, versions, sizes; with -v origins and more."""
    from bundler.operations.inspect import inspect_bundle

    screen = Display(**display)
    manifest = inspect_bundle(bundle)
    if screen.as_json:
        screen.result(_as_json(manifest), ())
        return
    screen.result(None, _heading(manifest))
    headings = ["package", "version", "size", "targets", "file", *(["stored", "origin"] if screen.verbose else [])]
    screen.table(headings, [row[: len(headings)] for row in sorted(_rows(manifest))])


def _heading(manifest: Manifest) -> Iterator[str]:
    total = sum(artifact.size for artifact in manifest.artifacts)
    yield f"identity {manifest.identity}"
    yield f"made by {manifest.producer_name} {manifest.producer_version}, format {manifest.format}"
    yield f"requirements: {', '.join(manifest.requirements)}"
    yield f"targets: {', '.join(target.name for target in manifest.targets)}"
    yield f"{counted(len(manifest.artifacts), 'file')}, {human_size(total)}"
    if manifest.content is not None:
        packs, rebuilt = manifest.content.packs, len(manifest.rebuilt)
        whole = len(manifest.artifacts) - rebuilt
        size = human_size(manifest.content.size)
        yield f"{rebuilt} put together from {counted(len(packs), 'pack')} ({size} unpacked), {whole} kept whole"
    yield ""


def _rows(manifest: Manifest) -> Iterator[tuple[str, ...]]:
    packages = {pin.artifact: pin for pin in manifest.pins}
    for artifact in manifest.artifacts:
        pin = packages[artifact.filename]
        everywhere = len(artifact.targets) == len(manifest.targets)
        yield (
            pin.name,
            pin.version,
            human_size(artifact.size),
            "all" if everywhere else ", ".join(artifact.targets),
            artifact.filename,
            artifact.stored,
            artifact.origin,
        )


def _as_json(manifest: Manifest) -> dict[str, object]:
    import json

    described: dict[str, object] = json.loads(manifest.encode())
    return {"identity": str(manifest.identity), **described}
