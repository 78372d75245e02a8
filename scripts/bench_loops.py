"""The machine's limit for compact bundles: plain loops over the same bytes, in a process of their own, in one thread.

Each artifact's deflate streams that the bundle keeps inflated are inflated and deflated again at their settings, each
frame of the bundle is decoded, each pack compressed again at the bundle's level: whole buffers, and nothing but the
calls to zlib and zstandard is timed. Streams that couldn't be proven count for nothing here, though proving has to try
them. "deflate again" is for blobs that have been deflated for another artifact at the same setting. Gives JSON: seconds
of wall and of processor time by kind.
"""

from __future__ import annotations

import argparse
import json
import struct
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

import zstandard

from bundler.bundle.expander import USE, Recipes
from bundler.bundle.manifest import Manifest
from bundler.bundle.members import Piece, members

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

#: As `bundler.bundle.container` has it.
_WINDOW_LOG = 27


class Loops:
    """Seconds by kind of work, of wall and of processor time."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def run(self, bundle: Path, artifacts: Path, level: int) -> None:
        manifest = Manifest.decode((artifacts / "bundle.json").read_bytes())
        data, packs = b"", []
        for piece, frame in _frames(bundle, manifest):
            content = self.timed("decode", zstandard.ZstdDecompressor().decompress, frame)
            if manifest.content is not None and piece.member.filename == manifest.content.recipes.filename:
                data += bytes(piece.data_in(content) or b"")
            elif piece.member.digest is None:
                packs.append(piece.data_in(content) or b"")
                self.timed("compress", _compressor(level).compress, content)
        self.deflate(manifest, b"".join(packs), data, artifacts)

    def deflate(self, manifest: Manifest, content: bytes, data: bytes, artifacts: Path) -> None:
        rebuilt = [(artifact.filename, artifact.size) for artifact in manifest.rebuilt]
        read = [(artifacts / name).read_bytes() for name, _ in rebuilt]
        for start, size, uses in Recipes(data, rebuilt, len(content)).blobs():
            blob, settings = content[start : start + size], {0}
            for _, _, setting, stream_size, number, offset in map(USE.unpack, uses):
                if setting:
                    packed = read[number][offset : offset + stream_size]
                    self.timed("inflate", zlib.decompress, packed, -zlib.MAX_WBITS, size)
                    kind = "deflate again" if setting in settings else "deflate"
                    if self.timed(kind, _deflated, blob, setting) != packed:
                        raise SystemExit(
                            "error: this Python's zlib isn't the classic one: there is no limit to measure"
                        )
                settings.add(setting)

    def timed(
        self, kind: str, call: Callable[_Arguments, _Result], *arguments: _Arguments.args, **more: _Arguments.kwargs
    ) -> _Result:
        started = time.perf_counter(), time.thread_time()
        result = call(*arguments, **more)
        self.seconds[kind][0] += time.perf_counter() - started[0]
        self.seconds[kind][1] += time.thread_time() - started[1]
        return result


def _deflated(blob: bytes, setting: int) -> bytes:
    compressor = zlib.compressobj(setting // 2, zlib.DEFLATED, -zlib.MAX_WBITS, 8 + setting % 2)
    return compressor.compress(blob) + compressor.flush()


def _compressor(level: int) -> zstandard.ZstdCompressor:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level, window_log=_WINDOW_LOG, enable_ldm=True, write_content_size=1, write_checksum=1, write_dict_id=0
    )
    return zstandard.ZstdCompressor(compression_params=parameters)


def _frames(bundle: Path, manifest: Manifest) -> Iterator[tuple[Piece, bytes]]:
    """Every frame of the manifest's members, by the seek table at the file's end."""
    data = bundle.read_bytes()
    (count,) = struct.unpack("<I", data[-9:-5])
    sizes = [size for size, _ in struct.iter_unpack("<II", data[-9 - 8 * count : -9])]
    pieces = [piece for member in members(manifest.members) for piece in member.pieces()]
    at = sum(sizes[: count - 2 - len(pieces)])  # behind bundle.json; the last two are the tar's end and the checksums
    for piece, size in zip(pieces, sizes[count - 2 - len(pieces) :], strict=False):
        yield piece, data[at : at + size]
        at += size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("artifacts", type=Path, help="what it expands to")
    parser.add_argument("output", type=Path, help="the seconds, as JSON")
    parser.add_argument("--level", type=int, default=9, help="zstd's, of the packs (default: 9)")
    options = parser.parse_args()
    loops = Loops()
    loops.run(options.bundle, options.artifacts, options.level)
    options.output.write_text(json.dumps(loops.seconds))


if __name__ == "__main__":
    main()
