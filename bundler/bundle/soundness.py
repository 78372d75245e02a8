"""What must hold between the parts of a manifest, so that nobody who reads one has to ask again.

It is closed: every target, artifact and pin that it mentions it also holds, once, in the stated order. Every file name
is one safe path component, and no two differ by case alone. Packs are there just where recipes are, no larger and no
more than real artifacts could need, and under the names of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bundler.distributions import check_filename, parse_version
from bundler.errors import BundleFormatError, UnusableFile

if TYPE_CHECKING:
    from bundler.bundle.manifest import Content, Manifest

__all__ = [
    "CONTENT_RATIO",
    "CONTENT_SLACK",
    "LARGEST_PACK",
    "LARGEST_RECIPES",
    "PACKS_RATIO",
    "PACKS_SLACK",
    "check_sound",
]

#: Bytes: with header and padding a pack is one zstd frame of at most 128 MiB, the largest window of a stock decoder.
LARGEST_PACK = (1 << 27) - 2048
#: The content of n artifacts is at most n times the one and their size times the other: more than any real one needs
#: (they stay under 10 times), and no bomb.
CONTENT_SLACK, CONTENT_RATIO = 64 << 20, 32
#: There are at most so many packs, and so many for each LARGEST_PACK of content: two neighbours fill one together, and
#: a blob that is larger than a pack may leave a rest.
PACKS_SLACK, PACKS_RATIO = 16, 3
#: Bytes; they are read into memory.
LARGEST_RECIPES = 128 << 20

_PROJECT = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")  # a normalized name (PEP 503)


def check_sound(manifest: Manifest) -> None:
    """Check all that is said above.

    Raises:
        BundleFormatError: something doesn't hold.
    """
    _check_content(manifest)
    _check_names(manifest)
    _check_references(manifest)


def _check_names(manifest: Manifest) -> None:
    seen = {"bundle.json"}
    for file in (*manifest.members, *manifest.rebuilt):
        _check_name(file.filename)
        folded = file.filename.lower()
        if folded in seen:
            raise BundleFormatError(f"bundle.json names the file {file.filename!r} twice, or in two spellings")
        seen.add(folded)
    _check_order("artifacts", [artifact.filename for artifact in manifest.artifacts])


def _check_name(filename: str) -> None:
    try:
        check_filename(filename)
    except UnusableFile as exc:
        raise BundleFormatError(f"bundle.json: {exc.message}") from exc


def _check_content(manifest: Manifest) -> None:
    rebuilt, content = manifest.rebuilt, manifest.content
    if (content is None) != (not rebuilt):
        raise BundleFormatError("bundle.json has recipes without packs, or packs without recipes")
    most = CONTENT_SLACK * len(rebuilt) + CONTENT_RATIO * sum(artifact.size for artifact in rebuilt)
    if content is not None and (content.size > most or content.recipes.size > LARGEST_RECIPES):
        raise BundleFormatError("bundle.json states packs or recipes that are larger than its artifacts could need")
    if content is not None:
        _check_packs(content)


def _check_packs(content: Content) -> None:
    if len(content.packs) > PACKS_SLACK + PACKS_RATIO * content.size // LARGEST_PACK:
        raise BundleFormatError("bundle.json states more packs than its content could need")
    names = [content.recipes.filename, *(pack.filename for pack in content.packs)]
    if names != ["recipes", *(f"pack-{number:04}" for number in range(1, len(names)))]:
        raise BundleFormatError("bundle.json gives recipes or packs other names than theirs")


def _check_references(manifest: Manifest) -> None:
    places = {target.name: place for place, target in enumerate(manifest.targets)}
    if len(places) != len(manifest.targets):
        raise BundleFormatError("bundle.json names a target twice")
    holders = {artifact.filename: frozenset(artifact.targets) for artifact in manifest.artifacts}
    for artifact in manifest.artifacts:
        _check_known(artifact.targets, places, f"target of {artifact.filename}")
        _check_order(f"targets of {artifact.filename}", [places[name] for name in artifact.targets])
    pinned = {(pin.target, pin.name) for pin in manifest.pins}
    for pin in manifest.pins:
        if _PROJECT.fullmatch(pin.name) is None or parse_version(pin.version) is None:
            raise BundleFormatError(f"bundle.json pins {pin.name!r} {pin.version!r}, which isn't a name and a version")
        _check_known([pin.target], places, f"target of the pin of {pin.name}")
        _check_known([pin.artifact], holders, f"artifact of {pin.name}")
        _check_known([pin.target], holders[pin.artifact], f"target of {pin.artifact}")
        _check_known([(pin.target, name) for name in pin.requires], pinned, f"requirement of {pin.name}")
        _check_order(f"requirements of {pin.name}", pin.requires)
    _check_order("pins", [(places[pin.target], pin.name) for pin in manifest.pins])


def _check_known(names: Iterable[object], known: Container[object], role: str) -> None:
    missing = next((name for name in names if name not in known), None)
    if missing is not None:
        raise BundleFormatError(f"bundle.json: {missing!r}, {role}, isn't in the bundle")


def _check_order(what: str, keys: Iterable[Any]) -> None:
    listed = list(keys)
    if any(before >= after for before, after in pairwise(listed)):
        raise BundleFormatError(f"bundle.json: the {what} aren't in their order")
