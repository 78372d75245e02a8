"""One member on its way from frames to a file, to memory, or to nowhere when it is only checked.

The third door for hashes: a member counts only when header, padding, size and SHA-256 are as promised. Pieces are
decoded on any thread at once, and taken in their order.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bundler.bundle.ahead import Turn
from bundler.bundle.container import CompressedFrame, checksum, decompress_frame
from bundler.bundle.manifest import MANIFEST_NAME
from bundler.bundle.members import Member, Piece
from bundler.digests import Digest
from bundler.errors import BundleFormatError, BundlerError, EnvironmentProblem, IntegrityError

__all__ = ["Outcome", "Sink", "Unpacking", "file_sink", "wrong_digest"]

#: Takes a piece and the file's bytes in it.
Sink = Callable[[Piece, memoryview], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one piece: its frame's checksum, or -1 where the frame couldn't be read, and a fault if any."""

    piece: Piece
    checksum: int
    error: BundlerError | None


class Unpacking:
    """A member's pieces, taken by a sink; `bundle` is the bundle's name in messages."""

    def __init__(self, member: Member, bundle: str, sink: Sink) -> None:
        self._member = member
        self._subject = f"{member.filename} in {bundle}"
        self._sink = sink
        self._state = hashlib.sha256()

    def run(self, piece: Piece, frame: CompressedFrame, turn: Turn) -> Outcome:
        """Decode a piece at once, and take it when those before it have been taken."""
        error = None
        with turn:
            try:
                data = self._decode(piece, frame)
                turn.wait()
                self._take(piece, data)
            except BundlerError as exc:
                error = exc
        return Outcome(piece=piece, checksum=checksum(frame.data), error=error)

    def give_up(self, piece: Piece, error: BundleFormatError, turn: Turn) -> Outcome:
        """Stand for a piece whose frame couldn't be read."""
        with turn:
            return Outcome(piece=piece, checksum=-1, error=error)

    def _decode(self, piece: Piece, frame: CompressedFrame) -> memoryview:
        try:
            data = piece.data_in(decompress_frame(frame))
        except BundleFormatError as exc:
            raise BundleFormatError(f"{self._subject} is damaged: {exc.message}") from exc
        if data is None:
            raise BundleFormatError(f"{self._subject} doesn't stand in the tar as it should")
        return data

    def _take(self, piece: Piece, data: memoryview) -> None:
        self._sink(piece, data)
        self._state.update(data)
        actual = Digest("sha256", self._state.hexdigest())
        if piece.is_last and self._member.digest is not None and actual != self._member.digest:
            raise wrong_digest(self._subject, self._member.digest, actual)


def wrong_digest(subject: str, expected: Digest, actual: Digest) -> IntegrityError:
    """The error for a file that isn't the one that the manifest promised."""
    message = f"{subject} hasn't the SHA-256 that {MANIFEST_NAME} states"
    return IntegrityError(message, expected=expected.hexdigest, actual=actual.hexdigest)


def file_sink(path: Path) -> Sink:
    """Write a file that the first piece makes and the last one makes durable."""

    def sink(piece: Piece, data: memoryview) -> None:
        # Opened anew for each piece, so that a fault leaves nothing open.
        try:
            with open(path, "xb" if piece.start == 0 else "ab") as stream:
                stream.write(data)
                if piece.is_last:
                    stream.flush()
                    os.fsync(stream.fileno())
        except OSError as exc:
            raise EnvironmentProblem.from_os_error(exc, f"write {path}") from exc

    return sink
