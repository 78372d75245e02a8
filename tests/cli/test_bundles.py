from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bundler.bundle.container import compress_frame
from bundler.bundle.expander import padding_after, tar_header
from tests.cli.running import left_in, run

EXPANDED = [
    "app-1.0-py3-none-any.whl",
    "bundle.json",
    "expand.py",
    "lib-1.0-py3-none-any.whl",
    "pylock.cp312-linux-x86_64.toml",
    "pylock.cp312-windows-x86_64.toml",
    "requirements.cp312-linux-x86_64.txt",
    "requirements.cp312-windows-x86_64.txt",
    "win-0.1-py3-none-any.whl",
]


def test_expand_fills_a_new_or_an_empty_directory(
    bundle: Path, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    (place / "empty").mkdir()
    for name in ("new", "empty"):
        outcome = run(capsys, "expand", bundle, place / name)
        assert outcome.code == 0
        assert outcome.out.startswith(f"expanded 3 files into {place / name}\nidentity sha256:")
        assert left_in(place / name) == EXPANDED


def test_expand_with_force_replaces_a_former_expansion_and_nothing_else(
    bundle: Path, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    run(capsys, "expand", bundle, place / "out")
    (place / "out" / "app-1.0-py3-none-any.whl").write_bytes(b"damaged")
    assert run(capsys, "expand", bundle, place / "out").code == 2
    assert run(capsys, "expand", bundle, place / "out", "--force").code == 0
    assert (place / "out" / "app-1.0-py3-none-any.whl").read_bytes() != b"damaged"
    (place / "out" / "mine.txt").write_text("mine")
    outcome = run(capsys, "expand", bundle, place / "out", "--force")
    assert (outcome.code, "'mine.txt'" in outcome.err) == (2, True)
    assert left_in(place) == sorted(["out", "out/mine.txt", *(f"out/{name}" for name in EXPANDED)])


@pytest.mark.parametrize("verb", ["expand", "verify", "inspect"])
def test_a_dash_is_standard_input(
    verb: str, bundle: Path, capsys: pytest.CaptureFixture[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(bundle.read_bytes())))
    assert run(capsys, verb, "-", *([place / "out"] if verb == "expand" else [])).code == 0


def test_verify_names_every_damaged_file(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound = run(capsys, "verify", bundle)
    assert (sound.code, sound.out.splitlines()[0]) == (0, f"{bundle} is sound: 3 files")
    data = bytearray(bundle.read_bytes())
    for name in (b"app-1.0-py3", b"win-0.1-py3"):
        data[
            data.index(b"PK\3\4", data.index(name, data.index(b"Wheel-Version") if b"Wheel-Version" in data else 0))
            + 20
        ] ^= 1
    bundle.write_bytes(data)
    outcome = run(capsys, "verify", bundle, "--json")
    assert outcome.code == 5
    assert outcome.json["sound"] is False
    assert [name for name in EXPANDED if any(name in finding for finding in outcome.json["findings"])] == [
        "app-1.0-py3-none-any.whl",
        "win-0.1-py3-none-any.whl",
    ]


def test_inspect_shows_targets_packages_sizes_and_origins(
    bundle: Path, capsys: pytest.CaptureFixture[str], origin: str
) -> None:
    shown = run(capsys, "inspect", bundle, "-v")
    assert shown.code == 0
    assert "targets: cp312-linux-x86_64, cp312-windows-x86_64" in shown.out
    (row,) = [line.split() for line in shown.out.splitlines() if line.startswith("win ")]
    assert row[:2] == ["win", "0.1"]
    assert row[-3:] == ["cp312-windows-x86_64", "win-0.1-py3-none-any.whl", f"{origin}/files/win-0.1-py3-none-any.whl"]
    manifest = run(capsys, "inspect", bundle, "--json").json
    assert manifest["requirements"] == ["app"]
    assert {(pin["target"], pin["name"]) for pin in manifest["pins"]} == {
        ("cp312-linux-x86_64", "app"),
        ("cp312-linux-x86_64", "lib"),
        ("cp312-windows-x86_64", "app"),
        ("cp312-windows-x86_64", "lib"),
        ("cp312-windows-x86_64", "win"),
    }


@pytest.mark.parametrize("verb", ["expand", "verify", "inspect"])
def test_a_bundle_of_a_newer_format_is_refused(
    verb: str, capsys: pytest.CaptureFixture[str], place: Path, tmp_path: Path
) -> None:
    head = json.dumps({"format": 2, "anything": "else"}).encode()
    content = tar_header("bundle.json", len(head)) + head + bytes(padding_after(len(head)))
    (tmp_path / "newer.tar.zst").write_bytes(compress_frame(content))
    outcome = run(capsys, verb, tmp_path / "newer.tar.zst", *([place / "out"] if verb == "expand" else []))
    assert outcome.code == 5
    assert "is of format 2, this bundler reads 1" in outcome.out + outcome.err
    assert left_in(place) == []
