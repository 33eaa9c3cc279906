"""The commands that show one claim each: what they make of measurements, with no peer installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import claims
import memory
from gates import Verdict

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
