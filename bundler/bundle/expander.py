#!/usr/bin/env python3
"""Check a bundle of Python packages and expand it, with nothing but Python 3.6 or newer.

This program travels in every bundle. A bundle is a tar, compressed with zstd; what stands in it is the list
`bundle.json`, requirements and lock files, wheels and sdists, and this file. Every file is held against the size and
the SHA-256 that bundle.json states, and nothing that it doesn't name is taken.

    tar --zstd -xf app.tar.zst -C wheelhouse && python3 wheelhouse/expand.py
    python3 expand.py app.tar.zst wheelhouse
    pip install --no-index --find-links wheelhouse -r wheelhouse/requirements.txt

In this order: the shape of a tar member, the list of files, a directory as the source, a bundle as the source, the
copy, the command line. bundler itself predicts tar headers with the same function, so the two can't disagree.
"""

import argparse
import contextlib
import errno
import hashlib
import importlib
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import uuid
from typing import IO, Any, Callable, Dict, Iterator, List, Optional, Tuple, Type

BLOCK = 512
END = bytes(2 * BLOCK)
LIST_NAME = "bundle.json"
LARGEST_LIST = 64 << 20

_FORMAT = 1
_PIECE = 1 << 20
_SAFE = re.compile(r"[A-Za-z0-9_+!][A-Za-z0-9._+!-]{0,254}")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")


#: Name, size, sha256, and what reads the file's bytes.
File = Tuple[str, int, str, Callable[[int], bytes]]


class Refusal(Exception):
    """The bundle isn't what it should be; exit code 5."""


class Misuse(Exception):
    """The request can't be carried out; exit code 2."""


def tar_header(name: str, size: int) -> bytes:
    """Give the header of a regular file: 512 bytes, or 1536 with a pax record for what ustar can't say."""
    records = b""
    if len(name) > 100:
        records += _pax_record("path", name)
    if size >= 8**11:
        records += _pax_record("size", str(size))
    if not records:
        return _ustar(name, size, b"0")
    padding = bytes(-len(records) % BLOCK)
    return _ustar("././@PaxHeader", len(records), b"x") + records + padding + _ustar(name, size, b"0")


def size_in_header(header: bytes) -> int:
    """Read the size out of a header that is then to be held against `tar_header`; 0 where there is none."""
    digits = header[124:135]
    return int(digits, 8) if re.fullmatch(b"[0-7]{11}", digits) else 0


def padding_after(size: int) -> int:
    """Give the number of zero bytes between a file's data and the next header."""
    return -size % BLOCK


def _ustar(name: str, size: int, kind: bytes) -> bytes:
    """Write a POSIX.1-1988 header: mode 0644, no owner, no time. Longer names and sizes stand in the pax record."""
    digits = size if size < 8**11 else 0
    fields = (
        name.encode("ascii")[:100].ljust(100, b"\0"),
        b"0000644\0",  # mode
        b"0000000\0",  # user
        b"0000000\0",  # group
        b"%011o\0" % digits,
        b"00000000000\0",  # time
        b"        ",  # the checksum counts its own field as spaces
        kind,
        bytes(100),  # link target
        b"ustar\x0000",
        bytes(64),  # names of user and group
        b"0000000\0" * 2,  # device
        bytes(155 + 12),  # prefix
    )
    header = b"".join(fields)
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def _pax_record(key: str, value: str) -> bytes:
    """Write "LENGTH key=value", where LENGTH counts its own digits (POSIX.1-2001 pax)."""
    rest = f" {key}={value}\n"
    length = len(rest)
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return (str(length) + rest).encode("ascii")


def is_safe_name(name: str) -> bool:
    """Say whether a name is one plain path component, on any system."""
    return _SAFE.fullmatch(name) is not None and _DEVICE.fullmatch(name) is None and not name.endswith(".")


def read_list(data: bytes) -> List[Dict[str, Any]]:
    """Give the files that bundle.json names, in the order of the tar; each has filename, size and sha256."""
    try:
        fields = json.loads(data.decode("utf-8"))
        version = fields["format"]
        if type(version) is not int or version != _FORMAT:
            raise Refusal(f"the bundle is of format {version!r}, this program reads {_FORMAT}")
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        canonical = (text + "\n").encode("utf-8")
        files = [*fields["documents"], *fields["artifacts"]]
        unknown = {str(entry["stored"]) for entry in fields["artifacts"]} - {"whole"}
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise Refusal("bundle.json can't be read") from exc
    if unknown:
        raise Refusal(f"files are stored as {min(unknown)!r}: use a newer bundler")
    if canonical != data:
        raise Refusal("bundle.json isn't in its canonical form")
    _check_list(files)
    return files


def _check_list(files: List[Dict[str, Any]]) -> None:
    seen = {LIST_NAME}
    for entry in files:
        if not isinstance(entry, dict):
            raise Refusal("bundle.json can't be read")
        name, size, sha256 = (entry.get(key) for key in ("filename", "size", "sha256"))
        if not isinstance(name, str) or not is_safe_name(name):
            raise Refusal(f"unsafe file name {name!r}")
        if name.lower() in seen:
            raise Refusal(f"bundle.json names {name!r} twice, or in two spellings")
        if type(size) is not int or size < 0 or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise Refusal(f"bundle.json states no size and sha256 for {name!r}")
        seen.add(name.lower())


def files_in_directory(directory: str) -> Iterator[File]:
    """Give everything that the directory's bundle.json names."""
    data, files = _list_in_directory(directory)
    yield _own_entry(data)
    for entry in files:
        name = entry["filename"]
        with _open_regular(directory, name) as stream:
            yield name, entry["size"], entry["sha256"], stream.read
            if stream.read(1):
                raise Refusal(f"{name} is longer than bundle.json says")


def refuse_strangers(directory: str) -> None:
    """Refuse a directory with anything in it that bundle.json doesn't name: pip would take a strange wheel from it."""
    known = {entry["filename"] for entry in _list_in_directory(directory)[1]} | {LIST_NAME}
    strangers = sorted(set(os.listdir(directory)) - known)
    if strangers:
        raise Refusal(f"{strangers[0]!r} isn't in the bundle: remove it, or expand into another directory")


def _list_in_directory(directory: str) -> Tuple[bytes, List[Dict[str, Any]]]:
    with _open_regular(directory, LIST_NAME) as stream:
        data = stream.read(LARGEST_LIST + 1)
    return data, read_list(data)


def _own_entry(data: bytes) -> File:
    return LIST_NAME, len(data), hashlib.sha256(data).hexdigest(), io.BytesIO(data).read


def _open_regular(directory: str, name: str) -> IO[bytes]:
    """Open a file that is no link, device or pipe, without following or waiting on one."""
    path = os.path.join(directory, name)
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    if os.path.islink(path):
        raise Refusal(f"{name} is a link")
    try:
        stream = os.fdopen(os.open(path, flags), "rb")
    except OSError as exc:
        # A directory can't be opened as a file; a socket or a device without a driver can't be opened at all.
        if exc.errno in (errno.ENOENT, errno.EISDIR, errno.ENXIO, errno.ENODEV):
            raise Refusal(f"{name} is missing, or isn't a regular file") from exc
        raise
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise Refusal(f"{name} is missing, or isn't a regular file")
    return stream


class Decoded:
    """A zstd file's content, read with the first decoder that this machine has."""

    def __init__(self, path: str) -> None:
        opened = _open_by_module(path) or _open_by_program(path)
        if opened is None:
            raise Misuse(
                "no zstd decoder here: use Python 3.14, or install the program zstd or the package zstandard,"
                " or unpack the bundle with tar and give the directory"
            )
        self._read, self.close, self._faults = opened

    def read(self, count: int) -> bytes:
        """Read at most `count` bytes, as a file does."""
        try:
            return self._read(count)
        except self._faults as exc:
            raise Refusal(f"the compressed data is damaged: {exc}") from exc

    def exactly(self, count: int) -> bytes:
        """Read `count` bytes, or fewer where the content ends."""
        pieces = []
        while count:
            piece = self.read(min(count, _PIECE))
            if not piece:
                break
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)


_Opened = Tuple[Callable[[int], bytes], Callable[[], Any], Tuple[Type[Exception], ...]]


def _open_by_module(path: str) -> Optional[_Opened]:
    for name in ("compression.zstd", "backports.zstd", "zstandard"):
        try:
            zstd: Any = importlib.import_module(name)
        except ImportError:
            continue
        stream = zstd.open(path, "rb") if name != "zstandard" else _all_frames(zstd, path)
        return stream.read, stream.close, (zstd.ZstdError, EOFError)
    return None


def _all_frames(zstandard: Any, path: str) -> Any:
    """Open a file as `zstandard.open` does, which stops after one frame."""
    return zstandard.ZstdDecompressor().stream_reader(open(path, "rb"), read_across_frames=True, closefd=True)


def _open_by_program(path: str) -> Optional[_Opened]:
    program = shutil.which("zstd")
    if program is None:
        return None
    with open(path, "rb") as source:
        process: Any = subprocess.Popen(  # noqa: S603 - no shell, no argument of a stranger
            [program, "-dcq"], stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def close() -> None:
        process.stdout.close()
        process.kill()
        process.wait()

    return process.stdout.read, close, ()


def files_in_bundle(path: str) -> Iterator[File]:
    """Give every member in order; each must be read to its end before the next."""
    with contextlib.closing(Decoded(path)) as tar:
        data = _read_list_member(tar)
        files = read_list(data)
        yield _own_entry(data)
        for entry in files:
            name, size = entry["filename"], entry["size"]
            header = tar_header(name, size)
            if tar.exactly(len(header)) != header:
                raise Refusal(f"{name} doesn't stand where it should")
            yield name, size, entry["sha256"], tar.read
            _skip_padding(tar, size)
        if tar.exactly(len(END) + 1) != END:
            raise Refusal("the end of the tar isn't where it should be")


def _read_list_member(tar: Decoded) -> bytes:
    header = tar.exactly(BLOCK)
    size = size_in_header(header)
    if size > LARGEST_LIST or header != tar_header(LIST_NAME, size):
        raise Refusal("not a bundle: its first file isn't bundle.json")
    data = tar.exactly(size)
    if len(data) != size:
        raise Refusal("bundle.json is cut off")
    _skip_padding(tar, size)
    return data


def _skip_padding(tar: Decoded, size: int) -> None:
    padding = bytes(padding_after(size))
    if tar.exactly(len(padding)) != padding:
        raise Refusal("something stands between two files")


def check(files: Iterator[File], directory: Optional[str] = None) -> int:
    """Hold every file against its size and sha256, and write it into `directory` if there is one; give their count."""
    count = 0
    for file in files:
        if directory is None:
            _copy(file, lambda piece: None)
        else:
            with open(os.path.join(directory, file[0]), "xb") as sink:
                _copy(file, sink.write)
                sink.flush()
                os.fsync(sink.fileno())
        count += 1
    return count


def _copy(file: File, write: Callable[[bytes], Any]) -> None:
    name, left, sha256, read = file
    state = hashlib.sha256()
    while left:
        piece = read(min(left, _PIECE))
        if not piece:
            raise Refusal(f"{name} is shorter than bundle.json says")
        state.update(piece)
        write(piece)
        left -= len(piece)
    if state.hexdigest() != sha256:
        raise Refusal(f"{name} has another sha256 than bundle.json says")


def expand(files: Iterator[File], directory: str) -> int:
    """Write all files into a new or empty directory, which appears only when all of them are whole."""
    directory = os.path.abspath(directory)
    if os.path.lexists(directory) and (not os.path.isdir(directory) or os.listdir(directory)):
        raise Misuse(f"{directory} is there already and isn't an empty directory")
    temporary = os.path.join(os.path.dirname(directory), ".bundler-" + uuid.uuid4().hex)
    os.mkdir(temporary)
    try:
        count = check(files, temporary)
        if os.path.isdir(directory):
            os.rmdir(directory)
        os.rename(temporary, directory)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return count


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the program and give its exit code."""
    options = _parse(arguments)
    try:
        count = _run(options.source, options.directory)
    except (Refusal, Misuse) as exc:
        print(f"expand.py: {options.source}: {exc}", file=sys.stderr)
        return 5 if isinstance(exc, Refusal) else 2
    except OSError as exc:
        print(f"expand.py: {exc}", file=sys.stderr)
        return 7
    except KeyboardInterrupt:
        return 130
    print(f"{count} files are whole in {options.directory or options.source}")
    return 0


def _parse(arguments: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="expand.py",
        description="Check a bundle of Python packages by the sizes and hashes in its bundle.json, and expand it.",
        epilog="Exit codes: 0 all is well; 2 wrong usage; 5 damaged, or not a bundle; 7 the machine refused.",
    )
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("source", nargs="?", default=here, help="a bundle, or the directory it was unpacked into")
    parser.add_argument("directory", nargs="?", help="a new or empty directory to write; without it, only check")
    return parser.parse_args(arguments)


def _run(source: str, directory: Optional[str]) -> int:
    if not os.path.exists(source):
        raise Misuse("no such file or directory")
    unpacked = os.path.isdir(source)
    if unpacked and directory is None:
        refuse_strangers(source)
    files = files_in_directory(source) if unpacked else files_in_bundle(source)
    return check(files) if directory is None else expand(files, directory)


if __name__ == "__main__":
    sys.exit(main())
