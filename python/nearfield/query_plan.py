"""How a filtered query was answered, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["QueryPlan", "plans_of"]

_PLANS = ("auto", "none", "scan", "sweep", "exact", "walk")
"""As `nearfield::Plan` numbers them."""

_WORDS = {
    "none": "nothing may be returned, so nothing was compared",
    "scan": "all that may be returned were compared, what codes leave in doubt exactly",
    "exact": "all that may be returned were compared exactly",
    "sweep": "a walk went through everything near and kept what may be returned",
    "walk": "a walk, with nothing left out",
}


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """How one query was answered. Equal on every machine and thread count.

    Attributes
    ----------
    plan : {"none", "scan", "sweep", "exact", "walk"}
        ``"none"``: nothing may be returned. ``"scan"``: all that may be returned were compared, by
        codes where the index has them, and what they leave in doubt exactly. ``"exact"``: the same,
        exactly. ``"sweep"``: a walk through everything near, which keeps what may be returned.
        ``"walk"``: one with nothing to leave out.
    allowed : int
        Live vectors that may be returned, where `counted`; else a bound: at least so many with
        ``exclude``, at most so many with ``allow``.
    counted : bool
        Whether `allowed` is exact. Sets of ids are looked up only where that pays.
    fell_back : bool
        The walk was given up, or found fewer than there are, and all were compared after all.
    ef : int
        Beam width of the walk; 0 where there was none.
    num_distances : int
        Vectors compared with the query.
    num_again : int
        Of them compared again exactly, since codes left them in doubt.
    num_hops : int
        Link rows read on level 0.
    num_tested, num_passed : int
        Vectors near enough for the filter to matter, and those of them that may be returned: their
        ratio is the pass rate around the query.
    """

    plan: str
    allowed: int
    counted: bool
    fell_back: bool
    ef: int
    num_distances: int
    num_again: int
    num_hops: int
    num_tested: int
    num_passed: int

    def __str__(self) -> str:
        """Tell it in words."""
        allowed = f"{self.allowed:,}" if self.counted else f"about {self.allowed:,}"
        lines = [f"{self.plan}: {_WORDS[self.plan]}", f"allowed: {allowed}"]
        if self.num_tested:
            near = f"{self.num_passed:,} of {self.num_tested:,}"
            lines.append(f"near the query: {near} passed ({self.num_passed / self.num_tested:.1%})")
        if self.fell_back:
            lines.append("the walk was given up, and all that may be returned were compared")
        cost = f"{self.num_distances:,} distances, {self.num_again:,} of them again exactly"
        lines.append(f"{cost}, {self.num_hops:,} hops" + (f", ef {self.ef}" if self.ef else ""))
        return "\n".join(lines)


def plans_of(report: NDArray[np.uint64]) -> tuple[QueryPlan, ...]:
    """Read what the core says of its queries.

    Parameters
    ----------
    report : ndarray of uint64, shape (queries, 10)
        One row a query, in the order of the attributes of `QueryPlan`.

    Returns
    -------
    tuple of QueryPlan
        One a query.
    """
    return tuple(
        QueryPlan(_PLANS[row[0]], row[1], bool(row[2]), bool(row[3]), *row[4:])
        for row in report.tolist()
    )
