"""What follows from the cells of the comparison under filters. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from filter_cells import shown
from filter_field import NEARFIELD
from filter_run import BESIDES, BY_ALLOWED
from filter_users import SHARED

Json = dict[str, Any]


def name_of(cell: Json) -> str:
    """Say which cell it is."""
    return f"{cell['workload']} {cell['kind']} {shown(cell['size'])}"


def seconds(cell: Json, way: str) -> float | None:
    """Give the seconds of a query, the median of the rounds; None where it was not timed."""
    took = cell["ways"].get(way, {}).get("seconds", [])
    return median(took) if took else None


def ratios(cell: Json, other: str, way: str = NEARFIELD) -> list[float]:
    """Give, by round, how many times as fast one way is as another."""
    ours = cell["ways"].get(way, {}).get("seconds", [])
    theirs = cell["ways"].get(other, {}).get("seconds", [])
    return [their / own for own, their in zip(ours, theirs, strict=False)]


def is_reached(cell: Json, way: str) -> bool:
    """Tell whether an engine has the recall at any beam."""
    return cell["ways"].get(way, {}).get("recall") is not None


def ready_ratio(cell: Json, other: str) -> float | None:
    """Give the ratio to another that had its filters ready, if nearfield's were ready as well."""
    ours, theirs = seconds(cell, NEARFIELD), seconds(cell, other)
    compiled = cell["compile"].get(NEARFIELD, {}).get("batch")
    if ours is None or theirs is None or compiled is None or ours <= compiled:
        return None
    return theirs / (ours - float(compiled))


def excess(cell: Json) -> float | None:
    """Give the dearest query's distances by the most that they may be."""
    worst = cell["default"].get("worst")
    if worst is None:
        return None
    return float(worst["compared"] / (BY_ALLOWED * worst["allowed"] + BESIDES))


def user_ratios(users: Json) -> Iterator[tuple[str, str, list[float], float]]:
    """Give (whose sets, mode, speed by that of one shared set, its distances by theirs)."""
    shared = users["kinds"][SHARED]
    for kind, seen in users["kinds"].items():
        if kind == SHARED or "distances" not in seen:
            continue
        more = seen["distances"] / shared["distances"]
        for mode, took in seen.items():
            if isinstance(took, list):
                each = [one / own for own, one in zip(took, shared[mode], strict=False)]
                yield kind, mode, each, more
