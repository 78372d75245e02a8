"""The known name that a mistyped one is nearest to, for a hint."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["nearest"]

_MAX_COMPARED = 80  # characters; comparing takes quadratic time


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The nearest of the known names, or None where none is near."""
    found = difflib.get_close_matches(name[:_MAX_COMPARED], sorted(known), n=1)
    return found[0] if found else None
