"""Where packages come from and which are preferred, as one input states it: a requirements file, or the command line.

Options are joined in the order in which pip would meet them; what is stated later wins where only one value can hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["NamedIndex", "Options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedIndex:
    """An index of the ordered list; `projects` (normalized) come from it and from no other.

    An `explicit` one is asked for those projects only, as in uv.
    """

    url: str = field(repr=False)  # may hold a password, as those below
    name: str | None = None
    projects: tuple[str, ...] = ()
    explicit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What one input says; a field is empty where it says nothing. Paths in `find_links` and URLs are absolute."""

    index_url: str | None = field(default=None, repr=False)
    extra_index_urls: tuple[str, ...] = field(default=(), repr=False)
    indexes: tuple[NamedIndex, ...] = ()
    find_links: tuple[str, ...] = field(default=(), repr=False)
    no_index: bool = False
    #: As pip writes it: names, ":all:", ":none:", in the order given.
    no_binary: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    pre: bool = False
    #: Projects whose pre-releases are taken like any other version.
    pre_packages: tuple[str, ...] = ()
    #: As written: see `moments`.
    exclude_newer: str | None = None
    prefer_binary: bool = False
    require_hashes: bool = False

    def joined(self, later: Options) -> Options:
        """These options and then those of an input that comes later."""
        return Options(
            index_url=self.index_url if later.index_url is None else later.index_url,
            extra_index_urls=(*self.extra_index_urls, *later.extra_index_urls),
            indexes=(*self.indexes, *later.indexes),
            find_links=(*self.find_links, *later.find_links),
            no_index=self.no_index or later.no_index,
            no_binary=(*self.no_binary, *later.no_binary),
            only_binary=(*self.only_binary, *later.only_binary),
            pre=self.pre or later.pre,
            pre_packages=(*self.pre_packages, *later.pre_packages),
            exclude_newer=self.exclude_newer if later.exclude_newer is None else later.exclude_newer,
            prefer_binary=self.prefer_binary or later.prefer_binary,
            require_hashes=self.require_hashes or later.require_hashes,
        )
