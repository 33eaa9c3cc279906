"""What the comparison under filters makes of its measurements: verdicts and old results."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import claims
import filter_cells
import filters
from filter_field import BITSET, CALLABLE, DEFAULT, EXACT, NEARFIELD, WAYS

from tests.exact_engine import failed


def gated(**other: Any) -> dict[str, Any]:
    """A result that passes, but for what is given: of a cell by its name, or of users."""
    cells = []
    wanted = [("W1", "random", ratio) for ratio in filter_cells.RATIOS]
    wanted += [
        ("W2", f"{way} clusters", ratio)
        for way in ("nearest", "furthest")
        for ratio in filter_cells.RATIOS
    ]
    wanted += [("W3", "heard nearest", size) for size in (100, 1_000, 10_000)]
    wanted += [("W6", "allowed", size) for size in (0, 5)]
    speeds = {BITSET: 200.0, CALLABLE: 400.0, EXACT: 1.0}
    for workload, kind, size in wanted:
        ways = {
            way.name: {"recall": 0.96, "ef": 20, "failed": "", "violations": 0, "short": 0}
            | {"seconds": [1e-6 * speeds.get(way.name, 1.0)] * 3, "queries": 50}
            for way in WAYS
        }
        default = {"recall": 0.97, "worst": {"compared": 3_000, "allowed": 1_000}}
        cell = {"workload": workload, "kind": kind, "size": size, "queries": 50, "ways": ways}
        cell |= {"default": default, "compile": {}, "allowed": 500.0, "rows": 1_000}
        cells.append(cell)
        for way, change in other.get(f"{workload} {kind} {filter_cells.shown(size)}", {}).items():
            (default if way == "default" else ways[way]).update(change)
    kinds = {name: {"batch": [1e-5] * 3, "batch2": [6e-6] * 3} for name in ("near", "random")}
    kinds["shared"] = {"batch": [1e-5] * 3, "batch2": [6e-6] * 3}
    for seen in kinds.values():
        seen["distances"] = 900.0
    users = {"kinds": kinds, "failed": {}, "recall": {"violations": 0, "short": 0}}
    for name, change in other.get("users", {}).items():
        kinds[name] |= change
    measured = {"cells": cells, "users": users, "data": {"name": "synthetic-1m"}}
    return {"measured": measured}


def test_a_result_that_shows_everything_passes() -> None:
    assert not failed(filters.verdicts(gated()))


@pytest.mark.parametrize(
    ("cell", "change", "said"),
    [
        ("W1 random 2 %", {"default": {"recall": 0.94}}, "W1 random: recall@10 at defaults, the"),
        ("W2 furthest clusters 5 %", {"default": {"recall": 0.9}}, "W2 furthest clusters: recall"),
        (
            "W2 furthest clusters 50 %",
            {"default": {"worst": {"compared": 3_201, "allowed": 1_000}}},
            "W2 furthest clusters: distances of a query by 2.2 of what is allowed and 1,000",
        ),
        ("W1 random 99 %", {BITSET: {"seconds": [2.9e-6] * 3}}, "W1 random 99 %: speed by hnsw"),
        ("W1 random 50 %", {BITSET: {"seconds": [2.4e-6] * 3}}, "W1 random 50 %: speed by hnsw"),
        ("W1 random 10 %", {BITSET: {"seconds": [3.9e-6] * 3}}, "W1 random 10 %: speed by hnsw"),
        ("W1 random 1 %", {BITSET: {"seconds": [19e-6] * 3}}, "W1 random 1 %: speed by hnswlib"),
        ("W1 random 0.1 %", {BITSET: {"seconds": [99e-6] * 3}}, "W1 random 0.1 %: speed by hnsw"),
        ("W3 heard nearest 1,000", {BITSET: {"seconds": [2e-6] * 3}}, "W3 heard nearest 1,000: "),
        ("W2 nearest clusters 1 %", {CALLABLE: {"seconds": [9e-6] * 3}}, "W2 nearest clusters: s"),
        ("W2 nearest clusters 1 %", {EXACT: {"seconds": [4e-7] * 3}}, "W2 nearest clusters: speed"),
        ("W6 allowed 5", {EXACT: {"seconds": [4e-7] * 3}}, "W6 allowed: speed by nearfield, exact"),
        ("W6 allowed 5", {NEARFIELD: {"violations": 1}}, "violations in all of nearfield's answ"),
        ("W1 random 5 %", {DEFAULT: {"short": 2}}, "short in all of nearfield's answers: 2"),
        ("users", {"near": {"batch": [2e-5] * 3}}, "W5 near: speed by one shared set, distance"),
        ("users", {"random": {"batch2": [9e-6] * 3}}, "W5 random: speed by one shared set, dis"),
    ],
)
def test_each_gate_fails_by_itself(cell: str, change: dict[str, Any], said: str) -> None:
    (text,) = failed(filters.verdicts(gated(**{cell: change})))
    assert text.startswith(said)


def test_a_peer_that_never_finds_enough_is_told_and_one_that_died_was_not_measured() -> None:
    nowhere = {"recall": None, "seconds": [], "most": 0.4}
    name = "W1 random 1 %"
    result = gated(**{name: {BITSET: nowhere, CALLABLE: nowhere}})
    assert not failed(filters.verdicts(result))
    text = f"{name}: speed by hnswlib, bitset in C++: it never reaches recall 0.95"
    assert (text, True) in filters.verdicts(result)
    result = gated(**{name: {BITSET: nowhere | {"failed": "died by signal 9"}}})
    assert failed(filters.verdicts(result)) == [f"{name}: speed by {BITSET}: not measured"]
    result = gated(**{name: {NEARFIELD: nowhere}})
    assert f"{name}: speed by {BITSET}: recall 0.95 is not reached" in failed(
        filters.verdicts(result)
    )


def test_what_was_not_measured_has_failed() -> None:
    result = gated()
    result["measured"]["users"] = None
    result["measured"]["cells"] = [
        cell for cell in result["measured"]["cells"] if cell["kind"] != "nearest clusters"
    ]
    texts = failed(filters.verdicts(result))
    assert len(texts) == 2
    assert texts[0].startswith("W2 nearest clusters: not measured: 99.9 %, 99 %, 90 %,")
    assert texts[1] == "W5: not measured"
    result["measured"]["data"]["name"] = "debian-minilm"
    assert len(failed(filters.verdicts(result))) == 4, "and its sections"


def test_gates_need_the_whole_set(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr(
        claims,
        "show",
        lambda claim, options: told.append(claims.too_small(claim, vars(options))) or 0,
    )
    filters.main([])
    filters.main(["--limit", "10000"])
    filters.main(["--users", "100"])
    assert told[0] == ""
    assert told[1].startswith("--limit 10,000")
    assert told[2].startswith("--users 100")


def test_old_results_can_still_be_read() -> None:
    for path in (claims.RESULTS / "filters").glob("*.json"):
        result = json.loads(path.read_text())
        assert result["claim"] == "filters"
        assert filters.table(result)
        assert filters.verdicts(result)
