"""Show how fast nearfield is under filters, beside peers, and what its answers are worth.

    python benchmarks/filters.py --gate
    python benchmarks/filters.py --data synthetic-1m --gate
    python benchmarks/filters.py --limit 10000 --rounds 2 --seconds 0.1 --users 1000

A cell is a filter: random rows pass (W1), rows near to each query or far from it (W2); a heard set
is left out (W3), one for each of many users (W5); less passes than is asked for (W6). In each cell
every engine gets the smallest beam that finds .95 of the ten nearest rows that pass, and all are
timed in turns on one thread. The peer that counts is hnswlib with a bit for each row, tested in C++
in a loop that is C++ as well. nearfield is asked without a beam besides, as most will ask it:
recall, plan and counters are of that.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import churn_rows
import claims
import data_sets
import filter_cells
import filter_rows
import filter_run
import filter_users
import filtering
import numpy as np
from bench import SUBJECT, Settings, build
from data_sets import DataSet
from filter_cells import WORKLOADS
from filter_drawing import draw
from filter_field import Field
from filter_gates import verdicts
from filter_run import Plan, Site
from filter_tables import table
from filter_truth import Truth
from measure import say

Json = dict[str, Any]
# Few rows are compared in no time, whatever the filter; few queries tell no recall.
_LEAST = {"limit": 1_000_000, "queries": 1_000, "rounds": 3, "users": 10_000}


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = claims.set_parser(__doc__)
    add = parser.add_argument
    engines = [*filtering.VARIANTS]
    add("--engines", nargs="+", choices=engines, default=engines, metavar="ENGINE")
    add("--workloads", nargs="+", choices=WORKLOADS, default=[*WORKLOADS], metavar="W")
    add("--queries", type=int, default=1_000, help="of a cell, at most")
    add("--seconds", type=float, default=0.5, help="of a pass of a cell's slowest engine, about")
    add("--rounds", type=int, default=5)
    add("--users", type=int, default=10_000, help="of W5")
    add("--seed", type=int, default=1)
    add(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu where the machine is not idle; without two threads, and waits of single calls",
    )
    add("--python", nargs="+", default=[], metavar="LIBRARY=PATH", help="of other environments")
    claim = claims.Claim("filters", measure, table, verdicts, least=_LEAST, draw=draw)
    return claims.show(claim, parser.parse_args(arguments))


def measure(options: argparse.Namespace) -> Json:
    """Give every cell."""
    data = data_sets.load(options.data, options.data_dir)
    if len(data.base) > options.limit:
        data = data.subset(options.limit, len(data.queries))
    plan = Plan(options.rounds, options.seconds, options.queries, options.seed, options.clock)
    settings = Settings(
        k=plan.k,
        build_threads=options.threads,
        clock=options.clock,
        gibibytes=options.memory,
    )
    known = claims.pythons(options.python)
    bench = claims.bench(
        "filters", options, data, settings, script="filter_worker.py", pythons=known
    )
    engines, missing = claims.installed(bench, [*dict.fromkeys([SUBJECT, *options.engines])])
    for variant in engines:
        if variant not in filtering.BUILT_BY:
            took = build(bench, variant, fresh=False)["wall_seconds"][-1]
            say(f"{variant}: built in {took:.1f} s")
    within = filter_rows.plane(data.base, data.space)
    gathered = _gathered(data, within, options)
    order = np.random.default_rng([plan.seed, 5]).permutation(len(data.queries))
    mixed = replace(data, queries=data.queries[order])
    measured: Json = {"cells": [], "users": None}
    with (
        tempfile.TemporaryDirectory(dir=bench.cache) as folder,
        Field(bench, [*engines], Path(folder)) as field,
    ):
        site = Site(mixed, Truth(mixed, within, plan.k), field, plan)
        for cell in filter_cells.cells(within, gathered, options.workloads, plan.seed):
            measured["cells"].append(filter_run.measured(site, cell))
        if "W5" in options.workloads:
            clusters = gathered["clusters"]
            measured["users"] = filter_users.measured(site, within, clusters, options.users)
    bench.journal.finish()
    about = {"name": data.name, "hash": data.digest, "rows": len(data.base)}
    about |= {"dimensions": data.base.shape[1], "space": data.space}
    return {"data": about, "engines": engines, "missing": missing, **measured}


def _gathered(
    data: DataSet, within: filter_rows.Plane, options: argparse.Namespace
) -> dict[str, filter_rows.Groups]:
    """Give the rows by cluster, and by what else the set's makers have put together."""
    groups = {"clusters": churn_rows.clusters(data.base, data.space, options.seed)}
    sections = data_sets.sections(options.data, options.data_dir, options.limit)
    if sections is not None:
        groups["sections"] = sections
    return {name: filter_rows.groups(within, each, options.seed) for name, each in groups.items()}


if __name__ == "__main__":
    sys.exit(main())
