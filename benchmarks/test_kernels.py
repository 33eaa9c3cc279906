"""Distances at every SIMD level, and the conversion of rows by the compiled core itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield import _core

pytestmark = [pytest.mark.gate, pytest.mark.benchmark(max_time=0.3, min_rounds=5)]

ROWS = 256  # with their links they stay in the second-level cache up to 384 dimensions
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
    measure_walk(benchmark, level, space, "float32", width)


@pytest.mark.parametrize("storage", ["float8", "e4m3"])
def test_distances_of_codes(benchmark: Any, level: str, storage: str) -> None:
    benchmark.group = f"distances {storage} 128"
    measure_walk(benchmark, level, "euclidean", storage, 128)


def measure_walk(benchmark: Any, level: str, space: str, storage: str, width: int) -> None:
    """Walk dense links with a narrow beam: the nearest there is to nothing but distances."""
    index = nf.Index(
        space, width, M=128, ef_construction=ROWS, storage_data_type=storage, codes="none"
    )
    index.add_items(vectors(ROWS, width), num_threads=1)
    found = benchmark(index.query, vectors(100, width), 1, 1, 4)
    assert nf.simd.active() == level
    # Many a hop, or the beam would be what is measured.
    assert found.num_distances > 10 * found.num_hops
    benchmark.extra_info["distances"] = found.num_distances
    if benchmark.stats:  # absent under --benchmark-disable
        median = benchmark.stats.stats.median
        benchmark.extra_info["ns_per_distance"] = round(1e9 * median / found.num_distances, 2)


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
