"""What all tests share: seeded data and the folder of real data sets."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

# Tests that a shell started in the background would ignore Ctrl-C, and so would their children.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


# Skips that are right on CI as well: scikit-learn's own checks of what it was not set up for.
SKIPPED_EVERYWHERE = "SCIPY_ARRAY_API is not set"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """On CI, where everything is installed, a test that is skipped has failed."""
    report = yield
    if report.skipped and os.environ.get("CI") and SKIPPED_EVERYWHERE not in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"skipped on CI, where nothing may be missing: {report.longrepr}"
    return report


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed, new for each test."""
    return np.random.default_rng(20261124)


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data sets; the test is skipped where the project stands alone."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real data sets are not on this machine (looked in {SHARED_DATA.name})")
    return SHARED_DATA


def clustered(
    rng: np.random.Generator, rows: int, dimensions: int, clusters: int = 40
) -> NDArray[np.float32]:
    """Vectors with the structure of embeddings: a few directions with spread around them."""
    centres = rng.normal(size=(clusters, dimensions))
    spread = 0.5 * rng.normal(size=(rows, dimensions))
    return (centres[rng.integers(clusters, size=rows)] + spread).astype(np.float32)


@pytest.fixture
def in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let benchmarks of living indexes run in this process, without their libraries."""
    from tests.exact_engine import put_in_place

    put_in_place(tmp_path, monkeypatch)
