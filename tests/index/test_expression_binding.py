"""Binding: values brought to the types of columns, parameters put in place, meaning kept."""

from __future__ import annotations

import datetime
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nearfield import F, filters
from nearfield._expressions.binding import bind
from nearfield._expressions.canonical import canonical
from nearfield._expressions.column_types import FLOATS, INTEGERS, ColumnType
from nearfield._expressions.id_array import IdArray
from nearfield._expressions.literals import Note
from nearfield._expressions.nodes import (
    FALSE,
    TRUE,
    And,
    Between,
    Compare,
    Flag,
    Has,
    In,
    IsNull,
    Not,
    Or,
    Parameter,
    Registered,
)
from nearfield._expressions.parser import parse
from nearfield._expressions.writer import to_text

from tests.index.expression_oracle import KINDS, SCHEMA, evaluate
from tests.index.expression_strategies import FILTERS, fitting, rows

GREATEST = 3.4028234663852886e38  # of float32

# What is asked, and what a compiler gets.
BOUND = {
    # integers are compared exactly
    "tiny = 5": "tiny = 5",
    "tiny = 5.0": "tiny = 5",
    "tiny = 5.5": "false",
    "tiny != 5.5": "tiny is not null",
    "tiny < 2.5": "tiny <= 2",
    "tiny <= 2.5": "tiny <= 2",
    "tiny > 2.5": "tiny >= 3",
    "tiny >= 2.5": "tiny >= 3",
    "tiny < -2.5": "tiny <= -3",
    "tiny > -2.5": "tiny >= -2",
    "tiny < 3.0": "tiny < 3",
    "tiny = 128": "false",
    "tiny != 128": "tiny is not null",
    "tiny < 128": "tiny is not null",
    "tiny <= 127": "tiny is not null",
    "tiny < 127": "tiny < 127",
    "tiny > 127": "false",
    "tiny > 1e300": "false",
    "tiny >= -128": "tiny is not null",
    "tiny > -129": "tiny is not null",
    "tiny < -128": "false",
    "tiny <= -1e300": "false",
    "not tiny < 300": "tiny is null",
    "not not tiny = 5": "tiny = 5",
    "plays = 9007199254740993": "plays = 9007199254740993",
    "plays = 9007199254740992.0": "plays = 9007199254740992",
    "plays < 9.3e18": "plays is not null",
    "plays > -9223372036854775808": "plays > -9223372036854775808",
    "tiny in [3, 1, 3.0, 2.5, 300]": "tiny in [1, 3]",
    "tiny in [3, 300]": "tiny = 3",
    "tiny in [300, 0.5]": "false",
    "tiny in []": "false",
    "tiny between 1 and 5": "tiny between 1 and 5",
    "tiny between 0.5 and 5.5": "tiny between 1 and 5",
    "tiny between 0.5 and 1.5": "tiny = 1",
    "tiny between 0.2 and 0.8": "false",
    "tiny between 5 and 1": "false",
    "tiny between -1000 and 5": "tiny between -128 and 5",
    "tiny between -1000 and 1000": "tiny is not null",
    "tiny between 200 and 1000": "false",
    "tiny is null": "tiny is null",
    # of floats, values are rounded as rows were
    "rating = 0.1": "rating = 0.10000000149011612",
    "rating < 0.1": "rating < 0.10000000149011612",
    "rating = 16777217": "rating = 16777216.0",
    "rating < 1e39": f"rating <= {GREATEST!r}",
    "rating >= 1e39": "rating >= inf",
    "rating > -1e39": f"rating >= {-GREATEST!r}",
    "rating <= -1e39": "rating <= -inf",
    "rating = 1e39": "false",
    "rating != 1e39": "rating is not null",
    "rating in [1e39, 0.5, 2]": "rating in [0.5, 2.0]",
    "rating between 0 and 1e39": f"rating between 0.0 and {GREATEST!r}",
    "rating between 1 and 1.00000001": "rating = 1.0",
    "score = 1": "score = 1.0",
    "score = 0.1": "score = 0.1",
    "score = 9007199254740993": "score = 9007199254740992.0",
    "score < 1e300": "score < 1e+300",
    # ids
    "id = 5": "id = 5",
    "id < 0": "false",
    "id >= 0": "true",
    "id >= -5.5": "true",
    "id != 5.5": "true",
    "id = 18446744073709551615": "id = 18446744073709551615",
    "id <= 18446744073709551615": "true",
    "id in [3, 1, 3, -7, 2.5]": "id in [1, 3]",
    "id in [3, -7]": "id = 3",
    "id between 5 and 7.5": "id between 5 and 7",
    "id between -1 and 18446744073709551615": "true",
    "id is null": "false",
    "id is not null": "not false",
    # bools
    "explicit": "explicit",
    "explicit = true": "explicit",
    "explicit != false": "explicit",
    "explicit = false": "explicit = false",
    "explicit != true": "explicit = false",
    "explicit in [true, true]": "explicit",
    "explicit in [false]": "explicit = false",
    "explicit in [true, false]": "explicit is not null",
    "explicit in []": "false",
    "explicit is null": "explicit is null",
    # categories and tags
    "market = 'SE'": "market = 'SE'",
    "market != 'SE'": "market != 'SE'",
    "market in ['SE', 'NO', 'SE']": "market in ['NO', 'SE']",
    "market in ['SE']": "market = 'SE'",
    "market in []": "false",
    "`in ``odd``` = 'NO'": "`in ``odd``` = 'NO'",
    "genres has 'dub'": "genres has 'dub'",
    "genres has any ['live', 'dub', 'live']": "genres has any ['dub', 'live']",
    "genres has all ['live', 'dub']": "genres has all ['dub', 'live']",
    "genres has all ['live', 'live']": "genres has 'live'",
    "genres has any []": "false",
    "genres has all []": "genres is not null",
    # moments
    "released = '1970-01-01'": "released = 0",
    "released < '2024-05-01T14:00:00+02:00'": "released < 1714564800000000",
    "released >= '1969-12-31 23:59:59.999999Z'": "released >= -1",
    "released between '1970-01-01' and '1970-01-02'": "released between 0 and 86400000000",
    "released in ['1970-01-01', '1970-01-01T00:00Z']": "released = 0",
    # what stands above leaves stays as it is
    "true and (false or explicit)": "true and (false or explicit)",
    "(explicit and tiny = 1) and tiny = 1": "(explicit and tiny = 1) and tiny = 1",
    "$clean or not $`old ones`": "$clean or not $`old ones`",
    "id in $clean": "$clean",
    "not id in $clean": "not $clean",
}


@pytest.mark.parametrize("text", BOUND)
def test_a_compiler_gets_values_that_the_column_can_hold(text):
    assert to_text(bind(parse(text), SCHEMA, None, FILTERS).tree) == BOUND[text]


@settings(max_examples=150, deadline=None)
@given(fitting(), rows())
def test_a_bound_expression_means_the_same(tree, given_rows):
    bound = bind(tree, SCHEMA, {}, FILTERS).tree
    wanted = evaluate(tree, given_rows, FILTERS)
    assert evaluate(bound, given_rows, FILTERS) == wanted
    assert evaluate(canonical(bound), given_rows, FILTERS) == wanted
    assert evaluate(bind(canonical(tree), SCHEMA, {}, FILTERS).tree, given_rows, FILTERS) == wanted


def leaves_of(tree):
    left, found = [tree], []
    while left:
        node = left.pop()
        if isinstance(node, Not):
            assert not isinstance(node.term, Not)
            left.append(node.term)
        elif isinstance(node, And | Or) and node.terms:
            assert len(node.terms) > 1
            left += node.terms
        else:
            found.append(node)
    return found


def is_plain(kind, value):
    if kind in INTEGERS:
        return type(value) is int and INTEGERS[kind][0] <= value <= INTEGERS[kind][1]
    if kind in FLOATS:
        return type(value) is float and (kind == "float64" or float(np.float32(value)) == value)
    return type(value) is str


@settings(max_examples=150, deadline=None)
@given(fitting())
def test_leaves_are_of_the_shapes_that_are_promised(tree):
    bound = bind(tree, SCHEMA, {}, FILTERS)
    columns, names = set(), set()
    for made in (bound.tree, canonical(bound.tree)):
        for node in leaves_of(made):
            if isinstance(node, Registered):
                names.add(node.name)
                continue
            if node in (TRUE, FALSE):
                continue
            columns.add(node.column)
            kind = KINDS.get(node.column, "uint64")
            ordered = kind in INTEGERS or kind in FLOATS
            if isinstance(node, IsNull):
                assert node.column != "id"
            elif isinstance(node, Flag):
                assert kind == "bool"
            elif isinstance(node, Compare) and kind == "bool":
                assert (node.op, node.value) == ("=", False)
            elif isinstance(node, Compare):
                assert is_plain(kind, node.value)
                assert ordered or (kind == "category" and node.op in ("=", "!="))
            elif isinstance(node, Between):
                assert ordered
                assert is_plain(kind, node.low)
                assert is_plain(kind, node.high)
                assert node.low < node.high
            elif isinstance(node, In) and node.column == "id":
                assert isinstance(node.values, IdArray)
                assert len(node.values) > 1
            else:
                assert isinstance(node, In) or (isinstance(node, Has) and kind == "tags")
                assert type(node.values) is tuple
                assert len(node.values) > isinstance(node, In)
                assert all(is_plain(kind, value) for value in node.values)
                assert list(node.values) == sorted(set(node.values))
        assert columns == bound.columns or made is not bound.tree
        assert names == bound.filters or made is not bound.tree


# --- parameters ----------------------------------------------------------------------------------


def with_parameters(node, params, draw):
    """Put parameters in the place of some values, and of some lists."""
    if isinstance(node, And | Or):
        return type(node)(tuple(with_parameters(term, params, draw) for term in node.terms))
    if isinstance(node, Not):
        return Not(with_parameters(node.term, params, draw))

    def moved(value):
        if draw(st.booleans()):
            return value
        params[f"p{len(params)}"] = value
        return Parameter(f"p{len(params) - 1}")

    def moved_list(values):
        is_of_ids = all(type(value) is int and 0 <= value < 2**64 - 1 for value in values)
        if (node.column == "id" and not is_of_ids) or draw(st.booleans()):
            return tuple(map(moved, values))
        kind = draw(st.sampled_from((list, tuple, set, frozenset)))
        return moved(kind(values))

    if isinstance(node, Compare):
        return Compare(node.column, node.op, moved(node.value))
    if isinstance(node, Between):
        return Between(node.column, moved(node.low), moved(node.high))
    if isinstance(node, In):
        return In(node.column, moved_list(node.values) if node.values else ())
    if isinstance(node, Has):
        return Has(node.column, node.mode, moved_list(node.values) if node.values else ())
    return node


@settings(max_examples=100, deadline=None)
@given(fitting(), st.data())
def test_a_parameter_is_as_good_as_its_value(tree, data):
    params = {}
    moved = with_parameters(tree, params, data.draw)
    params = {name: value for name, value in params.items() if f"${name}" in to_text(moved)}
    wanted = bind(tree, SCHEMA, {}, FILTERS).tree
    assert bind(moved, SCHEMA, params, FILTERS).tree == wanted


@pytest.mark.parametrize(
    ("text", "params", "wanted"),
    [
        ("tiny = $p", {"p": np.int64(5)}, "tiny = 5"),
        ("tiny = $p or tiny < $p", {"p": 5}, "tiny = 5 or tiny < 5"),
        ("tiny < $p", {"p": 2.5}, "tiny <= 2"),
        ("tiny in $p", {"p": np.array([3, 1, 300])}, "tiny in [1, 3]"),
        ("tiny in $p", {"p": range(3)}, "tiny in [0, 1, 2]"),
        ("tiny in $p", {"p": []}, "false"),
        ("rating in $p", {"p": np.array([0.1], dtype=np.float32)}, "rating = 0.10000000149011612"),
        ("market in $p", {"p": np.array(["SE", "NO"])}, "market in ['NO', 'SE']"),
        ("market in $p", {"p": np.array(["SE", "NO"], dtype=object)}, "market in ['NO', 'SE']"),
        ("market in [$p, 'NO']", {"p": "SE"}, "market in ['NO', 'SE']"),
        ("market = $p", {"p": "x' or 'a' = 'a"}, "market = 'x'' or ''a'' = ''a'"),
        ("genres has $p", {"p": "dub"}, "genres has 'dub'"),
        ("genres has all $p", {"p": {"live", "dub"}}, "genres has all ['dub', 'live']"),
        ("explicit = $p", {"p": np.True_}, "explicit"),
        ("released > $p", {"p": datetime.date(1970, 1, 2)}, "released > 86400000000"),
        ("released in $p", {"p": np.array([0, 1], dtype="M8[us]")}, "released in [0, 1]"),
        ("id in $p", {"p": [3, 1, 3]}, "id in [1, 3]"),
        ("id in $p", {"p": {3, 1}}, "id in [1, 3]"),
        ("id in $p", {"p": range(2, 4)}, "id in [2, 3]"),
        ("id in $p", {"p": np.array([7], dtype=np.int32)}, "id = 7"),
        ("id in $p", {"p": ()}, "false"),
        ("not id in $p", {"p": ()}, "not false"),
        ("id = $p", {"p": 2**64 - 1}, "id = 18446744073709551615"),
        ("$`a b` and id in $`c d`", {"c d": [5]}, "$`a b` and id = 5"),
    ],
)
def test_parameters_are_put_in_place(text, params, wanted):
    made = bind(parse(text), SCHEMA, params, {"a b": None})
    assert to_text(made.tree) == wanted


def test_many_ids_cost_no_objects():
    ids = np.arange(300_000, dtype=np.uint64)
    bound = bind(~F.id.isin(filters.param("heard")) & F.explicit, SCHEMA, {"heard": ids[::-1]})
    node = bound.tree.terms[0].term
    assert isinstance(node.values, IdArray)
    assert np.array_equal(node.values.ids, ids)
    assert bound.tree.size == 3
    assert bound.columns == {"id", "explicit"}
    again = bind(parse("not id in $h and explicit"), SCHEMA, {"h": ids.tolist()})
    assert canonical(again.tree) == canonical(bound.tree)


def test_a_list_of_a_parameter_may_be_longer_than_one_that_is_written():
    bound = bind(parse("plays in $p or plays in $p"), SCHEMA, {"p": np.arange(60_000)})
    assert len(bound.tree.terms[1].values) == 60_000
    assert len(canonical(bound.tree).values) == 60_000


def test_places_are_kept():
    text = "explicit and not tiny < 300"
    tree = bind(parse(text), SCHEMA).tree
    assert [text[term.place.start : term.place.end] for term in tree.terms] == [
        "explicit",
        "tiny < 300",
    ]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "UTC"])
def test_moments_without_an_offset_are_utc_wherever_the_machine_is(zone, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for where in ("released = '1970-01-02'", F.released == datetime.datetime(1970, 1, 2)):
            assert bind(filters.as_expression(where), SCHEMA).tree.value == 86_400_000_000
        assert bind(F.released == np.datetime64("1970-01-02"), SCHEMA).tree.value == 86_400_000_000
    finally:
        monkeypatch.undo()
        time.tzset()


# --- notes ---------------------------------------------------------------------------------------


def test_values_that_no_row_has_are_noted():
    text = "market in ['se', 'XQ'] and market != 'se' and genres has any ['drome', 'dub']"
    notes = bind(parse(text), SCHEMA).notes
    assert notes == (
        Note("market", "se", "SE"),
        Note("market", "XQ", None),
        Note("genres", "drome", "drone"),
    )
    assert [str(note) for note in notes] == [
        "no row has 'se' in market; did you mean 'SE'?",
        "no row has 'XQ' in market",
        "no row has 'drome' in genres; did you mean 'drone'?",
    ]


@pytest.mark.parametrize("kind", [tuple, list, frozenset, dict.fromkeys])
def test_known_values_may_come_from_a_callable(kind):
    asked = []

    def known():
        asked.append(1)
        return kind(["NO", "SE"])

    schema = {"market": ColumnType("category", known), "year": ColumnType("int16")}
    assert bind(parse("year = 5"), schema).notes == ()
    assert not asked
    bound = bind(parse("market in $p"), schema, {"p": [f"x{i}" for i in range(1000)] + ["NO"]})
    assert len(bound.notes) == 20
    assert len(asked) == 1
    assert bind(parse("market = 'XX'"), {"market": ColumnType("category")}).notes == ()
