"""Filtered queries as Python callers see them.

Every form of a set, what None and nothing mean, errors, and the plans that come with answers.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors
from nearfield.query_plan import QueryPlan

from tests.index import roaring
from tests.index.filtered_world import ROWS, D, World, check, mask_of


@pytest.fixture(scope="module")
def world() -> World:
    return World()


# --- forms of a set ------------------------------------------------------------------------------


def _read_only(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


FORMS: dict[str, Callable[[World, list[int]], Any]] = {
    "list": lambda _, ids: ids,
    "list twice": lambda _, ids: ids + ids[::-1],
    "tuple": lambda _, ids: tuple(ids),
    "set": lambda _, ids: set(ids),
    "frozenset": lambda _, ids: frozenset(ids),
    "keys": lambda _, ids: dict.fromkeys(ids).keys(),
    "generator": lambda _, ids: (id for id in ids),
    "numpy numbers": lambda _, ids: [np.uint64(id) for id in ids],
    "uint64": lambda _, ids: np.array(ids, dtype=np.uint64),
    "int64": lambda _, ids: np.array(ids, dtype=np.int64),
    "big-endian": lambda _, ids: np.array(ids, dtype=">u8"),
    "object": lambda _, ids: np.array(ids, dtype=object),
    "strided": lambda _, ids: np.repeat(np.array(ids, dtype=np.uint64), 3)[::3],
    "backwards": lambda _, ids: np.array(ids, dtype=np.uint64)[::-1],
    "read-only": lambda _, ids: _read_only(np.array(ids, dtype=np.uint64)),
    "IdSet": lambda _, ids: nf.IdSet(ids),
    "IdSet of bytes": lambda _, ids: nf.IdSet.from_bytes(nf.IdSet(ids).to_bytes()),
    "Roaring bytes": lambda _, ids: roaring.write64(ids),
    "bytearray": lambda _, ids: bytearray(roaring.write64(ids, lambda *_: "run")),
    "memoryview": lambda _, ids: memoryview(roaring.write64(ids)),
    "mask": lambda world, ids: mask_of(world, set(ids)),
    "mask, strided": lambda world, ids: np.repeat(mask_of(world, set(ids)), 2)[::2],
    "mask, read-only": lambda world, ids: _read_only(mask_of(world, set(ids))),
    "list of bool": lambda world, ids: mask_of(world, set(ids)).tolist(),
    "tuple of numpy bool": lambda world, ids: tuple(mask_of(world, set(ids))),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [0, 1, 30, 200, len(range(ROWS))])
def test_every_form_of_a_set_leaves_out_and_lets_through(
    world: World, form: str, size: int
) -> None:
    ids = (world.live[::3] + world.live[1::3] + world.live[2::3])[:size]
    inside = set(ids)

    def make() -> Any:
        return FORMS[form](world, ids)

    def ask(**filters: Any) -> nf.Neighbors:
        return world.index.query(world.queries, 20, query_ef=ROWS, if_short="pad", **filters)

    check(world, ask(exclude=make()), lambda _, id: id not in inside)
    check(world, ask(allow=make()), lambda _, id: id in inside)
    check(world, ask(allow=make(), exact=True), lambda _, id: id in inside)
    n = len(world.queries)
    each = [make() if q % 2 else None for q in range(n)]
    check(world, ask(exclude=nf.PerQuery(each)), lambda q, id: q % 2 == 0 or id not in inside)
    each = [make() if q % 2 else None for q in range(n)]
    check(world, ask(allow=nf.PerQuery(each)), lambda q, id: q % 2 == 0 or id in inside)
    both = ask(allow=nf.PerQuery([make() for _ in range(n)]), exclude=ids[::2])
    check(world, both, lambda _, id: id in inside and id not in set(ids[::2]))


def test_arrow_columns_are_sets_of_ids(world: World) -> None:
    arrow = pytest.importorskip("pyarrow")
    ids = world.live[:50]
    column = arrow.array(ids, type=arrow.uint64())
    found = world.index.query(world.queries, 9, allow=column)
    check(world, found, lambda _, id: id in set(ids))


def test_sets_of_many_queries_fit_into_two_arrays(world: World) -> None:
    sets = [world.live[q * 40 : q * 40 + 5 * q] for q in range(len(world.queries))]
    indptr = np.cumsum([0, *map(len, sets)])
    ids = np.concatenate([np.array(one, dtype=np.uint64) for one in sets])
    for csr in (
        nf.CSR(indptr, ids), nf.CSR(indptr.tolist(), ids.tolist()),
        nf.CSR(indptr.astype(np.int32), ids.astype(">u8")), nf.CSR(np.repeat(indptr, 2)[::2], ids),
    ):  # fmt: skip
        found = world.index.query(world.queries, 10, query_ef=ROWS, exclude=csr)
        check(world, found, lambda q, id: id not in sets[q])
        found = world.index.query(world.queries, 10, if_short="pad", allow=csr)
        check(world, found, lambda q, id: id in sets[q])


def test_one_id_is_a_set(world: World) -> None:
    nearest = int(world.truth.ids[0, 0])
    for one in (nearest, np.uint64(nearest), np.array(nearest, dtype=np.uint64)):
        assert world.index.query(world.queries[0], 1, allow=one).ids.tolist() == [nearest]
        assert nearest not in world.index.query(world.queries[0], 5, exclude=one).ids
        found = world.index.query(world.queries[:2], 1, exclude=nf.PerQuery([one, None]))
        assert found.ids[0, 0] == world.truth.ids[0, 1]


# --- None, nothing, everything -------------------------------------------------------------------


def test_none_is_not_nothing(world: World) -> None:
    n = len(world.queries)
    everything = world.live
    full = world.index.query(world.queries, 10, query_ef=ROWS)
    for exclude in (None, [], (), set(), nf.IdSet(), np.empty(0), np.zeros(len(everything), bool),
                    nf.PerQuery([None] * n), nf.PerQuery([[]] * n), nf.CSR([0] * (n + 1), []),
                    roaring.write32([]), roaring.write64([])):  # fmt: skip
        found = world.index.query(world.queries, 10, query_ef=ROWS, exclude=exclude)
        assert np.array_equal(found.ids, full.ids)
        assert np.array_equal(found.distances, full.distances)
    for allow in (None, everything, nf.IdSet(everything), np.ones(len(everything), bool),
                  nf.PerQuery([None] * n), nf.PerQuery([everything] * n)):  # fmt: skip
        found = world.index.query(world.queries, 10, query_ef=ROWS, allow=allow)
        assert np.array_equal(found.ids, full.ids)
    for filters in ({"allow": []}, {"allow": nf.PerQuery([[]] * n)}, {"exclude": everything},
                    {"allow": nf.CSR([0] * (n + 1), [])}, {"allow": [1, 2, 3]},
                    {"exclude": nf.PerQuery([nf.IdSet(everything)] * n)},
                    {"allow": everything, "exclude": everything}):  # fmt: skip
        found = world.index.query(world.queries, 2, if_short="pad", **filters)
        assert found.counts.tolist() == [0] * n
        assert (found.ids == nf.NO_ID).all()
        assert np.isinf(found.distances).all()


def test_what_the_index_does_not_hold_is_passed_over(world: World) -> None:
    unknown = [*world.gone, 1, 2, 2**64 - 2]
    few = world.live[:6]
    for sets in (lambda ids: ids, lambda ids: nf.PerQuery([ids] * len(world.queries))):
        found = world.index.query(world.queries, 10, query_ef=ROWS, exclude=sets(unknown))
        check(world, found, lambda _, id: True)
        found = world.index.query(world.queries, 10, if_short="pad", allow=sets(unknown + few))
        check(world, found, lambda _, id: id in few)


def test_an_empty_index_has_no_answer_under_any_filter() -> None:
    index = nf.Index(nf.Space.Cosine, 3)
    filters: list[dict[str, Any]] = [
        {}, {"exclude": [1]}, {"allow": [1]}, {"allow": []}, {"exclude": np.zeros(0, bool)},
        {"exclude": nf.PerQuery([[1], None])}, {"allow": nf.CSR([0, 1, 1], [1])},
    ]  # fmt: skip
    for given in filters:
        for exact in (False, True):
            found = index.query(
                np.ones((2, 3)), 2, if_short="pad", exact=exact, explain=True, **given
            )
            assert found.counts.tolist() == [0, 0]
            with pytest.raises(errors.TooFewNeighbors):
                index.query(np.ones((2, 3)), 2, exact=exact, **given)


def test_no_neighbours_and_no_queries_are_answered_with_nothing(world: World) -> None:
    for filters in ({"exclude": [1]}, {"allow": []}, {"exact": True}, {"explain": True}):
        found = world.index.query(world.queries, 0, **filters)
        assert found.ids.shape == (7, 0)
        found = world.index.query(np.empty((0, D)), 3, **filters)
        assert found.ids.shape == (0, 3)
        assert found.plan == ()
    assert world.index.query(np.empty((0, D)), 3, exclude=nf.PerQuery([])).ids.shape == (0, 3)
    assert world.index.query(np.empty((0, D)), 3, allow=nf.CSR([0], [])).ids.shape == (0, 3)


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("argument", ["exclude", "allow"])
@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ([1, -1], TypeError, r"ARG\[1\] is -1"),
        ([0.5], TypeError, r"ARG\[0\] is 0.5"),
        (np.array([0.5]), TypeError, "ARG holds float64"),
        ([2**64 - 1], errors.InvalidInput, r"ARG\[0\] is 2\^64-1"),
        (2**64, TypeError, "ARG is 18446744073709551616"),
        ("heard", TypeError, "ARG is of type str"),
        ({1: 2}, TypeError, "ARG is of type dict"),
        (object(), TypeError, "ARG is of type object"),
        (True, TypeError, "ARG is True"),
        ([None], TypeError, r"ARG\[0\] is None"),
        (np.zeros((2, 2), dtype=int), errors.InvalidInput, r"ARG has shape \(2, 2\)"),
        (
            np.zeros(5, dtype=bool),
            errors.InvalidInput,
            r"ARG is a mask of shape \(5,\); expected \(320,\)",
        ),
        ([False] * 321, errors.InvalidInput, r"ARG is a mask of shape \(321,\)"),
        (np.zeros((320, 1), dtype=bool), errors.InvalidInput, r"ARG is a mask of shape \(320, 1\)"),
        ([True, 5], TypeError, "ARG begins with a bool"),
        (b"abc", errors.InvalidInput, "ARG is no serialised Roaring bitmap"),
        (b"", errors.InvalidInput, "ARG is no serialised Roaring bitmap"),
        (nf.PerQuery([[1]]), errors.InvalidInput, "ARG has sets for 1 queries; expected 7"),
        (nf.PerQuery([[1]] * 8), errors.InvalidInput, "ARG has sets for 8 queries; expected 7"),
        (nf.CSR([0, 1], [1]), errors.InvalidInput, "ARG has sets for 1 queries; expected 7"),
        (nf.PerQuery([None] * 6 + [nf.PerQuery([])]), TypeError, r"ARG\[6\] is a PerQuery"),
        (nf.PerQuery([None, [1, 2.5], *[None] * 5]), TypeError, r"ARG\[1\]\[1\] is 2.5"),
        (nf.PerQuery([None, [True], *[None] * 5]), errors.InvalidInput, r"ARG\[1\] is a mask of"),
        (nf.PerQuery([None, b"1", *[None] * 5]), errors.InvalidInput, r"ARG\[1\] is no serialised"),
    ],
    ids=lambda given: repr(given)[:40] if not isinstance(given, type) else "",
)
def test_what_is_no_filter_is_refused_by_name(
    world: World, argument: str, given: Any, error: type, words: str
) -> None:
    with pytest.raises(error, match="^" + words.replace("ARG", argument)):
        world.index.query(world.queries, 1, **{argument: given})


def test_a_short_answer_says_why_and_has_what_there_is(world: World) -> None:
    few = world.live[:3]
    with pytest.raises(nf.RecallError, match="filter lets only 3 of 320 live vectors") as caught:
        world.index.query(world.queries[0], 5, allow=few)
    assert caught.value.partial is not None
    assert sorted(caught.value.partial.ids[:3].tolist()) == sorted(few)
    assert caught.value.partial.plan.plan == "scan"
    each = nf.PerQuery([None, None, few, *[None] * 4])
    with pytest.raises(nf.RecallError, match="filter of query 2 lets only 3 of 320") as caught:
        world.index.query(world.queries, 5, allow=each)
    assert caught.value.partial.counts.tolist() == [5, 5, 3, 5, 5, 5, 5]
    # Where no filter is why, none is named.
    for filters in ({"exact": True}, {"exclude": []}, {"exclude": [1]}, {"explain": True}):
        with pytest.raises(nf.RecallError, match="the index holds only 320 live vectors, 30 more"):
            world.index.query(world.queries, 321, **filters)
    with pytest.raises(errors.InvalidInput, match="k is 70000, with if_short='pad'"):
        world.index.query(world.queries, 70_000, exclude=[1], if_short="pad")
    with pytest.raises(errors.InvalidInput, match="smaller than k = 5"):
        world.index.query(world.queries, 5, query_ef=3, exclude=[1])
    with pytest.raises(errors.NotFinite):
        world.index.query(np.full(D, np.nan), 1, exclude=[1])
    with pytest.raises(errors.DimensionMismatch):
        world.index.query(np.zeros(D + 1), 1, allow=[1])


# --- how it was answered -------------------------------------------------------------------------


def test_a_plan_says_how_each_query_was_answered() -> None:
    rng = np.random.default_rng(3)
    index = nf.Index(nf.Space.Euclidean, 16, M=8, ef_construction=40)
    index.add_items(rng.normal(size=(5000, 16)))
    index.mark_deleted(4000)
    queries = rng.normal(size=(3, 16)).astype(np.float32)
    assert index.query(queries, 5).plan is None
    few, most, none = range(20), range(4900), []
    plans = index.query(queries, 5, allow=nf.PerQuery([few, most, none]), if_short="pad").plan
    assert isinstance(plans, tuple)
    assert [plan.plan for plan in plans] == ["scan", "sweep", "none"]
    assert [plan.allowed for plan in plans] == [20, 4900, 0]
    assert [plan.counted for plan in plans] == [True, False, True]
    one = index.query(queries[0], 5, allow=most, explain=True).plan
    assert isinstance(one, QueryPlan)
    assert (one.plan, one.allowed, one.counted) == ("sweep", 4899, True)
    assert one.num_tested >= one.num_passed >= 5
    assert 5 < one.num_distances < 4899
    assert one.ef == 5 + 4 * 13  # the index has doubled so often
    assert index.query(queries[0], 5, allow=most, query_ef=9).plan.ef == 9
    index.ef = 200
    assert index.query(queries[0], 5, allow=most).plan.ef == 200
    exact = index.query(queries[0], 5, exact=True, explain=True).plan
    assert (exact.plan, exact.allowed, exact.num_distances) == ("exact", 4999, 4999)
    walk = index.query(queries[0], 5, query_ef=50, explain=True).plan
    assert (walk.plan, walk.allowed, walk.counted) == ("walk", 4999, True)
    for plan in (*plans, one, exact, walk):
        text = str(plan)
        assert text.startswith(f"{plan.plan}: ")
        assert f"{plan.num_distances:,} distances" in text
        with pytest.raises(AttributeError):
            plan.allowed = 1
    assert "about 4,900" in str(plans[1])
    assert "allowed: 4,899\n" in str(one)


def test_totals_are_the_sums_of_plans(world: World) -> None:
    found = world.index.query(world.queries, 5, exclude=nf.PerQuery([[1]] * 7))
    assert found.num_distances == sum(plan.num_distances for plan in found.plan)
    assert found.num_hops == sum(plan.num_hops for plan in found.plan)
    kept = pickle.loads(pickle.dumps(found))
    assert kept.plan == found.plan
    assert np.array_equal(kept.ids, found.ids)


def test_to_explain_changes_no_answer(world: World) -> None:
    """Also of sets that name much more than the index holds."""
    rng = np.random.default_rng(1)
    sets = nf.PerQuery([rng.integers(0, 2**63, size=2000) for _ in range(7)])
    for filters in (
        {"exclude": sets},
        {"allow": sets},
        {"exclude": sets, "allow": world.live[:90]},
    ):
        plain = world.index.query(world.queries, 5, if_short="pad", **filters)
        told = world.index.query(world.queries, 5, if_short="pad", explain=True, **filters)
        assert np.array_equal(plain.ids, told.ids)
        assert [plan.num_distances for plan in plain.plan] == [
            plan.num_distances for plan in told.plan
        ]
        assert all(plan.counted for plan in told.plan)
