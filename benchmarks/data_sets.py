"""The data that benchmarks run on: by name, or any .npy, .npz, .fvecs or .hdf5 file.

Named sets are read from a folder that is not part of the repository (``--data-dir``). Ground truth
is brute force in float64, computed once and kept in a temporary folder under the hash of the data.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import data_files
import numpy as np
import synthetic
from engines import unit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

FILES = data_files.SUFFIXES
SPACES = ("euclidean", "inner_product", "cosine")
SEED = 20
DATA_DIR = Path(__file__).resolve().parents[2] / "shared" / "data"
CACHE = Path(tempfile.gettempdir()) / "nearfield-benchmarks"
_CHUNK = 8_000_000  # numbers in a matrix
_SPARE = 50  # candidates beyond k that float64 puts in order: float32 sums may swap near ties


class DataNotFound(Exception):
    """The name is unknown, or its file is not on this machine."""


@dataclass(frozen=True)
class DataSet:
    """Vectors to index, vectors to ask, and the geometry that decides what is near."""

    name: str
    space: str
    base: Floats
    queries: Floats

    @cached_property
    def digest(self) -> str:
        """Name the exact bytes that were measured."""
        digest = hashlib.sha256(f"{self.space} {self.base.shape}".encode())
        digest.update(np.ascontiguousarray(self.base).data)
        digest.update(np.ascontiguousarray(self.queries).data)
        return digest.hexdigest()[:16]

    def subset(self, rows: int, queries: int) -> DataSet:
        """Take a seeded sample: files are often sorted, the first rows unlike the rest."""
        rng = np.random.default_rng(SEED)
        return replace(
            self,
            name=f"{self.name} ({min(rows, len(self.base)):,} rows)",
            base=self.base[_sample(rng, len(self.base), rows)],
            queries=self.queries[_sample(rng, len(self.queries), queries)],
        )

    def truth(self, k: int) -> NDArray[np.float64]:
        """Distance of each query to its k-th nearest row: the border between right and wrong."""
        path = CACHE / f"{self.digest}-{k}.npy"
        if path.exists():
            return np.asarray(np.load(path))
        border = _kth_distances(self, k)
        CACHE.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.npy")
        np.save(part, border)
        part.replace(path)  # another run may be reading
        return border

    def recalls(self, ids: NDArray[Any], k: int) -> NDArray[np.float64]:
        """Per query, the share of the k nearest in `ids`; any row at the k-th distance is right."""
        return hits(self, np.asarray(ids)[:, :k], self.truth(k)) / k


def hits(data: DataSet, ids: NDArray[Any], border: NDArray[np.float64]) -> NDArray[np.float64]:
    """Count, for each query, the rows in `ids` that are as near as its border; -1 is no row."""
    found = np.sort(ids.astype(np.int64), axis=1)
    found[:, 1:][found[:, 1:] == found[:, :-1]] = -1  # an id counts once
    known = (found >= 0) & (found < len(data.base))
    right = np.empty(len(found))
    for part in _parts(len(found), max(1, found.shape[1] * data.base.shape[1])):
        rows = np.where(known[part], found[part], 0)
        distances = exact_distances(data, part, rows)
        # Closer than float32, which every engine holds, can tell: equally near.
        limit = border[part, np.newaxis]
        limit = limit + 1e-7 * (1 + np.abs(limit))
        right[part] = (known[part] & (distances <= limit)).sum(axis=1)
    return right


def exact_distances(data: DataSet, part: slice, rows: Ids) -> NDArray[np.float64]:
    """Distances of queries[part] to the rows named for each of them, in float64."""
    queries = data.queries[part, np.newaxis, :].astype(np.float64)
    vectors = data.base[rows].astype(np.float64)
    if data.space == "euclidean":
        return np.asarray(((vectors - queries) ** 2).sum(axis=2))
    products = (vectors * queries).sum(axis=2)
    if data.space == "cosine":
        products /= np.linalg.norm(vectors, axis=2) * np.linalg.norm(queries, axis=2)
    return np.asarray(1 - products)


def load(name: str, folder: Path = DATA_DIR, space: str = "euclidean") -> DataSet:
    """Give the data set of this name; a path is read as `space`.

    A file that names its own space is believed.
    """
    if name in _NAMED:
        try:
            return _NAMED[name](folder)
        except FileNotFoundError as error:
            message = f"{name}: no file {error.filename}; name the folder with --data-dir"
            raise DataNotFound(message) from error
    if rows := synthetic.rows_of(name):
        made, asked = synthetic.load(rows, CACHE)
        return DataSet(name, "euclidean", _floats(made), _floats(asked))
    path = Path(name)
    if path.suffix not in data_files.SUFFIXES:
        raise DataNotFound(
            f"{name!r} is neither one of {', '.join(NAMES)} nor a file that ends in "
            f"{', '.join(data_files.SUFFIXES)}"
        )
    if not path.exists():
        raise DataNotFound(f"no file {name}")
    base, queries, own_space = data_files.read(path)
    if queries is None:
        base, queries = _held_out(base)
    return DataSet(path.stem, own_space or space, _floats(base), _floats(queries))


def _debian_minilm(folder: Path) -> DataSet:
    table = _debian_table(folder, "embedding")
    column = table["embedding"].combine_chunks()
    vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
    asked = np.asarray(table["split"].to_pylist()) == "query"
    return DataSet("debian-minilm", "cosine", _floats(vectors[~asked]), _floats(vectors[asked]))


def _debian_table(folder: Path, column: str) -> Any:
    import pyarrow.parquet as parquet  # only this set needs it

    path = folder / "debian-minilm.parquet"
    if not path.exists():
        raise FileNotFoundError(2, "missing", str(path))
    return parquet.read_table(path, columns=["split", column])


def sections(name: str, folder: Path, limit: int) -> Ids | None:
    """Give the group of each row, as the makers of a set have it, where they have; else None.

    The rows are those of the set, or of a subset of so many.
    """
    if name != "debian-minilm":
        return None
    table = _debian_table(folder, "section")
    of_base = np.asarray(table["split"].to_pylist()) != "query"
    names = np.asarray(table["section"].to_pylist())[of_base]
    numbers = np.unique(names, return_inverse=True)[1].astype(np.int64)
    if limit >= len(numbers):
        return numbers
    return numbers[_sample(np.random.default_rng(SEED), len(numbers), limit)]


def _mnist(folder: Path) -> DataSet:
    with np.load(folder / "mnist.npz") as arrays:
        return DataSet("mnist", "euclidean", _floats(arrays["base"]), _floats(arrays["queries"]))


def _lastfm(folder: Path) -> DataSet:
    with np.load(folder / "lastfm" / "als64.npz") as arrays:
        users = _floats(arrays["user_factors"])
        asked = users[_sample(np.random.default_rng(SEED), len(users), 1000)]
        return DataSet("lastfm", "inner_product", _floats(arrays["item_factors"]), asked)


def _gaussian_small(_: Path) -> DataSet:
    rng = np.random.default_rng(SEED)
    vectors = rng.standard_normal((4200, 32), dtype=np.float32)
    return DataSet("gaussian-small", "euclidean", vectors[:4000].copy(), vectors[4000:].copy())


_NAMED: dict[str, Callable[[Path], DataSet]] = {
    "debian-minilm": _debian_minilm,
    "mnist": _mnist,
    "lastfm": _lastfm,
    "gaussian-small": _gaussian_small,
}
NAMES = (*_NAMED, "synthetic-1m", "synthetic-250k", "synthetic-100k")


def _held_out(vectors: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    asked = np.zeros(len(vectors), dtype=bool)
    asked[_sample(np.random.default_rng(SEED), len(vectors), min(1000, len(vectors) // 10))] = True
    return vectors[~asked], vectors[asked]


def _sample(rng: np.random.Generator, rows: int, wanted: int) -> Ids:
    return np.sort(rng.permutation(rows)[:wanted])


def _floats(vectors: NDArray[Any]) -> Floats:
    """Give float32, C-contiguous, writable: the form that every engine takes without a copy."""
    return np.require(vectors, dtype=np.float32, requirements=["C", "W", "O"])


def _kth_distances(data: DataSet, k: int) -> NDArray[np.float64]:
    if k > len(data.base):
        raise ValueError(f"k is {k}, but {data.name} has {len(data.base)} rows")
    cosine = data.space == "cosine"
    base, queries = (unit(data.base), unit(data.queries)) if cosine else (data.base, data.queries)
    squares = np.float32(0)
    if data.space == "euclidean":
        squares = np.einsum("ij,ij->i", base, base, dtype=np.float64).astype(np.float32)
    wanted = min(k + _SPARE, len(base))
    border = np.empty(len(queries))
    for part in _parts(len(queries), max(len(base), wanted * base.shape[1])):
        scores = squares - 2 * (queries[part] @ base.T)
        rows = np.argpartition(scores, wanted - 1, axis=1)[:, :wanted]
        border[part] = np.sort(exact_distances(data, part, rows), axis=1)[:, k - 1]
    return border


def _parts(rows: int, width: int) -> Iterator[slice]:
    """Cut rows so that a matrix of this width stays at tens of megabytes."""
    step = max(1, _CHUNK // width)
    for start in range(0, rows, step):
        yield slice(start, start + step)


def mixed(data: DataSet, limit: int) -> DataSet:
    """Give at most so many rows, in random order: files are often sorted."""
    order = np.random.default_rng(SEED).permutation(len(data.base))[:limit]
    name = data.name if len(order) == len(data.base) else f"{data.name} ({len(order):,} rows)"
    return replace(data, name=name, base=data.base[order])
