"""Whatever is written, nothing but an `ExpressionError` comes of it, and the stack lasts."""

from __future__ import annotations

import copy
import json
import pickle
import random
import sys
import threading

import pytest
from nearfield._expressions.binding import bind
from nearfield._expressions.canonical import canonical
from nearfield._expressions.json_form import from_json, to_json
from nearfield._expressions.nodes import MOST_DEPTH, And, Compare, Flag, Not, Or
from nearfield._expressions.parser import MOST_TEXT, parse
from nearfield._expressions.writer import to_text
from nearfield.errors import ExpressionError

from tests.index import fuzz_expressions
from tests.index.expression_oracle import SCHEMA, evaluate

FRAMES = 260  # of Python's stack: two for each level, and some


def test_random_texts_are_read_or_refused():
    report = fuzz_expressions.run(8_000, seed=20261127)
    assert report["findings"] == []
    assert min(report["refused"], report["unfit"], report["bound"]) > 500


def test_the_fuzzer_sees_what_is_wrong(monkeypatch):
    def broken(text):
        if "in" in text:
            raise RecursionError
        return parse(text)

    monkeypatch.setattr(fuzz_expressions, "parse", broken)
    report = fuzz_expressions.run(100, seed=1)
    assert len(report["findings"]) == 20
    assert "RecursionError" in report["findings"][0]


def deepest():
    """Every level that is allowed, with a leaf beside each, and a complement at the end."""
    made = Not(Flag("explicit"))
    for i in range(MOST_DEPTH - 1):
        leaf = Compare("year", "=", i)
        made = (Not(made), And((leaf, made)), Or((made, leaf)))[i % 3]
    return made


def with_little_stack(work):
    """Run in a thread of its own, where few frames are left."""
    outcome = []

    def run():
        try:
            outcome.append((work(), None))
        except BaseException as error:
            outcome.append((None, error))

    limit = sys.getrecursionlimit()
    thread = threading.Thread(target=run)
    sys.setrecursionlimit(FRAMES)
    try:
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


TREE = deepest()
WORK = {
    "hash": lambda: hash(TREE),
    "equality": lambda: deepest() == TREE,
    "repr": lambda: to_text(TREE),
    "text": lambda: parse(to_text(TREE)) == TREE,
    "json": lambda: from_json(to_json(TREE)) == TREE,
    "canonical": lambda: canonical(TREE).depth > 30,
    "bind": lambda: canonical(bind(TREE, SCHEMA).tree) == canonical(TREE),
}


@pytest.mark.parametrize("name", WORK)
def test_the_deepest_tree_needs_little_stack(name):
    assert TREE.depth == MOST_DEPTH
    assert with_little_stack(WORK[name])


@pytest.mark.parametrize("piece", ["(", "not ", "a and (", "not (", "a or b and not ("])
@pytest.mark.parametrize("tail", ["", "a", " = 5"])
def test_no_text_needs_stack(piece, tail):
    text = piece * (MOST_TEXT // len(piece) - 5) + tail

    def refused():
        with pytest.raises(ExpressionError, match="nested deeper"):
            parse(text)
        return True

    assert with_little_stack(refused)


def test_the_deepest_tree_survives_copies():
    assert copy.deepcopy(TREE) == pickle.loads(pickle.dumps(TREE)) == TREE
    assert json.loads(json.dumps(to_json(TREE))) == to_json(TREE)
    row = {"explicit": None, "year": 5, "id": 1}
    wanted = evaluate(TREE, [row])
    assert evaluate(canonical(TREE), [row]) == evaluate(bind(TREE, SCHEMA).tree, [row]) == wanted


def test_the_complement_of_a_leaf_is_no_level_in_json_either():
    made = Not(Flag("a"))
    for _ in range(MOST_DEPTH - 1):
        made = And((made, Flag("b")))
    assert made.depth == MOST_DEPTH
    assert from_json(to_json(made)) == made


def test_chance_is_the_same_everywhere():
    """A finding is found again by its seed."""
    texts = [fuzz_expressions.a_text(random.Random(7)) for _ in range(2)]
    assert texts[0] == texts[1]
