"""A process that is killed while it saves leaves the old file, or the new one, whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RANDOM_KILLS = 20  # tests/proof.py runs two hundred


def test_kill_during_save(tmp_path: Path) -> None:
    script = Path(__file__).with_name("kill.py")
    path = tmp_path / "report.json"
    command = [sys.executable, str(script), "--random", str(RANDOM_KILLS), "--json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 2:
        pytest.skip("this system does not let a process trace its child (ptrace)")
    assert done.stderr == ""
    report = json.loads(path.read_text())
    for part in report.values():
        assert part["findings"] == []
    for part in ("after every call", "after every call, as Voyager's"):
        # Open, write, sync, close, rename, open and sync the folder, and what they need besides.
        assert report[part]["calls"] >= 9
        assert 1 <= report[part]["new file in place"] < report[part]["calls"]
    assert report["at random moments"]["kills"] == RANDOM_KILLS
