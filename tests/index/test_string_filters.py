"""Filters of a `StringIndex`: sets of keys, with a dict of vectors as the oracle."""

from __future__ import annotations

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors

from tests.index.keyed_vectors import D, index_of, numbered, vector_of, vectors_of

KEYS = numbered(0, 300)


@pytest.fixture(scope="module")
def index() -> nf.StringIndex:
    return index_of(KEYS)


def nearest(query: np.ndarray, keys: set[str], k: int) -> list[str]:
    distances = {key: float(((vector_of(key) - query) ** 2).sum()) for key in keys}
    return sorted(distances, key=lambda key: distances[key])[:k]


QUERIES = np.random.default_rng(5).normal(size=(12, D)).astype(np.float32)


@pytest.mark.parametrize("exact", [False, True])
def test_filtered_queries_are_those_of_a_dict(index, exact):
    rng = np.random.default_rng(11)
    for number in (0, 1, 30, 290):
        some = rng.choice(KEYS, size=number, replace=False).tolist()
        for name, left in (("exclude", set(KEYS) - set(some)), ("allow", set(some))):
            k = min(10, len(left))
            found = index.query(QUERIES, k, query_ef=300, exact=exact, **{name: some})
            expected = [nearest(query, left, k) for query in QUERIES]
            assert found.keys.tolist() == expected, (name, number)


def test_a_set_of_keys_has_many_forms(index):
    of_all = index.query(QUERIES[0], 3).keys.tolist()
    first, rest = of_all[0], of_all[1:]
    forms = [
        first,
        [first],
        {first},
        (first, first),
        np.array([first]),
        np.array(first),
        iter([first]),
        {first: 1}.keys(),
        np.array(list(index)) == first,
        [key == first for key in index],
        nf.PerQuery([[first]]),
        nf.PerQuery([first]),
        nf.PerQuery([np.array(list(index)) == first]),
    ]
    for form in forms:
        assert index.query(QUERIES[0], 2, exclude=form).keys.tolist() == rest, form
    one = index.query(QUERIES[0], 1, allow=rest[1]).keys.tolist()
    assert one == [rest[1]]


def test_each_query_has_a_set_of_its_own(index):
    sets = [None, KEYS[:150], [], "key 7", np.arange(300) % 2 == 0, {"key 1", "never"}]
    found = index.query(QUERIES[:6], 5, query_ef=300, exclude=nf.PerQuery(sets))
    evens = set(KEYS[::2])
    left = [
        set(KEYS), set(KEYS[150:]), set(KEYS), set(KEYS) - {"key 7"}, set(KEYS) - evens,
        set(KEYS) - {"key 1"},
    ]  # fmt: skip
    expected = [nearest(q, keys, 5) for q, keys in zip(QUERIES, left, strict=False)]
    assert found.keys.tolist() == expected


def test_unknown_keys_are_passed_over_and_empty_is_not_none(index):
    plain = index.query(QUERIES, 4, query_ef=300)
    for nothing in (None, [], ["never", "heard"], nf.PerQuery([None] * 12)):
        found = index.query(QUERIES, 4, query_ef=300, exclude=nothing)
        assert found.keys.tolist() == plain.keys.tolist()
    for nothing in ([], ["never"], nf.PerQuery([[]] * 12), np.zeros(300, dtype=bool)):
        found = index.query(QUERIES, 4, allow=nothing, if_short="pad")
        assert found.counts.tolist() == [0] * 12
        assert set(found.keys.ravel()) == {None}


def test_marked_and_removed_keys_are_not_allowed_back():
    index = index_of(numbered(0, 20))
    index.mark_deleted("key 3")
    index.remove("key 4")
    allowed = ["key 3", "key 4", "key 5"]
    found = index.query(QUERIES[0], 3, allow=allowed, if_short="pad")
    assert found.keys.tolist() == ["key 5", None, None]
    index.add_items(vectors_of(["key 4"]), ["key 4"])
    found = index.query(QUERIES[0], 2, allow=allowed)
    assert set(found.keys) == {"key 4", "key 5"}


def test_a_plan_is_given_and_a_short_result_says_why(index):
    found = index.query(QUERIES, 2, exclude=KEYS[:10], explain=True)
    assert len(found.plan) == 12
    assert {plan.allowed for plan in found.plan} == {290}
    assert index.query(QUERIES[0], 2).plan is None
    with pytest.raises(errors.TooFewNeighbors, match="filter lets only 2 of 300") as caught:
        index.query(QUERIES[0], 3, allow=["key 1", "key 2"])
    assert set(caught.value.partial.keys) == {"key 1", "key 2", None}
    with pytest.raises(errors.TooFewNeighbors, match="filter of query 1 lets only 0 of 300"):
        index.query(QUERIES[:2], 3, allow=nf.PerQuery([None, []]))


def test_results_go_where_out_says(index):
    keys, distances = np.empty((12, 3), dtype=object), np.empty((12, 3), dtype=np.float32)
    found = index.query(QUERIES, 3, exclude=KEYS[:50], out=(keys, distances))
    assert found.keys is keys
    assert not set(keys.ravel()) & set(KEYS[:50])


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        (nf.IdSet([1]), TypeError, "exclude is of type IdSet; expected keys or a boolean mask"),
        (nf.CSR([0, 1], [1]), TypeError, "exclude is of type CSR"),
        (b"bytes", TypeError, "exclude is of type bytes"),
        (nf.PerQuery([nf.IdSet([1])]), TypeError, r"exclude\[0\] is of type IdSet"),
        (3, TypeError, "exclude is of type int; expected one key or an iterable"),
        ([3], TypeError, r"exclude\[0\] is 3; expected a str"),
        (nf.PerQuery([["a", 3]]), TypeError, r"exclude\[0\]\[1\] is 3"),
        ("\ud800", errors.InvalidInput, "exclude is .* lone surrogate"),
        (np.ones(7, dtype=bool), errors.InvalidInput, r"mask of shape \(7,\); expected \(300,\)"),
        (nf.PerQuery([None, None]), errors.InvalidInput, "sets for 2 queries; expected 1"),
    ],
)
def test_what_is_no_set_of_keys_is_refused(index, given, error, says):
    with pytest.raises(error, match=says):
        index.query(QUERIES[0], 2, exclude=given)


def test_a_key_that_comes_again_meanwhile_stays_excluded():
    """The key has another id by then, so the sets that were given to the core do not name it."""
    index = index_of(numbered(0, 30))
    inner = index._index
    asked: list[object] = []

    def query(*args, **options):
        asked.append(options["exclude"])
        if len(asked) == 1:
            index.remove("key 9")
            index.add_items(vectors_of(["key 9"]), ["key 9"])
        return type(inner).query(inner, *args, **options)

    inner.query = query
    query_near = vector_of("key 9")
    assert "key 9" not in index.query(query_near, 5, exclude=["key 9"]).keys
    assert len(asked) == 2
    asked.clear()
    assert "key 9" not in index.query(query_near[None], 5, exclude=nf.PerQuery(["key 9"])).keys
    assert len(asked) == 2
    asked.clear()
    assert "key 8" not in index.query(query_near, 5, exclude={"key 8"}).keys
    assert len(asked) == 1
