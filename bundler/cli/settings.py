"""[tool.bundler] of the project's pyproject.toml: every option, under the option's own name.

    [tool.bundler]
    python = ["3.12", "3.13"]
    platform = ["linux-x86_64"]
    output = "app.tar.zst"

    [[tool.bundler.index]]
    name = "internal"
    url = "https://index.example/simple/"
    projects = ["acme-tools"]

    [tool.bundler.lock]      what holds for one command only
    output = "pylock.toml"

`build`, `lock` and `cache` read it; what happens on the far machine doesn't depend on where it happens. The nearest
pyproject.toml counts, from the working directory upwards. Its values become the defaults of the command
line's options (variables and the command line win) and are checked as they would be there. Paths are relative to the
file. `output` outside a command's own table is `build`'s: the other command that has one has a default.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bundler.errors import UsageError

if TYPE_CHECKING:
    from bundler.requirements.options import NamedIndex

__all__ = ["Settings", "place_url", "read_settings"]

_INDEX = "index"
_INDEX_KEYS = ("name", "url", "projects", "explicit")
_BUILD_ONLY = "output"
#: Options whose values are paths, and those that are URLs or paths.
_PATHS = ("requirement", "constraint", "override", "target", "output", "cache-dir")
_PLACES = ("index-url", "extra-index-url", "find-links")
_MAX_FILE = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the project says; `project` is its pyproject.toml, None where there is none."""

    project: Path | None = None
    #: By command, and for a group by its commands: default values by parameter, as click takes them.
    defaults: Mapping[str, Any]
    #: [[tool.bundler.index]], as written.
    index_tables: tuple[Mapping[str, Any], ...] = ()

    def indexes(self) -> tuple[NamedIndex, ...]:
        """The named indexes, in order."""
        from packaging.utils import canonicalize_name

        from bundler.requirements.options import NamedIndex

        return tuple(
            NamedIndex(
                url=place_url(table["url"], self.project and self.project.parent),
                name=table.get("name"),
                projects=tuple(canonicalize_name(project) for project in table.get("projects", ())),
                explicit=table.get("explicit", False),
            )
            for table in self.index_tables
        )


def read_settings(start: Path, commands: click.Group) -> Settings:
    """Read the settings of the project that a directory is in.

    Raises:
        UsageError: the file can't be read, a key isn't one of ours, or a value is of the wrong type.
    """
    project = next((path for each in (start, *start.parents) if (path := each / "pyproject.toml").is_file()), None)
    if project is None:
        return Settings(defaults={})
    table = _table(project)
    own = {name: _subtable(table.pop(name), name, project) for name in commands.commands if name in table}
    index_tables = _index_tables(table.pop(_INDEX, []), project)
    _refuse_unknown(table, {key for key, _ in _options(commands)} | {_INDEX, *commands.commands}, project)
    defaults = {
        name: _defaults(command, table, own.get(name, {}), project) for name, command in commands.commands.items()
    }
    return Settings(project=project, defaults=defaults, index_tables=index_tables)


def _table(project: Path) -> dict[str, Any]:
    from bundler.requirements.toml_documents import TomlDocument

    try:
        if project.stat().st_size > _MAX_FILE:
            raise UsageError(f"{project} is larger than {_MAX_FILE >> 20} MiB, which no such file is")
        document = TomlDocument.parse(project.read_bytes(), str(project)).table
    except OSError as exc:
        raise UsageError(f"can't read {project}: {(exc.strerror or str(exc)).lower()}") from exc
    tools = document.get("tool", {})
    table = tools.get("bundler", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise UsageError(f"{project}: [tool.bundler] isn't a table")
    return dict(table)


def _subtable(value: Any, name: str, project: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{project}: {name} under [tool.bundler] isn't a table", hint=f"write [tool.bundler.{name}]")
    return value


def _options(command: click.Command) -> Iterator[tuple[str, click.Option]]:
    """The options of a command and those below it, by the names they have on the command line."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from _options(each)
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.envvar:  # every option of ours has its variable
            yield _key(parameter), parameter


def _key(option: click.Option) -> str:
    return next(name for name in option.opts if name.startswith("--")).removeprefix("--")


def _defaults(
    command: click.Command, table: Mapping[str, Any], own: Mapping[str, Any], project: Path
) -> dict[str, Any]:
    known = dict(_options(command))
    _refuse_unknown(own, set(known), project, command.name)
    shared = {key: table[key] for key in known.keys() & table.keys() if key != _BUILD_ONLY or command.name == "build"}
    values = {known[key].name: _value(known[key], value, project) for key, value in {**shared, **own}.items()}
    if isinstance(command, click.Group):
        return dict.fromkeys(command.commands, values)
    return {name: value for name, value in values.items() if name is not None}


def _value(option: click.Option, value: Any, project: Path) -> Any:
    """A value as click takes it for this option.

    Raises:
        UsageError: of the wrong type.
    """
    wanted, fits = "a string", isinstance(value, str)
    if option.is_flag:
        wanted, fits = "true or false", isinstance(value, bool)
    elif isinstance(option.type, click.types.IntParamType):
        wanted, fits = "a number", isinstance(value, int) and not isinstance(value, bool)
    elif option.multiple:
        value = [value] if isinstance(value, str) else value
        wanted, fits = "a list of strings", isinstance(value, list) and all(isinstance(item, str) for item in value)
    if not fits:
        raise UsageError(f"{project}: {_key(option)} under [tool.bundler] isn't {wanted}")
    if any("\0" in text for text in ([value] if isinstance(value, str) else value if option.multiple else ())):
        raise UsageError(f"{project}: {_key(option)} under [tool.bundler] holds a NUL")
    if _key(option) in _PATHS:
        return [_path(item, project) for item in value] if option.multiple else _path(value, project)
    if _key(option) in _PLACES:
        here = project.parent
        return [place_url(item, here) for item in value] if option.multiple else place_url(value, here)
    return value


def _path(text: str, project: Path) -> str:
    return text if text == "-" else str(project.parent / text)


def place_url(text: str, here: Path | None = None) -> str:
    """An index or find-links place as a URL: a path, relative to `here` or the working directory, as a file: one.

    What is neither a URL nor there stays as it is, for whoever refuses it.
    """
    path = (here or Path()) / Path(text).expanduser()
    return text if "://" in text or not path.exists() else Path(os.path.abspath(path)).as_uri()


def _index_tables(tables: Any, project: Path) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(
            f"{project}: index under [tool.bundler] isn't an array of tables", hint="write [[tool.bundler.index]]"
        )
    for table in tables:
        _refuse_unknown(table, set(_INDEX_KEYS), project, _INDEX)
        projects = table.get("projects", [])
        listed = isinstance(projects, list) and all(isinstance(item, str) for item in projects)
        if not (
            listed
            and isinstance(table.get("url"), str)
            and isinstance(table.get("explicit", False), bool)
            and isinstance(table.get("name", ""), str)
        ):
            hint = 'write name = "…", url = "https://…", projects = ["…"] and explicit = true or false'
            raise UsageError(f"{project}: a [[tool.bundler.index]] isn't as it should be", hint=hint)
    return tuple(tables)


def _refuse_unknown(table: Mapping[str, Any], known: set[str], project: Path, part: str | None = None) -> None:
    unknown = next((key for key in table if key not in known), None)
    if unknown is None:
        return
    place = "[tool.bundler]" if part is None else f"[tool.bundler.{part}]"
    from bundler.requirements.nearest import nearest

    near = nearest(unknown, known)
    hint = f"did you mean {near}?" if near else None
    raise UsageError(f"{project}: {unknown[:80]!r} under {place} isn't an option", hint=hint)
