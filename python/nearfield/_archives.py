"""One array of an ``.npz`` archive, streamed: never more of it in memory than a chunk."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from nearfield._source import CHUNK_ROWS
from nearfield.errors import InvalidInput

__all__ = ["open_npz"]

_DAMAGED = (zipfile.BadZipFile, EOFError, ValueError, OSError, NotImplementedError)

Parts = Callable[[], Iterator[NDArray[Any]]]


def open_npz(path: Path, array: str | None) -> tuple[str, tuple[int, ...], Parts]:
    """Find one array of an archive.

    Parameters
    ----------
    path : Path
        The archive.
    array : str or None
        Its name; None when the archive holds one 2-D array only.

    Returns
    -------
    tuple
        (name for messages, shape, a callable that gives an iterator of chunks of rows).

    Raises
    ------
    InvalidInput
        Not an archive, no such array, or several to choose from.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name[:-4] for name in archive.namelist() if name.endswith(".npy")]
            shapes = {name: _header(archive, name)[0] for name in names}
            array = _chosen(path.name, array, shapes)
            kind = _header(archive, array)[2]
    except InvalidInput:
        raise
    except _DAMAGED as error:
        message = f"{path.name} cannot be read as an .npz archive: {error}"
        raise InvalidInput(message) from error
    name = f"{path.name}:{array}"
    if kind.kind not in "fiub":
        message = f"{name} holds {kind}; expected real numbers"
        raise InvalidInput(message)
    return name, shapes[array], lambda: _parts(path, array, name)


def _chosen(file: str, array: str | None, shapes: dict[str, tuple[int, ...]]) -> str:
    held = ", ".join(shapes) or "nothing"
    if array is None:
        flat = [name for name, shape in shapes.items() if len(shape) == 2]
        if len(flat) != 1:
            message = f"{file} holds the arrays {held}; name one as {file}:NAME"
            raise InvalidInput(message)
        return flat[0]
    if array not in shapes:
        message = f"{file} has no array {array!r}; it holds {held}"
        raise InvalidInput(message)
    return array


def _header(archive: zipfile.ZipFile, array: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    with archive.open(array + ".npy") as stream:
        return _read_header(stream)


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, by_columns, kind = read(stream)
    return tuple(shape), bool(by_columns), kind


def _parts(path: Path, array: str, name: str) -> Iterator[NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(array + ".npy") as stream:
            shape, by_columns, kind = _read_header(stream)
            rows, dimensions = shape
            step = CHUNK_ROWS
            if by_columns:  # a row lies all over the array, so it is read whole
                data = np.frombuffer(stream.read(), dtype=kind).reshape(dimensions, rows).T
                for first in range(0, rows, step):
                    yield data[first : first + step]
                return
            for first in range(0, rows, step):
                count = min(step, rows - first) * dimensions
                data = np.frombuffer(stream.read(count * kind.itemsize), dtype=kind)
                yield data.reshape(-1, dimensions)
    except _DAMAGED as error:
        if isinstance(error, InvalidInput):
            raise
        message = f"{name} is damaged: {error}"
        raise InvalidInput(message) from error
