"""The benchmarks of queries and saves beside writers: all but their speed, with no peer."""

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
import claims
import latency
import latency_worker
import living
import saving
import saving_worker

from tests.exact_engine import MACHINE, Exact, failed

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
