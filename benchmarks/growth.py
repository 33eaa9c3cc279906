"""Show how queries and builds grow with the rows, beside what the machine's memory gives.

    python benchmarks/growth.py
    python benchmarks/growth.py --rows 10000 30000 100000

The made set at each size: queries/s at recall@10 .95, build time, and the exponents of both by
least squares on logarithmic scales. Then what a query reads at the first beam past that recall:
rows of codes, link rows, and stored rows compared again; and, from a small native program
(native/reads.cpp), how long this machine takes to read as many rows of that size from a region of
the index's size: each place known only after the last was read, and all places known beforehand.
The second is about the least that a walk can take, the first what it would take if it never asked
ahead.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import claims
import nearfield as nf
import numpy as np
import synthetic
from bench import Bench, Settings
from curves import qps_at
from data_sets import DataSet
from gates import Verdict
from measure import Run, look_of, run, say
from native_programs import program
from report import markdown
from results import curves

Json = dict[str, Any]
RECALL = 0.95
_VARIANT = "nearfield"
_LINKS = 16  # M; 2M links of 4 bytes on level 0
# Rows that are compared again by their vectors: the core does not count them (ARCHITECTURE.md: 11
# to 16 at k = 10).
_AGAIN = 14
_LARGE_ROWS, _LARGE_DIMENSIONS = 4_000_000, 96
_LARGE_BYTES = 6 << 30  # what its build takes at most


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = claims.parser(__doc__)
    add = parser.add_argument
    add("--rows", type=claims.made_rows, nargs="+", default=[10_000, 100_000, 1_000_000])
    add("--large", action="store_true", help="4,000,000 x 96 as well, where memory allows")
    add("--threads", type=int, default=1, help="of builds")
    add("--repetitions", type=int, default=3)
    claim = claims.Claim("growth", measure, table, verdicts, draw=draw)
    return claims.show(claim, parser.parse_args(arguments))


def measure(options: argparse.Namespace) -> Json:
    """Give, by size: the curve, the build, the work of a query, what memory would take for it."""
    reads = program("reads", options.cache)
    sizes = [*options.rows, *([_LARGE_ROWS] if options.large else [])]
    found = []
    for rows in sizes:
        if rows == _LARGE_ROWS and available_bytes() < _LARGE_BYTES:
            say(f"{rows:,} rows are left out: less than {_LARGE_BYTES >> 30} GiB are free")
            continue
        data = large_set() if rows == _LARGE_ROWS else claims.made_set(rows)
        settings = Settings(
            modes=("single", "batch1"),
            build_threads=options.threads,
            repetitions=options.repetitions,
            clock="cpu",
        )
        bench = claims.bench("growth", options, data, settings, script="subject.py")
        index = bench.index(_VARIANT)
        if bench.journal.get("build", *bench.key, index.name) is None:
            index.unlink(missing_ok=True)  # the time of an earlier build is of another hour
        out = run(bench, [_VARIANT], fresh=True)
        found.append(_size(bench, out, reads))
    bench.journal.finish()
    return {"sizes": found}


def _size(bench: Bench, out: Run, reads: Path) -> Json:
    rows, dimensions = bench.data.base.shape
    looks = out.scouted[_VARIANT]
    places = range(len(looks["looks"]["single"]))
    place = next((p for p in places if look_of(looks, "single", p).recall >= RECALL), places[-1])
    ef = int(looks["settings"][place]["ef"])
    with bench.start(_VARIANT) as remote:
        bench.open(_VARIANT, remote)
        work = remote.order("counters", k=bench.settings.k, ef=ef)
    planes = nf.estimate_memory(rows, dimensions, _LINKS, space=bench.data.space)
    vector = planes.vector_bytes // rows
    code = planes.code_bytes // rows or vector
    row_bytes = {"code": code, "link": 8 * _LINKS, "vector": vector}
    index_bytes = planes.vector_bytes + planes.code_bytes + planes.link_bytes
    counts = {"code": work["distances"], "link": work["hops"], "vector": float(_AGAIN)}
    say(f"{rows:,} rows: ef {ef}, {work['distances']:,.0f} distances; reading memory ...")
    nanoseconds = {}
    for kind, size in row_bytes.items():
        done = subprocess.run(
            [str(reads), str(index_bytes), str(size)], capture_output=True, text=True, check=True
        )
        nanoseconds[kind] = dict(
            zip(("dependent", "independent"), map(float, done.stdout.split()), strict=True)
        )
    return {
        "rows": rows,
        "dimensions": dimensions,
        "ef": ef,
        "recall": look_of(looks, "single", place).recall,
        "build": out.builds[_VARIANT],
        "curves": curves(bench, out)[_VARIANT],
        "index_bytes": index_bytes,
        "row_bytes": row_bytes,
        "reads": counts,
        "nanoseconds": nanoseconds,
    }


def available_bytes() -> int:
    """Tell how much memory is free."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))


def large_set() -> DataSet:
    """Draw more rows of the made set's law than it has, and keep their first 96 dimensions."""
    law = synthetic.network(synthetic.Law())
    base = np.empty((_LARGE_ROWS, _LARGE_DIMENSIONS), dtype=np.float32)
    step = 50_000
    for start in range(0, _LARGE_ROWS, step):
        drawn = law.rows(np.random.default_rng([4096, start]), step)
        base[start : start + step] = drawn[:, :_LARGE_DIMENSIONS]
    queries = law.rows(np.random.default_rng([4096, _LARGE_ROWS]), 1000)[:, :_LARGE_DIMENSIONS]
    return DataSet("synthetic-large", "euclidean", base, queries.astype(np.float32))


def exponent(sizes: Sequence[float], figures: Sequence[float]) -> float:
    """Give the power of the size with which a figure grows: log-log least squares."""
    return float(np.polyfit(np.log(sizes), np.log(figures), 1)[0])


def seconds_at(size: Json, mode: str) -> float | None:
    """Give the seconds of one query at the recall."""
    at = qps_at([(point["recall"], point["qps"]) for point in size["curves"][mode]], RECALL)
    return 1 / at[0] if at else None


def touched_bytes(size: Json) -> float:
    """Give the bytes that a query reads."""
    return float(sum(size["reads"][kind] * size["row_bytes"][kind] for kind in size["reads"]))


def memory_seconds(size: Json, how: str) -> float:
    """Give the seconds in which this machine reads the rows that a query reads."""
    reads = size["reads"].items()
    return float(sum(1e-9 * count * size["nanoseconds"][kind][how] for kind, count in reads))


def series(result: Json) -> dict[str, tuple[list[int], list[float]]]:
    """Give the figures that grow, by name: sizes of the one set and microseconds or seconds."""
    sizes = [
        size for size in result["measured"]["sizes"] if size["dimensions"] == synthetic.DIMENSIONS
    ]
    out: dict[str, tuple[list[int], list[float]]] = {}
    for name, figure in (
        ("one query a call, us", lambda size: seconds_at(size, "single")),
        ("a query of a batch, us", lambda size: seconds_at(size, "batch1")),
        ("distances a query", lambda size: size["reads"]["code"]),
        ("build, CPU s", lambda size: median(size["build"]["cpu_seconds"])),
    ):
        pairs = [(size["rows"], figure(size)) for size in sizes]
        known = [(rows, value) for rows, value in pairs if value is not None]
        scale = 1e6 if name.endswith("us") else 1
        out[name] = [rows for rows, _ in known], [scale * value for _, value in known]
    return out


def table(result: Json) -> str:
    """Table each size, the exponents, and what memory would take."""
    head = ["rows", "ef", "us a call", "us in a batch", "build, CPU s", "distances", "hops"]
    head += ["KiB read", "us, reads overlap", "us, one by one"]
    lines, probes = [], []
    for size in result["measured"]["sizes"]:
        times = [seconds_at(size, mode) for mode in ("single", "batch1")]
        memory = [memory_seconds(size, how) for how in ("independent", "dependent")]
        lines.append(
            [
                f"{size['rows']:,} x {size['dimensions']}",
                str(size["ef"]),
                *(f"{1e6 * time:.1f}" if time else "-" for time in times),
                f"{median(size['build']['cpu_seconds']):,.1f}",
                *(f"{size['reads'][kind]:,.0f}" for kind in ("code", "link")),
                f"{touched_bytes(size) / 1024:,.0f}",
                *(f"{1e6 * seconds:.1f}" for seconds in memory),
            ]
        )
        for kind, took in size["nanoseconds"].items():
            figures = [f"{took[how]:.1f}" for how in ("independent", "dependent")]
            cells = [f"{size['index_bytes'] / 2**20:,.0f}", kind, str(size["row_bytes"][kind])]
            probes.append([*cells, *figures])
    powers = [
        [name, f"{exponent(*known):.2f}" if len(known[0]) > 1 else "-"]
        for name, known in series(result).items()
    ]
    probe_head = ["index, MiB", "row of", "bytes", "ns, reads overlap", "ns, one by one"]
    return "\n\n".join(
        [
            f"At recall@10 {RECALL}; work, and memory's time for it, at the first beam past that.",
            markdown(head, lines, 1),
            markdown(["figure", "grows with rows to the power of"], powers, 1),
            markdown(probe_head, probes),
        ]
    )


def verdicts(result: Json) -> list[Verdict]:
    """Judge that the recall is reached at every size: how fast all grows is for reading."""
    return [
        (f"{size['rows']:,} rows: recall {RECALL} is reached", size["recall"] >= RECALL)
        for size in result["measured"]["sizes"]
    ]


def draw(result: Json, path: Path) -> None:
    """Draw the figures by rows."""
    from drawing import draw_powers

    draw_powers(series(result), f"at recall@10 {RECALL}; {result['machine']['cpu']}", path)


if __name__ == "__main__":
    sys.exit(main())
