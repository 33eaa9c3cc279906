"""Serialised Roaring bitmaps written number by number, for tests of what reads them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

Kind = Callable[[int, Sequence[int]], str]


def usual(_high: int, numbers: Sequence[int]) -> str:
    """Choose as libraries do without runs: up to 4,096 numbers as they are, else a bit each."""
    return "array" if len(numbers) <= 4096 else "bits"


def smallest(_high: int, numbers: Sequence[int]) -> str:
    """Choose as libraries do where they look for runs."""
    plain = usual(0, numbers)
    sizes = {plain: min(2 * len(numbers), 8192), "run": 2 + 4 * len(runs_of(numbers))}
    return min(sizes, key=lambda kind: sizes[kind])


def runs_of(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Give (first, how many more) of what follows on each other."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][0] + runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((number, 0))
    return runs


def _body(kind: str, low: Sequence[int]) -> bytes:
    if kind == "run":
        runs = runs_of(low)
        return struct.pack("<H", len(runs)) + b"".join(struct.pack("<HH", *run) for run in runs)
    if kind == "array":
        return struct.pack(f"<{len(low)}H", *low)
    bits = bytearray(8192)
    for number in low:
        bits[number // 8] |= 1 << number % 8
    return bytes(bits)


def write32(numbers: Iterable[int], choose: Kind = usual) -> bytes:
    """Write numbers below 2^32."""
    groups = [
        (high, [number & 0xFFFF for number in group])
        for high, group in groupby(sorted(set(numbers)), lambda number: number >> 16)
    ]
    kinds = [choose(high, low) for high, low in groups]
    count = len(groups)
    if "run" in kinds:
        flags = bytearray((count + 7) // 8)
        for i, kind in enumerate(kinds):
            flags[i // 8] |= (kind == "run") << i % 8
        head = struct.pack("<I", 12347 | (count - 1) << 16) + bytes(flags)
    else:
        head = struct.pack("<II", 12346, count)
    head += b"".join(struct.pack("<HH", high, len(low) - 1) for high, low in groups)
    bodies = [_body(kind, low) for kind, (_, low) in zip(kinds, groups, strict=True)]
    if "run" not in kinds or count >= 4:
        at = len(head) + 4 * count
        for body in bodies:
            head += struct.pack("<I", at)
            at += len(body)
    return head + b"".join(bodies)


def write64(numbers: Iterable[int], choose: Kind = usual) -> bytes:
    """Write numbers below 2^64."""
    maps = [
        struct.pack("<I", high) + write32((number & 0xFFFFFFFF for number in group), choose)
        for high, group in groupby(sorted(set(numbers)), lambda number: number >> 32)
    ]
    return struct.pack("<Q", len(maps)) + b"".join(maps)
