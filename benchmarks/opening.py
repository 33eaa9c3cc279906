"""Show how soon a mapped file answers, and that processes share one copy of it.

    python benchmarks/opening.py --gate
    python benchmarks/opening.py --rows 100000

The file is that of the made set, M=16, and lies in the system's cache of files. It is opened by
mmap in fresh processes, which have imported nearfield and nothing of the file; then eight processes
answer all queries on it, each touching what it needs, and stay while their memory is counted.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from statistics import median
from typing import Any

import claims
import numpy as np
from bench import Bench, Settings, build
from gates import Verdict, at_most
from measure import say
from remote import Remote
from report import markdown

Json = dict[str, Any]
_BUILT, _MAPPED = "nearfield", "nearfield-mapped"
_MOST_MILLISECONDS = 20
_MOST_IDLE_MEBIBYTES = 50
_ROWS = 1_000_000  # a small file opens at once in any case, and there is little to share
_MOST_SHARE = 0.25  # of what as many processes would take if they shared nothing


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = claims.parser(__doc__)
    add = parser.add_argument
    add("--rows", type=claims.made_rows, default=_ROWS)
    add("--threads", type=int, default=2, help="of the build")
    add("--repetitions", type=int, default=5, help="fresh processes that open it; medians count")
    add("--processes", type=int, default=8)
    add("--ef", type=int, default=40)
    options = parser.parse_args(arguments)
    claim = claims.Claim("opening", measure, table, verdicts, least={"rows": _ROWS})
    return claims.show(claim, options)


def measure(options: argparse.Namespace) -> Json:
    """Give seconds and bytes of single processes, and the bytes of several."""
    settings = Settings(build_threads=options.threads)
    bench = claims.bench("opening", options, claims.made_set(options.rows), settings)
    say(f"{options.rows:,} rows: the file, where it is not there yet ...")
    file_bytes = build(bench, _BUILT, fresh=False)["file_bytes"]
    alone = [_alone(bench, options.ef) for _ in range(options.repetitions)]
    say(f"opened in {options.repetitions} processes; now {options.processes} answer ...")
    together = _together(bench, options.processes, options.ef)
    bench.journal.finish()
    return {"file_bytes": file_bytes, "alone": alone, "together": together}


def _open(bench: Bench, remote: Remote, queries: str) -> Json:
    return remote.order(
        "open",
        index=str(bench.index(_BUILT)),
        space=bench.data.space,
        queries=queries,
        dimensions=bench.data.base.shape[1],
    )


def _alone(bench: Bench, ef: int) -> Json:
    """Open in a fresh process and ask one query."""
    one, out = bench.cache / "opening-query.npy", bench.cache / "opening-found.npy"
    np.save(one, bench.data.queries[:1])
    with bench.start(_MAPPED) as remote:
        remote.order("about")  # imports nearfield
        before = remote.memory()["resident_bytes"]
        opened = _open(bench, remote, str(one))
        idle = remote.memory()["resident_bytes"]
        asked = remote.order("ask", mode="single", setting={"ef": ef}, k=10, out=str(out))
    found = np.load(out)[0]
    return {
        "open_seconds": opened["open_seconds"],
        "idle_bytes": idle - before,
        "first_query_seconds": asked["wall_seconds"],
        "found": int(np.unique(found[found >= 0]).size),
    }


def _together(bench: Bench, processes: int, ef: int) -> Json:
    """Let each process answer all queries, then count the memory of all of them at once."""
    out = bench.cache / "opening-found.npy"
    recalls = []
    with ExitStack() as stack:
        remotes = [stack.enter_context(bench.start(_MAPPED)) for _ in range(processes)]
        for remote in remotes:
            _open(bench, remote, str(bench.file("queries")))
            remote.order("ask", mode="single", setting={"ef": ef}, k=10, out=str(out))
            recalls.append(float(bench.data.recalls(np.load(out), 10).mean()))
        memory = [remote.memory() for remote in remotes]
    return {
        "recall": min(recalls),
        "resident_bytes": [each["resident_bytes"] for each in memory],
        "proportional_bytes": [each["proportional_bytes"] for each in memory],
    }


def shared(together: Json) -> float:
    """Give what all take by what they would take if each had what one has resident."""
    resident = together["resident_bytes"]
    return float(sum(together["proportional_bytes"]) / (len(resident) * median(resident)))


def table(result: Json) -> str:
    """Table what opening costs and what the processes take."""
    alone, together = result["measured"]["alone"], result["measured"]["together"]
    processes = len(together["resident_bytes"])
    lines = [["file, MiB", _mebibytes(result["measured"]["file_bytes"])]]
    for key, text, scale in (
        ("open_seconds", "opening, ms", 1e3),
        ("idle_bytes", "resident after opening beyond the import, MiB", 2**-20),
        ("first_query_seconds", "the first query, ms", 1e3),
        ("found", "rows that it found", 1),
    ):
        each = [scale * one[key] for one in alone]
        lines.append([text, f"{median(each):.1f} ({min(each):.1f}-{max(each):.1f})"])
    one, sums = median(together["resident_bytes"]), sum(together["proportional_bytes"])
    lines += [
        ["recall@10 of all queries", f"{together['recall']:.4f}"],
        ["resident after all queries, one process, MiB", _mebibytes(one)],
        [f"{processes} processes together, MiB", _mebibytes(sums)],
        [f"that by {processes} times one", f"{shared(together):.3f}"],
    ]
    return markdown([f"{result['settings']['rows']:,} x 128, mapped", "median (range)"], lines, 1)


def verdicts(result: Json) -> list[Verdict]:
    """Judge opening, idling, answering and sharing."""
    alone, together = result["measured"]["alone"], result["measured"]["together"]
    opened = 1e3 * median(one["open_seconds"] for one in alone)
    idle = median(one["idle_bytes"] for one in alone) / 2**20
    processes = len(together["resident_bytes"])
    return [
        at_most("opening by mmap", opened, _MOST_MILLISECONDS, " ms"),
        at_most("resident when idle", idle, _MOST_IDLE_MEBIBYTES, " MiB"),
        ("the first query finds 10 rows", all(one["found"] == 10 for one in alone)),
        at_most(
            f"{processes} processes by {processes} times one", shared(together), _MOST_SHARE, ""
        ),
    ]


def _mebibytes(number: float) -> str:
    return f"{number / 2**20:,.1f}"


if __name__ == "__main__":
    sys.exit(main())
