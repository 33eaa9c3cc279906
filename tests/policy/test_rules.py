"""Caps, shares, quotas and minima against plain Python, and why they leave places empty."""

from __future__ import annotations

from collections import Counter
from typing import Any

import nearfield as nf
import numpy as np
from nearfield.policy import Cap, MinDistinct, Policy, Quota

from tests.policy.cases import check, over_seeds, random_index
from tests.policy.oracle import divide, groups
from tests.policy.retriever import FakeIndex


def on_a_line(**columns: list[Any]) -> FakeIndex:
    """Rows whose order of retrieval, from the origin, is that of insertion."""
    rows = len(next(iter(columns.values())))
    return FakeIndex(np.arange(rows)[:, np.newaxis], columns, nf.Space.Euclidean)


def random_caps(rng: np.random.Generator) -> tuple[Cap, ...]:
    caps = []
    for column in ("artist", "cluster", "tags"):
        most = int(rng.integers(1, 5)) if rng.random() < 0.5 else None
        share = float(rng.choice([0.05, 0.2, 0.25, 0.29, 1.0])) if rng.random() < 0.5 else None
        if most is not None or share is not None:
            caps.append(Cap(column, most, share))
    return tuple(caps)


def random_quota(rng: np.random.Generator, column: str = "interest") -> Quota:
    shares = rng.dirichlet([1, 1, 1, 1]).round(2) * rng.choice([0.9, 1])
    named = {"interest": ["jazz", "folk", "pop"], "cluster": [0, 1, 2]}[column]
    pairs = zip(named, shares.tolist(), strict=False)
    return Quota(column, {name: share for name, share in pairs if share > 0} or {named[0]: 1})


@over_seeds(300)
def test_caps_are_those_of_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index, query = random_index(rng)
    policy, k = Policy(caps=random_caps(rng)), int(rng.integers(0, 60))
    truth = check(policy, index, query, k)
    for cap in policy.caps:  # and once more without the oracle
        found = Counter(
            group for value in index.values(truth.ids, cap.column) for group in groups(value)
        )
        assert max(found.values(), default=0) <= cap.most_of(k)


@over_seeds(300)
def test_quotas_are_those_of_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index, query = random_index(rng)
    quotas = [random_quota(rng)] + [random_quota(rng, "cluster")] * int(rng.random() < 0.3)
    check(Policy(quotas=tuple(quotas)), index, query, int(rng.integers(0, 40)))


@over_seeds(300)
def test_minima_are_those_of_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index, query = random_index(rng)
    minima = [MinDistinct("artist", int(rng.integers(1, 7)))]
    if rng.random() < 0.4:
        minima.append(MinDistinct("cluster", int(rng.integers(1, 4))))
    truth = check(Policy(min_distinct=tuple(minima)), index, query, k := int(rng.integers(0, 20)))
    if truth.reason is None:
        for minimum in minima:
            found = set(index.values(truth.ids, minimum.column)) - {None}
            assert len(found) >= min(minimum.least, k)


@over_seeds(300)
def test_rules_together_are_those_of_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index, query = random_index(rng)
    policy = Policy(
        caps=random_caps(rng),
        quotas=(random_quota(rng),) * int(rng.random() < 0.5),
        min_distinct=(MinDistinct("artist", 3),) * int(rng.random() < 0.5),
    )
    check(policy, index, query, int(rng.integers(1, 20)), max_candidates=int(rng.integers(1, 60)))


def test_places_are_divided_by_largest_remainder(rng: np.random.Generator) -> None:
    for _ in range(300):
        quota, k = random_quota(rng), int(rng.integers(0, 50))
        places = quota.places(k)
        assert sum(places.values()) == k
        places["(others)"] = places.pop(None)
        assert places == divide(dict(quota.shares), k)
        for value, share in quota.shares:
            assert abs(places[value] - share * k) < 1


def test_of_equal_remainders_the_one_named_first_gets_the_place() -> None:
    assert Quota("x", {"b": 0.25, "a": 0.25}).places(2) == {"b": 1, "a": 0, None: 1}
    assert Quota("x", {"b": 0.5, "a": 0.5}).places(3) == {"b": 2, "a": 1, None: 0}
    assert Quota("x", {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}).places(10)["a"] == 4
    assert Quota("x", {"a": 0.29, "b": 0.71}).places(100) == {"a": 29, "b": 71, None: 0}


def test_three_artists_and_a_cap_of_two_give_six() -> None:
    index = on_a_line(artist=["X", "Y", "Z"] * 20)
    result = Policy(caps=(Cap("artist", most=2),)).apply(index, [0.0], 10)
    assert result.ids.tolist() == [0, 1, 2, 3, 4, 5]
    assert (result.reason, result.complete) == ("cap", True)
    assert result.sentence == (
        "k is 10, but there are 6 hits: a cap allows 2 with one artist, and the other candidates "
        "have one of the 3 values that are full"
    )
    assert result.dropped[0] == (6, "cap", "artist = 'X' has 2 of 2")
    assert result.counts.cap == 54


def test_a_share_is_of_what_was_asked_for_and_never_nothing() -> None:
    index = on_a_line(artist=["X"] * 10 + ["Y"] * 10)
    quarter = Policy(caps=(Cap("artist", share=0.25),))
    assert quarter.apply(index, [0.0], 10).ids.tolist() == [0, 1, 10, 11]
    assert quarter.apply(index, [0.0], 3).ids.tolist() == [0, 10]
    assert quarter.apply(index, [0.0], 10).reason == "cap"


def test_a_quota_leaves_its_places_empty_and_says_which() -> None:
    index = on_a_line(interest=["jazz", "jazz", "folk", None, "folk", "folk", "folk", "pop"] * 2)
    policy = Policy(quotas=(Quota("interest", {"folk": 0.3, "blues": 0.5}),))
    result = policy.apply(index, [0.0], 10)
    assert result.ids.tolist() == [0, 1, 2, 4, 5]  # two others, three of folk
    assert result.reason == "quota"
    assert "interest = 'blues' has 0 of 5" in str(result.sentence)
    assert result.dropped[0] == (3, "quota", "any other interest has 2 of 2")
    said = [effect.words for each in result.explanations for effect in each.effects[1:]]
    assert said[2] == "interest = 'folk' has 1 of 3"


def test_a_minimum_keeps_the_last_places() -> None:
    index = on_a_line(artist=["X", "X", None, "X", "X", "Y", "Y", "Z", "W"])
    policy = Policy(min_distinct=(MinDistinct("artist", 3),))
    assert policy.apply(index, [0.0], 5).ids.tolist() == [0, 1, 2, 5, 7]
    assert policy.apply(index, [0.0], 2).ids.tolist() == [0, 5]  # as many as there are places
    result = Policy(min_distinct=(MinDistinct("artist", 6),)).apply(index, [0.0], 7)
    assert result.ids.tolist() == [0, 1, 5, 7, 8]
    assert result.reason == "distinct"
    assert "artist has 4 different of at least 6" in str(result.sentence)


def test_null_has_no_group() -> None:
    index = on_a_line(
        artist=[None, None, None, "X", "X", "X"],
        mark=[float("nan")] * 3 + [1.0, 1.0, 1.0],
        tags=[(), None, (), ("a", "b"), ("b", "c"), ("c",)],
    )
    for column, ids in (
        ("artist", [0, 1, 2, 3]),
        ("mark", [0, 1, 2, 3]),
        ("tags", [0, 1, 2, 3, 5]),
    ):
        assert Policy(caps=(Cap(column, most=1),)).apply(index, [0.0], 6).ids.tolist() == ids
    others = Policy(quotas=(Quota("artist", {"X": 0.5}),)).apply(index, [0.0], 4)
    assert others.ids.tolist() == [0, 1, 3, 4]


def test_the_rule_that_stops_most_is_the_reason() -> None:
    index = on_a_line(artist=["X", "X", "X", "Y"], cluster=[0, 0, 0, 0])
    policy = Policy(caps=(Cap("artist", most=1),), min_distinct=(MinDistinct("cluster", 2),))
    result = policy.apply(index, [0.0], 3)
    assert (result.counts.cap, result.counts.distinct) == (2, 0)
    assert result.reason == "cap"
    policy = Policy(caps=(Cap("artist", most=2),), min_distinct=(MinDistinct("cluster", 2),))
    result = policy.apply(index, [0.0], 2)
    assert (result.counts.cap, result.counts.distinct, result.reason) == (0, 3, "distinct")
