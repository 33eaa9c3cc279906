"""Rows with a column of every type, for tests of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nearfield as nf
import numpy as np
from numpy.typing import NDArray

D = 4
DTYPES = {
    "flag": np.bool_, "tiny": np.int8, "short": np.int16, "number": np.int32, "large": np.int64,
    "rating": np.float32, "score": np.float64, "seen": "M8[us]",
}  # fmt: skip
TYPES = {
    "flag": "bool", "tiny": "int8", "short": "int16", "number": "int32", "large": "int64",
    "rating": "float32", "score": "float64", "seen": "timestamp", "market": "category",
    "genres": "tags",
}  # fmt: skip
MARKETS = ("SE", "NO", "日本", "", "it's")
GENRES = ("drone", "dub", "live", "Ærlig")


def vectors(rows: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(rows, D)).astype(np.float32)


def values(rows: int, seed: int = 0, missing: float = 0.2) -> dict[str, list[Any]]:
    """A value of every type for each row, None for a share of them."""
    rng = np.random.default_rng([seed, 1])
    whole = rng.integers(-100, 100, rows)
    made: dict[str, list[Any]] = {
        "flag": (whole % 2 == 0).tolist(),
        "tiny": whole.tolist(),
        "short": (whole * 300).tolist(),
        "number": (whole * 10**7).tolist(),
        "large": (whole * 10**16).tolist(),
        "rating": (whole / 8).tolist(),
        "score": (whole / 10).tolist(),
        "seen": (whole * 10**13 + 5).astype("M8[us]").tolist(),
        "market": [MARKETS[i % len(MARKETS)] for i in whole],
        "genres": [tuple(sorted(rng.choice(GENRES, i % 4, replace=False))) for i in whole],
    }
    for column in made.values():
        for row in np.flatnonzero(rng.random(rows) < missing).tolist():
            column[row] = None
    return made


def typed(given: dict[str, list[Any]]) -> dict[str, Any]:
    """The same as arrays of the types that the names stand for."""
    made: dict[str, Any] = {}
    for name, column in given.items():
        if name not in DTYPES:
            made[name] = column
            continue
        filled = [0 if one is None else one for one in column]
        array = np.array(filled, dtype=DTYPES[name])
        made[name] = np.ma.MaskedArray(array, mask=[one is None for one in column])
    return made


def cut(given: dict[str, Any], first: int, end: int) -> dict[str, Any]:
    return {name: column[first:end] for name, column in given.items()}


def index_of(rows: int, seed: int = 0, **options: Any) -> nf.Index:
    index = nf.Index("euclidean", D, M=3, ef_construction=6, **options)
    index.add_items(vectors(rows, seed), columns=typed(values(rows, seed)))
    return index


def assert_holds(index: Any, names: Sequence[Any], expected: dict[str, list[Any]]) -> None:
    """The index has exactly these columns, of these types, and these values of its rows."""
    assert {name: info.type for name, info in index.columns.items()} == {
        name: TYPES[name] for name in expected
    }
    read = index.get_columns(names)
    for name, column in expected.items():
        assert read[name].tolist() == column, name
