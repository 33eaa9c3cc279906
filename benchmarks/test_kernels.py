"""Distances at every SIMD level, and the conversion of rows, through the compiled core itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from nearfield import _core

pytestmark = [pytest.mark.gate, pytest.mark.benchmark(max_time=0.3, min_rounds=5)]

ROWS = 256  # with their links they stay in the second-level cache up to 384 dimensions
SPACES = {"euclidean": 0, "inner_product": 1, "cosine": 2}
STORAGES = {"float8": 16, "float32": 32, "e4m3": 48}


def vectors(rows: int, width: int) -> Any:
    made = np.random.default_rng(width).standard_normal((rows, width), dtype=np.float32)
    return made / np.abs(made).max()  # Float8 holds -1 to 1


@pytest.fixture(params=_core.simd_available())
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    before = _core.simd_active()
    _core.simd_force(request.param)
    yield request.param
    _core.simd_force(before)


@pytest.mark.parametrize("width", [31, 128, 384])
@pytest.mark.parametrize("space", ["euclidean", "inner_product"])
def test_distances(benchmark: Any, level: str, space: str, width: int) -> None:
    benchmark.group = f"distances {space} {width}"
    measure_walk(benchmark, level, SPACES[space], STORAGES["float32"], width)


@pytest.mark.parametrize("storage", ["float8", "e4m3"])
def test_distances_of_codes(benchmark: Any, level: str, storage: str) -> None:
    benchmark.group = f"distances {storage} 128"
    measure_walk(benchmark, level, SPACES["euclidean"], STORAGES[storage], 128)


def measure_walk(benchmark: Any, level: str, space: int, storage: int, width: int) -> None:
    """Walk dense links with a narrow beam: the nearest there is to nothing but distances."""
    index = _core.Index(space, width, 128, ROWS, 1, storage)
    index.add(vectors(ROWS, width), None, 1, None)
    queries = vectors(100, width)
    found = benchmark(index.query, queries, 1, 4, 1)
    assert index.simd_level == level
    distances = found[3]
    assert distances > 10 * found[4]  # many a hop, or the beam would be what is measured
    benchmark.extra_info["distances"] = distances
    if benchmark.stats:  # absent under --benchmark-disable
        median = benchmark.stats.stats.median
        benchmark.extra_info["ns_per_distance"] = round(1e9 * median / distances, 2)


@pytest.mark.parametrize("storage", STORAGES)
def test_encode(benchmark: Any, storage: str) -> None:
    benchmark.group = "encode 1000 x 128"
    rows = benchmark(_core.encode, vectors(1000, 128), STORAGES[storage])
    assert rows.nbytes == 1000 * 128 * (4 if storage == "float32" else 1)


@pytest.mark.parametrize("storage", ["float8", "e4m3"])
def test_decode(benchmark: Any, storage: str) -> None:
    benchmark.group = "decode 1000 x 128"
    given = vectors(1000, 128)
    rows = _core.encode(given, STORAGES[storage])
    out = benchmark(_core.decode, rows, STORAGES[storage])
    assert np.abs(out.reshape(given.shape) - given).max() < 0.04


def test_normalize(benchmark: Any) -> None:
    benchmark.group = "normalize 1000 x 384"
    out = benchmark(_core.normalize, vectors(1000, 384))
    assert np.allclose(np.linalg.norm(out, axis=1), 1, atol=1e-5)
