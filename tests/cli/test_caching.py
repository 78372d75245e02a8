from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import left_in, run


def test_dir_prints_where_the_cache_is_and_makes_nothing(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert str(home) in run(capsys, "cache", "dir").out
    assert run(capsys, "cache", "dir", "--cache-dir", tmp_path / "named").out == f"{tmp_path / 'named'}\n"
    monkeypatch.setenv("BUNDLER_CACHE_DIR", str(tmp_path / "variable"))
    assert run(capsys, "cache", "dir").out == f"{tmp_path / 'variable'}\n"
    run(capsys, "cache", "info")
    assert (left_in(home), left_in(tmp_path)) == ([], [])


def test_info_counts_what_a_build_left(
    capsys: pytest.CaptureFixture[str], origin: str, place: Path, tmp_path: Path
) -> None:
    options = ("--cache-dir", tmp_path / "cache")
    run(capsys, "build", "app", "-o", place / "app.tar.zst", "--index-url", f"{origin}/simple/", *options)
    report = run(capsys, "cache", "info", *options, "--json").json
    assert (report["directory"], report["problem"]) == (str(tmp_path / "cache"), None)
    assert {entry["kind"]: entry["files"] for entry in report["contents"]} == {
        "blobs": 2,
        "pages": 4,  # two answers and the pages in them
        "metadata": 2,
        "checks": 2,
        "recipes": 2,
        "locks": 0,
    }
    text = run(capsys, "cache", "info", *options).out
    assert text.splitlines()[0] == f"{tmp_path / 'cache'}: usable"


def test_info_says_why_a_cache_cannot_be_used(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "isn't a directory" in run(capsys, "cache", "info", "--cache-dir", tmp_path / "file").out
