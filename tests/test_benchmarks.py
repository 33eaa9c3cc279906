"""The comparison with other libraries, all but their speed. None of them need be installed."""

from __future__ import annotations

import json
import os
import signal
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import compare
import data_files
import data_sets
import measure
import results
import synthetic
from bench import Bench, Settings
from curves import best_variant, frontier, qps_at, summarize
from engines import VARIANTS, library_of, widths
from gates import verdicts
from journal import Journal
from remote import Bounds, Remote, WorkerFailed
from report import _build_ratio, markdown_table, readme_table
from turns import Look, Turn, by_repetition, grouped, is_enough, paced, worth_timing

RECALLS = (0.8, 0.92, 0.97, 0.995)
ROOMY = Bounds(2**33, 60)


def curve(speeds: tuple[float, ...], repetitions: int = 3) -> list[dict[str, Any]]:
    """Points at RECALLS; in repetition r everything is (1 + r) times as fast."""
    return [
        {
            "setting": {"ef": place},
            "recall": recall,
            "qps": speed * (1 + (repetitions - 1) / 2),
            "qps_each": [speed * (1 + r) for r in range(repetitions)],
            "wall_seconds": [1.0] * repetitions,
            "cpu_seconds": [1.0] * repetitions,
        }
        for place, (recall, speed) in enumerate(zip(RECALLS, speeds, strict=False))
    ]


# --- curves --------------------------------------------------------------------------------------


def test_a_front_keeps_what_nothing_beats() -> None:
    points = [(0.9, 100.0), (0.95, 120.0), (0.99, 10.0), (0.97, 9.0)]
    assert frontier(points) == [(0.95, 120.0), (0.99, 10.0)]


def test_speed_at_a_recall_lies_between_points_on_a_logarithmic_scale() -> None:
    at = qps_at([(0.90, 1000.0), (1.00, 10.0)], 0.95)
    assert at == (pytest.approx(100.0), False)
    assert qps_at([(0.96, 5.0)], 0.95) == (5.0, True)
    assert qps_at([(0.94, 5.0)], 0.95) is None
    assert qps_at([], 0.95) is None


def test_the_best_variant_is_chosen_at_every_recall() -> None:
    curves = {
        "faiss": {"single": curve((900, 800, 300, 50))},
        "faiss-sq8": {"single": curve((500, 450, 400, 200))},
        "scann": {"single": curve((9000, 8000))},
    }
    assert best_variant(curves, "faiss", "single", 0.90) == "faiss"
    assert best_variant(curves, "faiss", "single", 0.99) == "faiss-sq8"
    assert best_variant(curves, "scann", "single", 0.99) is None


def test_ratios_pair_repetitions_and_name_the_best_peer() -> None:
    curves = {
        "nearfield": {"single": curve((4000, 3000, 2000, 1000))},
        "hnswlib": {"single": curve((1000, 750, 500, 250))},
        "hnswlib-32": {"single": curve((900, 700, 520, 300))},
        "scann": {"single": curve((8000, 6000))},
    }
    rows = summarize(curves, ["single"])["single"]
    assert rows["0.90"]["best_peer"] == "scann"
    assert rows["0.99"]["best_peer"] == "hnswlib"
    assert rows["0.99"]["variant"] == {
        "nearfield": "nearfield",
        "hnswlib": "hnswlib-32",
        "scann": None,
    }
    # The machine became three times as fast during the run: every pair saw the same of it.
    ratio = rows["0.90"]["ratio"]["hnswlib"]
    assert [ratio[key] for key in ("lowest", "value", "highest")] == pytest.approx([4, 4, 4])
    assert rows["0.99"]["qps"]["scann"] is None
    assert rows["0.99"]["ratio"]["scann"] is None


# --- turns ---------------------------------------------------------------------------------------


def test_a_grid_stops_where_it_gains_nothing() -> None:
    assert is_enough([0.7, 0.996])
    assert not is_enough([0.7, 0.9, 0.99])
    assert is_enough([*np.linspace(0.6, 0.95, 8), *[0.9571] * 7])
    assert not is_enough([0.1] * 20), "a slow beginning is no end"


def test_only_settings_that_may_lie_on_the_curve_are_timed() -> None:
    looks = [
        Look(0, 0.50, 1.0),
        Look(1, 0.75, 2.0),
        Look(2, 0.90, 3.0),
        Look(3, 0.90, 9.0),  # the same recall, three times as slow
        Look(4, 0.97, 5.0),
        Look(5, 0.996, 9.0),
        Look(6, 0.999, 20.0),
    ]
    assert worth_timing(looks) == [1, 2, 4, 5]


def test_groups_fit_and_hold_the_references() -> None:
    sizes = {"a": 3, "near": 2, "b": 5, "c": 4, "d": 1, "huge": 99}
    groups = grouped(sizes, ["near", "absent"], 8)
    assert sorted(name for group in groups for name in group) == sorted(
        [*"abcd", "huge", *["near"] * len(groups)]
    )
    assert all("near" in group for group in groups)
    fits = [sum(sizes[name] for name in group) <= 8 for group in groups]
    assert [group for group, fit in zip(groups, fits, strict=True) if not fit] == [["near", "huge"]]
    assert grouped({"near": 2}, ["near"], 8) == [["near"]]


def test_the_pace_of_a_slow_group_is_divided_out() -> None:
    turns = []
    for group, (name, slowness) in enumerate((("a", 1.0), ("b", 2.0), ("c", 1.0))):
        for repetition in range(3):
            jolt = slowness * (1 + repetition / 10)
            turns.append(Turn(group, repetition, "near", "single", 0, 1.0 * jolt))
            turns.append(Turn(group, repetition, name, "single", 4, 3.0 * jolt))
    even = by_repetition(paced(turns, ["near"]))
    a, b, c = (even[name, "single", 4] for name in "abc")
    assert a == pytest.approx(b)
    assert a == pytest.approx(c)
    assert max(a) == pytest.approx(min(a))
    assert a[0] / even["near", "single", 0][0] == pytest.approx(3)


# --- journal and processes -----------------------------------------------------------------------


def test_a_journal_forgets_only_the_line_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "journal.jsonl"
    journal = Journal(path)
    journal.put([1, 2], "turn", "x", 0)
    journal.put({"a": 1}, "about")
    with path.open("a") as file:
        file.write('["cut of')
    again = Journal(path)
    assert again.get("turn", "x", 0) == [1, 2]
    assert again.get("about") == {"a": 1}
    assert again.get("turn", "x", 1) is None
    again.put(3, "after")
    assert [json.loads(line)[1] for line in path.read_text().splitlines()] == [[1, 2], {"a": 1}, 3]
    again.finish()
    assert len(Journal(path)) == 0


def test_a_worker_tells_why_it_failed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        Remote("absent", sys.executable, log, ROOMY) as remote,
        pytest.raises(WorkerFailed, match=r"No module named 'engines\.absent'"),
    ):
        remote.order("about")
    with (
        Remote("nearfield", sys.executable, log, Bounds(1, 60)) as remote,
        pytest.raises(WorkerFailed, match="took more than"),
    ):
        remote.order("about")
    with Remote("nearfield", sys.executable, log, ROOMY) as remote:
        assert remote.order("about")["version"]
        os.kill(remote.pid, signal.SIGKILL)
        with pytest.raises(WorkerFailed, match="died by signal 9"):
            remote.order("about")


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_sets, "CACHE", tmp_path)
    data = data_sets.load("gaussian-small").subset(1000, 50)
    settings = Settings(repetitions=2, min_seconds=0.001, build_threads=1, pairs=2)
    path = tmp_path / "journal.jsonl"

    class Stopped(Exception):
        """As if the run were killed in its second repetition."""

    class Stopping(Journal):
        def put(self, value: Any, *key: object) -> None:
            super().put(value, *key)
            if key[0] == "turn":
                raise Stopped

    with pytest.raises(Stopped):
        measure.run(Bench(data, settings, Stopping(path), tmp_path), ["nearfield"], True)
    started = []
    start = Bench.start
    monkeypatch.setattr(Bench, "start", lambda *given: started.append(given) or start(*given))
    bench = Bench(data, settings, Journal(path), tmp_path)
    out = measure.run(bench, ["nearfield"], True)
    assert len(started) == 2, "one for the second repetition, one for the pairs"
    assert {turn.repetition for turn in out.turns["wall"]} == {0, 1}
    assert len(out.pairs) == len(out.turns_of_walks) == 2

    result = results.begin(settings, quick=False, missing={"scann": "not installed"})
    results.add(result, bench, out)
    run = result["runs"][data.name]
    assert run["at_recall"]["batch2"]["0.95"]["qps"]["nearfield"]["value"] > 0
    assert run["memory"]["nearfield"]["open_seconds"] > 0
    text = markdown_table(json.loads(json.dumps(result)))
    assert "scann: not installed" in text
    assert "Batches on one thread by single calls, median of 2 pairs: " in text
    assert "| nearfield | queries/s" not in text
    row = f"| {data.name} | queries/s at recall@10 .90 |"
    assert readme_table(result).count(row) == 1
    other = json.loads(json.dumps(result))
    other["engines"]["faiss"] = {**other["engines"]["nearfield"], "library": "faiss"}
    assert readme_table(result, other).count(row) == 1  # the later one speaks for a set
    other["runs"]["else"] = other["runs"].pop(data.name)
    other["data"]["else"] = other["data"][data.name]
    both = readme_table(result, other)
    assert both.count(row) == both.count(row.replace(data.name, "else")) == 1
    assert both.count("| nearfield's by | faiss |") == 1
    assert both.count("![") == 2
    # What is not the default is named, where it is another index.
    row = row.replace(data.name, "else")
    runs = other["runs"]["else"]
    runs["at_recall"]["single"]["0.90"]["variant"] = {"nearfield": "nearfield-int4"}
    runs["builds"]["nearfield-int4"] = dict(runs["builds"]["nearfield"])
    assert f"{row[:-2]} (int4) |" not in readme_table(other)
    runs["builds"]["nearfield-int4"]["file_bytes"] += 1
    assert f"{row[:-2]} (int4) |" in readme_table(other)


# --- gates ---------------------------------------------------------------------------------------


def judged(factor: float, two_threads: float = 1.9, **settings: Any) -> dict[str, bool]:
    modes = ("single", "batch1", "batch2")
    ours = tuple(speed * factor for speed in (1000, 800, 500, 200))
    curves = {
        "nearfield": dict.fromkeys(modes, curve(ours)),
        "hnswlib": dict.fromkeys(modes, curve((1000, 800, 500, 200))),
    }
    built = {"wall_seconds": [10.0], "threads": 2}
    run = {
        "builds": {"nearfield": built, "hnswlib": built | {"wall_seconds": [10.0 * factor]}},
        "at_recall": summarize(curves, modes),
        "recall_difference": {"10": {"value": 0.001, "standard_error": 0.001}},
        "two_threads": [two_threads] * 5,
    }
    settings = {"k": 10, "clock": "wall"} | settings
    result = {"settings": settings, "runs": {"debian-minilm": run, "lastfm": run}}
    return dict(verdicts(result))


def test_gates_pass_what_is_fast_enough() -> None:
    assert all(judged(3.6).values())
    assert all(judged(2.1, k=100).values())
    assert not any(passed for text, passed in judged(1.1).items() if "by the best" in text)
    failed = [text for text, passed in judged(2.0).items() if not passed]
    assert all("by hnswlib's" in text for text in failed)
    assert [text for text, passed in judged(3.6, 1.7).items() if not passed] == [
        "debian-minilm, batches on two threads by one, median of 5 pairs: 1.70x, least 1.8x"
    ]


def test_gates_fail_what_was_not_measured() -> None:
    empty = {"builds": {}, "at_recall": {}, "recall_difference": {}, "two_threads": []}
    result = {"settings": {"k": 10, "clock": "wall"}, "runs": {"debian-minilm": empty}}
    found = verdicts(result)
    assert len(found) == 3 * 3 + 3
    assert not any(passed for _, passed in found)
    assert not any(passed for _, passed in verdicts(result | {"runs": {}}))


def test_a_quick_result_is_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = max((Path(data_sets.__file__).parent / "results").glob("*.json"))
    result = json.loads(whole.read_text())
    result["settings"]["quick"] = True
    path = tmp_path / "quick.json"
    path.write_text(json.dumps(result))
    assert compare.main(["--table", str(path), "--gate"]) == 2
    said = capsys.readouterr().out
    assert said.splitlines()[-1].startswith("not judged: --quick looks at too few rows")
    assert "FAIL" not in said
    assert compare.main(["--table", str(path)]) == 0
    with pytest.raises(SystemExit) as end:
        compare.main(["--quick", "--gate"])
    assert end.value.code == 2


def test_a_quick_run_spares_what_compiles_for_minutes_unless_it_is_named() -> None:
    every, quick = compare._options([]), compare._options(["--quick"])
    assert every.engines == list(VARIANTS)
    assert not every.spared
    assert set(VARIANTS) - set(quick.engines) == set(quick.spared) == {"pynndescent"}
    named = compare._options(["--quick", "--engines", "pynndescent"])
    assert named.engines == ["pynndescent"]
    assert not named.spared


def test_old_results_can_still_be_read() -> None:
    for path in (Path(data_sets.__file__).parent / "results").glob("*.json"):
        result = json.loads(path.read_text())
        assert "| nearfield |" in markdown_table(result)
        assert verdicts(result)


def test_gates_want_turns_to_be_worth_it_where_rows_come_from_memory() -> None:
    run = {"builds": {}, "at_recall": {}, "recall_difference": {}, "interleaving": [1.4] * 5}
    settings = {"k": 10, "clock": "wall"}
    text = "batches on one thread by single calls, median of 5 pairs: 1.40x, least 1.3x"
    found = dict(verdicts({"settings": settings, "runs": {"synthetic-1m": run, "mnist": run}}))
    assert found[f"synthetic-1m, {text}"]
    assert f"mnist, {text}" not in found
    found = dict(
        verdicts({"settings": settings, "runs": {"synthetic-1m": run | {"interleaving": []}}})
    )
    assert not any(passed for each, passed in found.items() if "by single calls" in each)


def test_gates_want_builds_of_one_hour() -> None:
    built = {"wall_seconds": [1.0], "threads": 2}
    slow = {"wall_seconds": [9.0], "threads": 2, "earlier": True}
    run = {
        "builds": {"nearfield": built, "hnswlib": slow},
        "at_recall": {},
        "recall_difference": {},
    }
    settings = {"k": 10, "clock": "wall"}
    found = dict(verdicts({"settings": settings, "runs": {"debian-minilm": run}}))
    text = "debian-minilm: speed of building by hnswlib's: not built in one run on equal threads"
    assert found[text] is False


def test_tables_compare_no_builds_of_another_hour_or_of_other_threads() -> None:
    ours = {"wall_seconds": [2.0], "threads": 2}
    builds = {
        "nearfield": ours,
        "hnswlib": {"wall_seconds": [5.0], "threads": 2},
        "faiss": {"wall_seconds": [9.0], "threads": 2, "earlier": True},
        "usearch": {"wall_seconds": [9.0], "threads": 1},
    }
    found = [_build_ratio(builds, peer, "wall_seconds") for peer in (*builds, "voyager")]
    assert found == ["1.00x", "2.50x", "-", "-", "-"]


# --- engines and data ----------------------------------------------------------------------------


def test_every_variant_has_an_adapter() -> None:
    folder = Path(data_sets.__file__).parent / "engines"
    assert {path.stem for path in folder.glob("[a-z]*.py")} == set(VARIANTS)
    for library, variants in VARIANTS.items():
        assert variants[0] == library
        assert {library_of(variant) for variant in variants} == {library}


@pytest.mark.parametrize(("k", "rows"), [(1, 100), (10, 10_000), (1000, 1500), (100, 10**6)])
def test_beam_widths_rise_from_k(k: int, rows: int) -> None:
    found = widths(k, rows)
    assert found[0] == k
    assert all(low < high <= max(low + 1, 1.5 * low) for low, high in pairwise(found))
    assert found[-1] <= max(k, rows // 2)


def test_made_rows_do_not_depend_on_how_many_are_asked_for(tmp_path: Path) -> None:
    few, asked = synthetic.make(60)
    many, again = synthetic.load(120, tmp_path)
    np.testing.assert_array_equal(few, many[:60])
    np.testing.assert_array_equal(asked, again)
    np.testing.assert_array_equal(synthetic.load(120, tmp_path)[0], many)
    assert 0.4 < (many == 0).mean() < 0.65
    names = ("synthetic-1m", "synthetic-250k", "synthetic-2m", "synthetic-0k", "mnist")
    assert [synthetic.rows_of(name) for name in names] == [10**6, 250_000, None, None, None]


@pytest.mark.parametrize("dimensions", [3, 8])
def test_the_intrinsic_dimension_is_that_of_the_space_that_rows_fill(dimensions: int) -> None:
    rng = np.random.default_rng(4)
    latent = rng.uniform(size=(20_000, dimensions))
    rows = (latent @ rng.normal(size=(dimensions, 40))).astype(np.float32)
    found = synthetic.intrinsic_dimension(rows, 20, sample=300)
    assert found == pytest.approx(dimensions, rel=0.15)


def test_files_are_read_by_their_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = np.arange(12, dtype=np.float32).reshape(4, 3)
    words = np.hstack([np.full((4, 1), 3, dtype=np.int32), base.view(np.int32)])
    words.tofile(tmp_path / "x_base.fvecs")
    words[:2].tofile(tmp_path / "x_query.fvecs")
    np.savez(tmp_path / "x.npz", base=base, queries=base[:1])
    np.save(tmp_path / "x.npy", base)

    class File(dict[str, Any]):
        """A file as h5py opens it."""

        attrs: ClassVar = {"distance": "angular"}

        def __enter__(self) -> File:
            return self

        def __exit__(self, *_: object) -> None: ...

    held = File(train=base, test=base[:3])
    monkeypatch.setitem(sys.modules, "h5py", SimpleNamespace(File=lambda _: held))
    for name, queries, space in (
        ("x_base.fvecs", 2, None),
        ("x.npz", 1, None),
        ("x.npy", None, None),
        ("x.hdf5", 3, "cosine"),
    ):
        found = data_files.read(tmp_path / name)
        np.testing.assert_array_equal(found.base, base)
        assert (None if found.queries is None else len(found.queries)) == queries
        assert found.space == space
