#!/usr/bin/env python3
"""Check a bundle of Python packages and expand it, with nothing but Python 3.6 or newer.

This program travels in every bundle. A bundle is a tar, compressed with zstd; what stands in it is the list
`bundle.json`, requirements and lock files, wheels and sdists, and this file. Every file is held against the size and
the SHA-256 that bundle.json states, and nothing that it doesn't name is taken.

    python3 expand.py app.tar.zst wheelhouse
    tar --zstd -xf app.tar.zst -C unpacked && python3 unpacked/expand.py unpacked wheelhouse
    pip install --no-index --find-links wheelhouse -r wheelhouse/requirements.txt

Where there are packs, most wheels and sdists are recipes: what they hold deflated lies inflated in the packs, each
content once, and is deflated again here. That gives the very bytes of before, as the SHA-256s show; but it takes the
classic zlib, or portable_deflate.py, which does the same in plain Python.

In this order: tar members, the list, recipes, what deflates, putting together, a directory and a bundle as sources,
taking what they give, the command line. bundler itself uses much of it, so that the two can't disagree.
"""

import argparse
import contextlib
import functools
import hashlib
import importlib
import io
import itertools
import json
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import zlib
from collections import deque
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import IO, Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Type

BLOCK = 512
END = bytes(2 * BLOCK)
LIST_NAME, PORTABLE_NAME = "bundle.json", "portable_deflate.py"
#: What a file is. A wheel or sdist is whole or a recipe; all recipes are in one file.
LIST, DOCUMENT, RECIPES, WHOLE, RECIPE, PACK = "list", "document", "recipes", "whole", "recipe", "pack"
#: What stands in the tar, and what in the directory that is expanded from it.
MEMBERS, EXPANSION = (LIST, DOCUMENT, RECIPES, WHOLE, PACK), (LIST, DOCUMENT, WHOLE, RECIPE)
#: Bytes of the two files that are read into memory, and of a pack; steps of all recipes, of which each takes 90 bytes.
LARGEST_LIST, LARGEST_RECIPES, LARGEST_PACK, MOST_STEPS = 64 << 20, 128 << 20, (1 << 27) - 2048, 1 << 21
#: The content of n recipes is at most n times the one and their artifacts' size times the other. More is a bomb.
CONTENT_SLACK, CONTENT_RATIO = 64 << 20, 32
PACKS_SLACK, PACKS_RATIO = 16, 3  # the same of packs, for each LARGEST_PACK: two neighbours fill one together
#: Of the one portable_deflate.py that is run: none that a stranger may have put into a bundle.
PORTABLE_SHA256 = "fed8bf2a6449ea88b8ac76588bf92f17092a978bb289e3a9b27020aeaa981771"

_LARGEST_FILE, _PIECE = 1 << 40, 1 << 20
_JOB, _MOST_WAITING = 1 << 20, 64 << 20  # bytes of content: enough for one job, and for all that are in memory
_USE_COST = 512  # what every use of a blob counts for among these bytes
_SAFE = re.compile(r"[A-Za-z0-9_+!][A-Za-z0-9._+!-]{0,254}")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")

Read = Callable[[int], bytes]  # a number of bytes -> so many of them, or fewer at the end
Deflate = Callable[[int, int], Any]  # level, memLevel -> an object with zlib's `compress` and `flush`


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
    header = name.encode("ascii")[:100].ljust(100, b"\0")
    header += b"0000644\0" + b"0000000\0" * 2 + b"%011o\0%011o\0" % (size if size < 8**11 else 0, 0)  # mode … time
    header += b"        " + kind + bytes(100)  # the checksum counts its own field as spaces; then the link target
    header += b"ustar\x0000" + bytes(64) + b"0000000\0" * 2 + bytes(167)  # names of user and group, device, prefix
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


#: A file that bundle.json names. The sha256 of packs is that of the sha256s of all blobs in them.
File = NamedTuple("File", [("name", str), ("size", int), ("sha256", str), ("kind", str)])


def of(files: List[File], *kinds: str) -> List[File]:
    """Give the files of some kinds."""
    return [file for file in files if file.kind in kinds]


def read_list(data: bytes) -> List[File]:
    """Give bundle.json and all that it names, in the order of the tar."""
    try:
        # Of long numbers only the beginning is read: older Pythons need hours for millions of digits.
        fields = json.loads(data.decode("utf-8"), parse_int=lambda digits: int(digits[:20]))
        if type(fields["format"]) is not int or fields["format"] not in (1, 2):
            raise Refusal(f"the bundle is of format {fields['format']!r}, this program reads 1 and 2")
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        if (text + "\n").encode("utf-8") != data:
            raise Refusal("bundle.json isn't in its canonical form")
        files = [_file(entry, kind) for entry, kind in _entries(fields)]
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise Refusal("bundle.json can't be read") from exc
    files.insert(0, File(LIST_NAME, len(data), hashlib.sha256(data).hexdigest(), LIST))
    _check_list(files)
    return files


def _entries(fields: Dict[str, Any]) -> Iterator[Tuple[Dict[str, Any], str]]:
    content = fields["content"] if fields["format"] == 2 else {"packs": []}
    yield from ((entry, DOCUMENT) for entry in fields["documents"])
    if fields["format"] == 2:
        yield content["recipes"], RECIPES
    for entry in fields["artifacts"]:
        if entry["stored"] not in (WHOLE, RECIPE):
            raise Refusal(f"files are stored as {entry['stored']!r}: use a newer bundler")
        yield entry, entry["stored"]
    yield from (({**entry, "sha256": content["blobs"]}, PACK) for entry in content["packs"])


def _file(entry: Dict[str, Any], kind: str) -> File:
    name, size, sha256 = entry["filename"], entry["size"], entry["sha256"]
    least, most = {RECIPES: (1, LARGEST_RECIPES), PACK: (1, LARGEST_PACK)}.get(kind, (0, _LARGEST_FILE))
    if not isinstance(name, str) or not is_safe_name(name):
        raise Refusal(f"unsafe file name {name!r}")
    if type(size) is not int or not least <= size <= most or not _SHA256.fullmatch(sha256):
        raise Refusal(f"bundle.json states no size and sha256 for {name!r}")
    return File(name, size, sha256, kind)


def _check_list(files: List[File]) -> None:
    seen = set()
    for file in files:
        if file.name.lower() in seen:
            raise Refusal(f"bundle.json names {file.name!r} twice, or in two spellings")
        seen.add(file.name.lower())
    packs, sizes = of(files, PACK), [file.size for file in of(files, RECIPE)]
    names = ["recipes"] + [f"pack-{number:04}" for number in range(1, len(packs) + 1)] if packs else []
    if bool(packs) != bool(sizes) or names != [file.name for file in of(files, RECIPES, PACK)]:
        raise Refusal("bundle.json has recipes without packs, packs without recipes, or other names for them")
    content, most = sum(pack.size for pack in packs), CONTENT_SLACK * len(sizes) + CONTENT_RATIO * sum(sizes)
    if content > most or len(packs) > PACKS_SLACK + PACKS_RATIO * content // LARGEST_PACK:
        raise Refusal("bundle.json states packs that are larger, or more, than what is in them could need")


def _numbers(data: Iterable[int]) -> Iterator[Tuple[int, int]]:
    """Give LEB128 numbers of at most 63 bits, each in its shortest form, and where it ends."""
    number = shift = 0
    for end, byte in enumerate(data, 1):
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128 and (byte or shift == 7):
            yield number, end
            number = shift = 0
        elif byte < 128 or shift == 63:
            break
    raise Refusal("the recipes can't be read: no number stands where one should")


def read_index(data: bytes, count: int) -> Tuple[List[int], int]:
    """Give the lengths of the recipes, which stand before them, and where the first recipe begins."""
    pairs = list(itertools.islice(_numbers(data), count))
    return [length for length, _ in pairs], pairs[-1][1] if pairs else 0


LITERAL = -1  # the setting of a step that isn't made from the content


def read_steps(data: Sequence[int], size: int, content_size: int) -> Iterator[Tuple[int, ...]]:
    """Give of each step the setting (0 copies), offset and length in the artifact, start and size of what it takes."""
    numbers, offset, literals = _numbers(data), 0, 0
    steps, end = next(numbers)
    for _ in range(steps):
        head, end = next(numbers)
        start, kind = head >> 2, head & 3
        if kind == 0:
            length, blob_size, setting, start = start, start, LITERAL, literals
            literals += length
        else:
            (blob_size, end), setting = next(numbers), 0
            length = blob_size
        if kind == 2:
            (length, _), (setting, end) = next(numbers), next(numbers)
        is_odd = kind == 3 or (kind == 2) != (2 <= setting <= 19) or not length or not blob_size
        if is_odd or offset + length > size or (kind and start + blob_size > content_size):
            raise Refusal("a recipe has a step that can't be")
        yield setting, offset, length, start, blob_size
        offset += length
    if offset != size or end + literals != len(data):
        raise Refusal("a recipe isn't as long as it should be, or what it gives isn't")


#: Start and size of a blob; a use's setting, size of the stream, artifact, offset. The bytes are few, and sort by blob.
USE, _RANGE = struct.Struct(">QQBQLQ"), 16


class Recipes:
    """How artifacts are put together. Their blobs lie end to end; where these aren't all of a bundle's, with gaps."""

    def __init__(
        self, data: bytes, artifacts: Sequence[Tuple[str, int]], content_size: int, *, has_gaps: bool = False
    ) -> None:
        self.artifacts, self.content_size, self._data = list(artifacts), content_size, memoryview(data)
        lengths, first = read_index(data, len(self.artifacts))
        self._stops = list(itertools.accumulate([first, *lengths]))
        self._literals, self._uses = self._stops[1:], []  # type: Tuple[List[int], List[bytes]]
        count = itertools.count(1)
        for number in range(len(self.artifacts)):
            for setting, offset, length, start, size in self._read(number):
                if next(count) > MOST_STEPS:
                    raise Refusal("the recipes have too many steps")
                if setting == LITERAL:
                    self._literals[number] -= length
                else:
                    self._uses.append(USE.pack(start, size, setting, length, number, offset))
        self._uses.sort()
        end = 0
        for start, size, _ in self.blobs():
            if start < end or (start > end and not has_gaps):
                raise Refusal("the recipes use ranges of the packs that overlap, or don't lie end to end")
            end = start + size
        if self._stops[-1] != len(data) or (end != content_size and not has_gaps):
            raise Refusal("there is more in the recipes, or in the packs, than is used")

    def literals(self, number: int) -> Iterator[Tuple[int, bytes]]:
        """Give the parts of an artifact that stand in its recipe: offset and bytes."""
        for setting, offset, length, start, _ in self._read(number):
            if setting == LITERAL:
                begin = self._literals[number] + start
                yield offset, bytes(self._data[begin : begin + length])

    def blobs(self) -> Iterator[Tuple[int, int, List[bytes]]]:
        """Give start, size and uses (as USE packs them) of each blob in the order of the content."""
        for _, group in itertools.groupby(self._uses, key=lambda use: use[:_RANGE]):
            uses = list(group)
            start, size, *_ = USE.unpack(uses[0])
            yield start, size, uses

    def _read(self, number: int) -> Iterator[Tuple[int, ...]]:
        recipe = self._data[self._stops[number] : self._stops[number + 1]]
        return read_steps(recipe, self.artifacts[number][1], self.content_size)


def check_blobs(recipes: Recipes, read: Read, sha256: str) -> None:
    """Hold all blobs against the sha256 of their sha256s."""
    state = hashlib.sha256()
    for _, size, _ in recipes.blobs():
        blob = hashlib.sha256()
        for piece in _pieces(read, size):
            blob.update(piece)
        state.update(blob.digest())
    if state.hexdigest() != sha256:
        raise Refusal("the packs hold something else than bundle.json says")


def _pieces(read: Read, size: int) -> Iterator[bytes]:
    for start in range(0, size, _PIECE):
        yield _exactly(read, min(_PIECE, size - start))


def _exactly(read: Read, count: int) -> bytes:
    """Read so many bytes, or fewer at the end."""
    data = bytearray()
    while len(data) < count:
        piece = read(min(count - len(data), _PIECE))
        if not piece:
            break
        data += piece
    return bytes(data)


#: Settings, and the sha256 of what classic zlib makes of `probe_sample()` with them; other zlibs make something else.
PROBES = ((1, 8), (6, 8), (9, 8), (6, 9), (9, 9))
PROBED_SHA256 = "7a85f05f738bdc727936ca827b8d1f53d9d6a6869a8984bc600f6cbef71f4c2a"


def probe_sample() -> bytes:
    """Give numbers as text, noise, letters and runs: blocks of all three kinds, near and far matches of all lengths."""
    text = b" ".join(b"%d" % (number * number % 9973) for number in range(12000))
    noise = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(1200))
    letters = bytes(byte & 3 for byte in noise[:8000])  # only here do levels 6 and 9 find different matches
    return text + noise + bytes(3000) + letters + text[7::3] + noise[:300] + text[:20000]


def is_exact(deflate: Deflate) -> bool:
    """Say whether this deflates as classic zlib does."""
    sample, state = probe_sample(), hashlib.sha256()
    try:
        for level, mem_level in PROBES:
            compressor = deflate(level, mem_level)
            state.update(compressor.compress(sample) + compressor.flush())
    except (OSError, ValueError, zlib.error):
        return False
    return state.hexdigest() == PROBED_SHA256


def by_zlib(level: int, mem_level: int) -> Any:
    """Begin a stream with this Python's zlib: window 15, no header, the default strategy."""
    return zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, mem_level)


def by_portable(source: bytes, level: int, mem_level: int) -> Any:
    """Begin a stream with the encoder in plain Python that this is the source of."""
    return _load(source)["Compressor"](level, mem_level)


@functools.lru_cache(maxsize=1)
def _load(source: bytes) -> Dict[str, Any]:
    scope: Dict[str, Any] = {"__name__": "portable_deflate"}
    exec(compile(source, PORTABLE_NAME, "exec"), scope)  # noqa: S102 - its sha256 is the known one
    return scope


def _workers(directory: str) -> Tuple[Executor, Deflate]:
    """Give all cores, and what they deflate with: zlib in threads or, in processes, the encoder in the directory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if is_exact(by_zlib):
        return ThreadPoolExecutor(cores), by_zlib
    path, source = os.path.join(directory, PORTABLE_NAME), b""
    if os.path.exists(path):
        with open(path, "rb") as stream:
            source = stream.read()
    if hashlib.sha256(source).hexdigest() != PORTABLE_SHA256:
        raise Misuse(f"this Python's zlib isn't the classic one, and in the bundle is no {PORTABLE_NAME} that I know")
    print("expand.py: this Python's zlib isn't the classic one: this will take far longer", file=sys.stderr)
    try:
        pool: Executor = ProcessPoolExecutor(min(cores, 61))  # Windows can't wait for more
    except (ImportError, NotImplementedError, OSError):  # processes can't share a lock here
        pool = ThreadPoolExecutor(1)
    return pool, functools.partial(by_portable, source)


_Blob = Tuple[int, List[bytes]]  # size, uses
_Part = Tuple[str, int, bytes]  # file name, offset, bytes


def rebuild(
    recipes: Recipes, read: Read, directory: str, pool: Executor, deflate: Deflate, progress: Callable[[int], Any]
) -> None:
    """Put all artifacts together in a directory, reading the content once. Their sha256s are still to be checked.

    Every blob is deflated once for each setting, whatever holds it; in pieces only of multiples of 64 KiB, as zlib's
    bytes depend on other cuts. `progress` is told how many bytes of content are done.
    """
    names = [name for name, _ in recipes.artifacts]
    for number, name in enumerate(names):
        open(os.path.join(directory, name), "xb").close()
        _write_parts(directory, ((name, *literal) for literal in recipes.literals(number)))
    waiting: "deque[Any]" = deque()  # cost and Future of each job, the oldest first

    def make_room(cost: int) -> None:
        while waiting and sum(waits for waits, _ in waiting) + cost > _MOST_WAITING:
            progress(waiting[0][1].result())
            waiting.popleft()

    try:
        for cost, blobs in _batches(recipes):
            make_room(cost)
            size = sum(size for size, _ in blobs)
            if cost > _MOST_WAITING:
                _write_parts(directory, _parts(deflate, names, _pieces(read, size), blobs[0][1]))
                progress(size)
            else:
                waiting.append((cost, pool.submit(_run_job, deflate, directory, names, _exactly(read, size), blobs)))
        make_room(_MOST_WAITING)
    finally:
        for _, job in waiting:
            job.cancel()


def _batches(recipes: Recipes) -> Iterator[Tuple[int, List[_Blob]]]:
    """Give neighbouring blobs, enough for a job, and what they cost; one that is too large for memory is alone."""
    batch: List[_Blob] = []
    total = 0
    for _, size, uses in recipes.blobs():
        cost = size + _USE_COST * len(uses)
        if batch and (total >= _JOB or total + cost > _MOST_WAITING):
            yield total, batch
            batch, total = [], 0
        batch.append((size, uses))
        total += cost
    if batch:
        yield total, batch


def _run_job(deflate: Deflate, directory: str, names: List[str], data: bytes, blobs: List[_Blob]) -> int:
    parts: List[_Part] = []
    start = 0
    for size, uses in blobs:
        parts += _parts(deflate, names, [data[start : start + size]], uses)
        start += size
    _write_parts(directory, sorted(parts, key=lambda part: part[:2]))
    return start


def _parts(deflate: Deflate, names: List[str], pieces: Iterable[bytes], uses: List[bytes]) -> Iterator[_Part]:
    """Give the parts of files that a blob becomes; the blob comes in pieces, and so may they."""
    done = {USE.unpack(use)[2]: 0 for use in uses}
    compressors = {setting: deflate(setting // 2, 8 + setting % 2) for setting in done if setting}
    for piece in itertools.chain(pieces, [None]):
        ready = {0: piece or b""}
        for setting, compressor in compressors.items():
            ready[setting] = compressor.flush() if piece is None else compressor.compress(piece)
        for _, _, setting, size, number, offset in map(USE.unpack, uses):
            name, end = names[number], done[setting] + len(ready[setting])
            if end > size or (piece is None and end < size):
                raise Refusal(f"{name} can't be put together: a part of it has another size than its recipe says")
            if ready[setting]:
                yield name, offset + done[setting], ready[setting]
        done = {setting: at + len(ready[setting]) for setting, at in done.items()}


def _write_parts(directory: str, parts: Iterable[_Part]) -> None:
    for name, group in itertools.groupby(parts, key=lambda part: part[0]):
        with open(os.path.join(directory, name), "r+b") as sink:
            for _, offset, data in group:
                sink.seek(offset)
                sink.write(data)


def seal(directory: str, file: File) -> None:
    """Hold a file that was put together against its sha256, and see it safely onto the disk."""
    with open(os.path.join(directory, file.name), "r+b") as stream:  # Windows syncs only what may be written
        _copy(file, stream.read, lambda piece: None)
        os.fsync(stream.fileno())


#: Files, and what reads each; it must be read to its end before the next is asked for.
Members = Iterator[Tuple[File, Read]]


def files_there(directory: str, files: List[File]) -> List[File]:
    """Give those that must be in the directory: the members of an unpacked tar, or what was expanded from them."""
    packed = (os.path.join(directory, file.name) for file in of(files, RECIPES, PACK))
    return of(files, *(MEMBERS if any(map(os.path.lexists, packed)) else EXPANSION))


def members_in_directory(directory: str, files: List[File]) -> Members:
    """Give files of a directory."""
    for file in files:
        with _open_regular(directory, file.name) as stream:
            yield file, stream.read
            if stream.read(1):
                raise Refusal(f"{file.name} is longer than bundle.json says")


def refuse_strangers(directory: str, files: List[File]) -> None:
    """Refuse a directory with anything else in it than these files: pip would take a strange wheel from it."""
    strangers = sorted(set(os.listdir(directory)) - {file.name for file in files})
    if strangers:
        raise Refusal(f"{strangers[0]!r} isn't in the bundle: remove it, or expand into another directory")


def _open_regular(directory: str, name: str) -> IO[bytes]:
    """Open a file that is no link, directory, device or pipe; were it made one now, it isn't followed or waited on."""
    path = os.path.join(directory, name)
    if not os.path.lexists(path) or not stat.S_ISREG(os.lstat(path).st_mode):
        raise Refusal(f"{name} is missing, or isn't a regular file")
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.fdopen(os.open(path, flags), "rb")


def open_bundle(path: str, stack: contextlib.ExitStack) -> Read:
    """Give what reads a zstd file's content, by the first decoder that this machine has; the stack closes it."""
    for name in ("compression.zstd", "backports.zstd", "zstandard"):
        try:
            zstd: Any = importlib.import_module(name)
        except ImportError:
            continue
        if name == "zstandard":  # its own `open` stops after one frame
            stream = zstd.ZstdDecompressor().stream_reader(io.FileIO(path), read_across_frames=True)
        else:
            stream = zstd.open(path, "rb")
        faults = (zstd.ZstdError, EOFError)
        return functools.partial(_read_or_refuse, stack.enter_context(stream), faults)
    program = shutil.which("zstd")
    if program is None:
        raise Misuse(
            "no zstd decoder here: use Python 3.14, or install the program zstd or the package zstandard,"
            " or unpack the bundle with tar and give the directory"
        )
    with open(path, "rb") as source:
        process: Any = subprocess.Popen(  # noqa: S603 - no shell, no argument of a stranger
            [program, "-dcq"], stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    stack.enter_context(process)
    stack.callback(process.kill)
    return functools.partial(_read_or_refuse, process.stdout, ())


def _read_or_refuse(stream: Any, faults: Tuple[Type[Exception], ...], count: int) -> bytes:
    try:
        return bytes(stream.read(count))
    except faults as exc:
        raise Refusal(f"the compressed data is damaged: {exc}") from exc


def read_list_member(read: Read) -> bytes:
    """Give bundle.json, the first member."""
    header = _exactly(read, BLOCK)
    size = size_in_header(header)
    if size > LARGEST_LIST or header != tar_header(LIST_NAME, size):
        raise Refusal("not a bundle: its first file isn't bundle.json")
    return _exactly(read, size)


def members_in_bundle(read: Read, data: bytes, files: List[File]) -> Members:
    """Give every member: bundle.json, of which this is the data and which has been read, and those that follow it."""
    yield files[0], io.BytesIO(data).read
    _expect(read, bytes(padding_after(len(data))), "bundle.json is cut off")
    for file in files[1:]:
        _expect(read, tar_header(file.name, file.size), f"{file.name} doesn't stand where it should")
        yield file, read
        _expect(read, bytes(padding_after(file.size)), f"something stands behind {file.name}")
    _expect(read, END, "the end of the tar isn't where it should be")
    if read(1):
        raise Refusal("something follows the end of the tar")


def _expect(read: Read, data: bytes, problem: str) -> None:
    if _exactly(read, len(data)) != data:
        raise Refusal(problem)


class _Content:
    """What is in the packs, end to end."""

    def __init__(self, packs: Members) -> None:
        self._packs = packs
        self._left = 0

    def read(self, count: int) -> bytes:
        """Read at most `count` bytes."""
        if not self._left:
            self._file, self._read = next(self._packs)
            self._left = self._file.size
        piece = self._read(min(count, self._left))
        if not piece:
            raise Refusal(f"{self._file.name} is shorter than bundle.json says")
        self._left -= len(piece)
        return piece


def take(files: List[File], members: Members, directory: Optional[str]) -> None:
    """Hold every member against its size and sha256; write them, and what is made of them, if there is a directory."""
    recipes = io.BytesIO()
    for file, read in members:
        if file.kind == PACK:
            _take_content(files, recipes.getvalue(), itertools.chain([(file, read)], members), directory)
        elif file.kind == RECIPES:
            _copy(file, read, recipes.write)
        elif directory is None:
            _copy(file, read, lambda piece: None)
        else:
            with open(os.path.join(directory, file.name), "xb") as sink:
                _copy(file, read, sink.write)
                sink.flush()
                os.fsync(sink.fileno())


def _take_content(files: List[File], data: bytes, members: Members, directory: Optional[str]) -> None:
    artifacts, packs = of(files, RECIPE), of(files, PACK)
    recipes = Recipes(data, [(file.name, file.size) for file in artifacts], sum(pack.size for pack in packs))
    read = _Content(members).read
    if directory is None:
        check_blobs(recipes, read, packs[0].sha256)
        return
    pool, deflate = _workers(directory)
    with pool:
        rebuild(recipes, read, directory, pool, deflate, lambda count: None)
        for _ in pool.map(seal, itertools.repeat(directory), artifacts):
            pass


def _copy(file: File, read: Read, write: Callable[[bytes], Any]) -> None:
    left, state = file.size, hashlib.sha256()
    while left:
        piece = read(min(left, _PIECE))
        if not piece:
            raise Refusal(f"{file.name} is shorter than bundle.json says")
        state.update(piece)
        write(piece)
        left -= len(piece)
    if state.hexdigest() != file.sha256:
        raise Refusal(f"{file.name} has another sha256 than bundle.json says")


def expand(files: List[File], members: Members, directory: str) -> None:
    """Write all files into a new or empty directory, which appears only when all of them are whole."""
    directory = os.path.abspath(directory)
    if os.path.lexists(directory) and (not os.path.isdir(directory) or os.listdir(directory)):
        raise Misuse(f"{directory} is there already and isn't an empty directory")
    temporary = os.path.join(os.path.dirname(directory), ".bundler-" + os.urandom(8).hex())
    os.mkdir(temporary)
    try:
        take(files, members, temporary)
        if os.path.isdir(directory):
            os.rmdir(directory)
        os.rename(temporary, directory)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the program and give its exit code."""
    options = _parse(arguments)
    try:
        report = _run(options.source, options.directory)
    except (Refusal, Misuse) as exc:
        print(f"expand.py: {options.source}: {exc}", file=sys.stderr)
        return 5 if isinstance(exc, Refusal) else 2
    except (OSError, RuntimeError, MemoryError) as exc:  # no threads, a process that was killed
        print(f"expand.py: {str(exc) or 'there is too little memory'}", file=sys.stderr)
        return 7
    except KeyboardInterrupt:
        return 130
    print(report)
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


def _run(source: str, directory: Optional[str]) -> str:
    if not os.path.exists(source):
        raise Misuse("no such file or directory")
    with contextlib.ExitStack() as stack:
        if os.path.isdir(source):
            with _open_regular(source, LIST_NAME) as stream:
                files = read_list(stream.read(LARGEST_LIST + 1))
            there = files_there(source, files)
            members = members_in_directory(source, there)
        else:
            read = open_bundle(source, stack)
            data = read_list_member(read)
            files = read_list(data)
            there = of(files, *MEMBERS)
            members = members_in_bundle(read, data, there)
        if directory is not None:
            expand(files, members, directory)
            return f"{len(of(files, *EXPANSION))} files are whole in {directory}"
        if os.path.isdir(source):
            refuse_strangers(source, there)
        take(files, members, None)
    recipes = len(of(files, RECIPE)) if of(there, RECIPES) else 0
    hint = f"; give a directory to put together {recipes} more" if recipes else ""
    return f"{len(there)} files are whole in {source}{hint}"


if __name__ == "__main__":
    sys.exit(main())
