"""[tool.uv], as far as it says what is wanted and where it comes from.

`sources` send a requirement to a URL, a repository, a path or a named index. As in uv, a list of them is told apart by
markers, and where none applies the requirement itself holds. One source without a marker replaces the requirement and
its versions. An index with a marker is refused: it is asked for a project or it isn't, whatever the target.
An editable path is taken as that path: a bundle is a copy. Workspaces are refused by name.

Constraints, overrides, the legacy `dev-dependencies`, the settings of indexes, `no-binary`, `no-build` and
`prerelease = "allow"` are taken too. What else would change the versions that are chosen is refused by name. The rest
(how uv is to build, publish, cache or lock) is its own business and is passed over, and so is [tool.uv.pip].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bundler.distributions import parse_requirement
from bundler.errors import RequirementError
from bundler.requirements.files.references import Locate, reference_at
from bundler.requirements.model import DeclaredReference, DeclaredRequirement
from bundler.requirements.options import NamedIndex, Options
from bundler.requirements.origins import Origin
from bundler.requirements.projects.sources import Part, Pin, address, declared
from bundler.requirements.quoting import quote
from bundler.requirements.terms import read_marker, read_name
from bundler.requirements.toml_documents import TomlDocument
from bundler.requirements.urls import repository_url

__all__ = ["UvTool"]

_KINDS = ("git", "url", "path", "index", "workspace")
#: What `prerelease` may say: all but "allow" take pre-releases where nothing else is, or where they are asked for.
_PRERELEASES = ("disallow", "allow", "if-necessary", "explicit", "if-necessary-or-explicit")


class _Source(msgspec.Struct, rename="kebab", forbid_unknown_fields=True):
    git: str | None = None
    rev: str | None = None
    tag: str | None = None
    branch: str | None = None
    subdirectory: str | None = None
    url: str | None = None
    path: str | None = None
    editable: bool | None = None
    index: str | None = None
    workspace: bool | None = None
    marker: str | None = None
    extra: str | None = None
    group: str | None = None


class _Index(msgspec.Struct, rename="kebab"):
    url: str
    name: str | None = None
    explicit: bool = False
    default: bool = False
    format: Literal["simple"] = "simple"


class _Settings(msgspec.Struct, rename="kebab"):
    sources: dict[str, Any] = {}
    dev_dependencies: list[str] = []
    constraint_dependencies: list[str] = []
    override_dependencies: list[str] = []
    index: list[_Index] = []
    index_url: str | None = None
    extra_index_url: list[str] = []
    find_links: list[str] = []
    no_index: bool = False
    no_binary: bool = False
    no_binary_package: list[str] = []
    no_build: bool = False
    no_build_package: list[str] = []
    prerelease: str = "if-necessary-or-explicit"
    resolution: str = "highest"
    exclude_newer: Any = None
    exclude_newer_package: Any = None
    exclude_dependencies: list[Any] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class UvTool:
    """The [tool.uv] table of a document; an absent one says nothing."""

    document: TomlDocument
    locate: Locate
    _settings: _Settings
    _sources: Mapping[str, Any]

    @classmethod
    def read(cls, table: Any, document: TomlDocument, locate: Locate) -> UvTool:
        """Read the value of `tool.uv`.

        Raises:
            RequirementError: a value of another type than uv's.
        """
        settings = document.convert(_Settings, table, at="[tool.uv]")
        sources = {str(canonicalize_name(name)): source for name, source in settings.sources.items()}
        return cls(document=document, locate=locate, _settings=settings, _sources=sources)

    @property
    def development(self) -> Sequence[str]:
        """The legacy `dev-dependencies`, which are a part of the group "dev"."""
        return self._settings.dev_dependencies

    def parts(self, text: str, *, extra: str | None = None, group: str | None = None) -> Iterator[Part]:
        """Read a requirement of the project, an extra or a group, and send it to its sources.

        Raises:
            RequirementError: not a requirement, or a source that can't be taken.
        """
        origin = self.document.origin(text)
        plain = declared(text, origin, self.locate)
        name = plain.name or "" if isinstance(plain, DeclaredReference) else canonicalize_name(plain.requirement.name)
        sources = [source for source in self._sources_of(name) if _concerns(source, extra, group)]
        if all(source.marker or source.index for source in sources):
            yield plain
        if sources and isinstance(plain, DeclaredReference):
            raise RequirementError(f"{name} has both a URL and a source in [tool.uv.sources]", origin=str(origin))
        for source in sources:
            yield self._sent(parse_requirement(text), source, origin)

    def constraints(self) -> tuple[DeclaredRequirement, ...]:
        """`constraint-dependencies`.

        Raises:
            RequirementError: not a requirement by name.
        """
        return tuple(self._by_name(self._settings.constraint_dependencies, "constraint-dependencies"))

    def overrides(self) -> tuple[DeclaredRequirement, ...]:
        """`override-dependencies`.

        Raises:
            RequirementError: not a requirement by name.
        """
        return tuple(self._by_name(self._settings.override_dependencies, "override-dependencies"))

    def options(self) -> Options:
        """The indexes, as yet without the projects that are pinned to them, other places, and what is preferred.

        Raises:
            RequirementError: a path where nothing is, a setting that can't be honoured, or what isn't a name.
        """
        given = self._settings
        self._refuse_unkept()
        default = next((entry.url for entry in given.index if entry.default), given.index_url)
        return Options(
            index_url=default and self._address(default),
            extra_index_urls=tuple(self._address(url) for url in given.extra_index_url),
            indexes=tuple(self._named(entry) for entry in given.index),
            find_links=tuple(self._address(place) for place in given.find_links),
            no_index=given.no_index,
            no_binary=self._projects(given.no_binary_package, everyone=given.no_binary),
            only_binary=self._projects(given.no_build_package, everyone=given.no_build),
            pre=given.prerelease == "allow",
            exclude_newer=None if given.exclude_newer is None else str(given.exclude_newer),
        )

    def _projects(self, names: Sequence[str], *, everyone: bool) -> tuple[str, ...]:
        """Projects as pip's --no-binary and --only-binary name them."""
        return (*([":all:"] if everyone else []), *(read_name(name, self.document.origin(name)) for name in names))

    def _refuse_unkept(self) -> None:
        """Refuse what changes which versions are chosen, and is bundler's to be told."""
        given = self._settings
        found = {
            "exclude-newer-package": (given.exclude_newer_package, "--exclude-newer"),
            "resolution": (given.resolution != "highest", "--resolution"),
            "exclude-dependencies": (given.exclude_dependencies, "--exclude"),
            "prerelease": (given.prerelease not in _PRERELEASES, "--pre"),
        }
        for key, (is_set, option) in found.items():
            if is_set:
                origin = str(self.document.origin(key, table="tool.uv"))
                hint = f"leave it out there and give {option}, or give the lock that uv writes"
                raise RequirementError(f"{key} of [tool.uv] isn't taken", origin=origin, hint=hint)

    def _sources_of(self, name: str) -> Sequence[_Source]:
        value = self._sources.get(name, [])
        entries = value if isinstance(value, list) else [value]
        return self.document.convert(list[_Source], entries, at=f"the source of {name} in [tool.uv.sources]")

    def _sent(self, requirement: Requirement, source: _Source, origin: Origin) -> DeclaredReference | Pin:
        """What a source makes of a requirement."""
        name = canonicalize_name(requirement.name)
        kinds = [kind for kind in _KINDS if getattr(source, kind) is not None]
        if len(kinds) != 1 or source.workspace is not None:
            reason = "a workspace" if source.workspace is not None else " and ".join(kinds) or "nothing"
            raise RequirementError(
                f"[tool.uv.sources] takes {name} from {reason}, which can't be followed",
                origin=str(origin),
                hint='write where it is in place of that, such as { path = "packages/name" }',
            )
        if source.index is not None:
            return _pin(name, source, origin)
        url = self._url(source, origin)
        return reference_at(
            self._narrowed(requirement, source, origin), url, origin, self.locate, subdirectory=source.subdirectory
        )

    def _url(self, source: _Source, origin: Origin) -> str:
        if source.git is not None:
            return repository_url(source.git, source.rev or source.tag or source.branch, origin)
        if source.path is not None:
            return address(source.path, self.document.name, origin, self.locate)
        return source.url or ""

    def _narrowed(self, requirement: Requirement, source: _Source, origin: Origin) -> Requirement:
        """The requirement where both its own marker and the source's hold."""
        if source.marker is None:
            return requirement
        changed = copy(requirement)  # parse_requirement's results are shared
        marker = read_marker(source.marker, origin)
        changed.marker = requirement.marker & marker if requirement.marker else marker
        return changed

    def _by_name(self, texts: Sequence[str], key: str) -> Iterator[DeclaredRequirement]:
        for text in texts:
            found = declared(text, self.document.origin(text), self.locate)
            if isinstance(found, DeclaredReference):
                message = f"{found.name} is given by URL in {key} of [tool.uv]"
                raise RequirementError(message, origin=str(found.origin), hint="write name==version there")
            yield found

    def _named(self, entry: _Index) -> NamedIndex:
        # The default index is asked last of all; what is pinned to it stands before it, for those projects only.
        return NamedIndex(url=self._address(entry.url), name=entry.name, explicit=entry.explicit or entry.default)

    def _address(self, place: str) -> str:
        return address(place, self.document.name, self.document.origin(place), self.locate)


def _concerns(source: _Source, extra: str | None, group: str | None) -> bool:
    """Whether a source is for requirements of this extra or group; one that names none is for all."""
    of_extra = source.extra is None or canonicalize_name(source.extra) == extra
    return of_extra and (source.group is None or canonicalize_name(source.group) == group)


def _pin(name: str, source: _Source, origin: Origin) -> Pin:
    if source.marker is not None:
        raise RequirementError(
            f"[tool.uv.sources] takes {name} from the index {quote(source.index or '')} on some targets only",
            origin=str(origin),
            hint="leave the marker out there, and build for those targets apart from the others",
        )
    return Pin(index=source.index or "", project=name, origin=origin)
