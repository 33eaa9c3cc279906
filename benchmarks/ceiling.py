"""Show how high recall goes, and what the last of it costs beside brute force.

    python benchmarks/ceiling.py --gate
    python benchmarks/ceiling.py --data synthetic-20k

M=16, ef_construction=200. The smallest beam that finds .998 of the ten nearest is timed beside
brute force on the same rows and one thread: nearfield's ExactIndex, a scan by nearfield's kernels,
and numpy's matrix product; the fastest is what counts. Queries asked one by one are compared with
brute force one by one, a batch with a batch, in turns; medians, on the CPU clock.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import claims
import data_sets
import numpy as np
from bench import Bench, Settings, build
from gates import Verdict, at_most
from measure import say
from remote import Remote
from report import markdown

Json = dict[str, Any]
K = 10
RECALL = 0.998
MOST_EF = 640
_GRID = (10, 20, 40, 80, 160, 320, MOST_EF)
_WAYS = ("exact", "kernels", "matrix")
_CALLS = ("single", "batch")
_MOST_PERCENT = 15.0  # of brute force's time
_LEAST_AGREEMENT = 0.999  # float32 sums swap near ties


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = claims.parser(__doc__)
    add = parser.add_argument
    add("--data", nargs="+", default=["debian-minilm", "mnist", "lastfm"], metavar="SET")
    add("--data-dir", type=Path, default=data_sets.DATA_DIR, help="where the named sets are")
    add("--threads", type=int, default=2, help="of builds")
    add("--turns", type=int, default=5)
    add("--brute", type=int, default=100, help="queries that brute force answers in a turn")
    claim = claims.Claim("ceiling", measure, table, verdicts)
    return claims.show(claim, parser.parse_args(arguments))


def measure(options: argparse.Namespace) -> Json:
    """Give, by data set: recall by ef, the smallest ef that is enough, and seconds of a query."""
    found: Json = {}
    for name in options.data:
        data = data_sets.load(name, options.data_dir)
        settings = Settings(build_threads=options.threads)
        bench = claims.bench("ceiling", options, data, settings, script="subject.py")
        say(f"{name}: index and ground truth ...")
        build(bench, "nearfield", fresh=False)
        with bench.start("nearfield") as remote:
            bench.open("nearfield", remote)
            recalls, enough = _climb(bench, remote)
            say(f"{name}: recall {recalls[MOST_EF]:.5f} at ef {MOST_EF}, {RECALL} at ef {enough}")
            remote.order("brute", base=str(bench.file("base")), space=data.space, k=K)
            agreement = remote.order("agree", k=K, queries=options.brute)["least"]
            ef = enough or MOST_EF
            turns = []
            for turn in range(options.turns):
                turns.append(_turn(remote, ef, options.brute, len(data.queries)))
                say(f"{name}: turn {turn + 1} of {options.turns}")
        found[name] = {
            "rows": len(data.base),
            "recalls": {str(ef): recall for ef, recall in sorted(recalls.items())},
            "enough": enough,
            "agreement": agreement,
            "seconds": {key: [turn[key] for turn in turns] for key in (turns[0] if turns else {})},
        }
    bench.journal.finish()
    return found


def _climb(bench: Bench, remote: Remote) -> tuple[dict[int, float], int | None]:
    """Give (recall by ef, the smallest ef that is enough)."""
    recalls: dict[int, float] = {}

    def recall_at(ef: int) -> float:
        if ef not in recalls:
            recalls[ef] = _recall(bench, remote, ef)
        return recalls[ef]

    for ef in _GRID:
        recall_at(ef)
    return recalls, smallest(recall_at)


def _recall(bench: Bench, remote: Remote, ef: int) -> float:
    out = bench.cache / "ceiling-found.npy"
    remote.order("ask", mode="batch1", setting={"ef": ef}, k=K, out=str(out))
    return float(bench.data.recalls(np.load(out), K).mean())


def smallest(recall_at: Callable[[int], float]) -> int | None:
    """Give the smallest ef found to reach the recall; None where none of the grid does.

    Between the last that does not and the first that does, halves are taken: recall rises.
    """
    low, high = K - 1, next((ef for ef in _GRID if recall_at(ef) >= RECALL), None)
    if high is None:
        return None
    low = max((ef for ef in _GRID if ef < high), default=low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if recall_at(middle) >= RECALL else (middle, high)
    return high


def _turn(remote: Remote, ef: int, queries: int, all_queries: int) -> Json:
    """Time a query of every kind once, back to back, by key `what call`."""
    took: Json = {}
    for call in _CALLS:
        mode = "single" if call == "single" else "batch1"
        walked = remote.order("time", mode=mode, setting={"ef": ef}, k=K, seconds=0.1)
        took[f"walk {call}"] = walked["cpu_seconds"] / all_queries
        for way in _WAYS:
            few = min(queries, 20) if call == "single" and way == "exact" else queries
            scanned = remote.order("scan", way=way, k=K, single=call == "single", queries=few)
            took[f"{way} {call}"] = scanned["cpu_seconds"]
    return took


def shares(run: Json) -> dict[str, tuple[float, str]]:
    """Give by kind of call (the walk's time by brute force's in per cent, what was fastest)."""
    out = {}
    for call in _CALLS:
        times = {way: median(run["seconds"][f"{way} {call}"]) for way in _WAYS}
        best = min(times, key=times.__getitem__)
        each = [
            100 * walk / brute
            for walk, brute in zip(
                run["seconds"][f"walk {call}"], run["seconds"][f"{best} {call}"], strict=True
            )
        ]
        out[call] = median(each), best
    return out


def table(result: Json) -> str:
    """Table recall by ef, then the cost."""
    measured = result["measured"]
    grid = [str(ef) for ef in _GRID]
    recalls = [
        [name, *(f"{run['recalls'][ef]:.4f}" for ef in grid)] for name, run in measured.items()
    ]
    lines = []
    for name, run in measured.items():
        enough = str(run["enough"]) if run["enough"] else f"not by {MOST_EF}"
        for call, (share, best) in shares(run).items():
            times = [1e6 * median(run["seconds"][f"{way} {call}"]) for way in ("walk", *_WAYS)]
            figures = [*(f"{time:,.1f}" for time in times), f"{share:.1f} %"]
            lines.append([name, call, best, enough, *figures])
    head = ["data", "calls", "fastest brute force", f"ef for {RECALL}", "walk, us"]
    head += [*(f"{way}, us" for way in _WAYS), "walk / brute force"]
    return "\n\n".join(
        [
            markdown([f"recall@{K} at ef", *grid], recalls, 1),
            markdown(head, lines, 3),
            "CPU microseconds a query, one thread. exact: nf.ExactIndex (float64); kernels: a scan "
            "by nearfield's kernels; matrix: numpy, float32.",
        ]
    )


def verdicts(result: Json) -> list[Verdict]:
    """Judge that the recall is reached, and at what cost."""
    out: list[Verdict] = []
    for name, run in result["measured"].items():
        most = max(run["recalls"].values())
        same = run["agreement"] >= _LEAST_AGREEMENT
        out.append(
            (f"{name}: the ways of brute force find the same ({run['agreement']:.4f})", same)
        )
        text = f"{name}: recall {RECALL} is reached at ef up to {MOST_EF} (highest {most:.5f})"
        out.append((text, run["enough"] is not None))
        for call, (share, best) in shares(run).items():
            text = f"{name}, {call}: time of brute force ({best})"
            passed = at_most(text, share, _MOST_PERCENT, " %")
            out.append((passed[0], passed[1] and run["enough"] is not None))
    return out


if __name__ == "__main__":
    sys.exit(main())
