"""Arrow columns as numpy arrays. Needs pyarrow, which is imported only when such an object arrives.

Anything with ``__arrow_c_stream__`` or ``__arrow_c_array__`` is understood: columns and tables of
pyarrow, polars, pandas and DuckDB. Trap: ``.values`` of a list array ignores a slice's offset and
keeps null slots, while ``.flatten()`` respects slices but drops nulls, which would shift the rows.
So nulls are refused first, and then the array is always flattened.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfield.errors import DimensionMismatch, InvalidInput

__all__ = ["arrow_column", "is_arrow"]


def is_arrow(given: object) -> bool:
    """Tell whether the object exports Arrow data.

    Parameters
    ----------
    given : object
        Anything.

    Returns
    -------
    bool
        Whether it has one of the two export methods.
    """
    return hasattr(given, "__arrow_c_stream__") or hasattr(given, "__arrow_c_array__")


def arrow_column(given: object, argument: str) -> NDArray[Any] | None:
    """Read an Arrow column, sharing memory where the layout allows it.

    Parameters
    ----------
    given : object
        A column of numbers, a column of equally long lists of numbers, or a table with one such
        column or with number columns only (which become the dimensions, in order).
    argument : str
        What errors call it.

    Returns
    -------
    ndarray of shape (n,) or (n, width), or None
        None when pyarrow is missing but the object can also turn itself into a numpy array.

    Raises
    ------
    InvalidInput
        A null, naming its row; lists of different lengths (`DimensionMismatch`); pyarrow missing.
    TypeError
        A column that does not hold numbers.
    """
    try:
        pa = importlib.import_module("pyarrow")
    except ImportError:
        if hasattr(given, "__array__"):
            return None
        message = (
            f"{argument} is Arrow data; reading it needs pyarrow: pip install 'nearfield[arrow]'"
        )
        raise InvalidInput(message) from None
    if isinstance(given, (pa.Array, pa.ChunkedArray)):
        column = given
    elif hasattr(given, "__arrow_c_stream__"):
        column = pa.chunked_array(given)
    else:
        column = pa.array(given)
    return _to_numpy(_chunks(column), column.type, argument)


def _chunks(column: Any) -> list[Any]:
    return column.chunks if hasattr(column, "chunks") else [column]


def _to_numpy(chunks: list[Any], kind: Any, argument: str) -> NDArray[Any]:
    types = _types()

    if hasattr(kind, "storage_type"):  # an extension type, such as a fixed-shape tensor
        return _to_numpy([chunk.storage for chunk in chunks], kind.storage_type, argument)
    if types.is_struct(kind):
        return _table(chunks, kind, argument)
    _refuse_nulls(chunks, argument)
    if types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind):
        return _lists(chunks, kind, argument)
    return _join([_numbers(chunk, argument) for chunk in chunks], kind, argument)


def _types() -> Any:
    return importlib.import_module("pyarrow.types")


def _table(chunks: list[Any], kind: Any, argument: str) -> NDArray[Any]:
    types = _types()

    _refuse_nulls(chunks, argument)
    columns = [[chunk.flatten()[i] for chunk in chunks] for i in range(kind.num_fields)]
    kinds = [kind.field(i).type for i in range(kind.num_fields)]
    if len(columns) == 1:
        return _to_numpy(columns[0], kinds[0], argument)
    if columns and all(types.is_integer(t) or types.is_floating(t) for t in kinds):
        parts = [_to_numpy(c, t, argument) for c, t in zip(columns, kinds, strict=True)]
        return np.column_stack(parts)
    names = ", ".join(kind.field(i).name for i in range(kind.num_fields))
    message = f"{argument} is a table with the columns {names}; give the one column that is meant"
    raise InvalidInput(message)


def _refuse_nulls(chunks: list[Any], argument: str) -> None:
    first = 0
    for chunk in chunks:
        if chunk.null_count:
            row = first + int(np.argmin(chunk.is_valid().to_numpy(zero_copy_only=False)))
            message = f"{argument} is null in row {row}; every row needs a value: drop or fill it"
            raise InvalidInput(message)
        first += len(chunk)


def _numbers(chunk: Any, argument: str) -> NDArray[Any]:
    types = _types()

    kind = chunk.type
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
        message = f"{argument} is an Arrow column of {kind}; expected numbers or lists of numbers"
        raise TypeError(message)
    numbers: NDArray[Any] = chunk.to_numpy(zero_copy_only=False)
    return numbers


def _lists(chunks: list[Any], kind: Any, argument: str) -> NDArray[Any]:
    types = _types()

    fixed = types.is_fixed_size_list(kind)
    width = kind.list_size if fixed else -1
    parts = []
    first = 0
    for chunk in chunks:
        rows = len(chunk)
        if rows and not fixed:
            lengths = chunk.value_lengths().to_numpy(zero_copy_only=False)
            width = int(lengths[0]) if width < 0 else width
            if (lengths != width).any():
                bad = int(np.argmax(lengths != width))
                message = (
                    f"{argument} has a list of {lengths[bad]} numbers in row {first + bad} but "
                    f"{width} in row 0; all must be equally long"
                )
                raise DimensionMismatch(message)
        flat = chunk.flatten()
        if flat.null_count:
            place = int(np.argmin(flat.is_valid().to_numpy(zero_copy_only=False)))
            message = f"{argument} holds a null inside the list of row {first + place // width}"
            raise InvalidInput(message)
        if rows:
            parts.append(_numbers(flat, argument).reshape(rows, width))
        first += rows
    if not parts:
        return np.empty((0, max(width, 0)), dtype=np.float32)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _join(parts: list[NDArray[Any]], kind: Any, argument: str) -> NDArray[Any]:
    if not parts:
        return _numbers(importlib.import_module("pyarrow").array([], type=kind), argument)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
