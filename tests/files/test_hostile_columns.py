"""Columns of damaged files: each field of the table in format.h at values that it must not have."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors

from tests.files.hostile_cases import fix_sums, get

KIND = 14
ROWS = 4100  # in two chunks of slots
HEAD = struct.Struct("<IIQQQQQ")
FIELDS = ("type", "name_bytes", "num_words", "num_sets", "word_bytes", "set_bytes", "num_chunks")


class Section(NamedTuple):
    """Where the parts of a column stand in its file."""

    head: int
    name: int
    words: int
    sets: int
    widths: int
    chunks: int
    end: int


@pytest.fixture(scope="module")
def good() -> bytes:
    """A file with a column of tags, one of a category, a bool and an int16."""
    index = nf.Index("euclidean", 1, M=2, ef_construction=2)
    rows = range(ROWS)
    index.add_items(
        np.zeros((ROWS, 1)),
        columns={
            "tags": [["a", "bc"] if i % 2 else None for i in rows],
            "words": ["xyz" if i % 3 else "é" for i in rows],
            "flags": [bool(i % 2) for i in rows],
            "short": np.arange(ROWS, dtype=np.int16),
        },
    )
    return bytes(index)


def padded(at: int) -> int:
    return (at + 7) // 8 * 8


def section_of(data: bytes, name: str) -> Section:
    table, sections = get(data, 40, "Q"), get(data, 48, "I")
    for entry in range(table, table + 64 * sections, 64):
        if get(data, entry, "I") != KIND:
            continue
        begin, size = get(data, entry + 8, "Q"), get(data, entry + 16, "Q")
        _, name_bytes, words, sets, word_bytes, set_bytes, chunks = HEAD.unpack_from(data, begin)
        at = begin + HEAD.size
        if data[at : at + name_bytes] != name.encode():
            continue
        words_at = padded(at + name_bytes - begin) + begin
        sets_at = padded(words_at + 4 * words + word_bytes - begin) + begin
        widths_at = padded(sets_at + 4 * sets + set_bytes - begin) + begin
        chunks_at = padded(widths_at + chunks - begin) + begin
        return Section(begin, at, words_at, sets_at, widths_at, chunks_at, begin + size)
    raise AssertionError(name)


def spoilt(good: bytes, spoil: Callable[[bytearray], None]) -> bytes:
    data = bytearray(good)
    spoil(data)
    assert data != good
    fix_sums(data, good)
    return bytes(data)


def refused(data: bytes, tmp_path: Any) -> errors.CorruptIndexFile:
    path = tmp_path / "hostile.nf"
    path.write_bytes(data)
    for source, how in ((path, {"mmap": True}), (path, {}), (data, {})):
        with pytest.raises(errors.CorruptIndexFile) as caught:
            nf.load(source, **how)
    return caught.value


def test_the_good_file_loads(good):
    index = nf.load(good)
    assert index.columns["tags"].num_words == 2
    assert index.get_columns([4097, 4098])["tags"].tolist() == [("a", "bc"), None]


@pytest.mark.parametrize(
    ("column", "field", "values"),
    [
        ("tags", "type", (0, 11, 2**32 - 1, 9, 1)),
        ("words", "type", (10, 8, 2)),
        ("short", "type", (2, 5, 7, 8, 9, 10)),
        ("short", "name_bytes", (0, 1, 4, 256, 2**32 - 1)),
        ("tags", "num_words", (0, 1, 3, 2**32 - 1, 2**61, 2**64 - 1)),
        ("short", "num_words", (1, 2**64 - 1)),
        ("tags", "num_sets", (0, 2, 2**32, 2**62, 2**64 - 1)),
        ("words", "num_sets", (1, 2**64 - 1)),
        ("tags", "word_bytes", (0, 2, 4, 2**63, 2**64 - 1)),
        ("tags", "set_bytes", (0, 7, 9, 2**63, 2**64 - 1)),
        ("words", "set_bytes", (1, 8, 2**64 - 1)),
        ("tags", "num_chunks", (0, 1, 3, 2**32, 2**64 - 1)),
        ("short", "num_chunks", (0, 1, 3, 2**64 - 1)),
    ],
)
def test_every_field_of_the_head(good, tmp_path, column, field, values):
    at = section_of(good, column).head
    offset, code = [(0, "I"), (4, "I"), *((8 * i, "Q") for i in range(1, 6))][FIELDS.index(field)]
    for value in values:

        def put(data, value=value):
            struct.pack_into("<" + code, data, at + offset, value)

        error = refused(spoilt(good, put), tmp_path)
        assert error.field is not None
        assert error.field.startswith("column"), value
        assert error.offset is not None
        assert at <= error.offset <= section_of(good, column).end


def at_byte(place: int, value: int) -> Callable[[bytearray], None]:
    def put(data: bytearray) -> None:
        data[place] = value

    return put


def test_names_are_text_and_differ(good, tmp_path):
    short, flags = section_of(good, "short"), section_of(good, "flags")

    def same(data: bytearray) -> None:
        data[short.name : short.name + 5] = b"flags"

    for spoil in (at_byte(flags.name, 0xFF), same, at_byte(flags.name + 6, 1)):
        assert refused(spoilt(good, spoil), tmp_path).field == "column.name"


@pytest.mark.parametrize(
    "word", [b"\xff\xc3", b"\xc0\xaf", b"\xc3(", b"a\xc3", b"\xed\xa0", b"\x80a", b"\xf5\x80"]
)
def test_words_are_text(good, tmp_path, word):
    """Else reading a column would end in an error of decoding."""
    at = section_of(good, "words")
    text = good.index("é".encode(), at.words)

    def put(data: bytearray) -> None:
        data[text : text + 2] = word

    assert refused(spoilt(good, put), tmp_path).field == "column.words"


@pytest.mark.parametrize(
    ("word", "is_text"),
    [
        (b"\xed\x9f\xbf", True),  # the last before the halves of pairs
        (b"\xed\xa0\x80", False),
        (b"\xed\xbf\xbf", False),
        (b"\xee\x80\x80", True),
        (b"\xe0\x9f\xbf", False),  # could be shorter
        (b"\xe0\xa0\x80", True),
        (b"\xe6\x97z", False),
        (b"\xf0\x9f\xa6", False),
        (b"a\xc2\x80", True),
        (b"\x00\x01\x7f", True),
    ],
)
def test_text_is_what_python_reads_as_such(good, tmp_path, word, is_text):
    at = section_of(good, "words")
    text = good.index(b"xyz", at.words)

    def put(data: bytearray) -> None:
        data[text : text + 3] = word

    data = spoilt(good, put)
    if is_text:
        assert word.decode() in nf.load(data).get_columns([1])["words"].tolist()
    else:
        assert refused(data, tmp_path).field == "column.words"


def test_longer_text(good, tmp_path):
    """Of four bytes, which the words above are too short for."""
    index = nf.Index("euclidean", 1)
    index.add_items([[0], [1]], columns={"w": ["🎵", "\U0010ffff"]})
    data = bytes(index)
    assert nf.load(data).get_columns([0, 1])["w"].tolist() == ["🎵", "\U0010ffff"]
    for first, wrong in (("🎵", b"\xf0\x8f\xbf\xbf"), ("\U0010ffff", b"\xf4\x90\x80\x80")):
        at = data.index(first.encode())

        def put(spoiled: bytearray, at=at, wrong=wrong) -> None:
            spoiled[at : at + 4] = wrong

        assert refused(spoilt(data, put), tmp_path).field == "column.words"


def test_lengths_of_words_and_sets(good, tmp_path):
    at = section_of(good, "tags")
    for place, field in ((at.words, "words"), (at.words + 4, "words"), (at.sets, "sets")):
        for value in (0, 1, 2, 7, 9, 2**31, 2**32 - 1):
            if value == get(good, place, "I"):
                continue

            def put(data: bytearray, place=place, value=value) -> None:
                struct.pack_into("<I", data, place, value)

            assert refused(spoilt(good, put), tmp_path).field == f"column.{field}"


def test_a_word_and_a_set_stand_once(good, tmp_path):
    index = nf.Index("euclidean", 1)
    index.add_items([[0], [1]], columns={"t": [["a"], ["b"]]})
    data = bytes(index)
    at = section_of(data, "t")
    second_word, second_set = at.words + 8 + 1, at.sets + 8 + 4
    for place, value, field in (
        (second_word, ord("a"), "words"),
        (second_set, 0, "sets"),  # {a} again
        (second_set, 2, "sets"),  # a word that is not there
        (second_word + 1, 1, "words"),  # padding
        (at.sets - 1, 1, "words"),
        (at.widths - 1, 1, "sets") if (at.sets + 16) % 8 else (second_set + 1, 1, "sets"),
    ):
        assert refused(spoilt(data, at_byte(place, value)), tmp_path).field == f"column.{field}"


def test_tags_of_a_set_ascend(good, tmp_path):
    at = section_of(good, "tags")
    numbers = at.sets + 4
    for first, second in ((1, 0), (0, 0), (1, 1), (0, 2), (0, 2**32 - 1)):

        def put(data: bytearray, first=first, second=second) -> None:
            struct.pack_into("<II", data, numbers, first, second)

        assert refused(spoilt(good, put), tmp_path).field == "column.sets"


@pytest.mark.parametrize(
    ("column", "widths"),
    [("tags", (3, 8, 255)), ("words", (5, 8)), ("flags", (2, 8)), ("short", (1, 4, 8))],
)
def test_widths_are_those_of_the_type(good, tmp_path, column, widths):
    at = section_of(good, column)
    for width in widths:
        error = refused(spoilt(good, at_byte(at.widths + 1, width)), tmp_path)
        assert error.field == "column.widths"
    for width in (0, 2, 4):  # of the type perhaps, and not what follows
        if width != good[at.widths + 1]:
            assert refused(spoilt(good, at_byte(at.widths + 1, width)), tmp_path).field is not None
    assert refused(spoilt(good, at_byte(at.widths + 2, 1)), tmp_path).field == "column.widths"


def test_values_are_there_where_they_are_said_to_be(good, tmp_path):
    """None behind the last slot, and 0 where there is none."""
    for column, width in (("tags", 1), ("words", 1), ("flags", 1), ("short", 2)):
        at = section_of(good, column)
        second = at.chunks + 512 + 4096 * width
        for place, field in ((second, "present"), (second + 511, "present")):
            bit = 0x10 if place == second else 1  # of slot 4100, and of the last of the chunk
            spoil = at_byte(place, good[place] | bit)
            assert refused(spoilt(good, spoil), tmp_path).field == f"column.{field}"
        for slot in (4, 4095):
            spoil = at_byte(second + 512 + width * slot, 1)
            assert refused(spoilt(good, spoil), tmp_path).field == "column.values"
    tags = section_of(good, "tags")
    spoil = at_byte(tags.chunks + 512 + 2, 1)  # slot 2 has none
    assert refused(spoilt(good, spoil), tmp_path).field == "column.values"


@pytest.mark.parametrize(("column", "least"), [("tags", 1), ("words", 2), ("flags", 2)])
def test_values_are_numbers_of_words_and_sets(good, tmp_path, column, least):
    at = section_of(good, column)
    for value in (least, 255):
        spoil = at_byte(at.chunks + 512 + 1, value)
        assert refused(spoilt(good, spoil), tmp_path).field == "column.values"


def test_nothing_stands_behind_a_column(good, tmp_path):
    """A section that is longer, or shorter, than what it says of itself."""
    table, sections = get(good, 40, "Q"), get(good, 48, "I")
    for entry in range(table, table + 64 * sections, 64):
        if get(good, entry, "I") != KIND:
            continue
        size = get(good, entry + 16, "Q")
        for other in (size - 1, size - 8, 47, 0):

            def put(data: bytearray, entry=entry, other=other) -> None:
                struct.pack_into("<Q", data, entry + 16, other)
                struct.pack_into("<Q", data, entry + 32, other)

            data = bytearray(good)
            put(data)
            fix_sums(data, bytes(data))
            with pytest.raises(errors.IndexFileError):
                nf.load(bytes(data))
