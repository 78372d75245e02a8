"""Options that several commands share; each can also stand in a BUNDLER_… variable, and the command line wins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "DEFAULT_INDEX_URL",
    "cache_dir_option",
    "cache_options",
    "combined",
    "display_options",
    "option",
    "repeatable",
    "target_options",
]

#: Where packages come from unless told otherwise.
DEFAULT_INDEX_URL = "https://pypi.org/simple/"

_Command = TypeVar("_Command", bound=Callable[..., Any])


def option(*names: str, **settings: Any) -> Callable[[_Command], _Command]:
    """A click option with its variable, unless it names one: --index-url is BUNDLER_INDEX_URL."""
    long = next(name for name in names if name.startswith("--"))
    variable = "BUNDLER_" + long.split("/")[0].removeprefix("--").replace("-", "_").upper()
    return click.option(*names, **{"envvar": variable, **settings})


def repeatable(*names: str, metavar: str, text: str, **settings: Any) -> Callable[[_Command], _Command]:
    """An option that may stand several times; its help text says so."""
    return option(*names, multiple=True, metavar=metavar, help=f"{text} Repeatable.", **settings)


def combined(*decorators: Callable[[Any], Any]) -> Callable[[_Command], _Command]:
    """Several options as one decorator, in the order of the help text."""

    def decorate(command: _Command) -> _Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


target_options = combined(
    repeatable("--python", "pythons", metavar="VERSION", text="3.12, 3.12.4, 3.13t, pypy3.11."),
    repeatable(
        "--platform",
        "platforms",
        metavar="PLATFORM",
        text="linux-x86_64, alpine-x86_64, macos-arm64, windows-x86_64, a raw tag …, combined with every --python. "
        "Default: this machine. See `bundler target list`.",
    ),
    repeatable(
        "--target",
        "target_files",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE.json",
        text="A machine as `bundler target show` or pex describes it.",
    ),
)

cache_dir_option = option("--cache-dir", type=click.Path(path_type=Path), metavar="DIR", help="Where the cache is.")

cache_options = combined(
    cache_dir_option,
    option("--no-cache", is_flag=True, help="Use a temporary directory and remove it."),
)

display_options = combined(
    option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
    option("-v", "--verbose", count=True, help="Say more; twice: with tracebacks."),
    option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
    option("--no-progress", is_flag=True, help="No progress display, even on a terminal."),
    option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        help="When to colour.",
    ),
)
