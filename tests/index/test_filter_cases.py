"""Random filtered queries against brute force, a few of what tests/proof.py makes many of."""

from __future__ import annotations

from collections.abc import Callable

import nearfield as nf
import numpy as np
import pytest

from tests.index import filter_cases
from tests.index.filter_oracle import Answer, Ask, Kind, Sets, Spec, answer

Spoil = Callable[[Answer], Answer]


def test_random_filters_are_answered_as_brute_force_would() -> None:
    report = filter_cases.run(8000, seed=3, many_rows=3000)
    assert report["findings"] == []
    assert report["queries"] >= 8000
    assert report["on many rows"] >= 800


def _swap(found: Answer) -> Answer:
    ids, distances = found.ids.copy(), found.distances.copy()
    ids[:, [0, 1]] = ids[:, [1, 0]]
    distances[:, [0, 1]] = distances[:, [1, 0]]
    return found._replace(ids=ids, distances=distances)


def _drop(found: Answer) -> Answer:
    ids, distances = found.ids.copy(), found.distances.copy()
    ids[:, -1], distances[:, -1] = nf.NO_ID, np.inf
    return found._replace(ids=ids, distances=distances, counts=found.counts - 1)


def _set_id(id: int) -> Spoil:
    def spoil(found: Answer) -> Answer:
        ids = found.ids.copy()
        ids[0, 0] = id
        return found._replace(ids=ids)

    return spoil


def _one_bit_off(found: Answer) -> Answer:
    distances = found.distances.copy()
    distances[0, 1] = np.nextafter(distances[0, 1], np.float32(np.inf))
    return found._replace(distances=distances)


SPOILT: list[tuple[str, str, Spoil]] = [
    ("an id that is left out", "G1: an id that is left out", _set_id(1)),
    ("an id that is gone", "G1: an id that is not live", _set_id(4)),
    ("an id of nobody", "G1: an id that is not live", _set_id(10**6)),
    ("one too few", "G2", _drop),
    ("padding in its midst", "padding", _set_id(nf.NO_ID)),
    ("another order", "G3: out of order", _swap),
    ("one bit of a distance", "G3: a distance", _one_bit_off),
    ("an id twice", "an id twice", lambda found: found._replace(
        ids=np.repeat(found.ids[:, :1], 5, 1))),
    ("the second nearest", "G4", lambda found: Answer(
        found.ids[:, 1:], found.distances[:, 1:], found.counts - 1, found.report)),
    ("a wrong count", "a count of what is allowed", lambda found: found._replace(
        report=found.report + np.array([0, 1] + [0] * 8, dtype=np.uint64))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "words", "spoil"), SPOILT, ids=[one[0] for one in SPOILT])
def test_what_is_wrong_is_found_and_shortened(
    name: str, words: str, spoil: Spoil, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    ids = np.arange(40, dtype=np.uint64)
    vectors = rng.normal(size=(40, 4)).astype(np.float32)
    spec = Spec(Kind(nf.Space.Euclidean, "Float32", "none"), 4, 4, 16, [("add", ids, vectors)])
    spec.steps.append(("remove", np.array([4], dtype=np.uint64), None))
    ask = Ask(5, 20, "exact", Sets(ids[:3]), Sets(), counts=True)
    query = vectors[1]

    def spoilt(*args: object, **options: object) -> Answer:
        found = answer(*args, **options)  # type: ignore[arg-type]
        return spoil(found) if found.counts[0] == 5 else found

    if name == "the second nearest":
        # Asked for one more, so that what is left is as many as are wanted.
        def spoilt(index: nf.Index, queries: np.ndarray, asked: Ask, **options: object) -> Answer:
            more = answer(index, queries, Ask(6, 20, "exact", asked.exclude, asked.allow))
            return spoil(more) if more.counts[0] == 6 else answer(index, queries, asked)

    assert filter_cases.fault_of(spec, query, ask) is None
    monkeypatch.setattr(filter_cases, "answer", spoilt)
    found = filter_cases.fault_of(spec, query, ask)
    assert found is not None
    assert words in found
    short = filter_cases.shortened(spec, query, ask)
    assert short is not None
    rows = next(line for line in short.splitlines() if line.startswith("add "))
    assert rows.count("], [") <= 9


def test_what_goes_well_alone_is_not_shortened(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(9, 4)).astype(np.float32)
    steps = [("add", np.arange(9, dtype=np.uint64), vectors)]
    spec = Spec(Kind(nf.Space.Cosine, "Float32", "none"), 4, 4, 16, steps)
    assert filter_cases.shortened(spec, vectors[0], Ask(2, 9, "scan", Sets(), Sets())) is None
