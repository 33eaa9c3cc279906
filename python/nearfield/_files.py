"""From paths, bytes and file objects to the compiled core and back.

Formats are recognised by content, never by name: nearfield's own, Voyager versions 0 and 1,
hnswlib.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any, TypedDict

from nearfield import _core
from nearfield._numbers import as_whole
from nearfield.errors import IndexFileNotAccessible, InvalidInput
from nearfield.spaces import Space, StorageDataType, as_space, as_storage
from nearfield.typing import FileFormat

__all__ = [
    "Source",
    "Target",
    "as_bytes",
    "expected",
    "format_of",
    "one_of",
    "read",
    "voyager_storage",
    "write",
]

VOYAGER_NAMES = (".voy", ".voyager")
"""How the names of files end that are written in Voyager's format unless another is asked for."""

Source = Any  # str, path, bytes-like, or an object with read(); checked below
Target = Any  # str, path, or an object with write(); checked below

_CHUNK_BYTES = 100 * 1024 * 1024  # Voyager's: file objects of its users have seen no larger read


class Expected(TypedDict, total=False):
    """What a file must hold, or holds if it does not say."""

    space: Space
    num_dimensions: int
    storage: StorageDataType


def one_of(call: str, name: str, first: Any, file_like: Any) -> Any:
    """Choose between Voyager's two names for a file.

    Parameters
    ----------
    call, name : str
        What errors call them.
    first, file_like : object or None
        One of them is given.

    Returns
    -------
    object
        The one.

    Raises
    ------
    TypeError
        Both or neither are given.
    """
    if (first is None) == (file_like is None):
        message = f"{call}() takes either {name} or file_like"
        raise TypeError(message)
    return file_like if first is None else first


def expected(
    space: Space | int | str | None,
    num_dimensions: int | None,
    storage: StorageDataType | int | str,
) -> Expected:
    """Read what a file must hold, by Voyager's rule for these three arguments.

    Parameters
    ----------
    space, num_dimensions : optional
        Both or neither.
    storage : StorageDataType, int or str
        Counts only with the two.

    Returns
    -------
    dict
        Arguments for `read`.

    Raises
    ------
    InvalidInput, TypeError
        One without the other, or values that cannot be.
    """
    chosen = as_storage(storage)
    if space is None and num_dimensions is None and chosen is StorageDataType.Float32:
        return {}
    if space is None or num_dimensions is None:
        message = (
            "give space and num_dimensions together, or neither; storage_data_type only with them"
        )
        raise TypeError(message)
    dimensions = as_whole(num_dimensions, "num_dimensions", 1, 2**20)
    return {"space": as_space(space), "num_dimensions": dimensions, "storage": chosen}


def read(
    source: Source,
    *,
    mmap: bool = False,
    verify: bool = False,
    space: Space | None = None,
    num_dimensions: int | None = None,
    storage: StorageDataType | None = None,
) -> _core.Index:
    """Open an index file.

    Parameters
    ----------
    source : str, path, bytes-like or binary file object
        Bytes are the content of a file. A file object is read from its present position to its end.
    mmap : bool, default False
        Map the file instead of reading it; paths only.
    verify : bool, default False
        With ``mmap``, check all blocks now instead of on first touch.
    space, num_dimensions, storage : optional
        What the file must hold, or holds if it does not say.

    Returns
    -------
    _core.Index
        The compiled index.

    Raises
    ------
    IndexFileError, IndexFileNotAccessible
        See `nearfield.errors`.
    InvalidInput
        ``mmap`` for something that is not a path.
    TypeError
        Not a path, bytes or a binary file object.
    """
    path = _path(source)
    wanted = (
        None if space is None else space.value,
        num_dimensions,
        None if storage is None else storage.value,
    )
    if path is not None:
        try:
            return _core.Index.load(path, mmap, verify, *wanted)
        except IndexFileNotAccessible as error:
            error.filename = path
            raise
    if mmap:
        message = "mmap=True needs a path; bytes and file objects are in memory already"
        raise InvalidInput(message)
    if isinstance(source, memoryview) and not source.c_contiguous:
        source = source.tobytes()
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _core.Index.load(source, False, verify, *wanted)
    return _core.Index.load(_read_all(source), False, verify, *wanted)


def format_of(target: Target, asked: FileFormat | None) -> FileFormat:
    """Choose the format of a file that is to be written.

    Parameters
    ----------
    target : str, path or binary file object
        Where it goes; the end of a name decides where nothing was asked.
    asked : "nearfield", "voyager" or None
        What the caller wants.

    Returns
    -------
    "nearfield" or "voyager"
        The format.

    Raises
    ------
    InvalidInput
        An unknown one was asked for.

    Examples
    --------
    >>> format_of("tracks.voy", None), format_of("tracks.nf", None)
    ('voyager', 'nearfield')
    """
    if asked is None:
        named = isinstance(target, (str, bytes, os.PathLike))
        return (
            "voyager"
            if named and os.fsdecode(target).lower().endswith(VOYAGER_NAMES)
            else "nearfield"
        )
    if asked not in ("nearfield", "voyager"):
        message = f"format is {asked!r}; expected 'nearfield' or 'voyager'"
        raise InvalidInput(message)
    return asked


def write(
    core: _core.Index,
    target: Target,
    file_format: FileFormat | None,
    taken: Callable[[], object] | None = None,
) -> None:
    """Save an index to a path or a file object.

    Parameters
    ----------
    core : _core.Index
        The compiled index.
    target : str, path or binary file object
        A path is written under a temporary name, synced and renamed. A file object gets `bytes` of
        at most 1 MiB at a time.
    file_format : "nearfield", "voyager" or None
        Our own format, or Voyager's version 1; None: see `format_of`.
    taken : callable, optional
        Called when the instant that is saved has passed, if the format is our own.

    Raises
    ------
    InvalidInput
        An unknown format; an empty index in Voyager's, which Voyager could not load.
    IndexFileNotAccessible
        The path cannot be written.
    TypeError
        Neither a path nor a file object.

    Warns
    -----
    UserWarning
        Voyager has no such storage, so the vectors are written as Float32.
    """
    voyager = format_of(target, file_format) == "voyager"
    if voyager:
        _warn_of_decoding(core)
    path = _path(os.fsdecode(target) if isinstance(target, bytes) else target)
    if path is not None:
        try:
            core.save_voyager(path) if voyager else core.save(path, taken)
        except IndexFileNotAccessible as error:
            error.filename = path
            raise
        return
    if not hasattr(target, "write"):
        kind = type(target).__name__
        message = (
            f"output_path is of type {kind}; expected a path or a binary file object (with write)"
        )
        raise TypeError(message)

    def write_chunk(view: memoryview) -> None:
        # Bytes, not the view: the view ends with this call, and a file object may keep what it is
        # given.
        rest = bytes(view)
        while rest:
            written = target.write(rest)
            if written is None or written >= len(rest):
                return
            if written <= 0:
                message = f"the file object took {written} of {len(rest)} bytes"
                raise OSError(message)
            rest = rest[written:]

    core.write(write_chunk, voyager, taken)


def as_bytes(
    core: _core.Index, file_format: FileFormat, taken: Callable[[], object] | None = None
) -> bytes:
    """Give the bytes that `write` would write.

    Parameters
    ----------
    core : _core.Index
        The compiled index.
    file_format : "nearfield" or "voyager"
        As for `write`.
    taken : callable, optional
        As for `write`.

    Returns
    -------
    bytes
        The whole file.

    Raises
    ------
    InvalidInput
        As for `write`.
    """
    voyager = format_of(None, file_format) == "voyager"
    if voyager:
        _warn_of_decoding(core)
    return core.to_voyager_bytes() if voyager else core.to_bytes(taken)


def voyager_storage(storage: StorageDataType) -> StorageDataType:
    """Give the storage that an index has in a file of Voyager's.

    Parameters
    ----------
    storage : StorageDataType
        That of the index.

    Returns
    -------
    StorageDataType
        The same where Voyager has it, else Float32.
    """
    known = (StorageDataType.Float32, StorageDataType.Float8, StorageDataType.E4M3)
    return storage if storage in known else StorageDataType.Float32


def _warn_of_decoding(core: _core.Index) -> None:
    """Tell the caller of whoever calls `write` or `as_bytes` that a file will be larger."""
    storage = StorageDataType(core.storage)
    written = voyager_storage(storage)
    if written is not storage and core.counts[0]:
        message = (
            f"Voyager's format has no {storage.name}: what the index holds is written as "
            f"{written.name} vectors, 4 bytes a dimension, and loads as such; a .nf file keeps "
            f"{storage.name}"
        )
        warnings.warn(message, UserWarning, stacklevel=4)


def _path(given: Source) -> str | None:
    if not isinstance(given, (str, os.PathLike)):
        return None
    path = os.fsdecode(given)
    if "\0" in path:
        message = f"{path!r} holds a zero byte, which no file name can"
        raise InvalidInput(message)
    if not path.isascii():
        try:
            path.encode()
        except UnicodeEncodeError:
            message = (
                f"{path!r} is not valid UTF-8; open the file yourself and give the file object"
            )
            raise InvalidInput(message) from None
    return path


def _read_all(source: Source) -> bytes:
    if not hasattr(source, "read"):
        kind = type(source).__name__
        message = f"expected a path, bytes or a binary file object (with read); got a {kind}"
        raise TypeError(message)
    pieces = []
    while piece := source.read(_CHUNK_BYTES):
        if isinstance(piece, (bytearray, memoryview)):
            piece = bytes(piece)
        if not isinstance(piece, bytes):
            message = f"read() gave a {type(piece).__name__}; open the file in binary mode"
            raise TypeError(message)
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
