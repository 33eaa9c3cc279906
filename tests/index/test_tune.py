"""Tuning finds the smallest beam by counting, and promises no more than its queries show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors, evaluate
from nearfield.evaluate import recall, recall_by_query, true_neighbors
from nearfield.tune import Tuning, tune

ROWS, WIDTH = 3000, 16  # of `data` in conftest.py


class Made:
    """An index whose recall is known: a query (place, need) is found in full from ef = need on.

    Below that its share of the neighbours is found, ef / need. ``dips`` names widths at which
    queries of a certain need find what a quarter of it would. It writes down what it is asked.
    """

    ef = 10
    space = nf.Space.Euclidean
    num_dimensions = 2

    def __init__(self, rows: int = 200, dips: Mapping[int, float] | None = None) -> None:
        self._places = np.stack([np.arange(rows), np.zeros(rows)], axis=1)
        self.ids = np.arange(rows, dtype=np.uint64)
        self._dips = dips or {}
        self.asked: list[tuple[int, Any]] = []

    def __len__(self) -> int:
        return len(self.ids)

    def get_vectors(self, ids: Any) -> Any:
        return self._places[np.asarray(ids, dtype=int)]

    def query(self, vectors: Any, k: int, num_threads: Any, query_ef: int) -> Any:
        self.asked.append((query_ef, np.array(vectors)))
        place, need = np.asarray(vectors, dtype=np.float64).T[:, :, np.newaxis]
        every = (self._places[:, 0] - place) ** 2 + need**2
        ids = np.argsort(every, axis=1, kind="stable")[:, :k].astype(np.uint64)
        distances = np.sort(every, axis=1)[:, :k]
        dips = need[:, 0] == self._dips.get(query_ef, -1)
        width = np.where(dips, query_ef / 4, query_ef)
        found = np.floor(k * np.minimum(1, width / need[:, 0]) + 1e-9)
        missed = np.arange(k) >= found[:, np.newaxis]
        ids[missed], distances[missed] = nf.NO_ID, np.inf
        return ids, distances


def asking(needs: Any, seed: int = 0) -> Any:
    """Queries of these needs, at random places, no two of them equal."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.uniform(0, 200, size=len(needs)), needs], axis=1)


def halves_of(index: Made, ef: int) -> list[Any]:
    return [vectors for width, vectors in index.asked if width == ef]


# --- the smallest --------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
def test_the_width_is_the_smallest_that_reaches_the_recall(data, sparse, target):
    found = sparse.tune(data[1], target, 10)
    order = np.argsort(np.random.PCG64(1).random_raw(400), kind="stable")
    half = data[1][order[:200]]
    truth = true_neighbors(sparse, half, 10)
    every = {
        ef: recall(sparse.query(half, 10, query_ef=ef), truth) for ef in range(10, found.ef + 1)
    }
    assert found.reached
    assert not found.widened
    assert found.ef == min(ef for ef, got in every.items() if got >= target)
    assert found.recall == every[found.ef]
    assert all(point.recall == every[point.ef] for point in found.curve if point.ef in every)


def test_what_was_tried_is_told_narrowest_first(data, sparse):
    found = sparse.tune(data[1], 0.9)
    widths = [point.ef for point in found.curve]
    assert widths == sorted(set(widths))
    assert widths[:2] == [10, 20]
    assert min(point.ef for point in found.curve if point.recall >= 0.9) == found.ef
    assert found.ef - 1 in widths
    rises = [point.distances for point in found.curve]
    assert rises == sorted(rises)


def test_the_narrowest_beam_is_k(data, sparse):
    assert sparse.tune(data[1], 0.05, 7).curve[0].ef == 7
    assert sparse.tune(data[1], 0.05, 7).ef == 7
    assert sparse.tune(data[1], 0.05, 1).ef == 1


@pytest.mark.parametrize("k", [1, 10])
@pytest.mark.parametrize("need", [10, 11, 12, 19, 20, 21, 39, 40, 41, 100, 199, 200])
def test_every_width_can_be_found(k, need):
    found = tune(Made(), asking(np.full(40, float(need))), 1.0, k)
    assert found.ef == need
    assert found.reached


def test_a_dip_of_recall_ends_the_search_at_a_width_that_passes():
    """Widths 28 to 30 give less than 27 does: 27 may be missed, but what is given passes."""
    needs = asking(np.full(40, 26.0))
    found = tune(Made(dips={28: 26, 29: 26, 30: 26}), needs, 1.0)
    got = {point.ef: point.recall for point in found.curve}
    assert found.reached
    assert got[found.ef] == 1
    assert found.ef - 1 in got
    assert all((recall == 1) == (ef >= found.ef) for ef, recall in got.items())


def test_few_widths_are_tried():
    found = tune(Made(), asking(np.full(40, 33.0)), 1.0)
    assert [point.ef for point in found.curve] == [10, 20, 30, 32, 33, 35, 40]


def test_a_recall_that_is_reached_exactly_is_reached():
    """19 of 20 queries in full and one not at all are .95, whatever the order of the sum."""
    needs = np.where(np.arange(400) % 20 == 0, 1e9, 1.0)
    order = np.argsort(np.random.PCG64(1).random_raw(400), kind="stable")
    mixed = np.empty(400)
    mixed[order] = needs
    assert tune(Made(), asking(mixed), 0.95).ef == 10


# --- two halves ----------------------------------------------------------------------------------


def test_the_halves_are_disjoint_and_whole():
    queries = asking(np.linspace(1, 60, 41))
    index = Made()
    found = tune(index, queries, 0.9)
    assert (found.tuning_queries, found.verifying_queries) == (20, 21)
    choosing, verifying = halves_of(index, found.ef)
    assert len(choosing) == 20
    both = np.concatenate([choosing, verifying])
    assert {tuple(row) for row in both} == {tuple(row) for row in queries.astype(np.float32)}
    assert len(both) == 41
    # The verifying half was looked at nowhere else.
    assert [len(vectors) for _, vectors in index.asked].count(21) == 1


def test_the_figures_are_those_of_the_two_halves(data, sparse):
    found = sparse.tune(data[1], 0.9, seed=5)
    order = np.argsort(np.random.PCG64(5).random_raw(400), kind="stable")
    answers = [
        sparse.query(data[1][part], 10, query_ef=found.ef) for part in (order[:200], order[200:])
    ]
    truths = [true_neighbors(sparse, data[1][part], 10) for part in (order[:200], order[200:])]
    assert found.recall == recall(answers[0], truths[0])
    assert found.verified == recall(answers[1], truths[1])
    assert found.recall != found.verified
    assert found.distances == sum(each.num_distances for each in answers) / 400
    assert found.hops == sum(each.num_hops for each in answers) / 400
    point = next(point for point in found.curve if point.ef == found.ef)
    assert point.distances == answers[0].num_distances / 200


def test_equal_input_gives_equal_output_and_the_seed_chooses_the_halves(data, sparse):
    first = sparse.tune(data[1], 0.9)
    assert sparse.tune(data[1], 0.9, num_threads=1) == first
    assert sparse.tune(data[1].tolist(), 0.9, seed=1) == first
    others = [sparse.tune(data[1], 0.9, seed=seed) for seed in (2, 3, 4)]
    assert any(other.verified != first.verified for other in others)
    assert all(abs(other.ef - first.ef) <= 0.3 * first.ef for other in others)


def needs_of_halves(choosing: float, verifying: float, n: int = 200) -> Any:
    """Queries of which seed 1 puts the easy ones into one half and the hard ones into the other."""
    order = np.argsort(np.random.PCG64(1).random_raw(n), kind="stable")
    needs = np.empty(n)
    needs[order[: n // 2]], needs[order[n // 2 :]] = choosing, verifying
    return asking(needs)


def test_a_verifying_half_that_falls_short_by_more_than_chance_widens_the_beam():
    found = tune(Made(), needs_of_halves(20, 40), 0.9)
    assert (found.ef, found.reached, found.widened) == (36, True, True)
    assert (found.recall, found.verified) == (1.0, pytest.approx(0.9))
    assert {18, 36} <= {point.ef for point in found.curve}
    # Of the widths that suffice for one half, one that fails the other is passed by.
    found = tune(Made(dips={40: 20}), needs_of_halves(20, 40), 1.0)
    assert (found.ef, found.recall, found.verified) == (41, 1, 1)


def test_a_verifying_half_that_falls_short_by_chance_is_let_be_and_told():
    needs = needs_of_halves(20, 20)
    hard = np.flatnonzero(
        np.isin(np.arange(200), np.argsort(np.random.PCG64(1).random_raw(200))[100:])
    )
    needs[hard[:3], 1] = 80  # three of a hundred queries are harder
    found = tune(Made(), needs, 0.95)
    assert (found.ef, found.reached, found.widened) == (20, True, False)
    assert found.verified == pytest.approx(0.976)
    found = tune(Made(), needs, 0.99)
    assert (found.ef, found.reached, found.widened) == (20, True, False)
    assert found.verified < 0.99 < found.high
    assert found.recall == 1
    assert not found.assured


def test_halves_that_no_width_brings_together_are_not_reached():
    found = tune(Made(), needs_of_halves(20, 1e9), 0.9)
    assert not found.reached
    assert found.verified == 0
    assert found.recall >= 0.9
    assert found.ef == 18, "of equal recalls the narrowest"
    assert not found.widened
    found = tune(Made(), needs_of_halves(20, 400), 0.9, apply=True)
    assert (found.ef, found.reached, found.widened) == (200, False, True)
    assert found.verified == 0.5


# --- what is promised ----------------------------------------------------------------------------


def test_assured_widens_until_the_low_end_reaches_the_recall():
    needs = np.random.default_rng(3).exponential(10, size=1000) + 1
    plain, sure = (tune(Made(), asking(needs), 0.9, assured=each) for each in (False, True))
    assert not plain.assured
    assert plain.low < 0.9 <= sure.low
    assert sure.reached
    assert sure.assured
    assert sure.widened
    assert sure.ef > plain.ef
    narrower = [point.ef for point in sure.curve if point.ef < sure.ef]
    assert sure.ef - 1 == narrower[-1], "and no further than it must"


def test_assured_refuses_what_so_few_queries_cannot_show():
    needs = asking(np.ones(400))
    with pytest.raises(errors.NotEnoughData, match=r"recall of 0\.99 takes at least 762") as caught:
        tune(Made(), needs, 0.99, assured=True)
    assert "queries has 400 rows" in str(caught.value)
    assert tune(Made(), asking(np.ones(762)), 0.99, assured=True).assured
    assert tune(Made(), needs, 0.98, assured=True).assured
    with pytest.raises(errors.InvalidInput, match="no number of queries can assure"):
        tune(Made(), needs, 1.0, assured=True)


def test_assured_is_wrong_as_seldom_as_it_says():
    """Of 100 tunings at most 2.5 % may give a width whose true recall is lower, but for chance."""
    rng = np.random.default_rng(11)
    needs = rng.exponential(10, size=20_000) + 1

    def true_recall(ef: int) -> float:
        return float(np.floor(10 * np.minimum(1, ef / needs) + 1e-9).mean() / 10)

    low = {True: 0, False: 0}
    for seed in range(100):
        sample = asking(needs[rng.integers(len(needs), size=160)], seed)
        for assured in (True, False):
            found = tune(Made(), sample, 0.85, assured=assured)
            assert found.reached
            low[assured] += true_recall(found.ef) < 0.85
    assert low[True] <= 0.025 * 100 + 2 * (0.025 * 0.975 * 100) ** 0.5
    assert low[False] >= 20, "the plain promise is a weaker one, and is told as such"


@pytest.mark.parametrize("alike", [True, False], ids=["all or none", "each by itself"])
@pytest.mark.parametrize("mean", [0.8, 0.95])
def test_the_interval_holds_the_true_recall_as_often_as_it_says(alike, mean):
    """Whether the neighbours of a query are missed together or each by itself."""
    rng = np.random.default_rng(13)
    inside = 0
    widths = []
    for seed in range(200):
        found = rng.binomial(10, (rng.random(200) < mean) if alike else np.full(200, mean))
        needs = np.where(found > 0, 100 / np.maximum(found, 1), 1e9)
        got = tune(Made(), asking(needs, seed), 0.99999, max_ef=10)
        inside += got.low <= mean <= got.high
        widths.append(got.high - got.low)
    assert inside >= 0.95 * 200 - 3 * (0.95 * 0.05 * 200) ** 0.5
    if not alike:
        assert np.mean(widths) < 3 * 2 * 1.96 * (mean * (1 - mean) / 1000) ** 0.5, (
            "not wider by far"
        )


def test_the_interval_is_wilsons():
    """For k = 1 each query is one trial: the example of a textbook, 95 of 100."""
    needs = needs_of_halves(1, 1)
    order = np.argsort(np.random.PCG64(1).random_raw(200), kind="stable")
    needs[order[100:105], 1] = 1e9
    found = tune(Made(), needs, 0.9, 1)
    assert found.verified == 0.95
    assert (found.low, found.high) == (
        pytest.approx(0.8882, abs=5e-5),
        pytest.approx(0.9785, abs=5e-5),
    )
    narrow = tune(Made(), needs, 0.9, 1, confidence=0.5)
    assert found.low < narrow.low < 0.95 < narrow.high < found.high
    assert narrow.confidence == 0.5


def test_a_half_with_hardly_a_miss_is_worth_its_queries_not_its_neighbours():
    """Else a single miss would make a recall look surer than no miss does."""
    whole, needs = needs_of_halves(1, 1), needs_of_halves(1, 1)
    order = np.argsort(np.random.PCG64(1).random_raw(200), kind="stable")
    needs[order[100], 1] = 11  # finds nine of its ten
    none, one = tune(Made(), whole, 0.9), tune(Made(), needs, 0.9)
    assert (none.verified, one.verified) == (1, pytest.approx(0.999))
    assert none.low == pytest.approx(100 / (100 + 1.96**2), abs=1e-4)
    assert one.low == pytest.approx(none.low, abs=2e-3)


# --- what cannot be reached ----------------------------------------------------------------------


def test_a_recall_out_of_reach_is_told_with_the_best_found(data, sparse):
    found = sparse.tune(data[1], 0.99, max_ef=30, apply=True)
    assert not found.reached
    assert not found.assured
    assert found.ef == 30
    assert found.recall < 0.99
    assert [point.ef for point in found.curve] == [10, 20, 30]
    assert sparse.ef == 10, "what was not reached is not applied"
    assert str(found).startswith("ef 30 is the best found, short of recall@10 0.99: 0.")


def test_the_widest_beam_is_the_number_of_live_vectors(data, sparse):
    found = tune(Made(), asking(np.full(40, 1e9)), 0.5)
    assert not found.reached
    assert [point.ef for point in found.curve] == [10, 20, 40, 80, 160, 200]
    assert found.ef == 10, "of equal recalls the narrowest"
    # A beam of a quarter of the index reads all of it, so every recall is reached by then.
    every = sparse.tune(data[1], 1.0)
    assert every.reached
    assert every.recall == every.verified == 1
    assert every.ef <= ROWS // 4


# --- any index -----------------------------------------------------------------------------------


def test_apply_sets_ef_and_nothing_else_does(data):
    index = nf.Index.from_vectors(data[0], space="euclidean", M=4, ef_construction=20)
    index.ef = 33
    found = index.tune(data[1], 0.9)
    assert index.ef == 33
    assert index.tune(data[1], 0.9, apply=True) == found
    assert index.ef == found.ef
    queries = data[1]
    assert recall(index.query(queries, 10), true_neighbors(index, queries, 10)) >= 0.88


@pytest.mark.parametrize("space", list(nf.Space))
@pytest.mark.parametrize("storage", list(nf.StorageDataType))
def test_any_space_and_storage(space, storage, data):
    vectors = np.clip(data[0] / 4, -1, 1)
    index = nf.Index.from_vectors(
        vectors, space=space, storage_data_type=storage, M=6, ef_construction=40
    )
    found = index.tune(data[1] / 4, 0.9)
    assert found.reached
    assert found.ef < ROWS // 4
    assert found.verified > 0.85
    below = index.tune(data[1] / 4, 0.9, max_ef=found.ef - 1)
    assert not below.reached


def test_marked_and_overwritten_rows_are_not_looked_for(data):
    vectors, queries = data
    index = nf.Index.from_vectors(vectors, space="euclidean", M=6, ef_construction=40)
    for id in range(0, ROWS, 3):
        del index[id]
    index.add_items(vectors[:500] + 0.5, ids=range(1, 1501, 3))
    found = index.tune(queries, 0.9)
    assert found.reached
    assert found.verified > 0.85
    assert (
        recall(index.query(queries, 10, query_ef=found.ef), true_neighbors(index, queries, 10))
        > 0.87
    )
    with pytest.raises(errors.TooFewNeighbors, match=r"k is 2001, but the index holds 2000 live"):
        index.tune(queries, 0.9, 2001)


def test_a_string_index_is_tuned_as_the_index_inside_it(data, sparse):
    index = nf.StringIndex("euclidean", WIDTH, M=4, ef_construction=20)
    index.add_items(data[0], [f"n{i}" for i in range(ROWS)])
    found = index.tune(data[1], 0.9, apply=True, seed=2)
    assert found == sparse.tune(data[1], 0.9, seed=2)
    assert index.ef == found.ef
    assert tune(index, data[1], 0.9, seed=2) == found


def test_a_mapped_index_is_tuned_as_one_in_memory(data, sparse, tmp_path: Path):
    sparse.save(tmp_path / "x.nf")
    mapped = nf.Index.load(tmp_path / "x.nf", mmap=True)
    assert mapped.tune(data[1], 0.9) == sparse.tune(data[1], 0.9)


def test_progress_counts_the_queries_whose_truth_was_found(data, sparse):
    seen: list[tuple[int, int | None]] = []
    sparse.tune(data[1], 0.9, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(256, 400), (400, 400)]


# --- words and refusals --------------------------------------------------------------------------


def test_a_tuning_says_itself_in_a_line_and_cannot_be_changed(data, sparse):
    found = sparse.tune(data[1], 0.9)
    assert str(found) == (
        f"ef {found.ef} reaches recall@10 0.9: {found.recall:.4f} on 200 queries, "
        f"{found.verified:.4f} ({found.low:.4f} to {found.high:.4f}, 95% confidence) on 200 "
        f"others; {found.distances:.1f} distances and {found.hops:.1f} hops a query"
    )
    assert (found.k, found.target, found.confidence) == (10, 0.9, 0.95)
    assert 0 < found.low < found.verified < found.high < 1
    with pytest.raises(AttributeError):
        found.ef = 3  # type: ignore[misc]
    assert hash(found) == hash(sparse.tune(data[1], 0.9))


def test_the_names_are_also_in_evaluate():
    assert evaluate.tune is tune
    assert evaluate.Tuning is Tuning
    assert nf.tune.tune is tune
    with pytest.raises(AttributeError, match="no attribute 'tone'"):
        evaluate.tone  # noqa: B018


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"recall": 0}, errors.InvalidInput, "recall is 0; expected a number above 0 and up to 1"),
        ({"recall": -0.5}, errors.InvalidInput, "recall is -0.5"),
        ({"recall": 1.5}, errors.InvalidInput, "recall is 1.5"),
        ({"recall": float("nan")}, errors.InvalidInput, "recall is nan"),
        ({"recall": "0.9"}, TypeError, "recall is '0.9'"),
        ({"confidence": 0}, errors.InvalidInput, "confidence is 0"),
        ({"confidence": 1}, errors.InvalidInput, "expected a number above 0 and below 1"),
        ({"confidence": float("nan")}, errors.InvalidInput, "confidence is nan"),
        ({"k": 0}, errors.InvalidInput, "k is 0"),
        ({"k": 2.5}, TypeError, "k is 2.5"),
        ({"k": ROWS + 1}, errors.TooFewNeighbors, "k is 3001, but the index holds 3000 live"),
        ({"max_ef": 9}, errors.InvalidInput, "max_ef is 9; expected 10"),
        ({"seed": -1}, TypeError, "seed is -1"),
        ({"num_threads": "two"}, TypeError, "num_threads"),
        ({"progress": 3}, TypeError, "progress is 3"),
    ],
)
def test_bad_arguments_are_refused(data, sparse, options, error, said):
    with pytest.raises(error, match=said.replace("(", r"\(")):
        sparse.tune(data[1], **options)


@pytest.mark.parametrize(
    ("queries", "error", "said"),
    [
        (np.zeros((19, WIDTH)), errors.NotEnoughData, "queries has 19 rows; expected at least 20"),
        (np.zeros((0, WIDTH)), errors.NotEnoughData, "queries has 0 rows"),
        (np.zeros((30, WIDTH + 1)), errors.DimensionMismatch, "queries"),
        (np.zeros(WIDTH), errors.InvalidInput, "queries"),
        (np.full((300, WIDTH), np.nan), errors.NotFinite, "queries holds NaN or infinity in row 0"),
    ],
)
def test_bad_queries_are_refused(sparse, queries, error, said):
    with pytest.raises(error, match=said):
        sparse.tune(queries)


def test_a_bad_query_is_named_by_its_row(data, sparse):
    queries = data[1].copy()
    queries[311, 3] = np.inf
    with pytest.raises(errors.NotFinite, match="in row 311") as caught:
        sparse.tune(queries)
    assert caught.value.row == 311


def test_twenty_queries_are_enough(data, sparse):
    found = sparse.tune(data[1][:20], 0.5)
    assert (found.tuning_queries, found.verifying_queries) == (10, 10)


def test_an_empty_index_is_refused():
    with pytest.raises(errors.TooFewNeighbors, match="0 live"):
        nf.Index("euclidean", 2).tune(np.zeros((20, 2)))


# --- the recall of each query --------------------------------------------------------------------


def test_recall_by_query_averages_to_recall(data, sparse):
    found, truth = sparse.query(data[1], 10, query_ef=20), true_neighbors(sparse, data[1], 10)
    each = recall_by_query(found, truth)
    assert each.shape == (400,)
    assert each.mean() == pytest.approx(recall(found, truth))
    assert each[7] == recall((found[0][7], found[1][7]), (truth[0][7], truth[1][7]))
    padded = np.array([[1, 2], [nf.NO_ID, nf.NO_ID]], dtype=np.uint64)
    np.testing.assert_array_equal(recall_by_query(padded, padded), [1, np.nan])
