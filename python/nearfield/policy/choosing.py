"""Steps 4 to 6: which candidates are taken, in which order, and when no more are needed.

One place after another goes to the candidate that is worth most and that no rule refuses; of equals
the first in order of retrieval takes it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nearfield.policy.retrieval import Candidates, join
from nearfield.policy.rules import Rule, RuleStep
from nearfield.policy.scoring import Rescore, Scorer, Scores, discounted, join_scores, rescored
from nearfield.policy.similar import cosines

__all__ = ["Chosen", "Hit", "Refusal", "Worth", "choose_from_pools", "choose_in_stream"]

Batches: TypeAlias = Iterator[tuple[Candidates, np.float32]]
"""What steps 1 and 2 have left of each batch, perhaps nothing, and how far away its last was."""
MakeRules: TypeAlias = Callable[[], list[Rule]]
"""Gives the rules with no place taken."""


class Worth(NamedTuple):
    """What a candidate was worth when it was taken."""

    marginal: float
    """Its score, less what it has in common with earlier hits."""
    value: float
    """That, with impressions discounted."""
    nearest: int = -1
    """The number of the most similar earlier hit; -1 where there is none or it does not matter."""
    cosine: float = 0.0
    """Its cosine."""


class Hit(NamedTuple):
    """A candidate that was taken."""

    number: int
    """Among the candidates that steps 1 and 2 have left, in order of retrieval, from 0."""
    worth: Worth
    said: list[tuple[RuleStep, str]]
    """What each rule said."""


class Refusal(NamedTuple):
    """A candidate that a rule refused."""

    number: int
    step: RuleStep
    words: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """The choice.

    Attributes
    ----------
    candidates : Candidates
        Those that steps 1 and 2 have left, in order of retrieval.
    scores : Scores
        Theirs.
    hits : list of Hit
        In the order in which they were taken.
    refusals : list of Refusal
        In the order in which they were looked at.
    rules : list of Rule
        As they stand.
    stopped : {"settled", "pool"} or None
        Why no more candidates were looked at: none could change the hits, or the largest pool
        could not fill all places. None: there were no more batches.
    """

    candidates: Candidates
    scores: Scores
    hits: list[Hit]
    refusals: list[Refusal]
    rules: list[Rule]
    stopped: Literal["settled", "pool"] | None = None


class _Places:
    """The ``k`` places, and the rules by which they are given away."""

    def __init__(self, k: int, rules: list[Rule]) -> None:
        self.hits: list[Hit] = []
        self.refusals: list[Refusal] = []
        self.rules = rules
        self._k = k
        self._values: list[list[Any]] = [[] for _ in rules]

    @property
    def full(self) -> bool:
        return len(self.hits) == self._k

    def read(self, candidates: Candidates) -> None:
        """Learn what the rules need to know of the next candidates."""
        for values, rule in zip(self._values, self.rules, strict=True):
            values += rule.values_of(candidates.columns[rule.column])

    def offer(self, number: int, worth: Worth) -> bool:
        """Give a candidate the next place, unless a rule refuses it."""
        left = self._k - len(self.hits)
        asked = [(rule, own[number]) for rule, own in zip(self.rules, self._values, strict=True)]
        for rule, value in asked:
            words = rule.refusal(value, left)
            if words is not None:
                rule.refused += 1
                self.refusals.append(Refusal(number, rule.step, words))
                return False
        said = [(rule.step, rule.take(value)) for rule, value in asked]
        self.hits.append(Hit(number, worth, said))
        return True

    def chosen(self, candidates: Candidates, scores: Scores) -> Chosen:
        return Chosen(candidates, scores, self.hits, self.refusals, self.rules)


def choose_in_stream(batches: Batches, scorer: Scorer, k: int, make_rules: MakeRules) -> Chosen:
    """Choose by value alone, and pull no batch that could not change the choice.

    Parameters
    ----------
    batches : iterator of (Candidates, float32)
        Nearest first.
    scorer : Scorer
        Knows the highest score beyond a distance.
    k : int
        Places.
    make_rules : callable
        Gives the rules.

    Returns
    -------
    Chosen
        The same for every size of batches: that of all candidates at once.

    Notes
    -----
    A candidate is offered a place once it is worth at least as much as the best that may still
    come: the threshold algorithm (Fagin, Lotem and Naor, doi:10.1145/375551.375567) on one list.
    """
    places = _Places(k, make_rules())
    parts: list[Candidates] = []
    scored: list[Scores] = []
    waiting: list[tuple[float, int, float]] = []

    def give_away(bound: float) -> None:
        while waiting and not places.full and -waiting[0][0] >= bound:
            value, number, score = heapq.heappop(waiting)
            places.offer(number, Worth(score, -value))

    count = 0
    for candidates, last in batches:
        if len(candidates):
            parts.append(candidates)
            scored.append(scorer(candidates))
            places.read(candidates)
            scores = scored[-1].scores
            values = discounted(scores, scored[-1].factors)
            for value, score in zip(values.tolist(), scores.tolist(), strict=True):
                heapq.heappush(waiting, (-value, count, score))
                count += 1
        give_away(scorer.best_beyond(last))
        if places.full:
            chosen = places.chosen(join(parts), join_scores(scored))
            return replace(chosen, stopped="settled")
    give_away(-np.inf)
    return places.chosen(join(parts), join_scores(scored))


def choose_from_pools(
    batches: Batches,
    scorer: Scorer,
    k: int,
    make_rules: MakeRules,
    sizes: Sequence[int],
    weight: float,
    rescore: Rescore | None,
) -> Chosen:
    """Choose among the first candidates, and among more where those cannot fill all places.

    Parameters
    ----------
    batches, scorer, k, make_rules
        As for `choose_in_stream`.
    sizes : sequence of int
        Of the pools, ascending, at least one.
    weight : float
        Of scores against differences; 1 compares no vectors.
    rescore : callable or None
        Gives the scores anew, of all candidates of a pool.

    Returns
    -------
    Chosen
        The same for every size of batches.
    """
    parts: list[Candidates] = []
    larger = list(sizes)
    count = 0
    for candidates, _ in batches:
        if len(candidates):
            parts.append(candidates)
            count += len(candidates)
        while count >= larger[0]:
            pool = join(parts).rows(slice(larger.pop(0)))
            chosen = _choose_from(pool, scorer, _Places(k, make_rules()), weight, rescore)
            if len(chosen.hits) == k:
                return replace(chosen, stopped="settled")
            if not larger:
                return replace(chosen, stopped="pool")
    return _choose_from(join(parts), scorer, _Places(k, make_rules()), weight, rescore)


def _choose_from(
    pool: Candidates, scorer: Scorer, places: _Places, weight: float, rescore: Rescore | None
) -> Chosen:
    if not len(pool):
        return places.chosen(pool, join_scores([]))
    places.read(pool)
    scores = scorer(pool)
    if rescore is not None:
        scores = rescored(scores, pool, rescore)
    waiting = np.ones(len(pool), np.bool_)
    nearest = np.full(len(pool), -1)
    closest = np.full(len(pool), -1.0)  # the lowest cosine: nothing in common with earlier hits
    marginal, values = _worth_of(scores, closest, weight)
    while waiting.any() and not places.full:
        best = int(np.where(waiting, values, -np.inf).argmax())
        waiting[best] = False
        worth = Worth(
            float(marginal[best]), float(values[best]), int(nearest[best]), float(closest[best])
        )
        if places.offer(best, worth) and weight < 1 and pool.units is not None:
            cosine = cosines(pool.units, pool.units[[best]])[:, 0]
            nearer = cosine > closest
            nearest[nearer], closest[nearer] = best, cosine[nearer]
            marginal, values = _worth_of(scores, closest, weight)
    return places.chosen(pool, scores)


def _worth_of(
    scores: Scores, closest: NDArray[np.float64], weight: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    marginal = weight * scores.scores + (1 - weight) * (1 - (1 + closest) / 2)
    return marginal, discounted(marginal, scores.factors)
