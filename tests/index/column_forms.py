"""What tests of columns give and read."""

from __future__ import annotations

import datetime
from typing import Any

import nearfield as nf
import numpy as np

UTC = datetime.UTC
MOMENT = datetime.datetime(2024, 5, 1, 12, 30, 0, 7)
EARLY = datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999)


def stored(given: Any, **more: Any) -> tuple[str, list[Any]]:
    """The type of a column that is made of these values, and what is read of it."""
    index = nf.Index("euclidean", 1, M=2, ef_construction=2)
    rows = len(given) if hasattr(given, "__len__") else 3
    index.add_items(np.zeros((rows, 1)), range(rows), columns={"c": given, **more})
    return index.columns["c"].type, index.get_columns(range(rows))["c"].tolist()


def change(given: Any) -> None:
    """Set values in a new column."""
    index = nf.Index("euclidean", 1)
    index.add_items([[0]])
    index.set_columns(
        [0] * getattr(given, "size", len(given) if isinstance(given, list) else 1), {"c": given}
    )
