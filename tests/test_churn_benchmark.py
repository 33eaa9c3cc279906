"""The benchmark of an index that rows leave and enter: all but its speed, with no peer."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import churn
import churn_rows
import churn_run
import churn_worker
import data_sets
from bench import Bench
from churn_rows import PATTERNS, Change, Stock
from data_sets import DataSet

from tests.exact_engine import MACHINE, InProcess, failed

# --- which rows go and come ----------------------------------------------------------------------


def ten_rounds(pattern: str, rows: int = 1000, seed: int = 1) -> tuple[Stock, list[Change]]:
    first = churn_rows.begin(rows, seed)
    cluster_of = np.random.default_rng(3).integers(0, 20, rows)
    return first, list(churn_rows.rounds(pattern, first, 10, 0.1, seed, cluster_of))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_row_is_in_the_index_or_waits_and_no_id_returns(pattern: str) -> None:
    stock, changes = ten_rounds(pattern)
    assert (len(stock.live), len(stock.pool)) == (800, 200)
    used = set(stock.live.tolist())
    for change in changes:
        assert len(change.gone) == len(change.come) == 80
        assert set(change.gone.tolist()) <= set(stock.live.tolist())
        assert not used & set(change.come.tolist()), "ids never return"
        used |= set(change.come.tolist())
        after = change.stock
        expected = set(stock.live.tolist()) - set(change.gone.tolist()) | set(change.come.tolist())
        assert after.live.tolist() == sorted(expected)
        assert sorted([*after.rows, *after.pool]) == list(range(1000))
        np.testing.assert_array_equal(change.rows, stock.pool[:80], "who waited longest comes")
        np.testing.assert_array_equal(after.pool[-80:], stock.row_of[change.gone])
        np.testing.assert_array_equal(after.row_of[: len(stock.row_of)], stock.row_of)
        stock = after


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_seed_alone_decides_what_goes(pattern: str) -> None:
    def gone(seed: int) -> list[list[int]]:
        return [change.gone.tolist() for change in ten_rounds(pattern, seed=seed)[1]]

    assert gone(1) == gone(1)
    first, other = ten_rounds(pattern)[0], ten_rounds(pattern, seed=2)[0]
    assert first.rows.tolist() != other.rows.tolist()
    if pattern != "window":
        assert gone(1) != gone(2)


def test_a_window_lets_the_oldest_go_and_nothing_stays_for_ever() -> None:
    stock, changes = ten_rounds("window")
    assert [int(change.gone[0]) for change in changes] == list(range(0, 800, 80))
    assert not set(changes[-1].stock.live.tolist()) & set(stock.live.tolist())


def test_clusters_go_whole_but_the_last() -> None:
    stock = churn_rows.begin(1000, 1)
    cluster_of = np.random.default_rng(3).integers(0, 20, 1000)
    change = next(churn_rows.rounds("clusters", stock, 1, 0.1, 1, cluster_of))
    went = set(cluster_of[stock.row_of[change.gone]].tolist())
    left = set(cluster_of[stock.row_of[np.setdiff1d(stock.live, change.gone)]].tolist())
    assert len(went) > 1
    assert len(went & left) <= 1


def test_a_share_that_the_pool_cannot_replace_is_refused() -> None:
    stock = churn_rows.begin(100, 1)
    with pytest.raises(SystemExit, match="only 20 wait"):
        churn_rows.replaced(stock, stock.live[:21])


@pytest.mark.parametrize("space", ["euclidean", "cosine"])
def test_clusters_are_what_lies_together(space: str) -> None:
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((4, 16)) * 10
    drawn = rng.integers(0, 4, 1000)
    base = (centres[drawn] + rng.standard_normal((1000, 16)) * 0.1).astype(np.float32)
    found = churn_rows.clusters(base, space, 1)
    np.testing.assert_array_equal(found, churn_rows.clusters(base, space, 1))
    assert set(found.tolist()) == {0, 1, 2, 3}
    # Random centres may tear a heap apart or leave two together, but most of the spread is between.
    apart = [base[found == each] - base[found == each].mean(axis=0) for each in range(4)]
    assert (np.concatenate(apart) ** 2).sum() < 0.6 * ((base - base.mean(axis=0)) ** 2).sum()


# --- rounds --------------------------------------------------------------------------------------


def churn_options(tmp_path: Path, **other: Any) -> SimpleNamespace:
    given = {"data": "gaussian-small", "data_dir": tmp_path, "limit": 500, "queries": 20}
    given |= {"engines": ["nearfield", "hnswlib"], "patterns": list(PATTERNS), "rounds": 4}
    given |= {"peer_rounds": None}
    given |= {"share": 0.1, "every": 2, "fresh_every": 3, "ef": 50, "passes": 1, "seed": 1}
    given |= {"threads": 1, "memory": 1.0, "python": [], "cache": tmp_path}
    return SimpleNamespace(**given | other)


@pytest.mark.usefixtures("in_process")
def test_an_engine_that_finds_everything_loses_nothing(tmp_path: Path) -> None:
    options = churn_options(tmp_path)
    measured = churn.measure(options)
    assert measured["data"]["live"] == 400
    for runs in measured["runs"].values():
        for run in runs.values():
            assert [done["round"] for done in run["rounds"]] == [0, 1, 2, 3, 4]
            looks = [done for done in run["rounds"] if "recall" in done]
            assert [done["round"] for done in looks] == [0, 2, 4]
            assert all(done["recall"] == 1 and done["index"]["live"] == 400 for done in looks)
            assert all(done["stale"] == done["missing"] == 0 for done in looks)
        fresh = {
            name: [done["round"] for done in run["rounds"] if "fresh" in done]
            for name, run in runs.items()
        }
        assert fresh == {"nearfield": [0, 2, 4], "hnswlib": [0, 4]}
    result = {"settings": {"rounds": 4, "share": 0.1, "ef": 50}, "measured": measured}
    result["machine"] = MACHINE
    assert not failed(churn.verdicts(result))
    assert "| window | hnswlib | 1.0000 | 1.0000 | 1.0000 | +0.0000 | 1.0 |" in churn.table(result)
    picture = tmp_path / "churn.png"
    churn.draw(result, picture)
    assert picture.stat().st_size > 10_000


@pytest.mark.usefixtures("in_process")
def test_what_fails_on_the_way_is_told_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from remote import WorkerFailed

    class Frail(churn_worker.Living):
        def add(self, base: str, change: str) -> dict[str, Any]:
            if self._variant == "hnswlib" and getattr(self, "filled", False):
                message = "out of places"
                raise WorkerFailed(message)
            self.filled = True
            return super().add(base, change)

    monkeypatch.setattr(Bench, "start", lambda _, variant: InProcess(Frail(variant)))
    options = churn_options(tmp_path, patterns=["random"], peer_rounds=3)
    options.engines.append("usearch")
    measured = churn.measure(options)
    run = measured["runs"]["random"]["hnswlib"]
    assert run["failed"] == "out of places"
    assert [done["round"] for done in run["rounds"]] == [0], "what came before is kept"
    assert len(measured["runs"]["random"]["nearfield"]["rounds"]) == 5
    assert len(measured["runs"]["random"]["usearch"]["rounds"]) == 4, "peers take fewer rounds"
    result = {"settings": {"rounds": 4, "share": 0.1, "ef": 50}, "measured": measured}
    assert "FAILED: out of places" in churn.table(result)


def test_ids_of_rows_that_are_gone_are_wrong_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_sets, "CACHE", tmp_path)
    base = np.arange(20, dtype=np.float32)[:, np.newaxis]
    stock = Stock(np.arange(4, 20, dtype=np.uint64), np.arange(20), np.zeros(0, dtype=np.int64))
    data = DataSet("line", "euclidean", base[stock.rows], base[4:5])
    found = np.arange(4, 14)[np.newaxis].copy()
    right = {"recall": 1.0, "stale": 0, "missing": 0}
    assert churn_run.judged(found, stock, data) == right
    found[0, :2] = 3, -1  # one that is gone, none
    assert churn_run.judged(found, stock, data) == {"recall": 0.8, "stale": 1, "missing": 1}
    found[0, 0] = 99  # one that never was
    assert churn_run.judged(found, stock, data) == {"recall": 0.8, "stale": 1, "missing": 1}


def test_large_sets_and_peers_are_built_anew_less_often() -> None:
    plan = churn_run.Plan(
        rounds=25, share=0.1, every=5, fresh_every=10, ef=50, passes=1, seed=1, threads=1
    )
    looks = [number for number in range(1, 26) if plan.looks(number)]
    assert looks == [5, 10, 15, 20, 25]
    assert [n for n in looks if plan.builds("nearfield", 50_000, n)] == looks
    assert [n for n in looks if plan.builds("nearfield", 1_000_000, n)] == [10, 20, 25]
    assert [n for n in looks if plan.builds("hnswlib", 50_000, n)] == [10, 20, 25]


# --- the gate of churn ---------------------------------------------------------------------------


def churn_result(**last: Any) -> dict[str, Any]:
    """Three rounds that pass, but for what is given of the last, or of the compacted index."""
    compacted = {"resident_bytes": 1.02 * 2**20, "recall": 0.95, **last.pop("compacted", {})}
    look = {"recall": 0.95, "fresh": 0.96, "stale": 0, "resident_bytes": 1.1 * 2**20}
    first = {"round": 0, "recall": 0.96, "fresh": 0.96, "stale": 0, "resident_bytes": 2**20}
    rounds = [first, {"round": 1} | look, {"round": 2} | look | last]
    run = {"failed": "", "rounds": rounds, "compacted": compacted}
    measured = {"runs": {"random": {"nearfield": run}}}
    return {"settings": {"rounds": 2}, "measured": measured}


def test_churn_is_judged_in_every_round_and_when_compacted() -> None:
    assert not failed(churn.verdicts(churn_result()))
    wrong: dict[str, dict[str, Any]] = {
        "recall lost by an index built anew, at most (round 2)": {"recall": 0.949},
        "memory by the first, at most (round 2)": {"resident_bytes": 1.101 * 2**20},
        "rows that are gone were found 1 times": {"stale": 1},
        "memory by the first, compacted": {"compacted": {"resident_bytes": 1.03 * 2**20}},
        "recall lost by an index built anew, compacted": {"compacted": {"recall": 0.94}},
    }
    for text, change in wrong.items():
        (verdict,) = failed(churn.verdicts(churn_result(**change)))
        assert verdict.startswith(f"random: {text}")


def test_churn_that_did_not_come_to_its_end_has_failed() -> None:
    result = churn_result()
    run = result["measured"]["runs"]["random"]["nearfield"]
    del run["compacted"]
    run["failed"] = "out of memory"
    assert failed(churn.verdicts(result)) == ["random: was not compacted: out of memory"]
    run["rounds"].pop()
    assert failed(churn.verdicts(result)) == ["random: 2 of 3 rounds: out of memory"]
    result["measured"]["runs"]["random"] = {}
    assert failed(churn.verdicts(result)) == ["random: 0 of 3 rounds: not measured"]


def test_where_nothing_was_built_anew_the_last_one_counts() -> None:
    result = churn_result(recall=0.949)
    run = result["measured"]["runs"]["random"]["nearfield"]
    del run["rounds"][2]["fresh"]
    assert churn.lost(run) == [(0, 0.0), (1, pytest.approx(0.01)), (2, pytest.approx(0.011))]
    assert len(failed(churn.verdicts(result))) == 1
