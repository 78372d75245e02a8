"""Zips and wheels with every field at the test's will."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bundler.distributions import Wheel, parse_filename

METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
FILES = {"demo/__init__.py": b"x = 1\n" * 50, "demo-1.0.dist-info/METADATA": METADATA}


@dataclass
class Part:
    """One member; `local` and `central` replace header fields in one of the two places."""

    name: bytes
    content: bytes
    method: int = 8
    flags: int = 0
    local: Mapping[str, int | bytes] = field(default_factory=dict)
    central: Mapping[str, int | bytes] = field(default_factory=dict)
    before: bytes = b""
    after: bytes = b""

    def fields(self) -> dict[str, int | bytes]:
        engine = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = engine.compress(self.content) + engine.flush() if self.method == 8 else self.content
        return {
            "version": 20,
            "flags": self.flags,
            "method": self.method,
            "crc": zlib.crc32(self.content),
            "packed": len(packed),
            "size": len(self.content),
            "name": self.name,
            "extra": b"",
            "data": packed,
            "disk": 0,
        }


def header_tail(values: Mapping[str, int | bytes]) -> bytes:
    name, extra = values["name"], values["extra"]
    assert isinstance(name, bytes)
    assert isinstance(extra, bytes)
    numbers = [values[key] for key in ("version", "flags", "method", "crc", "packed", "size")]
    return struct.pack("<HHH4xLLLHH", *numbers, len(name), len(extra))


def build_zip(
    parts: Sequence[Part],
    *,
    before_directory: bytes = b"",
    before_end: bytes = b"",
    after_end: bytes = b"",
    comment: bytes = b"",
    end: Mapping[str, int] | None = None,
) -> bytes:
    body, directory = b"", b""
    for part in parts:
        body += part.before
        offset = len(body)
        local: dict[str, int | bytes] = {**part.fields(), **part.local}
        central: dict[str, int | bytes] = {**part.fields(), "offset": offset, **part.central}
        name, extra, data = local["name"], local["extra"], local["data"]
        assert isinstance(name, bytes)
        assert isinstance(extra, bytes)
        assert isinstance(data, bytes)
        body += b"PK\3\4" + header_tail(local) + name + extra + data + part.after
        name, extra = central["name"], central["extra"]
        assert isinstance(name, bytes)
        assert isinstance(extra, bytes)
        ending = struct.pack("<HHHLL", 0, central["disk"], 0, 0, central["offset"])
        directory += b"PK\1\2\x14\3" + header_tail(central) + ending + name + extra
    body += before_directory
    values = {"disk": 0, "count": len(parts), "length": len(directory), "start": len(body)} | dict(end or {})
    record = struct.pack(
        "<HHHHLLH",
        values["disk"],
        0,
        values.get("here", values["count"]),
        values["count"],
        values["length"],
        values["start"],
        len(comment),
    )
    return body + directory + before_end + b"PK\5\6" + record + comment + after_end


def wheel_parts(
    files: Mapping[str, bytes] = FILES, *, record: bytes | None = None, method: int = 8, flags: int = 0
) -> list[Part]:
    lines = [f"{name},," for name in (*files, "demo-1.0.dist-info/RECORD")]
    listing = "\n".join(lines).encode() + b"\n" if record is None else record
    return [
        Part(name.encode(), content, method, flags)
        for name, content in (*files.items(), ("demo-1.0.dist-info/RECORD", listing))
    ]


def demo_wheel(filename: str = "demo-1.0-py3-none-any.whl") -> Wheel:
    wheel = parse_filename(filename)
    assert isinstance(wheel, Wheel)
    return wheel
