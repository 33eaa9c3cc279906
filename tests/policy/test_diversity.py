"""Maximal marginal relevance against plain Python, in every space."""

from __future__ import annotations

import nearfield as nf
import numpy as np
import pytest
from nearfield.policy import Cap, Diversity, Policy

from tests.policy.cases import SPACES, check, over_seeds, random_index
from tests.policy.retriever import FakeIndex


@over_seeds(300)
def test_diversity_is_that_of_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index, query = random_index(rng)
    policy = Policy(
        diversity=Diversity(float(rng.choice([0, 0.3, 0.5, 0.9, 1]))),
        pool=None if rng.random() < 0.3 else int(rng.integers(1, 30)),
    )
    k, budget = int(rng.integers(0, 12)), int(rng.choice([9, 30, 1_000]))
    batch_size = int(rng.integers(1, 20))
    check(policy, index, query, k, batch_size=batch_size, max_candidates=budget)


def test_the_second_hit_is_another_than_the_first() -> None:
    index = FakeIndex([[1, 0], [1, 0.01], [0.8, 0.6], [0, 1], [-1, 0]])
    query = [1.0, 0.0]
    assert Policy(diversity=Diversity(0.9)).apply(index, query, 3).ids.tolist() == [0, 1, 2]
    result = Policy(diversity=Diversity(0.45)).apply(index, query, 3)
    assert result.ids.tolist()[:2] == [0, 4]
    none, opposite = (each.effects[-1] for each in result.explanations[:2])
    assert none.words == "nothing in common with the hits before it, weight 0.45"
    assert none.change == pytest.approx(0)
    assert opposite.words == none.words
    angles = np.radians([20, 22, -25])  # the second nearest is like the nearest
    index = FakeIndex(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    result = Policy(diversity=Diversity(0.6)).apply(index, query, 2)
    assert result.ids.tolist() == [0, 2]
    assert result.explanations[1].effects[-1].words == "cosine 0.7071 to 0, weight 0.6"
    near, alike = (1 + np.cos(np.radians(25))) / 2, (1 + np.cos(np.radians(45))) / 2
    assert result.scores[1] == pytest.approx(0.6 * near + 0.4 * (1 - alike))


@pytest.mark.parametrize("space", SPACES)
def test_of_equals_the_nearest_comes_first(space: nf.Space) -> None:
    vectors = np.tile([[3.0, 4.0]], (150, 1))
    for weight in (0.0, 0.4, 0.999):
        result = Policy(diversity=Diversity(weight), pool=120).apply(
            FakeIndex(vectors, space=space), [1.0, 1.0], 60
        )
        assert result.ids.tolist() == list(range(60))


def test_lengths_do_not_matter_but_directions_do(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(60, 5))
    lengths = 10.0 ** rng.uniform(-12, 12, (60, 1))
    policy = Policy(diversity=Diversity(0.5))
    plain = policy.apply(FakeIndex(vectors), [1, 2, 3, 4, 5], 20)
    scaled = policy.apply(FakeIndex(vectors * lengths), [1, 2, 3, 4, 5], 20)
    assert plain.ids.tolist() == scaled.ids.tolist()


def test_the_pool_bounds_what_diversity_sees(rng: np.random.Generator) -> None:
    index = FakeIndex(rng.normal(size=(3_000, 4)), {"artist": ["X"] * 2_500 + ["Y"] * 500})
    query = rng.normal(size=4)
    _, order = index.nearest(query), index.nearest(query).ids
    for pool, size in ((None, 100), (40, 40), (3, 10)):
        index.batches = 0
        result = Policy(diversity=Diversity(0.1), pool=pool).apply(index, query, 10)
        assert result.counts.pulled == size
        assert index.batches == 1
        assert set(result.ids.tolist()) <= set(order[:size].tolist())
        assert result.complete
    # What fills no places makes the pool grow, up to 2,000 and no farther.
    only = Policy(diversity=Diversity(0.5), caps=(Cap("artist", 1),))
    result = only.apply(index, query, 3, max_candidates=3_000)
    assert (result.reason, len(result), result.counts.pulled) == ("budget", 2, 2_000)
    assert result.sentence == (
        "k is 3, but there are 2 hits: the largest pool, 2,000 candidates, was looked at; rules "
        "stopped 1,998 of them. Loosen the rules, or ask for fewer"
    )
    assert only.apply(index, query, 3, max_candidates=50).counts.pulled == 50
