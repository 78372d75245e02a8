"""Inspect: what a bundle says it holds; reads only its beginning."""

from __future__ import annotations

from pathlib import Path

from bundler.bundle.manifest import Manifest
from bundler.operations.opening import open_bundle

__all__ = ["inspect_bundle"]


def inspect_bundle(bundle: Path) -> Manifest:
    """The manifest of a bundle.

    Raises:
        UsageError: there is no such file.
        BundleFormatError: not a bundle, a damaged one, or one of a newer format.
    """
    with open_bundle(bundle) as reader:
        return reader.manifest
