"""The examples run, say something, and stay short."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))
MOST_LINES = 60


def test_the_examples_are_numbered_from_one() -> None:
    assert [path.name[:3] for path in EXAMPLES] == [
        f"{i:02d}_" for i in range(1, len(EXAMPLES) + 1)
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < MOST_LINES
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.count("\n") >= 3
