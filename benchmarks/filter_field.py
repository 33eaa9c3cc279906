"""The engines that are compared under filters, a process each, and what all of them are asked."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from bench import Bench
from data_sets import DataSet
from engines import Floats, widths
from filter_truth import Truth
from filter_worker import give
from filtering import BUILT_BY, Sets
from remote import Remote, WorkerFailed

Json = dict[str, Any]
_SLOWEST = 1.0  # seconds of a query: no wider beam is tried


class Way(NamedTuple):
    """One way of asking, as it is timed."""

    name: str
    variant: str
    mode: str


NEARFIELD, EXACT = "nearfield", "nearfield, exact"
DEFAULT, SINGLE = "nearfield, no beam named", "nearfield, a query a call"
BITSET, CALLABLE = "hnswlib, bitset in C++", "hnswlib, Python callable"
FAISS, FAISS_SINGLE = "faiss, bitmap", "faiss, a query a call"
WAYS = (
    Way(NEARFIELD, "nearfield", "batch"),
    Way(DEFAULT, "nearfield", "batch"),
    Way(SINGLE, "nearfield", "single"),
    Way(EXACT, "nearfield", "exact"),
    Way(BITSET, "hnswlib", "single"),
    Way(CALLABLE, "hnswlib-python", "single"),
    Way(FAISS, "faiss-16", "batch"),
    Way(FAISS_SINGLE, "faiss-16", "single"),
)


class Field:
    """The processes: each begins when it is asked first, and again after it has died."""

    def __init__(self, bench: Bench, variants: list[str], folder: Path) -> None:
        self.bench, self.variants, self.folder = bench, variants, folder
        self._remotes: dict[str, Remote] = {}
        self._given: dict[str, str] = {}

    @property
    def clock(self) -> str:
        """Name the seconds that count."""
        return f"{self.bench.settings.clock}_seconds"

    def __enter__(self) -> Field:
        return self

    def __exit__(self, *_: object) -> None:
        for variant in [*self._remotes]:
            self._drop(variant)

    def take(self, variant: str, path: Path) -> None:
        """Name the queries and filters that an engine is asked from now on."""
        self._given.pop(variant, None)
        if variant in self._remotes:
            self._order(variant, "take", path=str(path))
        self._given[variant] = str(path)

    def order(self, variant: str, verb: str, **what: Any) -> Json:
        """Give an order to an engine."""
        if variant not in self._given:
            message = "could not take its queries and filters"
            raise WorkerFailed(message)
        if variant not in self._remotes:
            self._remotes[variant] = self.bench.start(variant)
            self._order(variant, "open", **self._opening(variant))
            self._order(variant, "take", path=self._given[variant])
        return self._order(variant, verb, **what)

    def _opening(self, variant: str) -> Json:
        bench, data = self.bench, self.bench.data
        opening = {"index": str(bench.index(BUILT_BY.get(variant, variant))), "space": data.space}
        queries = str(bench.file("queries"))
        return opening | {"queries": queries, "dimensions": data.base.shape[1]}

    def _order(self, variant: str, verb: str, **what: Any) -> Json:
        try:
            return self._remotes[variant].order(verb, **what)
        except WorkerFailed:
            self._drop(variant)  # it may have died, or be what hangs
            raise

    def _drop(self, variant: str) -> None:
        with suppress(KeyError):
            self._remotes.pop(variant).__exit__()


class Contest:
    """Some queries and their filters, given to all engines, and what they make of it."""

    def __init__(
        self, field: Field, truth: Truth, data: DataSet, queries: Floats, sets: Sets
    ) -> None:
        self.field, self.truth, self.queries, self.sets = field, truth, queries, sets
        self.k = k = field.bench.settings.k
        self.count = len(queries)
        self.borders = truth.borders(sets, self.count)
        self.grid = widths(k, len(data.base), len(data.base))
        self.failures: dict[str, str] = {}
        self._looks: dict[tuple[str, int], Json] = {}
        self.give([variant for variant in field.variants if variant not in BUILT_BY], self.count)

    def give(self, variants: list[str], count: int) -> None:
        """Let some engines answer the first queries."""
        path = self.field.folder / f"given-{variants[0]}.npz"
        give(str(path), self.queries[:count], self.sets.first(count))
        for variant in variants:
            with self.failing(variant):
                self.field.take(variant, path)

    def failing(self, variant: str) -> _Noted:
        """Note why an engine fails, and go on without it."""
        return _Noted(self.failures, variant)

    def ask(self, variant: str, setting: Json, mode: str = "batch") -> Json:
        """Ask all queries once; give recall, and seconds of a query."""
        out = self.field.folder / "found.npy"
        asked = self.field.order(variant, "ask", mode=mode, setting=setting, k=self.k, out=str(out))
        found = np.load(out)
        judged = self.truth.judged(found, self.sets, self.borders)
        return judged | {"seconds": asked[self.field.clock] / len(found)}

    def look(self, variant: str, ef: int, mode: str) -> Json:
        """Ask at a beam width, once."""
        key = (variant, ef)
        if key not in self._looks:
            self._looks[key] = self.ask(variant, {"ef": ef}, mode)
        return self._looks[key]

    def looks(self, variant: str) -> dict[int, Json]:
        """Give what was seen of an engine, by beam width."""
        return {ef: look for (name, ef), look in self._looks.items() if name == variant}

    def smallest(
        self, variant: str, target: float, start: int = 0, mode: str = "batch"
    ) -> int | None:
        """Give the smallest beam of the grid that has the recall; None if none has.

        The search begins at a place of the grid where it may well be.
        """

        def is_enough(place: int) -> bool:
            return bool(self.look(variant, self.grid[place], mode)["recall"] >= target)

        place = start
        if is_enough(place):
            while place > 0 and is_enough(place - 1):
                place -= 1
            return self.grid[place]
        while place + 1 < len(self.grid):
            if self.look(variant, self.grid[place], mode)["seconds"] > _SLOWEST:
                return None
            place += 1
            if is_enough(place):
                return self.grid[place]
        return None


class _Noted:
    """Takes what a worker fails with and notes it."""

    def __init__(self, failures: dict[str, str], variant: str) -> None:
        self._failures, self._variant = failures, variant

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> bool:
        if not isinstance(error, WorkerFailed):
            return False
        self._failures.setdefault(self._variant, str(error))
        return True
