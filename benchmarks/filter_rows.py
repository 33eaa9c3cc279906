"""Which rows a filter lets through: at random, by what lies near a query, by what was heard. Pure.

Correlation is made of groups that lie together (k-means, or those of a set's own makers): at +1
the rows of the groups nearest to a query pass, group after group until there are enough; at -1
those of the furthest. The last group passes in part, at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from engines import Floats, unit
from filtering import Sets, sets_of
from numpy.typing import NDArray

Rows = NDArray[np.int64]

_BLOCK = 16  # queries whose distances to all rows are in memory at once
_HEARD = (100, 1_000)  # rows that a user has heard: least, most
_PROFILE_OF = 5  # rows whose mean a user is
_PROFILE_FROM = 50  # of the nearest to a row that is drawn
_CANDIDATES = 4_000  # rows near to a user that are looked through


@dataclass(frozen=True)
class Plane:
    """Rows, and distances as numbers that compare alike: the smaller the nearer."""

    rows: Floats
    space: str
    squares: Floats

    def near(self, queries: Floats) -> Floats:
        """Give (rows, queries): how far each row is from each query."""
        return self.squares[:, np.newaxis] - 2 * (self.rows @ queries.T)


def plane(base: Floats, space: str) -> Plane:
    """Make ready what every question of nearness needs."""
    rows = unit(base) if space == "cosine" else base
    squares = np.zeros(len(rows), dtype=np.float32)
    if space == "euclidean":
        squares = np.einsum("ij,ij->i", rows, rows)
    return Plane(rows, space, squares)


class Groups(NamedTuple):
    """Rows by group, in random order inside of one."""

    order: Rows
    starts: Rows  # of each group, and the end
    centres: Plane

    def rows_of(self, group: int) -> Rows:
        """Give the rows of one group."""
        return self.order[self.starts[group] : self.starts[group + 1]]


def groups(within: Plane, group_of: Rows, seed: int) -> Groups:
    """Gather the rows of each group."""
    shuffled = np.random.default_rng([seed, 7]).permutation(len(group_of))
    order = shuffled[np.argsort(group_of[shuffled], kind="stable")]
    sizes = np.bincount(group_of)
    starts = np.concatenate([[0], np.cumsum(sizes[sizes > 0])])
    means = [within.rows[order[begin:end]].mean(axis=0) for begin, end in pairwise(starts)]
    return Groups(order, starts, plane(np.stack(means).astype(np.float32), within.space))


def num_passing(rows: int, ratio: float) -> int:
    """Count the rows that a ratio lets through: at least one."""
    return max(1, round(rows * ratio))


def at_random(rows: int, passing: int, seed: int) -> Sets:
    """Let so many rows pass whoever asks."""
    order = np.random.default_rng([seed, 11, passing]).permutation(rows)
    allowing = passing <= rows // 2
    return sets_of([order[:passing] if allowing else order[passing:]], allowing, True, rows)


def by_groups(held: Groups, queries: Floats, passing: int, nearest: bool) -> Sets:
    """Let so many rows pass, those of the groups that are nearest to each query, or furthest."""
    far = held.centres.near(queries).T
    rows = len(held.order)
    allowing = passing <= rows // 2
    wanted = passing if allowing else rows - passing
    turns = np.argsort(far if nearest else -far, axis=1, kind="stable")
    # What passes is at the front of this order, what does not at its end.
    turns = turns if allowing else turns[:, ::-1]
    each = [_taken(held, turn, wanted, backwards=not allowing) for turn in turns]
    return sets_of(each, allowing, False, rows)


def _taken(held: Groups, turn: Rows, wanted: int, backwards: bool) -> Rows:
    parts: list[Rows] = []
    left = wanted
    for group in turn:
        if left <= 0:
            break
        part = held.rows_of(group)
        parts.append((part[::-1] if backwards else part)[:left])
        left -= len(part)
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def without_random(rows: int, queries: int, size: int, seed: int) -> Sets:
    """Leave out so many random rows, others for each query."""
    rng = np.random.default_rng([seed, 13, size])
    each = [rng.choice(rows, size, replace=False, shuffle=False) for _ in range(queries)]
    return sets_of(each, False, False, rows)


def without_nearest(within: Plane, queries: Floats, size: int) -> Sets:
    """Leave out the rows that are nearest to each query."""
    each: list[Rows] = []
    for first in range(0, len(queries), _BLOCK):
        far = within.near(queries[first : first + _BLOCK]).T
        each += [np.argpartition(row, size - 1)[:size] for row in far]
    return sets_of(each, False, False, len(within.rows))


class Users(NamedTuple):
    """Listeners: where they are, and what they have heard."""

    profiles: Floats
    heard: Sets


def users(within: Plane, held: Groups, count: int, seed: int) -> Users:
    """Draw listeners; each is the mean of some rows that lie together, and has heard what is near.

    What is near is looked for in the groups nearest to such a row, not among all rows.
    """
    rng = np.random.default_rng([seed, 17])
    least, most = _HEARD
    rows = len(within.rows)
    sizes = rng.integers(least, most + 1, count)
    sizes = np.minimum(sizes, rows // 4)
    by_group = within.rows[held.order]  # the rows of a group lie behind each other
    squares = within.squares[held.order]
    begun = rng.integers(0, rows, count)
    turns = np.argsort(held.centres.near(by_group[begun]).T, axis=1, kind="stable")
    profiles, each = [], []
    for user in range(count):
        candidates = _candidates(held, turns[user], min(_CANDIDATES, rows))
        around = Plane(by_group[candidates], within.space, squares[candidates])
        near = np.argsort(around.near(by_group[begun[user]][np.newaxis])[:, 0])[:_PROFILE_FROM]
        chosen = rng.choice(near, min(_PROFILE_OF, len(near)), replace=False)
        profile = around.rows[chosen].mean(axis=0)
        far = around.near(profile[np.newaxis])[:, 0]
        heard = np.argpartition(far, sizes[user] - 1)[: sizes[user]]
        each.append(held.order[candidates[heard]])
        profiles.append(profile)
    return Users(np.stack(profiles).astype(np.float32), sets_of(each, False, False, rows))


def _candidates(held: Groups, turn: Rows, least: int) -> Rows:
    """Give places in the order of groups, of the nearest groups that have so many rows."""
    parts: list[Rows] = []
    found = 0
    for group in turn:
        if found >= least:
            break
        parts.append(np.arange(held.starts[group], held.starts[group + 1]))
        found += len(parts[-1])
    return np.concatenate(parts)
