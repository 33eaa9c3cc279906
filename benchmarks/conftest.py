"""What the pytest-benchmark files share: data, an index, the machine's fingerprint."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nearfield as nf
import pytest

# compare.py, run as a script, finds its neighbours by itself; pytest's importlib mode does not.
sys.path.insert(0, str(Path(__file__).parent))

from data_sets import DataSet, load
from machine import fingerprint

MARKERS = (
    "gate: bound by kernel or binding, one thread, stable: fit to fail a change (ab.py)",
    "informational: threads, disk or allocation are in it: read it, do not judge by it",
)


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    machine_info.pop("node", None)  # whose machine it was is nobody's business
    machine_info["nearfield"] = fingerprint()


@pytest.fixture(scope="session")
def data() -> DataSet:
    """4,000 x 32: small enough that kernels and the binding decide, not memory."""
    return load("gaussian-small")


@pytest.fixture(scope="session")
def index(data: DataSet) -> nf.Index:
    """The same index for every question about queries and files."""
    made = nf.Index(nf.Space.Euclidean, data.base.shape[1], M=16)
    made.add_items(data.base)
    return made
