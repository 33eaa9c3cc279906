"""The one door for arrays of the user: what comes out is what the compiled core stands on.

Order in which an object is understood: a numpy array; Arrow data (``_arrow.py``); a DLPack tensor
on the CPU; anything that numpy can read (nested lists, buffers, ``__array__``). Integers, booleans
and every real float type become float32 by rounding to nearest. NaN and infinity pass here and are
refused by the core, which names the row; numbers beyond the range of float32 are refused here,
where they are still known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nearfield._arrow import arrow_column, is_arrow
from nearfield._numbers import as_id
from nearfield.errors import DimensionMismatch, InvalidInput, NotFinite
from nearfield.neighbors import NO_ID
from nearfield.typing import Distances, Ids, IdsLike, Vectors, VectorsLike

__all__ = ["as_ids", "as_key_outputs", "as_outputs", "as_vectors", "is_chunked"]

_FLOAT32 = np.dtype(np.float32)
_UINT64 = np.dtype(np.uint64)
# numpy's flags C_CONTIGUOUS, OWNDATA, ALIGNED, WRITEABLE. Two arrays that own memory share none.
_OWN_AND_PLAIN = 0x505
_WRITTEN = {_UINT64: "np.uint64", _FLOAT32: "np.float32", np.dtype(object): "object"}
_CPU_DEVICES = (1, 3, 13)  # DLPack's kDLCPU, kDLCUDAHost (pinned) and kDLCUDAManaged
_WORD = 2**64


def as_vectors(
    given: VectorsLike, dimensions: int | None, argument: str, axes: int | None = None
) -> Vectors:
    """Read vectors: float32, C-contiguous, aligned, without a copy where possible.

    Parameters
    ----------
    given : array-like of shape (dimensions,) or (n, dimensions)
        See the head of this file. Any stride, order and byte order; read-only is fine.
    dimensions : int or None
        The width to insist on; None takes any.
    argument : str
        What errors call it.
    axes : int or None, default None
        1 or 2 insists on that many axes; None takes either.

    Returns
    -------
    ndarray of float32
        With as many axes as were given.

    Raises
    ------
    DimensionMismatch
        The width is not ``dimensions``, or the rows differ in width.
    InvalidInput
        A wrong number of axes, or missing values.
    NotFinite
        A number beyond the range of float32.
    TypeError
        Not real numbers: strings, complex numbers, tensors on another device, ...

    Notes
    -----
    Copies only when the type, order, alignment or byte order demands it.
    """
    array = _as_numbers(given, argument)
    if array.dtype is not _FLOAT32 or not array.flags.c_contiguous or not array.flags.aligned:
        array = _to_float32(array, argument)
    if axes == 2 and array.shape == (0,) and isinstance(given, (list, tuple)):
        array = array.reshape(0, dimensions or 0)
    if array.ndim not in ((1, 2) if axes is None else (axes,)):
        wanted = {1: "one vector (1 axis)", 2: "rows of vectors (2 axes)"}
        expected = wanted.get(axes or 0, "one vector (1 axis) or rows of vectors (2 axes)")
        message = f"{argument} has shape {array.shape}; expected {expected}"
        raise InvalidInput(message)
    if dimensions is not None and array.shape[-1] != dimensions:
        unit = "columns" if array.ndim == 2 else "numbers"
        message = (
            f"{argument} has {array.shape[-1]} {unit}; this index stores {dimensions}-dimensional "
            f"vectors (argument `{argument}`)"
        )
        raise DimensionMismatch(message)
    return cast(Vectors, array)


def _as_numbers(given: object, argument: str) -> NDArray[Any]:
    """Any real dtype, any layout."""
    array = _as_array(given, argument)
    if array.dtype.kind == "O":
        array = _from_objects(array, argument)
    if array.dtype.kind not in "fiub":
        message = f"{argument} holds {array.dtype}; expected real numbers"
        if array.dtype.kind == "c":
            message += (
                " (complex numbers have no distance here: give their real and imaginary parts)"
            )
        raise TypeError(message)
    return array


def _as_array(given: object, argument: str) -> NDArray[Any]:
    if isinstance(given, np.ma.MaskedArray):
        if np.ma.is_masked(given):
            bad = np.argwhere(np.ma.getmaskarray(given))[0].tolist()
            message = f"{argument} is masked at {bad}; every row needs all its numbers"
            raise InvalidInput(message)
        return np.asarray(given.data)
    if isinstance(given, np.ndarray):
        return np.asarray(given)
    if isinstance(given, (str, bytes, bytearray, dict, set, frozenset)):
        message = f"{argument} is of type {type(given).__name__}; expected an array of real numbers"
        raise TypeError(message)
    if is_arrow(given):
        column = arrow_column(given, argument)
        if column is not None:
            return column
    elif hasattr(given, "__dlpack__") and hasattr(given, "__dlpack_device__"):
        return _from_dlpack(given, argument)
    try:
        array = np.asarray(given)
    except ValueError:
        # numpy refuses rows of different lengths; find the first.
        array = np.empty(len(cast(Sequence[object], given)), dtype=object)
        array[:] = list(cast(Sequence[object], given))
    if array.ndim == 0 and array.dtype.kind == "O":
        message = f"{argument} is of type {type(given).__name__}; expected an array of real numbers"
        raise TypeError(message)
    return array


def _from_dlpack(given: Any, argument: str) -> NDArray[Any]:
    device = given.__dlpack_device__()[0]
    if int(device) not in _CPU_DEVICES:
        message = (
            f"{argument} is a tensor on another device (DLPack device type {int(device)}); "
            f"copy it to the CPU first, for example with .cpu()"
        )
        raise TypeError(message)
    if getattr(given, "requires_grad", False):
        given = given.detach()
    try:
        return np.from_dlpack(given)
    except (BufferError, TypeError, RuntimeError) as error:
        message = f"{argument} is a tensor that numpy cannot read ({error}); convert it to float32"
        raise TypeError(message) from error


def _from_objects(array: NDArray[Any], argument: str) -> NDArray[Any]:
    """Numbers or rows inside Python objects, as dataframes keep them."""
    if array.ndim == 1 and array.size and (hasattr(array[0], "__len__") or is_arrow(array[0])):
        rows: list[NDArray[Any]] = []
        for row, each in enumerate(array):
            try:
                numbers = _as_numbers(each, f"{argument}, row {row}")
            except (RecursionError, ValueError) as error:
                if isinstance(error, InvalidInput):
                    raise
                message = f"{argument}, row {row}: {error}"
                raise InvalidInput(message) from None
            if rows and numbers.shape != rows[0].shape:
                message = (
                    f"{argument} has shape {numbers.shape} in row {row} but {rows[0].shape} in row "
                    f"0; all rows must be equally long"
                )
                raise DimensionMismatch(message)
            rows.append(numbers)
        return np.stack(rows)
    try:
        return array.astype(np.float64)
    except OverflowError:
        message = f"{argument} holds an integer beyond the range of float32"
        raise NotFinite(message, _first_row(array, lambda one: abs(one) >= 2**128)) from None
    except (TypeError, ValueError):
        row = _first_row(array, lambda one: not hasattr(one, "__float__"))
        message = f"{argument} holds something that is not a real number in row {row}"
        raise TypeError(message) from None


def _first_row(array: NDArray[Any], is_bad: Any) -> int:
    for place, one in enumerate(array.flat):
        if is_bad(one):
            return 0 if array.ndim < 2 else place // (array.size // array.shape[0])
    return 0


def _to_float32(array: NDArray[Any], argument: str) -> NDArray[np.float32]:
    with np.errstate(all="ignore"):
        converted = np.asarray(array, dtype=_FLOAT32, order="C")
    if not converted.flags.aligned:
        converted = converted.copy()
    if array.dtype.kind == "f" and array.dtype.itemsize > 4 and not np.isfinite(converted).all():
        _refuse_overflow(array, converted, argument)
    return converted


def _refuse_overflow(array: NDArray[Any], converted: NDArray[Any], argument: str) -> None:
    """Name a number that float32 cannot hold, unless NaN or infinity stands in an earlier row."""
    place = tuple(int(i) for i in np.argwhere(~np.isfinite(converted))[0])
    if np.isfinite(array[place]):
        row = place[0] if array.ndim == 2 else 0
        message = (
            f"{argument} holds {float(array[place])!r} in row {row}, column {place[-1]}, which is "
            f"beyond the range of float32 (about 3.4e38)"
        )
        raise NotFinite(message, row)


def is_chunked(given: object) -> bool:
    """Tell an iterator of chunks from an array.

    Parameters
    ----------
    given : object
        The argument ``vectors``.

    Returns
    -------
    bool
        True for iterators, and for iterables that are neither sequences nor array-like.
    """
    if not hasattr(given, "__iter__") or is_arrow(given):
        return False
    if hasattr(given, "__next__"):
        return True
    array_like = ("__len__", "__getitem__", "__array__", "__dlpack__")
    return not any(hasattr(given, name) for name in array_like)


def as_ids(given: IdsLike, argument: str = "ids") -> NDArray[np.uint64]:
    """Read ids: uint64, one axis, contiguous.

    Parameters
    ----------
    given : sequence of int, integer array or integer Arrow column
        Lists, tuples, ranges, 1-D arrays of any integer type, ``index.ids``.
    argument : str, default "ids"
        What errors call it.

    Returns
    -------
    ndarray of uint64, shape (n,)
        Without a copy when it already was one.

    Raises
    ------
    InvalidInput
        More than one axis, a null, or 2^64-1, which marks "no result".
    TypeError
        Not integers, negative, or above 2^64-1; a set or a generator, which have no fixed order.
    """
    ids = _as_integers(given, argument)
    if ids.size and ids.max() == NO_ID:
        row = int(np.argmax(ids == NO_ID))
        message = f"{argument}[{row}] is 2^64-1, which is kept for 'no result' (nearfield.NO_ID)"
        raise InvalidInput(message)
    return ids


def _as_integers(given: Any, argument: str) -> NDArray[np.uint64]:
    if isinstance(given, range):
        return _from_range(given, argument)
    if is_arrow(given) and not isinstance(given, np.ndarray):
        column = arrow_column(given, argument)
        given = np.asarray(given) if column is None else column
    elif isinstance(given, (str, bytes)) or not (
        isinstance(given, Sequence) or hasattr(given, "__array__")
    ):
        message = f"{argument} is of type {type(given).__name__}; expected a sequence of integers"
        raise TypeError(message)
    if np.ma.is_masked(given):
        message = f"{argument} has masked entries; every row needs an id"
        raise InvalidInput(message)
    array = np.asarray(given) if hasattr(given, "__array__") else _list_of_integers(given, argument)
    if array.ndim != 1:
        message = f"{argument} has shape {array.shape}; expected one axis"
        raise InvalidInput(message)
    if array.size == 0:
        return np.empty(0, dtype=np.uint64)
    if array.dtype.kind == "O":
        array = _list_of_integers(array.tolist(), argument)
    if array.dtype.kind not in "iu":
        message = f"{argument} holds {array.dtype}; expected integers from 0 to 2^64-2"
        raise TypeError(message)
    if array.dtype.kind == "i" and array.min() < 0:
        row = int(np.argmax(array < 0))
        message = f"{argument}[{row}] is {array[row]}; ids are integers from 0 to 2^64-2"
        raise TypeError(message)
    return np.ascontiguousarray(array, dtype=np.uint64)


def _from_range(given: range, argument: str) -> NDArray[np.uint64]:
    if len(given) and (min(given[0], given[-1]) < 0 or max(given[0], given[-1]) >= _WORD):
        message = f"{argument} is {given}; ids are integers from 0 to 2^64-2"
        raise TypeError(message)
    steps = np.arange(len(given), dtype=np.uint64)
    return np.uint64(given.start % _WORD) + steps * np.uint64(given.step % _WORD)


def _list_of_integers(given: Any, argument: str) -> NDArray[Any]:
    """Python integers, also those beyond int64, which numpy alone would turn into floats."""
    try:
        array = np.array(given)
    except ValueError as error:
        message = f"{argument}: {error}"
        raise InvalidInput(message) from None
    if array.dtype.kind in "iu" or array.ndim != 1 or array.size == 0:
        return array
    return np.array(
        [as_id(one, f"{argument}[{i}]") for i, one in enumerate(given)], dtype=np.uint64
    )


def as_outputs(given: object, vectors: Vectors, k: int) -> tuple[Ids, Distances]:
    """Check the arrays that a caller wants results written to.

    Parameters
    ----------
    given : tuple of two ndarrays
        For ids and for distances.
    vectors : ndarray of shape (width,) or (n, width)
        The queries, which are read while the arrays are written.
    k : int
        Neighbours of each.

    Returns
    -------
    tuple of two ndarrays
        The same arrays.

    Raises
    ------
    InvalidInput
        Another dtype or shape, not C-contiguous or aligned, read-only, or memory that is shared.
    TypeError
        Not a tuple or list of two arrays.
    """
    if type(given) is tuple and len(given) == 2:  # the common case first: it is worth 2 us
        ids, distances = given
        if (
            type(ids) is np.ndarray
            and type(distances) is np.ndarray
            and ids.dtype is _UINT64
            and distances.dtype is _FLOAT32
            and ids.flags.num & _OWN_AND_PLAIN == _OWN_AND_PLAIN
            and distances.flags.num & _OWN_AND_PLAIN == _OWN_AND_PLAIN
            and ids.shape == distances.shape == (*vectors.shape[:-1], k)
            and vectors is not distances
            and _is_known_owner(vectors.base, ids, distances)
        ):
            return ids, distances
    return cast(tuple[Ids, Distances], _outputs(given, "ids", _UINT64, vectors, k))


def _is_known_owner(base: object, ids: Ids, distances: Distances) -> bool:
    """Say whether the memory of an array with this base is surely not that of the two."""
    if base is None:
        return True
    if type(base) is not np.ndarray or not base.flags.owndata:
        return False
    return base is not ids and base is not distances


def as_key_outputs(
    given: object, vectors: Vectors, k: int
) -> tuple[NDArray[np.object_], Distances]:
    """Check the arrays that a caller wants keys and distances written to.

    Parameters
    ----------
    given : tuple of two ndarrays
        For keys, of dtype object, and for distances.
    vectors, k
        As for `as_outputs`.

    Returns
    -------
    tuple of two ndarrays
        The same arrays.

    Raises
    ------
    InvalidInput, TypeError
        As for `as_outputs`.
    """
    found = _outputs(given, "keys", np.dtype(object), vectors, k)
    return cast(tuple[NDArray[np.object_], Distances], found)


def _outputs(
    given: object, first: str, dtype: np.dtype[Any], vectors: Vectors, k: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    if not isinstance(given, tuple | list) or len(given) != 2:
        message = f"out is {_kind(given)}; expected a tuple of two arrays ({first}, distances)"
        raise TypeError(message)
    shape = (*vectors.shape[:-1], k)
    for name, array, wanted in ((first, given[0], dtype), ("distances", given[1], _FLOAT32)):
        make = f"np.empty({shape}, dtype={_WRITTEN[wanted]})"
        if not isinstance(array, np.ndarray):
            message = f"out: {name} is of type {_kind(array)}; expected an ndarray, such as {make}"
            raise TypeError(message)
        fault = _fault(array, wanted, shape)
        if fault:
            message = f"out: {name} {fault}; {make} is right"
            raise InvalidInput(message)
    names, distances = given
    for one, other, what in (
        (names, distances, f"{first} and distances"),
        (names, vectors, f"{first} and the queries"),
        (distances, vectors, "distances and the queries"),
    ):
        if np.may_share_memory(one, other):
            message = f"out: {what} share memory; expected arrays that do not overlap"
            raise InvalidInput(message)
    return names, distances


def _fault(array: NDArray[Any], dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    """Say why results cannot be written to an array; empty where they can."""
    if array.dtype != dtype:
        return f"has dtype {array.dtype}, expected {dtype}"
    if array.shape != shape:
        axes = "(k,)" if len(shape) == 1 else "(queries, k)"
        return f"has shape {array.shape}, expected {axes} = {shape}"
    if not array.flags.c_contiguous:
        return "is not C-contiguous (a slice, a transpose or of Fortran's order), expected rows"
    if not array.flags.aligned:
        return "is not aligned in memory, expected an array of its own"
    return "" if array.flags.writeable else "is read-only, expected a writeable array"


def _kind(given: object) -> str:
    return type(given).__name__
