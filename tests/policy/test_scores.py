"""Boosts, recency, popularity, impressions and a caller's own scores, against plain Python."""

from __future__ import annotations

import datetime
from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield.policy import Boost, Cap, Impressions, Policy, Popularity, Recency

from tests.policy.cases import NOW, check, over_seeds, random_index
from tests.policy.retriever import FakeIndex


def line(**columns: Any) -> FakeIndex:
    rows = len(next(iter(columns.values())))
    return FakeIndex(np.arange(rows)[:, np.newaxis], columns, nf.Space.Euclidean)


def flat(**columns: Any) -> FakeIndex:
    """Rows that are all as near, so that order and scores are the boosts' alone."""
    rows = len(next(iter(columns.values())))
    return FakeIndex(np.zeros((rows, 1)), columns, nf.Space.Euclidean)


def random_boosts(rng: np.random.Generator) -> tuple[Any, ...]:
    boosts: list[Any] = [
        Boost("quality", float(rng.normal()) / 5),
        Boost("quality", 0.1, between=(2.0, -1.0)),
        Boost("plays", -0.2, between=(0, 1000)),
        Boost("local", 0.05),
        Boost("tags", 0.1, values=("live", "remix")),
        Boost("artist", -0.1, values={"X", "Y"}),
        Recency("released", float(rng.choice([1, 30, 1e-3])), 0.3),
        Popularity("plays", 0.25, 1_000),
    ]
    return tuple(part for part in boosts if rng.random() < 0.4)


@over_seeds(300)
def test_boosts_are_those_of_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index, query = random_index(rng)
    low, high = sorted(rng.normal(size=2) / 5)
    policy = Policy(
        boosts=random_boosts(rng),
        boost_range=(low, high) if rng.random() < 0.3 else None,
        distance_scale=float(rng.choice([1, 0.01, 10])),
    )
    batch_size, budget = int(rng.integers(1, 20)), int(rng.choice([7, 20, 1_000]))
    check(
        policy, index, query, int(rng.integers(0, 15)),
        now=NOW.astype(datetime.datetime), batch_size=batch_size, max_candidates=budget,
    )  # fmt: skip


@over_seeds(300)
def test_impressions_are_those_of_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index, query = random_index(rng)
    shown = {id: int(rng.integers(0, 9)) for id in index.ids.tolist() if rng.random() < 0.5}
    policy = Policy(
        impressions=Impressions(float(rng.choice([0, 0.3, 1, 2.5]))),
        boosts=(Boost("quality", -0.8),) * int(rng.random() < 0.5),  # scores below 0 too
        caps=(Cap("artist", 2),) * int(rng.random() < 0.3),
    )
    k = int(rng.integers(1, 20))
    check(policy, index, query, k, impressions=shown, batch_size=int(rng.integers(1, 20)))
    by_function = policy.apply(
        index, query, k, impressions=lambda ids: [shown.get(id, 0) for id in ids.tolist()]
    )
    mapped = policy.apply(index, query, k, impressions=shown)
    assert by_function.ids.tolist() == mapped.ids.tolist()
    assert by_function.scores.tobytes() == mapped.scores.tobytes()


@over_seeds(100)
def test_a_callers_scores_are_those_of_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index, query = random_index(rng)

    def rescore(ids: Any, distances: Any, scores: Any) -> Any:
        return (ids % 7).astype(float) - 3 + scores * (distances < 1)

    policy = Policy(
        rescore=rescore,
        boosts=random_boosts(rng),
        caps=(Cap("artist", 1),) * int(rng.random() < 0.5),
        pool=int(rng.integers(1, 30)),
    )
    check(
        policy, index, query, int(rng.integers(1, 8)),
        now=NOW.astype(datetime.datetime), batch_size=int(rng.integers(1, 20)),
    )  # fmt: skip


def test_a_boost_lies_between_nothing_and_its_weight() -> None:
    index = flat(quality=[-9.0, 1.0, 2.0, 3.0, 99.0, None, float("nan")])
    policy = Policy(boosts=(Boost("quality", 0.5, between=(1, 3)),))
    result = policy.apply(index, [0.0], 7)
    assert result.ids.tolist() == [3, 4, 2, 0, 1, 5, 6]  # of equals the nearest, here the first
    assert result.scores.tolist() == [1.5, 1.5, 1.25, 1, 1, 1, 1]
    assert result.explanations[2].effects[1] == ("boost", 0.25, "quality = 2.0: 0.5 of 0.5")
    assert result.explanations[-1].effects[1] == ("boost", 0.0, "quality is null")


def test_recency_halves_with_every_half_life_and_null_is_old() -> None:
    ages = [0, 30, 60, -5, None]
    released = [None if age is None else NOW - np.timedelta64(age, "D") for age in ages]
    index = flat(released=[*released, np.datetime64("NaT", "us")])
    policy = Policy(boosts=(Recency("released", half_life_days=30, weight=0.4),))
    zone = datetime.timezone(datetime.timedelta(hours=5))
    for now in (
        NOW,
        NOW.astype("datetime64[ns]"),
        datetime.datetime(2026, 11, 27, 12),
        datetime.datetime(2026, 11, 27, 17, tzinfo=zone),
    ):
        result = policy.apply(index, [0.0], 6, now=now)
        assert result.ids.tolist() == [0, 3, 1, 2, 4, 5]
        assert result.scores.tolist() == [1.4, 1.4, 1.2, 1.1, 1, 1]


def test_popularity_damps_by_the_logarithm() -> None:
    index = flat(plays=[999, 10**9, 0, -5, None, 31])
    result = Policy(boosts=(Popularity("plays", 0.3, most=999),)).apply(index, [0.0], 6)
    assert result.ids.tolist() == [2, 3, 4, 5, 0, 1]
    expected = 1 - 0.3 * np.log(32) / np.log(1000)
    np.testing.assert_allclose(result.scores, [1, 1, 1, expected, 0.7, 0.7], atol=1e-15)
    assert result.explanations[-1].effects[1].words == "plays = 1000000000: 1 of -0.3"


def test_the_sum_of_boosts_is_held_in_its_range() -> None:
    index = flat(a=[0.0, 1.0, 1.0], b=[0.0, 0.0, 1.0])
    policy = Policy(boosts=(Boost("a", 0.2), Boost("b", 0.5)), boost_range=(0.1, 0.4))
    result = policy.apply(index, [0.0], 3)
    assert result.ids.tolist() == [2, 1, 0]
    np.testing.assert_allclose(result.scores, [1.4, 1.2, 1.1])
    step, change, words = result.explanations[0].effects[-1]
    assert (step, words) == ("range", "boosts of +0.7 together are held at +0.4")
    assert change == pytest.approx(-0.3)


def test_what_was_shown_sinks_and_says_how_often() -> None:
    index = line(x=[0.0] * 4)
    policy = Policy(impressions=Impressions(gamma=1))
    result = policy.apply(index, [0.0], 4, impressions={0: 1, 1: 3})
    assert result.ids.tolist() == [0, 2, 1, 3]
    np.testing.assert_allclose(result.scores, [0.5, 0.2, 0.125, 0.1])
    last = result.explanations[0].effects[-1]
    assert last == ("impressions", -0.5, "impressions = 1: times 0.5")
    assert [len(each.effects) for each in result.explanations] == [2, 1, 2, 1]
    # A score below 0 is lowered as well, not brought nearer to 0.
    index = flat(x=[1.0, 1.0])
    policy = Policy(boosts=(Boost("x", -3.0),), impressions=Impressions(gamma=1))
    result = policy.apply(index, [0.0], 2, impressions={0: 1})
    assert (result.ids.tolist(), result.scores.tolist()) == ([1, 0], [-2, -3])


def test_impressions_are_asked_for_once_for_each_candidate() -> None:
    asked: list[int] = []

    def counts(ids: Any) -> Any:
        asked.extend(ids.tolist())
        ids[:] = 0  # a copy: nobody else sees it
        return np.ones(len(ids), dtype=np.int32)

    policy = Policy(impressions=Impressions(0.5))
    result = policy.apply(line(x=[0.0] * 50), [0.0], 5, impressions=counts, batch_size=4)
    assert result.ids.tolist() == [0, 1, 2, 3, 4]
    assert asked == list(range(len(asked)))


def test_a_callers_function_sees_the_pool_and_has_the_last_word_on_scores() -> None:
    seen: list[int] = []

    def backwards(ids: Any, distances: Any, scores: Any) -> Any:
        seen.append(len(ids))
        assert ids.dtype == np.uint64
        assert distances.dtype == np.float32
        np.testing.assert_allclose(scores, 1 / (1 + distances))
        ids[:] = distances[:] = scores[:] = 0  # copies: nobody else sees it
        return np.arange(len(seen) and seen[-1])

    index = line(artist=["X"] * 100 + ["Y"] * 900)
    result = Policy(rescore=backwards, pool=10).apply(index, [0.0], 3)
    assert result.ids.tolist() == [9, 8, 7]
    assert result.distances.tolist() == [81, 64, 49]
    assert result.scores.tolist() == [9, 8, 7]
    assert result.explanations[0].effects[-1][::2] == ("rescore", "0.0122 became 9")
    # Caps that the pool cannot satisfy make it grow, up to 500.
    result = Policy(rescore=backwards, caps=(Cap("artist", 2),)).apply(index, [0.0], 3)
    assert seen == [10, 100, 200]
    assert result.ids.tolist() == [199, 198, 99]
    result = Policy(rescore=backwards, caps=(Cap("artist", 1),)).apply(index, [0.0], 3)
    assert seen[3:] == [100, 200, 400, 500]
    assert (result.reason, result.complete, len(result)) == ("budget", False, 2)
    assert "the largest pool, 500 candidates, was looked at" in str(result.sentence)
    assert Policy(rescore=backwards).apply(line(x=[]), [0.0], 3).reason == "exhausted"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1.0, 2.0], "rescore gave an array of float64 and shape (2,); expected one number for"),
        (1.0, "rescore gave an array of float64 and shape (); expected one number for each of"),
        ([1.0, np.nan, 2.0], "rescore gave nan in place 1; expected finite numbers"),
        ([1.0, 2.0, -np.inf], "rescore gave -inf in place 2; expected finite numbers"),
        (["a", "b", "c"], "rescore gave an array of <U1 and shape (3,); expected one number"),
    ],
)
def test_a_callers_function_has_to_give_a_number_for_each(given: Any, message: str) -> None:
    policy = Policy(rescore=lambda ids, distances, scores: given)
    with pytest.raises(nf.errors.InvalidInput) as error:
        policy.apply(line(x=[0.0] * 3), [0.0], 2)
    assert str(error.value).startswith(message)
    policy = Policy(impressions=Impressions(1))
    with pytest.raises(nf.errors.InvalidInput) as error:
        policy.apply(line(x=[0.0] * 3), [0.0], 2, impressions=lambda ids: given)
    assert str(error.value).startswith(message.replace("rescore", "impressions"))
