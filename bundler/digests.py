"""Digests: a hash algorithm's name and a lower-case hexadecimal value.

Everything bundler stores is named and checked by SHA-256; other algorithms are carried only because indexes and
requirement files state them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["STRONG_ALGORITHMS", "Digest"]

PIECE = 256 << 10  # larger ones cost page faults
#: What pip accepts in --hash (pip._internal.utils.hashes.STRONG_HASHES), and in our order of preference.
STRONG_ALGORITHMS = ("sha256", "sha384", "sha512")

_HEX_LENGTHS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
_FORM = re.compile(r"([a-z0-9_]+)[:=]([0-9a-fA-F]+)")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A value such as `sha256:9f86d0…`; the plain constructor trusts its arguments."""

    algorithm: str
    hexdigest: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read `algorithm:hex` or `algorithm=hex` (pip's --hash, PEP 503 fragments).

        Raises:
            ValueError: unknown algorithm, or a value of the wrong length.
        """
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"not a digest: {text!r}")
        algorithm, value = match[1], match[2].lower()
        if len(value) != _HEX_LENGTHS.get(algorithm):
            raise ValueError(f"not a digest of a known algorithm and its length: {text!r}")
        return cls(algorithm, value)

    @classmethod
    def sha256(cls, data: bytes) -> Digest:
        """The SHA-256 of some bytes."""
        return cls("sha256", hashlib.sha256(data).hexdigest())

    @classmethod
    def of(cls, stream: BinaryIO, algorithm: str = "sha256") -> Digest:
        """The digest of a stream from where it stands to its end."""
        state = hashlib.new(algorithm, usedforsecurity=False)
        while piece := stream.read(PIECE):
            state.update(piece)
        return cls(algorithm, state.hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hexdigest}"
