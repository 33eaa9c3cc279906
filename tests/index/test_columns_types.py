"""Every type of column, in every form in which callers have it."""

from __future__ import annotations

import datetime

import nearfield as nf
import numpy as np
import pyarrow as pa
import pytest
from nearfield import errors

from tests.index.column_forms import EARLY, MOMENT, UTC, change, stored

# --- Python's values -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kind", "read"),
    [
        ([True, None, False], "bool", [True, None, False]),
        ([np.True_, False, None], "bool", [True, False, None]),
        ([1, None, -(2**63)], "int64", [1, None, -(2**63)]),
        ([np.int8(3), 2**63 - 1, np.uint8(255)], "int64", [3, 2**63 - 1, 255]),
        ([1, 2.5, None], "float64", [1.0, 2.5, None]),
        ([0.1, float("nan"), float("-inf")], "float64", [0.1, None, float("-inf")]),
        ([1, float("nan"), None], "int64", [1, None, None]),
        ([np.float32(0.5), None, np.float64("nan")], "float64", [0.5, None, None]),
        (["a", None, ""], "category", ["a", None, ""]),
        (["a", float("nan"), "日本"], "category", ["a", None, "日本"]),
        ([np.str_("a"), "a", None], "category", ["a", "a", None]),
        ([["b", "a", "b"], None, []], "tags", [("a", "b"), None, ()]),
        ([("x",), {"y"}, frozenset("z")], "tags", [("x",), ("y",), ("z",)]),
        ([np.array(["x", "y"]), None, []], "tags", [("x", "y"), None, ()]),
        ((True, False, None), "bool", [True, False, None]),
        (range(3), "int64", [0, 1, 2]),
        ({"a": 1, "b": 2}.keys(), "category", ["a", "b"]),
        ((n for n in (1, None, 3)), "int64", [1, None, 3]),
    ],
)
def test_lists(given, kind, read):
    assert stored(given) == (kind, read)


@pytest.mark.parametrize(
    ("moment", "utc"),
    [
        (MOMENT, MOMENT),
        (EARLY, EARLY),
        (MOMENT.replace(tzinfo=UTC), MOMENT),
        (
            MOMENT.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
            MOMENT - datetime.timedelta(hours=2),
        ),
        (datetime.date(2024, 5, 1), datetime.datetime(2024, 5, 1)),
        (np.datetime64("2024-05-01"), datetime.datetime(2024, 5, 1)),
        (np.datetime64("2024-05-01T12:30:00.000007"), MOMENT),
        (np.datetime64("2024-05-01T12:30:00.000007999"), MOMENT),
        (datetime.datetime.max, datetime.datetime.max),
        (datetime.datetime.min, datetime.datetime.min),
    ],
)
def test_moments(moment, utc):
    nat = np.datetime64("NaT")
    assert stored([moment, None, nat]) == ("timestamp", [utc, None, None])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([1, "a"], "holds int and text"),
        ([True, 1], "holds bool and int"),
        ([MOMENT, 1.0], "holds float and timestamp"),
        ([["a"], "a"], "holds lists and text"),
        ([2**63], "out of range"),
        ([1.0, 10**400], "out of range"),
        ([np.uint64(2**63)], "out of range"),
        (["\ud800"], "half a character"),
        ([["a", "\udfff"]], "half a character"),
        ([np.datetime64(400_000, "Y")], "64 bits do not reach"),
        (np.array([400_000], "M8[Y]"), "64 bits do not reach"),
        (np.array([-400_000], "M8[Y]"), "64 bits do not reach"),
        (np.array([2**63], np.uint64), "below 2\\^63"),
        (np.zeros((2, 2)), r"shape \(2, 2\); expected one axis"),
        (np.array(1), "shape"),
    ],
)
def test_values_that_cannot_be(given, words):
    with pytest.raises(errors.InvalidInput, match=rf"columns\['c'\].*{words}"):
        change(given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([b"a"], "holds a bytes; expected bool"),
        ([1j], "holds a complex"),
        ([{"a": 1}], "holds a dict"),
        ([datetime.timedelta(1)], "holds a timedelta"),
        ([datetime.time(1)], "holds a time"),
        ([["a", 1]], "tag of type int"),
        ([["a", None]], "tag of type NoneType"),
        (np.array([1], "m8[s]"), "holds timedelta64"),
        (np.array([b"a"]), "holds .S1"),
        (np.array([1j]), "holds complex128"),
        (np.array([(1, 2)], "i4,i4"), "holds "),
        ("abc", "is of type str; expected a value for each"),
        (b"abc", "is of type bytes"),
        ({"a": 1}, "is of type dict"),
        (5, "is of type int"),
        (None, "is of type NoneType"),
    ],
)
def test_types_that_no_column_has(given, words):
    with pytest.raises(TypeError, match=rf"columns\['c'\].*{words}"):
        change(given)


def test_names_and_lengths():
    index = nf.Index("euclidean", 1)
    index.add_items([[0], [1]])
    for columns, error, words in (
        ({"c": [1]}, errors.InvalidInput, r"\['c'\] has 1 values; expected 2"),
        ({"c": [["a"]] * 3}, errors.InvalidInput, "has 3 values; expected 2"),
        ({"": [1, 2]}, errors.InvalidInput, "a name of 0 bytes; expected 1 to 255"),
        ({"n" * 256: [1, 2]}, errors.InvalidInput, "a name of 256 bytes"),
        ({"日" * 86: [1, 2]}, errors.InvalidInput, "a name of 258 bytes"),
        ({"\ud800": [1, 2]}, errors.InvalidInput, "half a character"),
        ({"id": [1, 2]}, errors.InvalidInput, "keep for the id"),
        ({1: [1, 2]}, TypeError, "a key of type int"),
        ([1, 2], TypeError, "columns is of type list; expected a dict"),
        ("ab", TypeError, "columns is of type str"),
    ):
        with pytest.raises(error, match=words):
            index.set_columns([0, 1], columns)
        with pytest.raises(error, match=words):
            index.add_items([[0], [1]], columns=columns)
    assert (index.columns, len(index)) == ({}, 2)
    for name in ("日" * 85, "n" * 255, "a b", "not", "`", "ID", "\0"):
        index.set_columns([0, 1], {name: [1, 2]})
        assert index.get_columns([1], [name])[name].tolist() == [2]
        quoted = name.replace("`", "``")
        assert index.compile(f"`{quoted}` = 2").count == 1


def test_one_vector_with_its_attributes():
    index = nf.Index("euclidean", 1)
    index.add_item([0], 5, columns={"w": "a", "t": ["x"], "n": None, "f": float("nan")})
    assert {n: i.type for n, i in index.columns.items()} == {"w": "category", "t": "tags"}
    index.add_item([0], 6, columns={"n": 1})
    read = index.get_columns([5, 6])
    assert {name: values.tolist() for name, values in read.items()} == {
        "w": ["a", None], "t": [("x",), None], "n": [None, 1],
    }  # fmt: skip
    with pytest.raises(TypeError, match="expected a dict of name to value"):
        index.add_item([0], columns=["w"])  # type: ignore[arg-type]


# --- numpy ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        ("i1", "int8"), ("i2", "int16"), ("i4", "int32"), ("i8", "int64"),
        ("u1", "int16"), ("u2", "int32"), ("u4", "int64"), ("u8", "int64"),
        ("f2", "float32"), ("f4", "float32"), ("f8", "float64"), ("g", "float64"),
        ("?", "bool"),
    ],
)  # fmt: skip
def test_arrays_keep_their_types(dtype, kind, order):
    array = np.array([1, 0, 1], dtype=np.dtype(dtype).newbyteorder(order))
    assert stored(array) == (kind, [1, 0, 1])
    strided = np.repeat(array, 2)[::2]
    assert stored(strided) == (kind, [1, 0, 1])
    read_only = array.copy()
    read_only.flags.writeable = False
    masked = np.ma.MaskedArray(read_only, mask=[False, True, False])
    assert stored(masked) == (kind, [1, None, 1])


def test_the_ends_of_ranges():
    for dtype in ("i1", "i2", "i4", "i8", "u1", "u2", "u4"):
        ends = [np.iinfo(dtype).min, np.iinfo(dtype).max]
        assert stored(np.array(ends, dtype))[1] == ends
    assert stored(np.array([0, 2**63 - 1], np.uint64)) == ("int64", [0, 2**63 - 1])
    beyond = np.ma.MaskedArray(np.array([2**64 - 1, 1], np.uint64), mask=[True, False])
    assert stored(beyond) == ("int64", [None, 1])
    for dtype, kind in (("f4", "float32"), ("f8", "float64")):
        ends = [np.finfo(dtype).max, -np.inf, np.finfo(dtype).smallest_subnormal, -0.0]
        found = stored(np.array(ends, dtype))
        assert found == (kind, [float(one) for one in ends])
        assert np.signbit(found[1][3])


@pytest.mark.parametrize("unit", ["Y", "M", "D", "h", "s", "ms", "us", "ns"])
def test_moments_of_every_unit(unit):
    array = np.array(["1970-01-01", "NaT", "2024-01-01", "1890-01-01"], f"M8[{unit}]")
    years = [None if year is None else datetime.datetime(year, 1, 1) for year in
             (1970, None, 2024, 1890)]  # fmt: skip
    assert stored(array) == ("timestamp", years)
    assert stored(np.ma.MaskedArray(array, mask=[1, 0, 0, 0])) == ("timestamp", [None, *years[1:]])


def test_what_is_finer_than_a_microsecond_is_cut_off():
    array = np.array([-1, -1000, -1001, 999, 1999], "M8[ns]")
    _, read = stored(array)
    since = [(one - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)
             for one in read]  # fmt: skip
    assert since == [-1, -1, -2, 0, 1]
    assert stored(pa.array(array))[1] == read


def test_no_value_has_a_type_where_the_array_has_one():
    assert stored(np.full(2, np.nan, np.float32)) == ("float32", [None, None])
    assert stored(np.full(2, "NaT", "M8[s]")) == ("timestamp", [None, None])
    masked = np.ma.MaskedArray(np.array([1, 2], np.int8), mask=True)
    assert stored(masked) == ("int8", [None, None])
    for none in ([None, None], [], [float("nan")], np.array([None, np.nan], object), pa.nulls(2)):
        index = nf.Index("euclidean", 1)
        rows = len(none)
        index.add_items(np.zeros((rows, 1)), columns={"c": none})
        assert index.columns == {}
        assert index.set_columns(range(rows), {"c": none}) == rows
        assert index.columns == {}


@pytest.mark.parametrize(
    ("array", "kind", "read"),
    [
        (np.array(["a", "bb", ""]), "category", ["a", "bb", ""]),
        (np.array(["a", None, np.nan], object), "category", ["a", None, None]),
        (np.array([1, None, 2], object), "int64", [1, None, 2]),
        (np.array([["a"], None, ["b", "c"]], object), "tags", [("a",), None, ("b", "c")]),
        (np.ma.MaskedArray(["a", "b"], mask=[True, False]), "category", [None, "b"]),
        (np.ma.MaskedArray(np.array(["a", 5], object), mask=[0, 1]), "category", ["a", None]),
        (np.array([True, None], object), "bool", [True, None]),
    ],
)
def test_arrays_of_text_and_objects(array, kind, read):
    assert stored(array) == (kind, read)


def test_arrays_of_numpys_own_strings():
    if not hasattr(np.dtypes, "StringDType"):
        pytest.skip("this numpy has none")
    array = np.array(["a", None, "ö"], dtype=np.dtypes.StringDType(na_object=None))
    assert stored(array) == ("category", ["a", None, "ö"])


# --- a column that has a type --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "given", "read"),
    [
        ("i1", [5, -128], [5, -128]),
        ("i1", [5.0, None], [5, None]),
        ("i8", [2.0**62, 1], [2**62, 1]),
        ("i2", np.array([300, 1], np.int64), [300, 1]),
        ("i2", pa.array([300, None]), [300, None]),
        ("f4", [0.1, 7], [float(np.float32(0.1)), 7.0]),
        ("f4", np.array([1e-60, 2**24 + 1]), [0.0, 2.0**24]),
        ("f4", [float("inf"), float("nan")], [float("inf"), None]),
        ("f8", [2**53 + 1, 1], [2.0**53, 1.0]),
        ("?", [True, None], [True, None]),
        ("U1", ["new word", None], ["new word", None]),
        ("M8[D]", [MOMENT, None], [MOMENT, None]),
    ],
)
def test_values_are_brought_to_the_type_of_their_column(kind, given, read):
    index = nf.Index("euclidean", 1)
    index.add_items([[0], [1]], columns={"c": np.zeros(2, kind)})
    before = index.columns["c"].type
    index.set_columns([0, 1], {"c": given})
    assert (index.columns["c"].type, index.get_columns([0, 1])["c"].tolist()) == (before, read)
    index.set_columns([0, 1], {"c": [None, None]})
    index.set_columns([0, 1], {"c": pa.nulls(2, pa.int8())})
    assert index.get_columns([0, 1])["c"].tolist() == [None, None]


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("i1", [128], "holds 128, but the index keeps it as int8; drop the column"),
        ("i1", [-129], "holds -129"),
        ("i1", [0.5], "holds 0.5"),
        ("i1", [float("inf")], "holds inf"),
        ("i8", [2.0**63], "holds 9.2"),
        ("i8", [-(2.0**63) * 2], "holds -1.8"),
        ("f4", [1e39], r"holds 1e\+39.*float32"),
        ("f4", [1, True], "bool and int"),
        ("i4", [True], "given as bool, but the index keeps it as int32; convert"),
        ("?", [1], "given as int64.*bool"),
        ("U1", [1], "given as int64.*category"),
        ("U1", [["a"]], "given as tags.*category"),
        ("i8", ["1"], "given as category.*int64"),
        ("M8[s]", [1], "given as int64.*timestamp"),
        ("M8[s]", ["2024-05-01"], "given as category.*timestamp"),
    ],
)
def test_values_that_do_not_fit_their_column(kind, given, words):
    index = nf.Index("euclidean", 1)
    index.add_items([[0]], columns={"c": np.zeros(1, kind)})
    rows = len(given)
    before = bytes(index)
    with pytest.raises(errors.InvalidInput, match=rf"columns\['c'\].*{words}"):
        index.set_columns([0] * rows, {"c": given})
    with pytest.raises(errors.InvalidInput, match=words):
        index.add_items(np.zeros((rows, 1)), columns={"new": [1] * rows, "c": given})
    assert bytes(index) == before


def test_a_column_that_is_dropped_may_come_again_as_another():
    index = nf.Index("euclidean", 1)
    index.add_items([[0], [1]], columns={"c": [1, 2], "d": [1, 2]})
    index.drop_column("c")
    assert list(index.columns) == ["d"]
    with pytest.raises(errors.InvalidInput, match="no column"):
        index.drop_column("c")
    with pytest.raises(TypeError, match="expected the name"):
        index.drop_column(5)  # type: ignore[arg-type]
    index.set_columns([1], {"c": ["text"]})
    assert index.get_columns([0, 1], ["c"])["c"].tolist() == [None, "text"]
    assert list(index.columns) == ["d", "c"]


def test_arrays_that_are_read_can_be_written_to():
    index = nf.Index("euclidean", 1)
    index.add_items([[0], [1]], columns={"c": [1, None]})
    read = index.get_columns([0, 1])["c"]
    read[1] = 7
    assert read.tolist() == [1, 7]
    assert index.get_columns([0, 1])["c"].tolist() == [1, None]
