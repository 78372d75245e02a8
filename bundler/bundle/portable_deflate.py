"""Deflate (RFC 1951) exactly as classic zlib does it, in plain Python: slow, never absent.

`Compressor(level, mem_level)` gives the bytes of `zlib.compressobj(level, zlib.DEFLATED, -15, mem_level)` for levels
1 to 9, memLevel 8 and 9, the default strategy and any input, however it is cut into pieces. This is what zlib 1.2.5 to
1.3.2 do. Level 0 is left out, because its bytes depend on the caller's buffers.

Every choice that RFC 1951 leaves free is settled as zlib settles it: which earlier places are looked at and in what
order, when a match is put off, where a block ends, how ties in a Huffman tree fall, which kind of block is smallest.
What differs is how: zlib walks through the places with the same hash of three bytes, up to a number that the level
sets. Here they are numbered, so that those which can't be longer are passed over and counted all the same; and the bits
of a block are joined as text and made a number at once.
"""

import struct
from collections import Counter
from functools import lru_cache
from typing import Dict, List, Sequence, Tuple

_WINDOW, _LONGEST, _LOOKAHEAD = 32768, 258, 262
_FARTHEST = _WINDOW - _LOOKAHEAD
_TOO_FAR = 4096  # a match of three bytes that lies farther back isn't worth its bits
_STEP = 128 << 10  # so much is searched at once; any number would do
_NOWHERE = -2 * _WINDOW

#: By level: the length that quarters the search for a better match, that ends it, that ends any search; and its steps.
_LEVELS = {
    1: (4, 4, 8, 4),
    2: (4, 5, 16, 8),
    3: (4, 6, 32, 32),
    4: (4, 4, 16, 16),
    5: (8, 16, 32, 32),
    6: (8, 16, 128, 128),
    7: (8, 32, 128, 256),
    8: (32, 128, 258, 1024),
    9: (32, 258, 258, 4096),
}
_END_OF_BLOCK = 256
_FIXED = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8, [5] * 30
_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


class Compressor:
    """Has the two methods of zlib's compression objects."""

    def __init__(self, level: int, mem_level: int) -> None:
        self._good, self._lazy, self._nice, self._chain = _LEVELS[level]
        self._search = self._search_fast if level < 4 else self._search_lazily
        self._hash_bits = mem_level + 7
        self._block_size = (1 << (mem_level + 6)) - 1
        self._out: List[bytes] = []
        self._bits = ""  # those that don't fill a byte yet
        # What is needed yet of the input: it begins at its byte `_start`; `_at` is the next to be searched.
        self._data, self._start, self._at, self._block_start = b"", 0, 0, 0
        # A literal is its value; a match is two numbers, 256 + length and -distance.
        self._symbols: List[int] = []
        self._matches = 0
        # The lazy search: is the byte before `_at` still to be encoded, and the match found there.
        self._is_waiting, self._waiting = False, (2, 0)
        # The fast search: where each hash was seen last, and for each place the one before with its hash.
        self._heads = [_NOWHERE] * (1 << self._hash_bits)
        self._chains = [_NOWHERE] * _WINDOW

    def compress(self, data: bytes) -> bytes:
        """Take more input; give the output that is ready."""
        for start in range(0, len(data), _STEP):
            self._data += data[start : start + _STEP]
            self._run(len(self._data) - _LOOKAHEAD + 1)
        ready, self._out = b"".join(self._out), []
        return ready

    def flush(self) -> bytes:
        """End the stream and give the rest of it."""
        self._run(len(self._data))
        if self._is_waiting:
            self._symbols.append(self._data[-1])
        self._end_block(self._at, self._at, is_last=True)
        self._write("0" * 7)
        return b"".join(self._out)

    def _run(self, stop: int) -> None:
        if self._at < stop:
            self._at = self._search(stop)
            spent = max(0, self._at - 2 * _WINDOW)
            self._data, self._start, self._at = self._data[spent:], self._start + spent, self._at - spent

    def _search_fast(self, stop: int) -> int:
        """Levels 1 to 3: the first good match is taken, and the places inside a long one aren't remembered."""
        data, at, start, heads, chains = self._data, self._at, self._start, self._heads, self._chains
        shift, mask, end = (self._hash_bits + 2) // 3, (1 << self._hash_bits) - 1, len(self._data) - 2
        emit, left = self._symbols.append, self._block_size - len(self._symbols) + self._matches
        while at < stop:
            top, best, found = at, 2, 0
            if at < end:
                key = (data[at] << 2 * shift ^ data[at + 1] << shift ^ data[at + 2]) & mask
                place = chains[at + start & _WINDOW - 1] = heads[key]
                heads[key] = at + start
                limit, count = max(at + start - _FARTHEST, 0), self._chain
                if place == limit and self._is_reached(at):
                    limit, count = limit - 1, 1
                nice = min(self._nice, len(data) - at)
                while place > limit and count:
                    if data[place - start + best : place - start + best + 1] == data[at + best : at + best + 1]:
                        length = _common(data, place - start, at)
                        if length > best:
                            best, found = length, at + start - place
                            if length >= nice:
                                break
                    place = chains[place & _WINDOW - 1]
                    count -= 1
            if best > 2:
                emit(256 + best)
                emit(-found)
                self._matches += 1
                at += best
                if best <= self._lazy and at < end:
                    for inner in range(top + 1, at):
                        key = (data[inner] << 2 * shift ^ data[inner + 1] << shift ^ data[inner + 2]) & mask
                        chains[inner + start & _WINDOW - 1] = heads[key]
                        heads[key] = inner + start
            else:
                emit(data[at])
                at += 1
            left -= 1
            if not left:
                self._end_block(at, top)
                emit, left = self._symbols.append, self._block_size
        return at

    def _search_lazily(self, stop: int) -> int:
        """Levels 4 to 9: a match is taken when the place after it offers no longer one."""
        data, at, total = self._data, self._at, len(self._data)
        numbers, same_three, same_four = self._earlier_places()
        is_waiting, (held, held_distance) = self._is_waiting, self._waiting
        emit, left = self._symbols.append, self._block_size - len(self._symbols) + self._matches
        good, lazy, chain = self._good, self._lazy, self._chain
        while at < stop:
            top, best, distance, limit = at, held, 0, at - _FARTHEST
            place = _NOWHERE if held >= lazy else same_four[at] if held > 2 else same_three[at]
            if place > limit or (place == limit and numbers[at] - numbers[place] == 1 and self._is_reached(at)):
                last = numbers[at] - (chain >> 2 if held >= good else chain)
                nice = min(self._nice, total - at)
                while best < nice and numbers[place] >= last:
                    if data[place + best] == data[at + best]:
                        length = _common(data, place, at)
                        if length > best:
                            best, distance = length, at - place
                            if length == 3:
                                place = at
                    place = same_four[place]
                    if place <= limit:
                        break
                if best == 3 and distance > _TOO_FAR:
                    best = 2
            if held > 2 and best <= held:
                emit(256 + held)
                emit(-held_distance)
                self._matches += 1
                at += held - 1
                is_waiting, held = False, 2
            else:
                held, held_distance = best, distance
                at += 1
                if not is_waiting:
                    is_waiting = True
                    continue
                emit(data[top - 1])
            left -= 1
            if not left:
                self._end_block(top if is_waiting else at, top)
                emit, left = self._symbols.append, self._block_size
        self._is_waiting, self._waiting = is_waiting, (held, held_distance)
        return at

    def _earlier_places(self) -> Tuple[List[int], List[int], List[int]]:
        """For each place: its number among those with its hash, the last with the same three bytes, the same four.

        The lazy search remembers every place but the very first, so all this is known beforehand.
        """
        data, first = self._data, max(self._at - _WINDOW, 1 - min(self._start, 1))
        numbers, same_three, same_four = [0] * first, [_NOWHERE] * first, [_NOWHERE] * first
        counts: Dict[int, int] = {}
        threes: Dict[int, int] = {}
        fours: Dict[int, int] = {}
        hashes, keys = _hashes(data, first, self._hash_bits), _numbers_of_four(data, first)
        for place, hashed, four in zip(range(first, len(data) - 2), hashes, keys):
            number = counts[hashed] = counts.get(hashed, 0) + 1
            numbers.append(number)
            three = four & 0xFFFFFF
            same_three.append(threes.get(three, _NOWHERE))
            same_four.append(fours.get(four, _NOWHERE))
            threes[three] = fours[four] = place
        for column in numbers, same_three, same_four:
            column.extend([_NOWHERE] * (len(data) - len(column)))  # fewer than three bytes are no match
        return numbers, same_three, same_four

    def _is_reached(self, at: int) -> bool:
        """Whether the place at the greatest distance counts: zlib's first place, 0, is also its sign for none."""
        place = at + self._start - _FARTHEST
        return place > 0 and not (place % _WINDOW == 0 and len(self._data) - at < _LOOKAHEAD)

    def _end_block(self, end: int, top: int, *, is_last: bool = False) -> None:
        """Encode the symbols since the last block as the shortest of the three kinds.

        `top` is where the search for the last symbol began: there zlib moves its window, and what has left the window
        can't be stored.
        """
        moves_at = 2 * _WINDOW - _LOOKAHEAD + (len(self._data) - top >= _LOOKAHEAD)
        window_start = max(0, (top + self._start - moves_at) // _WINDOW + 1) * _WINDOW
        symbols, counts = self._symbols, Counter(self._symbols)
        counts[_END_OF_BLOCK] = 1
        spelled = {symbol: _spell(symbol) for symbol in counts}
        literals, distances = [0] * 286, [0] * 30
        for symbol, (code, _) in spelled.items():
            (literals if symbol >= 0 else distances)[code] += counts[symbol]
        trees = _lengths(literals, 15), _lengths(distances, 15)
        header = _spell_trees(*trees)
        dynamic, fixed = (
            sum(counts[symbol] * (tree[symbol < 0][code] + len(bits)) for symbol, (code, bits) in spelled.items())
            for tree in (trees, _FIXED)
        )
        dynamic, fixed = dynamic + len(header) + 10 >> 3, fixed + 10 >> 3
        size = end + self._start - self._block_start
        if size + 4 <= min(dynamic, fixed) and self._block_start >= window_start:
            self._write("01"[is_last] + "00")
            self._write("0" * (-len(self._bits) % 8))
            self._out.append(struct.pack("<HH", size, size ^ 0xFFFF) + self._data[end - size : end])
        else:
            if fixed <= dynamic:
                trees, header = _FIXED, ""
            codes = _codes(trees[0]), _codes(trees[1])
            table = {symbol: codes[symbol < 0][code] + bits for symbol, (code, bits) in spelled.items()}
            body = "".join(map(table.__getitem__, symbols))
            self._write("01"[is_last] + ("01" if header else "10") + header + body + table[_END_OF_BLOCK])
        self._symbols, self._matches, self._block_start = [], 0, end + self._start

    def _write(self, bits: str) -> None:
        """Append bits in the order of the stream: the lowest bit of a byte comes first."""
        bits = self._bits + bits
        whole = len(bits) & ~7
        self._bits = bits[whole:]
        self._out.append(int("0" + bits[:whole][::-1], 2).to_bytes(whole >> 3, "little"))


def _common(data: bytes, place: int, at: int) -> int:
    """How many bytes at the two places are the same, 258 at most."""
    for size in 16, _LONGEST:
        one, other = data[place : place + size], data[at : at + size]
        if one != other:
            difference = int.from_bytes(one[: len(other)], "little") ^ int.from_bytes(other, "little")
            return (difference & -difference).bit_length() - 1 >> 3 if difference else len(other)
    return len(other)


def _hashes(data: bytes, first: int, bits: int) -> Sequence[int]:
    """Give zlib's hash of the three bytes at each place, all at once in the 16-bit lanes of a large number."""
    count, shift = len(data) - first, (bits + 2) // 3
    lanes = bytearray(2 * count)
    lanes[::2] = data[first:]
    third = int.from_bytes(lanes, "little")
    low = int.from_bytes(bytes([(1 << bits - 2 * shift) - 1, 0]) * count, "little")
    hashed = (third & low) << 2 * shift ^ third >> 16 << shift ^ third >> 32
    return struct.unpack("<%dH" % count, hashed.to_bytes(2 * count, "little"))


def _numbers_of_four(data: bytes, first: int) -> List[int]:
    """Give the four bytes at each place as one number."""
    numbers, padded = [0] * (len(data) - first), data + bytes(3)
    for shift in range(min(4, len(numbers))):
        numbers[shift::4] = struct.unpack_from("<%dI" % len(range(shift, len(numbers), 4)), padded, first + shift)
    return numbers


@lru_cache(maxsize=None)
def _spell(symbol: int) -> Tuple[int, str]:
    """Give the code number and the extra bits of a symbol (RFC 1951, 3.2.5)."""
    if 0 <= symbol <= _END_OF_BLOCK:
        return symbol, ""
    if symbol == 256 + _LONGEST:
        return 285, ""
    base, value, kept = (257, symbol - 259, 2) if symbol > 0 else (0, -symbol - 1, 1)
    # The number's leading one and `kept` bits after it make the code, all below is extra.
    extra = max(value.bit_length() - 1 - kept, 0)
    return base + (extra << kept) + (value >> extra), _low_bits(value, extra)


def _low_bits(value: int, count: int) -> str:
    """Give the lowest bits of a number, the lowest one first."""
    return "".join("01"[value >> bit & 1] for bit in range(count))


def _codes(lengths: Sequence[int]) -> List[str]:
    """Give the canonical code for each length (RFC 1951, 3.2.2)."""
    codes, code, before = [""] * len(lengths), 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths) if length):
        code <<= length - before
        codes[symbol], before = format(code, "0%db" % length), length
        code += 1
    return codes


def _lengths(counts: Sequence[int], most: int) -> List[int]:
    """Give the lengths of a Huffman code of at most `most` bits; ties fall as in zlib's heap.

    Where fewer than two symbols are used, others join them: a code has two at least.
    """
    heap = [symbol for symbol, count in enumerate(counts) if count]
    while len(heap) < 2:
        heap.append(heap[-1] + 1 if heap and heap[-1] < 2 else 0)
    weights = [max(count, 1) << 8 for count in counts]  # in the low byte the depth, which settles ties
    for at in range(len(heap) // 2 - 1, -1, -1):
        _sift(heap, weights, at)
    taken, parents = [], {}
    while len(heap) > 1:
        one, heap[0] = heap[0], heap[-1]
        del heap[-1]
        _sift(heap, weights, 0)
        other = heap[0]
        taken += [one, other]
        parents[one] = parents[other] = heap[0] = len(weights)
        depth = max(weights[one] & 255, weights[other] & 255) + 1
        weights.append((weights[one] >> 8) + (weights[other] >> 8) << 8 | depth)
        _sift(heap, weights, 0)
    return _limited(taken, parents, heap[0], len(counts), most)


def _sift(heap: List[int], weights: List[int], at: int) -> None:
    """Let what stands at a place of the heap sink to where it belongs."""
    symbol, size = heap[at], len(heap)
    child = 2 * at + 1
    while child < size:
        if child + 1 < size and weights[heap[child + 1]] <= weights[heap[child]]:
            child += 1
        if weights[symbol] <= weights[heap[child]]:
            break
        heap[at], at = heap[child], child
        child = 2 * at + 1
    heap[at] = symbol


def _limited(taken: List[int], parents: Dict[int, int], root: int, size: int, most: int) -> List[int]:
    """Give each symbol its depth in the tree; what lies too deep is hung elsewhere, as zlib does it.

    `taken` are the nodes from the rarest on; those under `size` are symbols.
    """
    depths, numbers, too_deep = {root: 0}, [0] * (most + 1), 0
    for node in reversed(taken):
        depth = depths[parents[node]] + 1
        too_deep += depth > most
        depths[node] = min(depth, most)
        numbers[depths[node]] += node < size
    if not too_deep:
        return [depths.get(symbol, 0) for symbol in range(size)]
    for _ in range((too_deep + 1) // 2):
        depth = max(depth for depth in range(1, most) if numbers[depth])
        numbers[depth] -= 1
        numbers[depth + 1] += 2
        numbers[most] -= 1
    lengths, symbols = [0] * size, iter([node for node in taken if node < size])
    for depth in range(most, 0, -1):
        for _ in range(numbers[depth]):
            lengths[next(symbols)] = depth
    return lengths


def _spell_trees(literals: List[int], distances: List[int]) -> str:
    """Give the bits that tell both codes (RFC 1951, 3.2.7)."""
    literals = literals[: max(symbol for symbol, length in enumerate(literals) if length) + 1]
    distances = distances[: max(symbol for symbol, length in enumerate(distances) if length) + 1]
    runs = _runs(literals) + _runs(distances)
    counts = Counter(symbol for symbol, _ in runs)
    lengths = _lengths([counts[symbol] for symbol in range(19)], 7)
    ordered = [lengths[symbol] for symbol in _ORDER]
    while not ordered[-1]:
        ordered.pop()
    bits = _low_bits(len(literals) - 257, 5) + _low_bits(len(distances) - 1, 5) + _low_bits(len(ordered) - 4, 4)
    codes = _codes(lengths)
    bits += "".join(_low_bits(length, 3) for length in ordered)
    return bits + "".join(codes[symbol] + extra for symbol, extra in runs)


def _runs(lengths: List[int]) -> List[Tuple[int, str]]:
    """Give a tree's lengths as symbols with their extra bits: runs are cut where zlib cuts them."""
    runs, before, count = [], -1, 0
    most, least = (138, 3) if lengths[0] == 0 else (7, 4)
    for length, following in zip(lengths, [*lengths[1:], -1]):
        count += 1
        if count < most and length == following:
            continue
        if count < least:
            runs += [(length, "")] * count
        elif length:
            if length != before:
                runs.append((length, ""))
                count -= 1
            runs.append((16, _low_bits(count - 3, 2)))
        else:
            runs.append((17, _low_bits(count - 3, 3)) if count <= 10 else (18, _low_bits(count - 11, 7)))
        before, count = length, 0
        most, least = (138, 3) if following == 0 else (6, 3) if length == following else (7, 4)
    return runs
