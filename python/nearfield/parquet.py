"""Vectors in Parquet files, streamed; the only module that imports pyarrow's Parquet reader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nearfield._arrays import as_vectors
from nearfield.errors import InvalidInput
from nearfield.sources import Chunk, Source, finite_rows
from nearfield.typing import Vectors

__all__ = ["open_parquet", "write_parquet"]

_CHUNK_ROWS = 8192


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        message = "Parquet files need pyarrow: pip install 'nearfield[arrow]'"
        raise InvalidInput(message) from error
    return pyarrow, pyarrow.parquet


def open_parquet(path: Path, *, vectors: str | None, key: str | None, where: str | None) -> Source:
    """Open a Parquet file; see `nearfield.sources.open_source`.

    Parameters
    ----------
    path : Path
        The file.
    vectors, key, where : str or None
        Columns and filter.

    Returns
    -------
    Source
        Its rows.

    Raises
    ------
    InvalidInput
        Not a Parquet file, or a column is missing or unfit.
    """
    arrow, parquet = _pyarrow()
    try:
        file = parquet.ParquetFile(path)
    except (arrow.ArrowInvalid, OSError) as error:
        message = f"{path.name} cannot be read as a Parquet file: {error}"
        raise InvalidInput(message) from error
    schema = file.schema_arrow
    column = _vector_column(arrow, schema, vectors, path.name)
    field, value = _filter(where)
    for name in (key, field):
        if name is not None and name not in schema.names:
            message = f"{path.name} has no column {name!r}; it holds {', '.join(schema.names)}"
            raise InvalidInput(message)
    columns = list(dict.fromkeys(name for name in (column, key, field) if name is not None))
    dimensions = _dimensions(file, schema.field(column).type, column, path.name)

    def chunks() -> Iterator[Chunk]:
        first = 0
        for batch in file.iter_batches(_CHUNK_ROWS, columns=columns):
            kept = _kept(batch, field, value)
            rows = batch if kept is None else batch.take(arrow.array(kept))
            numbers = np.arange(first, first + len(batch)) if kept is None else first + kept
            first += len(batch)
            if len(rows) == 0:
                continue
            yield (
                _keys(rows, key, numbers, path.name),
                _vectors(rows.column(column), dimensions, numbers, path.name),
            )

    return Source(
        path.name,
        file.metadata.num_rows if where is None else None,
        dimensions,
        key is not None,
        chunks,
    )


def _vector_column(arrow: Any, schema: Any, asked: str | None, name: str) -> str:
    lists = [
        field.name
        for field in schema
        if arrow.types.is_list(field.type)
        or arrow.types.is_large_list(field.type)
        or arrow.types.is_fixed_size_list(field.type)
    ]
    if asked is None:
        if len(lists) == 1:
            return str(lists[0])
        held = f"the list columns {', '.join(lists)}" if lists else "no column of lists"
        message = f"{name} holds {held}; name the column of vectors with --vectors"
        raise InvalidInput(message)
    if asked not in lists:
        message = (
            f"{name} has no column of vectors {asked!r}; its list columns are "
            f"{', '.join(lists) or 'none'}"
        )
        raise InvalidInput(message)
    return asked


def _filter(where: str | None) -> tuple[str | None, str | None]:
    if where is None:
        return None, None
    field, separator, value = where.partition("=")
    if not separator or not field:
        message = f"--rows is {where!r}; expected COLUMN=VALUE"
        raise InvalidInput(message)
    return field, value


def _dimensions(file: Any, kind: Any, column: str, name: str) -> int:
    if hasattr(kind, "list_size"):
        return int(kind.list_size)
    for batch in file.iter_batches(1, columns=[column]):
        first = batch.column(0)[0].as_py()
        if first:
            return len(first)
    message = f"{name}: column {column!r} is empty, so its dimensions are not known"
    raise InvalidInput(message)


def _kept(batch: Any, field: str | None, value: str | None) -> Any:
    if field is None:
        return None
    texts = [None if each is None else str(each) for each in batch.column(field).to_pylist()]
    return np.flatnonzero(np.array([each == value for each in texts], dtype=bool))


def _keys(rows: Any, key: str | None, numbers: Any, name: str) -> list[Any] | None:
    if key is None:
        return None
    values = rows.column(key).to_pylist()
    for number, value in zip(numbers, values, strict=True):
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            message = f"{name}, row {number}: the key is {value!r}; expected text or an integer"
            raise InvalidInput(message)
    return values


def _vectors(column: Any, dimensions: int, numbers: Any, name: str) -> Vectors:
    if column.null_count:
        row = numbers[int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))]
        message = f"{name}, row {row}: the vector is null"
        raise InvalidInput(message)
    if not hasattr(column.type, "list_size"):
        lengths = np.asarray(column.value_lengths())
        wrong = np.flatnonzero(lengths != dimensions)
        if len(wrong):
            message = (
                f"{name}, row {numbers[wrong[0]]}: the vector has {lengths[wrong[0]]} numbers; "
                f"the first row has {dimensions}"
            )
            raise InvalidInput(message)
    flat = column.flatten().to_numpy(zero_copy_only=False)
    if len(flat) != len(column) * dimensions or flat.dtype.kind == "O":
        message = f"{name}, rows {numbers[0]} to {numbers[-1]}: a vector holds a null or no numbers"
        raise InvalidInput(message)
    rows = as_vectors(flat.reshape(-1, dimensions), dimensions, name, axes=2)
    good = np.isfinite(rows).all(axis=1)
    return finite_rows(
        rows, 0 if good.all() else int(numbers[np.argmin(good)] - np.argmin(good)), name
    )


def write_parquet(path: Path, names: str, values: list[Any], vectors: Vectors) -> None:
    """Write ids or keys beside their vectors.

    Parameters
    ----------
    path : Path
        The file to write.
    names : str
        Name of the first column, ``id`` or ``key``.
    values : list
        Its n values.
    vectors : ndarray of shape (n, d)
        Column ``vector``, a fixed-size list of float32.
    """
    arrow, parquet = _pyarrow()
    flat = arrow.array(np.ascontiguousarray(vectors).ravel())
    lists = arrow.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    kind = arrow.string() if names == "key" else arrow.uint64()
    table = arrow.table({names: arrow.array(values, type=kind), "vector": lists})
    parquet.write_table(table, path)
