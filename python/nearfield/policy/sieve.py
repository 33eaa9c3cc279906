"""Steps 1 and 2: what is blocked goes, and of copies all but the nearest."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfield.policy.parts import Duplicates
from nearfield.policy.result import Dropped
from nearfield.policy.retrieval import Candidates, join, plain_values, single_values
from nearfield.policy.similar import cosines

__all__ = ["Sieve"]

# Candidates are compared with each other so many at a time: what is dropped in one block is not
# compared in the next.
_BLOCK = 128


class Sieve:
    """Lets candidates pass that are neither blocked nor copies of one that passed before.

    Parameters
    ----------
    blocked : sequence of (str, frozenset)
        Columns and their blocked values.
    duplicates : Duplicates or None
        What a copy is.

    Attributes
    ----------
    dropped : list of Dropped
        What did not pass, in order of retrieval.
    """

    def __init__(
        self,
        blocked: Sequence[tuple[str, frozenset[Hashable]]],
        duplicates: Duplicates | None,
    ) -> None:
        self.dropped: list[Dropped] = []
        self._blocked = blocked
        self._duplicates = duplicates
        self._passed: list[Any] = []  # ids
        self._first_of: dict[Hashable, Any] = {}
        self._units: NDArray[np.float64] | None = None  # of those that passed

    def __call__(self, candidates: Candidates) -> Candidates:
        """Let the next candidates pass, or not.

        Parameters
        ----------
        candidates : Candidates
            Farther away than all before them.

        Returns
        -------
        Candidates
            Those that passed.
        """
        left = self._not_blocked(candidates)
        if self._duplicates is None:
            return left
        blocks = [slice(begin, begin + _BLOCK) for begin in range(0, len(left), _BLOCK)]
        return join([self._no_copies(left.rows(block), self._duplicates) for block in blocks])

    def _not_blocked(self, candidates: Candidates) -> Candidates:
        if not self._blocked or not len(candidates):
            return candidates
        stays = np.ones(len(candidates), np.bool_)
        columns = [plain_values(candidates.columns[column]) for column, _ in self._blocked]
        for row, values in enumerate(zip(*columns, strict=True)):
            for (column, blocked), value in zip(self._blocked, values, strict=True):
                each = value if isinstance(value, tuple) else (value,)
                found = [tag for tag in each if tag is not None and tag in blocked]
                if found:
                    stays[row] = False
                    self._drop(candidates, row, "blocked", f"{column} = {found[0]!r} is blocked")
                    break
        return candidates.rows(stays)

    def _no_copies(self, candidates: Candidates, duplicates: Duplicates) -> Candidates:
        values = self._values(candidates, duplicates.column)
        units = None if duplicates.min_cosine is None else candidates.units
        nearest = _Nearest(units, self._units)
        stays: list[int] = []
        for row, value in enumerate(values):
            if value is not None and value in self._first_of:
                words = f"{duplicates.column} = {value!r}, as {self._first_of[value]!r}"
                self._drop(candidates, row, "duplicate", words)
                continue
            place, cosine = nearest.before(row, stays)
            if duplicates.min_cosine is not None and cosine >= duplicates.min_cosine:
                words = f"duplicate of {self._passed[place]!r} (cosine {cosine:.4f})"
                self._drop(candidates, row, "duplicate", words)
                continue
            stays.append(row)
            self._passed.append(candidates.ids[row : row + 1].tolist()[0])
            if value is not None:
                self._first_of[value] = self._passed[-1]
        left = candidates.rows(stays)
        if units is not None:
            known = [] if self._units is None else [self._units]
            self._units = np.concatenate([*known, units[stays]])
        return left

    def _values(self, candidates: Candidates, column: str | None) -> list[Any]:
        if column is None or not len(candidates):
            return [None] * len(candidates)
        return single_values(candidates.columns[column], column, "Duplicates")

    def _drop(self, candidates: Candidates, row: int, step: Any, words: str) -> None:
        id = candidates.ids[row : row + 1].tolist()[0]
        self.dropped.append(Dropped(id, step, words))


class _Nearest:
    """The most similar of those that passed: of earlier batches, and of this one so far."""

    def __init__(
        self, units: NDArray[np.float64] | None, passed: NDArray[np.float64] | None
    ) -> None:
        self._earlier = 0 if passed is None else len(passed)
        self._past = self._own = None
        if units is not None:
            self._own = cosines(units, units)
            self._past = None if passed is None else cosines(units, passed)

    def before(self, row: int, stays: list[int]) -> tuple[int, float]:
        """Give the place among all that passed, and the cosine; the first of equals."""
        place, best = -1, -2.0
        if self._past is not None and self._earlier:
            place = int(self._past[row].argmax())
            best = float(self._past[row, place])
        if self._own is not None and stays:
            here = self._own[row, stays]
            if here.max() > best:
                place, best = self._earlier + int(here.argmax()), float(here.max())
        return place, best
