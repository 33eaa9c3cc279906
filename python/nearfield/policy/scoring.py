"""Step 3, and what step 6 needs: from distances and columns to scores, and how high others can be.

Similarities lie between 0 and 1 in every space and never rise with the distance: each is a chain of
operations that float64 rounds in one direction. So without boosts the order of scores, with ties
broken by retrieval, is the order of retrieval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearfield.errors import InvalidInput
from nearfield.policy.parts import Boost, Popularity, Recency
from nearfield.policy.retrieval import Candidates, Column, is_null, plain_values
from nearfield.spaces import Space
from nearfield.typing import Distances

__all__ = [
    "Impressed",
    "Rescore",
    "Scorer",
    "Scores",
    "discounted",
    "join_scores",
    "rescored",
    "similarity",
]

Numbers: TypeAlias = NDArray[np.float64]
Rescore: TypeAlias = Callable[[NDArray[Any], Distances, Numbers], ArrayLike]
"""From (ids, distances, scores), each of shape (n,), to n new scores."""
Impressed: TypeAlias = Mapping[Any, float] | Callable[[NDArray[Any]], ArrayLike]
"""How often items were shown: by id, 0 for those missing; or a function of n ids that gives n."""

_DAY = np.timedelta64(1, "D")


def similarity(distances: NDArray[np.floating], space: Space, scale: float) -> Numbers:
    """Turn distances into similarities from 0 to 1.

    Parameters
    ----------
    distances : ndarray of shape (n,)
        In ``space``.
    space : Space
        Euclidean, squared L2: ``1 / (1 + distance / scale)``. Cosine: ``1 - distance / 2``. Inner
        product p: ``1 - scale / (scale + p) / 2``, or ``scale / (scale - p) / 2`` below 0.
    scale : float
        Above 0; without effect in cosine space.

    Returns
    -------
    ndarray of float64, shape (n,)
        Not increasing with the distance.

    Examples
    --------
    >>> similarity(np.array([0.0, 1.0, 3.0]), Space.Euclidean, 1).tolist()
    [1.0, 0.5, 0.25]
    >>> similarity(np.array([-2.0, 1.0, 4.0]), Space.InnerProduct, 1).tolist()
    [0.875, 0.5, 0.125]
    """
    far = distances.astype(np.float64)
    with np.errstate(over="ignore"):
        if space is Space.Euclidean:
            return 1 / (1 + far / scale)
        if space is Space.Cosine:
            return np.clip(1 - far / 2, 0, 1)
        product = 1 - far
        half = scale / (scale + np.abs(product)) / 2
        return np.where(product >= 0, 1 - half, half)


def discounted(values: Numbers, factors: Numbers) -> Numbers:
    """Lower values by factors from 0 to 1; those below 0 by the same part of themselves.

    Parameters
    ----------
    values, factors : ndarray of float64, shape (n,)
        1 changes nothing.

    Returns
    -------
    ndarray of float64, shape (n,)
        None of them higher.
    """
    return np.where(values >= 0, values * factors, values * (2 - factors))


class Scores(NamedTuple):
    """What step 3 has made of candidates, and how often they were shown.

    Attributes
    ----------
    similarities : ndarray of float64, shape (n,)
        Of the distances.
    strengths, gains : ndarray of float64, shape (n, boosts)
        Of each boost: from 0 to 1, and times its weight.
    bounded : ndarray of float64, shape (n,)
        The sum of the gains, brought into the declared range.
    scores : ndarray of float64, shape (n,)
        Similarity and gains together, or what ``rescore`` made of them.
    shown : ndarray of float64, shape (n,)
        Impressions.
    factors : ndarray of float64, shape (n,)
        What those multiply by.
    """

    similarities: Numbers
    strengths: Numbers
    gains: Numbers
    bounded: Numbers
    scores: Numbers
    shown: Numbers
    factors: Numbers


def join_scores(parts: Sequence[Scores]) -> Scores:
    """Put scores one after another.

    Parameters
    ----------
    parts : sequence of Scores
        May be empty.

    Returns
    -------
    Scores
        All of them, in order.
    """
    if not parts:
        none, of_boosts = np.empty(0), np.empty((0, 0))
        return Scores(none, of_boosts, of_boosts, none, none, none, none)
    return Scores(*map(np.concatenate, zip(*parts, strict=True)))


class Scorer:
    """Scores candidates for one request.

    Parameters
    ----------
    space, scale
        As for `similarity`.
    boosts : sequence of Boost, Recency or Popularity
        What is added.
    bounds : tuple of two floats, or None
        What the sum of boosts is brought into.
    moment : datetime64
        The time of the request; "not a time" where no boost needs it.
    gamma : float
        Of the discount of impressions.
    impressions : mapping or callable
        How often items were shown.
    """

    def __init__(
        self,
        space: Space,
        scale: float,
        boosts: Sequence[Boost | Recency | Popularity],
        bounds: tuple[float, float] | None,
        moment: np.datetime64,
        gamma: float,
        impressions: Impressed,
    ) -> None:
        self._space = space
        self._scale = scale
        self._boosts = boosts
        self._bounds = bounds
        self._moment = moment
        self._gamma = gamma
        self._impressions = impressions

    def best_beyond(self, distance: np.float32) -> float:
        """Say which score no item reaches beyond that is this far away or farther.

        Parameters
        ----------
        distance : float32
            Of the last candidate that was pulled.

        Returns
        -------
        float
            Its similarity, and all boosts in full.
        """
        most = np.zeros(1)
        for part in self._boosts:
            most = most + max(0.0, _signed_weight(part))
        nearest = similarity(np.array([distance]), self._space, self._scale)
        return float((nearest + self._bounded(most))[0])

    def __call__(self, candidates: Candidates) -> Scores:
        """Score candidates.

        Parameters
        ----------
        candidates : Candidates
            At least one.

        Returns
        -------
        Scores
            Aligned with them.
        """
        similarities = similarity(candidates.distances, self._space, self._scale)
        strengths = np.zeros((len(candidates), len(self._boosts)))
        gains = np.zeros_like(strengths)
        total = np.zeros(len(candidates))
        for number, part in enumerate(self._boosts):
            column = candidates.columns[part.column]
            strengths[:, number] = self._strength(part, column)
            gains[:, number] = strengths[:, number] * _signed_weight(part)
            total = total + gains[:, number]
        bounded = self._bounded(total)
        shown = _impressions_of(candidates.ids, self._impressions)
        factors = (1 + shown) ** -self._gamma
        return Scores(
            similarities, strengths, gains, bounded, similarities + bounded, shown, factors
        )

    def _bounded(self, total: Numbers) -> Numbers:
        return total if self._bounds is None else np.clip(total, *self._bounds)

    def _strength(self, part: Boost | Recency | Popularity, column: Column) -> Numbers:
        """Give what a boost makes of each value, from 0 to 1; of null 0."""
        with np.errstate(over="ignore", under="ignore"):
            if isinstance(part, Recency):
                age = _ages_in_days(column, part.column, self._moment)
                strength = np.exp2(-np.maximum(age, 0) / part.half_life_days)
            elif isinstance(part, Popularity):
                count = np.maximum(_numbers(column, part), 0)
                strength = np.minimum(np.log1p(count) / np.log1p(part.most), 1)
            elif part.values is not None:
                strength = _has_one_of(column, frozenset(part.values))
            else:
                low, high = part.between
                strength = np.clip((_numbers(column, part) - low) / (high - low), 0, 1)
        return np.where(is_null(column), 0.0, strength)


def rescored(scores: Scores, candidates: Candidates, rescore: Rescore) -> Scores:
    """Put the scores that a caller's function gives in place of ours.

    Parameters
    ----------
    scores : Scores
        Ours.
    candidates : Candidates
        What they are of.
    rescore : callable
        See `Rescore`. Gets copies, so it may change them.

    Returns
    -------
    Scores
        With new ``scores``.

    Raises
    ------
    InvalidInput
        Not one finite number for each candidate.
    """
    given = rescore(candidates.ids.copy(), candidates.distances.copy(), scores.scores.copy())
    return scores._replace(scores=_one_for_each(given, len(candidates), "rescore"))


def _signed_weight(part: Boost | Recency | Popularity) -> float:
    return -part.weight if isinstance(part, Popularity) else part.weight


def _numbers(column: Column, part: Boost | Popularity) -> Numbers:
    """Give a column of numbers, 0 for null."""
    data = np.ma.getdata(column)
    if data.dtype.kind not in "biuf":
        hint = ", or name values=" if isinstance(part, Boost) else ""
        message = (
            f"column {part.column!r} holds {_kind(data)}; {type(part).__name__} needs numbers{hint}"
        )
        raise InvalidInput(message)
    return np.where(is_null(column), 0.0, data.astype(np.float64))


def _kind(data: NDArray[Any]) -> str:
    return "text or tags" if data.dtype.kind == "O" else str(data.dtype)


def _ages_in_days(column: Column, name: str, moment: np.datetime64) -> Numbers:
    data = np.ma.getdata(column)
    if data.dtype.kind != "M":
        message = f"column {name!r} holds {_kind(data)}; Recency needs timestamps"
        raise InvalidInput(message)
    ages: Numbers = (moment - data).astype("timedelta64[us]") / _DAY
    return np.where(is_null(column), 0.0, ages)


def _has_one_of(column: Column, wanted: frozenset[Any]) -> Numbers:
    found = [
        bool(wanted.intersection(value)) if isinstance(value, tuple) else value in wanted
        for value in plain_values(column)
    ]
    return np.array(found, dtype=np.float64)


def _impressions_of(ids: NDArray[Any], impressions: Impressed) -> Numbers:
    if isinstance(impressions, Mapping):
        given: ArrayLike = [impressions.get(id, 0) for id in ids.tolist()]
    else:
        given = impressions(ids.copy())
    counts = _one_for_each(given, len(ids), "impressions")
    if (counts < 0).any():
        row = int(np.argmax(counts < 0))
        message = (
            f"impressions of {ids[row : row + 1].tolist()[0]!r} are {counts[row]:g}; expected 0 "
            "or more"
        )
        raise InvalidInput(message)
    return counts


def _one_for_each(given: ArrayLike, rows: int, argument: str) -> Numbers:
    """Read one finite number for each candidate from what a caller's function gave."""
    array = np.asarray(given)
    if array.shape != (rows,) or array.dtype.kind not in "biuf":
        message = (
            f"{argument} gave an array of {array.dtype} and shape {array.shape}; expected one "
            f"number for each of the {rows} ids, shape ({rows},)"
        )
        raise InvalidInput(message)
    numbers = array.astype(np.float64)
    if not np.isfinite(numbers).all():
        row = int(np.argmin(np.isfinite(numbers)))
        message = f"{argument} gave {numbers[row]} in place {row}; expected finite numbers"
        raise InvalidInput(message)
    return numbers
