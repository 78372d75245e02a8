"""`python -m bundler`, and the console scripts."""

from __future__ import annotations

import gc
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line; an interrupt that comes while it is being imported is one like any other."""
    gc.set_threshold(
        200_000, 50, 100
    )  # a run keeps nearly all that it makes: looking for cycles took 7 % of a warm one
    try:
        from bundler.cli.main import main as run
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    run()


if __name__ == "__main__":
    main()
