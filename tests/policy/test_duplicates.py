"""What is blocked, and of copies all but the nearest, go before anybody is scored."""

from __future__ import annotations

import nearfield as nf
import numpy as np
import pytest
from nearfield.policy import Boost, Duplicates, Policy

from tests.policy.cases import check, over_seeds, random_index
from tests.policy.retriever import FakeIndex


@over_seeds(300)
def test_copies_are_those_of_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index, query = random_index(rng)
    column = str(rng.choice(["recording", "artist", "cluster"])) if rng.random() < 0.6 else None
    cosine = float(rng.choice([0.5, 0.9, 0.995, 1.0])) if column is None or seed % 2 else None
    blocked = {"artist": {"X", "W"}, "tags": {"live"}, "cluster": {0}}
    names = [name for name in blocked if rng.random() < 0.3]
    check(
        Policy(duplicates=Duplicates(column, cosine)),
        index,
        query,
        int(rng.integers(1, 40)),
        blocked={name: blocked[name] for name in names},
        batch_size=int(rng.integers(1, 30)),
    )


def test_of_copies_the_nearest_stays_and_the_others_say_of_what() -> None:
    vectors = [[1, 0], [2, 0], [1, 0.01], [0, 1], [0, 3], [0, 0], [0, 0]]
    index = FakeIndex(vectors, {"recording": ["a", "b", "c", "d", None, None, "a"]})
    result = Policy(duplicates=Duplicates(min_cosine=0.999)).apply(index, [1.0, 0.0], 7)
    assert result.ids.tolist() == [0, 3, 5, 6]  # zero vectors are nobody's copy
    assert [str(each) for each in result.dropped] == [
        "1: duplicate: duplicate of 0 (cosine 1.0000)",
        "2: duplicate: duplicate of 0 (cosine 1.0000)",
        "4: duplicate: duplicate of 3 (cosine 1.0000)",
    ]
    assert result.reason == "exhausted"
    assert result.sentence == (
        "k is 7, but there are 4 hits: the filters allow 7 candidates, of which 3 were copies"
    )
    result = Policy(duplicates=Duplicates("recording")).apply(index, [1.0, 0.0], 7)
    assert result.ids.tolist() == [0, 1, 2, 3, 4, 5]
    assert str(result.dropped[0]) == "6: duplicate: recording = 'a', as 0"
    assert index.asked_vectors == 1  # by the first alone


def test_a_copy_stays_one_where_a_boost_would_have_put_it_first() -> None:
    index = FakeIndex([[1, 0], [1, 1e-3]], {"quality": [0.0, 1.0]})
    policy = Policy(duplicates=Duplicates(min_cosine=0.99), boosts=(Boost("quality", 0.5),))
    assert policy.apply(index, [1.0, 0.0], 1).ids.tolist() == [0]


def test_exact_copies_have_cosine_one_in_every_space(rng: np.random.Generator) -> None:
    base = (rng.normal(size=(40, 33)) * 10.0 ** rng.uniform(-15, 15, (40, 1))).astype(np.float32)
    policy = Policy(duplicates=Duplicates(min_cosine=1))
    for space in nf.Space:
        index = FakeIndex(np.concatenate([base, base * 2, base]), space=space)
        result = policy.apply(index, base[0], 200, batch_size=17)
        assert len(result) == 40
        assert result.counts.duplicate == 80


def test_blocked_values_are_seen_in_no_hit_and_null_is_never_blocked() -> None:
    index = FakeIndex(
        np.arange(8)[:, np.newaxis],
        {
            "artist": ["X", "Y", None, "X", "Z", "Y", "X", "Z"],
            "tags": [("a",), ("b", "c"), (), None, ("c",), ("a", "b"), (), ("d",)],
            "cluster": np.array([1, 2, 3, 4, 5, 6, 7, 8], dtype=np.int32),
        },
        nf.Space.Euclidean,
    )
    result = Policy().apply(
        index, [0.0], 8, blocked={"artist": ["X"], "tags": {"c", "nothing"}, "cluster": (8,)}
    )
    assert result.ids.tolist() == [2, 5]
    assert [tuple(each) for each in result.dropped] == [
        (0, "blocked", "artist = 'X' is blocked"),
        (1, "blocked", "tags = 'c' is blocked"),
        (3, "blocked", "artist = 'X' is blocked"),
        (4, "blocked", "tags = 'c' is blocked"),
        (6, "blocked", "artist = 'X' is blocked"),
        (7, "blocked", "cluster = 8 is blocked"),
    ]
    assert Policy().apply(index, [0.0], 8, blocked={"artist": [None]}).ids.tolist() == [*range(8)]
    assert Policy().apply(index, [0.0], 3, blocked={}).counts.pulled == 3


def test_the_blocks_of_comparisons_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    index, query = random_index(np.random.default_rng(8), 400)
    policy = Policy(duplicates=Duplicates(min_cosine=0.995))
    whole = policy.apply(index, query, 400)
    assert 20 < len(whole) < 300
    monkeypatch.setattr("nearfield.policy.sieve._BLOCK", 7)
    parts = policy.apply(index, query, 400)
    assert parts.ids.tobytes() == whole.ids.tobytes()
    assert parts.dropped == whole.dropped


def test_a_copy_of_what_is_blocked_is_none() -> None:
    index = FakeIndex([[1, 0], [1, 0]], {"artist": ["X", "Y"]})
    policy = Policy(duplicates=Duplicates(min_cosine=0.9))
    assert policy.apply(index, [1.0, 0.0], 2, blocked={"artist": {"X"}}).ids.tolist() == [1]
