"""The comparison under filters: all but its speed, with no peer installed."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import data_sets
import filter_cells
import filter_field
import filter_gates
import filter_rows
import filter_worker
import filtering
import filters
from bench import Bench
from data_sets import DataSet
from filter_field import BITSET, CALLABLE, NEARFIELD, SINGLE, WAYS, Contest
from filter_truth import Truth
from filtering import Sets, sets_of
from remote import WorkerFailed

from tests.exact_engine import MACHINE, InProcess

RATIOS = (0.9, 0.3, 0.001)


def small(space: str = "euclidean", rows: int = 600) -> DataSet:
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((12, 8))
    vectors = centres[rng.integers(0, 12, rows + 30)] + 0.3 * rng.standard_normal((rows + 30, 8))
    vectors = vectors.astype(np.float32)
    return DataSet("small", space, vectors[:rows], vectors[rows:])


def allowed_of(sets: Sets, query: int) -> set[int]:
    ids = set(sets.ids_of(query).tolist())
    return ids if sets.allowing else set(range(sets.rows)) - ids


# --- which rows pass -----------------------------------------------------------------------------


@pytest.mark.parametrize("allowing", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_sets_say_who_passes(allowing: bool, shared: bool) -> None:
    rng = np.random.default_rng(3)
    each = [rng.choice(50, size, replace=False) for size in ((7,) if shared else (7, 0, 50, 3))]
    sets = sets_of(each, allowing, shared, 50)
    rows = np.arange(50)
    for query in range(4):
        passes = allowed_of(sets, query)
        assert sets.num_allowed(query) == len(passes)
        assert set(rows[sets.passes(query, rows)].tolist()) == passes
    first = sets.first(2)
    assert allowed_of(first, 1) == allowed_of(sets, 1)
    assert len(first) == (1 if shared else 2)


@pytest.mark.parametrize("passing", [1, 60, 300, 540, 599])
def test_as_many_rows_pass_as_are_asked_for(passing: int) -> None:
    data = small()
    within = filter_rows.plane(data.base, data.space)
    groups = filter_rows.groups(within, np.arange(600) % 12, 1)
    random = filter_rows.at_random(600, passing, 1)
    assert random.num_allowed(5) == passing
    for nearest in (True, False):
        sets = filter_rows.by_groups(groups, data.queries, passing, nearest)
        assert len(sets.ids_of(0)) <= 300, "the smaller part is named"
        assert {sets.num_allowed(query) for query in range(30)} == {passing}
        again = filter_rows.by_groups(groups, data.queries[:3], passing, nearest)
        assert allowed_of(again, 2) == allowed_of(sets, 2), "whoever else asks"


@pytest.mark.parametrize("space", data_sets.SPACES)
@pytest.mark.parametrize("passing", [90, 510])
def test_whole_groups_pass_in_the_order_of_their_distance(space: str, passing: int) -> None:
    data = small(space)
    within = filter_rows.plane(data.base, space)
    group_of = np.random.default_rng(1).integers(0, 12, 600)
    group_of[group_of == 7] = 8  # a number without rows
    groups = filter_rows.groups(within, group_of, 1)
    centres = np.stack([within.rows[group_of == g].mean(axis=0) for g in np.unique(group_of)])
    centre_of = dict(zip(np.unique(group_of).tolist(), centres, strict=True))

    def distance(group: int, query: Any) -> float:
        centre = centre_of[group]
        if space == "euclidean":
            return float(((centre - query) ** 2).sum())
        length = np.linalg.norm(centre) if space == "cosine" else 1
        return float(-(centre @ query) / length)

    for sign in (1, -1):
        sets = filter_rows.by_groups(groups, data.queries, passing, sign > 0)
        for query, vector in enumerate(data.queries):
            mask = np.zeros(600, dtype=bool)
            mask[list(allowed_of(sets, query))] = True
            order = sorted(centre_of, key=lambda group: sign * distance(group, vector))
            shares = [float(mask[group_of == group].mean()) for group in order]
            assert shares == sorted(shares, reverse=True)
            assert sum(0 < share < 1 for share in shares) <= 1, "one passes in part"


def test_what_is_heard_is_left_out() -> None:
    data = small()
    within = filter_rows.plane(data.base, data.space)
    near = filter_rows.without_nearest(within, data.queries, 40)
    far = ((data.base[:, np.newaxis] - data.queries) ** 2).sum(axis=2)
    for query in range(30):
        assert set(near.ids_of(query).tolist()) == set(np.argsort(far[:, query])[:40].tolist())
    random = filter_rows.without_random(600, 30, 40, 1)
    few = filter_rows.without_random(600, 3, 40, 1)
    np.testing.assert_array_equal(random.first(3).ids, few.ids)
    assert allowed_of(random, 0) != allowed_of(random, 1)


def test_users_have_heard_what_is_near() -> None:
    data = small(rows=2000)
    within = filter_rows.plane(data.base, data.space)
    groups = filter_rows.groups(within, np.arange(2000) // 200, 1)
    users = filter_rows.users(within, groups, 25, 1)
    sizes = np.diff(users.heard.ends.astype(int))
    assert users.profiles.shape == (25, 8)
    assert sizes.min() >= 100
    assert sizes.max() <= 500, "a quarter of the rows, at most"
    far = ((data.base[:, np.newaxis] - users.profiles) ** 2).sum(axis=2)
    for user in range(25):
        heard = users.heard.ids_of(user).astype(int)
        assert far[heard, user].max() <= np.sort(far[:, user])[len(heard) - 1] * (1 + 1e-5)


# --- what is right -------------------------------------------------------------------------------


@pytest.mark.parametrize("space", data_sets.SPACES)
def test_the_truth_is_brute_force_among_what_passes(
    space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filter_truth._LISTED", 20)  # so that few lists are long enough
    data = small(space)
    within = filter_rows.plane(data.base, space)
    truth = Truth(data, within, 10)
    groups = filter_rows.groups(within, np.arange(600) % 12, 1)
    cases = [filter_rows.at_random(600, passing, 1) for passing in (3, 10, 100, 400)]
    cases += [filter_rows.by_groups(groups, data.queries, n, False) for n in (5, 200, 500)]
    cases.append(filter_cells.none(600))
    distances = data_sets.exact_distances(data, slice(None), np.tile(np.arange(600), (30, 1)))
    for sets in cases:
        borders = truth.borders(sets, 30)
        found = np.full((30, 10), -1)
        for query in range(30):
            allowed = np.array(sorted(allowed_of(sets, query)), dtype=int)
            order = allowed[np.argsort(distances[query, allowed], kind="stable")][:10]
            found[query, : len(order)] = order
            assert borders.wanted[query] == len(order)
            if len(order):
                assert borders.limits[query] == pytest.approx(distances[query, order[-1]])
        right = {"recall": 1.0, "violations": 0, "short": 0}
        assert truth.judged(found, sets, borders) == right
        assert truth.judged(found[:7], sets, borders) == right, "the first queries alone"


def test_what_is_left_out_but_found_is_wrong_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    base = np.repeat(np.arange(20, dtype=np.float32), 2)[:, np.newaxis]  # each row twice
    data = DataSet("line", "euclidean", base, base[:1])
    truth = Truth(data, filter_rows.plane(base, "euclidean"), 3)
    sets = sets_of([np.array([0])], False, True, 40)
    borders = truth.borders(sets, 1)
    assert truth.judged(np.array([[1, 2, 3]]), sets, borders)["recall"] == 1
    one_wrong = truth.judged(np.array([[0, 1, 2]]), sets, borders)
    assert one_wrong == {"recall": pytest.approx(2 / 3), "violations": 1, "short": 1}
    assert truth.judged(np.array([[1, 2, 2]]), sets, borders)["recall"] == pytest.approx(2 / 3)
    one_missing = truth.judged(np.array([[1, 2, -1]]), sets, borders)
    assert one_missing == {"recall": pytest.approx(2 / 3), "violations": 0, "short": 1}
    assert truth.judged(np.array([[1, 2, 99]]), sets, borders)["violations"] == 1
    two = replace(data, base=base[:1])
    told = Truth(two, filter_rows.plane(base[:1], "euclidean"), 3)
    nothing = filter_cells.none(1)
    assert told.judged(np.full((1, 3), -1), nothing, told.borders(nothing, 1))["recall"] == 1


# --- what engines are asked ----------------------------------------------------------------------


class Everything:
    """An engine that compares all that passes, and says that it needs a beam of 20."""

    version, note = "1", "brute force"

    def __init__(self, variant: str) -> None:
        self.variant = variant

    def build(self, base: Any, space: str, threads: int) -> None:
        self._base = base

    def save(self, path: str) -> None:
        with Path(path).open("wb") as file:
            np.save(file, self._base)

    def load(self, path: str, space: str, dimensions: int) -> None:
        self._base = np.load(path)

    def take(self, queries: Any, sets: Sets) -> None:
        self.queries, self.sets = queries, sets

    def use(self, setting: dict[str, Any]) -> None:
        self.setting = setting

    def batch(self, k: int) -> Any:
        queries = self.queries[: self.setting.get("queries", len(self.queries))]
        found = np.full((len(queries), k), -1)
        if self.setting.get("ef", 20) < 20:
            return found
        for query, vector in enumerate(queries):
            allowed = np.flatnonzero(self.sets.passes(query, np.arange(len(self._base))))
            far = ((self._base[allowed] - vector) ** 2).sum(axis=1)
            order = allowed[np.argsort(far, kind="stable")][:k]
            found[query, : len(order)] = order
        return found

    exact = batch2 = each = looped = batch

    def single(self, k: int) -> Any:
        return self.batch(k), np.full(len(self.queries), 1000)

    def distances(self, k: int) -> float:
        return 50.0

    def plans(self, k: int) -> dict[str, Any]:
        work = {"num_distances": 50, "num_again": 5, "ef": 20, "fell_back": False, "plan": "sweep"}
        return {name: [value] * len(self.queries) for name, value in work.items()}

    def compiled(self, k: int) -> dict[str, Any]:
        return {"make": 1e-6, "single": 1e-6, "batch": 1e-9}


class Frail(filter_worker.Filtered):
    """faiss cannot bear a filter that nothing passes."""

    def take(self, path: str) -> Any:
        with np.load(path) as arrays:
            if self._variant == "faiss-16" and len(arrays["ids"]) == 0:
                message = "died by signal 11"
                raise WorkerFailed(message)
        return super().take(path)


@pytest.fixture
def _no_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collecting it before everything that is timed takes longer than all else."""
    idle = SimpleNamespace(collect=lambda: 0, disable=lambda: None, enable=lambda: None)
    monkeypatch.setattr("worker.gc", idle)


@pytest.fixture
def everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filtering, "make", Everything)
    monkeypatch.setattr(Bench, "start", lambda _, variant: InProcess(Frail(variant)))
    monkeypatch.setattr(data_sets, "CACHE", tmp_path / "truth")
    monkeypatch.setattr(filter_cells, "RATIOS", RATIOS)
    monkeypatch.setattr(filter_gates, "RATIOS", RATIOS)
    monkeypatch.setattr(filter_worker, "_passes", lambda seconds, one: 1)
    monkeypatch.setattr("filter_users._SAMPLE", 10)


def filters_options(tmp_path: Path, **other: Any) -> SimpleNamespace:
    given: dict[str, Any] = {"data": "gaussian-small", "data_dir": tmp_path, "limit": 600}
    given |= {"engines": list(filtering.VARIANTS), "workloads": list(filter_cells.WORKLOADS)}
    given |= {"queries": 40, "seconds": 0.01, "rounds": 2, "users": 12, "seed": 1, "clock": "wall"}
    given |= {"threads": 1, "memory": 1.0, "python": [], "cache": tmp_path}
    return SimpleNamespace(**given | other)


@pytest.mark.usefixtures("everything", "_no_garbage")
def test_all_cells_are_measured_and_what_fails_is_told(tmp_path: Path) -> None:
    options = filters_options(tmp_path)
    measured = json.loads(json.dumps(filters.measure(options)))
    names = [(cell["workload"], cell["kind"], cell["size"]) for cell in measured["cells"]]
    assert names == [
        *(("W1", "random", ratio) for ratio in RATIOS),
        *(("W2", f"{way} clusters", r) for way in ("nearest", "furthest") for r in RATIOS),
        *(("W3", f"heard {how}", 100) for how in ("at random", "nearest")),
        *(("W6", "allowed", size) for size in (0, 5)),
    ]
    for cell in measured["cells"]:
        assert [*cell["ways"]] == [way.name for way in WAYS]
        for name, seen in cell["ways"].items():
            if (name.startswith("faiss"), cell["kind"], cell["size"]) == (True, "allowed", 0):
                assert seen["failed"] == "died by signal 11"
                continue
            assert seen["recall"] == 1
            assert seen["violations"] == seen["short"] == 0
            assert len(seen["seconds"]) == 2
            assert 1 <= seen["queries"] <= cell["queries"]
        beams = {cell["ways"][name]["ef"] for name in (NEARFIELD, SINGLE, BITSET, CALLABLE)}
        # Where nothing passes, nothing is missed, however narrow the beam.
        assert beams == {10} if cell["size"] == 0 else beams == {20}
        assert cell["default"]["plans"] == {"sweep": cell["queries"]}
    users = measured["users"]
    assert users["recall"]["recall"] == 1
    assert [*users["kinds"]] == ["near", "random", "shared"]
    assert all(len(kind["batch2"]) == 2 for kind in users["kinds"].values())
    assert len(users["hnswlib"]["seconds"]) == 2

    result = {"settings": vars(options), "measured": measured, "machine": MACHINE}
    text = filters.table(result)
    assert "| W2 furthest clusters 30 % | 180 |" in text
    assert "FAILED: faiss, bitmap in W6 allowed 0: died by signal 11" in text
    texts = [text for text, _ in filters.verdicts(result)]
    assert any(text.startswith("W5 near: speed by one shared set") for text in texts)
    assert "W3 heard nearest: not measured: 1,000, 10,000" in texts
    picture = tmp_path / "filters.png"
    filters.draw(result, picture)
    assert picture.stat().st_size > 10_000


@pytest.mark.usefixtures("everything", "_no_garbage")
def test_a_run_that_was_stopped_has_its_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = filters_options(tmp_path, workloads=["W1"], clock="cpu")
    cells = filter_cells.cells

    def stopped(*given: Any) -> Any:
        yield next(iter(cells(*given)))
        raise KeyboardInterrupt

    monkeypatch.setattr(filter_cells, "cells", stopped)
    with pytest.raises(KeyboardInterrupt):
        filters.measure(options)
    monkeypatch.setattr(filter_cells, "cells", cells)
    asked: list[str] = []
    ask = Contest.ask

    def noted(contest: Contest, *given: Any) -> Any:
        asked.append(str(contest.sets.num_allowed(0)))
        return ask(contest, *given)

    monkeypatch.setattr(Contest, "ask", noted)
    measured = filters.measure(options)
    assert [cell["size"] for cell in measured["cells"]] == list(RATIOS)
    assert set(asked) == {"180", "1"}, "the first cell is not asked again"


@pytest.mark.parametrize("start", [0, 2, 5])
def test_the_smallest_beam_is_found_from_anywhere(start: int) -> None:
    contest = object.__new__(Contest)
    contest.grid = [10, 14, 20, 28, 39, 55]

    def ask(recalls: dict[int, float], seconds: float = 0.0) -> int | None:
        contest._looks = {}
        contest.ask = lambda variant, setting, mode: {  # type: ignore[method-assign]
            "recall": recalls.get(setting["ef"], 0.99),
            "seconds": seconds,
        }
        return contest.smallest("any", 0.95, start)

    assert ask({10: 0.9, 14: 0.94}) == 20
    assert ask({}) == 10
    assert ask(dict.fromkeys(contest.grid, 0.9)) is None
    if start == 0:
        too_slow = filter_field._SLOWEST + 1
        assert ask({10: 0.9}, too_slow) is None, "no wider beam is tried"


@pytest.mark.usefixtures("_no_garbage")
def test_nearfield_is_asked_in_every_way(tmp_path: Path) -> None:
    data = small()
    within = filter_rows.plane(data.base, data.space)
    truth = Truth(data, within, 10)
    worker = filter_worker.Filtered("nearfield")
    worker.about()
    np.save(tmp_path / "base.npy", data.base)
    np.save(tmp_path / "queries.npy", data.queries)
    path = str(tmp_path / "index")
    worker.build(str(tmp_path / "base.npy"), data.space, 1, path)
    worker.open(path, data.space, str(tmp_path / "queries.npy"), 8)
    groups = filter_rows.groups(within, np.arange(600) % 12, 1)
    out, given = str(tmp_path / "found.npy"), str(tmp_path / "given.npz")
    for sets in (
        filter_rows.at_random(600, 30, 1),
        filter_rows.at_random(600, 500, 1),
        filter_rows.by_groups(groups, data.queries, 200, False),
        filter_rows.without_nearest(within, data.queries, 50),
        filter_cells.none(600),
    ):
        filter_worker.give(given, data.queries, sets)
        worker.take(given)
        borders = truth.borders(sets, 30)
        for mode, setting in (
            ("batch", {}),
            ("batch", {"ef": 100}),
            ("batch2", {"ef": 100}),
            ("each", {"ef": 100}),
            ("exact", {"queries": 4}),
        ):
            worker.ask(mode, setting, 10, out)
            found = np.load(out)
            assert len(found) == setting.get("queries", 30)
            judged = truth.judged(found, sets, borders)
            assert (judged["violations"], judged["short"]) == (0, 0)
            assert judged["recall"] > (0.999 if mode == "exact" else 0.9)
        timed = worker.time("single", {}, 10, 0.0, out)
        assert np.load(out).sum() / 1e9 == pytest.approx(timed["wall_seconds"])
        assert worker.time("batch", {}, 10, 0.001)["wall_seconds"] > 0
        plans = worker.told("plans", {}, 10)
        assert {len(each) for each in plans.values()} == {30}
        compiled = worker.told("compiled", {"ef": 10}, 10)
        assert {"make", "single", "batch"} <= compiled.keys()
        assert ("mask" in compiled) == sets.shared
        worked = np.mean(np.add(plans["num_distances"], plans["num_again"]))
        assert worker.told("distances", {}, 10) == {"distances": pytest.approx(worked)}
    assert worker.told("looped", {}, 10) == {}, "what it cannot tell"


def test_every_variant_of_a_filter_has_an_adapter() -> None:
    folder = Path(filtering.__file__).parent
    libraries = {variant.partition("-")[0] for variant in filtering.VARIANTS}
    assert {path.stem for path in folder.glob("[a-z]*.py")} == libraries | {"bitset"}
