"""The simple repository API as values: a project's page and its files.

The model follows the newest PEP; the codecs (`simple.json`, `simple.html`) adapt. Read in this order: PEP 503 (HTML),
592 (yanked), 629 (api version), 658 and 714 (metadata files), 691 (JSON), 700 (sizes, upload times), 792 (status).

A page may hold 15,000 files of which a resolution looks at five. So the codecs take a page apart into file names and
entries as they were written (`Listing`), and a page knows all file names at once and reads the rest of a file's entry
when that file is asked for (`ProjectPage`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bundler.digests import Digest

__all__ = ["ACCEPT", "Form", "Listing", "ProjectFile", "ProjectPage", "Versions"]

#: The forms in which a page is asked for, the best first (PEP 691).
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"

#: Which codec an entry is for.
Form = Literal["html", "json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A project's page as an index wrote it: file names, and each file's entry, to be read by the codec of its form."""

    name: str
    url: str
    form: Form
    #: What links are relative to.
    base: str
    #: In the index's order, and hostile until parsed.
    filenames: Sequence[str]
    #: As many.
    entries: Sequence[bytes]
    status: str
    status_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFile:
    """One file of a project. The file name has passed `distributions.check_filename`; the URL is absolute."""

    filename: str
    url: str
    #: PEP 503 fragments, PEP 691 `hashes`; may be empty, and may name algorithms that nobody should trust.
    hashes: tuple[Digest, ...] = ()
    #: PEP 700, bytes; HTML pages don't state it.
    size: int | None = None
    #: PEP 503 `data-requires-python`, as written; an invalid one makes the file unusable, not the page.
    requires_python: str | None = None
    #: PEP 658/714: the file's METADATA can be fetched beside it, at url + ".metadata".
    has_metadata: bool = False
    #: PEP 658: the digest of that METADATA, where stated.
    metadata_digest: Digest | None = None
    #: PEP 592: None when not yanked, else the reason, which may be empty.
    yanked: str | None = None
    #: PEP 700, ISO 8601 in UTC as written.
    upload_time: str | None = None

    @property
    def digest(self) -> Digest | None:
        """The SHA-256 that the index states, or None: such a file isn't taken."""
        return next((digest for digest in self.hashes if digest.algorithm == "sha256"), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """A page's files by version, newest first: `places(i)` are where the files of the version `texts[i]` stand."""

    texts: tuple[str, ...]
    places: Callable[[int], Sequence[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPage:
    """All files of one project on one index, in the index's order.

    `filenames` are as the index wrote them (hostile until parsed). `read(i)` gives the whole entry of `filenames[i]`
    and raises UnusableFile where that entry can't be used; the others go on.
    """

    name: str
    url: str
    filenames: tuple[str, ...]
    read: Callable[[int], ProjectFile] = field(repr=False, compare=False)
    #: PEP 792: active, archived, quarantined or deprecated.
    status: str = "active"
    status_reason: str | None = None
    #: Of these file names, where that has been worked out already.
    versions: Versions | None = field(default=None, repr=False, compare=False)

    def files(self) -> Iterator[ProjectFile]:
        """Every entry, read; raises UnusableFile at the first that can't be used."""
        return (self.read(index) for index in range(len(self.filenames)))
