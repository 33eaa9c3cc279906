"""Hostile files end in our own errors, or serve: no crash, no hang, no memory beyond the file's."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("xxhash")

import hostile

CASES = 10_000 if os.environ.get("NEARFIELD_PROOF") else 1_500


def test_hostile_files() -> None:
    report = hostile.run(CASES, seed=1)
    assert report["findings"] == []
    openings = report["openings"]
    assert sum(openings.values()) == 4 * CASES
    # Some must get through the checksums, and some be refused by each kind of check.
    assert openings["loaded"] > CASES // 20
    assert openings["CorruptIndexFile"] > CASES
    assert {"NotAnIndexFile", "UnsupportedVersion"} <= openings.keys()
