"""The same inputs give the same bytes, whatever the machine is set to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.running import bundler
from tests.support.fake_index import FakeIndex

BUILD = ("build", "app", "--python", "3.12", "--platform", "linux-x86_64", "--platform", "windows-x86_64", "-q")


@pytest.fixture(scope="module")
def index_url() -> Iterator[str]:
    index = FakeIndex()
    index.add_wheel("app", "1.0", requires=["a", "b", 'c; sys_platform == "win32"'], files={"app.py": b"x" * 100_000})
    for name in ("a", "b", "c"):
        index.add_wheel(name, "1.0", requires_python=">=3.8")
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
