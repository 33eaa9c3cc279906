"""One small adapter per engine. To add one: copy a neighbour, name it in ENGINES.

Rules of fairness: every engine gets the same float32 rows, the same M (2M links on level 0) and
the same ef_construction, a seed where it takes one, and its own fastest way of asking. Whatever it
wants done to a query is inside the timed call; whatever it wants done to the base is inside the
timed build.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
ENGINES = ("nearfield", "hnswlib", "voyager", "faiss", "usearch")


class Engine(Protocol):
    """What compare.py asks of an engine. `k` results are always ids, nearest first."""

    name: str
    version: str
    note: str

    def build(
        self, base: Floats, space: str, M: int, ef_construction: int, threads: int
    ) -> None: ...
    def set_ef(self, ef: int) -> None: ...
    def query_one(self, vector: Floats, k: int) -> NDArray[Any]: ...
    def query_batch(self, vectors: Floats, k: int, threads: int) -> NDArray[Any]: ...
    def save(self, path: str) -> None: ...
    def load(self, path: str, space: str, dimensions: int) -> None: ...


def load_engines(names: list[str]) -> tuple[dict[str, type[Engine]], dict[str, str]]:
    """Give (the engines that are installed, why the others are not)."""
    found: dict[str, type[Engine]] = {}
    missing: dict[str, str] = {}
    for name in dict.fromkeys(names):
        try:
            found[name] = import_module(f"engines.{name}").Engine
        except ImportError as error:  # also an extension that this CPU cannot run
            missing[name] = str(error)
    return found, missing
