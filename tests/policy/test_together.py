"""All steps at once against plain Python, and what holds whatever a policy says."""

from __future__ import annotations

import copy
import datetime
import pickle
from typing import Any

import nearfield as nf
import numpy as np
from nearfield.policy import (
    Boost,
    Cap,
    Diversity,
    Duplicates,
    Impressions,
    MinDistinct,
    Policy,
    Popularity,
    Quota,
    Recency,
)

from tests.policy.cases import NOW, check, over_seeds, random_index
from tests.policy.retriever import FakeIndex


def half_and_half(ids: Any, distances: Any, scores: Any) -> Any:
    return scores / 2 + (ids % 5) / 10 - (distances > 1)


def random_policy(rng: np.random.Generator) -> Policy:
    def perhaps(part: Any, chance: float = 0.5) -> Any:
        return part if rng.random() < chance else None

    def several(*parts: Any) -> Any:
        return tuple(part for part in parts if rng.random() < 0.4)

    cosine = float(rng.choice([0.9, 0.99, 1.0]))
    return Policy(
        duplicates=perhaps(Duplicates(perhaps("recording"), cosine)),
        boosts=several(
            Boost("quality", 0.2, between=(0, 3)),
            Boost("tags", -0.1, values=("live",)),
            Recency("released", 20, 0.3),
            Popularity("plays", 0.2, 5_000),
        ),
        boost_range=perhaps((-0.05, 0.25), 0.3),
        rescore=perhaps(half_and_half, 0.25),
        caps=several(Cap("artist", int(rng.integers(1, 4))), Cap("tags", share=0.4)),
        quotas=several(Quota("interest", {"jazz": 0.4, "folk": 0.25})),
        min_distinct=several(MinDistinct("cluster", 2)),
        diversity=perhaps(Diversity(float(rng.choice([0.2, 0.7, 1.0])))),
        impressions=perhaps(Impressions(0.7)),
        pool=perhaps(int(rng.integers(1, 40))),
        distance_scale=float(rng.choice([0.5, 1, 5])),
    )


def random_request(rng: np.random.Generator, index: FakeIndex) -> dict[str, Any]:
    return {
        "now": NOW.astype(datetime.datetime),
        "impressions": {id: int(rng.integers(0, 4)) for id in index.ids.tolist()},
        "blocked": {"artist": {"W"}} if rng.random() < 0.3 else {},
        "max_candidates": int(rng.choice([5, 25, 2_000])),
    }


@over_seeds(400)
def test_all_steps_together_are_those_of_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index, query = random_index(rng)
    request = random_request(rng, index)
    batch_size = int(rng.integers(1, 30)) if rng.random() < 0.7 else None
    check(
        random_policy(rng), index, query, int(rng.integers(0, 15)), batch_size=batch_size, **request
    )


@over_seeds(60)
def test_the_size_of_batches_does_not_show(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index, query = random_index(rng)
    policy, request, k = random_policy(rng), random_request(rng, index), int(rng.integers(1, 12))
    results = [
        policy.apply(index, query, k, batch_size=size, **request) for size in (1, 4, 13, 1_000)
    ]
    for result in results[1:]:
        assert result.ids.tobytes() == results[0].ids.tobytes()
        assert result.distances.tobytes() == results[0].distances.tobytes()
        assert result.explanations == results[0].explanations
        assert result.reason == results[0].reason
        assert result.sentence == results[0].sentence
    assert [result.counts.pulled for result in results] == sorted(
        result.counts.pulled for result in results
    )


@over_seeds(40)
def test_a_policy_never_changes_and_can_be_sent_elsewhere(seed: int) -> None:
    rng = np.random.default_rng(seed)
    policy = random_policy(rng)
    assert pickle.loads(pickle.dumps(policy)) == policy == copy.deepcopy(policy)
    assert hash(policy) == hash(copy.deepcopy(policy))
    index, query = random_index(rng, 30)
    request = random_request(rng, index)
    before, shown = repr(policy), dict(request["impressions"])
    first, again = (policy.apply(index, query, 8, **request) for _ in range(2))
    assert first.ids.tobytes() == again.ids.tobytes()
    assert first.scores.tobytes() == again.scores.tobytes()
    assert first.dropped == again.dropped
    assert repr(policy) == before
    assert request["impressions"] == shown
    returned = pickle.loads(pickle.dumps(first))
    assert str(returned) == str(first)


def test_columns_are_asked_for_once_and_by_name_alone() -> None:
    index, query = random_index(np.random.default_rng(3), 40)
    policy = Policy(
        duplicates=Duplicates("recording"),
        boosts=(Boost("quality", 0.1), Boost("local", 0.1)),
        caps=(Cap("artist", 2),),
        quotas=(Quota("interest", {"jazz": 0.5}),),
        min_distinct=(MinDistinct("artist", 2),),
    )
    policy.apply(index, query, 5, blocked={"tags": {"remix"}})
    names = ["tags", "quality", "local", "artist", "interest", "recording"]
    assert index.asked_columns[0] == names
    assert index.asked_vectors == 0


def test_a_result_prints_as_a_table() -> None:
    index = FakeIndex(
        [[1, 0], [1, 0.01], [0.8, 0.6], [0.6, 0.8], [0, 1]],
        {"artist": ["X", "X", "X", "Y", None], "quality": [0.0, 1.0, 0.5, 0.0, 1.0]},
        nf.Space.Euclidean,
        ids=[11, 22, 33, 44, 55],
    )
    policy = Policy(
        boosts=(Boost("quality", 0.1),),
        caps=(Cap("artist", 1),),
        diversity=Diversity(0.5),
        impressions=Impressions(1),
    )
    result = policy.apply(index, [1.0, 0.0], 4, impressions={55: 1})
    assert str(result).splitlines() == [
        "place  id  distance  similarity    boost  diversity  impressions   score",
        "    1  22    0.0001     +0.9999  +0.1000    -0.0500      +0.0000  1.0500",
        "    2  44       0.8     +0.5556  +0.0000    -0.1798      +0.0000  0.3758",
        "    3  55         2     +0.3333  +0.1000    -0.1667      -0.1333  0.1333",
        "batches 1, pulled 5, cap 2, hits 3",
        "k is 4, but there are 3 hits: a cap allows 1 with one artist, and the other candidates "
        "have one of the 2 values that are full",
    ]
    assert repr(result) == "<nearfield.PolicyResult 3 hits of 5 pulled, short for 'cap'>"
    assert str(result.explanations[2]).splitlines() == [
        "55: place 3, 5 by distance",
        "  similarity    +0.3333  at distance 2",
        "  boost         +0.1000  quality = 1.0: 1 of 0.1",
        "  cap                    artist is null: not capped",
        "  diversity     -0.1667  cosine 0.8000 to 44, weight 0.5",
        "  impressions   -0.1333  impressions = 1: times 0.5",
        "  score          0.1333",
    ]
