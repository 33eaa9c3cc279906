"""Random indexes for the tests of policies: small, with many ties, nulls and copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nearfield as nf
import numpy as np

from tests.policy.oracle import Expected, expected
from tests.policy.retriever import FakeIndex, as_column

NOW = np.datetime64("2026-11-27T12:00", "us")
SPACES = list(nf.Space)


def over_seeds(count: int) -> Callable[[Callable[[int], None]], Callable[[], None]]:
    """Run a test with so many seeds; an error says with which."""

    def decorate(test: Callable[[int], None]) -> Callable[[], None]:
        def run() -> None:
            for seed in range(count):
                try:
                    test(seed)
                except BaseException as error:
                    error.add_note(f"with seed {seed}")
                    raise

        run.__name__ = test.__name__
        return run

    return decorate


def some(rng: np.random.Generator, values: list[Any], rows: int, null_share: float) -> Any:
    chosen = [values[number] for number in rng.integers(len(values), size=rows)]
    return as_column([None if rng.random() < null_share else value for value in chosen], values[0])


def random_index(
    rng: np.random.Generator, rows: int | None = None, *, by_key: bool = False
) -> tuple[FakeIndex, Any]:
    """An index and a query. Half of the indexes lie on a grid, where many distances are equal."""
    rows = int(rng.integers(0, 50)) if rows is None else rows
    if rng.random() < 0.5:
        vectors = rng.integers(-1, 2, size=(rows, 3)).astype(np.float32)
    else:
        vectors = rng.normal(size=(rows, 3)).astype(np.float32)
    null_share = float(rng.choice([0.0, 0.2, 0.6]))
    days = rng.integers(-5, 90, size=max(rows, 1))
    dates = [NOW - np.timedelta64(int(day), "D") for day in days]
    tags = [(), ("live",), ("live", "solo"), ("solo",), ("remix", "live"), ("solo", "solo")]
    columns: dict[str, Any] = {
        "artist": some(rng, ["X", "Y", "Z", "W"], rows, null_share),
        "cluster": some(rng, [0, 1, 2], rows, null_share),
        "interest": some(rng, ["jazz", "folk", "pop"], rows, null_share),
        "recording": some(rng, list(range(20)), rows, null_share),
        "tags": some(rng, tags, rows, null_share),
        "released": some(rng, dates, rows, null_share),
        "plays": some(rng, [-3, 0, 10, 999, 5_000], rows, null_share),
        "quality": some(rng, [-1.0, 0.25, 0.5, 3.0, float("nan")], rows, null_share),
        "local": some(rng, [True, False], rows, null_share),
    }
    space = SPACES[int(rng.integers(3))]
    ids = rng.permutation(1_000)[:rows].tolist()
    if by_key:
        ids = [f"key {id}" for id in ids]
    query = rng.normal(size=3).astype(np.float32)
    if rows == 0:
        vectors = np.empty((0, 3), dtype=np.float32)
    return FakeIndex(vectors, columns, space, ids), query


def check(policy: Any, index: FakeIndex, query: Any, k: int, **request: Any) -> Expected:
    """Compare a result with the oracle's, and with what every result promises."""
    batch_size = request.pop("batch_size", None)
    truth = expected(policy, index, query, k, **request)
    request.setdefault("now", NOW)
    request.setdefault("impressions", {})
    result = policy.apply(index, query, k, batch_size=batch_size, **request)
    assert result.ids.tolist() == truth.ids
    np.testing.assert_allclose(result.scores, truth.scores, atol=1e-12)
    assert result.reason == truth.reason
    assert (result.sentence is None) == (result.reason is None)
    rows, distances = index.nearest(query)
    place_of = {id: place for place, id in enumerate(index.ids[rows].tolist())}
    found = distances[[place_of[id] for id in truth.ids]]
    assert result.distances.tobytes() == found.tobytes()
    assert (np.diff(result.scores) <= 0).all()
    for each, id, score in zip(result.explanations, truth.ids, result.scores, strict=True):
        assert each.id == id
        assert each.score == score
        assert abs(sum(effect.change for effect in each.effects) - score) < 1e-9
    counts = result.counts._asdict()
    assert sum(counts.values()) - counts["batches"] == 2 * counts["pulled"]
    assert counts["left"] >= 0
    assert counts["hits"] == len(result)
    # What was dropped before everything was settled is dropped for the same reason.
    assert {(each.id, each.step) for each in result.dropped} <= set(truth.dropped)
    if truth.reason is not None:
        assert {(each.id, each.step) for each in result.dropped} == set(truth.dropped)
    assert str(result).count("\n") >= len(result)
    return truth
