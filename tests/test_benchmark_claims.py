"""The commands that show one claim each: what they make of measurements, with no peer installed."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import ceiling
import claims
import columns
import data_sets
import drift
import growth
import levels
import memory
import opening
import overhead
from gates import Verdict
from native_programs import NoProgram, program
from remote import Bounds, Remote

MACHINE = {
    "cpu": "a CPU",
    "cores": 2,
    "simd": "avx2",
    "python": "3.11",
    "git": "0123456789ab+",
    "date": "2026-11-26T08:00:00+00:00",
    "load_average": 0.1,
}


def failed(verdicts: list[Verdict]) -> list[str]:
    return [text for text, passed in verdicts if not passed]


# --- what all commands share ---------------------------------------------------------------------


def test_a_gate_fails_only_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(claims, "fingerprint", lambda: dict(MACHINE))
    claim = claims.Claim(
        "size",
        lambda options: {"figure": options.figure},
        lambda result: f"the figure is {result['measured']['figure']}",
        lambda result: [("at most 2", result["measured"]["figure"] <= 2)],
    )
    parser = claims.parser("Show a figure.\n\nMore.")
    parser.add_argument("--figure", type=int)

    def run(*given: str) -> int:
        return claims.show(claim, parser.parse_args(["--out", str(tmp_path), *given]))

    assert run("--figure", "3") == 0
    assert run("--figure", "3", "--gate") == 1
    assert run("--figure", "2", "--gate") == 0
    assert "the figure is 3" in capsys.readouterr().out
    path = tmp_path / "size" / "20261126T080000-0123456789ab.json"
    result = json.loads(path.read_text())
    assert result["settings"] == {"figure": 2}, "paths of this machine are nobody's business"
    assert run("--table", str(path), "--gate") == 0


def test_a_claim_is_not_judged_at_sizes_that_it_is_not_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(claims, "fingerprint", lambda: dict(MACHINE))
    claim = claims.Claim(
        "size", lambda options: {}, str, lambda result: [("is large", False)], least={"rows": 1000}
    )
    parser = claims.parser("Show.")
    parser.add_argument("--rows", type=int, nargs="+")

    def run(*given: str) -> tuple[int, str]:
        code = claims.show(claim, parser.parse_args(["--out", str(tmp_path), "--rows", *given]))
        return code, capsys.readouterr().out

    assert run("1000", "2000", "--gate")[0] == 1
    code, said = run("999", "2000")
    assert code == 0
    assert "not judged: --rows 999; the claim is about 1,000 and more\n     is large" in said
    assert "FAIL" not in said
    assert run("999", "--gate")[0] == 2, "what is not judged has not passed"


@pytest.mark.parametrize(
    ("command", "small"),
    [
        (memory, ("--rows", "2000")),
        (opening, ("--rows", "2000")),
        (columns, ("--rows", "2000")),
        (drift, ("--rows", "5000", "16000")),
        (drift, ("--queries", "100")),
    ],
)
def test_commands_say_the_sizes_that_they_are_judged_at(
    command: Any, small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def show(claim: claims.Claim, options: argparse.Namespace) -> int:
        told.append(claims.too_small(claim, vars(options)))
        return 0

    monkeypatch.setattr(claims, "show", show)
    command.main([])
    command.main(list(small))
    assert told[0] == "", "the defaults are judged"
    assert told[1].startswith(small[0])


# --- memory --------------------------------------------------------------------------------------


def memory_result(default: float, alone: float, dry_run_file: int | None) -> dict[str, Any]:
    def row(size: float) -> dict[str, Any]:
        told = {"estimated_bytes": size, "dry_run_bytes": 1.04 * size}
        told["dry_run_file_bytes"] = dry_run_file
        return {"private_bytes": size, "resident_bytes": size, "file_bytes": size, **told}

    raw = 1000 * 384 * 4
    rows = {"nearfield": default * raw, "nearfield-codesonly": alone * raw, "hnswlib": raw}
    measured = {name: row(size) for name, size in rows.items()}
    return {"settings": {"rows": 1000}, "measured": {"384": measured}}


def test_memory_is_judged_by_hnswlib_by_the_vectors_and_by_what_was_foretold() -> None:
    result = memory_result(1.2, 0.3, None)
    assert failed(memory.verdicts(result)) == [
        "384 dimensions, nearfield: dry run's file astray: it says nothing",
        "384 dimensions, nearfield-codesonly: dry run's file astray: it says nothing",
    ]
    texts = failed(memory.verdicts(memory_result(1.3, 0.5, round(1.3 * 1000 * 384 * 4))))
    assert [text.partition(":")[0] for text in texts] == [
        "384 dimensions, memory by hnswlib's",
        "384 dimensions, codes alone, memory by the raw vectors'",
        "384 dimensions, file by hnswlib's",
        "384 dimensions, codes alone, file by the raw vectors'",
        "384 dimensions, nearfield-codesonly",
    ]
    assert "| 384 | nearfield | 1.8 | 1.8 | 1.200 |" in memory.table(result)
    del result["measured"]["384"]["nearfield-codesonly"]
    assert any("not measured" in text for text in failed(memory.verdicts(result)))


def test_memory_leaves_out_what_this_build_does_not_know() -> None:
    assert memory.is_known("nearfield")
    assert memory.is_known("hnswlib")
    data = memory.made(100, 24)
    assert data.base.shape == (100, 24)


# --- opening -------------------------------------------------------------------------------------


def test_opening_is_judged_by_medians_and_by_what_processes_share() -> None:
    alone = [
        {"open_seconds": s, "idle_bytes": 2**20, "first_query_seconds": 0.003, "found": 10}
        for s in (0.001, 0.002, 9.0)
    ]
    together = {
        "recall": 0.99,
        "resident_bytes": [800 << 20] * 8,
        "proportional_bytes": [150 << 20] * 8,
    }
    measured = {"file_bytes": 2**30, "alone": alone, "together": together}
    result = {"settings": {"rows": 1000}, "measured": measured}
    assert opening.shared(together) == pytest.approx(150 / 800)
    assert not failed(opening.verdicts(result))
    assert "| opening, ms | 2.0 (1.0-9000.0) |" in opening.table(result)
    alone[1]["open_seconds"] = 0.03
    alone[0]["found"] = 9
    together["proportional_bytes"] = [250 << 20] * 8
    assert [text.partition(":")[0] for text in failed(opening.verdicts(result))] == [
        "opening by mmap",
        "the first query finds 10 rows",
        "8 processes by 8 times one",
    ]


def test_the_memory_of_a_worker_is_its_own_and_its_share(tmp_path: Path) -> None:
    with Remote("nearfield", sys.executable, tmp_path / "log", Bounds(2**33, 60)) as remote:
        remote.order("about")
        memory_now = remote.memory()
    order = ("private_bytes", "proportional_bytes", "resident_bytes")
    sizes = [memory_now[key] for key in order]
    assert sizes == sorted(sizes)
    assert sizes[0] > 0


# --- overhead ------------------------------------------------------------------------------------


def test_overhead_is_beyond_the_calls_timed_around_it() -> None:
    seconds = {
        "native": [5e-6, 6e-6, 7e-6, 8e-6],  # around query, around out=, and again
        "query": [6e-6, 9e-6],
        "query with out=": [9e-6, 8e-6],
    }
    found = overhead.overheads(seconds)
    assert found["query"] == pytest.approx([1, 2])
    assert found["query with out="] == pytest.approx([3, 0])
    settings = {"rows": 1000, "ef": 10}
    result = {"settings": settings, "measured": {"seconds": seconds}}
    assert not failed(overhead.verdicts(result))
    assert "| query | 7.50 | 1.50 (1.00-2.00) |" in overhead.table(result)
    seconds["query"] = [9e-6, 12e-6]
    assert len(failed(overhead.verdicts(result))) == 1


def test_no_cmake_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(NoProgram, match="there is no cmake"):
        program("single", tmp_path)


# --- levels --------------------------------------------------------------------------------------


def levels_result(slower: float) -> dict[str, Any]:
    def points(speed: float) -> list[dict[str, Any]]:
        return [
            {"recall": recall, "qps": qps * speed, "qps_each": [qps * speed] * 3}
            for recall, qps in ((0.85, 1000.0), (0.995, 100.0))
        ]

    curves = {
        level: dict.fromkeys(levels.MODES, points(speed))
        for level, speed in (("avx2", slower), ("avx512", 1.0))
    }
    same = {"avx2": "a", "avx512": "a"}
    builds = {level: {"wall_seconds": [1.0]} for level in curves}
    run = {"builds": builds, "curves": curves, "files": same, "results": dict(same)}
    return {"measured": {"mnist": run}}


def test_levels_must_agree_and_the_slower_be_nearly_as_fast() -> None:
    result = levels_result(0.95)
    assert not failed(levels.verdicts(result))
    assert "| mnist | avx2 | single |" in levels.table(result)
    assert len(failed(levels.verdicts(levels_result(0.8)))) == 2 * 3
    result["measured"]["mnist"]["results"]["avx2"] = "b"
    text = "mnist: ids and distances: the same bytes at avx2, avx512"
    assert failed(levels.verdicts(result)) == [text]
    assert "| OTHER |" in levels.table(result)
    del result["measured"]["mnist"]["curves"]["avx512"]
    assert len(failed(levels.verdicts(result))) == 1 + 2 * 3


# --- ceiling -------------------------------------------------------------------------------------


def test_the_smallest_beam_is_looked_for_by_halves() -> None:
    asked: list[int] = []

    def recall_at(ef: int) -> float:
        asked.append(ef)
        return 0.998 if ef >= 53 else 0.9

    assert ceiling.smallest(recall_at) == 53
    assert len(asked) < 16
    assert ceiling.smallest(lambda ef: 0.9) is None
    assert ceiling.smallest(lambda ef: 1.0) == 10


def test_the_ceiling_is_judged_by_the_fastest_brute_force() -> None:
    seconds = {"walk single": [1.0] * 3, "walk batch": [1.0] * 3}
    for call in ("single", "batch"):
        seconds |= {f"exact {call}": [90.0] * 3, f"kernels {call}": [10.0] * 3}
    seconds |= {"matrix single": [20.0] * 3, "matrix batch": [5.0] * 3}
    recalls = {str(ef): 0.999 for ef in (10, 20, 40, 80, 160, 320, 640)}
    run = {"recalls": recalls, "enough": 10, "agreement": 1.0, "seconds": seconds}
    result = {"measured": {"mnist": run}}
    assert ceiling.shares(run) == {"single": (10.0, "kernels"), "batch": (20.0, "matrix")}
    assert [text.partition(":")[0] for text in failed(ceiling.verdicts(result))] == ["mnist, batch"]
    assert "| mnist | single | kernels | 10 |" in ceiling.table(result)
    run |= {"enough": None, "agreement": 0.5}
    assert len(failed(ceiling.verdicts(result))) == 4


# --- growth --------------------------------------------------------------------------------------


def test_growth_is_told_as_an_exponent() -> None:
    def size(rows: int, dimensions: int = 128) -> dict[str, Any]:
        qps = 1e6 / rows**0.25
        points = [{"recall": 0.95, "qps": qps}, {"recall": 0.99, "qps": qps / 2}]
        return {
            "rows": rows,
            "dimensions": dimensions,
            "ef": 20,
            "recall": 0.96,
            "build": {"cpu_seconds": [rows**1.1]},
            "curves": {"single": points, "batch1": points},
            "index_bytes": rows * 768,
            "row_bytes": {"code": 128, "link": 128, "vector": 512},
            "reads": {"code": 700.0, "link": 30.0, "vector": 14.0},
            "nanoseconds": {
                kind: {"dependent": 100.0, "independent": 10.0}
                for kind in ("code", "link", "vector")
            },
        }

    sizes = [size(10_000), size(100_000), size(1_000_000)]
    result = {"measured": {"sizes": [*sizes, size(4_000_000, 96)]}}
    series = growth.series(result)
    assert growth.exponent(*series["one query a call, us"]) == pytest.approx(0.25)
    assert growth.exponent(*series["build, CPU s"]) == pytest.approx(1.1)
    assert growth.touched_bytes(sizes[0]) == 730 * 128 + 14 * 512
    assert growth.memory_seconds(sizes[0], "dependent") == pytest.approx(744 * 100e-9)
    assert "| one query a call, us | 0.25 |" in growth.table(result)
    assert not failed(growth.verdicts(result))


# --- drift ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", drift.KINDS)
def test_rows_drift_away_from_the_first_range(kind: str) -> None:
    base, queries = drift.made(kind, 4000, 64, 50)
    assert queries.shape == (50, 64)
    assert np.abs(base).max() <= 0.99, "what Float8 takes"
    np.testing.assert_array_equal(base, drift.made(kind, 4000, 64, 50)[0])
    first, last = base[:1000], base[-1000:]
    low, high = first.min(axis=0), first.max(axis=0)
    assert ((last < low) | (last > high)).mean() > 0.05


def test_legal_pairs_are_what_the_index_takes() -> None:
    assert drift.Pair("Float32", "int4") in list(drift.legal_pairs("cosine", 64))
    assert drift.Pair("Float32", "int4") not in list(drift.legal_pairs("inner_product", 64))


def test_drift_is_judged_by_the_worst_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_sets, "CACHE", tmp_path)
    few = drift.Pair("Float32", "int8")
    monkeypatch.setattr(drift, "legal_pairs", lambda *_: [few])
    settings = {"rows": [600], "dimensions": 32, "queries": 40, "chunk": 200, "ef": 20}
    options = SimpleNamespace(**settings, spaces=["euclidean"], kinds=["shift"], threads=1)
    result = {"settings": settings, "measured": drift.measure(options)}
    (row,) = result["measured"]["pairs"]
    assert row["lost"] == pytest.approx(row["anew"] - row["streamed"])
    assert "| euclidean | Float32 | int8 | 600 |" in drift.table(result)
    bad = row | {"codes": "int4", "lost": 0.02}
    (text,) = failed(drift.verdicts({"measured": {"pairs": [row, bad]}}))
    assert "the worst of 2 (Float32, codes int4, 600 rows): 0.0200, most 0.01" in text


# --- columns -------------------------------------------------------------------------------------


def test_columns_are_judged_by_what_is_beside_numbers_and_by_tests() -> None:
    result = {"settings": {"rows": 3000}}
    options = argparse.Namespace(rows=3000, repetitions=2)
    result["measured"] = columns.measure(options)
    text = columns.table(result)
    for name in ("genres", "bool: `explicit`", "with", "a change, vectors: 1000"):
        assert f"| {name}" in text
    tests = result["measured"]["tests"]
    assert 0 < tests["bool"]["passing"] < 1000
    assert tests["id, a tenth of all"]["passing"] == 2700
    result["measured"]["num_bytes"] = {"explicit": 3600, "year": 6600, "plays": 24600,
                                       "rating": 12600, "released": 24600}  # fmt: skip
    for test in tests.values():
        test["evaluating"] = 0.0009
    tests["id, a range"]["evaluating"] = 1.0  # is for reading
    assert not failed(columns.verdicts(result))
    tests["bool"]["evaluating"] = 0.002
    result["measured"]["num_bytes"]["plays"] = 24_900
    assert [text.partition(":")[0] for text in failed(columns.verdicts(result))] == [
        "bytes a row beside a number",
        "the slowest test (bool)",
    ]


# --- results -------------------------------------------------------------------------------------

COMMANDS = {
    module.__name__: module
    for module in (ceiling, columns, drift, growth, levels, memory, opening, overhead)
}


def test_old_results_can_still_be_read() -> None:
    for name, command in COMMANDS.items():
        for path in (claims.RESULTS / name).glob("*.json"):
            result = json.loads(path.read_text())
            assert result["claim"] == name
            assert command.table(result)
            assert command.verdicts(result)


def test_rows_of_the_made_set_are_whole_thousands() -> None:
    assert claims.made_rows("250000") == 250_000
    for wrong in ("1500", "0", "2000000"):
        with pytest.raises(argparse.ArgumentTypeError, match="expected thousands"):
            claims.made_rows(wrong)
