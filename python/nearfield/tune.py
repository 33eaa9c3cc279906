"""The smallest beam that gives the recall that is wanted, found by counting, never by the clock.

Half of the queries choose the width, the other half says what it gives. The first half is biased:
its recall was looked at until it sufficed. The second is not, so its figure is the one to believe,
and its interval says how far to believe it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from statistics import NormalDist
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nearfield import evaluate
from nearfield._arrays import as_vectors
from nearfield._numbers import as_count, as_threads, as_whole
from nearfield.errors import InvalidInput, NotEnoughData, TooFewNeighbors
from nearfield.typing import Progress, Vectors, VectorsLike

__all__ = ["TriedWidth", "Tunable", "Tuning", "tune"]

_FEWEST_QUERIES = 20
_WIDEST = 2**31
_MEANING: dict[evaluate.Against, str] = {
    "given": "",
    "held": "; recall of the vectors that the index holds, which are not quite those given",
    "truth": "; recall of the truth that was handed in",
}


class Tunable(evaluate.Measurable, Protocol):
    """What `tune` needs of an index; `nearfield.Index` and `nearfield.StringIndex` have it."""

    @property
    def ef(self) -> int:
        """Beam width of a query that names none."""

    @ef.setter
    def ef(self, width: int) -> None: ...

    def __len__(self) -> int:
        """Count the live vectors."""


class TriedWidth(NamedTuple):
    """One beam width that `tune` has tried."""

    ef: int
    """Beam width."""
    recall: float
    """Share of the true neighbours that the tuning half found."""
    distances: float
    """Vectors compared with a query, per query of the tuning half; equal on every machine."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """The beam width that `tune` found, and what stands behind it.

    Attributes
    ----------
    ef : int
        The beam width.
    k : int
        Neighbours of each query; the width is for this number.
    target : float
        The recall that was wanted.
    reached : bool
        Whether ``ef`` gives it, in the sense of `nearfield.Index.tune`; if not, ``ef`` is the width
        of the highest recall among those tried.
    widened : bool
        Whether the verifying half asked for more than the tuning half had chosen. It has then
        chosen as well.
    recall : float
        Of the tuning half at ``ef``: biased upward, since ``ef`` was chosen by it.
    verified : float
        Recall of the verifying half at ``ef``: unbiased, unless ``widened``.
    low, high : float
        The interval of ``verified`` for the recall over all such queries.
    confidence : float
        Of the interval.
    tuning_queries, verifying_queries : int
        How many queries stand behind ``recall`` and behind ``verified``.
    distances : float
        Vectors compared with a query at ``ef``, per query of both halves; equal on every machine.
    hops : float
        Link rows read on level 0 at ``ef``, per query of both halves; equal on every machine.
    curve : tuple of TriedWidth
        Every width that was tried, narrowest first.
    against : {"given", "held", "truth"}
        What recall is measured against: the vectors as they were given, the vectors as an index
        holds them that has rounded them, or the ``truth`` that was handed in.
    """

    ef: int
    k: int
    target: float
    reached: bool
    widened: bool
    recall: float
    verified: float
    low: float
    high: float
    confidence: float
    tuning_queries: int
    verifying_queries: int
    distances: float
    hops: float
    curve: tuple[TriedWidth, ...]
    against: evaluate.Against = "given"

    @property
    def assured(self) -> bool:
        """Whether even the lower end of the interval reaches the target."""
        return self.low >= self.target

    def __str__(self) -> str:
        """Say it in one line, and what the recall means where that is not the plain thing."""
        wanted = f"recall@{self.k} {self.target:g}"
        verdict = f"reaches {wanted}" if self.reached else f"is the best found, short of {wanted}"
        return (
            f"ef {self.ef} {verdict}: {self.recall:.4f} on {self.tuning_queries} queries, "
            f"{self.verified:.4f} ({self.low:.4f} to {self.high:.4f}, {self.confidence:.0%} "
            f"confidence) on {self.verifying_queries} others; {self.distances:.1f} distances and "
            f"{self.hops:.1f} hops a query{_MEANING[self.against]}"
        )


def tune(
    index: Tunable,
    queries: VectorsLike,
    recall: float = 0.95,
    k: int = 10,
    *,
    max_ef: int | None = None,
    assured: bool = False,
    confidence: float = 0.95,
    seed: int = 1,
    num_threads: int | None = -1,
    apply: bool = False,
    progress: Progress = None,
    truth: Any = None,
) -> Tuning:
    """Find the smallest beam width that gives a recall.

    Parameters
    ----------
    index : Index or StringIndex
        What is tuned.
    queries, recall, k, max_ef, assured, confidence, seed, num_threads, apply, progress, truth
        As for `nearfield.Index.tune`, which says what is guaranteed.

    Returns
    -------
    Tuning
        As for `nearfield.Index.tune`.

    Raises
    ------
    InvalidInput, NotEnoughData, TooFewNeighbors, TypeError
        As for `nearfield.Index.tune`.

    Notes
    -----
    The interval is Wilson's for a share, of as many trials as the queries are worth. The neighbours
    of one query are found or missed together to some degree, which is read off the spread of recall
    between queries, as if one query more had been all found or all missed: a half without a miss
    is worth its queries, not its neighbours.

    Why ``assured`` needs no correction for looking at several widths: recall rises with the width.
    A width whose true recall is too low could be accepted only if the widest of such widths looked
    good enough as well, and that is one comparison.
    """
    target = _share(recall, "recall", "up to")
    level = _share(confidence, "confidence", "below")
    rows = as_vectors(queries, index.num_dimensions, "queries", axes=2)
    wanted = as_whole(k, "k", 1, _WIDEST)
    if wanted > len(index):
        message = f"k is {wanted}, but the index holds {len(index)} live vectors; ask for fewer"
        raise TooFewNeighbors(message)
    widest = len(index) if max_ef is None else as_whole(max_ef, "max_ef", wanted, _WIDEST)
    threads = as_threads(num_threads)
    _check_enough(len(rows), target, level, assured)

    # Raw numbers of this generator never change between versions of numpy; its permutations may.
    numbers = np.random.PCG64(as_count(seed, "seed")).random_raw(len(rows))
    order = np.argsort(numbers, kind="stable")
    true_ids: NDArray[Any]
    distances: NDArray[Any] | None
    if truth is None:
        true_ids, distances = evaluate.true_neighbors(index, rows, wanted, progress=progress)
    else:
        true_ids, distances = evaluate.checked_truth(index, truth, len(rows), wanted)
    choosing, verifying = (
        _Half(index, rows[part], _part(true_ids, distances, part), wanted, threads, level)
        for part in np.array_split(order, [len(rows) // 2])
    )

    def good(found: _Found) -> float:
        return found.low if assured else found.recall

    def tuning_passes(width: int) -> bool:
        return choosing.at(width).recall >= target

    def both_pass(width: int) -> bool:
        return tuning_passes(width) and good(verifying.at(width)) >= target

    ef = _smallest(tuning_passes, wanted, widest)
    reached, widened = ef is not None, False
    if ef is None:
        ef = choosing.best()
    else:
        first = verifying.at(ef)
        if (first.low if assured else first.high) < target:
            both = _smallest(both_pass, ef, widest)
            reached, chosen = both is not None, ef
            ef = verifying.best() if both is None else both
            widened = ef != chosen
    if apply and reached:
        index.ef = ef
    ours, theirs = choosing.at(ef), verifying.at(ef)
    return Tuning(
        ef=ef,
        k=wanted,
        target=target,
        reached=reached,
        widened=widened,
        recall=ours.recall,
        verified=theirs.recall,
        low=theirs.low,
        high=theirs.high,
        confidence=level,
        tuning_queries=len(choosing.rows),
        verifying_queries=len(verifying.rows),
        distances=(ours.distances + theirs.distances) / len(rows),
        hops=(ours.hops + theirs.hops) / len(rows),
        curve=choosing.curve(),
        against=evaluate.measured_against(index, truth),
    )


def _part(ids: NDArray[Any], distances: NDArray[Any] | None, rows: NDArray[Any]) -> Any:
    """Give the truth of some queries, with distances where there are any."""
    return ids[rows] if distances is None else (ids[rows], distances[rows])


class _Found(NamedTuple):
    """What one half gave at one width; distances and hops of all its queries."""

    recall: float
    low: float
    high: float
    distances: int
    hops: int


class _Half:
    """One half of the queries with its truth; each width is walked once."""

    def __init__(
        self, index: Tunable, rows: Vectors, truth: Any, k: int, threads: Any, level: float
    ) -> None:
        self.rows = rows
        self._index, self._truth, self._k = index, truth, k
        self._threads, self._level = threads, level
        self._found: dict[int, _Found] = {}

    def at(self, ef: int) -> _Found:
        """Measure a width, or give what it was measured to be."""
        if ef not in self._found:
            found = self._index.query(self.rows, self._k, self._threads, ef)
            self._found[ef] = _Found(
                evaluate.recall(found, self._truth),
                *_interval(evaluate.recall_by_query(found, self._truth), self._level),
                getattr(found, "num_distances", 0),
                getattr(found, "num_hops", 0),
            )
        return self._found[ef]

    def best(self) -> int:
        """Give the narrowest width of the highest recall."""
        return min(self._found, key=lambda ef: (-self._found[ef].recall, ef))

    def curve(self) -> tuple[TriedWidth, ...]:
        """Give all widths that were measured."""
        return tuple(
            TriedWidth(ef, found.recall, found.distances / len(self.rows))
            for ef, found in sorted(self._found.items())
        )


def _smallest(passes: Callable[[int], bool], least: int, most: int) -> int | None:
    """Double the width until it passes, then halve the gap to the last that did not.

    What it gives passes, and so does every wider width that was tried; the one below it does not,
    nor does any narrower one that was tried. Recall may dip by a hit or two where the beam widens,
    so a narrower width that was not tried may pass by luck.
    """
    failed, width = least - 1, least
    while not passes(width):
        if width >= most:
            return None
        failed, width = width, min(2 * width, most)
    while width - failed > 1:
        middle = (failed + width) // 2
        if passes(middle):
            width = middle
        else:
            failed = middle
    return width


def _interval(recalls: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Give Wilson's interval of the mean; see `tune` for what it takes for a trial."""
    n, mean = len(recalls), float(recalls.mean())
    spread = n * mean * (1 - mean)  # of queries that are all found or all missed
    trials = n * (spread + 1) / (float(((recalls - mean) ** 2).sum()) + 1)
    z = _normal_quantile(level)
    share = z * z / trials
    middle = (mean + share / 2) / (1 + share)
    half = z / (1 + share) * math.sqrt(mean * (1 - mean) / trials + share / (4 * trials))
    return max(0.0, middle - half), min(1.0, middle + half)


def _normal_quantile(level: float) -> float:
    """Give how many standard errors a two-sided interval reaches."""
    return NormalDist().inv_cdf((1 + level) / 2)


def _share(given: object, argument: str, most: str) -> float:
    """Read a number above 0 and up to 1, or below it."""
    if not isinstance(given, Real):
        message = f"{argument} is {given!r}; expected a number above 0 and {most} 1"
        raise TypeError(message)
    share = float(given)
    if not (0 < share <= 1 and (share < 1 or most == "up to")):
        message = f"{argument} is {given}; expected a number above 0 and {most} 1"
        raise InvalidInput(message)
    return share


def _check_enough(queries: int, target: float, level: float, assured: bool) -> None:
    """Refuse too few queries, and a promise that so many cannot give even without a miss."""
    if queries < _FEWEST_QUERIES:
        message = f"queries has {queries} rows; expected at least {_FEWEST_QUERIES}, better 1,000"
        raise NotEnoughData(message)
    if not assured:
        return
    if target == 1:
        message = "recall is 1, which no number of queries can assure; ask for less"
        raise InvalidInput(message)
    # Without a miss, the interval of n queries begins at n / (n + z^2).
    least = math.ceil(_normal_quantile(level) ** 2 * target / (1 - target))
    if queries - queries // 2 < least:
        message = (
            f"queries has {queries} rows; to assure a recall of {target:g} takes at least "
            f"{2 * least}, and more where some neighbours are missed"
        )
        raise NotEnoughData(message)
