from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bundler.bundle.container import compress_frame
from bundler.bundle.expander import padding_after, tar_header
from bundler.bundle.recipes import Deflated, Recipe
from bundler.cache.responses import ResponseStore
from bundler.digests import Digest
from bundler.operations.dissecting import DISSECTION
from tests.cli.running import left_in, run

EXPANDED = [
    "app-1.0-py3-none-any.whl",
    "bundle.json",
    "expand.py",
    "lib-1.0-py3-none-any.whl",
    "portable_deflate.py",
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


def test_expand_only_takes_projects_and_files_by_their_names(
    bundle: Path, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    run(capsys, "expand", bundle, place / "all")
    outcome = run(capsys, "expand", bundle, place / "some", "--only", "WIN", "--only", "lib-1.0-py3-none-any.whl")
    assert (outcome.code, outcome.out.splitlines()[0]) == (0, f"expanded 2 files into {place / 'some'}")
    assert left_in(place / "some") == ["lib-1.0-py3-none-any.whl", "win-0.1-py3-none-any.whl"]
    for name in left_in(place / "some"):
        assert (place / "some" / name).read_bytes() == (place / "all" / name).read_bytes()
    assert run(capsys, "expand", bundle, place / "one", "--only", "app", "--json").json["files"] == 1


def test_expand_only_of_files_that_are_kept_whole(
    whole_bundle: Path, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    assert run(capsys, "expand", whole_bundle, place / "some", "--only", "lib").code == 0
    assert left_in(place / "some") == ["lib-1.0-py3-none-any.whl"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lob", "did you mean lib?"),
        ("lib-1.1-py3-none-any.whl", "did you mean lib-1.0-py3-none-any.whl?"),
        ("unheard-of", "see what it holds with bundler inspect"),
        ("", "see what it holds with bundler inspect"),
        ("bundle.json", "see what it holds with bundler inspect"),
    ],
)
def test_expand_only_refuses_a_name_that_the_bundle_has_nothing_of(
    bundle: Path, capsys: pytest.CaptureFixture[str], place: Path, name: str, hint: str
) -> None:
    outcome = run(capsys, "expand", bundle, place / "out", "--only", "app", "--only", name)
    assert outcome.code == 2
    assert f"{bundle} holds no project and no file named {name!r}" in outcome.err
    assert hint in outcome.err
    assert left_in(place) == []


def test_expand_only_wants_a_new_or_empty_directory(
    bundle: Path, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    run(capsys, "expand", bundle, place / "out")
    assert run(capsys, "expand", bundle, place / "out", "--only", "app").code == 2
    forced = run(capsys, "expand", bundle, place / "out", "--only", "app", "--force")
    assert (forced.code, "don't go together" in forced.err) == (2, True)
    assert left_in(place / "out") == EXPANDED


@pytest.mark.parametrize("options", [(), ("--only", "app")], ids=["all", "only"])
def test_a_full_disk_is_said_before_any_work(
    bundle: Path,
    capsys: pytest.CaptureFixture[str],
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10))
    outcome = run(capsys, "expand", bundle, place / "out", *options)
    assert outcome.code == 7
    assert "only 10 are free" in outcome.err
    assert left_in(place) == []


def test_verify_names_every_damaged_file(whole_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound = run(capsys, "verify", whole_bundle)
    assert (sound.code, sound.out.splitlines()[0]) == (0, f"{whole_bundle} is sound: 3 files")
    data = bytearray(whole_bundle.read_bytes())
    for name in (b"app-1.0-py3", b"win-0.1-py3"):
        data[
            data.index(b"PK\3\4", data.index(name, data.index(b"Wheel-Version") if b"Wheel-Version" in data else 0))
            + 20
        ] ^= 1
    whole_bundle.write_bytes(data)
    outcome = run(capsys, "verify", whole_bundle, "--json")
    assert outcome.code == 5
    assert outcome.json["sound"] is False
    assert [name for name in EXPANDED if any(name in finding for finding in outcome.json["findings"])] == [
        "app-1.0-py3-none-any.whl",
        "win-0.1-py3-none-any.whl",
    ]


@pytest.mark.parametrize("options", [(), ("--rebuild",)], ids=["read", "rebuilt"])
def test_verify_names_a_damaged_pack(
    bundle: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    assert run(capsys, "verify", bundle, *options).code == 0
    data = bytearray(bundle.read_bytes())
    data[-200] ^= 1
    bundle.write_bytes(data)
    outcome = run(capsys, "verify", bundle, *options)
    assert outcome.code == 5
    assert "pack-0001" in outcome.out


def test_verify_rebuild_finds_a_recipe_that_gives_something_else_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str],
    origin: str,
    place: Path,
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    options = ("-o", place / "app.tar.zst", "--index-url", f"{origin}/simple/", "--cache-dir", tmp_path / "cache")
    assert run(capsys, "build", "lib", *options).code == 0
    change_recipes(tmp_path / "cache")
    assert run(capsys, "build", "lib", *options).code == 0  # what the cache says of zlib's settings is believed
    assert run(capsys, "verify", place / "app.tar.zst").code == 0
    outcome = run(capsys, "verify", place / "app.tar.zst", "--rebuild")
    assert (outcome.code, "lib-1.0-py3-none-any.whl" in outcome.out) == (5, True)
    assert left_in(tmp_path / "tmp") == []
    outcome = run(capsys, "expand", place / "app.tar.zst", place / "out")
    assert (outcome.code, "lib-1.0-py3-none-any.whl" in outcome.err) == (5, True)
    assert left_in(place) == ["app.tar.zst"]


def test_verify_rebuild_without_a_temporary_directory_says_so(
    bundle: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    outcome = run(capsys, "verify", bundle, "--rebuild")
    assert (outcome.code, "can't make a temporary directory" in outcome.err) == (7, True)


def change_recipes(cache: Path) -> None:
    """Let every recipe that is kept tell of another level than the one that gives its artifact."""
    responses = ResponseStore(cache / "v1")
    for path in (cache / "v1" / "recipes").iterdir():
        artifact = Digest("sha256", path.name)
        recipe = Recipe.decode(responses.recipe(artifact, by=DISSECTION) or b"")
        steps = tuple(replace(step, level=1) if isinstance(step, Deflated) else step for step in recipe.steps)
        responses.store_recipe(artifact, Recipe(steps).encode(), by=DISSECTION)


def test_verify_rebuild_reads_twice_and_so_takes_no_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run(capsys, "verify", "-", "--rebuild")
    assert (outcome.code, "read twice" in outcome.err) == (2, True)


def test_inspect_tells_how_files_are_stored(
    bundle: Path, whole_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = run(capsys, "inspect", bundle, "-v").out
    manifest = run(capsys, "inspect", bundle, "--json").json
    (pack,) = manifest["content"]["packs"]
    assert f"3 put together from 1 pack ({pack['size'] / 1000:.1f} kB unpacked), 0 kept whole" in shown
    assert [line.split()[-2] for line in shown.splitlines() if "http://" in line] == ["recipe"] * 3
    assert "format 2" in shown
    whole = run(capsys, "inspect", whole_bundle, "-v").out
    assert "format 1" in whole
    assert "put together" not in whole
    assert [line.split()[-2] for line in whole.splitlines() if "http://" in line] == ["whole"] * 3


def test_inspect_shows_targets_packages_sizes_and_origins(
    bundle: Path, capsys: pytest.CaptureFixture[str], origin: str
) -> None:
    shown = run(capsys, "inspect", bundle, "-v")
    assert shown.code == 0
    assert "targets: cp312-linux-x86_64, cp312-windows-x86_64" in shown.out
    (row,) = [line.split() for line in shown.out.splitlines() if line.startswith("win ")]
    assert row[:2] == ["win", "0.1"]
    filename = "win-0.1-py3-none-any.whl"
    assert row[-4:] == ["cp312-windows-x86_64", filename, "recipe", f"{origin}/files/{filename}"]
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
    head = json.dumps({"format": 3, "anything": "else"}).encode()
    content = tar_header("bundle.json", len(head)) + head + bytes(padding_after(len(head)))
    (tmp_path / "newer.tar.zst").write_bytes(compress_frame(content))
    outcome = run(capsys, verb, tmp_path / "newer.tar.zst", *([place / "out"] if verb == "expand" else []))
    assert outcome.code == 5
    assert "is of format 3, this bundler reads 1 to 2" in outcome.out + outcome.err
    assert left_in(place) == []
