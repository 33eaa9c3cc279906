"""What does not fit the columns: where it stands, and what would fit."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from nearfield import F, filters
from nearfield._expressions.binding import bind
from nearfield._expressions.column_types import ColumnType
from nearfield._expressions.nearest import nearest
from nearfield._expressions.parser import parse
from nearfield._expressions.writer import to_text
from nearfield.errors import ExpressionError, InvalidInput

from tests.index.expression_oracle import SCHEMA

PARAMS = {"one": 5, "many": [1, 2], "word": "SE", "both": 1}
REGISTERED = {"clean": None, "both": None}

# The text, where the mark begins, what stands above it, and what the message says.
WRONG = [
    # columns
    ("yaer = 5", 0, "yaer", "there is no column 'yaer'; there are explicit,", "mean year?"),
    ("Year = 5", 0, "Year", "did you mean year?"),
    ("explicit and xyz", 13, "xyz", "there is no column 'xyz'"),
    ("not `in odd` in ['x']", 4, "`in odd`", "did you mean `in ``odd```?"),
    ("ids = 5", 0, "ids", "there is no column 'ids'"),
    ("nothing is not null", 0, "nothing", "there is no column 'nothing'"),
    # operators
    ("market < 'SE'", 7, "<", "market is a category, which has no '<'; expected one of =, !=, in"),
    ("market between 'A' and 'B'", 7, "between", "has no 'between'"),
    ("market has 'SE'", 7, "has", "write market = ..."),
    ("market has any ['SE', 'NO']", 7, "has any", "write market in [...]"),
    ("year has 5", 5, "has", "year is an int16, which has no 'has'"),
    ("genres = 'dub'", 7, "=", "genres is a column of tags", "write genres has ..."),
    ("genres in ['dub']", 7, "in", "write genres has any [...]"),
    ("genres != 'dub'", 7, "!=", "expected one of has, has any, has all, is null"),
    ("explicit > false", 9, ">", "explicit is a bool, which has no '>'"),
    ("explicit between false and true", 9, "between", "has no 'between'"),
    ("explicit or not year", 16, "year", "year is an int16, not a bool; expected an operator"),
    ("genres", 0, "genres", "is a column of tags, not a bool"),
    ("id", 0, "id", "id is a uint64, not a bool"),
    ("id has 5", 3, "has", "id is a uint64, which has no 'has'"),
    # values
    ("year = '1990'", 7, "'1990'", "this is '1990'; year is an int16", "without quotes"),
    ("year = true", 7, "true", "this is true; year is an int16, which is compared with numbers"),
    ("rating < 'x'", 9, "'x'", "rating is a float32, which is compared with numbers"),
    ("id = 'x'", 5, "'x'", "id is a uint64"),
    ("market = 5", 9, "5", "market is a category, which is compared with text in quotes"),
    ("market != true", 10, "true", "market is a category"),
    ("genres has 5", 11, "5", "genres is a column of tags, which is compared with text"),
    ("genres has all ['dub', 5]", 23, "5", "text in quotes"),
    ("explicit = 1", 11, "1", "explicit is a bool, which is compared with true or false"),
    ("explicit in [true, 'x']", 19, "'x'", "true or false"),
    ("year in [1, 2, 'x', 3]", 15, "'x'", "this is 'x'; year is an int16"),
    ("year between 1 and 'x'", 19, "'x'", "this is 'x'"),
    ("year between 'a' and 'x'", 13, "'a'", "this is 'a'"),
    ("released = 5", 11, "5", "released is a timestamp", "text such as '2024-05-01'"),
    ("released > 'x'", 11, "'x'", "expected a time such as '2024-05-01'"),
    ("released > '2024-13-01'", 11, "'2024-13-01'", "there is no such time: month must be"),
    ("released > '2024-05-01T12'", 11, "'2024-05-01T12'", "expected a time such as"),
    ("released > '2024-05-01T00:00:00.0000001Z'", 11, "'2024-05-01T00:00:00.0000001Z'", "a time"),
    ("released > '٢٠٢٤-05-01'", 11, "'٢٠٢٤-05-01'", "expected a time"),
    # parameters and registered filters
    ("year = $on", 7, "$on", "there is no value for $on; did you mean $one?"),
    ("year = $xyz", 7, "$xyz", "there is no value for $xyz; give it in params"),
    ("id in $xyz", 6, "$xyz", "there is no value for $xyz"),
    ("year in [1, $xyz]", 12, "$xyz", "there is no value for $xyz"),
    ("year = $word", 7, "$word", "params['word'] is 'SE'; year is an int16"),
    ("market = $one", 9, "$one", "params['one'] is 5; market is a category"),
    ("year = $many", 7, "$many", "$many is [1, 2]; expected one value here"),
    ("market in $one", 10, "$one", "$one is 5; expected a list of values"),
    ("market in $word", 10, "$word", "$word is 'SE'; expected a list of values"),
    ("market in $many", 10, "$many", "params['many'] is 1; market is a category"),
    ("genres has $many", 11, "$many", "expected one value here"),
    ("released = $one", 11, "$one", "params['one'] is 5; released is a timestamp"),
    ("$claen", 0, "$claen", "there is no registered filter 'claen'", "did you mean $clean?"),
    ("not $`x y`", 4, "$`x y`", "there is no registered filter 'x y'; there are both, clean"),
    ("$one", 0, "$one", "$one is a parameter, which stands for a value", "as in id in $one"),
    ("year = $clean", 7, "$clean", "$clean is a registered filter, which stands alone or behind"),
    ("year in $clean", 8, "$clean", "$clean is a registered filter"),
    ("$both", 0, "$both", "$both is both a parameter and a registered filter; rename one"),
    ("year = $both", 7, "$both", "is both a parameter and a registered filter"),
    ("id in $both", 6, "$both", "is both a parameter and a registered filter"),
    ("market in $both", 10, "$both", "is both a parameter and a registered filter"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "start", "marked", "said"), [(a, b, c, d) for a, b, c, *d in WRONG]
)
@pytest.mark.parametrize("before", ["", "explicit and\n (not "])
def test_what_does_not_fit_is_marked(text, start, marked, said, before):
    whole = before + text + (")" if before else "")
    with pytest.raises(ExpressionError) as caught:
        bind(parse(whole, "filter"), SCHEMA, PARAMS, REGISTERED)
    error = caught.value
    for words in said:
        assert words in str(error)
    assert error.text == whole
    assert (error.start, whole[error.start : error.end]) == (len(before) + start, marked)
    assert str(error).startswith("filter, line 2, " if before else "filter, column")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    ("text", "start", "marked", "said"), [(a, b, c, d) for a, b, c, *d in WRONG]
)
def test_what_no_text_was_made_for_is_shown_as_text(text, start, marked, said):
    """Operators and JSON have no place, so the condition is written, and marked in that."""
    tree = filters.from_json(filters.to_json(parse(text)))
    with pytest.raises(ExpressionError) as caught:
        bind(tree, SCHEMA, PARAMS, REGISTERED)
    error = caught.value
    for words in said:
        assert words in str(error)
    assert error.text in to_text(tree).replace("is not null", "is null")
    assert error.text[error.start : error.end] == marked


def test_an_error_of_operators_is_read_like_this():
    with pytest.raises(ExpressionError) as caught:
        bind((F.year > 1990) & ~F.market.isin(["SE", 5]), SCHEMA)
    assert str(caught.value) == (
        "where, column 18: this is 5; market is a category, which is compared with text in quotes\n"
        "    market in ['SE', 5]\n"
        "                     ^"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (float("nan"), r"params\['p'\] is nan; expected a finite number"),
        (2**70, r"params\['p'\]: .*does not fit 64 bits"),
        ("\ud800", "half a character"),
        (np.datetime64("NaT"), "NaT"),
    ],
)
def test_a_value_that_cannot_be_is_marked(given, said):
    text = "year = 1 or year = $p"
    with pytest.raises(ExpressionError, match=said) as caught:
        bind(parse(text), SCHEMA, {"p": given})
    assert (caught.value.start, caught.value.end) == (19, 21)
    assert str(caught.value).count("where") == 1
    with pytest.raises(ExpressionError, match=said.replace(r"\]", r"\]\[1\]", 1)):
        bind(parse("year in $p"), SCHEMA, {"p": [1, given]})


@pytest.mark.parametrize(
    ("text", "params", "kind", "said"),
    [
        ("year = $p", {"p": None}, TypeError, r"params\['p'\] is None.*use \.is_null\(\)"),
        ("year = $p", {"p": b"x"}, TypeError, "of type bytes"),
        ("year = $p", {"p": {}}, TypeError, "of type dict"),
        ("year = $p", {"p": filters.param("q")}, TypeError, "is a parameter itself"),
        ("year in $p", {"p": [1, None]}, TypeError, r"params\['p'\]\[1\] is None"),
        ("year in $p", {"p": {"a": 1}}, ExpressionError, "expected a list of values"),
        ("year in $p", {"p": None}, ExpressionError, r"\$p is None; expected a list"),
        ("year in $p", {"p": np.eye(2)}, ExpressionError, r"of shape \(2, 2\); expected a list"),
        ("year in $p", {"p": np.array(5)}, ExpressionError, "expected a list"),
        ("year in $p", {"p": (1, [2])}, TypeError, r"params\['p'\]\[1\] is \[2\]"),
        ("id in $p", {"p": "abc"}, ExpressionError, r"params\['p'\] is of type str"),
        ("id in $p", {"p": [1, -2]}, ExpressionError, r"params\['p'\]\[1\] is -2"),
        ("id in $p", {"p": [0.5]}, ExpressionError, r"params\['p'\]"),
        ("id in $p", {"p": np.ones(3, dtype=bool)}, ExpressionError, r"params\['p'\] holds bool"),
        ("id in $p", {"p": [2**64 - 1]}, ExpressionError, r"params\['p'\]\[0\] is 2\^64-1"),
        ("id in $p", {"p": np.eye(2)}, ExpressionError, "expected one axis"),
        ("year = 1", ["p"], TypeError, "params is of type list; expected a dict"),
        ("year = 1", {"p": 1}, ExpressionError, r"params: holds 'p', which .* there are none"),
        ("year = $q", {"q": 1, "p": 1}, ExpressionError, "holds 'p'.* there are q"),
        ("year = $q", {"q": 1, 5: 1}, ExpressionError, "params: holds 5, which"),
    ],
)  # fmt: skip
def test_parameters_that_cannot_be(text, params, kind, said):
    with pytest.raises(kind, match=f"(?s){said}"):
        bind(parse(text), SCHEMA, params)


def test_id_is_a_reserved_name():
    with pytest.raises(InvalidInput, match="schema has a column 'id'; this name is kept"):
        bind(parse("id = 5"), {"id": ColumnType("int64")})


def test_only_an_expression_is_bound():
    with pytest.raises(TypeError, match="of type str; expected an Expression"):
        bind("year = 5", SCHEMA)


def test_many_columns_are_not_all_listed():
    schema = {f"column {i:04}": ColumnType("bool") for i in range(5000)}
    with pytest.raises(
        ExpressionError, match=r"there are `column 0000`, .* and 4990 more"
    ) as caught:
        bind(parse("other"), schema)
    assert len(str(caught.value)) < 400
    with pytest.raises(ExpressionError, match="; there are none"):
        bind(parse("other"), {})
    with pytest.raises(ExpressionError, match="there is no column 'aaaa"):
        bind(parse("a" * 60_000), SCHEMA)


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("int", None, "kind is 'int'; expected one of bool, int8, .*; did you mean 'int8'"),
        ("string", None, "kind is 'string'; expected one of"),
        (5, None, "kind is 5; expected one of"),
        ("int8", ("a",), "values are given for the kind 'int8'; a category or tags have them"),
    ],
)
def test_a_type_that_cannot_be(kind, values, said):
    with pytest.raises(InvalidInput, match=said):
        ColumnType(kind, values)


def test_the_nearest_name_is_found_where_that_costs_little():
    assert nearest("yaer", ["explicit", "year"]) == "year"
    assert nearest("YEAR", ["years", "year"]) == "year"
    assert nearest("ro", ["and", "or"]) == "or"
    assert nearest("year", ["year"]) is None
    assert nearest("x", []) is None
    long = "a" * 64
    assert nearest(long, [long[1:] + "b"]) == long[1:] + "b"
    assert nearest(long + "a", [long + "b"]) is None
    many = [f"name {i}" for i in range(2_001)]
    assert nearest("nema 1", many[:2_000]) == "name 1"
    assert nearest("nema 1", many) is None
    assert nearest("NAME 1", many) == "name 1"
