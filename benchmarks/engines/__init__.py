"""One small adapter per library. To add one: copy a neighbour, name its variants in VARIANTS.

Rules of fairness: every library gets the same float32 rows, is set up as its own documentation or
its entry in ann-benchmarks says is best, has a seed where it takes one, its own grid of search
settings and its own fastest way of asking. Whatever it wants done to a query is inside the timed
call; whatever it wants done to the base is inside the timed build.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ids = Any  # arrays or lists of whatever integers the library gives
Setting = dict[str, float]

# A library's main variant bears its name alone. Listed here, because a library may be installed in
# another environment than the one that compares.
VARIANTS = {
    "nearfield": ("nearfield", "nearfield-none", "nearfield-int8", "nearfield-int4"),
    "hnswlib": ("hnswlib", "hnswlib-32"),
    "voyager": ("voyager",),
    "faiss": ("faiss", "faiss-sq8", "faiss-ivfpq"),
    "usearch": ("usearch", "usearch-bf16", "usearch-i8"),
    "scann": ("scann", "scann-soar"),
    "pyvsag": ("pyvsag", "pyvsag-sq8"),
    "svs": ("svs", "svs-fp16", "svs-lvq4x8", "svs-leanvec"),
    "rabitqlib": ("rabitqlib", "rabitqlib-64", "rabitqlib-ivf"),
    "pynndescent": ("pynndescent",),
}


class Engine(Protocol):
    """What worker.py asks of a variant. `k` results are always ids, nearest first."""

    version: str
    note: str

    def __init__(self, variant: str) -> None: ...
    def build(self, base: Floats, space: str, threads: int) -> None: ...
    def grid(self, k: int, rows: int) -> list[Setting]:
        """Give the search settings to try, from the fastest to the most thorough."""

    def use(self, setting: Setting) -> None: ...
    def query_one(self, vector: Floats, k: int) -> Ids: ...
    def query_batch(self, vectors: Floats, k: int, threads: int) -> Ids: ...
    def save(self, path: str) -> None: ...
    def load(self, path: str, space: str, dimensions: int) -> None: ...


class Unsupported(Exception):
    """The library cannot do this variant in this space, or on this machine."""


def library_of(variant: str) -> str:
    """Give the library of a variant: `faiss` for `faiss-sq8`."""
    return variant.partition("-")[0]


def make(variant: str) -> Engine:
    """Import the library of a variant and give its engine."""
    engine: Engine = import_module(f"engines.{library_of(variant)}").Engine(variant)
    return engine


def widths(k: int, rows: int, most: int = 300) -> list[int]:
    """Give beam widths from k up, each 1.4 times the one before."""
    out = [k]
    while (wider := max(out[-1] + 1, round(out[-1] * 1.4))) <= min(most * k, max(k, rows // 2)):
        out.append(wider)
    return out


def unit(vectors: Floats) -> Floats:
    """Scale rows to length 1."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)
