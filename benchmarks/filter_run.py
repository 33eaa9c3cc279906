"""One cell of the comparison under filters: which beam each engine needs, then rounds in turns."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bench import SUBJECT
from data_sets import DataSet
from filter_cells import Cell
from filter_field import (
    CALLABLE,
    DEFAULT,
    EXACT,
    FAISS_SINGLE,
    SINGLE,
    WAYS,
    Contest,
    Field,
    Way,
)
from filter_truth import Truth
from filtering import BUILT_BY
from measure import say

Json = dict[str, Any]
_PROBED = 16  # queries by which it is seen how many there is time for
_LEAST_QUERIES = 20
_MOST_IDS = 40_000_000  # in the sets of all queries: 320 MB, twice in a worker
_CALLABLE_BY_BITSET = 3.0  # how much longer a Python callable takes, at least
_FEW = (3, 50)  # queries that a Python callable or an exact scan answers: least, most
# A query may compare so many times what is allowed, and so many rows besides.
BY_ALLOWED, BESIDES = 2.2, 1_000
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True)
class Plan:
    """What is equal for all cells and engines."""

    rounds: int
    seconds: float  # of a pass of the slowest engine, about: it bounds the queries
    queries: int
    seed: int
    clock: str
    k: int = 10
    target: float = 0.95
    pass_seconds: float = 0.05  # of a timed pass, at least


@dataclass(frozen=True)
class Site:
    """Where all of it happens; the queries are in random order, so that the first are a sample."""

    data: DataSet
    truth: Truth
    field: Field
    plan: Plan


def measured(site: Site, cell: Cell) -> Json:
    """Give what all engines are like in a cell, from the journal if it is there."""
    journal, bench = site.field.bench.journal, site.field.bench
    key = ("cell", *bench.key, asdict(site.plan), site.field.variants, cell.name)
    known = journal.get(*key)
    if known is None:
        known = _measured(site, cell)
        journal.put(known, *key)
    say(f"{cell.name}: {_told(known)}")
    return dict(known)


def _measured(site: Site, cell: Cell) -> Json:
    rivals = [variant for variant in site.field.variants if variant not in BUILT_BY]
    contest, starts = _bounded(site, cell, rivals)
    beams: dict[str, int | None] = {}
    for variant in rivals:
        with contest.failing(variant):
            beams[variant] = contest.smallest(variant, site.plan.target, starts.get(variant, 0))
    for variant, other in BUILT_BY.items():  # the same graph at the same beam finds the same
        beams[variant] = beams.get(other)
    allowed = [contest.sets.num_allowed(query) for query in range(contest.count)]
    out: Json = {"workload": cell.workload, "kind": cell.kind, "size": cell.size}
    out |= {
        "rows": contest.sets.rows,
        "queries": contest.count,
        "allowed": float(np.mean(allowed)),
        "ways": {},
    }
    for way in WAYS:
        if way.variant in site.field.variants:
            seen = _seen(site, contest, way, beams.get(way.variant))
            out["ways"][way.name] = seen | {"failed": contest.failures.get(way.variant, "")}
    out["default"] = _default(contest, out["ways"].get(DEFAULT, {}), allowed)
    out["compile"] = _compile(contest, beams)
    _race(site, contest, out["ways"])
    return out


def _bounded(site: Site, cell: Cell, rivals: list[str]) -> tuple[Contest, dict[str, int]]:
    """Give as many queries as there is time for, and where in the grid beams may be."""
    few = _contest(site, cell, _PROBED)
    starts, slowest = {}, 0.0
    for variant in rivals:
        with few.failing(variant):
            ef = few.smallest(variant, site.plan.target)
            looks = few.looks(variant)
            starts[variant] = max(0, few.grid.index(max(looks) if ef is None else ef) - 1)
            if ef is not None:
                slowest = max(slowest, looks[ef]["seconds"])
    with few.failing(SUBJECT):
        slowest = max(slowest, _single(few, site.plan) / few.count)
    count = int(site.plan.seconds / max(slowest, 1e-9))
    count = min(max(count, _LEAST_QUERIES), site.plan.queries, len(site.data.queries))
    if not few.sets.shared:
        ids = max(1, len(few.sets.ids) // few.count)
        count = min(count, max(_PROBED, _MOST_IDS // ids))
    return _contest(site, cell, count), starts


def _single(contest: Contest, plan: Plan) -> float:
    """Give the seconds of a pass of single calls, each of which looks its filter up."""
    more = {"setting": {}, "k": plan.k, "seconds": 0.0, "out": str(_took(contest.field))}
    timed = contest.field.order(SUBJECT, "time", mode="single", **more)
    return float(timed[contest.field.clock])


def _took(field: Field) -> Path:
    return field.folder / "took.npy"


def _contest(site: Site, cell: Cell, count: int) -> Contest:
    queries = site.data.queries[:count]
    sets = cell.sets(queries)
    return Contest(site.field, site.truth, site.data, queries, sets)


def _seen(site: Site, contest: Contest, way: Way, ef: int | None) -> Json:
    """Give what is known of a way before it is timed."""
    variant, looks = way.variant, contest.looks(way.variant)
    seen: Json = {"ef": ef, "recall": None, "queries": contest.count}
    with contest.failing(variant):
        if way.name == EXACT:
            once = contest.ask(variant, {"queries": 1}, "exact")["seconds"]
            setting = {"queries": _few(site, contest, once)}
            seen |= {"ef": None, "setting": setting} | setting
            seen |= contest.ask(variant, setting, "exact")
        elif way.name == DEFAULT:
            seen |= {"ef": None, "setting": {}} | contest.ask(variant, {})
        elif ef is None:
            seen["most"] = max((look["recall"] for look in looks.values()), default=None)
        elif way.name == CALLABLE:
            bitset = contest.looks(BUILT_BY[variant])[ef]["seconds"]
            seen["queries"] = _few(site, contest, _CALLABLE_BY_BITSET * bitset)
            contest.give([variant], seen["queries"])
            seen |= contest.ask(variant, {"ef": ef})
        else:
            is_ours = variant == SUBJECT and way.mode == "single"
            seen |= contest.ask(variant, {"ef": ef}, "each") if is_ours else looks[ef]
            told = {"what": "distances", "setting": {"ef": ef}, "k": contest.k}
            seen |= contest.field.order(variant, "told", **told)
    return {"setting": {"ef": ef}} | seen | {"seconds": []}


def _few(site: Site, contest: Contest, slow: float) -> int:
    """Give how many of the first queries there is time for."""
    least, most = _FEW
    return min(max(int(site.plan.seconds / slow), least), most, contest.count)


def _default(contest: Contest, seen: Json, allowed: list[int]) -> Json:
    """Give what nearfield does where no beam is named: recall, plans and counters."""
    out: Json = {name: seen[name] for name in ("recall", "violations", "short") if name in seen}
    with contest.failing(SUBJECT):
        told = contest.field.order(SUBJECT, "told", what="plans", setting={}, k=contest.k)
        compared = np.add(told["num_distances"], told["num_again"])
        out |= {"distances": float(np.mean(told["num_distances"]))}
        out |= {"again": float(np.mean(told["num_again"])), "ef": max(told["ef"])}
        worst = int(np.argmax(compared - BY_ALLOWED * np.array(allowed)))
        out["worst"] = {"compared": int(compared[worst]), "allowed": allowed[worst]}
        out["plans"] = Counter(told["plan"])
        out["fell_back"] = sum(map(bool, told["fell_back"]))
    return out


def _compile(contest: Contest, beams: dict[str, int | None]) -> Json:
    """Give what making sets takes, and looking them up, by engines that can tell."""
    out: Json = {}
    for variant in beams.keys() - BUILT_BY.keys():
        with contest.failing(variant):
            setting = {"ef": beams[variant] or contest.k}
            order = {"what": "compiled", "setting": setting, "k": contest.k}
            told = contest.field.order(variant, "told", **order)
            out |= {variant: told} if told else {}
    return out


def _race(site: Site, contest: Contest, ways: Json) -> None:
    """Time all ways in turns: A B C A B C, so that each round saw the same machine."""
    out = _took(site.field)
    took = defaultdict(list)
    for _ in range(site.plan.rounds):
        for way in WAYS:
            seen = ways.get(way.name)
            if seen is None or seen["recall"] is None or way.variant in contest.failures:
                continue
            more = {"setting": seen["setting"], "seconds": site.plan.pass_seconds, "out": str(out)}
            with contest.failing(way.variant):
                timed = contest.field.order(way.variant, "time", mode=way.mode, k=contest.k, **more)
                seen["seconds"].append(timed[site.field.clock] / seen["queries"])
                if way.mode == "single":
                    took[way.name].append(np.load(out).ravel())
    for name, parts in took.items():
        found = np.quantile(np.concatenate(parts), list(_QUANTILES.values())) / 1e9
        ways[name]["quantiles"] = dict(zip(_QUANTILES, found.tolist(), strict=True))
    for way in WAYS:
        if way.name in ways and way.variant in contest.failures:
            ways[way.name]["failed"] = contest.failures[way.variant]


def _told(measured: Json) -> str:
    each = []
    for name, seen in measured["ways"].items():
        if name in (DEFAULT, SINGLE, FAISS_SINGLE):
            continue
        if seen["seconds"]:
            each.append(f"{name} {1e6 * float(np.median(seen['seconds'])):,.1f} us")
        else:
            each.append(f"{name} -")
    return f"{measured['queries']} queries; " + ", ".join(each)
