"""Ids and keys that commands are given, as text or in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nearfield as nf
from nearfield.errors import InvalidInput, from_core
from nearfield.neighbors import NO_ID
from nearfield.sources import read_keys

__all__ = ["names_of", "read_set"]

_MOST_SHOWN = 40
_ROARING = (".roaring", ".roar")


def names_of(given: list[Any], has_keys: bool, file: str, name: str) -> list[Any]:
    """Turn text into ids where the index has those, and refuse ids where it has keys.

    Parameters
    ----------
    given : list of str or int
        Of the caller.
    has_keys : bool
        Whether the index has keys.
    file, name : str
        What errors call the index, and where this was given.

    Returns
    -------
    list
        Of keys, or of ids.

    Raises
    ------
    InvalidInput
        Integers for keys, or text that is no id.
    """
    if not has_keys:
        return [_as_id(str(each), file, name) for each in given]
    if not all(isinstance(each, str) for each in given):
        message = f"{name} holds integers, but {file} has text keys"
        raise InvalidInput(message)
    return given


def _as_id(text: str, file: str, name: str) -> int:
    if not (text.isascii() and text.isdigit()):
        message = f"{name} names {text!r}, but {file} has integer ids"
        raise InvalidInput(message)
    digits = text.lstrip("0") or "0"
    if (
        len(digits) > len(str(NO_ID)) or int(digits) >= NO_ID
    ):  # Python refuses to read very long ones
        shown = (
            text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}... ({len(text)} digits)"
        )
        message = f"{name} names {shown}, which is out of range; ids are integers from 0 to 2^64-2"
        raise InvalidInput(message)
    return int(digits)


def read_set(spec: str, has_keys: bool, file: str) -> Any:
    """Read a set of ids or keys, for a filter.

    Parameters
    ----------
    spec : str
        A file: a serialised Roaring bitmap by its name, ``.parquet:COLUMN``, or as for
        `nearfield.sources.read_keys`.
    has_keys : bool
        Whether the index has keys.
    file : str
        What errors call the index.

    Returns
    -------
    IdSet or list of str
        What the filters of its queries take.

    Raises
    ------
    InvalidInput
        Not such a file, or of the other kind than the index has.
    IndexFileNotAccessible
        The file is missing or cannot be read.
    """
    path, _, column = spec.rpartition(":")
    if not path.lower().endswith((".parquet", ".pq")):
        path, column = spec, ""
    name = Path(path).name
    if not name.lower().endswith(_ROARING):
        given = read_keys(path, key=column or None)
        named = names_of(given if isinstance(given, list) else given.tolist(), has_keys, file, name)
        return named if has_keys else nf.IdSet(named)
    if has_keys:
        message = f"{name} holds integers, but {file} has text keys"
        raise InvalidInput(message)
    try:
        return nf.IdSet.from_bytes(Path(path).read_bytes())
    except OSError as error:
        what = f"{path} cannot be read: {error.strerror}"
        details = {"errno": error.errno, "path": path}
        raise from_core("FileNotAccessible", what, details) from None  # noqa: EM101
    except InvalidInput as error:
        message = f"{name} cannot be read as a serialised Roaring bitmap: {error}"
        raise InvalidInput(message) from None
