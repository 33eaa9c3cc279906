"""``nearfield demo``: a table, and one page that needs nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_demo_prints_tables_and_writes_a_page(tmp_path: Path, run: Run) -> None:
    done = run("demo", "-o", tmp_path / "report.html")
    assert done.code == 0, done.err
    assert "1597 handwritten digits" in done.out
    assert "ef\trecall@10\tqueries/s\tdistances" in done.out
    assert "report.html" in done.err
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") == 1 + 4 * 6
    assert "://" not in page
    assert "<script" not in page


def test_demo_as_json_finds_what_it_should(tmp_path: Path, run: Run) -> None:
    done = run("demo", "-o", tmp_path / "report.html", "--json", "--quiet")
    assert (done.code, done.err) == (0, "")
    said = json.loads(done.out)
    assert said["digits"]["curve"][-1]["recall"] >= 0.999
    assert said["digits"]["same_digit_share"] > 0.97
    assert said["listening"]["recall_at_50"] > 0.99
    assert said["listening"]["fitting_share"] > 0.95


def test_demo_without_scikit_learn_gives_the_pip_line(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    done = run("demo", "-o", tmp_path / "report.html")
    assert done.code == 1
    assert "pip install 'nearfield[all]'" in done.err
    assert not list(tmp_path.iterdir())
