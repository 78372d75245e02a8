"""Text for people: sizes, and names that can't play with a terminal."""

from __future__ import annotations

__all__ = ["counted", "human_size", "plain"]


def counted(number: int, noun: str) -> str:
    """A number and its noun: "1 file", "2 files"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def human_size(count: int) -> str:
    """Bytes for people, in powers of 1000, as PyPI and disks state them."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def plain(text: str) -> str:
    """Text that can't move a terminal's cursor or colour it: names and reasons come from indexes and bundles."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
