from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.bundle.deflate import Compressor, Engine, choose, portable
from bundler.bundle.expander import Recipes, Refusal
from bundler.bundle.rebuilding import Rebuilder, refusals
from bundler.errors import BundleFormatError, EnvironmentProblem
from tests.bundle.samples import Compact, sdist, wheel

ARTIFACTS = {
    "a-1.0-py3-none-any.whl": wheel({"a.py": b"import sys\n" * 50, "b.py": b"pass\n" * 90}),
    "c-1.0.tar.gz": sdist(b"import sys\n" * 50),
}
COMPACT = Compact({}, ARTIFACTS)


def recipes() -> Recipes:
    manifest = COMPACT.manifest
    rebuilt = [(artifact.filename, artifact.size) for artifact in manifest.rebuilt]
    return Recipes(COMPACT.recipes_member, rebuilt, len(COMPACT.packs[0]))


def content() -> Callable[[int], bytes]:
    return io.BytesIO(COMPACT.packs[0]).read


@pytest.mark.parametrize("engine", [None, choose(), portable("a test")], ids=["chosen", "given", "in processes"])
def test_artifacts_are_put_together(tmp_path: Path, engine: Engine | None) -> None:
    told: list[int] = []
    Rebuilder(tmp_path, 2, engine, told.append)(recipes(), content())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == ARTIFACTS
    assert sum(told) == len(COMPACT.packs[0])


class Dying:
    """A compressor that ends its process."""

    def __init__(self, level: int, mem_level: int) -> None:
        os._exit(1)

    def compress(self, data: bytes, /) -> bytes:
        raise NotImplementedError

    def flush(self) -> bytes:
        raise NotImplementedError


def test_a_process_that_is_ended_is_a_problem_of_the_machine(tmp_path: Path) -> None:
    engine = Engine(name="dying", why="", compressor=Dying, is_parallel=False)
    with pytest.raises(EnvironmentProblem, match="a process that deflates was ended"):
        Rebuilder(tmp_path, 1, engine)(recipes(), content())


def test_a_full_directory_is_a_problem_of_the_machine(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"can't write .*missing/a-1\.0-py3-none-any\.whl"):
        Rebuilder(tmp_path / "missing", 1, choose())(recipes(), content())


def test_an_error_in_a_compressor_ends_the_work(tmp_path: Path) -> None:
    def compressor(level: int, mem_level: int) -> Compressor:
        raise OSError(28, "No space left on device")

    with pytest.raises(EnvironmentProblem, match="no space left"):
        Rebuilder(tmp_path, 2, Engine(name="", why="", compressor=compressor))(recipes(), content())


def test_a_refusal_becomes_an_error_of_ours() -> None:
    with pytest.raises(BundleFormatError, match=r"^app\.tar\.zst: too many steps$"), refusals("app.tar.zst"):
        raise Refusal("too many steps")
