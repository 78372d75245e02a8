"""expand.py on every Python that this machine has from 3.6 on, and with every decoder that can be had here."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.bundle import expander
from bundler.bundle.expander import is_safe_name, tar_header
from bundler.bundle.manifest import MANIFEST_NAME, Manifest
from bundler.bundle.writer import expander_program
from bundler.distributions import check_filename
from bundler.errors import BundleFormatError, UnusableFile
from tests.bundle.old_pythons import contents, run
from tests.bundle.samples import LIES, Compact, bundle_of, lying_bundle, manifest_of, sealed, tar_member, wheel

DOCUMENTS = {"expand.py": expander_program(), "requirements.txt": b"demo==1.0\n"}
ARTIFACTS = {"a-1.0.tar.gz": b"wheels " * 1000, f"{'long' * 40}-1.0-py3-none-any.whl": os.urandom(3000)}
FILES = {"bundle.json": manifest_of(DOCUMENTS, ARTIFACTS).encode(), **DOCUMENTS, **ARTIFACTS}
BUNDLE = bundle_of(DOCUMENTS, ARTIFACTS)
COMPACT = Compact({"expand.py": b"program"}, {"a-1.0-py3-none-any.whl": wheel({"a": b"content " * 20})})


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """What tar makes of a bundle."""
    directory = tmp_path / "unpacked"
    directory.mkdir()
    for name, data in FILES.items():
        (directory / name).write_bytes(data)
    return directory


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "app.tar.zst"
    path.write_bytes(BUNDLE)
    return path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path, code: int = 5) -> str:
    """Run it here; it must refuse with one line."""
    assert expander.main([str(argument) for argument in arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_an_unpacked_directory_is_checked_where_it_stands(python: str, unpacked: Path) -> None:
    result = run(python, unpacked / "expand.py")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"5 files are whole in {unpacked}\n"


def test_an_unpacked_directory_is_copied(python: str, unpacked: Path, tmp_path: Path) -> None:
    result = run(python, unpacked / "expand.py", unpacked, tmp_path / "wheelhouse")
    assert (result.returncode, result.stderr) == (0, "")
    assert contents(tmp_path / "wheelhouse") == FILES


def test_a_changed_file_is_named_on_every_python(python: str, unpacked: Path) -> None:
    (unpacked / "a-1.0.tar.gz").write_bytes(b"Wheels " * 1000)
    result = run(python, unpacked / "expand.py")
    assert result.returncode == 5
    assert result.stderr.endswith(": a-1.0.tar.gz has another sha256 than bundle.json says\n")


def test_a_bundle_is_expanded_by_the_zstd_program(python: str, bundle: Path, unpacked: Path, tmp_path: Path) -> None:
    if shutil.which("zstd") is None:
        pytest.skip("the program zstd isn't installed here")
    # -I -S: none of this machine's packages, so no decoder but the program (or Python 3.14's own).
    result = run(python, "-I", "-S", unpacked / "expand.py", bundle, tmp_path / "wheelhouse")
    assert (result.returncode, result.stderr) == (0, "")
    assert contents(tmp_path / "wheelhouse") == FILES


def test_a_bundle_is_expanded_by_the_package_zstandard(bundle: Path, tmp_path: Path) -> None:
    result = run(sys.executable, expander.__file__, bundle, tmp_path / "wheelhouse", PATH="")
    assert (result.returncode, result.stderr) == (0, "")
    assert contents(tmp_path / "wheelhouse") == FILES


def test_without_a_decoder_it_says_what_to_install(bundle: Path) -> None:
    if sys.version_info >= (3, 14):
        pytest.skip("this Python decodes zstd itself")
    result = run(sys.executable, "-I", "-S", expander.__file__, bundle, PATH="")
    assert result.returncode == 2
    assert "install the program zstd or the package zstandard" in result.stderr


@pytest.mark.parametrize("members", LIES)
def test_a_tar_that_is_not_what_its_list_foretells_is_refused(
    bundle: Path, members: tuple[bytes, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    bundle.write_bytes(lying_bundle(*members))
    refused(capsys, bundle, bundle.parent / "wheelhouse")
    assert list(bundle.parent.iterdir()) == [bundle]


def test_more_after_the_end_is_refused(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = manifest_of({}, {}).encode()
    bundle.write_bytes(sealed([tar_member("bundle.json", head), bytes(1024), b"more"]))
    assert "something follows the end" in refused(capsys, bundle)


def test_help_tells_the_exit_codes(python: str, unpacked: Path) -> None:
    result = run(python, unpacked / "expand.py", "--help")
    assert result.returncode == 0
    assert "5 damaged, or not a bundle" in " ".join(result.stdout.split())


def test_a_wrong_option_is_a_usage_error() -> None:
    assert run(sys.executable, expander.__file__, "--nonsense").returncode == 2


def test_a_bundle_is_checked_without_writing(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(bundle.parent)
    assert expander.main([str(bundle)]) == 0
    assert capsys.readouterr().out == f"5 files are whole in {bundle}\n"
    assert contents(bundle.parent) == before


def test_no_damage_of_a_bundle_yields_a_wrong_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = bundle_of({"requirements.txt": b"demo\n"}, {"a-1.0.tar.gz": b"wheels " * 30})
    path, out = tmp_path / "app.tar.zst", tmp_path / "wheelhouse"
    for place in range(0, len(small), 3):
        changed = bytearray(small)
        changed[place] ^= 0x55
        path.write_bytes(changed)
        if expander.main([str(path), str(out)]) == 0:
            assert contents(out)["a-1.0.tar.gz"] == b"wheels " * 30
            shutil.rmtree(out)
        assert [entry.name for entry in tmp_path.iterdir()] == ["app.tar.zst"]
    capsys.readouterr()


@pytest.mark.parametrize("part", [0, 4, 100, len(BUNDLE) // 2, -200])
def test_a_cut_bundle_is_refused(bundle: Path, part: int, capsys: pytest.CaptureFixture[str]) -> None:
    bundle.write_bytes(BUNDLE[:part])
    refused(capsys, bundle, bundle.parent / "wheelhouse")
    assert list(bundle.parent.iterdir()) == [bundle]


@pytest.mark.parametrize("data", [b"", b"hello\n", b"\x1f\x8b\x08\0" + bytes(20)])
def test_another_file_is_refused(bundle: Path, data: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    bundle.write_bytes(data)
    refused(capsys, bundle)


@pytest.mark.parametrize("change", ["longer", "shorter", "missing", "directory", "link", "fifo"])
@pytest.mark.parametrize("name", ["a-1.0.tar.gz", "bundle.json"])
def test_a_file_that_is_not_as_listed_is_refused(
    unpacked: Path, tmp_path: Path, name: str, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = unpacked / name
    data = path.read_bytes()
    path.unlink()
    if change == "longer":
        path.write_bytes(data + b"\0")
    elif change == "shorter":
        path.write_bytes(data[:-1])
    elif change == "directory":
        path.mkdir()
    elif change == "link":
        (tmp_path / "elsewhere").write_bytes(data)
        path.symlink_to(tmp_path / "elsewhere")
    elif change == "fifo":
        os.mkfifo(path)
    refused(capsys, unpacked)
    refused(capsys, unpacked, tmp_path / "wheelhouse")
    assert not (tmp_path / "wheelhouse").exists()
    assert not list(tmp_path.glob(".bundler-*"))


def test_a_stranger_in_the_directory_is_refused_in_place_and_left_behind_in_a_copy(
    unpacked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (unpacked / "evil-9.9-py3-none-any.whl").write_bytes(b"")
    assert "'evil-9.9-py3-none-any.whl' isn't in the bundle" in refused(capsys, unpacked)
    assert expander.main([str(unpacked), str(tmp_path / "wheelhouse")]) == 0
    assert contents(tmp_path / "wheelhouse") == FILES


def test_a_full_directory_is_not_written_over(
    unpacked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wheelhouse").mkdir()
    assert expander.main([str(unpacked), str(tmp_path / "wheelhouse")]) == 0
    capsys.readouterr()
    assert "isn't an empty directory" in refused(capsys, unpacked, tmp_path / "wheelhouse", code=2)


def test_a_source_that_is_not_there_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in refused(capsys, tmp_path / "missing.tar.zst", code=2)


def test_a_parent_that_is_not_there_is_a_problem_of_the_machine(
    unpacked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(capsys, unpacked, tmp_path / "no" / "wheelhouse", code=7)


def lists() -> Iterator[bytes]:
    good = json.loads(FILES["bundle.json"])

    def edited(**changes: object) -> bytes:
        return canonical({**good, **changes})

    artifact = good["artifacts"][0]
    packed = json.loads(COMPACT.manifest.encode())
    content = packed["content"]

    def repacked(**changes: object) -> bytes:
        return canonical({**packed, "content": {**content, **changes}})

    yield from (b"", b"[]", b"{}", b"null", b"\xff", b"[" * 100_000, FILES["bundle.json"].rstrip(), b'{"format":3}\n')
    yield from (b'{"format":' + b"9" * 300_000 + b"}\n", b'{"format":2}\n', edited(format=3), edited(format="1"))
    yield from (
        edited(format=2),
        edited(format=True),
        edited(documents=[1]),
        edited(artifacts={"a": 1}),
        edited(documents=None),
    )
    for name in (
        "",
        "..",
        "../a",
        "a/b",
        "a\\b",
        "/a",
        "-a",
        ".a",
        "nul",
        "CON.txt",
        "a.",
        "a\0",
        "bundle.json",
        "REQUIREMENTS.TXT",
    ):
        yield edited(artifacts=[{**artifact, "filename": name}])
    yield from (
        edited(artifacts=[{**artifact, key: value}])
        for key, value in (
            ("filename", 1),
            ("size", -1),
            ("size", 1.0),
            ("size", True),
            ("size", "1"),
            ("sha256", "0"),
            ("sha256", None),
            ("stored", "recipe"),
            ("stored", ["whole"]),
        )
    )
    wholes = [{**each, "stored": "whole"} for each in packed["artifacts"]]
    yield from (
        canonical({**packed, "format": 1}),
        canonical({**packed, "artifacts": wholes}),
        canonical({key: value for key, value in packed.items() if key != "content"}),
        canonical({**packed, "content": None}),
        canonical({**packed, "content": []}),
        repacked(packs=[]),
        repacked(packs={}),
        repacked(packs=[{"filename": "pack-0001"}]),
        repacked(packs=[{"filename": "pack-0001", "size": 0}]),
        repacked(packs=[{"filename": "pack-0001", "size": expander.LARGEST_PACK + 1}]),
        repacked(packs=[{"filename": "../pack", "size": 1}]),
        repacked(packs=[{"filename": "RECIPES", "size": 1}]),
        repacked(packs=[{"filename": packed["artifacts"][0]["filename"], "size": 1}]),
        repacked(packs=[{"filename": f"pack-{number}", "size": expander.LARGEST_PACK} for number in range(2)]),
        repacked(blobs="0"),
        repacked(blobs=None),
        repacked(recipes=None),
        repacked(recipes={**content["recipes"], "size": -1}),
        repacked(recipes={**content["recipes"], "sha256": ""}),
        repacked(recipes={**content["recipes"], "filename": "expand.py"}),
    )


def canonical(fields: object) -> bytes:
    return (json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


@pytest.mark.parametrize("data", list(lists()))
def test_a_hostile_list_is_refused_here_and_by_bundler(
    unpacked: Path, tmp_path: Path, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (unpacked / "bundle.json").write_bytes(data)
    refused(capsys, unpacked, tmp_path / "wheelhouse")
    with pytest.raises(BundleFormatError):
        Manifest.decode(data)


@given(
    st.text(st.sampled_from("aZ09._+!-/\\ \0ä\n"), max_size=6) | st.from_regex(r"(?i)(con|com\d|nul|lpt\d)(\.\w+)?\.?")
)
def test_the_rule_for_safe_names_is_bundlers_or_stricter(name: str) -> None:
    if is_safe_name(name):
        assert check_filename(name) == name
    try:
        Manifest.decode(manifest_of({}, {name: b""}).encode())
        assert is_safe_name(name) or name.lower() == MANIFEST_NAME
    except (BundleFormatError, UnusableFile):
        assert not is_safe_name(name) or name.lower() == MANIFEST_NAME


@given(st.integers(1, 255), st.one_of(st.integers(0, 2000), st.integers(0, 1 << 50)))
def test_a_header_says_to_tarfile_what_was_asked_of_it(length: int, size: int) -> None:
    header = tar_header("n" * length, size)
    assert len(header) % 512 == 0
    with tarfile.open(fileobj=io.BytesIO(header), mode="r|") as archive:
        info = archive.next()
    assert info is not None
    assert (info.name, info.size, info.type, info.mode) == ("n" * length, size, tarfile.REGTYPE, 0o644)


def test_a_header_is_pax_only_where_ustar_can_not_say_it() -> None:
    assert len(tar_header("n" * 100, 8**11 - 1)) == 512
    assert len(tar_header("n" * 101, 0)) == len(tar_header("n", 8**11)) == len(tar_header("n" * 255, 1 << 50)) == 1536
