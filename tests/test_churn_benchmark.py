"""The benchmarks of an index that rows leave and enter: all but their speed, with no peer."""

from __future__ import annotations

import json
import sys
import threading
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
import claims
import data_sets
import latency
import latency_worker
import living
import saving
import saving_worker
from bench import Bench
from churn_rows import PATTERNS, Change, Stock
from data_sets import DataSet
from gates import Verdict

MACHINE = {
    "cpu": "a CPU",
    "cores": 2,
    "simd": "avx2",
    "python": "3.11",
    "git": "0123456789ab",
    "date": "2026-11-27T08:00:00+00:00",
    "load_average": 0.1,
}


def failed(verdicts: list[Verdict]) -> list[str]:
    return [text for text, passed in verdicts if not passed]


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


class Exact:
    """An engine that finds everything, forgets nothing that it should, and cannot count."""

    version, note, effort = "1", "brute force", "ef"

    def __init__(self, variant: str) -> None:
        self.compacted = 0

    def begin(self, shape: living.Shape) -> None:
        self.threads = shape.threads
        self._rows: dict[int, Any] = {}

    def add(self, ids: Any, rows: Any) -> None:
        self._rows |= dict(zip(ids.tolist(), rows, strict=True))

    def remove(self, ids: Any) -> None:
        for each in ids.tolist():
            del self._rows[each]

    def upsert(self, ids: Any, rows: Any) -> None:
        self.add(ids, rows)

    def use(self, effort: int) -> None:
        self._effort = effort

    def query_one(self, vector: Any, k: int) -> Any:
        return self.query_all(vector[np.newaxis], k).ids[0]

    def query_all(self, vectors: Any, k: int) -> living.Answer:
        rows = dict(self._rows)  # another thread may be writing
        ids = np.array([*rows], dtype=np.int64)
        base = np.stack([*rows.values()])
        far = (base * base).sum(axis=1) - 2 * vectors @ base.T
        return living.Answer(ids[np.argsort(far, axis=1)[:, :k]], None)

    def figures(self) -> dict[str, Any]:
        return {"live": len(self._rows)}

    def compact(self) -> bool:
        self.compacted += 1
        return True


class InProcess:
    """Takes the orders of a worker's process."""

    def __init__(self, worker: Any) -> None:
        self.order = lambda verb, **what: json.loads(json.dumps(getattr(worker, verb)(**what)))

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers: dict[str, Any] = {"churn_worker.py": churn_worker.Living}
    workers |= {"latency_worker.py": latency_worker.Asked, "saving_worker.py": saving_worker.Saved}

    def start(bench: Bench, variant: str) -> InProcess:
        return InProcess(workers[bench.script](variant))

    monkeypatch.setattr(living, "make", Exact)
    monkeypatch.setattr(Bench, "start", start)
    monkeypatch.setattr(churn_worker.Living, "memory", lambda _: {"resident_bytes": 2**20})
    monkeypatch.setattr(data_sets, "CACHE", tmp_path / "truth")


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


# --- latency -------------------------------------------------------------------------------------


def test_the_writer_uses_ids_that_never_return_and_rows_that_are_not_there() -> None:
    engine = Exact("any")
    engine.begin(living.Shape("euclidean", 1, 80, 1))
    base = np.arange(100, dtype=np.float32)[:, np.newaxis]
    engine.add(np.arange(80, dtype=np.uint64), base[:80])
    writes = latency_worker.Writes(engine, base, 80)
    for _ in range(150):
        writes.turn()
    assert sorted(engine._rows) == list(range(150, 230))
    assert {float(row[0]) for row in engine._rows.values()} == {i % 100 for i in range(150, 230)}
    for _ in range(80):
        writes.upsert()
    assert sorted(engine._rows) == list(range(150, 230)), "upserts give live ids other rows"
    assert {name: len(each) for name, each in writes.took.items()} == {
        "upsert": 80,
        "remove": 150,
        "add": 150,
    }
    assert {float(row[0]) for row in engine._rows.values()} == {i % 100 for i in range(230, 250)}


def test_a_writer_stops_and_tells_what_it_raised() -> None:
    written = threading.Event()
    writer = latency_worker.Writer(written.set, 0.0)
    writer.start()
    assert written.wait(5)
    writer.finish()

    def write() -> None:
        raise ValueError("no room")

    writer = latency_worker.Writer(write, 100.0)
    writer.start()
    with pytest.raises(ValueError, match="no room"):
        writer.finish()


@pytest.mark.usefixtures("in_process")
def test_latency_is_measured_in_turns(tmp_path: Path) -> None:
    given = {"data": "gaussian-small", "data_dir": tmp_path, "limit": 300, "engines": ["nearfield"]}
    given |= {"ef": 50, "cycles": 2, "seconds": 0.02, "rate": 500.0, "removals": 20, "threads": 1}
    options = SimpleNamespace(**given, memory=1.0, python=[], cache=tmp_path)
    measured = latency.measure(options)
    kinds = measured["runs"]["nearfield"]["kinds"]
    assert [len(each["phases"]) for each in kinds.values()] == [8, 2, 2, 2, 2]
    assert not kinds["idle"]["writes"]
    assert [*kinds["upsert"]["writes"]] == ["upsert"]
    for kind in ("elsewhere", "turnover", "paced"):
        assert [*kinds[kind]["writes"]] == ["remove", "add"]
    singles = measured["runs"]["nearfield"]["singles"]
    assert {name: each["count"] for name, each in singles.items()} == {"remove": 20, "add": 20}
    settings = {"ef": 50, "seconds": 0.02, "cycles": 2, "rate": 500.0}
    result = {"settings": settings, "measured": measured, "machine": MACHINE}
    assert "| nearfield | no writes |" in latency.table(result)
    assert len(latency.verdicts(result)) == 4
    picture = tmp_path / "latency.png"
    latency.draw(result, picture)
    assert picture.stat().st_size > 10_000


def test_a_summary_counts_in_milliseconds() -> None:
    took = np.arange(1, 1001, dtype=np.int64) * 1_000_000
    seen = latency.summary(took)
    assert seen["count"] == seen["longest"] == 1000
    assert [seen[key] for key in ("p50", "p99", "p999")] == pytest.approx([500.5, 990.01, 999.001])
    curve = latency.summed([{"queries": took}], 1.0)["curve"]
    assert curve[0] == [1.0, 1.0]
    assert curve[-1] == [1000.0, pytest.approx(0.001)]


def latency_result(busy: float, longest: float) -> dict[str, Any]:
    def kind(*p99: float) -> dict[str, Any]:
        phases = [{"p99": each} for each in p99]
        return {"queries": {"p99": max(p99)}, "phases": phases}

    kinds = {"idle": kind(*[0.5] * 7, 1.0), "elsewhere": kind(1.0, 9.0)}
    kinds |= {name: kind(1.0, busy) for name in latency.BUSY}
    run = {"kinds": kinds, "singles": {"remove": {"count": 5000, "longest": longest}}}
    return {"measured": {"runs": {"nearfield": run}}}


def test_latency_is_judged_by_idle_phases_and_the_longest_removal() -> None:
    result = latency_result(2.0, 50.0)
    assert not failed(latency.verdicts(result))
    kinds = result["measured"]["runs"]["nearfield"]["kinds"]
    assert latency.paired(kinds, "paced") == [2.0, 2.0], "each by the idle phase before it"
    assert latency.paired(kinds, "upsert") == [2.0, 4.0]
    assert latency.paired(kinds, "idle") == []
    assert len(failed(latency.verdicts(latency_result(2.1, 50.0)))) == 3
    (text,) = failed(latency.verdicts(latency_result(2.0, 51.0)))
    assert text.startswith("the longest of 5,000 single removals: 51 ms")
    assert failed(latency.verdicts({"measured": {"runs": {}}})) == ["nearfield was not measured"]


# --- saves ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_process")
def test_saves_are_measured_in_turns_and_their_files_loaded(tmp_path: Path) -> None:
    given = {"data": "gaussian-small", "data_dir": tmp_path, "limit": 500, "cycles": 2}
    given |= {"seconds": 0.05, "rate": 500.0, "threads": 1, "memory": 1.0, "cache": tmp_path}
    measured = saving.measure(SimpleNamespace(**given))
    phases = measured["phases"]
    assert {name: len(each) for name, each in phases.items()} == dict.fromkeys(saving.PHASES, 2)
    for name, (saves, writes) in saving.PHASES.items():
        for phase in phases[name]:
            assert (phase["writes"] > 0) == writes
            assert bool(phase["saves"]) == (saves != "no")
            assert phase.get("rows", 400) == 400
            assert phase["peak"] > 0
            assert phase["bytes"] > 0
    assert all(phase["saves"][0] > 0.04 for phase in phases["a slow save beside writes"])
    result = {"settings": {"seconds": 0.05, "cycles": 2}, "measured": measured, "machine": MACHINE}
    assert "| a slow save beside writes |" in saving.table(result)
    assert "6 of 6 files" in saving.verdicts(result)[-1][0]
    picture = tmp_path / "saving.png"
    saving.draw(result, picture)
    assert picture.stat().st_size > 10_000


def test_a_slow_file_has_what_is_written_to_it(tmp_path: Path) -> None:
    file = saving_worker.SlowFile(str(tmp_path / "file"), 1e9)
    written = bytes(range(256)) * 10_000
    assert file.write(memoryview(written)) == len(written)
    file.close()
    assert (tmp_path / "file").read_bytes() == written


def test_a_save_is_judged_by_its_peak_and_its_files() -> None:
    phase = {"before": 500, "peak": 600, "bytes": 1000, "rows": 400, "live": 400, "defect": ""}

    def judged(**change: Any) -> list[str]:
        phases = {name: [phase, phase] for name in saving.PHASES}
        phases["saves beside writes"] = [phase, phase | change]
        return failed(saving.verdicts({"measured": {"phases": phases}}))

    assert judged() == []
    assert judged(peak=601)[0].startswith("memory more, saves beside writes")
    assert judged(rows=399) == ["5 of 6 files have all rows and no defect"]
    assert judged(defect="a link leads nowhere") == ["5 of 6 files have all rows and no defect"]


# --- results -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "small"),
    [
        (churn, ("--rounds", "3")),
        (churn, ("--limit", "5000")),
        (latency, ("--limit", "5000")),
        (latency, ("--cycles", "1")),
        (saving, ("--limit", "5000")),
        (saving, ("--cycles", "1")),
    ],
)
def test_quick_runs_are_not_judged(
    command: Any, small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def show(claim: claims.Claim, options: Any) -> int:
        told.append(claims.too_small(claim, vars(options)))
        return 0

    monkeypatch.setattr(claims, "show", show)
    command.main([])
    command.main(list(small))
    assert told[0] == "", "the defaults are judged"
    assert told[1].startswith(small[0])


def test_old_results_can_still_be_read() -> None:
    for command in (churn, latency, saving):
        for path in (claims.RESULTS / command.__name__).glob("*.json"):
            result = json.loads(path.read_text())
            assert result["claim"] == command.__name__
            assert command.table(result)
            assert command.verdicts(result)
