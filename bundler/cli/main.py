"""The entry point: one command group, one place where errors become text and exit codes.

Heavy imports (httpx, resolvelib, zstandard, rich) happen inside the commands that need them, so that `--help` is quick.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from bundler import __version__
from bundler.cli.building import build
from bundler.cli.bundles import expand, inspect, verify
from bundler.cli.caching import cache
from bundler.cli.locking import lock
from bundler.cli.settings import read_settings
from bundler.cli.targeting import target
from bundler.cli.text import plain
from bundler.errors import BundlerError, EnvironmentProblem, UsageError

__all__ = ["commands", "main"]

INTERRUPTED = 130
TERMINATED = 143

#: What [tool.bundler] says something to.
_OF_A_PROJECT = ("build", "lock", "cache")

_HELP = """\
Bundle Python packages here, install them where there is no network.

\b
  bundler build -r requirements.txt -o app.tar.zst      (connected)
  bundler expand app.tar.zst wheelhouse/                (isolated)
  pip install --no-index --find-links wheelhouse/ -r wheelhouse/requirements.txt
"""

_EPILOG = """\b
Every option can stand in a variable, several values separated by spaces: BUNDLER_INDEX_URL, BUNDLER_PYTHON …
and under [tool.bundler] in the project's pyproject.toml: index-url, python …

\b
Exit codes:
  0  done
  1  a fault of our own
  2  the command line, a requirement or a target can't be understood
  3  no set of versions satisfies the requirements
  4  the index or a file on it can't be used
  5  bytes aren't what their hash says, or the bundle is damaged, foreign or of a newer format
  7  disk full, no permission, read-only
  130, 143  interrupted, terminated
"""


@click.group(
    help=_HELP,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="bundler")
@click.pass_context
def commands(context: click.Context) -> None:
    """The group that the commands are added to."""
    if context.invoked_subcommand in _OF_A_PROJECT:
        context.obj = read_settings(Path.cwd(), commands)
        context.default_map = dict(context.obj.defaults)


for command in (build, lock, expand, verify, inspect, target, cache):
    commands.add_command(command)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_run(arguments))


def _terminate(_signum: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(TERMINATED)  # unwinds the context managers, which take their temporary files with them


def _run(arguments: list[str]) -> int:
    try:
        result = commands.main(arguments, prog_name="bundler", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as exc:
        if isinstance(exc, click.UsageError) and exc.ctx is not None:
            click.echo(exc.ctx.get_usage(), err=True)
        return _report(UsageError(exc.format_message()), arguments)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except BundlerError as exc:
        return _report(exc, arguments)
    except OSError as exc:
        return _report(EnvironmentProblem.from_os_error(exc, f"use {exc.filename or 'a file'}"), arguments)
    except Exception as exc:  # the last resort: a person never sees a traceback without -vv
        fault = BundlerError(
            f"a fault of bundler's own: {type(exc).__name__}: {exc}",
            hint="run again with -vv and report what it prints",
        )
        return _report(fault, arguments)


def _report(error: BundlerError, arguments: list[str]) -> int:
    import traceback

    if any(argument.startswith("-vv") for argument in arguments):
        for line in traceback.format_exc().splitlines():
            click.echo(plain(line), err=True)
    click.echo(plain(f"error: {error.message}"), err=True)
    for line in error.details:
        click.echo(plain(f"  {line}"), err=True)
    if error.hint:
        click.echo(plain(f"hint: {error.hint}"), err=True)
    return error.exit_code
