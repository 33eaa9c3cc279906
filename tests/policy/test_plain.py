"""Without rules a policy is the plain query, byte for byte; and no batch is pulled in vain."""

from __future__ import annotations

from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield.policy import Boost, Cap, Diversity, Duplicates, Impressions, Policy

from tests.policy.cases import NOW, SPACES, check, random_index
from tests.policy.retriever import FakeIndex

PLAIN = [Policy(), Policy(diversity=Diversity(1.0)), Policy(impressions=Impressions(0))]


def line(rows: int, **columns: Any) -> FakeIndex:
    """Rows whose order of retrieval, from the origin, is that of insertion."""
    return FakeIndex(np.arange(rows)[:, np.newaxis], columns, nf.Space.Euclidean)


@pytest.mark.parametrize("policy", PLAIN)
@pytest.mark.parametrize("space", SPACES)
def test_an_empty_policy_is_the_plain_query_byte_for_byte(
    policy: Policy, space: nf.Space, rng: np.random.Generator
) -> None:
    vectors = rng.normal(size=(3_000, 12)).astype(np.float32)
    vectors[rng.integers(3_000, size=300)] = vectors[0]  # many at equal distance
    vectors[100:200] *= 1e-3
    vectors[200:300] *= 1e15  # squares beyond float32
    exact = nf.ExactIndex(space, 12)
    exact.add_items(vectors)
    index = FakeIndex(vectors, space=space)
    for k in (1, 10, 700):
        for query in (*rng.normal(size=(3, 12)).astype(np.float32), vectors[0], vectors[250]):
            plain = exact.query(query, k)
            for batch_size in (None, 7):
                found = policy.apply(index, query, k, batch_size=batch_size, impressions={})
                assert found.ids.tobytes() == plain.ids.tobytes()
                assert found.ids.dtype == np.uint64
                assert found.distances.tobytes() == plain.distances.tobytes()
                assert found.distances.dtype == np.float32
                assert found.reason is None
                assert found.complete
                assert (np.diff(found.scores) <= 0).all()
                assert ((found.scores >= 0) & (found.scores <= 1)).all()


def test_similarities_never_rise_with_the_distance(rng: np.random.Generator) -> None:
    from nearfield.policy.scoring import similarity

    some = np.concatenate([10.0 ** rng.uniform(-40, 38, 50_000), rng.uniform(0, 2, 50_000)])
    distances = np.concatenate([some, -some, [0, np.inf, -np.inf]]).astype(np.float32)
    distances = np.sort(np.concatenate([distances, np.nextafter(distances, np.float32(np.inf))]))
    for space in SPACES:
        for scale in (1e-300, 1e-3, 1.0, 0.3, 1e30):
            known = distances if space is nf.Space.InnerProduct else distances[distances >= 0]
            found = similarity(known, space, scale)
            assert (np.diff(found) <= 0).all()
            assert found.min() >= 0
            assert found.max() <= 1


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_what_is_beyond_the_index_is_not_there(rows: int) -> None:
    index = line(rows)
    result = Policy().apply(index, [0.0], 5)
    assert result.ids.tolist() == list(range(rows))
    if rows < 5:
        assert result.reason == "exhausted"
        assert result.sentence == (
            f"k is 5, but there are {rows} hits: the filters allow {rows} candidates"
        )
    assert result.complete
    for k in (1_000_000, rows + 1):
        assert len(Policy(diversity=Diversity(1)).apply(index, [0.0], k)) == rows


def test_no_places_ask_nobody() -> None:
    index = line(20, artist=["X"] * 20)
    for policy in (*PLAIN, Policy(diversity=Diversity(0.5)), Policy(caps=(Cap("artist", 1),))):
        result = policy.apply(index, [0.0], 0, impressions={})
        assert (len(result), result.reason, result.complete) == (0, None, True)
        assert result.dropped == result.explanations == ()
    assert index.batches == 0
    assert str(result) == "place  id  distance  score\nnothing pulled"


@pytest.mark.parametrize("batch_size", [1, 3, 10, 64])
def test_no_more_batches_are_pulled_than_are_needed(batch_size: int) -> None:
    index = line(1_000, artist=["X"] * 5 + ["Y", "Z", "W"] * 500)
    policy = Policy(caps=(Cap("artist", most=2),))
    for k, needed in ((1, 1), (2, 2), (3, 6), (8, 11)):
        index.batches = 0
        result = policy.apply(index, [0.0], k, batch_size=batch_size)
        assert len(result) == k
        assert index.batches == result.counts.batches == -(-needed // batch_size)
    index.batches = 0
    Policy().apply(index, [0.0], 10)
    assert index.batches == 1
    assert index.asked["batch_size"] == 10
    assert index.asked_columns[-1:] == [["artist"]]  # of the policy before: nothing was read
    assert index.asked_vectors == 0


@pytest.mark.parametrize("batch_size", [1, 5, 32])
def test_boosts_pull_until_nobody_could_still_rise_high_enough(batch_size: int) -> None:
    rows = 600
    scale = 100.0
    index = line(rows, quality=[0.0] * rows)
    policy = Policy(boosts=(Boost("quality", 0.1),), distance_scale=scale)
    result = policy.apply(index, [0.0], 4, batch_size=batch_size)
    assert result.ids.tolist() == [0, 1, 2, 3]
    # The fourth has 1 / (1 + 9 / scale); whoever is worth .1 less is not needed any more.
    bound = 1 / (1 + 9 / scale) - 0.1
    needed = next(row for row in range(rows) if 1 / (1 + row * row / scale) <= bound) + 1
    assert index.batches == -(-needed // batch_size)
    assert result.complete
    # A boost in full is in vain for the last of these, not for the one before.
    for row, ids in ((needed - 1, [0, 1, 2, 3]), (needed - 2, [0, 1, needed - 2, 2])):
        raised = line(rows, quality=[float(each == row) for each in range(rows)])
        assert policy.apply(raised, [0.0], 4).ids.tolist() == ids


def test_the_budget_ends_what_would_not_end() -> None:
    index = line(5_000, artist=["X"] * 5_000, quality=np.zeros(5_000))
    result = Policy(caps=(Cap("artist", most=3),)).apply(index, [0.0], 10)
    assert (result.reason, result.complete, len(result)) == ("budget", False, 3)
    assert result.counts.pulled == 2_000
    assert result.sentence == (
        "k is 10, but there are 3 hits: the budget of 2,000 candidates was used up; rules stopped "
        "1,997 of them. Give more max_candidates, or loosen the rules"
    )
    # All places are filled, but not for certain: the boost could bring somebody from beyond.
    boosted = Policy(boosts=(Boost("quality", 0.9),))
    result = boosted.apply(index, [0.0], 3, max_candidates=50, batch_size=20)
    assert (result.reason, result.complete, result.counts.pulled) == (None, False, 50)
    assert boosted.apply(index, [0.0], 3, max_candidates=5_001).complete
    assert Policy().apply(index, [0.0], 3, max_candidates=3).complete
    assert Policy().apply(index, [0.0], 4, max_candidates=3).reason == "budget"
    assert index.asked["batch_size"] == 3  # more would be thrown away
    assert Policy().apply(index, [0.0], 4_000).counts.pulled == 4_000  # the budget grows with k


def test_filters_and_keys_pass_through_untouched(rng: np.random.Generator) -> None:
    index = line(30)
    sentinel = object()
    result = Policy().apply(index, [0.0], 3, exclude=[0, 2], where="x = $y", params=sentinel)
    assert result.ids.tolist() == [1, 3, 4]
    assert index.asked == {
        "batch_size": 3, "exclude": [0, 2], "where": "x = $y", "params": sentinel,
    }  # fmt: skip
    by_key, query = random_index(rng, 30, by_key=True)
    everything = Policy(
        duplicates=Duplicates(min_cosine=0.9), caps=(Cap("artist", 2),), diversity=Diversity(0.6)
    )
    check(everything, by_key, query, 5, blocked={"artist": {"W"}})
    result = everything.apply(by_key, query, 5, impressions=None, now=NOW)
    assert result.ids.dtype == object
    assert all(isinstance(key, str) for key in result.ids)
    assert "key" in str(result)


def test_what_another_thread_removes_meanwhile_is_dropped() -> None:
    index = line(30, artist=["X", "Y"] * 15)
    index.vanishing = {1, 2, 27}
    for policy in (Policy(caps=(Cap("artist", 9),)), Policy(diversity=Diversity(0.9))):
        result = policy.apply(index, [0.0], 5, batch_size=5)
        assert not index.vanishing & set(result.ids.tolist())
        assert [each for each in result.dropped if each.step == "removed"][:2] == [
            (1, "removed", "left the index after it had been found"),
            (2, "removed", "left the index after it had been found"),
        ]
    index.vanishing = set(range(30))
    result = Policy(caps=(Cap("artist", 9),)).apply(index, [0.0], 5)
    assert (len(result), result.counts.removed, result.reason) == (0, 30, "exhausted")
    assert "30 were removed meanwhile" in str(result.sentence)


def test_an_unknown_id_that_was_not_asked_for_is_an_error() -> None:
    class Broken(FakeIndex):
        def get_columns(self, ids: Any, names: Any) -> Any:
            raise nf.errors.UnknownId("no such thing", 999)

    with pytest.raises(nf.errors.UnknownId, match="no such thing"):
        Policy(caps=(Cap("artist", 1),)).apply(Broken([[0.0]]), [0.0], 1)
