from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.cache.store import Store, open_store
from tests.index.worlds import World, Worlds


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "cache", default=tmp_path) as store:
        yield store


@pytest.fixture
def world(store: Store) -> Worlds:
    return lambda **options: World(store, **options)
