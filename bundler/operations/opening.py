"""Opening the bundle that a command line names: a file, or standard input for "-"."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bundler.bundle.reader import BundleReader
from bundler.errors import UsageError

__all__ = ["open_bundle"]


@contextmanager
def open_bundle(path: Path) -> Iterator[BundleReader]:
    """Open a bundle and read its manifest.

    Raises:
        UsageError: there is no such file, or it can't be read.
        BundleFormatError: not a bundle, a damaged one, or one of a newer format.
    """
    if str(path) == "-":
        if sys.stdin is None:
            raise UsageError("standard input is closed", hint="name the bundle's file")
        yield BundleReader(sys.stdin.buffer, "standard input")
        return
    with BundleReader.open(path) as reader:
        yield reader
