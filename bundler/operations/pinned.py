"""A resolution as a lock has it, and where its files came from as it may be told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from bundler.distributions import Wheel
from bundler.index.local import path_of
from bundler.index.locations import redact
from bundler.requirements.locks.pinned import LockedPackage
from bundler.requirements.locks.pylock import write_pylock
from bundler.resolution.resolver import Resolution

__all__ = ["PRODUCER", "lock_texts", "locked", "public"]

#: Who makes locks and bundles.
PRODUCER = "bundler"


def locked(resolution: Resolution) -> list[LockedPackage]:
    """A resolution as a lock has it, its files named by URLs without credentials."""
    return [
        LockedPackage(
            name=pin.name,
            version=pin.version,
            filename=pin.file.filename,
            digest=digest,
            size=pin.file.size,
            requires_python=pin.file.requires_python,
            is_wheel=isinstance(pin.distribution, Wheel),
            upload_time=pin.file.upload_time,
            requires=pin.requires,
            url=pin.file.url if pin.file.url.startswith("file:") else public(pin.file.url),
        )
        for pin in resolution.pins
        if (digest := pin.file.digest) is not None
    ]


def public(url: str) -> str:
    """Where a file came from, fit for a bundle: nothing secret, and nothing of this machine.

    A repository's URL is told as it is, with its commit and subdirectory; a query may hold a token.
    """
    if url.startswith("git+"):
        return url
    if url.startswith("file:"):
        return f"file:{urlsplit(url).path.rstrip('/').rpartition('/')[2]}"
    return redact(url)


def lock_texts(resolutions: Sequence[Resolution], here: Path, *, per_target: bool) -> tuple[str, ...]:
    """The pylock.toml over all targets, or that of each; `here` is the directory it is to stand in.

    Raises:
        UsageError: see `write_pylock`.
    """
    targets = [
        (dict(resolution.target.environment), [_portable(package, here) for package in locked(resolution)])
        for resolution in resolutions
    ]
    groups = [[target] for target in targets] if per_target else [targets]
    return tuple(write_pylock(group, created_by=PRODUCER).decode() for group in groups)


def _portable(package: LockedPackage, here: Path) -> LockedPackage:
    """A local file or directory as a path relative to the lock's own directory (PEP 751)."""
    if package.url is None or not package.url.startswith("file:"):
        return package
    url, _, fragment = package.url.partition("#")
    place = path_of(url) / fragment.removeprefix("subdirectory=")
    path = Path(os.path.relpath(place, here)).as_posix()
    return replace(package, url=None, path=f"{path}/" if place.is_dir() else path)
