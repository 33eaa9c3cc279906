"""Show what a save costs while rows are written: memory, and the writes that go on beside it.

    python benchmarks/saving.py --gate
    python benchmarks/saving.py --data synthetic-1m --gate
    python benchmarks/saving.py --limit 5000 --cycles 1 --seconds 1

One thread gives live ids other rows at a steady rate; another saves: to no file, to a file, again
and again, and to a file object that takes as long for one save as a phase lasts. What counts is
what the process has resident at most in a phase beyond what it had at its beginning, as the kernel
tells, by what the index takes. Each file is loaded and verified. In all fewer rows come than there
are: after as many codes may be fitted anew, which takes their bytes twice for a moment, save or no
save.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median
from typing import Any

import claims
import data_sets
from bench import SUBJECT, Bench, Settings
from gates import Verdict, at_most
from measure import say
from remote import Remote
from report import markdown

Json = dict[str, Any]
# What is saved to, and whether another thread writes.
PHASES = {
    "writes": ("no", True),
    "saves": ("file", False),
    "saves beside writes": ("file", True),
    "a slow save beside writes": ("slow", True),
}
_LIVE = 0.8  # of the rows; the others are those that come
_MOST_EXTRA = 0.1  # of the bytes of the index
_LEAST = {"limit": 20_000, "cycles": 3}


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = claims.set_parser(__doc__)
    add = parser.add_argument
    add("--cycles", type=int, default=3, help="over all phases")
    add("--seconds", type=float, default=10.0, help="of a phase")
    add("--rate", type=float, default=400.0, help="upserts a second; of a million rows 2000")
    options = parser.parse_args(arguments)
    claim = claims.Claim("saving", measure, table, verdicts, least=_LEAST, draw=draw)
    return claims.show(claim, options)


def measure(options: argparse.Namespace) -> Json:
    """Give, by phase, memory, saves and writes."""
    data = data_sets.mixed(data_sets.load(options.data, options.data_dir), options.limit)
    settings = Settings(build_threads=options.threads, gibibytes=options.memory)
    bench = claims.bench("saving", options, data, settings, script="saving_worker.py")
    rows, dimensions = data.base.shape
    with bench.start(SUBJECT) as remote:
        about = remote.order("about")
        begun = remote.order(
            "begin",
            base=str(bench.file("base")),
            space=data.space,
            live=int(_LIVE * rows),
            threads=options.threads,
        )
        phases = _measured(bench, remote, options)
    bench.journal.finish()
    named = {"name": data.name, "rows": rows, "dimensions": dimensions, "space": data.space}
    return {"data": named, "about": about, "bytes": begun["bytes"], "phases": phases}


def _measured(bench: Bench, remote: Remote, options: argparse.Namespace) -> dict[str, list[Json]]:
    """Measure all phases in turns."""
    path = str(bench.cache / "saving.nf")

    def phase(saves: str, writes: bool) -> Json:
        rate = options.rate if writes else 0.0
        return remote.order("phase", saves=saves, rate=rate, seconds=options.seconds, path=path)

    phase("no", True)  # until there are as many slots as superseded rows need
    seen: dict[str, list[Json]] = {name: [] for name in PHASES}
    for cycle in range(options.cycles):
        for name, (saves, writes) in PHASES.items():
            done = phase(saves, writes)
            if saves != "no":
                done |= remote.order("opened", path=path)
            seen[name].append(done)
            say(f"cycle {cycle + 1} of {options.cycles}, {name}: {_extra(done):.1%} more")
    Path(path).unlink(missing_ok=True)
    return seen


def _extra(phase: Json) -> float:
    return float(max(0, phase["peak"] - phase["before"]) / phase["bytes"])


def table(result: Json) -> str:
    """Table memory, saves and writes by phase."""
    measured = result["measured"]
    lines = []
    for name, phases in measured["phases"].items():
        extra = [100 * _extra(phase) for phase in phases]
        saves = [took for phase in phases for took in phase["saves"]]
        rates = [phase["writes"] / phase["seconds"] for phase in phases]
        lines.append(
            [
                name,
                f"{median(extra):.1f} ({min(extra):.1f}-{max(extra):.1f})",
                f"{median(saves):.2f} ({len(saves):,})" if saves else "-",
                f"{median(rates):,.0f}" if max(rates) else "-",
            ]
        )
    data = measured["data"]
    said = f"{data['name']}: {data['rows']:,} x {data['dimensions']}, {data['space']}; the index "
    said += f"takes {measured['bytes'] / 2**20:,.1f} MiB; phases of "
    said += f"{result['settings']['seconds']:g} s, {result['settings']['cycles']} cycles"
    head = ["the process does", "memory more at most, % of the index (range)"]
    head += ["seconds of a save (saves)", "upserts a second"]
    return f"{said}\n\n{markdown(head, lines)}"


def verdicts(result: Json) -> list[Verdict]:
    """Judge memory, and every file."""
    phases = result["measured"]["phases"]
    saved = [
        phase for name, (saves, _) in PHASES.items() if saves != "no" for phase in phases[name]
    ]
    whole = [phase["rows"] == phase["live"] and not phase["defect"] for phase in saved]
    return [
        *(
            at_most(
                f"memory more, {name}, by the index",
                max(_extra(phase) for phase in phases[name]),
                _MOST_EXTRA,
                "",
            )
            for name, (saves, _) in PHASES.items()
            if saves != "no"
        ),
        (f"{sum(whole)} of {len(whole)} files have all rows and no defect", all(whole)),
    ]


def draw(result: Json, path: Path) -> None:
    """Draw what is resident over the time of each phase."""
    from drawing import Panel, draw_panels

    measured, machine = result["measured"], result["machine"]
    panels = [
        Panel(
            name,
            "seconds",
            "resident more than at its beginning, % of the index",
            {
                f"cycle {number}": [
                    (at, 100 * extra / phase["bytes"]) for at, extra in phase["curve"]
                ]
                for number, phase in enumerate(phases, 1)
            },
            limit=100 * _MOST_EXTRA,
        )
        for name, phases in measured["phases"].items()
    ]
    data = measured["data"]
    title = f"{data['name']}: {data['rows']:,} x {data['dimensions']}, saves beside a thread that "
    draw_panels([panels], f"{title}upserts; {machine['cpu']}", path)


if __name__ == "__main__":
    sys.exit(main())
