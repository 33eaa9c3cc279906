"""What a policy returns: hits, how each came about, what was dropped, and why there are too few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nearfield.typing import Distances

__all__ = [
    "Counts",
    "DropStep",
    "Dropped",
    "Effect",
    "Explanation",
    "PolicyResult",
    "Reason",
    "Step",
]

Reason: TypeAlias = Literal["exhausted", "cap", "quota", "distinct", "budget"]
"""Why there are fewer hits than were asked for.

``"exhausted"``: all that the filters allow is among the hits, or blocked, or a copy. ``"cap"``,
``"quota"``, ``"distinct"``: all that they allow was looked at, and this rule stopped most of what
is left. ``"budget"``: there is more, but ``max_candidates``, or the largest pool, ended.
"""
Step: TypeAlias = Literal[
    "similarity", "boost", "recency", "popularity", "range", "rescore", "cap", "quota", "distinct",
    "diversity", "impressions",
]  # fmt: skip
DropStep: TypeAlias = Literal["removed", "blocked", "duplicate", "cap", "quota", "distinct"]


class Effect(NamedTuple):
    """What one step did to a hit."""

    step: Step
    """The step."""
    change: float
    """What it added to the score; 0 for caps, quotas and minima."""
    words: str
    """Why."""


class Dropped(NamedTuple):
    """A candidate that a step took out. Those that were only worth less are not among them."""

    id: int | str
    """Its id, or its key."""
    step: DropStep
    """The step; ``"removed"``: it left the index after it had been found."""
    reason: str
    """In words, such as "artist = 'X' has 2 of 2"."""

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.id}: {self.step}: {self.reason}"


class Counts(NamedTuple):
    """How many candidates went which way: what was pulled is the sum of the others but batches."""

    batches: int
    """Pulled from the index."""
    pulled: int
    """Candidates in them."""
    removed: int
    """Left the index after they had been found."""
    blocked: int
    """Had a blocked value."""
    duplicate: int
    """Were copies of nearer ones."""
    cap: int
    """Refused by a cap."""
    quota: int
    """Refused by a quota."""
    distinct: int
    """Refused by a minimum of different groups."""
    left: int
    """Were not needed."""
    hits: int
    """Are in the result."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """How one hit came to its place.

    Attributes
    ----------
    id : int or str
        Its id, or its key.
    place : int
        Among the hits, from 1.
    retrieved : int
        Its place by distance, from 1, among the candidates that were neither blocked nor copies.
    distance : float
        As the index gave it.
    score : float
        What it was worth; the sum of all changes, up to rounding.
    effects : tuple of Effect
        Of each step, in order; the first is the similarity.
    """

    id: int | str
    place: int
    retrieved: int
    distance: float
    score: float
    effects: tuple[Effect, ...]

    def __str__(self) -> str:
        """Give one step a line."""
        head = f"{self.id}: place {self.place}, {self.retrieved} by distance"
        lines = [
            f"  {step:<12}{_signed(change) if change else '':>9}  {words}"
            for step, change, words in self.effects
        ]
        return "\n".join([head, *lines, f"  {'score':<12}{self.score:>9.4f}"])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PolicyResult:
    """The hits of a policy, and how they came about.

    Attributes
    ----------
    ids : ndarray of shape (n,)
        Of the hits, best first; uint64, or an object array of `str` from a `StringIndex`.
    distances : ndarray of float32, shape (n,)
        The very numbers of the retrieval; with steps that change the order they do not ascend.
    scores : ndarray of float64, shape (n,)
        What each hit was worth when it was taken; they never rise.
    explanations : tuple of n Explanation
        One for each hit.
    dropped : tuple of Dropped
        Candidates that a step took out: first those that were removed, blocked or copies, in order
        of retrieval, then those that rules refused, in the order in which they were looked at.
    counts : Counts
        How many candidates went which way.
    complete : bool
        Whether no candidate that was not pulled could have changed the hits. False where the budget
        ended before that was certain, even if all places are filled. With diversity or ``rescore``
        it is said of the pool, which is what they choose from.
    reason : {"exhausted", "cap", "quota", "distinct", "budget"} or None
        Why there are fewer hits than were asked for; None where there are not.
    sentence : str or None
        The reason in words.
    """

    ids: NDArray[Any]
    distances: Distances
    scores: NDArray[np.float64]
    explanations: tuple[Explanation, ...]
    dropped: tuple[Dropped, ...]
    counts: Counts
    complete: bool
    reason: Reason | None = None
    sentence: str | None = None

    def __len__(self) -> int:
        """Count the hits."""
        return len(self.ids)

    def __repr__(self) -> str:
        """Name the class and what there is; `str` gives the table."""
        short = "" if self.reason is None else f", short for {self.reason!r}"
        return f"<nearfield.PolicyResult {len(self)} hits of {self.counts.pulled} pulled{short}>"

    def __str__(self) -> str:
        """Give a table with a line for each hit and a column for each step that changed scores."""
        steps = list(
            dict.fromkeys(
                effect.step
                for each in self.explanations
                for effect in each.effects
                if effect.change
            )
        )
        rows: list[list[str]] = [["place", "id", "distance", *steps, "score"]]
        for each in self.explanations:
            changes = [sum(e.change for e in each.effects if e.step == step) for step in steps]
            rows.append(
                [
                    str(each.place),
                    str(each.id),
                    f"{each.distance:.4g}",
                    *map(_signed, changes),
                    f"{each.score:.4f}",
                ]
            )
        counts = self.counts._asdict()
        tally = ", ".join(f"{name} {number:,}" for name, number in counts.items() if number)
        lines = [*_aligned(rows), tally or "nothing pulled"]
        return "\n".join(lines if self.sentence is None else [*lines, self.sentence])


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]


def _signed(number: float) -> str:
    return f"{number:+.4f}"
