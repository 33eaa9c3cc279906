"""What happens to one index that lives for long, and what it is like after each round."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import churn_rows
import numpy as np
from bench import SUBJECT, Bench
from churn_rows import Change, Rows, Stock
from data_sets import DataSet
from engines import widths
from measure import say
from remote import Remote, WorkerFailed

Json = dict[str, Any]
K = 10
_PROBES_RECALL = 0.95  # where nothing was measured before that has an nprobe of its own to follow
_LARGE = 200_000  # rows from which a fresh build takes minutes


@dataclass(frozen=True)
class Plan:
    """What happens to all engines alike."""

    rounds: int
    share: float
    every: int  # rounds between two looks
    fresh_every: int  # rounds between two builds anew of peers, and of large sets
    ef: int
    passes: int
    seed: int
    threads: int

    def looks(self, number: int) -> bool:
        """Tell whether queries are asked after this round."""
        return number % self.every == 0 or number == self.rounds

    def builds(self, variant: str, rows: int, number: int) -> bool:
        """Tell whether an index is built anew to compare with after this round."""
        often = variant == SUBJECT and rows <= _LARGE
        return often or number % self.fresh_every == 0 or number == self.rounds


@dataclass(frozen=True)
class Life:
    """One engine, one way of choosing what goes, and where files for its process are put."""

    bench: Bench
    plan: Plan
    pattern: str
    variant: str
    cluster_of: Rows
    folder: Path

    def start(self) -> Remote:
        """Start a process for the engine."""
        return self.bench.start(self.variant)

    def first(self) -> Stock:
        """Give the rows of the first full index."""
        return churn_rows.begin(len(self.bench.data.base), self.plan.seed)

    def changes(self) -> Iterator[Change]:
        """Give what each round does."""
        plan = self.plan
        return churn_rows.rounds(
            self.pattern, self.first(), plan.rounds, plan.share, plan.seed, self.cluster_of
        )


def life(
    bench: Bench, plan: Plan, pattern: str, variant: str, cluster_of: Rows, target: float | None
) -> Json:
    """Give every round of one engine. What it fails at is noted, and what came before is kept.

    `target` is the recall that an engine should begin with whose setting is not a beam width.
    """
    key = ("life", *bench.key, asdict(plan), pattern, variant)
    known = bench.journal.get(*key)
    if known:
        return dict(known)
    run: Json = {"rounds": [], "failed": ""}
    with tempfile.TemporaryDirectory(dir=bench.cache) as folder:
        mine = Life(bench, plan, pattern, variant, cluster_of, Path(folder))
        try:
            with mine.start() as remote:
                for name, value in _lived(mine, remote, target):
                    if name == "round":
                        run["rounds"].append(value)
                        say(f"{pattern}, {variant}: {_told(value)}")
                    else:
                        run[name] = value
        except WorkerFailed as error:
            run["failed"] = str(error)
            say(f"{pattern}, {variant}: {error}")
    bench.journal.put(run, *key)
    return run


def _lived(mine: Life, remote: Remote, target: float | None) -> Iterator[tuple[str, Any]]:
    plan, stock = mine.plan, mine.first()
    rows = len(mine.bench.data.base)
    first = {"round": 0, "add": _filled(mine, remote, stock)["wall_seconds"]}
    data = _live(mine, stock)
    effort = _effort(mine, remote, stock, data, target)
    yield "effort", effort
    look = _look(mine, remote, stock, data, effort)
    yield "round", first | look | {"fresh": look["recall"]}  # it is as fresh as can be
    for number, change in enumerate(mine.changes(), 1):
        stock = change.stock
        path = _file(mine, change.come, change.rows, change.gone)
        done: Json = {"round": number}
        done["remove"] = remote.order("remove", change=str(path))["wall_seconds"]
        added = remote.order("add", base=str(mine.bench.file("base")), change=str(path))
        done["add"] = added["wall_seconds"]
        if not plan.looks(number):
            yield "round", done | remote.order("memory")
            continue
        data = _live(mine, stock)
        done |= _look(mine, remote, stock, data, effort)
        if plan.builds(mine.variant, rows, number):
            done |= _fresh(mine, stock, data, effort, number)
        yield "round", done
    compacted = remote.order("compact")
    if compacted["able"]:
        yield "compacted", compacted | _look(mine, remote, stock, data, effort)


def _fresh(mine: Life, stock: Stock, data: DataSet, effort: int, number: int) -> Json:
    """Build the same rows anew in another process, and ask the same."""
    bench = mine.bench
    key = ("fresh", *bench.key, asdict(mine.plan), mine.pattern, mine.variant, effort, number)
    known = bench.journal.get(*key)
    if not known:
        with mine.start() as remote:
            build = _filled(mine, remote, stock)
            look = _look(mine, remote, stock, data, effort)
        known = {
            "fresh": look["recall"],
            "fresh_qps": look["qps"],
            "fresh_distances": look["distances"],
            "fresh_bytes": look["resident_bytes"],
            "fresh_seconds": build["wall_seconds"],
        }
        bench.journal.put(known, *key)
    return dict(known)


def _filled(mine: Life, remote: Remote, stock: Stock) -> Json:
    """Fill an empty index with what is in stock."""
    bench = mine.bench
    remote.order(
        "begin",
        space=bench.data.space,
        dimensions=bench.data.base.shape[1],
        rows=len(stock.live),
        threads=mine.plan.threads,
        queries=str(bench.file("queries")),
    )
    path = _file(mine, stock.live, stock.rows)
    return remote.order("add", base=str(bench.file("base")), change=str(path))


def _effort(mine: Life, remote: Remote, stock: Stock, data: DataSet, target: float | None) -> int:
    """Give the beam width; of inverted lists the number that finds about as much at first."""
    if mine.bench.about(mine.variant)["effort"] == "ef":
        return mine.plan.ef
    wanted = target or _PROBES_RECALL
    grid = widths(1, len(stock.live))
    for effort in grid:
        if _asked(mine, remote, stock, data, effort, 0)["recall"] >= wanted:
            return effort
    return grid[-1]


def _look(mine: Life, remote: Remote, stock: Stock, data: DataSet, effort: int) -> Json:
    seen = _asked(mine, remote, stock, data, effort, mine.plan.passes)
    return seen | remote.order("memory") | {"index": remote.order("figures")}


def _asked(
    mine: Life, remote: Remote, stock: Stock, data: DataSet, effort: int, passes: int
) -> Json:
    out = mine.folder / "found.npy"
    seen = remote.order("ask", effort=effort, k=K, out=str(out), passes=passes)
    return judged(np.load(out), stock, data) | seen


def judged(found: Any, stock: Stock, data: DataSet) -> Json:
    """Give recall, how many ids were of rows that are gone, and how many are missing."""
    place = np.full(len(stock.row_of) + 1, -1)  # the last is of all ids that never were
    place[stock.live] = np.arange(len(stock.live))
    known = (found >= 0) & (found < len(stock.row_of))
    places = place[np.where(known, found, -1)]
    return {
        "recall": float(data.recalls(places, K).mean()),
        "stale": int(((found >= 0) & (places < 0)).sum()),
        "missing": int((found < 0).sum()),
    }


def _live(mine: Life, stock: Stock) -> DataSet:
    """Give the rows in the index as a data set of their own, which knows the truth."""
    return replace(mine.bench.data, base=mine.bench.data.base[stock.rows])


def _file(mine: Life, come: Any, rows: Any, gone: Any = ()) -> Path:
    path = mine.folder / "change.npz"
    np.savez(path, come=come, rows=rows, gone=np.asarray(gone, dtype=np.uint64))
    return path


def _told(done: Json) -> str:
    memory = f"{done['resident_bytes'] / 2**20:,.1f} MiB"
    if "recall" not in done:
        return f"round {done['round']}: {memory}"
    fresh = f" (anew {done['fresh']:.4f})" if "fresh" in done else ""
    return f"round {done['round']}: recall {done['recall']:.4f}{fresh}, {memory}"
