"""Vectors in Parquet files, streamed; the only module that imports pyarrow's Parquet reader."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfield._arrays import as_ids
from nearfield._source import CHUNK_ROWS, Chunk, KeyKind, Keys, Source, checked_rows
from nearfield.errors import InvalidInput
from nearfield.typing import Ids, Vectors

__all__ = ["ParquetWriter", "open_parquet", "read_key_column"]


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow  # type: ignore[import-untyped]
        import pyarrow.parquet  # type: ignore[import-untyped]
    except ImportError as error:
        message = "Parquet files need pyarrow: pip install 'nearfield[arrow]'"
        raise InvalidInput(message) from error
    return pyarrow, pyarrow.parquet


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn pyarrow's errors into a sentence that names the file."""
    arrow, _ = _pyarrow()
    try:
        yield
    except InvalidInput:
        raise
    except (arrow.ArrowException, OSError, EOFError) as error:
        message = f"{name} cannot be read as a Parquet file: {error}"
        raise InvalidInput(message) from error


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
    name = path.name
    file = _file(path)
    schema = file.schema_arrow
    column = _vector_column(schema, vectors, name)
    key_kind = _key_kind(schema, key, name)
    rows_filter = None if where is None else _Filter(schema, where, name)
    columns = [column] if key is None else [column, key]
    dimensions = _dimensions(file, schema.field(column).type, column, name)

    def chunks() -> Iterator[Chunk]:
        for batch, numbers in _batches(file, columns, rows_filter, name):
            keys = None if key is None else _keys(batch.column(key), key_kind, numbers, name)
            yield keys, _vectors(batch.column(column), dimensions, numbers, name)

    def count() -> int:
        wanted = [column] if rows_filter is None else []
        return sum(len(numbers) for _, numbers in _batches(file, wanted, rows_filter, name))

    rows = file.metadata.num_rows if where is None else None
    return Source(name, rows, dimensions, key_kind, chunks, count)


def read_key_column(path: Path, *, key: str, where: str | None) -> list[str] | Ids:
    """Read a column of ids or keys; see `nearfield.sources.read_keys`.

    Parameters
    ----------
    path : Path
        The file.
    key : str
        The column.
    where : str or None
        Filter.

    Returns
    -------
    list of str, or ndarray of uint64
        By the column's type.

    Raises
    ------
    InvalidInput
        Not a Parquet file, or a column is missing or unfit.
    """
    name = path.name
    file = _file(path)
    kind = _key_kind(file.schema_arrow, key, name)
    rows_filter = None if where is None else _Filter(file.schema_arrow, where, name)
    parts = [
        _keys(batch.column(key), kind, numbers, name)
        for batch, numbers in _batches(file, [key], rows_filter, name)
    ]
    if kind == "text":
        return [str(each) for part in parts for each in part or ()]
    return np.concatenate([np.empty(0, dtype=np.uint64), *(np.asarray(part) for part in parts)])


def _file(path: Path) -> Any:
    _, parquet = _pyarrow()
    with _reading(path.name):
        return parquet.ParquetFile(path)


def _batches(
    file: Any, columns: list[str], rows_filter: _Filter | None, name: str
) -> Iterator[tuple[Any, NDArray[np.int64]]]:
    """Give these columns and the filter's, with the number in the file of each row that passes."""
    field = [] if rows_filter is None else [rows_filter.field]
    first = 0
    with _reading(name):
        for batch in file.iter_batches(CHUNK_ROWS, columns=list(dict.fromkeys(columns + field))):
            numbers = np.arange(first, first + len(batch))
            first += len(batch)
            if rows_filter is not None:
                mask = rows_filter.mask(batch)
                batch, numbers = batch.filter(mask), numbers[np.asarray(mask)]
            if len(batch):
                yield batch, numbers


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _vector_column(schema: Any, asked: str | None, name: str) -> str:
    from pyarrow import types

    lists = [field.name for field in schema if _is_list(field.type)]
    if asked is None:
        if len(lists) != 1:
            held = f"the list columns {', '.join(lists)}" if lists else "no column of lists"
            message = f"{name} holds {held}; name the column that holds the vectors (`vectors`)"
            raise InvalidInput(message)
        asked = str(lists[0])
    if asked not in lists:
        if asked in schema.names:
            held = (
                f"{name}: column {asked!r} holds {schema.field(asked).type}, not lists of numbers"
            )
        else:
            held = f"{name} has no column {asked!r}"
        known = f"expected one of {', '.join(lists)}" if lists else "it has no column of lists"
        message = f"{held}; {known}"
        raise InvalidInput(message)
    inner = schema.field(asked).type.value_type
    if not (types.is_integer(inner) or types.is_floating(inner)):
        message = f"{name}: column {asked!r} holds lists of {inner}; expected numbers"
        raise InvalidInput(message)
    return asked


def _column_type(schema: Any, column: str, name: str) -> Any:
    if column not in schema.names:
        message = f"{name} has no column {column!r}; it holds {', '.join(schema.names)}"
        raise InvalidInput(message)
    kind = schema.field(column).type
    return kind.value_type if hasattr(kind, "index_type") else kind


def _key_kind(schema: Any, key: str | None, name: str) -> KeyKind:
    from pyarrow import types

    if key is None:
        return "none"
    kind = _column_type(schema, key, name)
    if types.is_integer(kind):
        return "id"
    if types.is_string(kind) or types.is_large_string(kind):
        return "text"
    message = f"{name}: the key column {key!r} holds {kind}; expected text or integers"
    raise InvalidInput(message)


class _Filter:
    """``column=value``, with the value read as the type of the column."""

    def __init__(self, schema: Any, where: str, name: str) -> None:
        arrow, _ = _pyarrow()
        self.field, separator, text = where.partition("=")
        if not separator or not self.field:
            message = f"the row filter is {where!r}; expected COLUMN=VALUE"
            raise InvalidInput(message)
        kind = _column_type(schema, self.field, name)
        try:
            self._value = arrow.scalar(text).cast(kind)
        except arrow.ArrowException:
            message = f"{name}: column {self.field!r} holds {kind}, which {text!r} cannot be"
            raise InvalidInput(message) from None

    def mask(self, batch: Any) -> Any:
        """Tell which rows of a batch pass."""
        from pyarrow import compute

        column = batch.column(self.field)
        if hasattr(column, "dictionary_decode"):
            column = column.dictionary_decode()
        return compute.fill_null(compute.equal(column, self._value), False)


def _dimensions(file: Any, kind: Any, column: str, name: str) -> int:
    if hasattr(kind, "list_size"):
        return int(kind.list_size)
    with _reading(name):
        for batch in file.iter_batches(CHUNK_ROWS, columns=[column]):
            lengths = batch.column(0).value_lengths().drop_null()
            if len(lengths):
                return int(lengths[0].as_py())
    message = f"{name}: column {column!r} holds no vector, so its dimensions are not known"
    raise InvalidInput(message)


def _first_null(column: Any, numbers: NDArray[np.int64]) -> int:
    return int(numbers[np.argmax(column.is_null().to_numpy(zero_copy_only=False))])


def _keys(column: Any, kind: KeyKind, numbers: NDArray[np.int64], name: str) -> Keys:
    if column.null_count:
        message = f"{name}, row {_first_null(column, numbers)}: the key is null"
        raise InvalidInput(message)
    if kind == "text":
        return [str(key) for key in column.to_pylist()]
    if hasattr(column, "dictionary_decode"):
        column = column.dictionary_decode()
    ids = column.to_numpy(zero_copy_only=False)
    if ids.dtype.kind == "i" and ids.min() < 0:
        place = int(np.argmax(ids < 0))
        message = f"{name}, row {numbers[place]}: the key is {ids[place]}; ids are 0 or more"
        raise InvalidInput(message)
    return as_ids(ids, f"{name}, the key column from row {numbers[0]} on: ids")


def _vectors(column: Any, dimensions: int, numbers: NDArray[np.int64], name: str) -> Vectors:
    # Nulls first: flatten() drops them, which would shift the rows.
    if column.null_count:
        message = f"{name}, row {_first_null(column, numbers)}: the vector is null"
        raise InvalidInput(message)
    if not hasattr(column.type, "list_size"):
        lengths = column.value_lengths().to_numpy(zero_copy_only=False)
        wrong = np.flatnonzero(lengths != dimensions)
        if len(wrong):
            message = (
                f"{name}, row {numbers[wrong[0]]}: the vector has {lengths[wrong[0]]} numbers; "
                f"the first has {dimensions}"
            )
            raise InvalidInput(message)
    # A null inside a vector becomes NaN here, and is refused with it.
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return checked_rows(flat.reshape(-1, dimensions), dimensions, numbers, name)


class ParquetWriter:
    """Writes ids or keys beside their vectors, chunk by chunk.

    Parameters
    ----------
    path : Path
        The file to write.
    key_kind : "id" or "text"
        Names the first column ``id`` or ``key``.
    dimensions : int
        Numbers in a vector; column ``vector`` is a fixed-size list of float32.

    Raises
    ------
    InvalidInput
        pyarrow is not installed.
    """

    def __init__(self, path: Path, key_kind: KeyKind, dimensions: int) -> None:
        self._arrow, parquet = _pyarrow()
        name, kind = ("key", self._arrow.string())
        if key_kind == "id":
            name, kind = "id", self._arrow.uint64()
        lists = self._arrow.list_(self._arrow.float32(), dimensions)
        self._schema = self._arrow.schema([(name, kind), ("vector", lists)])
        self._writer = parquet.ParquetWriter(path, self._schema)

    def write(self, keys: Any, vectors: Vectors) -> None:
        """Append rows.

        Parameters
        ----------
        keys : ndarray or list of n ids or keys
            The first column.
        vectors : ndarray of float32, shape (n, dimensions)
            The second.
        """
        kind, lists = self._schema.types
        flat = self._arrow.array(np.ascontiguousarray(vectors).ravel())
        column = self._arrow.FixedSizeListArray.from_arrays(flat, lists.list_size)
        names = self._arrow.array(keys, type=kind)
        self._writer.write_table(self._arrow.table([names, column], schema=self._schema))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()
