"""Expressions as JSON: one shape a node, and errors that name the path."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from nearfield import F
from nearfield._expressions import json_form, nodes
from nearfield._expressions.json_form import from_json, to_json
from nearfield._expressions.nodes import FALSE, MOST_DEPTH, MOST_SIZE, MOST_VALUES, TRUE
from nearfield._expressions.parser import parse
from nearfield.errors import ExpressionError

from tests.index.expression_strategies import any_trees

SHAPES = {
    "a and b or not c": {
        "or": [{"and": [{"column": "a"}, {"column": "b"}]}, {"not": {"column": "c"}}]
    },
    "explicit": {"column": "explicit"},
    "market = 'SE'": {"column": "market", "op": "=", "value": "SE"},
    "year != 1990": {"column": "year", "op": "!=", "value": 1990},
    "score < 0.5": {"column": "score", "op": "<", "value": 0.5},
    "score <= 1.0": {"column": "score", "op": "<=", "value": 1.0},
    "year > $first": {"column": "year", "op": ">", "value": {"param": "first"}},
    "a >= true": {"column": "a", "op": ">=", "value": True},
    "market in ['SE', $m]": {"column": "market", "op": "in", "value": ["SE", {"param": "m"}]},
    "market in []": {"column": "market", "op": "in", "value": []},
    "id in $heard": {"column": "id", "op": "in", "value": {"param": "heard"}},
    "year between 1 and $b": {"column": "year", "op": "between", "low": 1, "high": {"param": "b"}},
    "g has 'dub'": {"column": "g", "op": "has", "value": "dub"},
    "g has $tag": {"column": "g", "op": "has", "value": {"param": "tag"}},
    "g has any ['a', 'b']": {"column": "g", "op": "has any", "value": ["a", "b"]},
    "g has any $tags": {"column": "g", "op": "has any", "value": {"param": "tags"}},
    "g has all ['a']": {"column": "g", "op": "has all", "value": ["a"]},
    "g has all []": {"column": "g", "op": "has all", "value": []},
    "year is null": {"column": "year", "op": "is null"},
    "year is not null": {"not": {"column": "year", "op": "is null"}},
    "$`old ones`": {"registered": "old ones"},
    "true": {"and": []},
    "false": {"or": []},
}


@pytest.mark.parametrize("text", SHAPES)
def test_each_node_has_one_shape(text):
    tree = parse(text)
    assert to_json(tree) == SHAPES[text]
    assert from_json(SHAPES[text]) == tree
    assert from_json(json.loads(json.dumps(to_json(tree)))) == tree


@settings(max_examples=200, deadline=None)
@given(any_trees())
def test_any_tree_survives_json(tree):
    assert from_json(json.loads(json.dumps(to_json(tree)))) == tree


def test_what_python_adds_is_read_as_well():
    made = from_json(
        {
            "and": (
                {"column": "year", "op": "in", "value": np.array([1, 2], dtype=np.int16)},
                {"column": "released", "op": ">", "value": np.datetime64("2024-05-01")},
            )
        }
    )
    assert made == F.year.isin([1, 2]) & (F.released > "2024-05-01T00:00:00Z")
    assert type(made.terms[0].values[0]) is int
    assert from_json({"and": [{"column": "a"}]}) == parse("a")
    assert from_json({"column": "g", "op": "has any", "value": ["x"]}) == parse("g has 'x'")
    assert (from_json({"and": []}), from_json({"or": []})) == (TRUE, FALSE)


GOOD = {"column": "a"}
WRONG = [
    ({}, "$", "found an object with nothing; expected one of 'and', 'or', 'not', 'column'"),
    ({"where": 1}, "$", "found an object with 'where'; expected one of"),
    ({"and": GOOD}, "$.and", "expected a list of conditions"),
    ({"or": "ab"}, "$.or", "found 'ab', expected a list of conditions"),
    ({"and": [GOOD, 5]}, "$.and[1]", "found 5, expected a condition such as"),
    ({"and": [GOOD, None]}, "$.and[1]", "found None, expected a condition"),
    ({"and": [GOOD], "or": []}, "$", "has the key 'or'; expected 'and' alone"),
    ({"not": []}, "$.not", "expected a condition"),
    ({"not": {"or": [GOOD, {"not": GOOD, "x": 1}]}}, "$.not.or[1]", "has the key 'x'"),
    ({"column": ""}, "$.column", "found '', expected a name"),
    ({"column": 5}, "$.column", "found 5, expected a name"),
    ({"column": "\ud800"}, "$.column", "half a character"),
    ({"column": "a", "value": 5}, "$", "has the key 'value'; expected 'column' alone"),
    ({"column": "a", "op": "="}, "$", "lacks 'value'; expected 'column', 'op', 'value'"),
    ({"column": "a", "op": "=", "values": 5}, "$", "lacks 'value'"),
    ({"column": "a", "op": "=", "value": 5, "x": 1}, "$", "has the key 'x'"),
    ({"column": "a", "op": "between", "low": 5}, "$", "lacks 'high'"),
    ({"column": "a", "op": "between", "value": [1, 2]}, "$", "lacks 'low'"),
    ({"column": "a", "op": "is null", "value": True}, "$", "has the key 'value'"),
    ({"column": "a", "op": "==", "value": 5}, "$.op", "found '==', expected one of", "write = for"),
    ({"column": "a", "op": "IN", "value": []}, "$.op", "did you mean 'in'?"),
    ({"column": "a", "op": "has al", "value": []}, "$.op", "did you mean 'has all'?"),
    ({"column": "a", "op": "not in", "value": []}, "$.op", 'write {"not": {..., "op": "in"}}'),
    ({"column": "a", "op": "is not null"}, "$.op", 'write {"not": {..., "op": "is null"}}'),
    ({"column": "a", "op": 5, "value": []}, "$.op", "found 5, expected one of"),
    ({"column": "a", "op": ["="], "value": 1}, "$.op", "expected one of"),
    ({"column": "a", "op": "=", "value": None}, "$.value", '"op": "is null"'),
    ({"column": "a", "op": "=", "value": [1]}, "$.value", "a list stands beside 'in'"),
    ({"column": "a", "op": "has", "value": ["x"]}, "$.value", "expected one value"),
    ({"column": "a", "op": "=", "value": {"x": 1}}, "$.value", "lacks 'param'"),
    ({"column": "a", "op": "=", "value": {"param": 1}}, "$.value.param", "expected a name"),
    ({"column": "a", "op": "=", "value": {"param": "a", "b": 1}}, "$.value", "has the key 'b'"),
    ({"column": "a", "op": "=", "value": float("nan")}, "$.value", "the value is nan"),
    ({"column": "a", "op": "=", "value": 2**63}, "$.value", "does not fit 64 bits"),
    ({"column": "a", "op": "=", "value": b"x"}, "$.value", "of type bytes"),
    ({"column": "a", "op": "between", "low": 1, "high": None}, "$.high", "found null"),
    ({"column": "a", "op": "in", "value": "SE"}, "$.value", "expected a list"),
    ({"column": "a", "op": "in", "value": None}, "$.value", "expected a list"),
    ({"column": "a", "op": "in", "value": [1, None]}, "$.value[1]", "found null"),
    ({"column": "a", "op": "in", "value": [1, [2]]}, "$.value[1]", "expected one value"),
    ({"column": "a", "op": "in", "value": [1, 2**64]}, "$.value[1]", "does not fit 64 bits"),
    ({"column": "a", "op": "in", "value": [1] * (MOST_VALUES + 1)}, "$.value", "10001 values"),
    ({"registered": ""}, "$.registered", "expected a name"),
    ({"registered": "a", "column": "b"}, "$", "has the key 'column'"),
    ({"or": [GOOD] * MOST_SIZE}, "$.or", "has more than 100000 conditions"),
]


@pytest.mark.parametrize(("given", "path", "said"), [(a, b, c) for a, b, *c in WRONG])
def test_an_error_names_the_path(given, path, said):
    with pytest.raises(ExpressionError) as caught:
        from_json(given)
    assert caught.value.path == path
    assert str(caught.value).startswith(f"where at {path}: ")
    for words in said:
        assert words in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("given", [None, 5, "a = 1", [GOOD], F.a == 1])
def test_only_an_object_is_read(given):
    with pytest.raises(TypeError, match=r"filter is of type .*; expected a dict"):
        from_json(given, "filter")


def test_only_an_expression_is_written():
    with pytest.raises(TypeError, match="of type Column; expected an Expression"):
        to_json(F.a)


def nested(depth):
    made = GOOD
    for i in range(depth - 1):
        made = {"not": made} if i % 2 else {"and": [made, GOOD]}
    return made


def test_depth_is_limited():
    assert from_json(nested(MOST_DEPTH)).depth == MOST_DEPTH
    with pytest.raises(ExpressionError, match="nested deeper than 100 levels") as caught:
        from_json(nested(MOST_DEPTH + 1))
    assert caught.value.path.startswith("$")
    with pytest.raises(ExpressionError, match="nested deeper than 100 levels") as caught:
        from_json(nested(5_000))
    assert caught.value.path.count(".") == MOST_DEPTH + 1


def test_an_object_that_holds_itself_is_refused():
    made = {"and": []}
    made["and"] += [made, made]
    with pytest.raises(ExpressionError, match="nested deeper"):
        from_json(made)


def test_an_object_that_stands_in_many_places_counts_each_time(monkeypatch):
    monkeypatch.setattr(nodes, "MOST_SIZE", 5_000)
    monkeypatch.setattr(json_form, "MOST_SIZE", 5_000)
    made = GOOD
    for _ in range(60):  # as a tree, 2^60 nodes
        made = {"or": [made, {"not": made}]}
    with pytest.raises(ExpressionError, match="more than 5000 conditions") as caught:
        from_json(made)
    assert caught.value.path.startswith("$.or[0].or[0]")
    wide = {"or": [{"or": [GOOD] * 1_000}] * 10**6}
    with pytest.raises(ExpressionError, match="more than 5000 conditions") as caught:
        from_json(wide)
    assert caught.value.path == "$.or"
    with pytest.raises(ExpressionError, match="more than 5000 conditions") as caught:
        from_json({"or": [GOOD, {"not": {"and": [GOOD] * 4_999}}]})
    assert caught.value.path == "$.or[1]"
