"""What `build` and `lock` share: the options that say what is wanted, for whom, from where, and how to choose."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from bundler.cli.options import DEFAULT_INDEX_URL, cache_options, combined, option, repeatable, target_options
from bundler.cli.settings import Settings, place_url

if TYPE_CHECKING:
    from bundler.operations.planning import Plan
    from bundler.requirements.options import Options
    from bundler.requirements.reading import Inputs

__all__ = ["plan_of", "plan_options"]

_PATH = click.Path(path_type=Path)

_inputs = combined(
    click.argument("requirements", nargs=-1, metavar="[REQUIREMENT]..."),
    repeatable(
        "-r",
        "--requirement",
        "requirement_files",
        type=_PATH,
        metavar="FILE",
        text="requirements.txt, pyproject.toml, pylock.toml, uv.lock, poetry.lock, a script. Default: the project's "
        "pyproject.toml.",
    ),
    repeatable(
        "-c",
        "--constraint",
        "constraint_files",
        type=_PATH,
        metavar="FILE",
        text="Narrows versions, asks for nothing.",
    ),
    repeatable(
        "--override",
        "override_files",
        type=_PATH,
        metavar="FILE",
        text="Replaces what anybody asks of these projects.",
    ),
    repeatable("--extra", "extras", metavar="NAME", text="An extra of the project."),
    option("--all-extras", is_flag=True, help="All extras of the project."),
    repeatable("--group", "groups", metavar="NAME", text="A dependency group (PEP 735)."),
    repeatable("--exclude", "excluded", metavar="NAME", text="A dependency that somebody else provides."),
    option("--no-deps", is_flag=True, help="Take what is named and nothing else."),
)

_places = combined(
    option(
        "-i",
        "--index-url",
        metavar="URL",
        help=f"The package index, asked before further ones. Default: {DEFAULT_INDEX_URL}, asked last.",
    ),
    repeatable(
        "--extra-index-url",
        "extra_index_urls",
        metavar="URL",
        text="A further index. The first index that knows a project is the only one asked for it.",
    ),
    repeatable(
        "-f",
        "--find-links",
        metavar="DIR|URL",
        text="A directory or page of wheels and sdists, besides the indexes.",
    ),
    option("--no-index", is_flag=True, help="Ask no index: --find-links alone."),
)

_choices = combined(
    option(
        "--resolution",
        type=click.Choice(["highest", "lowest", "lowest-direct"]),
        default="highest",
        show_default=True,
        help="Which of the versions that fit.",
    ),
    option("--pre", is_flag=True, help="Take pre-releases like any other version."),
    repeatable("--pre-package", "pre_packages", metavar="NAME", text="The same for one project."),
    repeatable("--only-binary", metavar="NAME", text="No sdists of this project; :all:, :none:."),
    repeatable("--no-binary", metavar="NAME", text="No wheels of this project; :all:, :none:."),
    option("--prefer-binary", is_flag=True, help="An older version's wheel before a newer one's sdist."),
    option(
        "--exclude-newer",
        metavar="DATE|DURATION",
        help='Only files uploaded until then: 2026-01-31 (UTC), 2026-01-31T12:00:00Z, "30 days".',
    ),
    option("--allow-undated", is_flag=True, help="With --exclude-newer: files without an upload time, too."),
    option("--require-hashes", is_flag=True, help="Every file must be bound by a hash in the inputs."),
    option("--consistent", is_flag=True, help="One version of a project over all targets, if there is one."),
)

_OF_THE_PROJECT = ("extras", "groups", "all_extras")
#: Options that keep their names and values: in Asked, and in Options.
_AS_ASKED = (
    "pythons",
    "platforms",
    "target_files",
    "resolution",
    "allow_undated",
    "excluded",
    "consistent",
    "cache_dir",
    "no_cache",
)
_AS_STATED = (
    "no_index",
    "no_binary",
    "only_binary",
    "pre",
    "pre_packages",
    "exclude_newer",
    "prefer_binary",
    "require_hashes",
)

plan_options = combined(_inputs, target_options, _places, _choices, cache_options)


def plan_of(settings: Settings, asked: dict[str, Any]) -> Plan:
    """Turn the options of `plan_options` into a plan.

    Raises:
        UsageError, RequirementError: an input can't be read or understood.
    """
    from bundler.operations.planning import Asked, plan

    words = Asked(
        inputs=_inputs_of(settings, asked),
        options=_options_of(settings, asked),
        settings_file=settings.project,
        default_index_url=DEFAULT_INDEX_URL,
        follow=not asked["no_deps"],
        **{name: asked[name] for name in _AS_ASKED},
    )
    return plan(words, now=datetime.now(UTC))


def _inputs_of(settings: Settings, asked: dict[str, Any]) -> Inputs:
    from bundler.requirements.reading import Inputs

    files = asked["requirement_files"]
    if not files and not asked["requirements"] and settings.project is not None:
        files = (settings.project,)
    elif not _is_setting("requirement_files"):  # what the settings say of the project's extras says nothing of others
        asked = {**asked, **{name: type(asked[name])() for name in _OF_THE_PROJECT if _is_setting(name)}}
    return Inputs(
        positional=asked["requirements"],
        requirement_files=tuple(map(str, files)),
        constraint_files=tuple(map(str, asked["constraint_files"])),
        override_files=tuple(map(str, asked["override_files"])),
        extras=asked["extras"],
        groups=asked["groups"],
        all_extras=asked["all_extras"],
    )


def _is_setting(name: str) -> bool:
    """Whether a value comes from [tool.bundler], and from neither the command line nor a variable."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.DEFAULT_MAP


def _options_of(settings: Settings, asked: dict[str, Any]) -> Options:
    from bundler.requirements.options import Options

    index_url = asked["index_url"]
    return Options(
        index_url=None if index_url is None else place_url(index_url),
        extra_index_urls=tuple(map(place_url, asked["extra_index_urls"])),
        indexes=settings.indexes(),
        find_links=tuple(map(place_url, asked["find_links"])),
        **{name: asked[name] for name in _AS_STATED},
    )
