"""Columns in streams: cut anew with their vectors, so that the chunking leaves no trace."""

from __future__ import annotations

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors

from tests.index.columns_data import D, assert_holds, cut, typed, values, vectors

ROWS = 9000  # more than a block


def new() -> nf.Index:
    return nf.Index("euclidean", D, M=3, ef_construction=6)


def streamed(sizes, given, ids=None, rows=ROWS) -> nf.Index:
    index = new()
    all_vectors, ends = vectors(rows), np.cumsum(sizes)
    assert ends[-1] == rows
    chunks = (
        (
            None if ids is None else ids[end - size : end],
            all_vectors[end - size : end],
            cut(given, end - size, end),
        )
        for size, end in zip(sizes, ends, strict=True)
    )
    index.add_items(chunks)
    return index


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("form", ["lists", "arrays"])
def test_the_sizes_of_chunks_leave_no_trace(named, form):
    given = values(ROWS)
    given = typed(given) if form == "arrays" else given
    ids = np.random.default_rng(3).permutation(ROWS) + 5 if named else None
    want = bytes(streamed([ROWS], given, ids))
    for sizes in ([1, 999, 8192 - 1000, 0, ROWS - 8192], [511, 513, 0, ROWS - 1024], [1000] * 9):
        assert bytes(streamed(sizes, given, ids)) == want


def test_a_stream_gives_the_columns_of_one_call():
    given = typed(values(ROWS))
    one = new()
    ids = one.add_items(vectors(ROWS), columns=given)
    many = streamed([700] * 12 + [600], given)
    assert_holds(many, ids, values(ROWS))
    assert many.columns == one.columns  # words and bytes as well
    small, rows = new(), 8192
    small.add_items(vectors(rows), columns=cut(given, 0, rows))
    assert bytes(small) == bytes(streamed([100] * 81 + [92], cut(given, 0, rows), rows=rows))


def test_a_column_of_none_waits_for_the_first_value():
    late = [None] * 8500 + ["late"] * 500
    want = bytes(streamed([ROWS], {"a": late, "b": [1] * ROWS}))
    for size in (1000, 450, 4500):
        index = streamed([size] * (ROWS // size), {"a": late, "b": [1] * ROWS})
        assert bytes(index) == want
    assert list(index.columns) == ["b", "a"]
    assert index.columns["a"].type == "category"
    assert index.get_columns(index.ids)["a"].tolist() == late
    assert list(streamed([4500] * 2, {"a": [None] * ROWS}).columns) == []


def test_types_of_one_block_are_those_that_hold_all_its_values():
    parts = [[None, None], [1, 2], [1.5, None], np.array([3, 4], np.int8)]
    index = new()
    index.add_items((None, vectors(2), {"a": part, "b": [None] * 2}) for part in parts)
    assert {name: info.type for name, info in index.columns.items()} == {"a": "float64"}
    assert index.get_columns(index.ids)["a"].tolist() == [None, None, 1, 2, 1.5, None, 3, 4]
    narrow = new()
    arrays = [np.array([1, 2], dtype) for dtype in (np.uint8, np.int8, np.int16)]
    narrow.add_items((None, vectors(2), {"a": array}) for array in arrays)
    assert narrow.columns["a"].type == "int16"
    one_list = new()
    one_list.add_items(vectors(4), columns={"a": [None, 1, 1.5, float("nan")]})
    assert one_list.columns["a"].type == "float64"


def test_the_type_of_a_list_is_that_of_the_rows_of_a_block():
    """A chunk that reaches into the next block tells nothing of this one."""
    numbers = [1] * 8500 + [0.5] * 500
    for sizes in ([ROWS], [4500] * 2, [900] * 10):
        with pytest.raises(errors.InvalidInput, match=r"columns\['a'\] holds 0.5.*int64"):
            streamed(sizes, {"a": numbers})


def test_columns_that_are_not_named_keep_their_values():
    """In a stream as well: rows that name a column and rows that do not share no block."""
    index = new()
    index.add_items(vectors(6), range(6), columns={"a": range(6), "b": range(6)})
    chunks = [
        ([0, 1], vectors(2, 1), {"a": [10, 11]}),
        ([2], vectors(1, 2)),
        ([3], vectors(1, 3), {}),
        ([4, 5], vectors(2, 4), {"b": [None, 15], "a": [14, None]}),
    ]
    assert index.upsert(iter(chunks)) == list(range(6))
    read = index.get_columns(range(6))
    assert read["a"].tolist() == [10, 11, 2, 3, 14, None]
    assert read["b"].tolist() == [0, 1, 2, 3, None, 15]


def test_which_rows_have_columns_leaves_no_trace_of_chunks_either():
    def by(size):
        index = new()

        def chunks():
            for first in range(0, 3000, size):
                rows = vectors(3000)[first : first + size]
                if first < 1000:
                    yield None, rows
                else:
                    yield None, rows, {"a": list(range(first, first + len(rows)))}

        index.add_items(chunks())
        return bytes(index)

    assert by(100) == by(500) == by(1000)


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        ({"a": ["x", "y"]}, errors.InvalidInput, r"chunk 1, columns\['a'\] is category, but"),
        ({"a": [1]}, errors.InvalidInput, r"chunk 1, columns\['a'\] has 1 values; expected 2"),
        ({"a": [1, "x"]}, errors.InvalidInput, r"chunk 1, columns\['a'\] holds int and text"),
        ({"a": [1, b"x"]}, TypeError, r"chunk 1, columns\['a'\] holds a bytes"),
        ({"id": [1, 2]}, errors.InvalidInput, "chunk 1, columns names a column 'id'"),
        ([1, 2], TypeError, "chunk 1, columns is of type list; expected a dict"),
    ],
)
def test_a_chunk_that_does_not_fit_is_named(columns, error, words):
    index = new()
    chunks = [(None, vectors(2), {"a": [1, 2]}), (None, vectors(2), columns)]
    with pytest.raises(error, match=words):
        index.add_items(iter(chunks))
    assert len(index) == 0
    assert index.columns == {}


def test_a_later_block_that_does_not_fit_names_its_chunk():
    index = new()
    chunks = [(None, vectors(1000), {"a": [n] * 1000}) for n in (*range(9), 9.5)]
    with pytest.raises(errors.InvalidInput, match=r"chunk 9, columns\['a'\] holds 9.5.*int64"):
        index.add_items(iter(chunks))
    assert len(index) == 8192
    words = [(None, vectors(1), {"a": ["x"]})]
    with pytest.raises(errors.InvalidInput, match=r"chunk 0.*category.*keeps it as int64"):
        index.add_items(iter(words))


def test_columns_beside_an_iterator_are_refused():
    with pytest.raises(errors.InvalidInput, match="put them into its tuples"):
        new().add_items(iter([(None, vectors(1))]), columns={"a": [1]})
    with pytest.raises(errors.InvalidInput, match=r"\(ids, vectors, columns\)"):
        new().add_items(iter([(None, vectors(1), {}, {})]))


def test_words_of_large_chunks_are_cut_with_their_rows():
    words = [f"w{i}" for i in range(ROWS)]
    tags = [[f"t{i}", f"t{i // 2}"] for i in range(ROWS)]
    index = streamed([ROWS], {"w": words, "t": tags})
    read = index.get_columns(index.ids)
    assert read["w"].tolist() == words
    assert read["t"].tolist() == [tuple(sorted(set(one))) for one in tags]
    assert bytes(index) == bytes(streamed([450] * 20, {"w": words, "t": tags}))
