"""Expressions as text: every production of the grammar, places, and the way back."""

from __future__ import annotations

import pickle
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nearfield._expressions import tokens as reading
from nearfield._expressions.nodes import (
    FALSE,
    MOST_DEPTH,
    MOST_VALUES,
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
from nearfield._expressions.parser import MOST_TEXT, parse
from nearfield._expressions.spots import spot
from nearfield._expressions.writer import to_text
from nearfield.errors import ExpressionError

from tests.index.expression_strategies import any_trees

A, B, C, D = map(Flag, "abcd")

PRODUCTIONS = {
    # expr, and, not, brackets
    "a or b or c": Or((A, B, C)),
    "a and b and c": And((A, B, C)),
    "a or b and c or d": Or((A, And((B, C)), D)),
    "a and b or c and d": Or((And((A, B)), And((C, D)))),
    "not a and b": And((Not(A), B)),
    "not a or not not b": Or((Not(A), Not(Not(B)))),
    "not (a or b)": Not(Or((A, B))),
    "(a or b) and (c or d)": And((Or((A, B)), Or((C, D)))),
    "(a and b) and c": And((And((A, B)), C)),
    "a and (b and c)": And((A, And((B, C)))),
    "((a))": A,
    "not(a)and(b)": And((Not(A), B)),
    "true": TRUE,
    "false or a": Or((FALSE, A)),
    # atoms
    "explicit": Flag("explicit"),
    "`explicit`": Flag("explicit"),
    "year = 1990": Compare("year", "=", 1990),
    "year != 1990": Compare("year", "!=", 1990),
    "year < 1990": Compare("year", "<", 1990),
    "year <= 1990": Compare("year", "<=", 1990),
    "year > 1990": Compare("year", ">", 1990),
    "year >= 1990": Compare("year", ">=", 1990),
    "year>=-1990 and(not a)": And((Compare("year", ">=", -1990), Not(A))),
    "m in ['SE']": In("m", ("SE",)),
    "m in ['SE', 'NO',5,1.5,true]": In("m", ("SE", "NO", 5, 1.5, True)),
    "m in []": In("m", ()),
    "id in $heard": In("id", Parameter("heard")),
    "m in [$one, 'NO']": In("m", (Parameter("one"), "NO")),
    "year between 1990 and 1999": Between("year", 1990, 1999),
    "year between $a and $b and c": And((Between("year", Parameter("a"), Parameter("b")), C)),
    "g has 'drone'": Has("g", "any", ("drone",)),
    "g has $tag": Has("g", "any", (Parameter("tag"),)),
    "g has any ['a', 'b']": Has("g", "any", ("a", "b")),
    "g has any $tags": Has("g", "any", Parameter("tags")),
    "g has all ['a', 'b']": Has("g", "all", ("a", "b")),
    "g has all $tags": Has("g", "all", Parameter("tags")),
    "g has any ['drone']": Has("g", "any", ("drone",)),
    "year is null": IsNull("year"),
    "year is not null": Not(IsNull("year")),
    "not year is not null": Not(Not(IsNull("year"))),
    "$clean": Registered("clean"),
    "$clean and not $`old ones`": And((Registered("clean"), Not(Registered("old ones")))),
    # values
    "a = 'it''s'": Compare("a", "=", "it's"),
    'a = "it\'s"': Compare("a", "=", "it's"),
    'a = "say ""it"""': Compare("a", "=", 'say "it"'),
    "a = ''": Compare("a", "=", ""),
    "a = ''''": Compare("a", "=", "'"),
    "a = 'two\nlines'": Compare("a", "=", "two\nlines"),
    "a = '日本'": Compare("a", "=", "日本"),
    "a = 007": Compare("a", "=", 7),
    "a = -0": Compare("a", "=", 0),
    "a = 1.0": Compare("a", "=", 1.0),
    "a = -1.5e-3": Compare("a", "=", -0.0015),
    "a = 1E+3": Compare("a", "=", 1000.0),
    "a = 9223372036854775807": Compare("a", "=", 2**63 - 1),
    "a = -9223372036854775808": Compare("a", "=", -(2**63)),
    "id = 18446744073709551615": Compare("id", "=", 2**64 - 1),
    "id in [00000000000000000000000018446744073709551615]": In("id", (2**64 - 1,)),
    "a = true": Compare("a", "=", True),
    "a = False": Compare("a", "=", False),
    "a = $x": Compare("a", "=", Parameter("x")),
    # names
    "`odd name` = 1": Compare("odd name", "=", 1),
    "`a``b` = 1": Compare("a`b", "=", 1),
    "`in` in [1]": In("in", (1,)),
    "_A9 = 1": Compare("_A9", "=", 1),
    "android and nothing": And((Flag("android"), Flag("nothing"))),
    # keywords in any case, white space of any kind
    "A AND NOT b Or c iN [1] oR d Is NoT nUlL": Or(
        (And((Flag("A"), Not(B))), In("c", (1,)), Not(IsNull("d")))
    ),
    "g HAS ALL ['x'] or y BETWEEN 1 AND 2": Or((Has("g", "all", ("x",)), Between("y", 1, 2))),
    "\t a\r\n\f\vand\nb ": And((A, B)),
}


@pytest.mark.parametrize("text", PRODUCTIONS)
def test_each_production_gives_its_tree(text):
    assert parse(text) == PRODUCTIONS[text]


@pytest.mark.parametrize("tree", PRODUCTIONS.values(), ids=PRODUCTIONS)
def test_each_tree_is_written_so_that_it_reads_back(tree):
    assert parse(to_text(tree)) == tree


@settings(max_examples=300, deadline=None)
@given(any_trees())
def test_any_tree_is_written_so_that_it_reads_back(tree):
    text = to_text(tree)
    assert parse(text) == tree
    assert to_text(parse(text)) == text


def test_text_is_written_with_the_brackets_that_it_needs():
    for text in (
        "a or b and not c",
        "a and (b or c)",
        "not (a and b)",
        "not not a",
        "(a and b) and c",
        "(a or b) or c",
        "y is not null and y between 1 and 2",
        "`in` has 'it''s' or $`a b`",
    ):
        assert to_text(parse(text)) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a = 1", "a = 1.0"),
        ("a = 1", "a = true"),
        ("a = '1'", "a = 1"),
        ("a in [0]", "a in [false]"),
    ],
)
def test_values_of_different_types_are_different(one, other):
    assert parse(one) != parse(other)
    assert len({parse(one), parse(other), parse(one)}) == 2


def test_equal_trees_are_equal_wherever_they_stand():
    one, other = parse("a = 1"), parse("  a   =  1 ")
    assert one == other
    assert hash(one) == hash(other)
    assert (one.place.start, other.place.start) == (0, 2)
    assert repr(one) == repr(other) == "Compare(column='a', op='=', value=1)"
    assert one != "a = 1"
    assert pickle.loads(pickle.dumps(other)) == one


def test_a_node_knows_its_place():
    text = "not (a = 1 or x is not null) and $f and `b c` in [1, 2]"
    tree = parse(text)
    stood = {}
    left = [tree]
    while left:
        node = left.pop()
        stood[text[node.place.start : node.place.end]] = type(node).__name__
        left += getattr(node, "terms", ()) or ([node.term] if isinstance(node, Not) else [])
    assert stood == {
        text: "And",
        "not (a = 1 or x is not null)": "Not",
        "a = 1 or x is not null": "Or",
        "a = 1": "Compare",
        "x is not null": "IsNull",  # its complement stands there as well
        "$f": "Registered",
        "`b c` in [1, 2]": "In",
    }


@pytest.mark.parametrize("wanted", ["column", "operator", 0, 1])
def test_parts_of_a_condition_are_found_again(wanted):
    text = "a or not `x y` in ['it''s', true]"
    node = parse(text).terms[1].term
    parts = {"column": "`x y`", "operator": "in", 0: "'it''s'", 1: "true"}
    found = spot(node, wanted)
    assert text[found.start : found.end] == parts[wanted]
    made = spot(In("x y", ("it's", True)), wanted)
    assert made.text[made.start : made.end] == parts[wanted]


# --- limits --------------------------------------------------------------------------------------


def refused(text):
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    return caught.value


@pytest.mark.parametrize("text", ["{}a{}", "not (b or {}a{})", "a and b or not {}c{}"])
def test_nesting_is_limited(text):
    own = text.count("(") + text.count("not")
    fits = MOST_DEPTH - own
    parse(text.format("(" * fits, ")" * fits))
    error = refused(text.format("(" * (fits + 1), ")" * (fits + 1)))
    assert "nested deeper than 100 levels" in str(error)
    assert error.start == text.index("{") + fits


def test_nesting_by_not_is_limited():
    assert parse("not " * MOST_DEPTH + "a").depth == MOST_DEPTH
    for many in (MOST_DEPTH + 1, 10_000):
        assert "nested deeper" in str(refused("not " * many + "a"))


@pytest.mark.parametrize(
    "piece", ["(a or b and not ", "(", "not ", "not (", "((((((", "a and (", "["]
)
@pytest.mark.parametrize("count", [30, 60, 100, 101, 5_000, 60_000])
def test_hostile_nesting_is_an_error_whatever_the_stack(piece, count):
    text = (piece * count)[:MOST_TEXT]
    error = refused(text)
    assert 0 <= error.start <= error.end <= len(text)


def test_nodes_in_brackets_are_limited_as_well():
    """Each bracket holds an `or`, an `and` and a `not`: three nodes, but of the last `not`."""
    text = "(a or b and not " * 33 + "c" + ")" * 33
    assert parse(text).depth == 99
    assert "nested deeper" in str(refused("(a or b and not " * 34 + "c" + ")" * 34))


def test_lists_are_limited():
    parse(f"a in [{','.join('1' * MOST_VALUES)}]")
    error = refused(f"a in [{','.join('1' * (MOST_VALUES + 1))}]")
    assert "more than 10000 values" in str(error)
    assert "`id in $ids`" in str(error)
    assert error.start == 6 + 2 * MOST_VALUES


def test_operands_are_limited_by_the_text_alone():
    text = "or ".join(["a "] * 13_000)
    assert len(text) < MOST_TEXT
    assert len(parse(text).terms) == 13_000


def test_the_text_is_limited():
    assert parse("a" * MOST_TEXT).column == "a" * MOST_TEXT
    error = refused("a" * (MOST_TEXT + 1))
    assert "has 65537 characters" in str(error)
    assert (error.start, error.end) == (MOST_TEXT, MOST_TEXT + 1)
    assert len(str(error)) < 400


@pytest.mark.parametrize(
    "piece", ["a and ", "(a) or ", "not a or ", "a = 'x''y' or ", "a in [1,2,3] and ", "a='' or "]
)
@pytest.mark.parametrize("size", [1_000, 8_000])
def test_time_is_linear(piece, size, monkeypatch):
    """Each token is read once, from where the last one ended."""
    text = piece * (size // len(piece)) + "a"
    spans = []
    real = reading.read_token

    def counted(text, at, argument="where"):
        found = real(text, at, argument)
        spans.append((at, found.start, found.end))
        return found

    monkeypatch.setattr(reading, "read_token", counted)
    parse(text)
    assert all(at <= start <= end for at, start, end in spans)
    assert [at for at, _, _ in spans] == [0, *[end for _, _, end in spans[:-1]]]
    assert spans[-1] == (len(text), len(text), len(text))


@given(st.text(alphabet="'x", max_size=30))
def test_quotes_close_where_they_are_not_doubled(inside):
    doubled = inside.replace("'", "''")
    text = f"a = '{doubled}'"
    assert parse(text).value == inside
    assert refused(text[:-1] + "''").start == 4


@given(st.text(alphabet=string.ascii_letters + string.digits + "_", min_size=1))
def test_a_plain_word_is_a_column_a_keyword_or_no_name(text):
    name = reading.name_in_text(text)
    assert parse(name).column == text
    assert (name == text) == (not text[0].isdigit() and text.lower() not in reading.KEYWORDS)
