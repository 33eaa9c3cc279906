"""Vectors in files: one door for Parquet, ``.npy``, ``.npz``, ``.fvecs`` and ``.fbin``.

A source says what it holds before it is read and hands it out in chunks, so that files larger than
memory pass through. How it is chunked leaves no trace in an index (`nearfield.Index.add_items`
cuts anew).

| suffix | layout |
|---|---|
| ``.parquet`` | a column of lists (fixed size or not); other columns as keys and filters |
| ``.npy`` | one array (n, d), mapped |
| ``.npz:name`` | one array of an archive, read whole; without a name, its only 2-D array |
| ``.fvecs .bvecs`` | per row i32 d, then d float32 or uint8 |
| ``.fbin .u8bin`` | u32 n, u32 d, then n rows of float32 or uint8 |
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfield._arrays import as_vectors
from nearfield.errors import InvalidInput, NearfieldError, from_core
from nearfield.typing import Vectors

__all__ = ["Chunk", "Source", "open_source"]

_CHUNK_ROWS = 8192

Chunk = tuple[list[Any] | None, Vectors]


@dataclass(frozen=True, slots=True)
class Source:
    """Vectors in a file, not read yet.

    Attributes
    ----------
    name : str
        The file, for messages.
    rows : int or None
        Vectors before filtering; None where the format does not say.
    dimensions : int
        Numbers in a vector.
    has_keys : bool
        A key column was asked for.
    chunks : callable
        Gives an iterator of (keys or None, float32 array (n, dimensions)).
    """

    name: str
    rows: int | None
    dimensions: int
    has_keys: bool
    chunks: Callable[[], Iterator[Chunk]]

    def read(self) -> Chunk:
        """Read everything at once.

        Returns
        -------
        tuple
            (keys or None, vectors of shape (n, dimensions)).
        """
        parts = list(self.chunks())
        vectors = [part for _, part in parts]
        keys = [key for some, _ in parts for key in some or ()] if self.has_keys else None
        if not vectors:
            return keys, np.empty((0, self.dimensions), dtype=np.float32)
        return keys, np.concatenate(vectors)


def open_source(
    spec: str | Path,
    *,
    vectors: str | None = None,
    key: str | None = None,
    where: str | None = None,
) -> Source:
    """Open a file of vectors.

    Parameters
    ----------
    spec : str or Path
        The file; ``file.npz:name`` names an array of an archive.
    vectors : str, optional
        The Parquet column that holds them; default the only column of lists.
    key : str, optional
        The Parquet column that holds keys (text or integers).
    where : str, optional
        ``column=value``: only rows of a Parquet file whose column equals it.

    Returns
    -------
    Source
        What the file holds, to be read in chunks.

    Raises
    ------
    InvalidInput
        An unknown suffix, a missing or unfit column, options that the format has no use for.
    IndexFileNotAccessible
        The file is missing or cannot be read.
    """
    path, name = _split(str(spec))
    if not path.is_file():
        kind = errno.ENOENT if not path.exists() else errno.EISDIR
        message = f"{path} is not a file that can be read; name a file of vectors"
        raise from_core("FileNotAccessible", message, {"errno": kind})
    suffix = path.suffix.lower()
    if suffix in (".parquet", ".pq"):
        from nearfield.parquet import open_parquet

        return open_parquet(path, vectors=vectors, key=key, where=where)
    unused = [option for option, given in (("--key", key), ("--rows", where)) if given is not None]
    if unused:
        message = f"{path.name} has no columns, so {' and '.join(unused)} cannot be used with it"
        raise InvalidInput(message)
    if suffix == ".npy":
        return _array_source(_checked(np.load(path, mmap_mode="r"), path.name), path.name)
    if suffix == ".npz":
        return _npz(path, name or vectors)
    if suffix in (".fvecs", ".bvecs"):
        return _vecs(path, np.dtype(np.float32 if suffix == ".fvecs" else np.uint8))
    if suffix in (".fbin", ".u8bin"):
        return _bin(path, np.dtype(np.float32 if suffix == ".fbin" else np.uint8))
    message = (
        f"{path.name} is of no known kind; expected .parquet, .npy, .npz, .fvecs, .bvecs, .fbin "
        f"or .u8bin"
    )
    raise InvalidInput(message)


def _split(spec: str) -> tuple[Path, str | None]:
    before, separator, after = spec.rpartition(":")
    if separator and before.lower().endswith(".npz"):
        return Path(before), after
    return Path(spec), None


def _checked(array: NDArray[Any], name: str) -> NDArray[Any]:
    if array.ndim != 2 or array.shape[1] < 1:
        message = f"{name} holds an array of shape {array.shape}; expected (n, dimensions)"
        raise InvalidInput(message)
    return array


def _array_source(array: NDArray[Any], name: str) -> Source:
    dimensions = array.shape[1]

    def chunks() -> Iterator[Chunk]:
        for first in range(0, len(array), _CHUNK_ROWS):
            part = array[first : first + _CHUNK_ROWS]
            yield None, finite_rows(as_vectors(part, dimensions, name, axes=2), first, name)

    return Source(name, len(array), dimensions, False, chunks)


def finite_rows(rows: Vectors, first: int, name: str) -> Vectors:
    """Refuse NaN and infinity, naming file and row.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Some rows of a file.
    first : int
        The number of their first row in the file.
    name : str
        The file.

    Returns
    -------
    ndarray
        The same rows.

    Raises
    ------
    InvalidInput
        A component is not finite.
    """
    good = np.isfinite(rows).all(axis=1)
    if not good.all():
        row = first + int(np.argmin(good))
        message = f"{name}, row {row}: the vector holds NaN or infinity (or a null)"
        raise InvalidInput(message)
    return rows


def _npz(path: Path, name: str | None) -> Source:
    try:
        with np.load(path) as archive:
            if name is None:
                flat = [each for each in archive.files if archive[each].ndim == 2]
                if len(flat) != 1:
                    message = (
                        f"{path.name} holds the arrays {', '.join(archive.files)}; name one as "
                        f"{path.name}:NAME"
                    )
                    raise InvalidInput(message)
                name = flat[0]
            if name not in archive.files:
                message = f"{path.name} has no array {name!r}; it holds {', '.join(archive.files)}"
                raise InvalidInput(message)
            array = archive[name]
    except NearfieldError:
        raise
    except (ValueError, OSError) as error:
        message = f"{path.name} cannot be read as an .npz archive: {error}"
        raise InvalidInput(message) from error
    return _array_source(_checked(array, f"{path.name}:{name}"), f"{path.name}:{name}")


def _vecs(path: Path, element: np.dtype[Any]) -> Source:
    size = path.stat().st_size
    dimensions = int(np.fromfile(path, dtype="<i4", count=1)[0]) if size >= 4 else 0
    row_bytes = 4 + dimensions * element.itemsize
    if dimensions < 1 or size % row_bytes:
        message = (
            f"{path.name} has {size} bytes and says {dimensions} dimensions; expected whole rows "
            f"of 4 + {dimensions} x {element.itemsize} bytes"
        )
        raise InvalidInput(message)
    layout = np.dtype([("d", "<i4"), ("v", element.newbyteorder("<"), (dimensions,))])
    records = np.memmap(path, dtype=layout, mode="r")
    wrong = np.flatnonzero(records["d"] != dimensions)
    if len(wrong):
        message = (
            f"{path.name}, row {wrong[0]}: {records['d'][wrong[0]]} dimensions, not {dimensions}"
        )
        raise InvalidInput(message)
    return _array_source(records["v"], path.name)


def _bin(path: Path, element: np.dtype[Any]) -> Source:
    size = path.stat().st_size
    rows, dimensions = (0, 0)
    if size >= 8:
        rows, dimensions = (int(n) for n in np.fromfile(path, dtype="<u4", count=2))
    expected = 8 + rows * dimensions * element.itemsize
    if dimensions < 1 or size != expected:
        message = (
            f"{path.name} has {size} bytes and says {rows} rows of {dimensions} dimensions; "
            f"expected {expected} bytes"
        )
        raise InvalidInput(message)
    array = np.memmap(
        path, dtype=element.newbyteorder("<"), mode="r", offset=8, shape=(rows, dimensions)
    )
    return _array_source(array, path.name)
