"""The parts of a policy: small, frozen, and checked when they are made.

What null means to each is said with it; NaN and "not a time" count as null.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from nearfield._numbers import as_whole
from nearfield.errors import InvalidInput
from nearfield.policy.checks import as_column, as_real

__all__ = [
    "Boost",
    "Cap",
    "Diversity",
    "Duplicates",
    "Impressions",
    "MinDistinct",
    "Popularity",
    "Quota",
    "Recency",
    "Value",
]

Value: TypeAlias = str | int | float | bool
"""What a column holds in one place."""

_MOST = 2**31


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Of items that are copies of each other, keep the nearest.

    Parameters
    ----------
    column : str or None, default None
        Items with the same value are copies: the id of a recording, say. None compares no column.
        An item whose value is null is nobody's copy.
    min_cosine : float or None, default None
        Items whose stored vectors have at least this cosine are copies, in every space; above 0,
        up to 1, which only equal directions have. None compares no vectors. A zero vector is
        nobody's copy.

    Raises
    ------
    InvalidInput
        A number out of its bounds, or neither of the two.
    TypeError
        An argument of a wrong type.

    Notes
    -----
    Each candidate is compared with all that were kept before it, so with ``min_cosine`` the cost
    grows with their square. What an item is a copy of need not end among the hits.
    """

    column: str | None = None
    min_cosine: float | None = None

    def __post_init__(self) -> None:
        """Check the arguments."""
        if self.column is None and self.min_cosine is None:
            message = (
                "Duplicates has neither column nor min_cosine; give at least one, such as "
                "Duplicates(min_cosine=0.995)"
            )
            raise InvalidInput(message)
        if self.column is not None:
            as_column(self.column, "column")
        if self.min_cosine is not None:
            cosine = as_real(self.min_cosine, "min_cosine", 0, 1, above=True)
            object.__setattr__(self, "min_cosine", cosine)


@dataclass(frozen=True, slots=True)
class Boost:
    """Raise the score of an item by up to ``weight``, as one of its columns says.

    Parameters
    ----------
    column : str
        Numbers or booleans; with ``values`` anything.
    weight : float
        The most that the score changes by; a negative one lowers it.
    between : tuple of two floats, default (0, 1)
        The value of the column that gives nothing and the one that gives all of ``weight``; between
        them the boost grows in proportion, outside it stays. The first may be the larger.
    values : iterable of values, or None, default None
        Give all of ``weight`` to items that have one of these (of tags: at least one), else
        nothing; ``between`` is then without effect.

    Raises
    ------
    InvalidInput
        A number that is not finite, two equal ends of ``between``, or no values.
    TypeError
        An argument of a wrong type.

    Notes
    -----
    Null gives nothing.
    """

    column: str
    weight: float
    between: tuple[float, float] = (0.0, 1.0)
    values: Iterable[Value] | None = None

    def __post_init__(self) -> None:
        """Check the arguments."""
        as_column(self.column, "column")
        object.__setattr__(self, "weight", as_real(self.weight, "weight", -math.inf))
        object.__setattr__(self, "between", _as_ends(self.between, "between"))
        if self.between[0] == self.between[1]:
            message = f"between is {self.between}; expected two different numbers"
            raise InvalidInput(message)
        if self.values is None:
            return
        if isinstance(self.values, str) or not isinstance(self.values, Iterable):
            message = f"values is {self.values!r}; expected several values: ({self.values!r},)"
            raise TypeError(message)
        values = tuple(self.values)
        object.__setattr__(self, "values", values)
        if not values:
            message = "values is empty; expected at least one value, or None for numbers"
            raise InvalidInput(message)


@dataclass(frozen=True, slots=True)
class Recency:
    """Raise the score of new items: by ``weight`` at age 0, by half of it after a half-life.

    Parameters
    ----------
    column : str
        Timestamps.
    half_life_days : float
        Above 0.
    weight : float
        What an item gains that is as old as ``now`` of `Policy.apply`, or newer; 0 or more.

    Raises
    ------
    InvalidInput
        A number out of its bounds.
    TypeError
        An argument of a wrong type.

    Notes
    -----
    The gain is ``weight * 2 ** (-age / half_life_days)``. Null gives nothing.
    """

    column: str
    half_life_days: float
    weight: float

    def __post_init__(self) -> None:
        """Check the arguments."""
        as_column(self.column, "column")
        half_life = as_real(self.half_life_days, "half_life_days", 0, above=True)
        object.__setattr__(self, "half_life_days", half_life)
        object.__setattr__(self, "weight", as_real(self.weight, "weight", 0))


@dataclass(frozen=True, slots=True)
class Popularity:
    """Damp popular items: lower the score by up to ``weight``, by the logarithm of a count.

    Parameters
    ----------
    column : str
        Counts of plays, buyers or the like; one below 0 counts as 0.
    weight : float
        What an item loses whose count is ``most`` or more; 0 or more.
    most : float
        Above 0.

    Raises
    ------
    InvalidInput
        A number out of its bounds.
    TypeError
        An argument of a wrong type.

    Notes
    -----
    The loss is ``weight * log(1 + count) / log(1 + most)``. Null loses nothing.
    """

    column: str
    weight: float
    most: float

    def __post_init__(self) -> None:
        """Check the arguments."""
        as_column(self.column, "column")
        object.__setattr__(self, "weight", as_real(self.weight, "weight", 0))
        object.__setattr__(self, "most", as_real(self.most, "most", 0, above=True))


@dataclass(frozen=True, slots=True)
class Cap:
    """Allow so many hits of one group: one artist, album, cluster.

    Parameters
    ----------
    column : str
        The group. Each of an item's tags is a group of its own, and all of them need room. An item
        whose value is null, or that has no tags, is not capped.
    most : int or None, default None
        Hits of one group, at least 1. None: no such limit.
    share : float or None, default None
        Of the ``k`` that are asked for, above 0, up to 1; rounded down, but at least one hit. None:
        no such limit. With both, the smaller holds.

    Raises
    ------
    InvalidInput
        A number out of its bounds, or neither of the two.
    TypeError
        An argument of a wrong type.
    """

    column: str
    most: int | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        """Check the arguments."""
        as_column(self.column, "column")
        if self.most is None and self.share is None:
            message = f"Cap({self.column!r}) has neither most nor share; give at least one"
            raise InvalidInput(message)
        if self.most is not None:
            object.__setattr__(self, "most", as_whole(self.most, "most", 1, _MOST))
        if self.share is not None:
            share = as_real(self.share, "share", 0, 1, above=True)
            object.__setattr__(self, "share", share)

    def most_of(self, k: int) -> int:
        """Say how many hits of one group ``k`` hits may have.

        Parameters
        ----------
        k : int
            Hits that are asked for.

        Returns
        -------
        int
            At least 1.

        Examples
        --------
        >>> Cap("artist", share=0.25).most_of(10), Cap("artist", 1, share=0.25).most_of(10)
        (2, 1)
        """
        limits = [_MOST]
        if self.most is not None:
            limits.append(self.most)
        if self.share is not None:
            limits.append(max(1, math.floor(_exact(self.share) * k)))
        return min(limits)


@dataclass(frozen=True, slots=True)
class MinDistinct:
    """Have at least so many different groups among the hits.

    Parameters
    ----------
    column : str
        The group; not tags. Null is no group.
    least : int
        Different values, at least 1; where fewer hits are asked for, as many as those.

    Raises
    ------
    InvalidInput
        A number out of its bounds.
    TypeError
        An argument of a wrong type.

    Notes
    -----
    The best candidates are taken until the places that are left are just enough for the groups that
    are missing; from then on only candidates of other groups are.
    """

    column: str
    least: int

    def __post_init__(self) -> None:
        """Check the arguments."""
        as_column(self.column, "column")
        object.__setattr__(self, "least", as_whole(self.least, "least", 1, _MOST))


@dataclass(frozen=True, slots=True)
class Quota:
    """Divide the hits among groups, such as the interests of a listener.

    Parameters
    ----------
    column : str
        The group; not tags.
    shares : mapping of value to float
        The share of each value, above 0, together at most 1. What they leave goes to all other
        values and to null, which have no place where the shares add up to 1. Kept as a tuple of
        pairs, in the order given.

    Raises
    ------
    InvalidInput
        A share out of its bounds, a value given twice, or shares of more than 1 together.
    TypeError
        An argument of a wrong type.

    Notes
    -----
    A quota is exact: a value that has too few candidates leaves its places empty, and the result
    says so.
    """

    column: str
    shares: Mapping[Value, float] | tuple[tuple[Value, float], ...]

    def __post_init__(self) -> None:
        """Check the arguments."""
        as_column(self.column, "column")
        given = self.shares.items() if isinstance(self.shares, Mapping) else self.shares
        try:
            pairs = tuple((value, share) for value, share in given)
        except (TypeError, ValueError):
            message = f"shares is {self.shares!r}; expected a mapping from values to their shares"
            raise TypeError(message) from None
        pairs = tuple(
            (value, as_real(share, f"shares[{value!r}]", 0, 1, above=True))
            for value, share in pairs
        )
        object.__setattr__(self, "shares", pairs)
        if not pairs or len(dict(pairs)) < len(pairs) or None in dict(pairs):
            message = f"shares is {pairs!r}; expected at least one value, each once, none of None"
            raise InvalidInput(message)
        total = sum(_exact(share) for _, share in pairs)
        if total > 1 + Fraction(1, 10**9):
            message = f"shares add up to {float(total):g}; expected at most 1"
            raise InvalidInput(message)

    def places(self, k: int) -> dict[Value | None, int]:
        """Divide ``k`` places by largest remainder.

        Parameters
        ----------
        k : int
            Hits that are asked for.

        Returns
        -------
        dict
            Places of each value; those of None are for all other values and for null. Of equal
            remainders the value that stands first in ``shares`` gets the place, None last.

        Examples
        --------
        >>> Quota("interest", {"jazz": 0.5, "folk": 0.35}).places(10)
        {'jazz': 5, 'folk': 4, None: 1}
        """
        pairs = self.shares.items() if isinstance(self.shares, Mapping) else self.shares
        exact: dict[Value | None, Fraction] = {value: _exact(share) for value, share in pairs}
        given = sum(exact.values(), Fraction(0))
        total = max(given, Fraction(1))  # above 1 by no more than rounding
        exact[None] = total - given
        wanted = {value: share / total * k for value, share in exact.items()}
        places = {value: math.floor(share) for value, share in wanted.items()}
        by_remainder = sorted(wanted, key=lambda value: places[value] - wanted[value])
        for value in by_remainder[: k - sum(places.values())]:
            places[value] += 1
        return places


@dataclass(frozen=True, slots=True)
class Diversity:
    """Prefer hits that differ from those before them: maximal marginal relevance (MMR).

    Parameters
    ----------
    weight : float
        From 0 to 1: 1 looks at scores alone and changes nothing, 0 at differences alone.

    Raises
    ------
    InvalidInput
        A number out of its bounds.
    TypeError
        An argument of a wrong type.

    Notes
    -----
    A candidate is worth ``weight * score + (1 - weight) * (1 - (1 + cosine) / 2)``, where the
    cosine is that of its stored vector to the most similar hit before it, in every space; the first
    hit has none before it, and the last factor is 1. Carbonell and Goldstein,
    doi:10.1145/290941.291025, whose formula this is up to a constant.
    """

    weight: float

    def __post_init__(self) -> None:
        """Check the argument."""
        object.__setattr__(self, "weight", as_real(self.weight, "weight", 0, 1))


@dataclass(frozen=True, slots=True)
class Impressions:
    """Discount what was shown before: by ``1 / (1 + impressions) ** gamma``.

    Parameters
    ----------
    gamma : float
        0 or more; 0 changes nothing, 1 halves what was shown once.

    Raises
    ------
    InvalidInput
        A number out of its bounds.
    TypeError
        An argument of a wrong type.

    Notes
    -----
    How often each item was shown is given to `Policy.apply`. A score below 0, which a negative
    boost can leave, is lowered by the same part of itself.
    """

    gamma: float

    def __post_init__(self) -> None:
        """Check the argument."""
        object.__setattr__(self, "gamma", as_real(self.gamma, "gamma", 0))


def _as_ends(given: object, argument: str) -> tuple[float, float]:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        message = f"{argument} is {given!r}; expected two numbers"
        raise TypeError(message)
    low, high = (as_real(end, argument, -math.inf) for end in given)
    return low, high


def _exact(share: float) -> Fraction:
    """Give a share as the decimal that it is written as: .29 of 100 is 29, not 28.999."""
    return Fraction(str(share))
