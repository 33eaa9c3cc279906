"""Show what an index is like that lives for months: rows go and come, round after round.

    python benchmarks/churn.py --gate
    python benchmarks/churn.py --data synthetic-1m --gate
    python benchmarks/churn.py --limit 5000 --rounds 3

Each round removes a tenth of the live rows and adds as many others: random rows, whole clusters, or
the oldest. After it every engine answers the same queries at the same beam width, against the truth
among the rows that are live then, and beside an index of the same engine that is built anew of
them; and its process tells what it has in memory. At the end nearfield compacts. What an index
loses by its age is what it finds less than the one built anew, and what it takes more than at
first: absolute recall moves with the rows that happen to be live.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import churn_rows
import claims
import data_sets
import living
import numpy as np
from bench import SUBJECT, Settings
from churn_rows import PATTERNS
from churn_run import K, Plan, life
from gates import Verdict, at_most
from report import markdown

Json = dict[str, Any]
_WHAT_GOES = {"random": "random rows", "clusters": "whole clusters", "window": "the oldest rows"}
_ROUNDS = 50
_LARGE = 200_000  # rows from which not every round is looked at
_LARGE_EVERY = 5
_MOST_LOST = 0.01  # of recall, by an index built anew
_MOST_MEMORY = 1.10  # of that of the first full index, in every round
_MOST_COMPACTED = 1.02
# Few rows leave memory to the process itself; few rounds leave nobody time to age.
_LEAST = {"rounds": _ROUNDS, "limit": 20_000, "queries": 1_000}


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = claims.set_parser(__doc__)
    add = parser.add_argument
    add("--queries", type=int, default=1_000)
    add("--engines", nargs="+", choices=living.VARIANTS, default=list(living.VARIANTS))
    add("--patterns", nargs="+", choices=PATTERNS, default=list(PATTERNS))
    add("--rounds", type=int, default=_ROUNDS)
    add(
        "--peer-rounds", type=int, help="of all but nearfield; a large set takes some of them hours"
    )
    add("--share", type=float, default=0.1, help="of the live rows that go in a round")
    add("--every", type=int, help="rounds between two looks: 1, of large sets 5")
    add("--fresh-every", type=int, default=10, help="rounds between two builds anew of peers")
    add("--ef", type=int, default=50)
    add("--passes", type=int, default=3, help="over all queries, one by one; the median is told")
    add("--seed", type=int, default=1)
    add("--python", nargs="+", default=[], metavar="LIBRARY=PATH", help="of other environments")
    options = parser.parse_args(arguments)
    claim = claims.Claim("churn", measure, table, verdicts, least=_LEAST, draw=draw)
    return claims.show(claim, options)


def measure(options: argparse.Namespace) -> Json:
    """Give, by pattern and engine, every round."""
    data = data_sets.load(options.data, options.data_dir)
    if len(data.base) > options.limit or len(data.queries) > options.queries:
        data = data.subset(options.limit, options.queries)
    settings = Settings(k=K, build_threads=options.threads, gibibytes=options.memory)
    known = claims.pythons(options.python)
    bench = claims.bench("churn", options, data, settings, script="churn_worker.py", pythons=known)
    plan = Plan(
        rounds=options.rounds,
        share=options.share,
        every=options.every or (_LARGE_EVERY if len(data.base) > _LARGE else 1),
        fresh_every=options.fresh_every,
        ef=options.ef,
        passes=options.passes,
        seed=options.seed,
        threads=options.threads,
    )
    peers = replace(plan, rounds=min(plan.rounds, options.peer_rounds or plan.rounds))
    engines, missing = claims.installed(bench, options.engines)
    cluster_of = np.zeros(0, dtype=np.int64)
    if "clusters" in options.patterns:
        cluster_of = churn_rows.clusters(data.base, data.space, plan.seed)
    runs: Json = {pattern: {} for pattern in options.patterns}
    for pattern, done in runs.items():
        target = None
        for variant in engines:
            mine = plan if variant == SUBJECT else peers
            done[variant] = life(bench, mine, pattern, variant, cluster_of, target)
            if target is None and done[variant]["rounds"]:
                target = done[variant]["rounds"][0]["recall"]
    bench.journal.finish()
    return {
        "data": {
            "name": data.name,
            "hash": data.digest,
            "rows": len(data.base),
            "live": len(churn_rows.begin(len(data.base), plan.seed).live),
            "dimensions": data.base.shape[1],
            "space": data.space,
            "queries": len(data.queries),
        },
        "engines": engines,
        "missing": missing,
        "runs": runs,
    }


def lost(run: Json) -> list[tuple[int, float]]:
    """Give (round, recall of the last index built anew minus its recall) wherever it was asked."""
    fresh, out = 0.0, []
    for done in run["rounds"]:
        if "recall" in done:
            fresh = done.get("fresh", fresh)
            out.append((done["round"], _less(fresh, done["recall"])))
    return out


def _less(fresh: float, recall: float) -> float:
    """Subtract shares of so many results that are right: what a float adds to it is no loss."""
    return round(fresh - recall, 9)


def grown(run: Json) -> list[tuple[int, float]]:
    """Give (round, memory by that of the first full index)."""
    first = max(1, run["rounds"][0]["resident_bytes"]) if run["rounds"] else 1
    return [(done["round"], done["resident_bytes"] / first) for done in run["rounds"]]


def table(result: Json) -> str:
    """Table what each engine was at first, at its worst and at the end."""
    head = ["gone are", "engine", f"recall@{K}", "at the end", "anew", "lost at most"]
    head += ["MiB", "by that at most", "at the end", "compacted"]
    head += ["us to remove", "us to add", "queries/s by the first", "by anew", "gone but found"]
    measured, lines = result["measured"], []
    count = max(1, int(measured["data"]["live"] * result["settings"]["share"]))
    for pattern, runs in measured["runs"].items():
        lines += [[pattern, name, *_cells(run, count)] for name, run in runs.items()]
    data = measured["data"]
    said = f"{data['name']}: {data['rows']:,} x {data['dimensions']}, {data['space']}, "
    said += f"{data['live']:,} live; {result['settings']['rounds']} rounds; "
    said += f"ef={result['settings']['ef']}"
    notes = [f"- {name} {about['version']}: {about['note']}" for name, about in _told(measured)]
    notes += [f"- {name} is missing: {why}" for name, why in measured["missing"].items()]
    return "\n\n".join([said, markdown(head, lines), "\n".join(notes)])


def _told(measured: Json) -> Iterator[tuple[str, Json]]:
    for name, about in measured["engines"].items():
        runs = [runs[name] for runs in measured["runs"].values() if name in runs]
        efforts = sorted({run["effort"] for run in runs if "effort" in run})
        chosen = f"; {about['effort']}={', '.join(map(str, efforts))}"
        failures = dict.fromkeys(run["failed"] for run in runs if run["failed"])
        failed = "".join(f"; FAILED: {each}" for each in failures)
        yield name, about | {"note": f"{about['note']}{chosen}{failed}"}


def _cells(run: Json, count: int) -> list[str]:
    looks = [done for done in run["rounds"] if "recall" in done]
    if not looks:
        return ["-"] * 13
    first, last, memory = looks[0], looks[-1], grown(run)
    compacted = run.get("compacted", {}).get("resident_bytes")
    anew = [done for done in looks if "fresh_qps" in done]
    micros = [
        [1e6 * done[key] / count for done in run["rounds"][1:] if key in done]
        for key in ("remove", "add")
    ]
    return [
        f"{first['recall']:.4f}",
        f"{last['recall']:.4f}",
        f"{anew[-1]['fresh']:.4f}" if anew else "-",
        f"{max(value for _, value in lost(run)):+.4f}",
        f"{first['resident_bytes'] / 2**20:,.1f}",
        f"{max(value for _, value in memory):.3f}",
        f"{memory[-1][1]:.3f}",
        f"{compacted / first['resident_bytes']:.3f}" if compacted else "-",
        *(f"{median(each):.1f}" if each else "-" for each in micros),
        _by(last["qps"], first["qps"]),
        _by(anew[-1]["qps"], anew[-1]["fresh_qps"]) if anew else "-",
        str(sum(done["stale"] for done in looks)),
    ]


def _by(part: float | None, whole: float | None) -> str:
    return f"{part / whole:.2f}" if part and whole else "-"


def verdicts(result: Json) -> list[Verdict]:
    """Judge nearfield by itself: built anew, and when it was young."""
    out: list[Verdict] = []
    for pattern, runs in result["measured"]["runs"].items():
        run = runs.get(SUBJECT, {"rounds": [], "failed": "not measured"})
        rounds = result["settings"]["rounds"]
        if len(run["rounds"]) == rounds + 1:
            out += _judged(pattern, run)
        else:
            why = run["failed"] or "no more was measured"
            out.append((f"{pattern}: {len(run['rounds'])} of {rounds + 1} rounds: {why}", False))
    return out or [("nothing was measured", False)]


def _judged(pattern: str, run: Json) -> Iterator[Verdict]:
    first = run["rounds"][0]["resident_bytes"]
    number, most = max(lost(run), key=lambda pair: pair[1])
    text = f"{pattern}: recall lost by an index built anew, at most (round {number})"
    yield at_most(text, most, _MOST_LOST, "")
    number, most = max(grown(run), key=lambda pair: pair[1])
    yield at_most(f"{pattern}: memory by the first, at most (round {number})", most, _MOST_MEMORY)
    stale = sum(done.get("stale", 0) for done in run["rounds"])
    yield f"{pattern}: rows that are gone were found {stale} times", stale == 0
    compacted = run.get("compacted")
    if not compacted:
        yield f"{pattern}: was not compacted: {run['failed'] or 'it cannot be'}", False
        return
    text = f"{pattern}: memory by the first, compacted"
    yield at_most(text, compacted["resident_bytes"] / first, _MOST_COMPACTED)
    fresh = next(done["fresh"] for done in reversed(run["rounds"]) if "fresh" in done)
    text = f"{pattern}: recall lost by an index built anew, compacted"
    yield at_most(text, _less(fresh, compacted["recall"]), _MOST_LOST, "")


def draw(result: Json, path: Path) -> None:
    """Draw recall by an index built anew, and memory by the first, over the rounds."""
    from drawing import Panel, draw_panels

    runs = result["measured"]["runs"]
    panels = [
        [
            Panel(
                f"what goes: {_WHAT_GOES[pattern]}",
                "round",
                f"recall@{K} minus that built anew",
                {name: [(x, -y) for x, y in lost(run)] for name, run in each.items()},
                limit=-_MOST_LOST,
            )
            for pattern, each in runs.items()
        ],
        [
            Panel(
                "",
                "round",
                "memory by the first index's",
                {name: grown(run) for name, run in each.items()},
                limit=_MOST_MEMORY,
                logarithmic="y",
            )
            for each in runs.values()
        ],
    ]
    data, machine = result["measured"]["data"], result["machine"]
    title = f"{data['name']}: {data['live']:,} live rows, {result['settings']['share']:.0%} of "
    title += f"them replaced in a round, ef={result['settings']['ef']}; {machine['cpu']}"
    draw_panels(panels, title, path)


if __name__ == "__main__":
    sys.exit(main())
