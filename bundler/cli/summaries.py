"""What `build` and `lock` both say of what was chosen, as lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bundler.cli.text import counted

if TYPE_CHECKING:
    from bundler.operations.summaries import Chosen

__all__ = ["chosen_fields", "chosen_lines"]


def chosen_lines(chosen: Chosen) -> Iterator[str]:
    """Warnings, newer versions that weren't taken, and the number of packages by target."""
    for warning in chosen.warnings:
        yield f"warning: {warning}"
    yield from _passed_over(chosen)
    for name, pins in chosen.pins_by_target:
        yield f"{name}: {counted(pins, 'package')}"


def _passed_over(chosen: Chosen) -> Iterator[str]:
    """Those of one project that have one reason on one line."""
    grouped: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for passed in chosen.passed_over:
        grouped.setdefault((passed.name, passed.reason, passed.targets), []).append(passed.version)
    for (name, reason, targets), versions in grouped.items():
        yield f"passed over {name} {', '.join(versions)} ({', '.join(targets)}): {reason}"


def chosen_fields(chosen: Chosen) -> dict[str, object]:
    """The same for --json."""
    return {
        "targets": dict(chosen.pins_by_target),
        "passed_over": [
            {"name": p.name, "version": p.version, "targets": list(p.targets), "reason": p.reason}
            for p in chosen.passed_over
        ],
        "warnings": list(chosen.warnings),
    }
