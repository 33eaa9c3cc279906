"""Expressions made by Python's operators, and `as_expression`, which takes all three front ends."""

from __future__ import annotations

import copy
import datetime
import enum
import pickle

import nearfield as nf
import numpy as np
import pytest
from hypothesis import given, settings
from nearfield import F, filters
from nearfield._expressions.nodes import (
    MOST_DEPTH,
    MOST_SIZE,
    MOST_VALUES,
    And,
    Between,
    Compare,
    Expression,
    Flag,
    Has,
    In,
    IsNull,
    Not,
    Or,
    Registered,
)
from nearfield._expressions.parser import parse
from nearfield._expressions.writer import to_text
from nearfield.errors import ExpressionError, InvalidInput

from tests.index.expression_strategies import any_trees

P = filters.param("p")

SAME = [
    (F.market == "SE", "market = 'SE'"),
    (F.market != "SE", "market != 'SE'"),
    (F.year < 1990, "year < 1990"),
    (F.year <= 1990, "year <= 1990"),
    (F.year > 1990, "year > 1990"),
    (F.year >= 1990, "year >= 1990"),
    (1990 < F.year, "year > 1990"),  # noqa: SIM300
    (1990 == F.year, "year = 1990"),  # noqa: SIM300
    (np.int16(1990) <= F.year, "year >= 1990"),
    (np.float64(0.5) > F.score, "score < 0.5"),
    (F.market.isin(["SE", "NO"]), "market in ['SE', 'NO']"),
    (F.year.isin(range(3)), "year in [0, 1, 2]"),
    (F.year.isin({3, 1, 2}), "year in [1, 2, 3]"),
    (F.year.isin(frozenset(("b", 1, "a"))), "year in [1, 'a', 'b']"),
    (F.year.isin(np.array([3, 1], dtype=np.uint8)), "year in [3, 1]"),
    (F.market.isin(np.array(["SE", "NO"])), "market in ['SE', 'NO']"),
    (F.market.isin([]), "market in []"),
    (F.id.isin(filters.param("heard")), "id in $heard"),
    (F.id == 2**64 - 1, "id = 18446744073709551615"),
    (F.year.isin([P, 5]), "year in [$p, 5]"),
    (F.year.between(1990, P), "year between 1990 and $p"),
    (F.genres.has("dub"), "genres has 'dub'"),
    (F.genres.has(P), "genres has $p"),
    (F.genres.has_any(["dub", "drone"]), "genres has any ['dub', 'drone']"),
    (F.genres.has_any(P), "genres has any $p"),
    (F.genres.has_all(["dub", "drone"]), "genres has all ['dub', 'drone']"),
    (F.year.is_null(), "year is null"),
    (~F.year.is_null(), "year is not null"),
    (~F.explicit, "not explicit"),
    (F.explicit & F["odd name"], "explicit and `odd name`"),
    (F.a & F.b & F.c, "a and b and c"),
    (F.a & (F.b & F.c), "a and b and c"),
    (F.a | F.b | F.c | (F.d & F.e), "a or b or c or d and e"),
    ((F.a | F.b) & ~(F.c & F.d), "(a or b) and not (c and d)"),
    (filters.registered("clean") & F.a, "$clean and a"),
    (F.a | filters.registered("old ones"), "a or $`old ones`"),
    (F["in"] == True, "`in` = true"),  # noqa: E712
    (F.a == np.bool_(False), "a = false"),
    (F.a == np.float32(0.5), "a = 0.5"),
    (F.a == np.array(5), "a = 5"),
    (F.a == np.str_("x"), "a = 'x'"),
    (F.released >= datetime.date(2024, 5, 1), "released >= '2024-05-01T00:00:00Z'"),
    (F.released >= datetime.datetime(2024, 5, 1, 12), "released >= '2024-05-01T12:00:00Z'"),
    (
        F.released
        == datetime.datetime(
            2024, 5, 1, 1, 0, 0, 7, datetime.timezone(datetime.timedelta(hours=2))
        ),
        "released = '2024-04-30T23:00:00.000007Z'",
    ),
    (F.released < np.datetime64("2024-05"), "released < '2024-05-01T00:00:00Z'"),
    (
        F.released < np.datetime64("1969-12-31T23:59:59.5"),
        "released < '1969-12-31T23:59:59.500000Z'",
    ),
    (
        F.released.isin(np.array(["2024-05-01", "1970-01-01"], dtype="datetime64[ns]")),
        "released in ['2024-05-01T00:00:00Z', '1970-01-01T00:00:00Z']",
    ),
]


@pytest.mark.parametrize(("made", "text"), SAME, ids=[text for _, text in SAME])
def test_operators_make_the_tree_of_the_text(made, text):
    assert made == parse(text)
    assert to_text(made) == text
    assert made.place is None


class Market(str, enum.Enum):  # noqa: UP042
    SWEDEN = "SE"


class Level(enum.IntEnum):
    TWO = 2


@pytest.mark.parametrize(
    ("given", "kind", "value"),
    [
        (Market.SWEDEN, str, "SE"),
        (Level.TWO, int, 2),
        (np.float16(0.5), float, 0.5),
        (np.float64(0.5), float, 0.5),
        (np.uint64(2**63 - 1), int, 2**63 - 1),
        (np.bool_(True), bool, True),
        (np.str_("x"), str, "x"),
    ],
)
def test_values_are_of_pythons_own_types(given, kind, value):
    for found in ((F.a == given).value, F.a.isin([given]).values[0], F.a.between(given, 1).low):
        assert type(found) is kind
        assert found == value


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: F.a == None, r"F\.a == None is never true; write F\.a\.is_null\(\)"),  # noqa: E711
        (lambda: F.a != None, r"write ~F\.a\.is_null\(\)"),  # noqa: E711
        (lambda: F.a < None, r"is_null"),
        (lambda: F["a b"] == F.c, r"F\['a b'\] == F\.c: a column is compared with values alone"),
        (lambda: F.a == (F.b == 1), "a column is compared with values alone"),
        (lambda: F.a == [1], r"write F\.a\.isin\(\[\.\.\.\]\)"),
        (lambda: F.a == {1}, r"isin"),
        (
            lambda: F.a == b"x",
            r"what F\.a is compared with is b'x', of type bytes; expected a bool",
        ),
        (lambda: F.a == 1j, "of type complex"),
        (lambda: F.a == np.arange(3), "of type ndarray"),
        (lambda: np.arange(3) == F.a, "of type ndarray"),
        (lambda: F.a.isin("SE"), r"the list of F\.a\.isin is 'SE', of type str; expected a list"),
        (lambda: F.a.isin(5), "of type int; expected a list"),
        (lambda: F.a.isin({"SE": 1}), "of type dict"),
        (lambda: F.a.isin(x for x in "ab"), "of type generator"),
        (lambda: F.a.isin(["SE", None]), r"isin\[1\] is None.*use \.is_null\(\)"),
        (lambda: F.a.between(None, 1), r"low of F\.a\.between is None"),
        (lambda: F.a.between(1, b"x"), r"high of F\.a\.between"),
        (lambda: F.a.has(["x"]), r"write \.has_any or \.has_all"),
        (lambda: F.a.has(None), r"the tag of F\.a\.has is None"),
        (lambda: "x" in F.genres, r"write F\.genres\.has\('x'\)"),
        (lambda: F.a and F.b, r"F\.a has no truth value.*& \(and\), \| \(or\) and ~ \(not\)"),
        (lambda: not F.a, "no truth value"),
        (lambda: bool(F.a == 1), "no truth value.*each in brackets"),
        (lambda: 1 < F.a < 5, r"write F\.year\.between\(1990, 1999\)"),
        (lambda: F.a == 1 & F.b, r"& combines two conditions; found 1: put brackets around each"),
        (lambda: F.a & 1, r"& combines two conditions; found 1"),
        (lambda: F.a | "b", r"\| combines two conditions; found 'b'"),
        (lambda: "b" | (F.a == 1), r"\| combines two conditions"),
        (lambda: (F.a == 1) & None, "found None"),
        (lambda: F[5], "the name of a column is 5, of type int; expected a str"),
        (lambda: filters.param(5), "the name of a parameter is 5"),
        (lambda: filters.registered(None), "the name of a registered filter is None"),
        (lambda: {F.a: 1}, "unhashable"),
    ],
)
def test_what_is_no_condition_is_a_type_error(make, said):
    with pytest.raises(TypeError, match=f"(?s){said}"):
        make()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: F.a == float("nan"), r"what F\.a is compared with is nan; expected a finite"),
        (lambda: F.a == np.float32("inf"), "is inf; expected a finite number"),
        (lambda: F.a == 2**63, r"does not fit 64 bits.*to 2\^63-1"),
        (lambda: F.a == np.uint64(2**64 - 1), "does not fit 64 bits"),
        (lambda: F.id == 2**64, r"to 2\^64-1"),
        (lambda: F.id == 10**6000, "does not fit 64 bits"),
        (lambda: F.a.isin([1, 2**70]), r"isin\[1\]: .*does not fit"),
        (lambda: F.a == "\ud800", "half a character"),
        (lambda: F.a == np.datetime64("NaT"), r"NaT is none \(write \.is_null\(\)"),
        (lambda: F.a == np.datetime64(1, "ns"), r"expected microseconds at most"),
        (lambda: F.a == np.datetime64(20000, "Y"), "expected a year from 1 to 9999"),
        (lambda: F.a == np.datetime64(-(2**62), "s"), "expected a year from 1 to 9999"),
        (
            lambda: F.a == datetime.datetime.min.replace(
                tzinfo=datetime.timezone(datetime.timedelta(hours=2))
            ),
            "expected a year from 1 to 9999 in UTC",
        ),
        (lambda: F.a.isin(range(MOST_VALUES + 1)), r"10001 values.*nearfield\.filters\.param"),
        (lambda: F[""], "the name of a column is empty"),
        (lambda: F["\udcff"], "half a character"),
        (lambda: filters.param(""), "the name of a parameter is empty"),
        (lambda: filters.registered(""), "is empty"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused(make, said):
    with pytest.raises(ExpressionError, match=f"(?s){said}") as caught:
        make()
    assert (caught.value.text, caught.value.path) == (None, None)


def test_an_array_of_several_axes_is_no_list():
    with pytest.raises(InvalidInput, match=r"isin has shape \(2, 2\); expected one axis"):
        F.a.isin(np.eye(2))


def test_depth_and_size_are_limited_when_a_tree_is_made():
    made = ~Flag("a")
    assert (made.depth, made.size) == (1, 1)  # the complement of a leaf counts as that
    for _ in range(MOST_DEPTH - 1):
        made = ~made
    assert made.depth == MOST_DEPTH
    with pytest.raises(ExpressionError, match="nested deeper than 100 levels"):
        ~made  # noqa: B018
    shared = F.a & F.b
    for _ in range(14):  # the same object twice: as a tree it doubles
        shared = ~(shared | ~shared)
    assert MOST_SIZE / 2 < shared.size < MOST_SIZE
    with pytest.raises(ExpressionError, match=f"more than {MOST_SIZE} conditions"):
        shared | ~shared
    flat = Or(tuple(map(Flag, "ab")) * 20_000)
    with pytest.raises(ExpressionError, match="more than 100000 conditions"):
        flat | flat | flat


# --- F itself ------------------------------------------------------------------------------------


def test_f_survives_what_python_asks_of_objects():
    assert nf.F is F is filters.F
    assert repr(F) == "nearfield.F"
    assert repr(F.market) == "F.market"
    assert repr(F["in `odd`"]) == "F['in `odd`']"
    assert not hasattr(F, "__wrapped__")
    with pytest.raises(AttributeError, match=r"F\['__len__'\]"):
        F.__len__  # noqa: B018
    assert F["__len__"].name == "__len__"
    assert (copy.copy(F).a == 1) == (pickle.loads(pickle.dumps(F)).a == 1) == parse("a = 1")
    assert copy.deepcopy(F.a).name == pickle.loads(pickle.dumps(F.a)).name == "a"


@pytest.mark.parametrize("tree", [made for made, _ in SAME], ids=[text for _, text in SAME])
def test_trees_are_copied_and_pickled(tree):
    assert copy.deepcopy(tree) == pickle.loads(pickle.dumps(tree)) == tree
    assert pickle.loads(pickle.dumps(tree)).size == tree.size


def by_operators(node: Expression) -> Expression:
    """Make a tree again, by public names alone."""
    if isinstance(node, And | Or):
        if not node.terms:
            return node
        made = by_operators(node.terms[0])
        for term in node.terms[1:]:
            made = made & by_operators(term) if isinstance(node, And) else made | by_operators(term)
        return made
    if isinstance(node, Not):
        return ~by_operators(node.term)
    if isinstance(node, Registered):
        return filters.registered(node.name)
    column = F[node.column]
    if isinstance(node, Compare):
        value = node.value
        return {
            "=": lambda: column == value,
            "!=": lambda: column != value,
            "<": lambda: column < value,
            "<=": lambda: column <= value,
            ">": lambda: column > value,
            ">=": lambda: column >= value,
        }[node.op]()
    if isinstance(node, In):
        return column.isin(node.values)
    if isinstance(node, Between):
        return column.between(node.low, node.high)
    if isinstance(node, Has):
        return column.has_any(node.values) if node.mode == "any" else column.has_all(node.values)
    if isinstance(node, IsNull):
        return column.is_null()
    return filters.as_expression(column)


def flattened(node: Expression) -> Expression:
    """Join what operators join: `a & (b & c)` is one And; constants that change nothing go."""
    if isinstance(node, Not):
        return Not(flattened(node.term))
    if not isinstance(node, And | Or):
        return node
    terms = []
    for term in map(flattened, node.terms):
        terms += term.terms if type(term) is type(node) else (term,)
    return terms[0] if len(terms) == 1 else type(node)(tuple(terms))


@settings(max_examples=150, deadline=None)
@given(any_trees())
def test_any_tree_can_be_made_by_operators(tree):
    assert by_operators(tree) == flattened(tree)


# --- as_expression -------------------------------------------------------------------------------


def test_all_three_front_ends_are_taken():
    wanted = parse("market = 'SE' and explicit")
    for where in (
        "market = 'SE' and explicit",
        np.str_("market = 'SE' and explicit"),
        (F.market == "SE") & F.explicit,
        {"and": [{"column": "market", "op": "=", "value": "SE"}, {"column": "explicit"}]},
    ):
        assert filters.as_expression(where) == wanted
    assert filters.as_expression(F.explicit) == Flag("explicit")


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (None, "filter is of type NoneType; expected text such as"),
        (True, "of type bool.*write F.name, not a name of your own"),
        (5, "of type int"),
        (b"a = 1", "of type bytes"),
        ([F.a], "of type list"),
        (P, r"nearfield\.filters\.registered\(name\)"),
        (F, "of type Columns"),
        (np.ones(3, dtype=bool), "of type ndarray"),
    ],
)
def test_anything_else_is_a_type_error(where, said):
    with pytest.raises(TypeError, match=said):
        filters.as_expression(where, "filter")


@pytest.mark.parametrize("where", ["a == 1", {"column": "a", "op": "=="}])
def test_errors_name_the_argument(where):
    with pytest.raises(ExpressionError, match=r"^filter"):
        filters.as_expression(where, "filter")
