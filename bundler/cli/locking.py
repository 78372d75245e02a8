"""`bundler lock`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bundler.cli.display import Display
from bundler.cli.options import display_options, option, repeatable
from bundler.cli.planning import plan_of, plan_options
from bundler.cli.settings import Settings
from bundler.cli.summaries import chosen_fields, chosen_lines
from bundler.errors import UsageError

if TYPE_CHECKING:
    from bundler.operations.lock import LockSummary

__all__ = ["lock"]


@click.command(short_help="Requirements in, a pylock.toml out.")
@plan_options
@option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    default="pylock.toml",
    envvar="BUNDLER_LOCK_OUTPUT",
    show_default=True,
    metavar="FILE",
    help='The lock to write; "-" is standard output. The pins of one that is there are kept where they fit.',
)
@option("--per-target", is_flag=True, help="One pylock.TARGET.toml for each target, in the output's directory.")
@option("-U", "--upgrade", is_flag=True, help="Keep no pins of an existing lock.")
@repeatable("-P", "--upgrade-package", "upgraded", metavar="NAME", text="Keep all pins but NAME's.")
@display_options
@click.pass_obj
def lock(
    settings: Settings, /, *, output: Path, per_target: bool, upgrade: bool, upgraded: tuple[str, ...], **asked: Any
) -> None:
    """Resolve requirements for every target, and write what was chosen as a pylock.toml (PEP 751).

    pip and uv install from it; `bundler build -r pylock.toml` packs exactly what it names. No code of any package is
    run.
    """
    from packaging.utils import canonicalize_name

    from bundler.operations.lock import LockRequest, lock_requirements

    screen = Display.of(asked)
    if str(output) == "-" and (per_target or screen.as_json):
        raise UsageError("standard output holds one lock and nothing else", hint="name a file with -o")
    request = LockRequest(
        plan=plan_of(settings, asked),
        output=output,
        per_target=per_target,
        upgrade=upgrade,
        upgraded=frozenset(canonicalize_name(name) for name in upgraded),
    )
    with screen.progress() as progress:
        summary = lock_requirements(request, progress)
    if summary.text is not None:
        click.echo(summary.text, nl=False)
    if not screen.quiet or screen.as_json:
        screen.result(_as_json(summary), _as_lines(summary), aside=summary.text is not None)


def _as_lines(summary: LockSummary) -> Iterator[str]:
    yield from chosen_lines(summary.chosen)
    for path in summary.written:
        yield f"wrote {path}"


def _as_json(summary: LockSummary) -> dict[str, object]:
    return {"locks": [str(path) for path in summary.written], **chosen_fields(summary.chosen)}
