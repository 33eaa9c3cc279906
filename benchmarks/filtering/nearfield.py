"""nearfield: allow= or exclude=, whichever names fewer ids, as sets that are made beforehand.

A call looks the ids up, or makes a table of them, and that is in its time. `compiled` tells how
much it is: it makes calls that are told to look for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import nearfield as nf
import numpy as np
from engines import Floats, Setting, nearfield
from nearfield import _filtering
from numpy.typing import NDArray

from filtering import Json, Sets

_NOTHING = 1  # of nearfield::Plan: nothing may be returned, so nothing is looked for
_SOME = 20  # calls of which the mean is taken


def make(variant: str) -> Any:
    """Give the engine."""
    return Engine(variant)


class Engine(nearfield.Engine):
    def __init__(self, variant: str) -> None:
        super().__init__(variant)
        self.note += "; allow= or exclude=: one IdSet for all, or CSR"

    def take(self, queries: Floats, sets: Sets) -> None:
        self._queries, self._rows, self._sets = queries, list(queries), sets
        self._argument = "allow" if sets.allowing else "exclude"
        made = [nf.IdSet(sets.ids_of(query)) for query in range(len(sets))]
        self._each = made * len(queries) if sets.shared else made
        self._all = made[0] if sets.shared else nf.CSR(sets.ends, sets.ids)

    def use(self, setting: Setting) -> None:
        self._ef = int(setting.get("ef", -1))
        self._few = int(setting.get("queries", len(self._queries)))

    def batch(self, k: int) -> Any:
        return self._asked(k, 1).ids

    def batch2(self, k: int) -> Any:
        """Ask on two threads."""
        return self._asked(k, 2).ids

    def exact(self, k: int) -> Any:
        """Compare all that may be returned, exactly; of the first queries, where it is told so."""
        few = self._sets.first(self._few)
        form = self._form(self._all if few.shared else nf.CSR(few.ends, few.ids))
        asked = self._queries[: self._few]
        return self._index.query(asked, k, 1, exact=True, if_short="pad", **form).ids

    def single(self, k: int) -> tuple[Any, NDArray[np.int64]]:
        found = np.empty((len(self._rows), k), dtype=np.uint64)
        took = np.empty(len(self._rows), dtype=np.int64)
        ask, ef, clock, argument = self._index.query, self._ef, time.perf_counter_ns, self._argument
        given: dict[str, Any] = {"if_short": "pad"}
        for place, (row, one) in enumerate(zip(self._rows, self._each, strict=True)):
            given[argument] = one
            begin = clock()
            found[place] = ask(row, k, 1, ef, **given)[0]
            took[place] = clock() - begin
        return found, took

    def each(self, k: int) -> Any:
        """Ask one query a call."""
        return self.single(k)[0]

    def distances(self, k: int) -> float:
        return float(np.mean([plan.num_distances + plan.num_again for plan in self._plans(k)]))

    def plans(self, k: int) -> Json:
        """Tell the plan of each query, and its work."""
        plans = self._plans(k)
        names = ("plan", "fell_back", "ef", "num_distances", "num_again", "num_hops")
        return {name: [getattr(plan, name) for plan in plans] for name in names}

    def compiled(self, k: int) -> Json:
        """Time making sets, and what calls do with them before they look for anything.

        A set that is shared is tried in all of its forms.
        """
        first = self._sets.ids_of(0)
        shuffled = np.random.default_rng(1).permutation(first)
        told = {"make": _mean(lambda _: nf.IdSet(shuffled))}
        told["single"] = self._meant(lambda i: self._form(self._each[i]), k)
        form = self._form(self._all)
        if not self._sets.shared and self._plans(k)[0].plan == "sweep":
            # A walk makes a table of what is allowed and looks nothing up: as of what is left out.
            form = {"exclude": self._all}
        batch = _mean(lambda _: self._empty(self._queries, k, **form), 3)
        told["batch"] = batch / len(self._queries)
        if self._sets.shared:
            mask = np.full(self._sets.rows, not self._sets.allowing)
            mask[first] = self._sets.allowing
            allowed, others = nf.IdSet(np.flatnonzero(mask)), nf.IdSet(np.flatnonzero(~mask))
            forms: Json = {"allow": {"allow": allowed}, "exclude": {"exclude": others}}
            forms["mask"] = {"allow": mask}
            told |= {name: self._meant(partial(_same, form), k) for name, form in forms.items()}
        return told

    def _meant(self, form_of: Callable[[int], Json], k: int) -> float:
        """Time a call that asks for one query and looks for nothing."""
        many = len(self._rows)
        return _mean(lambda i: self._empty(self._rows[i % many], k, **form_of(i % many)))

    def _asked(self, k: int, threads: int) -> Any:
        form = self._form(self._all)
        return self._index.query(self._queries, k, threads, self._ef, if_short="pad", **form)

    def _plans(self, k: int) -> Any:
        return self._asked(k, 1).plan

    def _form(self, sets: Any) -> Json:
        return {self._argument: sets}

    def _empty(self, vectors: Floats, k: int, allow: Any = None, exclude: Any = None) -> None:
        """Make a call that does all with a filter but use it."""
        core, queries = self._index._core, 1 if vectors.ndim == 1 else len(vectors)
        left_out = _filtering._as_sets(exclude, "exclude", queries, core)
        allowed = _filtering._as_sets(allow, "allow", queries, core)
        core.query_filtered(vectors, k, k, 1, None, None, left_out, allowed, None, _NOTHING, False)


def _same(form: Json, _: int) -> Json:
    return form


def _mean(call: Callable[[int], Any], most: int = _SOME) -> float:
    """Give the seconds of a call on the processor's clock, of the first few queries."""
    call(0)
    begin, calls = time.process_time(), 0
    while calls < most and (calls == 0 or time.process_time() - begin < 1):
        call(calls)
        calls += 1
    return (time.process_time() - begin) / calls
