"""The same inputs give the same bytes, whatever the machine is set to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import run
from tests.end_to_end.running import bundler
from tests.support.fake_index import FakeIndex

BUILD = ("build", "app", "--python", "3.12", "--platform", "linux-x86_64", "--platform", "windows-x86_64", "-q")

TEXT = "".join(f"def function_{number}(argument):\n    return {number * number}\n" for number in range(3000)).encode()


@pytest.fixture(scope="module")
def index_url() -> Iterator[str]:
    index = FakeIndex()
    index.add_wheel("app", "1.0", requires=["a", "b", 'c; sys_platform == "win32"'], files={"app.py": b"x" * 100_000})
    for name in ("a", "b"):
        index.add_wheel(name, "1.0", requires_python=">=3.8", files={f"{name}.py": TEXT, f"{name}.so": TEXT[::-1]})
    index.add_sdist("c", "1.0", files={"c.py": TEXT * 3})
    with index.serve() as origin:
        yield f"{origin}/simple/"


@pytest.fixture(scope="module")
def expected(index_url: str, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    directory = tmp_path_factory.mktemp("reference")
    bundler(*BUILD, "--index-url", index_url, "-o", directory / "app.tar.zst", "--cache-dir", directory / "cache")
    return (directory / "app.tar.zst").read_bytes()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TZ": "Pacific/Kiritimati"},
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"},
        {"LC_ALL": "tr_TR.UTF-8"},
        {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "4294967295"},
        {"SOURCE_DATE_EPOCH": "1"},
    ],
    ids=str,
)
def test_the_environment_leaves_no_trace(
    environment: dict[str, str], index_url: str, expected: bytes, tmp_path: Path
) -> None:
    bundler(*BUILD, "--index-url", index_url, "-o", tmp_path / "app.tar.zst", "--no-cache", env=environment)
    assert (tmp_path / "app.tar.zst").read_bytes() == expected


def test_umask_working_directory_and_tmpdir_leave_no_trace(index_url: str, expected: bytes, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "tmp").mkdir()
    env = {"TMPDIR": str(tmp_path / "tmp")}
    options = ("--index-url", index_url, "-o", "app.tar.zst", "--no-cache")
    bundler(*BUILD, *options, cwd=tmp_path / "elsewhere", env=env, umask=0o077)
    assert (tmp_path / "elsewhere" / "app.tar.zst").read_bytes() == expected
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_warm_cache_leaves_no_trace(index_url: str, expected: bytes, tmp_path: Path) -> None:
    for name in ("cold.tar.zst", "warm.tar.zst"):
        bundler(*BUILD, "--index-url", index_url, "-o", tmp_path / name, "--cache-dir", tmp_path / "cache")
        assert (tmp_path / name).read_bytes() == expected


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_number_of_threads_leaves_no_trace(
    threads: int,
    index_url: str,
    expected: bytes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("build", "dissecting"):
        monkeypatch.setattr(f"bundler.operations.{module}.CORES", threads)
    options = ("--index-url", index_url, "-o", tmp_path / "app.tar.zst", "--no-cache")
    assert run(capsys, *BUILD, *options).code == 0
    assert (tmp_path / "app.tar.zst").read_bytes() == expected


def test_a_cache_with_the_files_and_without_their_recipes_leaves_no_trace(
    index_url: str, expected: bytes, tmp_path: Path
) -> None:
    options = ("--index-url", index_url, "--cache-dir", tmp_path / "cache")
    bundler(*BUILD, *options, "-o", tmp_path / "whole.tar.zst", "--no-recompress")
    assert list((tmp_path / "cache" / "v1" / "recipes").iterdir()) == []
    bundler(*BUILD, *options, "-o", tmp_path / "app.tar.zst")
    assert (tmp_path / "app.tar.zst").read_bytes() == expected
