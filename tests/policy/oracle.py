"""What a policy should choose, in plain Python: loops over all candidates, nothing incremental.

Written from the documentation of `nearfield.policy` alone. It shares no code with it but reads the
same declarations.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, NamedTuple

import nearfield as nf
import numpy as np
from nearfield import policy as declared

from tests.policy.retriever import FakeIndex


class Item(NamedTuple):
    id: Any
    distance: float
    vector: list[float]
    columns: dict[str, Any]


class Expected(NamedTuple):
    ids: list[Any]
    scores: list[float]
    reason: str | None
    dropped: list[tuple[Any, str]]


def items_of(index: FakeIndex, query: Any) -> list[Item]:
    """All items, nearest first; null is None."""
    items = []
    for row, distance in zip(*index.nearest(query), strict=True):
        columns = {}
        for name, column in index.columns.items():
            value = column[row]
            # NaN and "not a time" are the values that do not equal themselves.
            columns[name] = None if value is np.ma.masked or value != value else value
        vector = [float(x) for x in index.vectors[row]]
        items.append(Item(index.ids.tolist()[row], float(distance), vector, columns))
    return items


def cosine(a: list[float], b: list[float]) -> float:
    long_a = math.sqrt(math.fsum(x * x for x in a))
    long_b = math.sqrt(math.fsum(x * x for x in b))
    if long_a == 0 or long_b == 0:
        return 0.0
    return round(math.fsum((x / long_a) * (y / long_b) for x, y in zip(a, b, strict=True)), 9)


def similarity(distance: float, space: nf.Space, scale: float) -> float:
    if space is nf.Space.Euclidean:
        return 1 / (1 + distance / scale)
    if space is nf.Space.Cosine:
        return 1 - distance / 2
    product = 1 - distance
    if product >= 0:
        return 1 - scale / (scale + product) / 2
    return scale / (scale - product) / 2


def boost(part: Any, value: Any, now: datetime | None) -> float:
    if value is None:
        return 0.0
    if isinstance(part, declared.Recency):
        assert now is not None
        age = (now - value.astype(datetime)).total_seconds() / 86_400
        return part.weight if age <= 0 else part.weight * 2 ** (-age / part.half_life_days)
    if isinstance(part, declared.Popularity):
        share = math.log(1 + max(0, float(value))) / math.log(1 + part.most)
        return -part.weight * min(1.0, share)
    if part.values is not None:
        own = value if isinstance(value, tuple) else (value,)
        return part.weight if any(each in part.values for each in own) else 0.0
    low, high = part.between
    share = (float(value) - low) / (high - low)
    return part.weight * min(1.0, max(0.0, share))


def groups(value: Any) -> list[Any]:
    if value is None:
        return []
    return sorted(set(value)) if isinstance(value, tuple) else [value]


def refuses(policy: Any, k: int, taken: list[Item], item: Item) -> str | None:
    """The first rule that would be broken if the item were taken next."""
    for cap in policy.caps:
        limits = [] if cap.most is None else [cap.most]
        if cap.share is not None:
            limits.append(max(1, int(round(cap.share * k, 9))))
        for group in groups(item.columns[cap.column]):
            if sum(group in groups(other.columns[cap.column]) for other in taken) >= min(limits):
                return "cap"
    for quota in policy.quotas:
        places = divide(dict(quota.shares), k)
        named = dict(quota.shares)

        def kind(other: Item, named: Any = named, column: str = quota.column) -> Any:
            value = other.columns[column]
            return value if value in named else "(others)"

        own = kind(item)
        if sum(kind(other) == own for other in taken) >= places[own]:
            return "quota"
    for minimum in policy.min_distinct:
        least = min(minimum.least, k)
        before = {other.columns[minimum.column] for other in taken} - {None}
        after = before | ({item.columns[minimum.column]} - {None})
        if len(after) == len(before) and least - len(after) > k - len(taken) - 1:
            return "distinct"
    return None


def divide(shares: dict[Any, float], k: int) -> dict[Any, int]:
    """Largest remainder, one place at a time."""
    whole = {**shares, "(others)": max(0.0, 1 - math.fsum(shares.values()))}
    wanted = {value: round(share * k, 9) for value, share in whole.items()}
    places = {value: int(amount) for value, amount in wanted.items()}
    while sum(places.values()) < k:
        best = None
        for value in whole:
            rest = wanted[value] - places[value]
            if best is None or rest > wanted[best] - places[best] + 1e-9:
                best = value
        places[best] += 1
    return places


def sieve(
    policy: Any, items: list[Item], blocked: dict[str, set[Any]]
) -> tuple[list[Item], list[tuple[Any, str]]]:
    kept: list[Item] = []
    dropped: list[tuple[Any, str]] = []
    for item in items:
        if any(set(groups(item.columns[name])) & values for name, values in blocked.items()):
            dropped.append((item.id, "blocked"))
            continue
        copies = policy.duplicates
        is_copy = False
        for other in kept if copies is not None else []:
            if copies.column is not None and item.columns[copies.column] is not None:
                is_copy |= item.columns[copies.column] == other.columns[copies.column]
            if copies.min_cosine is not None:
                is_copy |= cosine(item.vector, other.vector) >= copies.min_cosine
        if is_copy:
            dropped.append((item.id, "duplicate"))
        else:
            kept.append(item)
    return kept, dropped


def choose(
    policy: Any, space: nf.Space, pool: list[Item], k: int, now: Any, shown: dict[Any, int]
) -> tuple[list[Item], list[float], list[tuple[Any, str]]]:
    """Steps 3 to 6: at each place, everybody that is left is looked at anew."""
    scores = {}
    for item in pool:
        total = 0.0
        for part in policy.boosts:
            total += boost(part, item.columns[part.column], now)
        if policy.boost_range is not None:
            total = min(max(total, policy.boost_range[0]), policy.boost_range[1])
        scores[item.id] = similarity(item.distance, space, policy.distance_scale) + total
    if policy.rescore is not None and pool:
        ids = np.array([item.id for item in pool])
        far = np.array([item.distance for item in pool], dtype=np.float32)
        given = policy.rescore(ids, far, np.array([scores[item.id] for item in pool]))
        scores = {item.id: float(new) for item, new in zip(pool, given, strict=True)}
    weight = 1.0 if policy.diversity is None else policy.diversity.weight
    gamma = 0.0 if policy.impressions is None else policy.impressions.gamma
    taken: list[Item] = []
    values: list[float] = []
    refused: list[tuple[Any, str]] = []
    left = list(pool)
    while left and len(taken) < k:
        best, best_value = None, -math.inf
        for item in left:
            value = scores[item.id]
            if weight < 1:
                alike = max([cosine(item.vector, other.vector) for other in taken], default=-1.0)
                value = weight * value + (1 - weight) * (1 - (1 + alike) / 2)
            factor = 1 / (1 + shown.get(item.id, 0)) ** gamma
            value = value * factor if value >= 0 else value * (2 - factor)
            if value > best_value:
                best, best_value = item, value
        assert best is not None
        left.remove(best)
        rule = refuses(policy, k, taken, best)
        if rule is None:
            taken.append(best)
            values.append(best_value)
        else:
            refused.append((best.id, rule))
    return taken, values, refused


def expected(
    policy: Any,
    index: FakeIndex,
    query: Any,
    k: int,
    *,
    now: Any = None,
    impressions: dict[Any, int] | None = None,
    blocked: dict[str, set[Any]] | None = None,
    max_candidates: int = 2_000,
) -> Expected:
    everything = items_of(index, query)
    items = everything[:max_candidates]
    left, dropped = sieve(policy, items, blocked or {})
    from_pool = policy.rescore is not None or (
        policy.diversity is not None and policy.diversity.weight < 1
    )
    sizes = [len(left)]
    if from_pool:
        most = 500 if policy.rescore is not None else 2_000
        size = min(most, max(100, 10 * k) if policy.pool is None else max(policy.pool, k))
        sizes = [size]
        while sizes[-1] < min(most, len(left)):
            sizes.append(min(most, 2 * sizes[-1]))
    for size in sizes:
        taken, values, refused = choose(policy, index.space, left[:size], k, now, impressions or {})
        if len(taken) == k:
            break
    reason = None
    if len(taken) < k:
        if len(everything) >= max_candidates or (from_pool and len(left) >= most):
            reason = "budget"
        elif refused:
            rules = [rule for _, rule in refused]
            reason = max(("cap", "quota", "distinct"), key=rules.count)
        else:
            reason = "exhausted"
    return Expected([item.id for item in taken], values, reason, dropped + refused)
