"""The long counts, which are too slow for every run: ``nox -s proof``.

Ten thousand hostile files, two hundred kills at random moments besides one after every system call
of save, a hundred thousand random sequences of calls against a dict, ten thousand with columns, a
million random expressions, a million filtered queries against brute force: an hour. Writes
``tests/data/proof.json`` with the commit it ran on; exits with 1 when anything was found.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nearfield as nf

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS / "files"), str(TESTS / "index")]

import filter_cases  # noqa: E402
import fuzz_expressions  # noqa: E402
import hostile  # noqa: E402
import kill  # noqa: E402
import test_columns_model  # noqa: E402
import test_model  # noqa: E402

HOSTILE_FILES = 10_000
RANDOM_KILLS = 200
SEQUENCES = 100_000
STEPS = 40
COLUMN_SEQUENCES = 10_000
EXPRESSIONS = 1_000_000
FILTERED_QUERIES = 1_000_000  # of them a tenth on a hundred thousand rows


def model() -> dict[str, Any]:
    """Run the random sequences of calls, of every kind of index in turn."""
    kinds = test_model.KINDS
    with tempfile.TemporaryDirectory() as folder:
        runs = (
            test_model.run(seed, kinds[seed % len(kinds)], Path(folder), STEPS)
            for seed in range(SEQUENCES)
        )
        findings = [found for found in runs if found is not None]
    return {"sequences": SEQUENCES, "steps": STEPS, "kinds": len(kinds), "findings": findings}


def columns() -> dict[str, Any]:
    """Run the random sequences of calls on an index with columns."""
    with tempfile.TemporaryDirectory() as folder:
        runs = (
            test_columns_model.run(seed, Path(folder), STEPS) for seed in range(COLUMN_SEQUENCES)
        )
        findings = [found for found in runs if found is not None]
    return {"sequences": COLUMN_SEQUENCES, "steps": STEPS, "findings": findings}


def commit() -> str:
    """Give the commit of the tree, with a plus where it was changed since."""
    command = ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main() -> int:
    """Run all, write what was found."""
    report: dict[str, Any] = {
        "commit": commit(),
        "version": nf.__version__,
        "simd": nf.simd.active(),
        "hostile files": hostile.run(HOSTILE_FILES, seed=1),
        "kills during save": kill.run(RANDOM_KILLS, seed=1),
        "calls against a dict": model(),
        "columns against dicts": columns(),
        "expressions": fuzz_expressions.run(EXPRESSIONS, seed=1),
        "filtered queries": filter_cases.run(FILTERED_QUERIES, seed=1),
    }
    text = json.dumps(report, indent=1) + "\n"
    (TESTS / "data" / "proof.json").write_text(text)
    sys.stdout.write(text)
    kills = report["kills during save"].values()
    counts = [part for part in report.values() if isinstance(part, dict) and "findings" in part]
    return 1 if any(part["findings"] for part in (*counts, *kills)) else 0


if __name__ == "__main__":
    sys.exit(main())
