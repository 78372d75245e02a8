from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from bundler.bundle.container import FrameReader, StreamedFrame
from bundler.bundle.members import FRAME_SIZE
from bundler.bundle.reader import BundleReader
from bundler.errors import BundleFormatError, EnvironmentProblem, IntegrityError
from tests.bundle.samples import Compact, bundle_of, frames_of, leb128, sdist, wheel

SHARED = os.urandom(3000).hex().encode()
ARTIFACTS = {
    "a-1.0-py3-none-any.whl": wheel({"a/__init__.py": SHARED, "a/data.txt": os.urandom(9000).hex().encode()}),
    "b-1.0-py3-none-any.whl": wheel({"b/__init__.py": SHARED, "b/data.txt": os.urandom(25_000).hex().encode()}),
    "c-1.0.tar.gz": sdist(os.urandom(6000).hex().encode()),
    "d-1.0-py3-none-any.whl": wheel({"d/long.txt": os.urandom(9000).hex().encode()}, level=9),
    "e-1.0.tar.gz": os.urandom(3000),
    "f-1.0.tar.gz": os.urandom(FRAME_SIZE + 3000),
}
DOCUMENTS = {"requirements.txt": b"demo==1.0\n"}
#: Every blob in a pack or more of its own: SHARED is in the first, a/data.txt in the second and so on.
COMPACT = Compact(DOCUMENTS, ARTIFACTS, pack_size=20_000)
BUNDLE = COMPACT.bundle()
WHOLE = bundle_of(DOCUMENTS, ARTIFACTS)


class Counting(io.BytesIO):
    """A file that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.count = 0

    def read(self, count: int | None = -1) -> bytes:
        data = super().read(count)
        self.count += len(data)
        return data


class Pipe(io.BytesIO):
    def read(self, count: int | None = -1) -> bytes:
        return super().read(min(count or 0, 65_536))

    def seek(self, offset: int, whence: int = 0) -> int:
        raise io.UnsupportedOperation("seek")


def extract(stream: io.BytesIO, directory: Path, *names: str) -> dict[str, bytes]:
    directory.mkdir()
    BundleReader(stream, "app.tar.zst").expand_only(names, directory, threads=2)
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose frames were decoded, in order."""
    frames: list[str] = []
    begin = FrameReader.streamed_frame

    def streamed_frame(self: FrameReader, content_size: int, subject: str) -> StreamedFrame:
        frame = begin(self, content_size, subject)
        content = frame.content

        def noted() -> object:
            frames.append(subject.split()[0])
            return content()

        monkeypatch.setattr(frame, "content", noted)
        return frame

    monkeypatch.setattr(FrameReader, "streamed_frame", streamed_frame)
    return frames


@pytest.mark.parametrize("kind", [io.BytesIO, Pipe])
@pytest.mark.parametrize("data", [BUNDLE, WHOLE], ids=["compact", "whole"])
@pytest.mark.parametrize(
    "names", [[name] for name in ARTIFACTS] + [["a-1.0-py3-none-any.whl", "b-1.0-py3-none-any.whl"], [*ARTIFACTS], []]
)
def test_what_is_asked_for_comes_out_and_nothing_else(
    tmp_path: Path, kind: type[io.BytesIO], data: bytes, names: list[str]
) -> None:
    assert extract(kind(data), tmp_path / "out", *names) == {name: ARTIFACTS[name] for name in names}


@pytest.mark.parametrize("kind", [Counting, Pipe])
@pytest.mark.parametrize(
    ("names", "frames"),
    [
        (["a-1.0-py3-none-any.whl"], ["recipes", "pack-0001", "pack-0002"]),
        (["b-1.0-py3-none-any.whl"], ["recipes", "pack-0001", "pack-0003", "pack-0004", "pack-0005"]),
        (["c-1.0.tar.gz"], ["recipes", "pack-0006"]),
        (["c-1.0.tar.gz", "a-1.0-py3-none-any.whl"], ["recipes", "pack-0001", "pack-0002", "pack-0006"]),
        (["e-1.0.tar.gz"], ["e-1.0.tar.gz"]),
        (["f-1.0.tar.gz"], ["f-1.0.tar.gz", "f-1.0.tar.gz"]),
        ([], []),
    ],
)
def test_each_frame_that_is_needed_is_decoded_once_and_no_other(
    tmp_path: Path, decoded: list[str], kind: type[io.BytesIO], names: list[str], frames: list[str]
) -> None:
    extract(kind(BUNDLE), tmp_path / "out", *names)
    assert decoded == frames


def test_no_more_of_a_file_is_read_than_the_frames_that_are_needed(tmp_path: Path) -> None:
    stream = Counting(BUNDLE)
    extract(stream, tmp_path / "out", "c-1.0.tar.gz")
    assert stream.count < len(COMPACT.packs[5]) + 5000 < len(BUNDLE) // 10


def test_a_reader_that_has_verified_can_extract_and_the_other_way_round(tmp_path: Path) -> None:
    opened = BundleReader(io.BytesIO(BUNDLE), "app.tar.zst")
    assert opened.verify(threads=1) == ()
    opened.expand_only(["c-1.0.tar.gz"], tmp_path, threads=1)
    assert opened.verify(threads=1) == ()
    opened.expand_only(["a-1.0-py3-none-any.whl"], tmp_path, threads=1)
    assert len([*tmp_path.iterdir()]) == 2


def test_a_damaged_seek_table_only_costs_time(tmp_path: Path) -> None:
    names = ["c-1.0.tar.gz", "e-1.0.tar.gz"]
    assert extract(io.BytesIO(BUNDLE[:-1]), tmp_path / "out", *names) == {name: ARTIFACTS[name] for name in names}


def test_recipes_that_fill_several_frames_are_read_in_part(tmp_path: Path, decoded: list[str]) -> None:
    compact = Compact({}, ARTIFACTS)
    # Literals in the recipe instead of blobs, so large that the recipes behind stand in other frames.
    filler = os.urandom(FRAME_SIZE * 2)
    compact.artifacts = {**ARTIFACTS, "a-1.0-py3-none-any.whl": filler}
    compact.recipes[0] = b"\1" + leb128(4 * len(filler)) + filler
    names = [artifact.filename for artifact in compact.manifest.rebuilt]
    extract(io.BytesIO(compact.bundle()), tmp_path / "last", names[-1])
    assert decoded == ["recipes", "recipes", "pack-0001"]
    decoded.clear()
    assert extract(io.BytesIO(compact.bundle()), tmp_path / "first", names[0]) == {names[0]: filler}
    assert decoded == ["recipes", "recipes", "recipes"]


def test_progress_is_told_the_size_of_each_artifact(tmp_path: Path) -> None:
    told: list[int] = []
    names = ["a-1.0-py3-none-any.whl", "e-1.0.tar.gz"]
    BundleReader(io.BytesIO(BUNDLE), "-").expand_only(names, tmp_path, threads=2, progress=told.append)
    assert told == [len(ARTIFACTS[name]) for name in names]


@pytest.mark.parametrize("name", ["nothing.whl", "requirements.txt", "pack-0001", "recipes", "bundle.json"])
def test_what_is_no_artifact_is_a_key_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyError):
        extract(io.BytesIO(BUNDLE), tmp_path / "out", name)


def test_a_file_with_another_hash_is_an_integrity_error(tmp_path: Path) -> None:
    lying = Compact({}, {"a-1.0.tar.gz": sdist(b"good" * 100), "e-1.0.tar.gz": b"good"})
    lying.artifacts = {"a-1.0.tar.gz": sdist(b"evil" * 100), "e-1.0.tar.gz": b"good"}
    with pytest.raises(IntegrityError, match=r"a-1\.0\.tar\.gz in app\.tar\.zst hasn't the SHA-256"):
        extract(io.BytesIO(lying.bundle()), tmp_path / "out", "a-1.0.tar.gz")


def test_damage_elsewhere_does_not_matter_and_damage_in_what_is_needed_does(tmp_path: Path) -> None:
    damaged = bytearray(BUNDLE)
    start, _ = frames_of(BUNDLE)[-3 - len(COMPACT.packs) + 6]
    damaged[start + 100] ^= 1
    names = [name for name in ARTIFACTS if name != "c-1.0.tar.gz"]
    assert sorted(extract(io.BytesIO(damaged), tmp_path / "others", *names)) == names
    with pytest.raises(BundleFormatError, match=r"pack-0006 in app\.tar\.zst "):
        extract(io.BytesIO(damaged), tmp_path / "out", "c-1.0.tar.gz")


@pytest.mark.parametrize(
    ("recipes", "reason"),
    [
        ([b"\1\1\5", b"\1\x0d\5"], "overlap"),
        ([b"\1\1\6", b"\1\1\5"], "step that can't be"),
        ([b"\1\1\4", b"\1\1\5"], "isn't as long"),
        ([b"\1\1\5", b"\1" + leb128(4 * 7 + 1) + b"\5"], "step that can't be"),
        ([b"\1\1\5", b""], "no number stands"),
    ],
)
def test_hostile_recipes_are_refused(tmp_path: Path, recipes: list[bytes], reason: str) -> None:
    names = ("a-1.0.tar.gz", "b-1.0.tar.gz")
    lying = Compact({}, dict.fromkeys(names, sdist(b"x" * 99)))
    lying.artifacts = dict.fromkeys(names, b"01234")
    lying.packs, lying.recipes = [b"0123456789"], recipes
    with pytest.raises(BundleFormatError, match=reason):
        extract(io.BytesIO(lying.bundle()), tmp_path / "out", *names)


def test_recipes_of_another_length_than_their_index_says_are_refused(tmp_path: Path) -> None:
    lying = Compact({}, {"a-1.0.tar.gz": sdist(b"x" * 99)})
    lying.recipes[0] += b"x"
    with pytest.raises(BundleFormatError):
        extract(io.BytesIO(lying.bundle()), tmp_path / "out", "a-1.0.tar.gz")


@pytest.mark.parametrize("name", ["a-1.0-py3-none-any.whl", "e-1.0.tar.gz"])
def test_a_file_in_the_way_is_a_problem_of_the_machine(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"in the way")
    with pytest.raises(EnvironmentProblem, match="can't write"):
        BundleReader(io.BytesIO(BUNDLE), "app.tar.zst").expand_only([name], tmp_path, threads=1)


def test_a_pipe_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    for number, length in enumerate(range(2000, len(BUNDLE) - 4000, len(BUNDLE) // 30)):
        with pytest.raises(BundleFormatError):
            extract(Pipe(BUNDLE[:length]), tmp_path / str(number), "d-1.0-py3-none-any.whl")
