"""The places that files come from, in their order, and which of them is asked for a project.

The first index that knows a project owns it, so the order is what keeps a stranger's package of the same name out: the
indexes of the configuration, then `--index-url`, then each `--extra-index-url`. Without `--index-url` the public index
comes last, so that every other one shadows it. A project that an index is pinned to is asked for there and
nowhere else, find-links places included; an explicit index is asked for no other project.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bundler.errors import UsageError
from bundler.index.locations import IndexLocation
from bundler.requirements.options import Options

__all__ = ["PlacedIndex", "Places"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedIndex:
    """An index in the list; `projects` are normalized names."""

    location: IndexLocation
    projects: frozenset[str] = frozenset()
    explicit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Indexes in the order in which they are asked, and places whose files come in addition."""

    indexes: tuple[PlacedIndex, ...] = ()
    find_links: tuple[IndexLocation, ...] = ()

    @classmethod
    def of(cls, options: Options, *, default_url: str) -> Places:
        """Read the places that the options name; `default_url` is the index where they name none.

        Raises:
            UsageError: an address that can't be one, whose password isn't told; a project pinned to two indexes.
        """
        indexes = () if options.no_index else tuple(_indexes(options, default_url))
        _refuse_two_owners(indexes)
        return cls(indexes=indexes, find_links=tuple(map(IndexLocation.parse_links, options.find_links)))

    @property
    def locations(self) -> tuple[IndexLocation, ...]:
        """Every place once, for whoever sends credentials there."""
        return tuple(dict.fromkeys((*(index.location for index in self.indexes), *self.find_links)))

    def pinned(self, name: str) -> bool:
        """Whether an index is the only place of a project."""
        return any(name in index.projects for index in self.indexes)

    def asked_for(self, name: str) -> tuple[IndexLocation, ...]:
        """The indexes that may own a project, in their order, each once."""
        if self.pinned(name):
            chosen = [index for index in self.indexes if name in index.projects]
        else:
            chosen = [index for index in self.indexes if not index.explicit]
        return tuple(dict.fromkeys(index.location for index in chosen))


def _refuse_two_owners(indexes: Sequence[PlacedIndex]) -> None:
    """Whoever can add a pin, as a file from elsewhere can, must not get a project that is pinned already."""
    owners: dict[str, str] = {}
    for index in indexes:
        for name in sorted(index.projects):
            if owners.setdefault(name, index.location.url) != index.location.url:
                details = (owners[name], index.location.url)
                raise UsageError(f"{name} is pinned to two indexes", details=details, hint="pin it to one of them")


def _indexes(options: Options, default_url: str) -> Iterator[PlacedIndex]:
    for named in options.indexes:
        yield PlacedIndex(
            location=IndexLocation.parse(named.url),
            projects=frozenset(named.projects),
            explicit=named.explicit,
        )
    if options.index_url is not None:
        yield PlacedIndex(location=IndexLocation.parse(options.index_url))
    for url in options.extra_index_urls:
        yield PlacedIndex(location=IndexLocation.parse(url))
    if options.index_url is None:
        yield PlacedIndex(location=IndexLocation.parse(default_url))
