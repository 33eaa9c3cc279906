"""Vectors in files: one door for Parquet, ``.npy``, ``.npz``, ``.fvecs`` and ``.fbin``.

A source says what it holds before it is read and hands it out in chunks, so that files larger than
memory pass through. How it is chunked leaves no trace in an index (`nearfield.Index.add_items`
cuts anew).

======================  ============================================================================
suffix                  layout, little endian
======================  ============================================================================
``.parquet``            a column of lists (fixed size or not); other columns as keys and filters
``.npy``                one array (n, d), mapped
``.npz:name``           one array of an archive, streamed; without a name, its only 2-D array
``.fvecs .bvecs``       per row i32 d, then d float32 or uint8; mapped
``.fbin .u8bin``        u32 n, u32 d, then n rows of float32 or uint8; mapped
``.ivecs .ibin .npy``   ids: the same layouts with int32, one or more a row (`read_ids`)
``.txt``                ids or keys alone, one a line, UTF-8 (`read_keys`)
======================  ============================================================================
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nearfield._archives import open_npz
from nearfield._arrays import as_ids
from nearfield._source import CHUNK_ROWS, Chunk, KeyKind, Keys, Source, checked_rows
from nearfield.errors import InvalidInput, from_core
from nearfield.typing import Ids

__all__ = [
    "Chunk",
    "KeyKind",
    "Keys",
    "Source",
    "lines_of",
    "open_source",
    "read_ids",
    "read_keys",
]


def open_source(
    spec: str | Path,
    *,
    vectors: str | None = None,
    key: str | None = None,
    where: str | None = None,
    ids: str | Path | None = None,
    columns: Sequence[str] | Literal["all"] | None = None,
) -> Source:
    """Open a file of vectors.

    Parameters
    ----------
    spec : str or Path
        The file; ``file.npz:name`` names an array of an archive.
    vectors : str, optional
        The Parquet column that holds them, default the only column of lists of numbers; or the
        array of an ``.npz`` file.
    key : str, optional
        The Parquet column that holds keys: text, or integers as ids.
    where : str, optional
        ``column=value``: only rows of a Parquet file whose column equals it.
    ids : str or Path, optional
        For the other formats: a file of one id (or key) for each row, see `read_ids`.
    columns : sequence of str, or "all", optional
        Other columns of a Parquet file, which become columns of the index: bools, integers, floats,
        timestamps and dates, text and dictionaries of it (categories), lists of text (tags); nulls
        are no values. ``"all"``: all but those of the vectors and the keys.

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
    path, array = _split(str(spec))
    suffix = _existing(path).suffix.lower()
    if suffix in (".parquet", ".pq"):
        from nearfield.parquet import open_parquet

        if ids is not None:
            message = f"{path.name} has columns; name the one of the ids (`key`) instead of a file"
            raise InvalidInput(message)
        return open_parquet(path, vectors=vectors, key=key, where=where, columns=columns)
    _refuse_columns(path, key, where, columns)
    if vectors is not None and suffix != ".npz":
        message = f"{path.name} has no columns, so {vectors!r} names nothing in it"
        raise InvalidInput(message)
    found = _open_array(path, suffix, array or vectors)
    return found if ids is None else _with_ids(found, read_ids(ids), Path(ids).name)


def _open_array(path: Path, suffix: str, array: str | None) -> Source:
    if suffix == ".npy":
        return _array_source(_mapped_npy(path), path.name)
    if suffix == ".npz":
        name, shape, parts = open_npz(path, array)
        return _source(name, _checked_shape(shape, name), parts)
    if suffix in (".fvecs", ".bvecs"):
        records = _map_vecs(path, "<f4" if suffix == ".fvecs" else "u1")
        return _source(path.name, records["v"].shape, lambda: _vecs_parts(records, path.name))
    if suffix in (".fbin", ".u8bin"):
        return _array_source(_map_bin(path, "<f4" if suffix == ".fbin" else "u1"), path.name)
    message = (
        f"{path.name} is of no known kind; expected .parquet, .npy, .npz, .fvecs, .bvecs, .fbin "
        f"or .u8bin"
    )
    raise InvalidInput(message)


def read_ids(spec: str | Path, *, columns: int | None = 1) -> NDArray[Any]:
    """Read ids, or keys, from a file.

    Parameters
    ----------
    spec : str or Path
        ``.ivecs`` or ``.ibin`` (int32), or ``.npy`` of integers or text.
    columns : int or None, default 1
        How many stand in a row: 1 for the ids of vectors, None for any (true neighbours).

    Returns
    -------
    ndarray of uint64 or str
        Shape (n,) for one column, else (n, columns).

    Raises
    ------
    InvalidInput
        An unknown suffix, another shape, negative ids.
    IndexFileNotAccessible
        The file is missing or cannot be read.
    """
    path = Path(spec)
    suffix = _existing(path).suffix.lower()
    if suffix == ".ivecs":
        records = _map_vecs(path, "<i4")
        array = np.concatenate([part for part in _vecs_parts(records, path.name)])
    elif suffix == ".ibin":
        array = _map_bin(path, "<i4")
    elif suffix == ".npy":
        array = _mapped_npy(path)
    else:
        message = f"{path.name} is of no known kind; expected ids in .npy, .ivecs or .ibin"
        raise InvalidInput(message)
    rows = array[:, np.newaxis] if array.ndim == 1 else array
    if rows.ndim != 2 or columns not in (None, rows.shape[1]):
        message = f"{path.name} has shape {array.shape}; expected one id a row"
        raise InvalidInput(message)
    if rows.dtype.kind != "U":
        try:
            rows = as_ids(rows.ravel(), path.name).reshape(rows.shape)
        except TypeError as error:
            raise InvalidInput(str(error)) from None
    return rows[:, 0] if columns == 1 else rows


def read_keys(
    spec: str | Path, *, key: str | None = None, where: str | None = None
) -> list[str] | Ids:
    """Read ids or keys from a file that need hold nothing else.

    Parameters
    ----------
    spec : str or Path
        ``.parquet`` with a column of them; ``.txt`` with one a line, of which empty ones are left
        out; else as for `read_ids`.
    key : str, optional
        The Parquet column.
    where : str, optional
        ``column=value``: only rows of a Parquet file whose column equals it.

    Returns
    -------
    list of str, or ndarray of uint64
        Text, which the lines of a ``.txt`` always are; or ids.

    Raises
    ------
    InvalidInput
        An unknown suffix, a missing or unfit column, text that is not UTF-8, negative ids; options
        that the format has no use for.
    IndexFileNotAccessible
        The file is missing or cannot be read.
    """
    path = Path(spec)
    suffix = _existing(path).suffix.lower()
    if suffix in (".parquet", ".pq"):
        from nearfield.parquet import read_key_column

        if key is None:
            message = f"{path.name} has columns; name the one of the ids or keys (`key`)"
            raise InvalidInput(message)
        return read_key_column(path, key=key, where=where)
    _refuse_columns(path, key, where)
    if suffix == ".txt":
        return lines_of(path.read_bytes(), path.name)
    if suffix not in (".npy", ".ivecs", ".ibin"):
        kinds = ".txt, .parquet, .npy, .ivecs or .ibin"
        message = f"{path.name} is of no known kind; expected ids or keys in {kinds}"
        raise InvalidInput(message)
    ids = read_ids(path)
    return [str(each) for each in ids] if ids.dtype.kind == "U" else ids


def lines_of(data: bytes, name: str) -> list[str]:
    r"""Read ids or keys that stand one a line.

    Parameters
    ----------
    data : bytes
        UTF-8, with or without a mark at its start; lines end as on any system.
    name : str
        What errors call it.

    Returns
    -------
    list of str
        The lines, but for empty ones.

    Raises
    ------
    InvalidInput
        Not UTF-8.

    Examples
    --------
    >>> lines_of(b"one\r\n\r\ntwo\n", "gone.txt")
    ['one', 'two']
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{name} is not UTF-8 text: {error}"
        raise InvalidInput(message) from None
    return [line for line in text.replace("\r", "\n").split("\n") if line]


def _refuse_columns(
    path: Path, key: str | None, where: str | None, columns: Sequence[str] | None = None
) -> None:
    named = None if columns is None else columns if isinstance(columns, str) else list(columns)
    for what, given in (("a key column", key), ("a row filter", where), ("columns", named)):
        if given is not None:
            message = f"{path.name} has no columns, so {what} ({given!r}) means nothing for it"
            raise InvalidInput(message)


def _split(spec: str) -> tuple[Path, str | None]:
    before, separator, after = spec.rpartition(":")
    if separator and before.lower().endswith(".npz"):
        return Path(before), after
    return Path(spec), None


def _existing(path: Path) -> Path:
    if not path.is_file():
        number = errno.EISDIR if path.is_dir() else errno.ENOENT
        what = "is a folder; expected a file" if path.is_dir() else "is not there"
        details = {"errno": number, "path": str(path)}
        raise from_core("FileNotAccessible", f"{path} {what}", details)  # noqa: EM101
    return path


def _checked_shape(shape: tuple[int, ...], name: str) -> tuple[int, int]:
    if len(shape) != 2 or shape[1] < 1:
        message = f"{name} holds an array of shape {shape}; expected (rows, dimensions)"
        raise InvalidInput(message)
    return shape[0], shape[1]


def _mapped_npy(path: Path) -> NDArray[Any]:
    try:
        array = np.load(path, mmap_mode="r")
    except (ValueError, EOFError) as error:
        message = f"{path.name} cannot be read as an array of numbers: {error}"
        raise InvalidInput(message) from error
    if not isinstance(array, np.ndarray):
        message = f"{path.name} is an archive of arrays; name it .npz"
        raise InvalidInput(message)
    return array


def _array_source(array: NDArray[Any], name: str) -> Source:
    shape = _checked_shape(array.shape, name)
    if array.dtype.kind not in "fiub":
        message = f"{name} holds {array.dtype}; expected real numbers"
        raise InvalidInput(message)

    def parts() -> Iterator[NDArray[Any]]:
        for first in range(0, len(array), CHUNK_ROWS):
            yield array[first : first + CHUNK_ROWS]

    return _source(name, shape, parts)


def _source(
    name: str, shape: tuple[int, int], parts: Callable[[], Iterator[NDArray[Any]]]
) -> Source:
    rows, dimensions = shape

    def chunks() -> Iterator[Chunk]:
        first = 0
        for part in parts():
            numbers = np.arange(first, first + len(part))
            first += len(part)
            yield None, checked_rows(part, dimensions, numbers, name)

    return Source(name, rows, dimensions, "none", chunks, lambda: rows)


def _with_ids(source: Source, ids: NDArray[Any], ids_name: str) -> Source:
    if len(ids) != source.rows:
        message = f"{ids_name} has {len(ids)} ids for the {source.rows} rows of {source.name}"
        raise InvalidInput(message)
    text = ids.dtype.kind == "U"

    def chunks() -> Iterator[Chunk]:
        first = 0
        for _, vectors in source.chunks():
            part = ids[first : first + len(vectors)]
            first += len(vectors)
            yield part.tolist() if text else part, vectors

    return Source(
        source.name,
        source.rows,
        source.dimensions,
        "text" if text else "id",
        chunks,
        source.counter,
    )


def _map_vecs(path: Path, element: str) -> NDArray[Any]:
    size = path.stat().st_size
    dimensions = int(np.fromfile(path, dtype="<i4", count=1)[0]) if size >= 4 else 0
    width = np.dtype(element).itemsize
    if dimensions < 1 or size % (4 + dimensions * width):
        message = (
            f"{path.name} has {size} bytes and says {dimensions} dimensions; expected whole rows "
            f"of 4 + {width} x dimensions bytes"
        )
        raise InvalidInput(message)
    layout = np.dtype([("d", "<i4"), ("v", element, (dimensions,))])
    return np.memmap(path, dtype=layout, mode="r")


def _vecs_parts(records: NDArray[Any], name: str) -> Iterator[NDArray[Any]]:
    """Leave out the width that stands before each row; the parts are strided views."""
    dimensions = records["v"].shape[1]
    for first in range(0, len(records), CHUNK_ROWS):
        part = records[first : first + CHUNK_ROWS]
        wrong = np.flatnonzero(part["d"] != dimensions)
        if len(wrong):
            found = part["d"][wrong[0]]
            message = f"{name}, row {first + wrong[0]}: {found} dimensions; row 0 has {dimensions}"
            raise InvalidInput(message)
        yield part["v"]


def _map_bin(path: Path, element: str) -> NDArray[Any]:
    size = path.stat().st_size
    rows, dimensions = (int(n) for n in np.fromfile(path, "<u4", 2)) if size >= 8 else (0, 0)
    expected = 8 + rows * dimensions * np.dtype(element).itemsize
    if dimensions < 1 or size != expected:
        message = (
            f"{path.name} has {size} bytes and says {rows} rows of {dimensions} numbers; "
            f"expected {expected} bytes"
        )
        raise InvalidInput(message)
    if rows == 0:
        return np.empty((0, dimensions), dtype=element)
    return np.memmap(path, dtype=element, mode="r", offset=8, shape=(rows, dimensions))
