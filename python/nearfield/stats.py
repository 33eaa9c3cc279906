"""The health of an index in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

__all__ = ["IndexStats", "LevelStats"]


class LevelStats(NamedTuple):
    """One level of the graph."""

    rows: int
    """Places that exist on this level."""
    mean_degree: float
    """Links per place."""


@dataclass(frozen=True, slots=True)
class IndexStats:
    """What `nearfield.Index.stats` counts.

    Attributes
    ----------
    slots : int
        Places in the index: those of live, marked and removed vectors, and free ones.
    live : int
        Vectors that a query can return.
    marked : int
        Hidden by ``mark_deleted``; they can be brought back.
    removed : int
        Removed, or overwritten by a later vector of the same id: never found, but still in memory,
        and queries may walk through them.
    free : int
        Places of removed vectors that the next ones take.
    bytes_given_back : int
        What `nearfield.Index.compact` has given back since the index was made or loaded.
    unrepaired : int
        Removed vectors to which links still lead. Adding and removing repairs that bit by bit,
        `nearfield.Index.repair` at once; then their places become free.
    slots_to_repair : int
        Places that the repair which is under way has still to look at; 0 when there is none.
    levels : tuple of LevelStats
        From level 0 up.
    unreachable : int
        Live and marked places that the links of level 0 do not reach from the entry point.
    norm_min, norm_max : float
        Euclidean norms of the stored live vectors.
    duplicates : int
        Live vectors that are equal to an earlier live one.
    vector_bytes, code_bytes, link_bytes, other_bytes : int
        Of the rows that exist, in memory or mapped from a file.
    clamped : float
        Share of the components that lie outside the range of the codes by a thirtieth of it or
        more (a sixtieth for inner products, a fifth where codes have 4 bits), and are held at its
        edge. Where much does, the codes are made anew.
    simd_level : str
        The kind of vector instructions that the index uses.
    """

    slots: int
    live: int
    marked: int
    removed: int
    free: int
    bytes_given_back: int
    unrepaired: int
    slots_to_repair: int
    levels: tuple[LevelStats, ...]
    unreachable: int
    norm_min: float
    norm_max: float
    duplicates: int
    vector_bytes: int
    code_bytes: int
    link_bytes: int
    other_bytes: int
    clamped: float
    simd_level: str

    @property
    def total_bytes(self) -> int:
        """Vector, code, link and other bytes together."""
        return self.vector_bytes + self.code_bytes + self.link_bytes + self.other_bytes

    def __str__(self) -> str:
        """Give one number a line."""
        shown = {field.name: _text(getattr(self, field.name)) for field in fields(self)}
        del shown["levels"]
        for number, level in enumerate(self.levels):
            shown[f"level {number}"] = f"{level.rows:,} rows, {level.mean_degree:.1f} links each"
        width = max(map(len, shown))
        return "\n".join(f"{name:<{width}}  {text}" for name, text in shown.items())


def _text(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def stats_of(counted: Mapping[str, Any], simd_level: str) -> IndexStats:
    """Give the numbers of the core their names.

    Parameters
    ----------
    counted : mapping
        What the core counted.
    simd_level : str
        Of the index.

    Returns
    -------
    IndexStats
        The same numbers.
    """
    named = dict(counted)
    levels = tuple(LevelStats(*level) for level in named.pop("levels"))
    return IndexStats(**named, levels=levels, simd_level=simd_level)
