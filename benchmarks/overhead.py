"""Show what Python adds to a single query: index.query beside the C++ call that it makes.

    python benchmarks/overhead.py --gate

Two processes map the same file, so their walks read the very same memory: this one, and a native
program that cmake compiles from the same sources (native/single.cpp). They ask the same queries one
by one in turns, on the CPU clock. The overhead is the median over the turns of the difference; an
index in the cache and a small beam keep the walk, and so its noise, short.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import claims
import nearfield as nf
import numpy as np
from bench import Settings, build
from gates import Verdict, at_most
from measure import say
from native_programs import NoProgram, program
from report import markdown
from worker import timed

Json = dict[str, Any]
K = 10
_MOST_MICROSECONDS = 2.0
_SECONDS = 0.2  # of a timed turn


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = claims.parser(__doc__)
    add = parser.add_argument
    add("--rows", type=claims.made_rows, default=10_000)
    add("--ef", type=int, default=10)
    add("--turns", type=int, default=15)
    claim = claims.Claim("overhead", measure, table, verdicts)
    return claims.show(claim, parser.parse_args(arguments))


def measure(options: argparse.Namespace) -> Json:
    """Give the CPU seconds of one query, by turn, of each way to ask it."""
    bench = claims.bench("overhead", options, claims.made_set(options.rows), Settings())
    build(bench, "nearfield", fresh=False)
    path, queries = bench.index("nearfield"), bench.data.queries
    bench.journal.finish()
    index = nf.Index.load(str(path), mmap=True, verify=True)
    raw = options.cache / "overhead-queries.f32"
    queries.tofile(raw)
    ways = _ways(index, queries, options.ef)
    expected = _sum_of_ids(index, queries, options.ef)
    seconds: dict[str, list[float]] = {name: [] for name in ("native", *ways)}
    native = program("single", options.cache)
    with Native(native, path, raw, options.ef) as other:
        first = other.ask(1, expected)
        passes = max(1, round(_SECONDS / (first * len(queries))))
        for turn in range(options.turns):
            for name, ask_all in ways.items():
                # The C++ call before and after: what drifts within a turn cancels.
                before = other.ask(passes, expected)
                ask_all()  # brings this side back into the core's own caches
                _, _, cpu = timed(lambda go=ask_all: [go() for _ in range(passes)])
                after = other.ask(passes, expected)
                seconds[name].append(cpu / (passes * len(queries)))
                seconds["native"].append((before + after) / 2)
            say(f"turn {turn + 1} of {options.turns}")
    return {"seconds": seconds, "queries": len(queries)}


class Native:
    """The native program, which answers line by line; it ends with the `with` block."""

    def __init__(self, path: Path, index: Path, queries: Path, ef: int) -> None:
        command = [str(path), str(index), str(queries), str(K), str(ef)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Native:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, passes: int, expected: int) -> float:
        """Give the CPU seconds of one query; the answers must be those that Python got."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{passes}\n")
        self._process.stdin.flush()
        words = self._process.stdout.readline().split()
        if len(words) != 2 or int(words[1]) != expected:
            message = f"the native program found something else: {words}"
            raise NoProgram(message)
        return float(words[0])


def _ways(index: Any, queries: Any, ef: int) -> dict[str, Callable[[], object]]:
    """Give the ways of asking all queries, one a call."""
    rows, query = list(queries), index.query
    out = (np.empty(K, dtype=np.uint64), np.empty(K, dtype=np.float32))

    def plain() -> None:
        for row in rows:
            query(row, K, 1, ef)

    def into() -> None:
        for row in rows:
            query(row, K, 1, ef, out=out)

    return {"query": plain, "query with out=": into}


def _sum_of_ids(index: Any, queries: Any, ef: int) -> int:
    ids = index.query(queries, K, 1, ef).ids
    return int(ids[:, 0].sum() + ids[:, -1].sum())


def overheads(seconds: dict[str, list[float]]) -> dict[str, list[float]]:
    """Give, by way and turn, the microseconds beyond the C++ calls that were timed around it."""
    ways = [name for name in seconds if name != "native"]
    native = seconds["native"]
    return {
        name: [
            1e6 * (own - call)
            for own, call in zip(seconds[name], native[place :: len(ways)], strict=True)
        ]
        for place, name in enumerate(ways)
    }


def table(result: Json) -> str:
    """Table microseconds a query."""
    seconds = result["measured"]["seconds"]
    lines = [["C++ Index::query", f"{1e6 * median(seconds['native']):.2f}", "-"]]
    for name, each in overheads(seconds).items():
        spread = f"{median(each):.2f} ({min(each):.2f}-{max(each):.2f})"
        lines.append([name, f"{1e6 * median(seconds[name]):.2f}", spread])
    settings = result["settings"]
    head = [f"{settings['rows']:,} x 128, k={K}, ef={settings['ef']}", "CPU us a query"]
    return markdown([*head, "overhead, us, median (range)"], lines, 1)


def verdicts(result: Json) -> list[Verdict]:
    """Judge the plain call."""
    each = overheads(result["measured"]["seconds"])["query"]
    text = f"overhead of index.query, median of {len(each)} turns"
    return [at_most(text, median(each), _MOST_MICROSECONDS, " us")]


if __name__ == "__main__":
    sys.exit(main())
