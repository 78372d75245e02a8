"""Wheels as archives: one METADATA out of a strange file, and the check of a whole one (PEP 427, core metadata).

The dist-info directory is found as pip finds it: the only one at the top, whose name and version equal the file name's
after normalisation. RECORD must name exactly the members; that each member's hash is right is not checked here, since
the whole file's digest covers it.
"""

from __future__ import annotations

import csv
import io
from typing import BinaryIO

from packaging.utils import canonicalize_name

from bundler.archives.zips import Directory, Entry, read_directory
from bundler.distributions import Wheel, parse_version
from bundler.errors import UnusableFile

__all__ = ["check_wheel", "read_wheel_metadata"]

_MAX_METADATA = 16 << 20
_MAX_RECORD = 64 << 20
_UNRECORDED = ("RECORD", "RECORD.jws", "RECORD.p7s")


def read_wheel_metadata(stream: BinaryIO, wheel: Wheel) -> bytes:
    """Read METADATA, touching only the file's end, its central directory and that member.

    Raises:
        UnusableFile: a zip that isn't sound, no METADATA, or one above 16 MiB.
    """
    directory = read_directory(stream, wheel.filename)
    return directory.read(_member(directory, _dist_info(directory, wheel), "METADATA"), ceiling=_MAX_METADATA)


def check_wheel(stream: BinaryIO, wheel: Wheel) -> bytes:
    """Check the structure of a whole wheel and its RECORD; return its METADATA.

    Raises:
        UnusableFile: a zip that isn't sound, or RECORD and members differ.
    """
    directory = read_directory(stream, wheel.filename)
    directory.check_headers()
    dist_info = _dist_info(directory, wheel)
    record = directory.read(_member(directory, dist_info, "RECORD"), ceiling=_MAX_RECORD)
    _compare(record, directory, dist_info)
    return directory.read(_member(directory, dist_info, "METADATA"), ceiling=_MAX_METADATA)


def _dist_info(directory: Directory, wheel: Wheel) -> str:
    tops = {entry.name.partition("/")[0] for entry in directory.entries}
    found = [top for top in tops if top.endswith(".dist-info")]
    if len(found) != 1:
        raise UnusableFile(f"{wheel.filename}: it has {len(found)} dist-info directories, where a wheel has one")
    name, _, version = found[0].removesuffix(".dist-info").rpartition("-")
    if (canonicalize_name(name), parse_version(version.replace("_", "-"))) != (wheel.name, wheel.version):
        raise UnusableFile(f"{wheel.filename}: its dist-info directory {found[0]!r} is of another distribution")
    return found[0]


def _member(directory: Directory, dist_info: str, name: str) -> Entry:
    entry = directory.find(f"{dist_info}/{name}")
    if entry is None:
        raise UnusableFile(f"{directory.where}: it has no {name}")
    return entry


def _compare(record: bytes, directory: Directory, dist_info: str) -> None:
    try:
        rows = csv.reader(io.StringIO(record.decode("utf-8"), newline=""))
        recorded = {row[0] for row in rows if row}
    except (UnicodeDecodeError, csv.Error) as exc:
        raise UnusableFile(f"{directory.where}: its RECORD can't be read") from exc
    unrecorded = {f"{dist_info}/{name}" for name in _UNRECORDED}
    recorded = {name for name in recorded if not name.endswith("/")} - unrecorded
    members = {entry.name for entry in directory.entries if not entry.name.endswith("/")} - unrecorded
    if recorded != members:
        odd = min(recorded ^ members)
        raise UnusableFile(f"{directory.where}: RECORD and members differ, first in {odd[:120]!r}")
