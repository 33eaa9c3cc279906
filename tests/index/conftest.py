"""What tests of recall share."""

from __future__ import annotations

from typing import Any

import nearfield as nf
import numpy as np
import pytest


@pytest.fixture(scope="module")
def data() -> tuple[Any, Any]:
    """3,000 rows and 400 queries of 16 dimensions."""
    rng = np.random.default_rng(7)
    return rng.normal(size=(3000, 16)), rng.normal(size=(400, 16))


@pytest.fixture(scope="module")
def sparse(data: tuple[Any, Any]) -> nf.Index:
    """An index with few links, whose recall rises slowly."""
    return nf.Index.from_vectors(data[0], space="euclidean", M=4, ef_construction=20)
