"""``nearfield tune``: the width, its figures as a table and as JSON, the exit code of a miss."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pytest

from tests.cli.conftest import ROWS, WIDTH, Run


@pytest.fixture
def sparse(tmp_path: Path, vectors: Any) -> tuple[Path, Path]:
    """An index with few links, and queries for it."""
    index = nf.Index.from_vectors(vectors, space="euclidean", M=3, ef_construction=8)
    index.save(tmp_path / "sparse.nf")
    np.save(tmp_path / "queries.npy", vectors[::4] + 0.3)
    return tmp_path / "sparse.nf", tmp_path / "queries.npy"


def test_json_is_what_the_index_says(sparse: tuple[Path, Path], run: Run) -> None:
    path, queries = sparse
    done = run("tune", path, "--queries", queries, "--recall", 0.9, "-k", 5, "--seed", 3, "--json")
    assert done.code == 0
    assert done.out.count("\n") == 1
    said = json.loads(done.out)
    found = nf.load(path).tune(np.load(queries), 0.9, 5, seed=3)
    assert said.pop("index") == str(path)
    assert said.pop("rows") == ROWS
    assert said.pop("assured") == found.assured
    assert [tuple(point.values()) for point in said.pop("curve")] == list(found.curve)
    assert said == {name: getattr(found, name) for name in said}
    assert {"ef", "recall", "verified", "low", "high", "distances", "hops"} <= said.keys()
    assert said["reached"] is True
    lines = done.err.splitlines()
    assert lines[0] == "300 queries, 1,200 rows: finding the truth"
    assert lines[-1] == str(found)


def test_the_table_goes_to_stdout_and_nothing_else(sparse: tuple[Path, Path], run: Run) -> None:
    path, queries = sparse
    done = run("tune", path, "--queries", queries, "--recall", 0.9, "--quiet")
    assert (done.code, done.err) == (0, "")
    lines = [line.split("\t") for line in done.out.splitlines()]
    assert lines[0] == ["what", "value"]
    values = dict(lines[1:])
    assert values["ef"] == str(nf.load(path).tune(np.load(queries), 0.9).ef)
    assert values["reached"] == "True"
    assert 0.9 <= float(values["recall"]) <= 1
    assert "curve" not in values


def test_the_result_is_the_same_every_time(sparse: tuple[Path, Path], run: Run) -> None:
    path, queries = sparse
    ask = ("tune", path, "--queries", queries, "--json")
    assert run(*ask).out == run(*ask, "--threads", 1).out
    assert run(*ask).out != run(*ask, "--seed", 2).out


def test_a_recall_out_of_reach_is_exit_code_5(sparse: tuple[Path, Path], run: Run) -> None:
    path, queries = sparse
    ask = ("tune", path, "--queries", queries, "--recall", 0.99, "--max-ef", 12)
    done = run(*ask, "--json")
    assert done.code == 5
    said = json.loads(done.out)
    assert (said["reached"], said["ef"]) == (False, 12), "the best is shown all the same"
    assert done.err.endswith("nearfield: no beam width tried gives a recall@10 of 0.99\n")
    assert run(*ask, "--quiet").err.count("\n") == 1


def test_limit_takes_the_first_queries(sparse: tuple[Path, Path], run: Run) -> None:
    path, queries = sparse
    ask = ("tune", path, "--queries", queries, "--recall", 0.9, "--json")
    said = json.loads(run(*ask, "--limit", 50).out)
    assert (said["tuning_queries"], said["verifying_queries"]) == (25, 25)
    assert said["ef"] == nf.load(path).tune(np.load(queries)[:50], 0.9).ef


def test_assured_asks_for_more(sparse: tuple[Path, Path], run: Run) -> None:
    path, queries = sparse
    ask = ("tune", path, "--queries", queries, "--recall", 0.9, "--json")
    plain, sure = (json.loads(run(*ask, *more).out) for more in ((), ("--assured",)))
    assert (plain["assured"], sure["assured"]) == (False, True)
    assert plain["low"] < 0.9 <= sure["low"]
    assert plain["ef"] < sure["ef"]
    loose = json.loads(run(*ask, "--assured", "--confidence", 0.5).out)
    assert loose["ef"] < sure["ef"]
    assert loose["confidence"] == 0.5
    refused = run(*ask, "--assured", "--limit", 40)
    assert (refused.code, refused.out) == (3, "")
    assert "to assure a recall of 0.9 takes at least 70" in refused.err


def test_keys_and_parquet_queries(built: Path, parquet: Path, run: Run) -> None:
    done = run("tune", built, "--queries", parquet, "--rows", "split=query", "--json", "-q")
    assert (done.code, done.err) == (0, "")
    said = json.loads(done.out)
    assert (said["rows"], said["tuning_queries"]) == (1080, 60)


def test_the_truth_comes_from_the_places_that_evaluate_knows(
    tmp_path: Path, vectors: Any, run: Run
) -> None:
    np.save(tmp_path / "base.npy", vectors)
    np.save(tmp_path / "q.npy", vectors[:60] + 0.01)
    out = tmp_path / "rounded.nf"
    run("build", tmp_path / "base.npy", "--storage", "e4m3", "-o", out)
    ruler = nf.ExactIndex(nf.Space.Cosine, WIDTH)
    ruler.add_items(vectors)
    true = ruler.query(vectors[:60] + 0.01, k=12).ids
    np.save(tmp_path / "truth.npy", true.astype(np.int64))
    ask = ("tune", out, "--queries", tmp_path / "q.npy", "--recall", 0.999, "--json")
    own = run(*ask)
    assert own.code == 0
    assert json.loads(own.out)["against"] == "held"
    note = "recall is of the vectors that the index holds (E4M3), not of those that it was given"
    assert note in own.err
    assert run(*ask, "--quiet").err == ""
    base, read = (
        run(*ask, *more)
        for more in (
            ("--base", tmp_path / "base.npy"),
            ("--truth", tmp_path / "truth.npy"),
        )
    )
    assert base.code == read.code == 5, "what E4M3 has rounded is not found at any width"
    assert base.out == read.out
    assert json.loads(base.out)["against"] == "truth"
    assert note not in base.err
    assert "60 queries, 1,200 rows: reading the truth" in read.err
    few = json.loads(run(*ask, "--truth", tmp_path / "truth.npy", "--limit", 40).out)
    assert few["tuning_queries"] + few["verifying_queries"] == 40
    both = run(*ask, "--truth", tmp_path / "truth.npy", "--base", tmp_path / "base.npy")
    assert both.code == 2
    assert run(*ask, "-k", 13, "--truth", tmp_path / "truth.npy").code == 3


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--recall", 0), 2, "--recall is 0.0; expected a number above 0 and up to 1"),
        (("--recall", 1.5), 2, "--recall is 1.5"),
        (("--recall", "nan"), 2, "--recall is nan"),
        (("--recall", "most"), 2, "--recall"),
        (("--confidence", 1), 2, "--confidence is 1.0"),
        (("--assured", "--recall", 1), 2, "no number of queries can assure"),
        (("--max-ef", 9), 2, "--max-ef is 9, smaller than -k 10"),
        (("-k", ROWS + 1), 3, "-k is 1201, but sparse.nf holds 1200 live rows"),
        (("--limit", 19), 3, "queries has 19 rows; expected at least 20"),
        (("--rows", "split=none"), 3, "has no columns"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    sparse: tuple[Path, Path], run: Run, options: tuple[object, ...], code: int, said: str
) -> None:
    path, queries = sparse
    done = run("tune", path, "--queries", queries, *options, "--quiet")
    assert (done.code, done.out) == (code, "")
    assert said in " ".join(done.err.replace("│", " ").split())
    assert code == 2 or done.err.count("\n") == 1


def test_queries_of_another_width_are_refused(
    sparse: tuple[Path, Path], tmp_path: Path, run: Run
) -> None:
    np.save(tmp_path / "wide.npy", np.zeros((30, WIDTH + 1)))
    done = run("tune", sparse[0], "--queries", tmp_path / "wide.npy")
    assert (done.code, done.out) == (3, "")
    assert "17 dimensions" in done.err


def test_settings_come_from_a_file_too(
    sparse: tuple[Path, Path], tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("[tune]\nrecall = 0.8\nmax-ef = 500\n")
    ask = ("tune", sparse[0], "--queries", sparse[1], "--config", config, "--json", "-q")
    assert json.loads(run(*ask).out)["target"] == 0.8
    monkeypatch.setenv("NEARFIELD_TUNE_RECALL", "0.85")
    assert json.loads(run(*ask).out)["target"] == 0.85
