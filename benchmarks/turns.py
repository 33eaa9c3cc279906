"""From timed turns to curves: which settings are worth timing, who runs together, one pace for all.

Pure: everything here is computed from what was measured before.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

_LEAST_RECALL = 0.80  # nobody chooses between engines further left
_MOST_RECALL = 0.995  # one point beyond it is enough
_TOLERANCE = 1.3  # a setting is out where a better one is this much faster in a first look


@dataclass(frozen=True)
class Look:
    """A setting as it was seen once: its place in the grid, recall, seconds of a pass."""

    place: int
    recall: float
    seconds: float


@dataclass(frozen=True)
class Turn:
    """One timed setting in one repetition of one group."""

    group: int
    repetition: int
    variant: str
    mode: str
    place: int
    seconds: float


def is_enough(recalls: Sequence[float]) -> bool:
    """Tell whether a rising grid may stop: far enough, or it no longer gains anything."""
    if recalls[-1] >= _MOST_RECALL:
        return True
    return len(recalls) >= 10 and recalls[-1] - recalls[-7] < 0.0005 and recalls[-1] > 0.5


def worth_timing(looks: Sequence[Look]) -> list[int]:
    """Give the places that may lie on the curve: not beaten in both, near the recalls asked for."""
    kept = [
        look
        for look in looks
        if not any(
            other.recall >= look.recall and other.seconds * _TOLERANCE < look.seconds
            for other in looks
        )
    ]
    kept.sort(key=lambda look: look.recall)
    low = [look for look in kept if look.recall < _LEAST_RECALL]
    high = [look for look in kept if look.recall >= _MOST_RECALL]
    middle = [look for look in kept if _LEAST_RECALL <= look.recall < _MOST_RECALL]
    return [look.place for look in [*low[-1:], *middle, *high[:1]]]


def grouped(
    sizes: Mapping[str, int], references: Sequence[str], most_bytes: int
) -> list[list[str]]:
    """Put variants into groups that fit into memory together, the references into every group.

    Speeds of two groups are minutes apart: through the references they can be compared all the
    same. A variant that fits beside the references in no group is alone with them anyway.
    """
    always = [name for name in references if name in sizes]
    free = most_bytes - sum(sizes[name] for name in always)
    groups: list[list[str]] = []
    room: list[int] = []
    for name in sorted(sizes.keys() - set(always), key=lambda name: -sizes[name]):
        place = next((i for i, left in enumerate(room) if left >= sizes[name]), len(groups))
        if place == len(groups):
            groups.append([])
            room.append(free)
        groups[place].append(name)
        room[place] -= sizes[name]
    order = list(sizes)
    full = [sorted([*always, *group], key=order.index) for group in groups]
    return full or [list(always)]


def paced(turns: Sequence[Turn], references: Sequence[str]) -> list[Turn]:
    """Divide out the machine's pace: how long the references took then, by what they take usually.

    The pace of a repetition is the geometric mean over the references' settings. Two variants of
    one group keep their ratio; those of two groups become comparable.
    """
    usual: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for turn in turns:
        if turn.variant in references:
            usual[turn.variant, turn.mode, turn.place].append(turn.seconds)
    logs: dict[tuple[int, int, str], list[float]] = defaultdict(list)
    for turn in turns:
        if turn.variant in references:
            typical = float(np.median(usual[turn.variant, turn.mode, turn.place]))
            logs[turn.group, turn.repetition, turn.mode].append(math.log(turn.seconds / typical))
    pace = {key: math.exp(sum(each) / len(each)) for key, each in logs.items()}
    return [
        replace(turn, seconds=turn.seconds / pace.get((turn.group, turn.repetition, turn.mode), 1))
        for turn in turns
    ]


def by_repetition(turns: Sequence[Turn]) -> dict[tuple[str, str, int], list[float]]:
    """Give seconds by (variant, mode, place): one for each repetition, the mean over its groups."""
    found: dict[tuple[str, str, int], dict[int, list[float]]] = defaultdict(dict)
    for turn in turns:
        key = turn.variant, turn.mode, turn.place
        found[key].setdefault(turn.repetition, []).append(turn.seconds)
    return {
        key: [sum(each) / len(each) for _, each in sorted(repetitions.items())]
        for key, repetitions in found.items()
    }
