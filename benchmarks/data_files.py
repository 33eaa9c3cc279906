"""Vectors in files: .npy, .npz, .fvecs, and .hdf5 as ann-benchmarks lays it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SUFFIXES = (".npy", ".npz", ".fvecs", ".hdf5")
# What ann-benchmarks' files say about themselves, in our words.
_SPACES = {"euclidean": "euclidean", "angular": "cosine", "ip": "inner_product"}


class Vectors(NamedTuple):
    """What a file holds; no queries where it has none, no space where it does not say."""

    base: NDArray[Any]
    queries: NDArray[Any] | None = None
    space: str | None = None


def read(path: Path) -> Vectors:
    """Read a file by its suffix."""
    if path.suffix == ".hdf5":
        return _hdf5(path)
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            base = arrays["base"] if "base" in arrays else arrays[arrays.files[0]]
            return Vectors(base, arrays.get("queries"))
    if path.suffix == ".npy":
        return Vectors(np.load(path, mmap_mode="r"))
    asked = path.with_name(path.name.replace("_base", "_query"))
    queries = _fvecs(asked) if asked != path and asked.exists() else None
    return Vectors(_fvecs(path), queries)


def _hdf5(path: Path) -> Vectors:
    import h5py  # only these files need it

    with h5py.File(path) as file:
        space = _SPACES.get(str(file.attrs.get("distance", "")))
        return Vectors(file["train"][:], file["test"][:], space)


def _fvecs(path: Path) -> NDArray[Any]:
    """Read rows of (int32 width, width floats)."""
    words = np.fromfile(path, dtype=np.int32)
    return words.reshape(-1, int(words[0]) + 1)[:, 1:].view(np.float32)
