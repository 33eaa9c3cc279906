"""Hostile files end in our own errors, or serve: no crash, no hang, no memory beyond the file's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CASES = 1_500  # tests/proof.py runs ten thousand


def test_hostile_files(tmp_path: Path) -> None:
    script = Path(__file__).with_name("hostile.py")
    report_path = tmp_path / "report.json"
    command = [sys.executable, str(script), "--count", str(CASES), "--json", str(report_path)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    report = json.loads(report_path.read_text())
    assert report["findings"] == []
    openings = report["openings"]
    assert sum(openings.values()) == 4 * CASES
    # Some must get through the checksums, and some be refused by each kind of check.
    assert openings["loaded"] > CASES // 20
    assert openings["CorruptIndexFile"] > CASES
    assert {"NotAnIndexFile", "UnsupportedVersion"} <= openings.keys()
