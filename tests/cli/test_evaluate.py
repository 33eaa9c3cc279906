"""``nearfield evaluate``: the curve, three sources of truth, the gate, the picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pytest

from tests.cli.conftest import ROWS, WIDTH, Run

ASK = ("--rows", "split=query", "--ef", "10,40,160")


def test_recall_rises_and_so_does_the_work(built: Path, parquet: Path, run: Run) -> None:
    done = run("evaluate", built, "--queries", parquet, *ASK, "--json")
    assert done.code == 0
    assert done.out.count("\n") == 1
    assert "120 queries, 1,080 rows: finding the truth" in done.err
    said = json.loads(done.out)
    assert (said["k"], said["queries"], said["rows"], said["threads"]) == (10, 120, 1080, 1)
    curve = said["curve"]
    assert [point["ef"] for point in curve] == [10, 40, 160]
    assert curve[0]["recall"] <= curve[-1]["recall"] == said["best_recall"]
    assert said["best_recall"] >= 0.99
    assert curve[0]["distances"] < curve[-1]["distances"] <= 1080
    lines = run("evaluate", built, "--queries", parquet, *ASK, "--quiet").out.splitlines()
    assert lines[0].split("\t") == ["ef", "recall", "queries/s", "distances", "hops"]
    assert len(lines) == 4


def test_truth_from_the_base_equals_truth_from_the_index(
    built: Path, parquet: Path, run: Run
) -> None:
    plain = run("evaluate", built, "--queries", parquet, *ASK, "--json")
    other = run(
        "evaluate", built, "--queries", parquet, *ASK, "--json",
        "--base", parquet, "--base-rows", "split=base", "--key", "name",
    )  # fmt: skip
    recalls = [[p["recall"] for p in json.loads(each.out)["curve"]] for each in (plain, other)]
    assert recalls[0] == recalls[1]
    refused = run("evaluate", built, "--queries", parquet, *ASK, "--base", parquet)
    assert refused.code == 3
    assert "--key" in refused.err
    few = run("evaluate", built, "--queries", parquet, "-k", 2, "--base-rows", "split=none")
    assert few.code == 2
    assert "--base-rows says how to read --base, which is not given" in few.err


def test_a_base_of_too_few_rows_is_told_from_the_index(
    tmp_path: Path, built: Path, vectors: Any, run: Run
) -> None:
    np.save(tmp_path / "few.npy", vectors[:3])
    np.save(tmp_path / "queries.npy", vectors[:5])
    refused = run(
        "evaluate", built, "--queries", tmp_path / "queries.npy", "-k", 10,
        "--base", tmp_path / "few.npy",
    )  # fmt: skip
    assert refused.code == 3
    assert "few.npy holds 3 vectors, but k is 10" in refused.err


def test_what_the_storage_rounds_counts_against_the_base(
    tmp_path: Path, vectors: Any, run: Run
) -> None:
    np.save(tmp_path / "base.npy", vectors)
    np.save(tmp_path / "q.npy", vectors[:50] + 0.01)
    out = tmp_path / "rounded.nf"
    run("build", tmp_path / "base.npy", "--storage", "e4m3", "-o", out)
    ask = ("evaluate", out, "--queries", tmp_path / "q.npy", "--ef", ROWS, "--json")
    own, base = (run(*ask, *more) for more in ((), ("--base", tmp_path / "base.npy")))
    assert json.loads(own.out)["best_recall"] == 1
    assert 0.5 < json.loads(base.out)["best_recall"] < 1
    said = [json.loads(each.out) for each in (own, base)]
    assert [each["against"] for each in said] == ["held", "truth"]
    assert [each["curve"][0]["against"] for each in said] == ["held", "truth"]
    note = "recall is of the vectors that the index holds (E4M3), not of those that it was given"
    assert note in own.err
    assert note not in base.err


def test_a_base_of_other_rows_is_refused(tmp_path: Path, vectors: Any, run: Run) -> None:
    np.save(tmp_path / "base.npy", vectors)
    np.save(tmp_path / "half.npy", vectors[::2])
    out = tmp_path / "half.nf"
    run("build", tmp_path / "half.npy", "-o", out)
    ask = ("evaluate", out, "--queries", tmp_path / "half.npy")
    done = run(*ask, "--base", tmp_path / "base.npy")
    assert (done.code, done.out) == (3, "")
    assert "base.npy names" in done.err
    assert "that the index does not hold" in done.err


@pytest.mark.parametrize("suffix", ["npy", "ivecs", "ibin"])
def test_truth_from_a_file(tmp_path: Path, vectors: Any, run: Run, suffix: str) -> None:
    np.save(tmp_path / "base.npy", vectors)
    np.save(tmp_path / "q.npy", vectors[:50])
    out = tmp_path / "index.nf"
    run("build", tmp_path / "base.npy", "-o", out)
    ruler = nf.ExactIndex(nf.Space.Cosine, WIDTH)
    ruler.add_items(vectors)
    true = ruler.query(vectors[:50], k=12).ids.astype("<i4")
    path = tmp_path / f"truth.{suffix}"
    if suffix == "npy":
        np.save(path, true)
    elif suffix == "ivecs":
        np.hstack([np.full((50, 1), 12, dtype="<i4"), true]).tofile(path)
    else:
        path.write_bytes(np.array(true.shape, dtype="<u4").tobytes() + true.tobytes())
    ask = ("evaluate", out, "--queries", tmp_path / "q.npy", "--ef", ROWS, "--truth", path)
    assert json.loads(run(*ask, "--json").out)["best_recall"] == 1
    assert run(*ask, "-k", 13).code == 3


def test_the_gate_is_exit_code_5(built: Path, parquet: Path, run: Run) -> None:
    ask = ("evaluate", built, "--queries", parquet, "--rows", "split=query", "--ef", "1", "-k", "1")
    failed = run(*ask, "--min-recall", "1")
    assert failed.code == 5
    assert "below --min-recall 1" in failed.err
    assert failed.out.startswith("ef\t"), "the table is shown all the same"
    assert run(*ask, "--min-recall", "0.1").code == 0
    assert run(*ask, "--min-recall", "1.1").code == 2


def test_the_picture_is_drawn(tmp_path: Path, built: Path, parquet: Path, run: Run) -> None:
    done = run("evaluate", built, "--queries", parquet, *ASK, "--plot", tmp_path / "curve.png")
    assert done.code == 0, done.err
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_pip_line_is_given(
    tmp_path: Path, built: Path, parquet: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    done = run("evaluate", built, "--queries", parquet, *ASK, "--plot", tmp_path / "curve.png")
    assert done.code == 1
    assert "pip install 'nearfield[plot]'" in done.err


def test_no_queries_and_bad_widths_are_refused(built: Path, parquet: Path, run: Run) -> None:
    assert run("evaluate", built, "--queries", parquet, "--rows", "split=none").code == 3
    assert run("evaluate", built, "--queries", parquet, "--ef", "ten").code == 2
