"""Columns of Arrow and pandas, whoever exports them."""

from __future__ import annotations

import datetime
import importlib
import importlib.util
from typing import Any

import nearfield as nf
import numpy as np
import pyarrow as pa
import pytest
from nearfield import errors

from tests.index.column_forms import EARLY, MOMENT, change, stored


@pytest.mark.parametrize(
    ("array", "kind", "read"),
    [
        (pa.array([True, None, False]), "bool", [True, None, False]),
        (pa.array([1, None, -3], pa.int8()), "int8", [1, None, -3]),
        (pa.array([1, None, -3], pa.int16()), "int16", [1, None, -3]),
        (pa.array([1, None, -3], pa.int32()), "int32", [1, None, -3]),
        (pa.array([1, None, -3]), "int64", [1, None, -3]),
        (pa.array([2**53 + 1, None], pa.int64()), "int64", [2**53 + 1, None]),
        (pa.array([1, None, 255], pa.uint8()), "int16", [1, None, 255]),
        (pa.array([1, None, 65535], pa.uint16()), "int32", [1, None, 65535]),
        (pa.array([1, None, 2**32 - 1], pa.uint32()), "int64", [1, None, 2**32 - 1]),
        (pa.array([1, None, 2**63 - 1], pa.uint64()), "int64", [1, None, 2**63 - 1]),
        (pa.array([0.5, None, float("nan")], pa.float16()), "float32", [0.5, None, None]),
        (pa.array([0.5, None, float("inf")], pa.float32()), "float32", [0.5, None, float("inf")]),
        (pa.array([0.1, None, float("nan")]), "float64", [0.1, None, None]),
        (pa.array(["a", None, "日本"]), "category", ["a", None, "日本"]),
        (pa.array(["a", None], pa.large_string()), "category", ["a", None]),
        (pa.array(["a", None], pa.string_view()), "category", ["a", None]),
        (pa.array(["a", None, "a"]).dictionary_encode(), "category", ["a", None, "a"]),
        (
            pa.DictionaryArray.from_arrays([0, 1, None], pa.array(["x", None])),
            "category",
            ["x", None, None],
        ),
        (pa.array([7, None, 8]).dictionary_encode(), "int64", [7, None, 8]),
        (pa.array([["b", "a"], None, []]), "tags", [("a", "b"), None, ()]),
        (pa.array([["a"], None], pa.large_list(pa.large_string())), "tags", [("a",), None]),
        (pa.array([["a", "b"], None], pa.list_(pa.string(), 2)), "tags", [("a", "b"), None]),
        (
            pa.array([["a"], None], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
            "tags",
            [("a",), None],
        ),
        (pa.array([datetime.date(2024, 5, 1), None]), "timestamp", [datetime.datetime(2024, 5, 1),
                                                                    None]),
        (pa.array([datetime.date(1950, 5, 1), None], pa.date64()), "timestamp",
         [datetime.datetime(1950, 5, 1), None]),
        (pa.array([None, None], pa.string()), "category", [None, None]),
        (pa.array([None, None], pa.int16()), "int16", [None, None]),
        (pa.array([None, None], pa.list_(pa.string())), "tags", [None, None]),
    ],
)  # fmt: skip
def test_arrow_arrays(array, kind, read):
    assert stored(array) == (kind, read)
    assert stored(array[1:]) == (kind, read[1:])
    assert stored(pa.chunked_array([array[:1], array[1:]])) == (kind, read)


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_arrow_timestamps(unit, zone):
    """With a zone they are moments of UTC, whatever the zone; without one they are taken as so."""
    whole = [MOMENT.replace(microsecond=0), None, EARLY.replace(microsecond=0)]
    numbers = pa.array(whole, pa.timestamp(unit)).cast(pa.int64())
    assert stored(numbers.cast(pa.timestamp(unit, tz=zone))) == ("timestamp", whole)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (pa.array([1], pa.decimal128(5, 2)), r"Arrow column of decimal128\(5, 2\)"),
        (pa.array([{"a": 1}]), "Arrow column of struct<a: int64>"),
        (pa.array([b"a"]), "Arrow column of binary"),
        (pa.array([[1]]), "Arrow column of list<.*int64>"),
        (pa.array([[["a"]]]), "Arrow column of list<.*list"),
        (pa.array([1], pa.time64("us")), "Arrow column of time64"),
        (pa.array([1], pa.duration("s")), "Arrow column of duration"),
        (pa.array([b"a"]).dictionary_encode(), "Arrow column of dictionary<values=binary"),
        (pa.array([["a", None]]), "a null among the tags of row 0"),
        (pa.array([["a"], None, ["b", None]]), "a null among the tags of row 2"),
        (pa.array([2**63], pa.uint64()), "below 2\\^63"),
        (pa.array([2**62], pa.timestamp("s")), "64 bits do not reach"),
        (pa.array([-(2**62)], pa.timestamp("ms")), "64 bits do not reach"),
    ],
)
def test_arrow_types_that_no_column_holds(array, words):
    with pytest.raises(errors.InvalidInput, match=words):
        change(array)


class Exporter:
    """A column of another library: all it has is the interface of Arrow."""

    def __init__(self, column: Any) -> None:
        self.column = column

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.column.__arrow_c_stream__(requested_schema)


def test_whatever_exports_arrow():
    chunks = pa.chunked_array([["a", None], ["b", "a"]])
    given = Exporter(chunks)
    index = nf.Index("euclidean", 1)
    index.add_items(np.zeros((4, 1)), columns={"c": given})
    assert index.get_columns(range(4))["c"].tolist() == ["a", None, "b", "a"]
    assert index.columns["c"].num_words == 2


def test_without_pyarrow_the_pip_line_is_given(monkeypatch):
    monkeypatch.setitem(importlib.import_module("sys").modules, "pyarrow", None)
    given = Exporter(pa.chunked_array([["a"]]))
    with pytest.raises(errors.InvalidInput, match=r"pip install 'nearfield\[arrow\]'"):
        nf.Index("euclidean", 1).set_columns([], {"c": given})
    assert stored(pa.array(["a", None])) == ("category", ["a", None])  # by way of numpy


def test_columns_of_pandas():
    if importlib.util.find_spec("pandas") is None:
        return  # tests do not need it, and a skip would be a failure on CI
    pandas = importlib.import_module("pandas")
    for given, kind, read in (
        (pandas.Series([1, 2]), "int64", [1, 2]),
        (pandas.Series([1, None]), "float64", [1, None]),
        (pandas.Series([1, None], dtype="Int16"), "int16", [1, None]),
        (pandas.Series(["a", None]), "category", ["a", None]),
        (pandas.Series(["a", None], dtype="category"), "category", ["a", None]),
        (pandas.Series([pandas.Timestamp("2024-05-01"), None]), "timestamp",
         [datetime.datetime(2024, 5, 1), None]),
        (pandas.Series([["a"], None]), "tags", [("a",), None]),
    ):  # fmt: skip
        assert stored(given) == (kind, read)
        assert stored(given.tolist())[1] == read


class NAType:
    """As pandas has it: it is equal to nothing, and no truth is known of it."""

    def __eq__(self, other: object) -> Any:
        return self

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        message = "boolean value of NA is ambiguous"
        raise TypeError(message)


def test_the_mark_of_pandas_is_no_value():
    assert stored(["a", NAType()]) == ("category", ["a", None])
    assert stored([1, NAType(), None]) == ("int64", [1, None, None])
