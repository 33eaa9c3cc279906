"""From measured points to statements: speed at a recall, best variants, ratios, equal ef."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from engines import library_of
from numpy.typing import NDArray

Json = dict[str, Any]
RECALLS = (0.90, 0.95, 0.99)
SUBJECT = "nearfield"


def frontier(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Keep the (recall, queries/s) that no other point beats in both, by rising recall."""
    best: list[tuple[float, float]] = []
    for recall, qps in sorted(points, reverse=True):
        if not best or qps > best[-1][1]:
            best.append((recall, qps))
    return best[::-1]


def qps_at(points: Sequence[tuple[float, float]], recall: float) -> tuple[float, bool] | None:
    """Give queries/s at a recall, between measured points on a logarithmic scale.

    The flag is true where the cheapest setting is already beyond that recall: the speed is then
    that setting's. None: never reached.
    """
    curve = frontier(points)
    if not curve or curve[-1][0] < recall:
        return None
    if curve[0][0] >= recall:
        return curve[0][1], min(points)[0] > recall
    for (low, fast), (high, slow) in pairwise(curve):
        if low <= recall <= high:
            share = (recall - low) / (high - low)
            return math.exp(math.log(fast) * (1 - share) + math.log(slow) * share), False
    raise AssertionError("the curve rises past the recall")


def best_variant(
    curves: dict[str, dict[str, list[Json]]], library: str, mode: str, recall: float
) -> str | None:
    """Give the library's variant that is fastest at a recall, None where none reaches it."""
    speeds = {}
    for variant, by_mode in curves.items():
        if library_of(variant) == library:
            at = qps_at(_points(by_mode.get(mode, [])), recall)
            if at is not None:
                speeds[variant] = at[0]
    return max(speeds, key=speeds.__getitem__, default=None)


def summarize(curves: dict[str, dict[str, list[Json]]], modes: Sequence[str]) -> Json:
    """Give, per mode and recall: the speed of each library's best variant, ratios, the best peer.

    A ratio says how much faster the subject's best variant is.
    """
    libraries = list(dict.fromkeys(map(library_of, curves)))
    out: Json = {}
    for mode in modes:
        for recall in RECALLS:
            best = {name: best_variant(curves, name, mode, recall) for name in libraries}
            row: Json = {"qps": {}, "ratio": {}, "variant": best, "best_peer": None}
            for name, variant in best.items():
                row["qps"][name] = None
                if variant is not None:
                    value, beyond = qps_at(_points(curves[variant][mode]), recall) or (0.0, False)
                    row["qps"][name] = {"value": value, "beyond": beyond}
            ours = best.get(SUBJECT)
            peers = {n: at["value"] for n, at in row["qps"].items() if at and n != SUBJECT}
            row["best_peer"] = max(peers, key=peers.__getitem__, default=None)
            for name in libraries:
                if name != SUBJECT and SUBJECT in libraries:
                    theirs = best[name]
                    row["ratio"][name] = (
                        paired_ratio(curves[ours][mode], curves[theirs][mode], recall)
                        if ours and theirs
                        else None
                    )
            out.setdefault(mode, {})[f"{recall:.2f}"] = row
    return out


def recall_differences(
    recalls: dict[str, dict[int, NDArray[np.float64]]], peer: str = "hnswlib"
) -> dict[str, Json]:
    """Give recall(subject) - recall(peer) at every ef, with its standard error over the queries.

    The error is that of asking these queries only; another seed of either graph adds its own.
    """
    ours, theirs = recalls.get(SUBJECT, {}), recalls.get(peer, {})
    out = {}
    for ef in ours.keys() & theirs.keys():
        each = ours[ef] - theirs[ef]
        error = float(each.std(ddof=1) / math.sqrt(len(each))) if len(each) > 1 else float("nan")
        out[str(ef)] = {"value": float(each.mean()), "standard_error": error}
    return dict(sorted(out.items(), key=lambda item: int(item[0])))


def busyness(curves: dict[str, dict[str, list[Json]]]) -> float:
    """Give wall over CPU seconds of the single-query passes: 1.0 on a machine of one's own."""
    shares = [
        wall / cpu
        for by_mode in curves.values()
        for point in by_mode.get("single", [])
        for wall, cpu in zip(point["wall_seconds"], point["cpu_seconds"], strict=True)
        if cpu > 0
    ]
    return float(np.mean(shares)) if shares else float("nan")


def _points(points: list[Json], repetition: int | None = None) -> list[tuple[float, float]]:
    if repetition is None:
        return [(point["recall"], point["qps"]) for point in points]
    return [(point["recall"], point["qps_each"][repetition]) for point in points]


def paired_ratio(ours: list[Json], theirs: list[Json], recall: float) -> Json | None:
    """Give the median over the repetitions, each paired in time, and their range.

    Paired, so that a slow minute, which hits both engines, cancels.
    """
    a, b = qps_at(_points(ours), recall), qps_at(_points(theirs), recall)
    if a is None or b is None:
        return None
    each = []
    for repetition in range(min(len(ours[0]["qps_each"]), len(theirs[0]["qps_each"]))):
        left, right = (qps_at(_points(points, repetition), recall) for points in (ours, theirs))
        if left and right:
            each.append(left[0] / right[0])
    return {
        "value": float(np.median(each)),
        "lowest": min(each),
        "highest": max(each),
        "beyond": a[1] or b[1],
    }
