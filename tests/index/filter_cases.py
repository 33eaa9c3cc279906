"""Random filtered queries against brute force: ``python tests/index/filter_cases.py COUNT SEED``.

Indexes of every kind, of up to 3,000 rows that are hostile as often as not, some removed, marked
and replaced; and, for a tenth of all queries, one of 100,000 rows for each space and storage. Every
filter is drawn by how much passes (nothing to all), where that lies (near to the query, far, or
anywhere) and how it is said (what to leave out, what to let through, or both; for all queries or
for each). What fails is shortened to a few rows.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.index import test_model
from tests.index.filter_oracle import (
    NAMES,
    PLANS,
    Answer,
    Ask,
    Kind,
    Sets,
    Spec,
    Truth,
    answer,
    faults,
)  # fmt: skip

KINDS = [Kind(kind.space, kind.storage, kind.codes) for kind in test_model.KINDS]
QUERIES = 48  # of an index, all of which a batch asks
BATCHES = 12  # of a small index
MOST_ROWS, MANY_ROWS = 3000, 100_000
SHARES = (0.0, -1.0, 0.0001, 0.001, 0.01, 0.05, 0.1, 0.5, 0.9, 0.99, 1.0)  # -1: one row
WEIGHTS = {"auto": 0.34, "scan": 0.14, "sweep": 0.2, "exact": 0.18, "walk": 0.14}
LEAST_SHARE = 0.05  # of the queries, by every plan

Floats = NDArray[np.float32]
Ids = NDArray[np.uint64]


@dataclass
class Findings:
    """What was found, and what it was looked for in."""

    seed: int
    queries: int = 0
    many: int = 0  # of them on many rows
    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """Give it for JSON."""
        return {
            "queries": self.queries, "on many rows": self.many, "seed": self.seed,
            "asked": dict(sorted(self.asked.items())),
            "answered": dict(sorted(self.answered.items())), "findings": self.found,
        }  # fmt: skip


# --- rows ----------------------------------------------------------------------------------------


def draw_vectors(rng: np.random.Generator, rows: int, dimensions: int) -> Floats:
    """Draw rows: scattered, in clusters, in islands far apart, on a coarse grid, or all equal."""
    style = rng.integers(6)
    if style == 0:
        return np.full((rows, dimensions), 0.25, np.float32)
    if style == 1:
        centres = rng.uniform(-0.6, 0.6, size=(8, dimensions))
        vectors = centres[rng.integers(8, size=rows)] + rng.normal(0, 0.05, (rows, dimensions))
    elif style == 2:
        ends = rng.choice([-0.9, 0.9], size=(4, dimensions))
        vectors = ends[rng.integers(4, size=rows)] + rng.uniform(0, 1e-3, (rows, dimensions))
    elif style == 3:
        vectors = rng.integers(-2, 3, size=(rows, dimensions)) / 4
    else:
        vectors = rng.normal(0, 0.3, size=(rows, dimensions))
    return np.clip(vectors, -0.95, 0.95).astype(np.float32)


def draw_ids(rng: np.random.Generator, rows: int) -> Ids:
    """Draw ids: slots, in another order, or from anywhere."""
    form = rng.integers(3)
    if form == 0:
        return np.arange(rows, dtype=np.uint64)
    if form == 1:
        return rng.permutation(2 * rows)[:rows].astype(np.uint64)
    return np.unique(rng.integers(0, 2**64 - 1, size=rows, dtype=np.uint64))


def draw_spec(rng: np.random.Generator, kind: Kind) -> Spec:
    """Draw an index of up to 3,000 rows, small ones as often as large ones."""
    most = rng.choice([0, 3, 30, 300, 1000, MOST_ROWS], p=[0.02, 0.08, 0.15, 0.25, 0.25, 0.25])
    rows = int(most * rng.random() + 0.5)
    dimensions = int(rng.choice([2, 6, 16, 20]))
    spec = Spec(kind, dimensions, int(rng.choice([2, 4, 8])), int(rng.choice([8, 24])))
    ids = draw_ids(rng, rows)
    spec.steps.append(("add", ids, draw_vectors(rng, len(ids), dimensions)))
    for _ in range(int(rng.integers(5))):
        what = str(rng.choice(["remove", "remove", "mark", "add", "add", "repair", "compact"]))
        known = np.unique(np.concatenate([step[1] for step in spec.steps if step[0] == "add"]))
        share = rng.choice([0.05, 0.3, 0.9, 1.0], p=[0.4, 0.4, 0.15, 0.05])
        some = rng.permutation(known)[: int(np.ceil(share * len(known)))]
        if what == "mark":  # the rows that are there, each once
            gone = [step[1] for step in spec.steps if step[0] in ("mark", "remove")]
            some = np.setdiff1d(some, np.concatenate(gone)) if gone else some
        vectors = draw_vectors(rng, len(some), dimensions) if what == "add" else None
        spec.steps.append((what, some, vectors))
    return spec


def draw_queries(rng: np.random.Generator, spec: Spec) -> Floats:
    """Draw queries: near to rows, on rows, anywhere, and far from everything."""
    queries = rng.normal(0, 0.4, size=(QUERIES, spec.dimensions)).astype(np.float32)
    rows = spec.steps[0][2]
    if rows is not None and len(rows):
        near = rng.integers(len(rows), size=QUERIES // 2)
        queries[: len(near)] = rows[near]
        queries[: len(near) // 2] += rng.normal(0, 0.02, queries[: len(near) // 2].shape)
    queries[-2:] *= 100
    return queries


# --- filters -------------------------------------------------------------------------------------


class Draw:
    """Draws filters over the rows of an index."""

    def __init__(self, rng: np.random.Generator, spec: Spec, truth: Truth):
        self.rng, self.truth = rng, truth
        known = [step[1] for step in spec.steps if step[0] == "add"]
        self.gone = np.setdiff1d(np.concatenate(known), truth.ids)

    def passing(self, query: int) -> NDArray[np.bool_]:
        """Draw what passes: so many, and near to a query, far from it, or anywhere."""
        n = len(self.truth.ids)
        share = float(self.rng.choice(SHARES))
        m = min(n, 1) if share < 0 else int(np.ceil(share * n)) if share < 1 else n
        side = self.rng.integers(3)
        passes = np.zeros(n, dtype=bool)
        if side == 0 or m in (0, n):
            passes[self.rng.permutation(n)[:m]] = True
        else:
            near = self.truth.near[query] * (1 if side == 1 else -1)
            passes[np.argpartition(near, m - 1)[:m]] = True
        return passes

    def noise(self) -> Ids:
        """Draw ids that say nothing: rows that are gone, and numbers that are nobody's."""
        unknown = self.rng.integers(2**62, 2**63, size=self.rng.integers(4), dtype=np.uint64)
        unknown = unknown[self.truth.places(unknown) < 0]
        share = self.rng.choice([0.0, 0.1, 1.0])
        return np.concatenate([unknown, self.gone[: int(share * len(self.gone))]])

    def sides(self, query: int) -> tuple[Ids | None, Ids | None]:
        """Draw a filter, said as what to leave out, what to let through, or both."""
        form = self.rng.choice(4, p=[0.45, 0.35, 0.15, 0.05])
        if form == 3:
            return None, None
        passes = self.passing(query)
        inside, outside = self.truth.ids[passes], self.truth.ids[~passes]
        if form == 0:
            return self._said(outside), None
        if form == 1:
            return None, self._said(inside)
        middle = outside[: int(self.rng.random() * len(outside))]
        return self._said(middle), self._said(np.concatenate([inside, middle]))

    def _said(self, ids: Ids) -> Ids:
        said = np.concatenate([ids, self.noise(), ids[: self.rng.integers(3)]])
        return self.rng.permutation(said) if self.rng.random() < 0.5 else said

    def ask(self, plan: str, rows: int) -> Ask:
        """Draw what a batch is asked."""
        rng = self.rng
        form = rng.integers(4)  # both for all, one of the two, or both for each
        sides = [self.sides(q) for q in range(rows if form else 1)]
        shared, sets = self.sides(0), []
        for side in (0, 1):
            each = Sets(None, [one[side] for one in sides])
            is_shared = form == 0 or form == 1 + side
            given = sides[0][side] if form == 0 else shared[side]
            sets.append(Sets(given) if is_shared else each)
        k = int(rng.choice([1, 3, 10, 40, 4000])) if rng.random() < 0.8 else len(self.truth.ids) + 1
        ef = int(rng.choice([1, 10, 30, 100]))
        public = int(rng.integers(2**31)) if rng.random() < 0.3 else None
        return Ask(min(max(1, k), MOST_ROWS), ef, plan, *sets, public, bool(rng.random() < 0.3))


# --- runs ----------------------------------------------------------------------------------------


def count_all(findings: Findings, plan: str, found: Answer) -> None:
    """Count who was asked for, and who has answered."""
    findings.queries += len(found.ids)
    findings.asked[plan] += len(found.ids)
    numbers, counts = np.unique(found.report[:, 0], return_counts=True)
    for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
        findings.answered[NAMES[number]] += count


def run_index(
    findings: Findings, seed: int, spec: Spec, truth: Truth, batches: int, small: bool
) -> None:
    """Ask an index a number of batches."""
    rng = np.random.default_rng([seed, 1])
    draw = Draw(rng, spec, truth)
    for number in range(batches):
        plan = str(rng.choice(list(WEIGHTS), p=list(WEIGHTS.values())))
        ask = draw.ask(plan, len(truth.queries))
        if not small:
            ask = replace(ask, k=min(ask.k, 100))
        found = answer(truth.index, truth.queries, ask, num_threads=1 + number % 2)
        count_all(findings, plan, found)
        for q, what in faults(truth, ask, found).items():
            words = f"seed {seed}, batch {number}, query {q}: {what}"
            short = shortened(spec, truth.queries[q], one_of(ask, q)) if small else None
            findings.found.append(f"{words}\n{short}" if short else f"{words}, {describe(ask)}")
            break


def small_index(findings: Findings, seed: int) -> None:
    """Make an index of up to 3,000 rows, and ask it."""
    rng = np.random.default_rng([seed, 0])
    spec = draw_spec(rng, KINDS[seed % len(KINDS)])
    truth = Truth(spec, spec.build(), draw_queries(rng, spec), small=True)
    run_index(findings, seed, spec, truth, BATCHES, small=True)


def large_index(findings: Findings, seed: int, kind: Kind, rows: int, queries: int) -> None:
    """Make an index of many rows, and ask it."""
    rng = np.random.default_rng([seed, 2])
    spec = Spec(kind, 12, 8, 32)
    ids = np.unique(rng.integers(0, 2**64 - 1, size=rows + rows // 50, dtype=np.uint64))
    vectors = np.clip(rng.normal(0, 0.3, (len(ids), 12)), -0.95, 0.95).astype(np.float32)
    spec.steps = [("add", ids, vectors)]
    index = nf.Index(
        kind.space, 12, M=8, ef_construction=32, storage_data_type=kind.storage, codes=kind.codes
    )
    index.add_items(vectors, ids)
    index.remove(ids[:: 2 * 50])
    for id in ids[1 :: 4 * 50].tolist():
        index.mark_deleted(id)
    before = findings.queries
    batches = 4
    for number in range(-(-queries // (batches * QUERIES))):
        truth = Truth(spec, index, draw_queries(rng, spec), small=False)
        run_index(findings, seed + number, spec, truth, batches, small=False)
    findings.many += findings.queries - before


def run(count: int, seed: int, many_rows: int = MANY_ROWS) -> dict[str, Any]:
    """Ask at least so many queries, a tenth of them on indexes of many rows; say what was found."""
    findings = Findings(seed)
    of_storage = {(kind.space, kind.storage): kind for kind in KINDS}
    each = -(-count // (10 * len(of_storage)))
    for number, kind in enumerate(of_storage.values() if many_rows else ()):
        large_index(findings, seed + 1000 * number, kind, many_rows, each)
    for number in seeds(seed):
        if findings.queries >= count:
            break
        small_index(findings, number)
    report = findings.report()
    few = [name for name in PLANS if findings.asked[name] < LEAST_SHARE * findings.queries]
    few += [name for name in NAMES[1:] if findings.answered[name] < LEAST_SHARE * findings.queries]
    if few:
        report["findings"].append(f"too few queries to say much of plans {few}")
    return report


def seeds(seed: int) -> Iterator[int]:
    """Give the seeds of small indexes: apart from those of any other run."""
    number = seed * 10_000_000
    while True:
        yield number
        number += 1


# --- what fails, shortened ------------------------------------------------------------------------


def one_of(ask: Ask, query: int) -> Ask:
    """Give what is asked of one query alone."""
    return replace(ask, exclude=ask.exclude.of(query), allow=ask.allow.of(query))


def fault_of(spec: Spec, query: Floats, ask: Ask) -> str | None:
    """Say what is wrong with the answer to one query; None when nothing is."""
    try:
        truth = Truth(spec, spec.build(), query[None], small=True)
        return faults(truth, ask, answer(truth.index, query[None], ask)).get(0)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]


def _ids_of(sets: Sets) -> Ids | None:
    return sets.shared if sets.each is None else sets.each[0]


def with_ids(ask: Ask, name: str, some: list[int]) -> Ask:
    """Give other ids for one side of a filter, in the form it has."""
    ids = np.array(some, dtype=np.uint64)
    sets = Sets(ids) if getattr(ask, name).each is None else Sets(None, [ids])
    return replace(ask, exclude=sets) if name == "exclude" else replace(ask, allow=sets)


def shortened(spec: Spec, query: Floats, ask: Ask) -> str | None:
    """Leave out rows, then ids of the filter, then neighbours, while the answer is wrong."""
    if fault_of(spec, query, ask) is None:
        return None  # not alone
    everything = sorted({id for step in spec.steps for id in step[1].tolist()})

    def without_all_but(kept: list[int]) -> Spec:
        return spec.without(set(everything) - set(kept))

    kept = test_model.shortened(
        everything, lambda ids: fault_of(without_all_but(ids), query, ask) is not None
    )
    spec = without_all_but(kept)
    for name in ("exclude", "allow"):
        ids = _ids_of(getattr(ask, name))
        if ids is not None:
            some = test_model.shortened(
                ids.tolist(),
                lambda some, name=name, ask=ask: (
                    fault_of(spec, query, with_ids(ask, name, some)) is not None
                ),
            )
            ask = with_ids(ask, name, some)
    while ask.k > 1 and fault_of(spec, query, replace(ask, k=ask.k // 2)):
        ask = replace(ask, k=ask.k // 2)
    made = f"{spec.kind}, {spec.dimensions} dimensions, M={spec.M}, ef {spec.ef_construction}"
    steps = [
        f"{what} {ids.tolist()} {'' if vectors is None else vectors.tolist()}"
        for what, ids, vectors in spec.steps
    ]
    fault = fault_of(spec, query, ask)
    return "\n".join([f"{fault}", made, *steps, f"query {query.tolist()}", describe(ask)])


def describe(ask: Ask) -> str:
    """Say what was asked, but for long sets."""
    sets = []
    for name in ("exclude", "allow"):
        given: Sets = getattr(ask, name)
        form = "for all" if given.each is None else "for each"
        ids = _ids_of(given)
        shown = ids if ids is None else ids.tolist() if len(ids) < 40 else f"{len(ids)} ids"
        sets.append(f"{name} {form} {shown}")
    return f"k={ask.k}, ef={ask.ef}, plan {ask.plan}, {', '.join(sets)}, counts {ask.counts}"


if __name__ == "__main__":
    begin = time.perf_counter()
    made = run(int(sys.argv[1]), int(sys.argv[2]))
    took = time.perf_counter() - begin
    made["seconds"] = round(took)
    made["queries a second"] = round(made["queries"] / took)
    sys.stdout.write(json.dumps(made, indent=1) + "\n")
    sys.exit(1 if made["findings"] else 0)
