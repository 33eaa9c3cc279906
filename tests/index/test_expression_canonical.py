"""The canonical form: it means the same, whatever is null, and many forms share it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from nearfield._expressions.canonical import canonical
from nearfield._expressions.id_array import IdArray
from nearfield._expressions.nodes import (
    FALSE,
    MOST_DEPTH,
    TRUE,
    And,
    Compare,
    Flag,
    In,
    Not,
    Or,
    Registered,
)
from nearfield._expressions.parser import parse
from nearfield._expressions.writer import to_text

from tests.index.expression_oracle import evaluate
from tests.index.expression_strategies import FILTERS, any_trees, fitting, rows

FORMS = {
    # operands of one kind are joined, sorted, and stand once
    "b and a": "a and b",
    "a and (b and (c and a))": "a and b and c",
    "(a or b) or (b or a)": "a or b",
    "a and a": "a",
    "(c or d) and (b or a) and (a or b)": "(a or b) and (c or d)",
    # not stands before leaves alone, and stays a complement
    "not not a": "a",
    "not not not a": "not a",
    "not (a and b)": "not a or not b",
    "not (a or not (b and c))": "b and c and not a",
    "not (a and not (b or c))": "b or c or not a",
    "not x = 1": "not x = 1",
    "x != 1": "x != 1",
    "not x != 1": "not x != 1",
    "not x < 1": "not x < 1",
    "not x is null": "x is not null",
    "not x is not null": "x is null",
    "not $f": "not $f",
    # constants
    "x in []": "false",
    "not x in []": "true",
    "a and x in []": "false",
    "a or x in []": "a",
    "a or not x in []": "true",
    "true and a and true": "a",
    "false or a": "a",
    "true and true": "true",
    "not (true and not false)": "false",
    "a and not a": "false",
    "b or not a or a": "true",
    "not (x = 1) and c and x = 1": "false",
    "x = 1 and x != 1": "x != 1 and x = 1",  # false, but by no rule that is kept
    "x = 1 or x != 1": "x != 1 or x = 1",  # not true: null is neither
    "x between 5 and 3": "false",
    "x between 3.5 and 3": "false",
    "x between 'b' and 'a'": "x between 'b' and 'a'",  # might be times, with other offsets
    "x between $a and 3": "x between $a and 3",
    # lists
    "x in [2, 1, 2]": "x in [1, 2]",
    "x in [3]": "x = 3",
    "x in ['b', 'a', $p, 2, 1.5, true]": "x in [$p, true, 1.5, 2, 'a', 'b']",
    "x in $p": "x in $p",
    "x in [$p]": "x = $p",
    "x between 3 and 3": "x = 3",
    "g has any ['b', 'a', 'b']": "g has any ['a', 'b']",
    "g has all ['b', 'a', 'b']": "g has all ['a', 'b']",
    "g has all ['a']": "g has 'a'",
    "g has any []": "false",
    "g has all []": "g is not null",
    "not g has all []": "g is null",
    "g has all $p": "g has all $p",
    # bools
    "x = true": "x",
    "x != false": "x",
    "x != true": "x = false",
    "not x = true": "not x",
    "not x = false": "not x = false",  # not x: null is not false
    "x in [true]": "x",
    "x in [false, false]": "x = false",
    "x in [false, true]": "x is not null",
    "x in [0, 1]": "x in [0, 1]",
    # numbers
    "x = -0.0": "x = 0.0",
    "x in [0.0, -0.0]": "x = 0.0",
    "x in [1, 1.0, true]": "x in [true, 1.0, 1]",
}


@pytest.mark.parametrize("text", FORMS)
def test_forms_that_mean_the_same_share_one(text):
    assert to_text(canonical(parse(text))) == FORMS[text]


@settings(max_examples=200, deadline=None)
@given(fitting(), rows())
def test_it_means_the_same_whatever_is_null(tree, given_rows):
    raw = evaluate(tree, given_rows, FILTERS)
    assert evaluate(canonical(tree), given_rows, FILTERS) == raw


@settings(max_examples=100, deadline=None)
@given(fitting(), rows())
def test_an_expression_and_its_complement_share_all_rows(tree, given_rows):
    for one, other in ((tree, Not(tree)), (canonical(tree), canonical(Not(tree)))):
        chosen = evaluate(one, given_rows, FILTERS)
        rest = evaluate(other, given_rows, FILTERS)
        assert sum(chosen) + sum(rest) == len(given_rows)
        assert rest == [not one for one in chosen]


@settings(max_examples=200, deadline=None)
@given(any_trees())
def test_it_is_its_own_canonical_form(tree):
    made = canonical(tree)
    assert canonical(made) == made
    assert to_text(canonical(made)) == to_text(made)
    assert canonical(Not(Not(tree))) == made
    assert canonical(Not(made)) == canonical(Not(tree))
    assert canonical(parse(to_text(tree))) == made
    assert made.depth <= tree.depth
    assert made.size <= tree.size


@settings(max_examples=200, deadline=None)
@given(any_trees(), any_trees())
def test_order_and_repetition_do_not_matter(one, other):
    for kind in (And, Or):
        made = canonical(kind((one, other)))
        assert canonical(kind((other, one))) == made
        assert hash(canonical(kind((other, one, other)))) == hash(made)
    assert canonical(Not(And((one, other)))) == canonical(Or((Not(one), Not(other))))


@settings(max_examples=200, deadline=None)
@given(any_trees())
def test_not_stands_before_leaves_alone_and_terms_are_sorted(tree):
    left = [canonical(tree)]
    while left:
        node = left.pop()
        if isinstance(node, Not):
            assert not isinstance(node.term, And | Or | Not)
        elif isinstance(node, And | Or):
            keys = [term.key() for term in node.terms]
            assert keys == sorted(set(keys))
            assert not any(isinstance(term, type(node)) for term in node.terms)
            assert not any(term in (TRUE, FALSE) for term in node.terms)
            left += node.terms


def test_it_holds_no_text():
    left = [canonical(parse("not (b = 1 and ($f or c in [1, 2, 2])) or d is null"))]
    while left:
        node = left.pop()
        assert node.place is None
        left += getattr(node, "terms", ()) or ([node.term] if isinstance(node, Not) else [])


def test_ids_stand_in_a_key_by_their_digest():
    def among(ids):
        return In("id", IdArray(np.array(ids, dtype=np.uint64)))

    one, other = canonical(among([3, 1, 3])), canonical(among([1, 3]))
    assert one == other
    assert hash(one) == hash(other)
    assert list(one.values) == [1, 3]
    assert canonical(among([1, 4])) != one
    assert canonical(And((among([1, 4]), among([1, 3]), among([3, 1])))).size == 3
    assert canonical(among([])) == FALSE
    assert canonical(among([7])) == Compare("id", "=", 7)
    assert to_text(among(range(1000))) == "id in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... 1000 ids]"


def test_ids_cannot_be_changed_by_whoever_gave_them():
    ids = np.array([1, 3, 5], dtype=np.uint64)
    kept = IdArray(ids)
    before = kept.key()
    ids[0] = 2
    assert kept.key() == before == IdArray(np.array([5, 3, 1], dtype=np.uint64)).key()
    with pytest.raises(ValueError, match="read-only"):
        kept.ids[0] = 9
    view = np.array([1, 3, 5, 9], dtype=np.uint64)[:3]
    view.flags.writeable = False
    assert IdArray(view).ids.base is None


def test_the_largest_trees_have_one():
    terms = tuple(Compare("x", "=", i) for i in range(10_000))
    made = Or((Not(Or(terms)), Not(And(terms)), Flag("a")))
    while made.depth < MOST_DEPTH - 2:
        name = str(made.depth)
        made = Or((Not(made), Flag(name))) if made.depth % 3 else And((Registered(name), made))
    assert canonical(Not(made)).size > 20_000
    joined = And((And(terms), And((Flag("a"), And(terms))), Not(Or(terms[:1000]))))
    assert canonical(joined) == FALSE
    joined = And((And(terms), And((Flag("a"), And(terms))), Not(Or((Flag("b"), Flag("c"))))))
    assert len(canonical(joined).terms) == 10_003
    assert isinstance(hash(canonical(joined)), int)


@pytest.mark.parametrize("work", [canonical, to_text])
def test_only_an_expression_has_one(work):
    with pytest.raises(TypeError, match="of type str; expected an Expression"):
        work("a = 1")
