"""A machine whose zlib isn't the classic one: what comes out of a bundle is the same, by another engine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import zstandard

from bundler.bundle import deflate
from tests.end_to_end.running import bundler
from tests.support.fake_index import FakeIndex

pytest.importorskip("zlib_ng.zlib_ng")

#: As sitecustomize.py on PYTHONPATH: processes of the processes have it too.
ANOTHER_ZLIB = """\
import sys
from zlib_ng import zlib_ng
sys.modules["zlib"] = zlib_ng
"""
NO_LIBRARY = """\
import ctypes
class CDLL(ctypes.CDLL):
    def __init__(self, name, *arguments, **settings):
        if name and "z" in name:
            raise OSError(f"{name} is hidden")
        super().__init__(name, *arguments, **settings)
ctypes.CDLL = CDLL
"""
SLOW = "this Python's zlib isn't the classic one"
BUILD = ("build", "app", "--no-cache", "-q")
TEXT = "".join(f"def function_{number}(argument):\n    return {number * number}\n" for number in range(1500)).encode()


@pytest.fixture(scope="module", autouse=True)
def classic_zlib() -> None:
    """The bundle is made here, and the wheels in it too."""
    if not deflate.is_exact(deflate.of_module(zlib)):
        pytest.skip("this Python's zlib isn't the classic one")


@pytest.fixture(scope="module")
def index_url() -> Iterator[str]:
    """Where a wheel and an sdist are."""
    index = FakeIndex()
    index.add_wheel("app", "1.0", requires=["lib"], files={"app/__init__.py": TEXT, "app/data": bytes(100_000)})
    index.add_sdist("lib", "2.0", files={"lib.py": TEXT[::-1]})
    with index.serve() as origin:
        yield f"{origin}/simple/"


@pytest.fixture(scope="module")
def work(index_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a compact bundle of both, and what it expands to here."""
    directory = tmp_path_factory.mktemp("engines")
    bundler(*BUILD, "--index-url", index_url, "-o", directory / "app.tar.zst")
    bundler("expand", directory / "app.tar.zst", directory / "expected")
    return directory


@pytest.fixture
def another_zlib(tmp_path: Path) -> Mapping[str, str]:
    return environment(tmp_path / "another", ANOTHER_ZLIB)


@pytest.fixture
def no_exact_zlib(tmp_path: Path) -> Mapping[str, str]:
    return environment(tmp_path / "none", ANOTHER_ZLIB + NO_LIBRARY)


def environment(directory: Path, program: str) -> Mapping[str, str]:
    """Variables with which every Python process runs a program first."""
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(program)
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(directory), os.environ.get("PYTHONPATH"))))}


def told_by(command: Sequence[str | Path], env: Mapping[str, str]) -> str:
    """Run a Python program to success there; give what it says on standard error."""
    arguments = [sys.executable, *map(str, command)]
    done = subprocess.run(arguments, env={**os.environ, **env}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stderr


def expanded_with(env: Mapping[str, str], bundle: Path, directory: Path) -> str:
    return told_by(["-m", "bundler", "expand", "-v", bundle, directory], env)


def digests(directory: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}


def test_the_bundle_is_a_compact_one(work: Path) -> None:
    artifacts = json.loads((work / "expected" / "bundle.json").read_bytes())["artifacts"]
    assert [(artifact["filename"], artifact["stored"]) for artifact in artifacts] == [
        ("app-1.0-py3-none-any.whl", "recipe"),
        ("lib-2.0.tar.gz", "recipe"),
    ]


def test_the_platforms_zlib_is_told_where_it_is_exact(work: Path, tmp_path: Path) -> None:
    told = expanded_with({}, work / "app.tar.zst", tmp_path / "out")
    assert f"deflate by zlib {zlib.ZLIB_RUNTIME_VERSION}: this Python's own, and exact" in told


def test_where_the_platforms_zlib_is_not_exact_a_library_expands(
    work: Path, tmp_path: Path, another_zlib: Mapping[str, str]
) -> None:
    if not any((engine := deflate.of_library(name, "")) and deflate.is_exact(engine) for name in deflate.LIBRARIES):
        pytest.skip("no libz here that is exact")
    told = expanded_with(another_zlib, work / "app.tar.zst", tmp_path / "out")
    assert "deflate by libz" in told
    assert "isn't exact" in told
    assert digests(tmp_path / "out") == digests(work / "expected")


def test_where_no_zlib_is_exact_the_plain_encoder_expands(
    work: Path, tmp_path: Path, no_exact_zlib: Mapping[str, str]
) -> None:
    told = expanded_with(no_exact_zlib, work / "app.tar.zst", tmp_path / "out")
    assert "deflate by plain Python" in told
    assert "no other libz is" in told
    assert digests(tmp_path / "out") == digests(work / "expected")


def test_what_is_built_there_is_the_same(
    work: Path, tmp_path: Path, index_url: str, no_exact_zlib: Mapping[str, str]
) -> None:
    bundler(*BUILD, "--index-url", index_url, "-o", tmp_path / "app.tar.zst", env=no_exact_zlib)
    assert (tmp_path / "app.tar.zst").read_bytes() == (work / "app.tar.zst").read_bytes()


@pytest.mark.parametrize("zlib_here", ["another_zlib", "no_exact_zlib"])
def test_the_program_inside_the_bundle_expands_there(
    work: Path, tmp_path: Path, zlib_here: str, request: pytest.FixtureRequest
) -> None:
    env = request.getfixturevalue(zlib_here)
    told = told_by([work / "expected" / "expand.py", work / "app.tar.zst", tmp_path / "out"], env)
    assert SLOW in told
    assert digests(tmp_path / "out") == digests(work / "expected")


def test_the_program_expands_the_unpacked_tar_there(
    work: Path, tmp_path: Path, no_exact_zlib: Mapping[str, str]
) -> None:
    unpacked = tmp_path / "unpacked"
    with (
        open(work / "app.tar.zst", "rb") as bundle,
        zstandard.ZstdDecompressor().stream_reader(bundle, read_across_frames=True) as tar,
        tarfile.open(fileobj=tar, mode="r|") as members,
    ):
        members.extractall(unpacked, filter="data")
    assert SLOW in told_by([unpacked / "expand.py", unpacked, tmp_path / "out"], no_exact_zlib)
    assert digests(tmp_path / "out") == digests(work / "expected")
