"""What a filtered query must answer: rows by brute force, filters as plain arrays of bool.

An index is made by steps that can be taken again without some of their rows, so that a failure can
be shortened (filter_cases.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import nearfield as nf
import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Step = tuple[str, NDArray[np.uint64], NDArray[np.float32] | None]

PLANS = {"auto": 0, "scan": 2, "sweep": 3, "exact": 4, "walk": 5}
NAMES = ("auto", "none", "scan", "sweep", "exact", "walk")  # as they answer
TOLERANCE = 1e-5  # of float32 sums, relative, and of codes that are decoded


class Kind(NamedTuple):
    """What an index is made with."""

    space: nf.Space
    storage: str
    codes: str


@dataclass
class Spec:
    """How an index is made: settings, and steps (what, ids, vectors)."""

    kind: Kind
    dimensions: int
    M: int
    ef_construction: int
    steps: list[Step] = field(default_factory=list)

    def build(self) -> nf.Index:
        """Take the steps."""
        index = nf.Index(
            self.kind.space, self.dimensions, M=self.M, ef_construction=self.ef_construction,
            storage_data_type=self.kind.storage, codes=self.kind.codes,
        )  # fmt: skip
        for what, ids, vectors in self.steps:
            if what == "add":
                index.add_items(vectors, ids, num_threads=1)
            elif what == "mark":
                for id in ids.tolist():
                    index.mark_deleted(id)
            elif what == "remove":
                index.remove(ids, if_missing="ignore")
            else:
                getattr(index, what)()
        return index

    def without(self, gone: set[int]) -> Spec:
        """Leave some ids out of every step."""
        steps: list[Step] = []
        for what, ids, vectors in self.steps:
            kept = np.array([id not in gone for id in ids.tolist()], dtype=bool)
            steps.append((what, ids[kept], None if vectors is None else vectors[kept]))
        return Spec(self.kind, self.dimensions, self.M, self.ef_construction, steps)


@dataclass
class Sets:
    """A filter's ids: None, one array for all queries, or one each, of which some are None."""

    shared: NDArray[np.uint64] | None = None
    each: list[NDArray[np.uint64] | None] | None = None

    def of(self, query: int) -> Sets:
        """Give those of one query, in the form they have."""
        return Sets(self.shared, None if self.each is None else [self.each[query]])

    def for_core(self) -> Any:
        """Give them as the core takes them."""
        if self.each is None:
            return None if self.shared is None else (self.shared, None, None)
        parts = [np.empty(0, np.uint64) if one is None else one for one in self.each]
        ends = np.cumsum([0, *map(len, parts)]).astype(np.uint64)
        absent = np.array([one is None for one in self.each], dtype=np.uint8)
        return np.concatenate(parts), ends, absent

    def for_python(self, rng: np.random.Generator) -> Any:
        """Give them in one of the forms that `nearfield.Index.query` takes."""
        if self.each is None:
            return None if self.shared is None else _in_some_form(self.shared, rng)
        if all(one is not None for one in self.each) and rng.random() < 0.5:
            ids, ends, _ = self.for_core()
            return nf.CSR(ends, ids)
        forms = [None if one is None else _in_some_form(one, rng) for one in self.each]
        return nf.PerQuery(forms)


def _in_some_form(ids: NDArray[np.uint64], rng: np.random.Generator) -> Any:
    form = rng.integers(4)
    if len(ids) > 2000:
        return ids
    if form == 1:
        return ids.tolist()
    if form == 2:
        return nf.IdSet(ids)
    if form == 3 and ids.max(initial=0) < 2**32:  # others take a map each
        return nf.IdSet(ids).to_bytes()
    return ids


@dataclass
class Ask:
    """What is asked of all queries of a batch."""

    k: int
    ef: int
    plan: str
    exclude: Sets
    allow: Sets
    public: int | None = None  # a seed where it goes through `nearfield.Index.query`
    counts: bool = False


class Answer(NamedTuple):
    """What came back."""

    ids: NDArray[np.uint64]
    distances: NDArray[np.float32]
    counts: NDArray[np.uint32]
    report: NDArray[np.uint64]


def answer(index: nf.Index, queries: NDArray[np.float32], ask: Ask, num_threads: int = 1) -> Answer:
    """Ask an index."""
    if ask.public is not None and ask.plan in ("auto", "exact"):
        rng = np.random.default_rng(ask.public)
        found = index.query(
            queries, ask.k, num_threads, max(ask.ef, ask.k), exact=ask.plan == "exact",
            exclude=ask.exclude.for_python(rng), allow=ask.allow.for_python(rng),
            explain=ask.counts, if_short="pad",
        )  # fmt: skip
        report = found._report
        if report is None:  # nothing was given that filters
            report = np.zeros((len(queries), 10), np.uint64)
            report[:, 0] = NAMES.index("walk")
        return Answer(found.ids, found.distances, found.counts, report)
    found, (counts, *_), report = index._core.query_filtered(
        queries, ask.k, ask.ef, num_threads, None, None, ask.exclude.for_core(),
        ask.allow.for_core(), None, PLANS[ask.plan], ask.counts,
    )  # fmt: skip
    counts = np.full(len(queries), ask.k, np.uint32) if counts is None else counts
    return Answer(*found, counts, report)


class Truth:
    """The live rows of an index, and how far they are from some queries.

    Places are those in the order of insertion. Of small indexes all distances are known to the bit,
    from a scan without a filter.
    """

    def __init__(self, spec: Spec, index: nf.Index, queries: NDArray[np.float32], small: bool):
        self.space, self.index, self.queries = spec.kind.space, index, queries
        self.ids = np.array(index.ids, dtype=np.uint64)
        self.sorter = np.argsort(self.ids)
        self.sorted = self.ids[self.sorter]
        self.held = index.get_vectors(self.ids).reshape(-1, spec.dimensions).astype(np.float64)
        self.near = self._by_numpy()
        # The vectors as given, where the index holds them so: distances are then told by pairs.
        self.given = spec.steps[0] if spec.kind.storage == "Float32" and not small else None
        self.longest = (self.held**2).sum(1).max(initial=0)
        self.is_exact = small
        if small:
            self._scan()

    def places(self, ids: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Give the place of each id; -1 of what is not live."""
        if len(self.ids) == 0:
            return np.full(ids.shape, -1)
        at = np.minimum(np.searchsorted(self.sorted, ids), len(self.ids) - 1)
        return np.where(self.sorted[at] == ids, self.sorter[at], -1)

    def _by_numpy(self) -> NDArray[np.float64]:
        q = self.queries.astype(np.float64)
        if self.space is nf.Space.Cosine:
            norms = np.linalg.norm(q, axis=1, keepdims=True)
            q = q / np.where(norms == 0, 1, norms)
        dots = q @ self.held.T
        if self.space is nf.Space.Euclidean:
            squares = (q**2).sum(1)[:, None] + (self.held**2).sum(1)[None]
            return squares - 2 * dots
        return np.maximum(1 - dots, 0) if self.space is nf.Space.Cosine else 1 - dots

    def _scan(self) -> None:
        n, rows = len(self.ids), len(self.queries)
        self.rank = np.zeros((rows, n), np.intp)
        if n == 0:
            self.by_place = np.zeros((rows, 0), np.float32)
            return
        found = self.index.query(self.queries, n, 1, 4 * self.index.stats().slots + n)
        order = self.places(found.ids)
        np.put_along_axis(self.rank, order, np.broadcast_to(np.arange(n), order.shape), 1)
        self.by_place = np.empty((rows, n), np.float32)
        np.put_along_axis(self.by_place, order, found.distances, 1)
        ties = found.distances[:, 1:] == found.distances[:, :-1]
        assert (found.distances[:, 1:] >= found.distances[:, :-1]).all()
        assert (order[:, 1:] > order[:, :-1])[ties].all(), "ties of a scan without a filter"
        assert self._close(self.by_place, self.near).all(), "a scan without a filter"

    def _close(self, found: NDArray[Any], near: NDArray[np.float64]) -> Bools:
        scale = 1 + np.abs(near)
        if self.space is nf.Space.Euclidean:  # numpy's own rounding, of what cancels
            scale = scale + self.longest
        return np.abs(found - near) <= TOLERANCE * scale

    def passing(self, ask: Ask, rows: int) -> Bools:
        """Tell of each query which places pass."""
        passes = np.ones((rows, len(self.ids)), dtype=bool)
        for sets, inside in ((ask.exclude, False), (ask.allow, True)):
            if sets.shared is not None:
                passes &= self._mask(sets.shared) == inside
            for q, one in enumerate(sets.each or ()):
                if one is not None:
                    passes[q] &= self._mask(one) == inside
        return passes

    def _mask(self, ids: NDArray[np.uint64]) -> Bools:
        mask = np.zeros(len(self.ids), dtype=bool)
        places = self.places(ids)
        mask[places[places >= 0]] = True
        return mask


def faults(truth: Truth, ask: Ask, found: Answer, first: int = 0) -> dict[int, str]:
    """Say of each query what is wrong with its answer; nothing is, mostly.

    `first`: which of the queries of `truth` the first answer is of.
    """
    rows, k = found.ids.shape
    last = first + rows
    wrong: dict[int, str] = {}

    def note(bad: Bools, what: str) -> None:
        for q in np.flatnonzero(bad):
            wrong.setdefault(int(q), what)

    passes = truth.passing(ask, rows)
    allowed = passes.sum(1)
    note(found.counts != np.minimum(k, allowed), "G2: not min(k, allowed) results")
    valid = np.arange(k) < found.counts[:, None]
    note(((found.ids == nf.NO_ID) == valid).any(1), "padding, or none where there should be")
    note((np.isinf(found.distances) & valid).any(1), "an infinite distance")
    places = truth.places(found.ids)
    note((valid & (places < 0)).any(1), "G1: an id that is not live")
    safe = np.where(valid & (places >= 0), places, 0)
    if len(truth.ids):
        note((valid & ~np.take_along_axis(passes, safe, 1)).any(1), "G1: an id that is left out")
    unique = np.where(valid, places, -1 - np.arange(k))
    unique.sort(1)
    note((unique[:, 1:] == unique[:, :-1]).any(1), "an id twice")
    pairs = valid[:, 1:]
    fall = found.distances[:, 1:] < found.distances[:, :-1]
    ties = found.distances[:, 1:] == found.distances[:, :-1]
    note((pairs & fall).any(1), "G3: out of order")
    note((pairs & ties & (safe[:, 1:] < safe[:, :-1])).any(1), "G3: ties not in order of insertion")
    told = found.report[:, 2].astype(bool) & (found.report[:, 0] != NAMES.index("walk"))
    note(told & (found.report[:, 1] != allowed), "a count of what is allowed")
    if len(truth.ids) == 0:
        return wrong
    near = np.take_along_axis(truth.near[first:last], safe, 1)
    note((valid & ~truth._close(found.distances, near)).any(1), "G3: a distance, by numpy")
    if truth.is_exact:
        exact = np.take_along_axis(truth.by_place[first:last], safe, 1)
        note((valid & (found.distances.view("u4") != exact.view("u4"))).any(1), "G3: a distance")
    elif truth.given is not None:
        for q in range(0, rows, 16):
            note(_is_off(truth, found, q, first), "G3: a distance, by get_distance")
    is_exact = found.report[:, 0] == NAMES.index("exact")
    for q in np.flatnonzero(is_exact):
        note(_misses(truth, passes[q], found, int(q), first), "G4: not the nearest that pass")
    return wrong


def _is_off(truth: Truth, found: Answer, q: int, first: int) -> Bools:
    """Tell whether a distance is not that of the query to the vector that was given."""
    _, ids, vectors = truth.given
    bad = np.zeros(len(found.ids), dtype=bool)
    n = int(found.counts[q])
    rows = vectors[np.searchsorted(ids, found.ids[q, :n])]
    query = truth.queries[first + q]
    expected = [truth.index.get_distance(query, row) for row in rows]
    bad[q] = found.distances[q, :n].tolist() != expected
    return bad


def _misses(truth: Truth, passes: Bools, found: Answer, q: int, first: int) -> Bools:
    """Tell whether an exact answer is not that of brute force; by distances, where ids may tie."""
    bad = np.zeros(len(found.ids), dtype=bool)
    n = int(found.counts[q])
    if n == 0:
        return bad
    distances = truth.by_place if truth.is_exact else truth.near
    nearest = distances[first + q][passes]
    nearest = np.sort(np.partition(nearest, n - 1)[:n] if n < len(nearest) else nearest)
    given = found.distances[q, :n]
    if truth.is_exact:
        bad[q] = not np.array_equal(given, nearest)
    else:
        bad[q] = not truth._close(given, nearest).all()
    return bad
