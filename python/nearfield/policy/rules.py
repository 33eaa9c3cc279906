"""Step 4: caps, quotas and minima, as places that are still to be had.

What a rule has refused once it will always refuse: room only shrinks. So a candidate need not be
looked at twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias

from nearfield.policy.parts import Cap, MinDistinct, Quota
from nearfield.policy.retrieval import Column, plain_values, single_values

__all__ = ["Rule", "RuleStep", "rules_for"]

RuleStep: TypeAlias = Literal["cap", "quota", "distinct"]


class Rule(Protocol):
    """What may be said about a candidate, by the value it has in one column."""

    step: RuleStep
    column: str
    refused: int
    """Candidates that were refused."""

    def values_of(self, column: Column) -> list[Any]:
        """Give what `refusal` and `take` ask for, for each candidate."""

    def refusal(self, value: Any, left: int) -> str | None:
        """Say why a candidate may not have one of the ``left`` places, or None."""

    def take(self, value: Any) -> str:
        """Give a candidate its place, and say what there is of its kind now."""

    def shortfall(self) -> str:
        """Say what keeps the candidates from filling all places."""


def rules_for(
    caps: Sequence[Cap], quotas: Sequence[Quota], minima: Sequence[MinDistinct], k: int
) -> list[Rule]:
    """Begin with no place taken.

    Parameters
    ----------
    caps, quotas, minima : sequences
        Of the policy.
    k : int
        Places.

    Returns
    -------
    list of Rule
        In the order in which they are asked.
    """
    rules: list[Rule] = [_Capped(cap, k) for cap in caps]
    rules += [_Divided(quota, k) for quota in quotas]
    return rules + [_Distinct(minimum, k) for minimum in minima]


class _Capped:
    step: RuleStep = "cap"

    def __init__(self, cap: Cap, k: int) -> None:
        self.column = cap.column
        self.refused = 0
        self._most = cap.most_of(k)
        self._taken: Counter[Any] = Counter()

    def values_of(self, column: Column) -> list[Any]:
        return [_groups(value) for value in plain_values(column)]

    def refusal(self, value: Any, left: int) -> str | None:  # noqa: ARG002
        for group in value:
            if self._taken[group] >= self._most:
                return f"{self.column} = {group!r} has {self._taken[group]} of {self._most}"
        return None

    def take(self, value: Any) -> str:
        self._taken.update(value)
        if not value:
            return f"{self.column} is null: not capped"
        return "; ".join(
            f"{self.column} = {group!r} has {self._taken[group]} of {self._most}" for group in value
        )

    def shortfall(self) -> str:
        full = sum(taken >= self._most for taken in self._taken.values())
        return (
            f"a cap allows {self._most} with one {self.column}, and the other candidates have one "
            f"of the {full} values that are full"
        )


class _Divided:
    step: RuleStep = "quota"

    def __init__(self, quota: Quota, k: int) -> None:
        self.column = quota.column
        self.refused = 0
        self._places = quota.places(k)
        self._taken: Counter[Any] = Counter()

    def values_of(self, column: Column) -> list[Any]:
        return [
            value if value in self._places else None
            for value in single_values(column, self.column, "Quota")
        ]

    def refusal(self, value: Any, left: int) -> str | None:  # noqa: ARG002
        full = self._taken[value] >= self._places[value]
        return self._said(value) if full else None

    def take(self, value: Any) -> str:
        self._taken[value] += 1
        return self._said(value)

    def shortfall(self) -> str:
        empty = [value for value in self._places if self._taken[value] < self._places[value]]
        return (
            f"a quota leaves places empty, {', '.join(map(self._said, empty))}, and the other "
            "candidates are of values that have theirs"
        )

    def _said(self, value: Any) -> str:
        name = f"{self.column} = {value!r}" if value is not None else f"any other {self.column}"
        return f"{name} has {self._taken[value]} of {self._places[value]}"


class _Distinct:
    step: RuleStep = "distinct"

    def __init__(self, minimum: MinDistinct, k: int) -> None:
        self.column = minimum.column
        self.refused = 0
        self._least = min(minimum.least, k)
        self._seen: set[Any] = set()

    def values_of(self, column: Column) -> list[Any]:
        return single_values(column, self.column, "MinDistinct")

    def refusal(self, value: Any, left: int) -> str | None:
        missing = self._least - len(self._seen)
        is_new = value is not None and value not in self._seen
        if is_new or left > missing:
            return None
        return f"{self._said()}, for which the last {left} places are kept"

    def take(self, value: Any) -> str:
        if value is not None:
            self._seen.add(value)
        return self._said()

    def shortfall(self) -> str:
        return f"a minimum keeps places for other groups: {self._said()}"

    def _said(self) -> str:
        return f"{self.column} has {len(self._seen)} different of at least {self._least}"


def _groups(value: Any) -> tuple[Any, ...]:
    """Give the groups of an item: its tags, each once, or its value, or none for null."""
    if isinstance(value, tuple):
        return tuple(dict.fromkeys(value))
    return () if value is None else (value,)
