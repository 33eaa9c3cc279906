"""Hostile files: good ones with a field set to an edge value, cut, flipped, or all noise.

Where a format has checksums they are set right again, so that the checks behind them are reached.
Case number i of a seed is always the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xxhash

BLOCK = 65536
NF_HEADER = 4096
# name: (offset, struct code). The byte table is in cpp/src/files/format.h.
NF_FIELDS = {
    "magic": (0, "Q"), "format_version": (8, "I"), "reader_version": (12, "I"),
    "header_bytes": (16, "I"), "endian_tag": (20, "I"), "file_bytes": (24, "Q"),
    "features": (32, "Q"), "table_offset": (40, "Q"), "section_count": (48, "I"),
    "block_bytes": (52, "I"), "space": (56, "B"), "storage": (57, "B"), "zero": (58, "H"),
    "dimensions": (60, "I"), "M": (64, "I"), "ef_construction": (68, "I"), "seed": (72, "Q"),
    "count": (80, "Q"), "num_marked": (88, "Q"), "num_superseded": (96, "Q"),
    "upper_rows": (104, "Q"), "entry_slot": (112, "I"), "entry_level": (116, "I"),
    "next_id": (120, "Q"), "unswept": (128, "Q"), "num_free": (136, "Q"), "published": (144, "Q"),
    "repair_next": (152, "Q"), "repair_end": (160, "Q"), "zeros": (168, "Q"),
    "header_sum": (4088, "Q"),
}  # fmt: skip
SECTION_FIELDS = {
    "kind": (0, "I"), "flags": (4, "I"), "offset": (8, "Q"), "bytes": (16, "Q"),
    "row_bytes": (24, "Q"), "rows": (32, "Q"), "sums_offset": (40, "Q"), "sums_sum": (48, "Q"),
    "zero": (56, "Q"),
}  # fmt: skip
COLUMN = 14
COLUMN_FIELDS = {
    "type": (0, "I"), "name_bytes": (4, "I"), "num_words": (8, "Q"), "num_sets": (16, "Q"),
    "word_bytes": (24, "Q"), "set_bytes": (32, "Q"), "num_chunks": (40, "Q"),
}  # fmt: skip
# The tables are in cpp/src/files/voyager.h and hnswlib.h.
PRELUDE_FIELDS = {
    "magic": (0, "I"), "version": (4, "I"), "dimensions": (8, "I"), "space": (12, "B"),
    "storage": (13, "B"), "max_norm": (14, "I"), "transform": (18, "B"),
}  # fmt: skip
BODY_FIELDS = {
    "level0_offset": (0, "Q"), "max_elements": (8, "Q"), "count": (16, "Q"),
    "bytes_per_element": (24, "Q"), "label_offset": (32, "Q"), "data_offset": (40, "Q"),
    "max_level": (48, "I"), "entry_point": (52, "I"), "maxM": (56, "Q"), "maxM0": (64, "Q"),
    "M": (72, "Q"), "mult": (80, "Q"), "ef_construction": (88, "Q"),
}  # fmt: skip
# Elements of the planes, by kind, and what to put there.
PLANE_CODES = {
    1: "I",
    2: "I",
    3: "I",
    4: "Q",
    5: "I",
    6: "B",
    7: "B",
    8: "I",
    9: "B",
    13: "Q",
    14: "B",
    64: "I",
}


@dataclass(frozen=True)
class Base:
    """A good file, and what must be said to load it."""

    name: str
    data: bytes
    load: dict[str, Any] = field(default_factory=dict)

    @property
    def is_nf(self) -> bool:
        return self.name.startswith("nf")

    @property
    def body(self) -> int:
        """Where the hnswlib header begins in a file that has one."""
        return 19 if self.data[:4] == b"VOYA" else 0


@dataclass(frozen=True)
class Case:
    """One hostile file."""

    number: int
    what: str
    data: bytes
    load: dict[str, Any]


def edge_values(value: int, bits: int, rng: np.random.Generator) -> list[int]:
    """Values at which a check might fail, `value` itself excluded."""
    top = 2**bits
    wanted = [0, 1, 2, 3, value - 1, value + 1, 2 * value, top - 1, top - 2, top // 2, top // 2 - 1]
    wanted += [2**31, 2**32 - 1, 2**32, 2**40, 2**61, value ^ 1 << (bits - 1)]
    wanted += [int(rng.integers(top, dtype=np.uint64 if bits == 64 else np.int64)) if bits < 64 else
               int(rng.integers(2**63))]  # fmt: skip
    return sorted({w % top for w in wanted if w >= 0} - {value})


def get(data: bytes | bytearray, offset: int, code: str) -> int:
    return int(struct.unpack_from("<" + code, data, offset)[0])


def put(data: bytearray, offset: int, code: str, value: int) -> None:
    size = struct.calcsize(code)
    if offset + size <= len(data):
        struct.pack_into("<" + code, data, offset, value % 2 ** (8 * size))


def fix_sums(data: bytearray, base: bytes) -> None:
    """Set every checksum of a .nf file right, where the *good* file has its sections."""
    table, sections = get(base, 40, "Q"), get(base, 48, "I")
    for at in range(table, table + 64 * sections, 64):
        offset, size, sums = (get(base, at + o, "Q") for o in (8, 16, 40))
        for block in range(0, size, BLOCK):
            end = min(offset + size, offset + block + BLOCK)
            digest = xxhash.xxh64_intdigest(bytes(data[offset + block : end]))
            put(data, sums + block // BLOCK * 8, "Q", digest)
        blocks = (size + BLOCK - 1) // BLOCK
        put(data, at + 48, "Q", xxhash.xxh64_intdigest(bytes(data[sums : sums + 8 * blocks])))
    fix_table(data, base)


def fix_table(data: bytearray, base: bytes) -> None:
    table, end = get(base, 40, "Q"), get(base, 40, "Q") + 64 * get(base, 48, "I")
    put(data, end, "Q", xxhash.xxh64_intdigest(bytes(data[table:end])))
    fix_header(data)


def fix_header(data: bytearray) -> None:
    put(data, 4088, "Q", xxhash.xxh64_intdigest(bytes(data[:4088])))


def fields_of(base: Base) -> Iterator[tuple[str, int, str]]:
    """All fields of fixed place: (name, offset, code)."""
    if base.is_nf:
        yield from ((name, *at) for name, at in NF_FIELDS.items())
        table = get(base.data, 40, "Q")
        for number in range(get(base.data, 48, "I")):
            for name, (offset, code) in SECTION_FIELDS.items():
                yield f"section {number} {name}", table + 64 * number + offset, code
            if get(base.data, table + 64 * number, "I") == COLUMN:
                begin = get(base.data, table + 64 * number + 8, "Q")
                for name, (offset, code) in COLUMN_FIELDS.items():
                    yield f"column {number} {name}", begin + offset, code
        return
    if base.body:
        yield from ((name, *at) for name, at in PRELUDE_FIELDS.items())
    yield from ((name, base.body + offset, code) for name, (offset, code) in BODY_FIELDS.items())


def with_field(base: Base, name: str, offset: int, code: str, value: int) -> bytes:
    data = bytearray(base.data)
    put(data, offset, code, value)
    if not base.is_nf or name == "header_sum":
        return bytes(data)
    if name.startswith("column"):
        fix_sums(data, base.data)
    elif name.startswith("section"):
        fix_table(data, base.data)
    else:
        fix_header(data)
    return bytes(data)


def field_cases(bases: list[Base], rng: np.random.Generator) -> list[tuple[str, Base, bytes]]:
    """Every field of every format, at every edge value."""
    cases = []
    for base in bases:
        for name, offset, code in fields_of(base):
            value = get(base.data, offset, code)
            for edge in edge_values(value, 8 * struct.calcsize(code), rng):
                what = f"{base.name}: {name} {value} -> {edge}"
                cases.append((what, base, with_field(base, name, offset, code, edge)))
    return cases


def content_edge(rng: np.random.Generator, code: str, count: int) -> int:
    top = 2 ** (8 * struct.calcsize(code))
    special = [
        0,
        1,
        2,
        3,
        40,
        41,
        255,
        max(count, 1) - 1,
        count,
        count + 1,
        top - 1,
        top - 2,
        top // 2,
    ]
    special += [0x7F800000, 0x7FC00000, 0xFF800001, 0xFEFEFEFE, 2**31, int(rng.integers(count + 1))]
    return int(rng.choice(np.array(special, dtype=np.uint64))) % top


def spoil_nf_content(base: Base, rng: np.random.Generator) -> tuple[str, bytes]:
    """One to three elements of the planes at edge values, all checksums right."""
    data = bytearray(base.data)
    table, count = get(data, 40, "Q"), get(data, 80, "Q")
    words = []
    for _ in range(int(rng.integers(1, 4))):
        at = table + 64 * int(rng.integers(get(data, 48, "I")))
        code = PLANE_CODES.get(get(data, at, "I"), "I")
        offset, size, width = get(data, at + 8, "Q"), get(data, at + 16, "Q"), struct.calcsize(code)
        if size < width:
            continue
        place = offset + int(rng.integers(size // width)) * width
        value = content_edge(rng, code, count)
        words.append(f"kind {get(data, at, 'I')} byte {place} = {value}")
        put(data, place, code, value)
    fix_sums(data, base.data)
    return ", ".join(words), bytes(data)


def spoil_body_content(base: Base, rng: np.random.Generator) -> tuple[str, bytes]:
    """One to three words of a Voyager or hnswlib body at edge values."""
    data = bytearray(base.data)
    begin, count = base.body + 96, get(data, base.body + 16, "Q")
    words = []
    for _ in range(int(rng.integers(1, 4))):
        code = str(rng.choice(["H", "I", "Q", "B"]))
        row = int(rng.integers(count))
        stride = get(data, base.body + 24, "Q")
        inside = int(rng.choice([0, 2, 4, 8, get(data, base.body + 40, "Q"), stride - 8, 3]))
        place = begin + row * stride + inside
        if rng.random() < 0.4:  # among the upper levels instead
            place = begin + count * stride + int(rng.integers(len(data) - begin - count * stride))
        value = content_edge(rng, code, count)
        words.append(f"byte {place} = {value}")
        put(data, place, code, value)
    return ", ".join(words), bytes(data)


def spoil(base: Base, rng: np.random.Generator) -> tuple[str, bytes]:
    """A random kind of damage."""
    kind = rng.choice(["content", "content", "content", "cut", "flip", "fields", "noise", "longer"])
    data = bytearray(base.data)
    if kind == "content":
        return spoil_nf_content(base, rng) if base.is_nf else spoil_body_content(base, rng)
    if kind == "cut":
        length = int(rng.integers(len(data)))
        return f"cut to {length}", bytes(data[:length])
    if kind == "flip":
        places = rng.integers(len(data), size=int(rng.integers(1, 5)))
        for place in places:
            data[place] ^= 1 << int(rng.integers(8))
        return f"bits of bytes {places.tolist()} flipped", bytes(data)
    if kind == "fields":
        fields = list(fields_of(base))
        chosen = [fields[i] for i in rng.integers(len(fields), size=2)]
        for _, offset, code in chosen:
            edges = edge_values(get(data, offset, code), 8 * struct.calcsize(code), rng)
            put(data, offset, code, int(rng.choice(np.array(edges, dtype=np.uint64))))
        if any(name.startswith("column") for name, _, _ in chosen):
            fix_sums(data, base.data)
        elif base.is_nf:
            fix_table(data, base.data)
        return f"fields {[name for name, _, _ in chosen]}", bytes(data)
    if kind == "longer":
        return "bytes appended", bytes(data) + rng.bytes(int(rng.integers(1, 100)))
    length = int(rng.choice([0, 1, 3, 4, 7, 8, 18, 19, 95, 96, 200, 4095, 4096, 9000]))
    kept = int(rng.choice([0, 4, 8, 19, 115, 136]))
    return f"{kept} bytes, then noise to {length}", (bytes(data[:kept]) + rng.bytes(length))


def make_cases(bases: list[Base], count: int, seed: int) -> list[Case]:
    """`count` cases: a third random damage, the others single fields, spread over all of them."""
    fields = field_cases(bases, np.random.default_rng(seed))
    num_fields = min(len(fields), count * 2 // 3)
    chosen = np.linspace(0, len(fields) - 1, num_fields).astype(int) if num_fields else []
    cases = [
        Case(number, fields[i][0], fields[i][2], fields[i][1].load)
        for number, i in enumerate(chosen)
    ]
    for number in range(len(cases), count):
        rng = np.random.default_rng([seed, number])
        base = bases[number % len(bases)]
        what, data = spoil(base, rng)
        cases.append(Case(number, f"{base.name}: {what}", data, base.load))
    return cases
