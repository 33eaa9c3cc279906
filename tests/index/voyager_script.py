"""Voyager's whole documented Python API as steps; here what the steps share.

A step is a function of a module that is called ``voyager`` inside, and of a folder. It gives a
value, or raises. The steps are in voyager_script_vectors.py and voyager_script_files.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Step = Callable[[Any, Path], Any]
STEPS: dict[str, Step] = {}


def step(function: Step) -> Step:
    STEPS[function.__name__] = function
    return function


def rows(n: int = 20, d: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def filled(voyager: Any, space: str = "Euclidean", n: int = 20, **options: Any) -> Any:
    index = voyager.Index(getattr(voyager.Space, space), 4, **options)
    index.add_items(rows(n))
    return index


def rounded(values: Any) -> Any:
    return np.round(np.asarray(values, dtype=np.float64), 5).tolist()
