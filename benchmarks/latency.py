"""Show how long a query waits while rows are written, and how long a single write takes.

    python benchmarks/latency.py --gate
    python benchmarks/latency.py --data synthetic-1m --gate
    python benchmarks/latency.py --limit 5000 --cycles 1 --seconds 1

One thread asks one query after the other, each of the same queries in turn; another writes single
rows as fast as it can, or at a steady rate. Phases with and without it take turns in one process,
so that what the machine does besides hits both. Times are those of calls from Python, and the other
thread's turns at the GIL are in them; what that and the second core cost by themselves is shown by
phases in which the writer has another index for itself. At the end rows are removed one by one,
thousands of them, with nothing else going on, and as many are added.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import claims
import data_sets
import numpy as np
from bench import SUBJECT, Bench, Settings
from gates import Verdict, at_most
from measure import say
from numpy.typing import NDArray
from remote import Remote, WorkerFailed
from report import markdown

Json = dict[str, Any]
K = 10
# Only those that say that a query and a write may run at the same time.
ENGINES = ("nearfield", "usearch")
IDLE, ELSEWHERE = "idle", "elsewhere"
BUSY = {
    "upsert": "upserts of single rows",
    "turnover": "single rows removed and added",
    "paced": "the same at a steady rate",
}
_SHOWN = {IDLE: "no writes", ELSEWHERE: "writes to another index"} | BUSY
_LIVE = 0.8  # of the rows; the others are those that come
_QUANTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
_MOST_P99 = 2.0  # by that of idle phases
_MOST_REMOVE = 50.0  # milliseconds
_LEAST = {"limit": 20_000, "cycles": 3, "removals": 2_000}


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = claims.set_parser(__doc__)
    add = parser.add_argument
    add("--engines", nargs="+", choices=ENGINES, default=[SUBJECT])
    add("--ef", type=int, default=50)
    add("--cycles", type=int, default=5, help="over all kinds of writes, each after an idle phase")
    add("--seconds", type=float, default=3.0, help="of a phase")
    add("--rate", type=float, default=200.0, help="rows a second where the writer is paced")
    add("--removals", type=int, default=5_000, help="single ones, and then as many single adds")
    add("--python", nargs="+", default=[], metavar="LIBRARY=PATH", help="of other environments")
    options = parser.parse_args(arguments)
    claim = claims.Claim("latency", measure, table, verdicts, least=_LEAST, draw=draw)
    return claims.show(claim, options)


def measure(options: argparse.Namespace) -> Json:
    """Give, by engine and kind of writing, how long queries and writes took."""
    data = data_sets.mixed(data_sets.load(options.data, options.data_dir), options.limit)
    settings = Settings(k=K, build_threads=options.threads, gibibytes=options.memory)
    known = claims.pythons(options.python)
    bench = claims.bench(
        "latency", options, data, settings, script="latency_worker.py", pythons=known
    )
    runs: Json = {}
    missing = {}
    for variant in options.engines:
        try:
            with bench.start(variant) as remote:
                runs[variant] = {"about": remote.order("about")}
                runs[variant] |= _measured(bench, remote, variant, options)
        except WorkerFailed as error:
            runs.pop(variant, None)
            missing[variant] = str(error)
            say(f"{variant} is left out: {error}")
    bench.journal.finish()
    rows, dimensions = data.base.shape
    about = {"name": data.name, "hash": data.digest, "rows": rows, "live": int(_LIVE * rows)}
    about |= {"dimensions": dimensions, "space": data.space, "queries": len(data.queries)}
    return {"data": about, "missing": missing, "runs": runs}


def _measured(bench: Bench, remote: Remote, variant: str, options: argparse.Namespace) -> Json:
    out = bench.cache / f"latency-{variant}.npz"
    begun = remote.order(
        "begin",
        base=str(bench.file("base")),
        queries=str(bench.file("queries")),
        space=bench.data.space,
        live=int(_LIVE * len(bench.data.base)),
        ef=options.ef,
        k=K,
        threads=options.threads,
    )
    took: dict[str, list[dict[str, NDArray[np.int64]]]] = {kind: [] for kind in _SHOWN}
    seconds = dict.fromkeys(_SHOWN, 0.0)
    for cycle in range(options.cycles):
        for kind in (each for busy in (ELSEWHERE, *BUSY) for each in (IDLE, busy)):
            phase = remote.order(
                "phase", kind=kind, seconds=options.seconds, rate=options.rate, out=str(out)
            )
            seconds[kind] += phase["seconds"]
            with np.load(out) as arrays:
                took[kind].append(dict(arrays))
        each = " ".join(f"{kind} {_p99(took[kind]):.2f}" for kind in took)
        say(f"{variant}: cycle {cycle + 1} of {options.cycles}; p99 in ms: {each}")
    remote.order("singles", count=options.removals, out=str(out))
    with np.load(out) as arrays:
        singles = {name: summary(each) for name, each in arrays.items()}
    out.unlink()
    kinds = {kind: summed(phases, seconds[kind]) for kind, phases in took.items()}
    return {**begun, "kinds": kinds, "singles": singles}


def _p99(phases: list[dict[str, NDArray[np.int64]]]) -> float:
    return float(np.quantile(np.concatenate([phase["queries"] for phase in phases]), 0.99)) / 1e6


def summary(nanoseconds: NDArray[np.int64]) -> Json:
    """Give how many calls there were, quantiles and the longest, in milliseconds."""
    found = np.quantile(nanoseconds, list(_QUANTILES.values())) / 1e6
    quantiles = dict(zip(_QUANTILES, found.tolist(), strict=True))
    return {"count": len(nanoseconds), **quantiles, "longest": float(nanoseconds.max()) / 1e6}


def summed(phases: list[dict[str, NDArray[np.int64]]], seconds: float) -> Json:
    """Sum up the phases of one kind: all calls together, and queries by phase."""
    queries = np.sort(np.concatenate([phase["queries"] for phase in phases]))
    names = [name for name in ("upsert", "remove", "add") if any(name in each for each in phases)]
    shares = np.geomspace(1, 1 / len(queries), 40)  # of the queries that took longer
    places = np.minimum(((1 - shares) * len(queries)).astype(int), len(queries) - 1)
    return {
        "seconds": seconds,
        "queries": summary(queries),
        "phases": [summary(phase["queries"]) for phase in phases],
        "writes": {
            name: summary(np.concatenate([each[name] for each in phases if name in each]))
            for name in names
        },
        "curve": [
            [took / 1e6, share]
            for took, share in zip(queries[places].tolist(), shares.tolist(), strict=True)
        ],
    }


def table(result: Json) -> str:
    """Table queries by kind of writing, and the writes."""
    measured, settings = result["measured"], result["settings"]
    head = ["engine", "meanwhile", "queries", "p50, ms", "p99", "p99.9", "longest", "p99 by idle"]
    head += ["by phase"]
    write_head = ["engine", "when", "call", "calls", "a second", "p50, ms", "p99", "p99.9"]
    lines, writes = [], []
    for name, run in measured["runs"].items():
        kinds = run["kinds"]
        for kind, seen in kinds.items():
            ratios = paired(kinds, kind)
            cells = [f"{seen['queries']['count']:,}", *_figures(seen["queries"])]
            cells += [f"{seen['queries']['p99'] / kinds[IDLE]['queries']['p99']:.2f}"]
            cells += [f"{min(ratios):.2f}-{max(ratios):.2f}" if ratios else "-"]
            lines.append([name, _SHOWN[kind], *cells])
            for call, took in seen["writes"].items():
                rate = f"{took['count'] / seen['seconds']:,.0f}"
                cells = [f"{took['count']:,}", rate, *_figures(took)]
                writes.append([name, _SHOWN[kind], call, *cells])
        for call, took in run["singles"].items():
            cells = [f"{took['count']:,}", "-", *_figures(took)]
            writes.append([name, "nothing else goes on", call, *cells])
    data = measured["data"]
    said = f"{data['name']}: {data['rows']:,} x {data['dimensions']}, {data['space']}, "
    said += f"{data['live']:,} live; ef={settings['ef']}, k={K}; phases of {settings['seconds']:g} "
    said += f"s, {settings['cycles']} cycles; paced: {settings['rate']:g} rows a second"
    notes = [f"- {name} is missing: {why}" for name, why in measured["missing"].items()]
    tables = [said, markdown(head, lines), markdown([*write_head, "longest"], writes, 3)]
    return "\n\n".join([*tables, *notes])


def _figures(took: Json) -> list[str]:
    return [f"{took[key]:.3f}" for key in (*_QUANTILES, "longest")]


def paired(kinds: Json, kind: str) -> list[float]:
    """Give p99 of each phase by that of the idle phase before it."""
    others = [each for each in kinds if each != IDLE]
    if kind not in others:
        return []
    before = kinds[IDLE]["phases"][others.index(kind) :: len(others)]
    pairs = zip(kinds[kind]["phases"], before, strict=True)
    return [busy["p99"] / idle["p99"] for busy, idle in pairs]


def verdicts(result: Json) -> list[Verdict]:
    """Judge nearfield's queries by its idle ones, and its longest removal."""
    run = result["measured"]["runs"].get(SUBJECT)
    if run is None:
        return [(f"{SUBJECT} was not measured", False)]
    kinds = run["kinds"]
    idle = kinds[IDLE]["queries"]["p99"]
    out = [
        at_most(f"p99 beside {what} by idle", kinds[kind]["queries"]["p99"] / idle, _MOST_P99)
        for kind, what in BUSY.items()
    ]
    removed = run["singles"]["remove"]
    text = f"the longest of {removed['count']:,} single removals"
    return [*out, at_most(text, removed["longest"], _MOST_REMOVE, " ms")]


def draw(result: Json, path: Path) -> None:
    """Draw the share of the queries that took longer than a time."""
    from drawing import Panel, draw_panels

    measured = result["measured"]
    panels = [
        Panel(
            f"{name} {run['about']['version']}",
            "ms of a query",
            "share of the queries that took longer",
            {_SHOWN[kind]: seen["curve"] for kind, seen in run["kinds"].items()},
            logarithmic="xy",
        )
        for name, run in measured["runs"].items()
    ]
    if not panels:
        return
    data, machine = measured["data"], result["machine"]
    title = f"{data['name']}: {data['live']:,} live rows, ef={result['settings']['ef']}; one "
    draw_panels([panels], f"{title}thread asks, one writes; {machine['cpu']}", path)


if __name__ == "__main__":
    sys.exit(main())
