"""Judge a change by its gates: two environments, in turns, on this machine.

    python benchmarks/ab.py OLD/bin/python NEW/bin/python [--rounds 5] [--slower 1.05]

Each argument is the Python of an environment with a build of nearfield, pytest, pytest-benchmark.
The tests marked `gate` run old, new, old in every round, on the CPU clock. A test fails when in
every round the new median is above the limit and further from the old ones than these are from each
other; `?` marks one whose median is above the limit all the same: noise, or a small loss, so run
more rounds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run the command; 1 when a gate is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slower", type=float, default=1.05, help="the highest ratio that passes")
    parser.add_argument("-k", dest="select", default="", help="pytest's choice of tests")
    options = parser.parse_args()

    ratios: dict[str, list[float]] = {}
    noise: dict[str, list[float]] = {}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        turns = (options.old, options.new, options.old)
        before, new, after = (medians(python, options.select) for python in turns)
        for name in before.keys() & new.keys() & after.keys():
            old = before[name], after[name]
            ratios.setdefault(name, []).append(2 * new[name] / sum(old))
            noise.setdefault(name, []).append(max(old) / min(old))

    failed = False
    for name, each in sorted(ratios.items()):
        limits = [max(options.slower, own) for own in noise[name]]
        slow = all(ratio > limit for ratio, limit in zip(each, limits, strict=True))
        failed |= slow
        verdict = "FAIL" if slow else "?   " if median(each) > options.slower else "ok  "
        spread = f"{median(each):.3f} ({min(each):.3f}-{max(each):.3f})"
        print(f"{verdict} {spread} noise {median(noise[name]):.3f} {name}")
    return 1 if failed or not ratios else 0


def medians(python: Path, select: str) -> dict[str, float]:
    """Give the median seconds of every gate under one environment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "times.json"
        command = [str(python), "-m", "pytest", str(HERE), "-q", "-m", "gate", "-k", select]
        command += ["-p", "no:cacheprovider", f"--benchmark-json={path}"]
        # A gate is one thread that waits for nothing: what other processes take is not its time.
        command += ["--benchmark-timer=time.process_time"]
        done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{python} cannot run the gates:\n{done.stdout}{done.stderr}")
        found = json.loads(path.read_text())["benchmarks"]
    return {test["fullname"]: test["stats"]["median"] for test in found}


if __name__ == "__main__":
    sys.exit(main())
