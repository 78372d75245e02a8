from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from bundler.bundle.deflate import Engine
from bundler.bundle.dissection import dissect
from bundler.bundle.recipes import Blob, Copy, Deflated, Literal, Recipe
from bundler.cache.responses import ResponseStore
from bundler.digests import Digest
from bundler.errors import IntegrityError
from bundler.operations import dissecting
from tests.cli.running import Outcome, left_in, run
from tests.support.fake_index import FakeIndex
from tests.support.wheels import CANARY_VARIABLE

LINUX, WINDOWS = "cp312-linux-x86_64", "cp312-windows-x86_64"


@pytest.fixture(autouse=True)
def _setting(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUNDLER_INDEX_URL", f"{origin}/simple/")


def build(capsys: pytest.CaptureFixture[str], output: Path, *arguments: str | Path) -> Outcome:
    outcome = run(capsys, "build", "-o", output, *arguments)
    assert outcome.code == 0, outcome.err
    return outcome


def both(capsys: pytest.CaptureFixture[str], output: Path, *arguments: str) -> Outcome:
    options = ("--python", "3.12", "--platform", "linux-x86_64", "--platform", "windows-x86_64")
    return build(capsys, output, *options, *arguments)


def artifacts(capsys: pytest.CaptureFixture[str], bundle: Path) -> dict[str, list[str]]:
    return {a["filename"]: a["targets"] for a in run(capsys, "inspect", bundle, "--json").json["artifacts"]}


def test_each_target_gets_what_its_own_markers_ask_for(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    both(capsys, place / "both.tar.zst", "app")
    assert artifacts(capsys, place / "both.tar.zst") == {
        "app-1.0-py3-none-any.whl": [LINUX, WINDOWS],
        "lib-1.0-py3-none-any.whl": [LINUX, WINDOWS],
        "win-0.1-py3-none-any.whl": [WINDOWS],
    }
    build(capsys, place / "linux.tar.zst", "app", "--python", "3.12", "--platform", "linux-x86_64")
    assert "win-0.1-py3-none-any.whl" not in artifacts(capsys, place / "linux.tar.zst")
    assert left_in(place) == ["both.tar.zst", "linux.tar.zst"]


def test_the_summary_states_targets_files_bytes_and_identity(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    outcome = both(capsys, place / "app.tar.zst", "app")
    size = (place / "app.tar.zst").stat().st_size
    identity = run(capsys, "inspect", place / "app.tar.zst", "--json").json["identity"]
    lines = outcome.out.splitlines()
    assert lines[:2] == [f"{LINUX}: 2 packages", f"{WINDOWS}: 3 packages"]
    assert lines[2].startswith("3 files, ")
    report = both(capsys, place / "app.tar.zst", "app", "--json").json
    share = f"{size / report['artifact_bytes']:.0%}".replace("%", " %")
    assert lines[3] == f"wrote {place / 'app.tar.zst'} ({size / 1000:.1f} kB, {share} of the files)"
    assert lines[4] == f"identity {identity}"
    stages = [line.split(":")[0] for line in outcome.err.splitlines()]
    in_any_case = [stage for stage in stages if stage != "proving"]  # which is told where it has to be waited for
    assert in_any_case == [f"resolving for {LINUX}, {WINDOWS}", "downloading", "packing"]


def test_quiet_says_nothing_and_json_says_all(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    quiet = both(capsys, place / "app.tar.zst", "app", "-q")
    assert (quiet.out, quiet.err) == ("", "")
    report = both(capsys, place / "app.tar.zst", "app", "-q", "--json").json
    assert report["targets"] == {LINUX: 2, WINDOWS: 3}
    assert (report["files"], report["recompressed"], report["sdists"], report["warnings"]) == (3, 3, [], [])
    assert report["bundle_bytes"] == (place / "app.tar.zst").stat().st_size


def test_requirement_and_constraint_files_are_read(
    capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex, tmp_path: Path
) -> None:
    index.add_wheel("lib", "2.0")
    (tmp_path / "more.txt").write_text("old-is-not-asked-for ; python_version < '3'\n")
    (tmp_path / "requirements.txt").write_text("\ufeff# wanted\r\napp \\\r\n  >= 1  # now\r\n-r more.txt\r\n")
    (tmp_path / "constraints.txt").write_text("lib < 2\n")
    options = ("-r", tmp_path / "requirements.txt", "-c", tmp_path / "constraints.txt")
    build(capsys, place / "app.tar.zst", *options, "--python", "3.12", "--platform", "linux-x86_64")
    assert "lib-1.0-py3-none-any.whl" in artifacts(capsys, place / "app.tar.zst")


def test_a_target_described_on_the_far_machine_is_built_for(
    capsys: pytest.CaptureFixture[str], place: Path, tmp_path: Path
) -> None:
    shown = run(capsys, "target", "show", "--python", "3.13t", "--platform", "windows-arm64")
    (tmp_path / "far.json").write_text(shown.out)
    build(capsys, place / "app.tar.zst", "app", "--target", tmp_path / "far.json")
    assert artifacts(capsys, place / "app.tar.zst")["win-0.1-py3-none-any.whl"] == ["cp313t-windows-arm64"]


def test_an_sdist_is_taken_where_no_wheel_fits_and_its_code_is_never_run(
    capsys: pytest.CaptureFixture[str],
    place: Path,
    index: FakeIndex,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CANARY_VARIABLE, str(tmp_path / "canary"))
    index.add_sdist("source", "3.0", static=False)
    index.add_sdist("source", "2.0", requires=["lib"])
    index.add_wheel("source", "1.0")
    report = build(capsys, place / "app.tar.zst", "source", "--json").json
    assert set(artifacts(capsys, place / "app.tar.zst")) == {"lib-1.0-py3-none-any.whl", "source-2.0.tar.gz"}
    (passed,) = report["passed_over"]
    assert (passed["name"], passed["version"]) == ("source", "3.0")
    assert "isn't static" in passed["reason"]
    assert report["sdists"] == ["source-2.0.tar.gz"]
    assert not (tmp_path / "canary").exists()


def test_an_unknown_extra_is_a_warning(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    assert "warning: app 1.0 has no extra 'nothing'" in build(capsys, place / "app.tar.zst", "app[nothing]").out


def test_an_older_bundle_is_replaced_at_once_and_kept_on_failure(
    capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    (place / "app.tar.zst").write_bytes(b"before")
    assert run(capsys, "build", "-o", place / "app.tar.zst", "app", "old").code == 3
    assert (place / "app.tar.zst").read_bytes() == b"before"
    build(capsys, place / "app.tar.zst", "app")
    assert left_in(place) == ["app.tar.zst"]
    assert run(capsys, "verify", place / "app.tar.zst").code == 0


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_no_cache_leaves_nothing_outside_the_output(
    warm: bool,
    capsys: pytest.CaptureFixture[str],
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    if warm:
        build(capsys, place / "app.tar.zst", "app")
    before = left_in(home)
    build(capsys, place / "app.tar.zst", "app", "--no-cache")
    assert left_in(tmp_path / "tmp") == []
    assert left_in(home) == before


def test_a_warm_build_downloads_nothing_again(
    capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex
) -> None:
    build(capsys, place / "app.tar.zst", "app")
    before = len(index.requests)
    build(capsys, place / "app.tar.zst", "app")
    assert len(index.requests) == before


def test_a_cache_that_cannot_be_used_costs_one_line(
    capsys: pytest.CaptureFixture[str], place: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    outcome = build(capsys, place / "app.tar.zst", "app", "--cache-dir", tmp_path / "file")
    assert [line for line in outcome.err.splitlines() if "the cache" in line] == [
        f"the cache {tmp_path / 'file'} isn't used: it isn't a directory"
    ]


def test_a_poisoned_blob_is_fetched_again(
    capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex, tmp_path: Path
) -> None:
    options = ("app", "--cache-dir", tmp_path / "cache")
    build(capsys, place / "app.tar.zst", *options)
    expected = (place / "app.tar.zst").read_bytes()
    for blob in (tmp_path / "cache" / "v1" / "blobs").rglob("*"):
        if blob.is_file():
            blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    build(capsys, place / "app.tar.zst", *options)
    assert (place / "app.tar.zst").read_bytes() == expected


def test_newer_versions_passed_over_for_one_reason_stand_on_one_line(
    capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex
) -> None:
    for version in ("2.0", "2.1"):
        index.add_wheel("lib", version, tag="cp312-cp312-win_amd64")
    outcome = build(capsys, place / "app.tar.zst", "lib", "--python", "3.12", "--platform", "linux-x86_64")
    assert f"passed over lib 2.0, 2.1 ({LINUX}): no wheel for this platform and Python" in outcome.out.splitlines()


def test_an_input_is_never_the_output(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "r.txt").write_text("app\n")
    outcome = run(capsys, "build", "-r", place / "r.txt", "-o", place / "r.txt")
    assert (outcome.code, (place / "r.txt").read_text()) == (2, "app\n")


def test_standard_output_is_refused_by_name(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    outcome = run(capsys, "build", "app", "-o", "-")
    assert (outcome.code, "can't be written to standard output" in outcome.err) == (2, True)


def test_requirements_that_apply_nowhere_are_a_warning(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    outcome = build(capsys, place / "app.tar.zst", "app; sys_platform == 'nope'", "--python", "3.12")
    assert "warning: no requirement applies to cp312-" in outcome.out


def test_the_level_changes_the_bytes_and_nothing_else(
    capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(f"def function_{number}(argument):\n    return {number * number}\n" for number in range(3000))
    index.add_wheel("text", "1.0", files={"text.py": text.encode()})
    fast = build(capsys, place / "fast.tar.zst", "text", "--level", "1", "--json").json
    monkeypatch.setenv("BUNDLER_LEVEL", "19")
    small = build(capsys, place / "small.tar.zst", "text", "--json").json
    assert fast["identity"] == small["identity"]
    assert fast["bundle_bytes"] > small["bundle_bytes"]
    for name in ("fast", "small"):
        assert run(capsys, "expand", place / f"{name}.tar.zst", place / name).code == 0


def test_the_project_says_how_to_pack(
    capsys: pytest.CaptureFixture[str], place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    (place / "pyproject.toml").write_text("[tool.bundler]\nno-recompress = true\nlevel = 3\n")
    assert build(capsys, tmp_path / "app.tar.zst", "app", "--json").json["recompressed"] == 0
    (place / "pyproject.toml").write_text("[tool.bundler]\nlevel = 99\n")
    outcome = run(capsys, "build", "app", "-o", tmp_path / "app.tar.zst")
    assert (outcome.code, "--level" in outcome.err) == (2, True)


@pytest.mark.parametrize("level", ["0", "23", "-1", "nine"])
def test_a_level_that_zstd_has_not_is_refused(capsys: pytest.CaptureFixture[str], place: Path, level: str) -> None:
    assert run(capsys, "build", "app", "-o", place / "app.tar.zst", "--level", level).code == 2
    assert left_in(place) == []


def test_without_recompressing_every_file_is_kept_as_it_is(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    report = both(capsys, place / "app.tar.zst", "app", "--no-recompress", "--json").json
    assert report["recompressed"] == 0
    described = run(capsys, "inspect", place / "app.tar.zst", "--json").json
    assert (described["format"], {a["stored"] for a in described["artifacts"]}) == (1, {"whole"})
    assert "content" not in described
    assert "portable_deflate.py" not in [document["filename"] for document in described["documents"]]


def test_both_ways_hold_the_very_same_files(capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex) -> None:
    index.add_sdist("source", "2.0", files={"source.py": b"x = 1\n" * 5000})
    for name, options in (("compact", ()), ("whole", ("--no-recompress",))):
        both(capsys, place / f"{name}.tar.zst", "app", "source", *options)
        assert run(capsys, "expand", place / f"{name}.tar.zst", place / name).code == 0
    for path in sorted((place / "whole").iterdir()):
        if path.suffix in (".whl", ".gz", ".toml", ".txt"):
            assert (place / "compact" / path.name).read_bytes() == path.read_bytes()


def test_a_second_build_proves_nothing_again(
    capsys: pytest.CaptureFixture[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven: list[BinaryIO] = []

    def counting(stream: BinaryIO, engine: Engine) -> Recipe:
        proven.append(stream)
        return dissect(stream, engine)

    monkeypatch.setattr(dissecting, "dissect", counting)
    both(capsys, place / "first.tar.zst", "app")
    assert len(proven) == 3
    both(capsys, place / "second.tar.zst", "app")
    assert len(proven) == 3
    assert (place / "second.tar.zst").read_bytes() == (place / "first.tar.zst").read_bytes()
    both(capsys, place / "third.tar.zst", "app", "--no-recompress", "--no-cache")
    assert len(proven) == 3


def misfits(recipe: bytes) -> Iterator[bytes]:
    """Recipes that prove themselves and can't be those of their artifacts."""
    steps = Recipe.decode(recipe).steps
    place, deflated = next((number, step) for number, step in enumerate(steps) if isinstance(step, Deflated))
    yield b"nonsense"
    yield Recipe(steps[1:]).encode()
    yield Recipe(steps[:-1]).encode()
    for number in (0, -1):
        literal = steps[number]
        assert isinstance(literal, Literal)
        changed = list(steps)
        changed[number] = Literal(literal.data[:-1] + bytes([literal.data[-1] ^ 1]))
        yield Recipe(tuple(changed)).encode()
    for size in (deflated.size + 1, deflated.size - 1):
        yield Recipe((*steps[:place], replace(deflated, size=size), *steps[place + 1 :])).encode()
    bomb = replace(deflated, blob=Blob(deflated.blob.digest, 1 << 62))
    yield Recipe((*steps[:place], bomb, *steps[place + 1 :])).encode()


def lies(recipe: bytes) -> Iterator[bytes]:
    """Recipes that could be those of their artifacts, and aren't."""
    steps = Recipe.decode(recipe).steps
    place, deflated = next((number, step) for number, step in enumerate(steps) if isinstance(step, Deflated))
    other = Digest.sha256(b"other")
    for step in (
        replace(deflated, blob=Blob(other, deflated.blob.size)),
        replace(deflated, blob=Blob(deflated.blob.digest, deflated.blob.size + 1)),
        Copy(Blob(other, deflated.size)),
    ):
        yield Recipe((*steps[:place], step, *steps[place + 1 :])).encode()


@pytest.mark.parametrize(
    ("spoiled", "number"), [*((misfits, number) for number in range(8)), *((lies, number) for number in range(3))]
)
def test_a_poisoned_recipe_is_dropped_and_proven_again(
    capsys: pytest.CaptureFixture[str],
    place: Path,
    tmp_path: Path,
    spoiled: Callable[[bytes], Iterator[bytes]],
    number: int,
) -> None:
    options = ("app", "--cache-dir", str(tmp_path / "cache"))
    both(capsys, place / "app.tar.zst", *options)
    expected = (place / "app.tar.zst").read_bytes()
    responses = ResponseStore(tmp_path / "cache" / "v1")
    kept = {}
    for path in (tmp_path / "cache" / "v1" / "recipes").iterdir():
        artifact = Digest("sha256", path.name)
        kept[artifact] = responses.recipe(artifact, by=dissecting.DISSECTION) or b""
        responses.store_recipe(artifact, list(spoiled(kept[artifact]))[number], by=dissecting.DISSECTION)
    outcome = both(capsys, place / "app.tar.zst", *options)
    assert ("the cache is wrong about how some files are made" in outcome.err) is (spoiled is lies)
    assert (place / "app.tar.zst").read_bytes() == expected
    assert {artifact: responses.recipe(artifact, by=dissecting.DISSECTION) for artifact in kept} == kept


def test_what_no_cache_is_to_blame_for_is_an_error_at_once(
    capsys: pytest.CaptureFixture[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise IntegrityError("app is another file", expected="a", actual="b")

    monkeypatch.setattr("bundler.operations.build.write_bundle", refuse)
    outcome = run(capsys, "build", "app", "-o", place / "app.tar.zst", "--no-cache")
    assert (outcome.code, "the cache is wrong" in outcome.err) == (5, False)
    assert left_in(place) == []
