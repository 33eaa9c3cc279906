"""The main job on real sentence embeddings, as README gives it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run


def test_build_info_validate_query_evaluate_on_real_embeddings(
    tmp_path: Path, shared_data: Path, run: Run
) -> None:
    source = shared_data / "debian-minilm.parquet"
    out = tmp_path / "debian.nf"
    built = run(
        "build", source, "--column", "embedding", "--key", "name", "--rows", "split=base",
        "--space", "cosine", "--ef-construction", "60", "-o", out, "--json",
    )  # fmt: skip
    assert built.code == 0, built.err
    assert json.loads(built.out)["rows"] == 62_666
    info = json.loads(run("info", out, "--json").out)
    assert (info["kind"], info["live"], info["unreachable"]) == ("StringIndex", 62_666, 0)
    assert run("validate", out).code == 0
    asked = run("query", out, "--id", "python3-numpy", "-k", 5, "--json")
    neighbours = json.loads(asked.out)["queries"][0]["neighbors"]
    assert len({each["key"] for each in neighbours} - {"python3-numpy"}) == 5
    measured = run(
        "evaluate", out, "--queries", source, "--column", "embedding", "--rows", "split=query",
        "-k", 10, "--ef", "64,128", "--min-recall", "0.95", "--json",
    )  # fmt: skip
    assert measured.code == 0, measured.err
    assert json.loads(measured.out)["best_recall"] >= 0.95
