"""expand.py with bundles that have packs: on every Python, with and without a classic zlib, and with hostile ones."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bundler.bundle import expander, portable_deflate
from bundler.bundle.writer import expander_program
from tests.bundle.old_pythons import contents, run
from tests.bundle.samples import Compact, leb128, sdist, wheel
from tests.bundle.test_expander import refused

SHARED = bytes(random.Random(3).choices(b"acgt", k=20_000))
WHEELS = {
    "a-1.0-py3-none-any.whl": wheel({"a.py": b"print(1)\n" * 300, "shared.txt": SHARED}),
    "b-1.0-py3-none-any.whl": wheel({"b.py": b"print(2)\n" * 300, "shared.txt": SHARED}, level=9),
    "c-1.0.tar.gz": sdist(SHARED[:5000]),
    "whole-1.0.tar.gz": b"not deflated",
}
PROGRAMS = {"expand.py": expander_program(), "portable_deflate.py": Path(portable_deflate.__file__).read_bytes()}
COMPACT = Compact({**PROGRAMS, "requirements.txt": b"demo\n"}, WHEELS, pack_size=12_000)
FILES = COMPACT.files()
HINT = "; give a directory to put together 3 more"


def unpack(compact: Compact, directory: Path, changes: Mapping[str, bytes | None] | None = None) -> Path:
    """What tar makes of a bundle, with some files changed or left out."""
    files: dict[str, bytes | None] = {
        **{name: data for name, data in compact.files().items() if name not in compact.rebuilt},
        "recipes": compact.recipes_member,
        **{f"pack-{number:04}": pack for number, pack in enumerate(compact.packs, 1)},
        **(changes or {}),
    }
    directory.mkdir()
    for name, data in files.items():
        if data is not None:
            (directory / name).write_bytes(data)
    return directory


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    return unpack(COMPACT, tmp_path / "unpacked")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "app.tar.zst"
    path.write_bytes(COMPACT.bundle())
    return path


@pytest.fixture
def other_zlib(tmp_path: Path) -> str:
    """A directory for PYTHONPATH with a zlib that is right, and not the classic one."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "zlib.py").write_text(OTHER_ZLIB)
    return str(tmp_path / "path")


OTHER_ZLIB = """
DEFLATED, MAX_WBITS = 8, 15
class error(Exception): pass
def crc32(data, value=0): raise error
class compressobj:
    def __init__(self, *setting): pass
    def compress(self, data): return b""
    def flush(self): return b"\\x03\\x00"
"""


def test_the_sample_has_all_that_matters() -> None:
    assert len(COMPACT.packs) > 2
    assert [*WHEELS][:3] == COMPACT.rebuilt
    assert max(blob.size for blob in COMPACT.starts) > len(COMPACT.packs[0])  # it crosses a border


def test_an_unpacked_tar_is_expanded(python: str, unpacked: Path, tmp_path: Path) -> None:
    result = run(python, unpacked / "expand.py", unpacked, tmp_path / "wheelhouse")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"8 files are whole in {tmp_path / 'wheelhouse'}\n"
    assert contents(tmp_path / "wheelhouse") == FILES
    again = run(python, tmp_path / "wheelhouse" / "expand.py")
    assert (again.returncode, again.stdout) == (0, f"8 files are whole in {tmp_path / 'wheelhouse'}\n")


def test_an_unpacked_tar_is_checked_where_it_stands(python: str, unpacked: Path) -> None:
    result = run(python, unpacked / "expand.py")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{len(COMPACT.packs) + 6} files are whole in {unpacked}{HINT}\n"


def test_a_bundle_is_expanded_by_the_zstd_program(python: str, bundle: Path, unpacked: Path, tmp_path: Path) -> None:
    if shutil.which("zstd") is None:
        pytest.skip("the program zstd isn't installed here")
    result = run(python, "-I", "-S", unpacked / "expand.py", bundle, tmp_path / "wheelhouse")
    assert (result.returncode, result.stderr) == (0, "")
    assert contents(tmp_path / "wheelhouse") == FILES


def test_without_a_classic_zlib_processes_do_it(python: str, unpacked: Path, tmp_path: Path, other_zlib: str) -> None:
    result = run(python, unpacked / "expand.py", unpacked, tmp_path / "wheelhouse", PYTHONPATH=other_zlib)
    assert (result.returncode, result.stdout) == (0, f"8 files are whole in {tmp_path / 'wheelhouse'}\n")
    assert result.stderr == "expand.py: this Python's zlib isn't the classic one: this will take far longer\n"
    assert contents(tmp_path / "wheelhouse") == FILES


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_may_be_started_in_any_way(python: str, unpacked: Path, method: str, other_zlib: str) -> None:
    program = unpacked / "expand.py"
    start = f"import multiprocessing\n    multiprocessing.set_start_method({method!r})\n    "
    changed = program.read_text().replace("sys.exit(main())", f"{start}sys.exit(main())")
    (unpacked.parent / "program.py").write_text(changed)
    out = unpacked.parent / "wheelhouse"
    result = run(python, unpacked.parent / "program.py", unpacked, out, PYTHONPATH=other_zlib)
    assert result.returncode == 0, result.stderr
    assert contents(out) == FILES


def test_a_bundle_carries_what_it_takes_without_a_classic_zlib(bundle: Path, tmp_path: Path, other_zlib: str) -> None:
    result = run(sys.executable, expander.__file__, bundle, tmp_path / "wheelhouse", PYTHONPATH=other_zlib)
    assert result.returncode == 0, result.stderr
    assert contents(tmp_path / "wheelhouse") == FILES


def test_where_processes_can_not_be_had_it_goes_without(
    unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(count: int) -> None:
        raise OSError("no semaphores here")

    monkeypatch.setattr(expander, "ProcessPoolExecutor", refuse)
    monkeypatch.setattr(expander, "is_exact", lambda deflate: False)
    assert expander.main([str(unpacked), str(tmp_path / "wheelhouse")]) == 0
    assert contents(tmp_path / "wheelhouse") == FILES
    capsys.readouterr()


@pytest.mark.parametrize("program", [None, b"raise SystemExit('run!')\n"])
def test_a_strange_encoder_is_never_run(
    tmp_path: Path, program: bytes | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = {} if program is None else {"portable_deflate.py": program}
    directory = unpack(Compact(documents, WHEELS), tmp_path / "unpacked")
    monkeypatch.setattr(expander, "is_exact", lambda deflate: False)
    assert "isn't the classic one" in refused(capsys, directory, tmp_path / "wheelhouse", code=2)
    assert [*tmp_path.iterdir()] == [directory]


def test_threads_that_can_not_be_had_are_a_problem_of_the_machine(
    unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(count: int) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(expander, "ThreadPoolExecutor", refuse)
    assert "can't start" in refused(capsys, unpacked, tmp_path / "wheelhouse", code=7)
    assert [*tmp_path.iterdir()] == [unpacked]


def dying(source: bytes, level: int, mem_level: int) -> None:
    os._exit(1)


def test_a_process_that_dies_is_a_problem_of_the_machine(
    unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(expander, "is_exact", lambda deflate: False)
    monkeypatch.setattr(expander, "by_portable", dying)
    assert expander.main([str(unpacked), str(tmp_path / "wheelhouse")]) == 7
    assert "terminated" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == [unpacked]


def test_a_bundle_is_checked_without_writing(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert expander.main([str(bundle)]) == 0
    assert capsys.readouterr().out == f"{len(COMPACT.packs) + 6} files are whole in {bundle}{HINT}\n"


# Damage

CHANGES: list[dict[str, bytes | None]] = [
    {"recipes": None},
    {"recipes": COMPACT.recipes_member + b"\0"},
    {"recipes": COMPACT.recipes_member[:-1] + b"!"},
    {"pack-0001": None},
    {"pack-0002": None},
    {"pack-0001": COMPACT.packs[0] + b"\0"},
    {"pack-0001": COMPACT.packs[0][:-1]},
    {"pack-0001": COMPACT.packs[1], "pack-0002": COMPACT.packs[0]},
    {"pack-0002": COMPACT.packs[1][:-1] + b"!"},
    {"whole-1.0.tar.gz": b"Not deflated"},
    {"whole-1.0.tar.gz": None},
    {"recipes": None, **{f"pack-{number:04}": None for number in range(1, len(COMPACT.packs) + 1)}},
]


@pytest.mark.parametrize("changes", CHANGES)
def test_what_is_changed_or_missing_is_refused(
    tmp_path: Path, changes: dict[str, bytes | None], capsys: pytest.CaptureFixture[str]
) -> None:
    directory = unpack(COMPACT, tmp_path / "unpacked", changes)
    refused(capsys, directory)
    refused(capsys, directory, tmp_path / "wheelhouse")
    assert [*tmp_path.iterdir()] == [directory]


def test_an_artifact_that_is_neither_there_nor_in_packs_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expander.main([str(unpack(COMPACT, tmp_path / "unpacked")), str(tmp_path / "wheelhouse")]) == 0
    capsys.readouterr()
    (tmp_path / "wheelhouse" / "b-1.0-py3-none-any.whl").unlink()
    assert ": b-1.0-py3-none-any.whl is missing" in refused(capsys, tmp_path / "wheelhouse")


def test_an_artifact_beside_the_packs_is_a_stranger(unpacked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (unpacked / "a-1.0-py3-none-any.whl").write_bytes(b"evil")
    assert "'a-1.0-py3-none-any.whl'" in refused(capsys, unpacked)
    assert expander.main([str(unpacked), str(unpacked.parent / "wheelhouse")]) == 0
    assert contents(unpacked.parent / "wheelhouse") == FILES
    capsys.readouterr()


def test_no_damage_of_a_bundle_yields_a_wrong_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = Compact({}, {"a-1.0-py3-none-any.whl": wheel({"a.py": b"print(1)\n" * 30, "b.py": b"print(2)\n"})})
    data, path, out = small.bundle(), tmp_path / "app.tar.zst", tmp_path / "wheelhouse"
    for place in range(0, len(data), 5):
        changed = bytearray(data)
        changed[place] ^= 0x55
        path.write_bytes(changed)
        if expander.main([str(path), str(out)]) == 0:
            assert contents(out) == small.files()
            shutil.rmtree(out)
        assert [entry.name for entry in tmp_path.iterdir()] == ["app.tar.zst"]
    capsys.readouterr()


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_cut_bundle_is_refused(bundle: Path, part: float, capsys: pytest.CaptureFixture[str]) -> None:
    data = bundle.read_bytes()
    bundle.write_bytes(data[: int(len(data) * part)])
    refused(capsys, bundle)
    refused(capsys, bundle, bundle.parent / "wheelhouse")
    assert [*bundle.parent.iterdir()] == [bundle]


class Lying(Compact):
    """Its list is about the lies; its two artifacts are of one size."""

    def __init__(self) -> None:
        super().__init__({}, {f"{name}-1.0-py3-none-any.whl": wheel({name: name.encode() * 300}) for name in "ab"})
        assert len({*map(len, self.artifacts.values())}) == 1


def lie_of_order(lying: Lying) -> None:
    lying.recipes.reverse()


def lie_of_literals(lying: Lying) -> None:
    lying.recipes[0] = lying.recipes[0][:-1] + b"!"


def lie_of_length(lying: Lying) -> None:
    lying.recipes[0] += b"!"


def lie_of_content(lying: Lying) -> None:
    lying.packs = [lying.packs[0] + b"!"]


def lie_of_blobs(lying: Lying) -> None:
    lying.blobs = hashlib.sha256(b"").digest()


def lie_of_size(lying: Lying) -> None:
    """Four bytes that deflate to more bytes than the recipe says, and still the artifact's size."""
    size = len(lying.artifacts["a-1.0-py3-none-any.whl"])
    lying.packs, lying.blobs = [b"abcd"], hashlib.sha256(hashlib.sha256(b"abcd").digest()).digest()
    parts = leb128(2), leb128(2), leb128(4), leb128(3), leb128(12), leb128(4 * (size - 3)), bytes(size - 3)
    lying.recipes = [b"".join(parts)] * 2


@pytest.mark.parametrize(
    "lie", [lie_of_order, lie_of_literals, lie_of_length, lie_of_content, lie_of_blobs, lie_of_size]
)
@pytest.mark.parametrize("is_packed", [True, False])
def test_a_lie_that_all_sums_agree_with_is_refused(
    tmp_path: Path, lie: object, is_packed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    lying = Lying()
    assert callable(lie)
    lie(lying)
    if is_packed:
        source = tmp_path / "app.tar.zst"
        source.write_bytes(lying.bundle())
    else:
        source = unpack(lying, tmp_path / "unpacked")
    if lie is lie_of_blobs:
        refused(capsys, source)
        return  # what comes out is held against its own sums
    refused(capsys, source, tmp_path / "wheelhouse")
    assert [*tmp_path.iterdir()] == [source]


def test_a_stock_tar_can_unpack_a_bundle(bundle: Path, tmp_path: Path) -> None:
    if shutil.which("zstd") is None or shutil.which("tar") is None:
        pytest.skip("tar or zstd isn't installed here")
    (tmp_path / "unpacked").mkdir()
    subprocess.run(["tar", "--zstd", "-xf", str(bundle), "-C", str(tmp_path / "unpacked")], check=True)
    assert run(sys.executable, tmp_path / "unpacked" / "expand.py").returncode == 0
