"""Arrays of the user: any layout and type is stored as numpy itself would read it."""

from __future__ import annotations

import array
import warnings
from decimal import Decimal
from fractions import Fraction

import nearfield as nf
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nearfield import errors

REAL_TYPES = [
    "?", "i1", "u1", "<i2", ">i2", "<u4", "<i8", ">u8",
    "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "g",
]  # fmt: skip


@st.composite
def layouts(draw: st.DrawFn) -> np.ndarray:
    """An array of any real type, cut, turned, shifted and frozen in any way."""
    dtype = np.dtype(draw(st.sampled_from(REAL_TYPES)))
    n, d = draw(st.integers(0, 6)), draw(st.integers(1, 9))
    steps = draw(st.tuples(*[st.sampled_from([-2, -1, 1, 3])] * 2))
    shape = (n * abs(steps[0]), d * abs(steps[1]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if dtype.kind in "?iub":
        low, high = (0, 2) if dtype.kind == "b" else (0, 100)
        base = rng.integers(low, high, size=shape).astype(dtype)
    else:
        base = rng.normal(size=shape).astype(dtype)
    if draw(st.booleans()):
        base = np.asfortranarray(base)
    if draw(st.booleans()):  # not aligned
        raw = np.zeros(base.nbytes + 1, dtype=np.uint8)
        shifted = raw[1:].view(dtype).reshape(base.shape, order="A")
        shifted[...] = base
        base = shifted
    view = base[:: steps[0], :: steps[1]][:n, :d]
    if draw(st.booleans()):
        view.flags.writeable = False
    return view


@settings(derandomize=True, max_examples=300, deadline=None)
@given(layouts())
def test_every_layout_is_stored_and_asked_right(vectors):
    expected = vectors.astype(np.float64).astype(np.float32)
    d = vectors.shape[1]
    index = nf.Index(nf.Space.Euclidean, d)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ids = index.add_items(vectors)
        found = index.query(vectors, k=min(1, len(ids)), num_threads=1)
    assert np.array_equal(index.get_vectors(ids), expected)
    assert (found.distances == 0).all()
    if len(vectors):
        again = nf.Index(nf.Space.Euclidean, d)
        again.add_item(vectors[0])
        assert np.array_equal(again.get_vector(0), expected[0])
        assert again.get_distance(vectors[0], vectors[0]) == 0
        assert again.query(vectors[0]).distances.tolist() == [0]


def test_float32_in_order_is_not_copied():
    from nearfield._arrays import as_vectors

    rows = np.zeros((3, 4), np.float32)
    rows.flags.writeable = False
    assert np.shares_memory(as_vectors(rows, 4, "vectors"), rows)
    assert np.shares_memory(as_vectors(rows[1], 4, "vectors"), rows)


@pytest.mark.parametrize(
    "vectors",
    [
        [[1, 2], [3, 4]],
        ((1.0, 2.0), (3.0, 4.0)),
        [np.array([1, 2]), [3.0, 4]],
        [array.array("f", [1, 2]), array.array("d", [3, 4])],
        memoryview(np.array([[1.0, 2], [3, 4]])),
        np.array([[1, 2], [3, 4]], dtype=object),
        [[Decimal(1), 2], [Fraction(3), True + 3]],
        np.ma.masked_array([[1, 2], [3, 4]]),
        np.array([np.array([1.0, 2]), [3, 4]], dtype=object),
    ],
    ids=lambda vectors: type(vectors).__name__,
)
def test_what_numpy_can_read_is_accepted(vectors):
    index = nf.Index(nf.Space.Euclidean, 2)
    assert index.add_items(vectors) == [0, 1]
    assert index.get_vectors([0, 1]).tolist() == [[1, 2], [3, 4]]


def test_object_column_of_rows_is_stacked():
    column = np.empty(3, dtype=object)
    column[:] = [np.arange(4.0), list(range(1, 5)), np.arange(4, dtype=np.int8) + 2]
    index = nf.Index(nf.Space.Euclidean, 4)
    index.add_items(column)
    assert index.get_vectors(range(3)).tolist() == [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5]]


@pytest.mark.parametrize(
    ("vectors", "kind", "words"),
    [
        (np.zeros((2, 2), complex), TypeError, "complex"),
        ([[1j, 2]], TypeError, "complex"),
        (np.array([["1", "2"]]), TypeError, "real numbers"),
        ([["1", "2"]], TypeError, "real numbers"),
        ("12", TypeError, "str"),
        (b"12", TypeError, "bytes"),
        ({1: 2}, TypeError, "dict"),
        ({1, 2}, TypeError, "set"),
        (None, TypeError, "NoneType"),
        (object(), TypeError, "object"),
        ([[None, 1]], errors.NotFinite, "row 0"),
        (np.zeros(2, "datetime64[s]"), TypeError, "datetime64"),
        (np.zeros((2, 2), [("a", "f4")]), TypeError, "real numbers"),
        ([[1, 2], [3]], errors.DimensionMismatch, "row 1"),
        ([[1, 2], 3], errors.InvalidInput, "."),
        ([[1, 2, 3]], errors.DimensionMismatch, "3 columns.*2-dimensional"),
        ([1, 2], errors.InvalidInput, r"shape \(2,\)"),
        (np.zeros((1, 1, 2)), errors.InvalidInput, r"shape \(1, 1, 2\)"),
        (np.float32(3), errors.InvalidInput, r"shape \(\)"),
        (np.ma.masked_array([[1, 2]], mask=[[0, 1]]), errors.InvalidInput, "masked"),
        ([[10**400, 1]], errors.NotFinite, "beyond"),
        ([[1, 2], [1, -1e39]], errors.NotFinite, "row 1, column 1"),
        (np.array([[1, 2], [np.nan, 1e39]]), errors.NotFinite, "row 1"),
    ],
    ids=str,
)
def test_what_cannot_be_vectors_is_refused_in_words(vectors, kind, words):
    index = nf.Index(nf.Space.Euclidean, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(kind, match=words):
            index.add_items(vectors)
    assert len(index) == 0


def test_overflow_of_a_wide_float_is_refused_without_a_warning():
    index = nf.Index(nf.Space.Euclidean, 2)
    for dtype in (np.float64, np.longdouble):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(errors.NotFinite, match="float32") as caught:
                index.add_items(np.array([[0, 1], [2, 3e38], [4, 5e38]], dtype=dtype))
        assert caught.value.row == 2


# --- DLPack ---


class Tensor:
    """A tensor of another library, as far as DLPack shows it."""

    def __init__(self, values: np.ndarray, device: int = 1) -> None:
        self.values, self.device = values, device

    def __dlpack__(self, **options: object) -> object:
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device, 0


def test_tensors_on_the_cpu_are_read():
    values = np.random.default_rng(0).normal(size=(5, 6))
    for given_values in (
        values,
        values.astype(np.float32),
        values[:, ::2].repeat(2, axis=1),
        values.T.copy().T,
    ):
        index = nf.Index.from_vectors(Tensor(given_values), space="euclidean")
        assert np.array_equal(index.get_vectors(range(5)), given_values.astype(np.float32))
        assert index.query(Tensor(given_values[2]))[0] == [2]


def test_tensors_on_a_gpu_are_refused_in_words():
    with pytest.raises(TypeError, match=r"CPU.*\.cpu\(\)"):
        nf.Index(nf.Space.Euclidean, 2).add_items(Tensor(np.zeros((1, 2)), device=2))


# --- Arrow ---

VALUES = np.random.default_rng(1).normal(size=(10, 4)).astype(np.float32)


def fixed(values: np.ndarray = VALUES) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


class Stream:
    """A column of another library, as far as the Arrow interface shows it."""

    def __init__(self, column: object) -> None:
        self.column = column

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.column.__arrow_c_stream__(requested_schema)  # type: ignore[attr-defined]


class Single:
    def __init__(self, column: object) -> None:
        self.column = column

    def __arrow_c_array__(self, requested_schema: object = None) -> object:
        return self.column.__arrow_c_array__(requested_schema)  # type: ignore[attr-defined]


ARROW = {
    "fixed size lists": fixed(),
    "float64": fixed(VALUES.astype(np.float64)),
    "lists": pa.array(VALUES.tolist(), pa.list_(pa.float32())),
    "large lists": pa.array(VALUES.tolist(), pa.large_list(pa.float64())),
    "chunks": pa.chunked_array([fixed()[:3], fixed()[3:3], fixed()[3:]]),
    "chunked lists": pa.chunked_array(
        [c.cast(pa.list_(pa.float32())) for c in (fixed()[:3], fixed()[3:])]
    ),
    "table": pa.table({"embedding": fixed()}),
    "record batch": pa.record_batch({"embedding": fixed()}),
    "number columns": pa.table({str(i): VALUES[:, i] for i in range(4)}),
    "stream": Stream(pa.chunked_array([fixed()[:3], fixed()[3:]])),
    "single": Single(fixed()),
}


@pytest.mark.parametrize("name", ARROW)
def test_arrow_columns_are_read(name):
    index = nf.Index(nf.Space.Euclidean, 4)
    index.add_items(ARROW[name])
    assert np.array_equal(index.get_vectors(range(10)), VALUES)
    assert index.query(ARROW[name])[0].ravel().tolist() == list(range(10))


@pytest.mark.parametrize("column", [ARROW["fixed size lists"], ARROW["lists"], ARROW["chunks"]])
def test_arrow_slices_keep_their_rows(column):
    index = nf.Index(nf.Space.Euclidean, 4)
    index.add_items(column[2:7])
    assert np.array_equal(index.get_vectors(range(5)), VALUES[2:7])


def test_arrow_fixed_size_lists_share_memory():
    from nearfield._arrays import as_vectors

    flat = pa.array(VALUES.ravel())
    column = pa.FixedSizeListArray.from_arrays(flat, 4)
    assert np.shares_memory(as_vectors(column, 4, "vectors"), flat.to_numpy())


NULL_ROW = pa.array([[1.0, 2], [3, 4], None, [5, 6]], pa.list_(pa.float32(), 2))
ARROW_BAD = {
    "null row": (NULL_ROW, ValueError, "row 2"),
    "null row in a slice": (NULL_ROW[1:], ValueError, "row 1"),
    "null row in a later chunk": (
        pa.chunked_array([NULL_ROW[:2], NULL_ROW[2:]]), ValueError, "row 2",
    ),
    "null number": (pa.array([[1.0, 2], [3, None]]), ValueError, "row 1"),
    "null number in fixed": (
        pa.array([[1.0, 2], [3, None]], pa.list_(pa.float32(), 2)), ValueError, "row 1",
    ),
    "unequal lengths": (pa.array([[1.0, 2], [3, 4], [5]]), errors.DimensionMismatch, "row 2"),
    "unequal chunks": (
        pa.chunked_array([[[1.0, 2]], [[3.0]]]), errors.DimensionMismatch, "row 1",
    ),
    "strings": (pa.array(["a"]), TypeError, "string"),
    "lists of strings": (pa.array([["a", "b"]]), TypeError, "string"),
    "several columns": (pa.table({"a": ["x"], "b": [[1.0, 2]]}), ValueError, "columns a, b"),
    "numbers": (pa.array([1.0, 2]), ValueError, "shape"),
    "wrong width": (fixed(), errors.DimensionMismatch, "4 columns"),
    "nan": (pa.array([[1.0, float("nan")]]), errors.NotFinite, "row 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", ARROW_BAD)
def test_bad_arrow_columns_are_refused_by_their_row(name):
    column, kind, words = ARROW_BAD[name]
    with pytest.raises(kind, match=words):
        nf.Index(nf.Space.Euclidean, 2).add_items(column)


def test_empty_arrow_columns_give_no_rows():
    index = nf.Index(nf.Space.Euclidean, 2)
    for column in (NULL_ROW[:0], pa.chunked_array([], pa.list_(pa.float32(), 2))):
        assert index.add_items(column) == []


def test_reading_arrow_without_pyarrow_names_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(errors.InvalidInput, match=r"pip install 'nearfield\[arrow\]'"):
        nf.Index(nf.Space.Euclidean, 4).add_items(Single(fixed()))


# --- ids ---


@pytest.mark.parametrize(
    "ids",
    [
        [5, 2**63, 2**64 - 2],
        (5, 2**63, 2**64 - 2),
        np.array([5, 2**63, 2**64 - 2], dtype=np.uint64),
        [np.uint64(5), 2**63, np.uint64(2**64 - 2)],
        pa.array([5, 2**63, 2**64 - 2], pa.uint64()),
        pa.chunked_array([pa.array([5], pa.uint64()), pa.array([2**63, 2**64 - 2], pa.uint64())]),
        np.array([5, 2**63, 2**64 - 2], dtype=object),
        np.array([5, 0, 2**63, 0, 2**64 - 2], dtype=">u8")[::2],
    ],
    ids=lambda ids: type(ids).__name__,
)
def test_large_ids_keep_every_bit(ids):
    index = nf.Index(nf.Space.Euclidean, 2)
    assert index.add_items(np.eye(3, 2), ids) == [5, 2**63, 2**64 - 2]
    assert list(index) == [5, 2**63, 2**64 - 2]


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    st.sampled_from(["i1", "u1", "<i2", ">i4", "<i8", ">u8"]),
    st.lists(st.integers(0, 127), unique=True, min_size=1, max_size=20),
    st.booleans(),
)
def test_ids_of_any_integer_type(dtype, ids, reverse):
    given_ids = np.array(ids, dtype=dtype)[:: -1 if reverse else 1]
    index = nf.Index(nf.Space.Euclidean, 2)
    assert index.add_items(np.zeros((len(ids), 2)), given_ids) == given_ids.tolist()


@pytest.mark.parametrize(
    "ids", [range(7), range(10, 3, -1), range(2**64 - 30, 2**64 - 2, 4), range(0, 2**64 - 7, 2**61)]
)
def test_ranges_are_ids(ids):
    index = nf.Index(nf.Space.Euclidean, 2)
    assert index.add_items(np.zeros((len(ids), 2)), ids) == list(ids)


def test_the_ids_of_an_index_are_ids():
    index = nf.Index.from_vectors(np.eye(4), ids=[4, 3, 2, 1])
    assert index.get_vectors(index.ids).tolist() == np.eye(4).tolist()
    again = nf.Index(nf.Space.Euclidean, 4)
    assert again.add_items(np.eye(4), index.ids) == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("ids", "kind"),
    [
        ([1.0, 2.0], TypeError),
        (np.array([1.0, 2.0]), TypeError),
        (np.array([True, False]), TypeError),
        ([True, False], TypeError),
        (["1", "2"], TypeError),
        ("12", TypeError),
        ({1, 2}, TypeError),
        ((i for i in (1, 2)), TypeError),
        ({1: 1, 2: 2}.keys(), TypeError),
        (12, TypeError),
        ([-1, 2], TypeError),
        (np.array([1, -2]), TypeError),
        (range(-1, 1), TypeError),
        ([1, 2**64], TypeError),
        ([None, 1], TypeError),
        (pa.array([1.0, 2.0]), TypeError),
        (pa.array([1, None]), ValueError),
        ([1, 2**64 - 1], errors.InvalidInput),
        ([[1, 2]], ValueError),
        ([1, [2]], ValueError),
        ([1], ValueError),
    ],
    ids=str,
)
def test_what_cannot_be_ids_is_refused(ids, kind):
    index = nf.Index(nf.Space.Euclidean, 2)
    with pytest.raises(kind):
        index.add_items(np.zeros((2, 2)), ids)
    assert len(index) == 0


@pytest.mark.parametrize("id", ["1", 1.0, None, -1, 2**64, 2**64 - 1, True, (1,), [1], 1j, np.nan])
def test_what_cannot_be_an_id_is_not_in_the_index(id):
    index = nf.Index.from_vectors(np.eye(3))
    assert id not in index
    assert id not in index.ids


@pytest.mark.parametrize("k", [1.0, "1", None, -1, [1]])
def test_k_must_be_a_whole_number(k):
    index = nf.Index.from_vectors(np.eye(3))
    for query in (np.zeros(3, np.float32), [0, 0, 0]):
        with pytest.raises(TypeError, match="k is"):
            index.query(query, k)


def test_none_and_numpy_integers_are_accepted_for_numbers():
    index = nf.Index.from_vectors(np.eye(3, dtype=np.float32))
    found = index.query(np.eye(3, dtype=np.float32), np.int8(2), None, None)
    assert found.ids.shape == (3, 2)
    assert index.add_items(np.eye(3), None, None) == [3, 4, 5]
    with pytest.raises(TypeError, match="num_threads"):
        index.query([0, 0, 0], num_threads=1.5)
