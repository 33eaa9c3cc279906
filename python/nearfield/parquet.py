"""Vectors and columns in Parquet files, streamed; nothing else imports pyarrow's Parquet reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfield._arrays import as_ids
from nearfield._source import (
    CHUNK_ROWS,
    Chunk,
    DescribedChunk,
    KeyKind,
    Keys,
    Source,
    checked_rows,
)
from nearfield.errors import InvalidInput
from nearfield.typing import ColumnValues, Ids, Vectors

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


def open_parquet(
    path: Path,
    *,
    vectors: str | None,
    key: str | None,
    where: str | None,
    columns: Sequence[str] | None = None,
) -> Source:
    """Open a Parquet file; see `nearfield.sources.open_source`.

    Parameters
    ----------
    path : Path
        The file.
    vectors, key, where : str or None
        Columns and filter.
    columns : sequence of str, "all" or None
        Further columns.

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
    described = [] if columns is None else _described(schema, columns, (column, key), name)
    needed = [column] if key is None else [column, key]
    dimensions = _dimensions(file, schema.field(column).type, column, name)

    def read(more: list[str]) -> Iterator[DescribedChunk]:
        for batch, numbers in _batches(file, needed + more, rows_filter, name):
            keys = None if key is None else _keys(batch.column(key), key_kind, numbers, name)
            rows = _vectors(batch.column(column), dimensions, numbers, name)
            yield keys, rows, {each: _values(batch.column(each), each, name) for each in more}

    def chunks() -> Iterator[Chunk]:
        for keys, rows, _ in read([]):
            yield keys, rows

    def count() -> int:
        wanted = [column] if rows_filter is None else []
        return sum(len(numbers) for _, numbers in _batches(file, wanted, rows_filter, name))

    rows = file.metadata.num_rows if where is None else None
    with_columns = None if columns is None else lambda: read(described)
    return Source(name, rows, dimensions, key_kind, chunks, count, with_columns)


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


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind))


def _vector_column(schema: Any, asked: str | None, name: str) -> str:
    lists = [field.name for field in schema if _is_list(field.type)]
    if asked is None:
        # Others may be tags.
        numbers = [each for each in lists if _is_number(schema.field(each).type.value_type)]
        if len(numbers) != 1:
            held = (
                f"the columns of lists {', '.join(numbers)}" if numbers else "no lists of numbers"
            )
            message = f"{name} holds {held}; name the column that holds the vectors (`vectors`)"
            raise InvalidInput(message)
        asked = str(numbers[0])
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
    if not _is_number(inner):
        message = f"{name}: column {asked!r} holds lists of {inner}; expected numbers"
        raise InvalidInput(message)
    return asked


def _column_type(schema: Any, column: str, name: str) -> Any:
    if column not in schema.names:
        message = f"{name} has no column {column!r}; it holds {', '.join(schema.names)}"
        raise InvalidInput(message)
    kind = schema.field(column).type
    return kind.value_type if hasattr(kind, "index_type") else kind


def _described(
    schema: Any, asked: Sequence[str], taken: tuple[str, str | None], name: str
) -> list[str]:
    """Give the names of the columns that are asked for, each of which an index can hold."""
    from nearfield._arrow_columns import column_type

    is_all = isinstance(asked, str)
    if is_all and asked != "all":
        message = f"columns is {asked!r}; expected a list of names, or 'all' (`columns`)"
        raise InvalidInput(message)
    names = [each for each in schema.names if each not in taken] if is_all else list(asked)
    for each in names:
        kind = _column_type(schema, each, name)
        if column_type(kind) is None:
            message = (
                f"{name}: column {each!r} holds {kind}, which no column of an index can; expected "
                "bool, integers, floats, timestamps or dates, text, or lists of text (`columns`)"
            )
            raise InvalidInput(message)
        if each == "id":
            message = (
                f"{name}: column 'id' has the name that an index keeps for the ids of its vectors; "
                "rename it, or name the columns that are wanted (`columns`)"
            )
            raise InvalidInput(message)
    return list(dict.fromkeys(names))


def _values(column: Any, each: str, name: str) -> Any:
    from nearfield._arrow_columns import values_of_arrow

    return values_of_arrow(column, f"{name}: column {each!r}")


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
    """Writes ids or keys beside their vectors, and columns, chunk by chunk.

    Parameters
    ----------
    path : Path
        The file to write.
    key_kind : "id" or "text"
        Names the first column ``id`` or ``key``.
    dimensions : int
        Numbers in a vector; column ``vector`` is a fixed-size list of float32.
    columns : mapping of str to str, optional
        Types of further columns by name, as `nearfield.columns.ColumnInfo` has them: timestamps
        are written as microseconds in UTC, categories as text, tags as lists of text.

    Raises
    ------
    InvalidInput
        pyarrow is not installed, or a column has the name of one of the first two.
    """

    def __init__(
        self,
        path: Path,
        key_kind: KeyKind,
        dimensions: int,
        columns: Mapping[str, str] | None = None,
    ) -> None:
        self._arrow, parquet = _pyarrow()
        name, kind = ("key", self._arrow.string())
        if key_kind == "id":
            name, kind = "id", self._arrow.uint64()
        lists = self._arrow.list_(self._arrow.float32(), dimensions)
        self._types = dict(columns or {})
        for each, of in (name, f"{name}s"), ("vector", "vectors"):
            if each in self._types:
                message = (
                    f"the index has a column {each!r}, as that of the {of} is called in the file; "
                    "name the columns that are wanted (`columns`)"
                )
                raise InvalidInput(message)
        fields = [(name, kind), ("vector", lists)]
        if self._types:
            from nearfield._arrow_columns import arrow_type

            fields += [(each, arrow_type(of)) for each, of in self._types.items()]
        self._schema = self._arrow.schema(fields)
        self._writer = parquet.ParquetWriter(path, self._schema)

    def write(
        self, keys: Any, vectors: Vectors, columns: Mapping[str, ColumnValues] | None = None
    ) -> None:
        """Append rows.

        Parameters
        ----------
        keys : ndarray or list of n ids or keys
            The first column.
        vectors : ndarray of float32, shape (n, dimensions)
            The second.
        columns : mapping of str to masked array, optional
            The others, as `nearfield.Index.get_columns` gives them.
        """
        kind, lists = self._schema.types[:2]
        flat = self._arrow.array(np.ascontiguousarray(vectors).ravel())
        column = self._arrow.FixedSizeListArray.from_arrays(flat, lists.list_size)
        names = self._arrow.array(keys, type=kind)
        arrays = [names, column]
        if self._types:
            from nearfield._arrow_columns import arrow_of

            given = columns or {}
            arrays += [arrow_of(given[each], of) for each, of in self._types.items()]
        self._writer.write_table(self._arrow.table(arrays, schema=self._schema))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()
