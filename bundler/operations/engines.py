"""The engine that deflates in this run, and what a person is told of it."""

from __future__ import annotations

from bundler.bundle.deflate import Engine, choose
from bundler.operations.progress import Progress

__all__ = ["choose_engine"]


def choose_engine(progress: Progress, *, hint: str = "") -> Engine:
    """Find the fastest exact engine; say which and why to those who ask, and to all where it is the slow one.

    `hint` is a clause on what would do without it.
    """
    engine = choose()
    progress.detail(f"deflate by {engine.name}: {engine.why}")
    if not engine.is_parallel:
        progress.note(f"no exact zlib is here: deflating takes about a hundred times as long{hint}")
    return engine
