"""Sets of ids as bytes: the portable serialisation of Roaring bitmaps, read and written.

The format (https://github.com/RoaringBitmap/RoaringFormatSpec), all numbers little-endian:

  64 bits   u64 number of maps; for each: u32 high half of its ids, then a map of the low halves
  a map     u32 cookie, 12346, then u32 number of containers; or 12347 | (containers - 1) << 16,
            then one bit a container that says whether it is one of runs, in whole bytes
            for each container: u16 high half of the numbers, u16 how many they are, less 1
            for each container: u32 offset from the start of the map (with 12347 only from four
            containers on)
            the containers: u16 number of runs, then u16 first and u16 length less 1 of each; or, of
            up to 4,096 numbers, u16 each; or 8 KiB with a bit each
"""

from __future__ import annotations

from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from nearfield.errors import InvalidInput

__all__ = ["roaring_from_ids", "roaring_to_ids"]

_PLAIN, _WITH_RUNS = 12346, 12347
_MOST_IN_ARRAY = 4096
_BITSET_BYTES = 8192
_OFFSETS_FROM = 4  # containers, in a map with runs
_MOST_IDS = 2**27  # 1 GiB of ids, which runs can ask for in 29 KB


class _Reader:
    """Bytes, taken one piece after the other; every piece is known to be there."""

    def __init__(self, data: memoryview, argument: str, start: int = 0) -> None:
        self.data = data
        self.argument = argument
        self.at = start
        self.announced = 0  # ids

    def take(self, count: int, dtype: str) -> NDArray[np.generic]:
        """Give the next numbers."""
        size = count * np.dtype(dtype).itemsize
        if size > len(self.data) - self.at:
            self.refuse(f"ends after {len(self.data)} bytes, in the middle of a set")
        numbers = np.frombuffer(self.data, dtype, count, self.at)
        self.at += size
        return numbers

    def number(self, dtype: str) -> int:
        """Give the next number."""
        return int(self.take(1, dtype)[0])

    def announce(self, ids: int) -> None:
        """Count the ids of a map before any memory is taken for them."""
        self.announced += ids
        if self.announced > _MOST_IDS:
            message = (
                f"{self.argument} names {self.announced} ids and more; expected a Roaring bitmap "
                f"of at most {_MOST_IDS}"
            )
            raise InvalidInput(message)

    def refuse(self, what: str) -> NoReturn:
        """Say what is wrong with the bytes."""
        message = (
            f"{self.argument} is no serialised Roaring bitmap: it {what} (at byte {self.at}); "
            "expected what its portable serialisation gives, such as IdSet.to_bytes"
        )
        raise InvalidInput(message)


class _Container(NamedTuple):
    high: int
    size: int
    is_runs: bool


def roaring_to_ids(data: bytes | bytearray | memoryview, argument: str) -> NDArray[np.uint64]:
    """Read a set of 32-bit or 64-bit numbers.

    Parameters
    ----------
    data : bytes-like
        The portable serialisation.
    argument : str
        What errors call it.

    Returns
    -------
    ndarray of uint64, shape (n,)
        The ids, ascending.

    Raises
    ------
    InvalidInput
        Something else, a part of it, or more than it.

    Notes
    -----
    Takes memory for the ids of containers that the bytes cover: a run names up to 65,536 ids in 4
    bytes. So the sum of what the containers announce is bounded before any is read.
    """
    view = memoryview(data).cast("B")
    if len(view) < 4 or not _is_cookie(int.from_bytes(view[:4], "little")):
        return _read_maps(_Reader(view, argument))
    try:
        reader = _Reader(view, argument)
        return _read_to_end(reader, _read_map(reader).astype(np.uint64))
    except InvalidInput:
        # As many maps of 64-bit numbers as the cookie says begin with the same four bytes; behind
        # them their number is 0.
        if any(view[4:8]) or len(view) <= 8:
            raise
    return _read_maps(_Reader(view, argument))


def _read_maps(reader: _Reader) -> NDArray[np.uint64]:
    """Read all maps of a set of 64-bit numbers."""
    parts, before = [np.empty(0, dtype=np.uint64)], -1
    for _ in range(reader.number("<u8")):
        high = reader.number("<u4")
        if high <= before:
            reader.refuse("names its maps in the wrong order")
        before = high
        parts.append(_read_map(reader).astype(np.uint64) | np.uint64(high << 32))
    return _read_to_end(reader, np.concatenate(parts))


def _read_to_end(reader: _Reader, ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    if reader.at != len(reader.data):
        reader.refuse(f"goes on for {len(reader.data) - reader.at} bytes behind its end")
    return ids


def _is_cookie(word: int) -> bool:
    return word == _PLAIN or word & 0xFFFF == _WITH_RUNS


def _read_map(reader: _Reader) -> NDArray[np.uint32]:
    """Read one map of 32-bit numbers."""
    containers = _read_containers(reader)
    parts, before = [np.empty(0, dtype=np.uint32)], -1
    for container in containers:
        if container.high <= before:
            reader.refuse("names its containers in the wrong order")
        before = container.high
        low = _read_container(reader, container)
        parts.append(low.astype(np.uint32) | np.uint32(container.high << 16))
    return np.concatenate(parts)


def _read_containers(reader: _Reader) -> list[_Container]:
    cookie = reader.number("<u4")
    if not _is_cookie(cookie):
        reader.refuse(f"begins a set with {cookie}, where 12346 or 12347 is expected")
    if cookie == _PLAIN:
        count = reader.number("<u4")
        if count > 2**16:
            reader.refuse(f"names {count} containers, more than 65536")
        flags = np.zeros(count, dtype=bool)
    else:
        count = (cookie >> 16) + 1
        marks = reader.take((count + 7) // 8, "u1").view(np.uint8)
        flags = np.unpackbits(marks, bitorder="little")[:count].astype(bool)
    described = reader.take(2 * count, "<u2").reshape(count, 2).astype(int)
    reader.announce(int(described[:, 1].sum()) + count)
    if cookie == _PLAIN or count >= _OFFSETS_FROM:
        reader.take(count, "<u4")  # where each begins: they follow each other
    return [
        _Container(int(high), int(less) + 1, bool(runs))
        for (high, less), runs in zip(described, flags, strict=True)
    ]


def _read_container(reader: _Reader, container: _Container) -> NDArray[np.uint16]:
    if container.is_runs:
        return _read_runs(reader, container)
    if container.size > _MOST_IN_ARRAY:
        bits = reader.take(_BITSET_BYTES, "u1").view(np.uint8)
        low = np.flatnonzero(np.unpackbits(bits, bitorder="little")).astype(np.uint16)
    else:
        low = reader.take(container.size, "<u2").astype(np.uint16)
        if (np.diff(low.astype(int)) <= 0).any():
            reader.refuse("holds numbers that do not ascend")
    if len(low) != container.size:
        reader.refuse(f"holds {len(low)} numbers where {container.size} are announced")
    return low


def _read_runs(reader: _Reader, container: _Container) -> NDArray[np.uint16]:
    runs = reader.take(2 * reader.number("<u2"), "<u2").reshape(-1, 2).astype(int)
    first, last = runs[:, 0], runs[:, 0] + runs[:, 1]
    if (last >= 2**16).any() or (first[1:] <= last[:-1]).any():
        reader.refuse("holds runs that overlap or do not ascend")
    lengths = runs[:, 1] + 1
    if lengths.sum() != container.size:
        reader.refuse(f"holds {lengths.sum()} numbers where {container.size} are announced")
    steps = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    low: NDArray[np.uint16] = (np.repeat(first, lengths) + steps).astype(np.uint16)
    return low


def roaring_from_ids(ids: NDArray[np.uint64]) -> bytes:
    """Write a set of ids in the 64-bit format.

    Parameters
    ----------
    ids : ndarray of uint64, shape (n,)
        Ascending, each once.

    Returns
    -------
    bytes
        About 2 bytes an id where they lie sparsely, 1 bit for each number of a dense range.
    """
    highs, starts = np.unique(ids >> np.uint64(32), return_index=True)
    ends = np.append(starts, len(ids))[1:].tolist()
    out = [len(highs).to_bytes(8, "little")]
    for high, start, end in zip(highs.tolist(), starts.tolist(), ends, strict=True):
        out += [high.to_bytes(4, "little"), _write_map(ids[start:end].astype(np.uint32))]
    return b"".join(out)


def _write_map(numbers: NDArray[np.uint32]) -> bytes:
    highs, starts, counts = np.unique(numbers >> 16, return_index=True, return_counts=True)
    bodies = [
        _write_container(numbers[start : start + count].astype("<u2"))
        for start, count in zip(starts, counts, strict=True)
    ]
    described = np.stack([highs, counts - 1], axis=1).astype("<u2").tobytes()
    first = 8 + len(described) + 4 * len(bodies)
    sizes = np.array([0, *(len(body) for body in bodies[:-1])])
    offsets = (first + np.cumsum(sizes)).astype("<u4").tobytes()
    head = np.array([_PLAIN, len(bodies)], dtype="<u4").tobytes()
    return b"".join([head, described, offsets, *bodies])


def _write_container(low: NDArray[np.uint16]) -> bytes:
    if len(low) <= _MOST_IN_ARRAY:
        return low.tobytes()
    bits = np.zeros(2**16, dtype=bool)
    bits[low] = True
    return np.packbits(bits, bitorder="little").tobytes()
