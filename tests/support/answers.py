"""What the fake index is about to answer, and the faults that spoil it."""

from __future__ import annotations

import gzip
import io
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["PIECE", "Answer", "Fault", "FaultKind", "pieces", "replacement", "spoil"]

PIECE = 1 << 16

FaultKind = Literal[
    "status", "cut", "stall", "slow", "flip", "redirect", "endless", "wrong_length", "captive", "gzip", "bomb", "reset"
]


@dataclass(slots=True, kw_only=True)
class Fault:
    pattern: re.Pattern[str]
    kind: FaultKind
    left: int | None
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    #: Body bytes sent before the fault shows (cut, stall).
    after: int = 0
    #: How long a stall lasts, over a socket. Behind MockTransport it is a ReadTimeout at once.
    seconds: float = 30.0
    #: Bytes a second (slow).
    rate: float = 1000.0
    #: The byte to change (flip); negative counts from the end.
    at: int = -1
    #: Where to (redirect).
    to: str = "/"
    #: What is added to Content-Length (wrong_length).
    by: int = 1
    #: Decoded size in bytes (bomb).
    size: int = 1 << 30

    def lower_headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}


@dataclass(slots=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: Fault | None = None

    def is_faulty(self, kind: FaultKind) -> bool:
        return self.fault is not None and self.fault.kind == kind


def replacement(fault: Fault) -> Answer | None:
    """The answer that stands in for the honest one, for the faults that have one."""
    html_type = {"content-type": "text/html; charset=utf-8"}
    if fault.kind == "status":
        return Answer(status=fault.status, headers=fault.lower_headers(), body=fault.body)
    if fault.kind == "redirect":
        status = fault.status if 300 <= fault.status < 400 else 302
        return Answer(status=status, headers={"location": fault.to, **fault.lower_headers()})
    if fault.kind == "captive":
        return Answer(status=200, headers=html_type, body=b"<html><body>Please log in to this network</body></html>")
    if fault.kind == "bomb":
        return Answer(status=200, headers={**html_type, "content-encoding": "gzip"}, body=_gzip_of_zeros(fault.size))
    return None


def spoil(answer: Answer, fault: Fault) -> None:
    """Change an answer as its fault says; what only the wire can show is left to the two bodies."""
    answer.fault = fault
    if fault.kind == "flip" and answer.body:
        spoiled = bytearray(answer.body)
        spoiled[fault.at] ^= 1
        answer.body = bytes(spoiled)
    elif fault.kind == "gzip":
        answer.body = gzip.compress(answer.body, mtime=0)
        answer.headers |= {"content-encoding": "gzip", "content-length": str(len(answer.body))}
    elif fault.kind == "wrong_length":
        answer.headers["content-length"] = str(len(answer.body) + fault.by)
    elif fault.kind == "endless":
        del answer.headers["content-length"]


def _gzip_of_zeros(size: int) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as stream:
        for _ in range(size >> 20):
            stream.write(bytes(1 << 20))
    return buffer.getvalue()


def pieces(answer: Answer, closing: threading.Event) -> Iterator[bytes]:
    """The body as it goes over the wire: slowly, or without end, where the fault says so."""
    fault = answer.fault
    if fault is not None and fault.kind in ("cut", "stall"):
        yield answer.body[: fault.after]
    elif fault is not None and fault.kind == "slow":
        step = max(1, int(fault.rate / 20))
        for start in range(0, len(answer.body), step):
            if closing.wait(step / fault.rate):
                return
            yield answer.body[start : start + step]
    else:
        yield from (answer.body[start : start + PIECE] for start in range(0, len(answer.body), PIECE))
    while answer.is_faulty("endless") and not closing.is_set():
        yield bytes(PIECE)
