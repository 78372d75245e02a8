"""Where each blob stands: the order of the content, and its packs.

    content = machine code, by library or project | other files, by kind | what is compressed already | copied streams

Within a kind blobs are ordered by their path without version numbers, then by size, so that the same file of several
versions, Pythons and platforms stands side by side, where the compressor finds it. The largest blobs come first: while
they are deflated again, smaller ones keep the other cores busy.

The order follows from what there is, not from which artifact came first. A blob that several artifacts hold stands
once, under the least of its keys. Packs are cut between blobs, where that is possible between groups of them.

Recipes beyond what readers take have no place: their artifacts stay whole, as do those with nothing deflated in them.
That the content isn't too large is seen to where recipes come from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from posixpath import basename, splitext

from bundler.bundle.expander import MOST_STEPS
from bundler.bundle.manifest import LARGEST_PACK
from bundler.bundle.recipes import Blob, Deflated, Literal, Recipe, encode_number
from bundler.bundle.soundness import LARGEST_RECIPES
from bundler.digests import Digest

__all__ = ["Layout", "PlacedBlob", "lay_out"]

_MACHINE_CODE = re.compile(r"\.(so|dylib|dll|pyd|exe|a|lib|o)(\.[0-9]+)*$")
_COMPRESSED = frozenset(
    (".gz", ".woff2", ".woff", ".png", ".npz", ".jpg", ".zip", ".whl", ".xz", ".bz2", ".jpeg", ".gif", ".webp", ".pdf")
)
#: What differs between builds, versions and Pythons of one file.
_BUILD = re.compile(r"-[0-9a-f]{6,}(?=[.-])")
_VERSION = re.compile(r"(cpython-|cp|pypy|pp)[0-9]+[a-z]*|[0-9]+(\.[0-9]+)*")

#: How full a pack is before it may end early.
_FULL_ENOUGH = LARGEST_PACK * 3 // 4

#: Bytes of a number of 63 bits, and of a step (three such numbers and a small one), at most.
_NUMBER, _STEP = 9, 28

#: Kind, group, path, size.
_Key = tuple[int, str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBlob:
    """A blob of the content, and one place that its bytes can be taken from."""

    #: The SHA-256, 32 bytes.
    digest: bytes
    size: int
    #: The file name of an artifact, and the offset in it where the blob stands, deflated or as it is.
    filename: str
    offset: int
    is_deflated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How artifacts that are stored as recipes lie in a bundle."""

    filenames: tuple[str, ...]
    #: The size of each pack in bytes.
    packs: tuple[int, ...]
    #: The member that holds the recipes.
    recipes: bytes
    #: All blobs in the order of the content.
    placed: tuple[PlacedBlob, ...]

    @property
    def blobs(self) -> Digest:
        """The SHA-256 of the blobs' SHA-256s."""
        return Digest.sha256(b"".join(blob.digest for blob in self.placed))


def lay_out(artifacts: Sequence[tuple[str, Callable[[], Recipe]]]) -> Layout | None:
    """Give every blob its place; None where all artifacts stay whole.

    Artifacts come as file names and what gives their recipes, which is called twice: recipes are large, and only one is
    in memory at a time.
    """
    found: dict[bytes, tuple[_Key, PlacedBlob]] = {}
    room = _Room(steps=MOST_STEPS, recipes=LARGEST_RECIPES)
    kept = [(filename, read) for filename, read in artifacts if _collect(found, filename, read(), room)]
    if not kept:
        return None
    ordered = sorted((key, identity, blob) for identity, (key, blob) in found.items())
    placed = tuple(blob for *_, blob in ordered)
    packs = tuple(_cut([key for key, *_ in ordered]))
    starts = dict(zip((identity for _, identity, _ in ordered), _starts(placed), strict=True))
    del found, ordered
    recipes = [read().encode_placed(lambda blob: starts[_identity(blob)]) for _, read in kept]
    index = b"".join(encode_number(len(recipe)) for recipe in recipes)
    filenames = tuple(filename for filename, _ in kept)
    return Layout(filenames=filenames, packs=packs, recipes=b"".join([index, *recipes]), placed=placed)


@dataclass(kw_only=True)
class _Room:
    """What is left of the limits that readers set: a number of steps, and the bytes of the recipes."""

    steps: int
    recipes: int

    def takes(self, recipe: Recipe) -> bool:
        """Whether a recipe fits in; then its room is taken."""
        steps = len(recipe.steps)
        encoded = 2 * _NUMBER + _STEP * steps + sum(step.size for step in recipe.steps if isinstance(step, Literal))
        if steps > self.steps or encoded > self.recipes:
            return False
        self.steps -= steps
        self.recipes -= encoded
        return True


def _collect(found: dict[bytes, tuple[_Key, PlacedBlob]], filename: str, recipe: Recipe, room: _Room) -> bool:
    """Add an artifact's blobs, if any was deflated in it and there is room for its recipe."""
    if not any(isinstance(step, Deflated) for step in recipe.steps) or not room.takes(recipe):
        return False
    for step, name, offset in zip(recipe.steps, recipe.names, recipe.offsets, strict=True):
        if isinstance(step, Literal):
            continue
        is_deflated = isinstance(step, Deflated)
        key, identity = _key(filename, name, step.blob.size, is_deflated=is_deflated), _identity(step.blob)
        known = found.get(identity)
        if known is None or key < known[0]:
            digest, size = identity[:32], step.blob.size
            blob = PlacedBlob(digest=digest, size=size, filename=filename, offset=offset, is_deflated=is_deflated)
            found[identity] = key, blob
    return True


def _starts(placed: Iterable[PlacedBlob]) -> Iterator[int]:
    start = 0
    for blob in placed:
        yield start
        start += blob.size


def _identity(blob: Blob) -> bytes:
    """The digest and the size: a remembered recipe may lie about one of them, and who packs finds out about both."""
    return bytes.fromhex(blob.digest.hexdigest) + blob.size.to_bytes(8, "big")


def _key(filename: str, name: str, size: int, *, is_deflated: bool) -> _Key:
    if not is_deflated and not name:
        return 3, "", "", size
    extension, path = splitext(name)[1].lower(), _VERSION.sub("", _BUILD.sub("", name))
    if not name:
        return 1, ".tar", project_of(filename), size
    if _MACHINE_CODE.search(name):
        library = basename(path)
        return 0, library if ".libs/" in name or library.startswith("lib") else project_of(filename), path, size
    return 2 if extension in _COMPRESSED else 1, extension, path, size


def project_of(filename: str) -> str:
    """The project's name as a file name begins with it: what artifacts of several versions have in common."""
    return filename.partition("-")[0].lower()


def _cut(keys: Sequence[_Key]) -> Iterator[int]:
    """The sizes of the packs; a blob that is larger than a pack fills several."""
    start = 0
    while start < len(keys):
        stop = _end_of_pack(keys, start)
        size = sum(key[3] for key in keys[start:stop])
        yield from [LARGEST_PACK] * (size // LARGEST_PACK)
        if size % LARGEST_PACK:
            yield size % LARGEST_PACK
        start = stop


def _end_of_pack(keys: Sequence[_Key], start: int) -> int:
    """Where a pack ends that begins with the blob `start`: when it is nearly full, where neighbours differ most."""
    size, best, least = keys[start][3], None, 3
    for place in range(start + 1, len(keys)):
        if size + keys[place][3] > LARGEST_PACK:
            return place if best is None else best
        common = _in_common(keys[place - 1], keys[place])
        if size >= _FULL_ENOUGH and common <= least:
            best, least = place, common
        size += keys[place][3]
    return len(keys)


def _in_common(one: _Key, other: _Key) -> int:
    return next((place for place in range(3) if one[place] != other[place]), 3)
