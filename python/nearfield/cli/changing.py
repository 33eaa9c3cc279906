"""Changing an index file: read it, change the index, write it anew under the same name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nearfield as nf
from nearfield.cli import output
from nearfield.cli.opening import format_of_file, open_index, save_index
from nearfield.errors import NearfieldError
from nearfield.typing import FileFormat
from nearfield.watching import identity_of

__all__ = ["Change", "changing", "report"]


@dataclass
class Change:
    """An index file that is being changed.

    Attributes
    ----------
    index : Index or StringIndex
        What the file holds; to be changed.
    path : Path
        The file.
    bytes_before : int
        Its size.
    is_needed : bool
        False where nothing has changed, so that the file need not be written.
    """

    index: Any
    path: Path
    bytes_before: int
    is_needed: bool = True

    @property
    def has_keys(self) -> bool:
        """Whether its vectors are named by text."""
        return isinstance(self.index, nf.StringIndex)


@contextmanager
def changing(path: Path, *, quiet: bool) -> Iterator[Change]:
    """Read an index file, and write it when the index was changed; the format stays.

    Parameters
    ----------
    path : Path
        The file.
    quiet : bool
        No notes.

    Yields
    ------
    Change
        The index. An error leaves the file as it was, and so does Ctrl-C.

    Raises
    ------
    FileMismatch
        A format that is read and not written.
    IndexFileError, IndexFileNotAccessible, InvalidInput
        As for `nearfield.load` and `nearfield.Index.save`.
    NearfieldError
        Somebody else has replaced the file meanwhile.
    """
    output.check_target(path)
    identity = identity_of(path)
    # Files of other formats do not open without being described.
    file_format: FileFormat = "nearfield" if format_of_file(path) == "nearfield" else "voyager"
    change = Change(open_index(path), path, path.stat().st_size)
    yield change
    if not change.is_needed:
        return
    if identity_of(path) != identity:
        message = (
            f"{path} was replaced by somebody else meanwhile and is left as that is; run the "
            "command again"
        )
        raise NearfieldError(message)
    save_index(change.index, path, quiet=quiet, file_format=file_format)


def report(change: Change, counted: dict[str, int], *, json: bool, quiet: bool) -> None:
    """Say what has changed: a note on stderr, and with ``--json`` an object on stdout.

    Parameters
    ----------
    change : Change
        When it is over.
    counted : dict
        What was counted, by its name.
    json : bool
        Whether the object is wanted.
    quiet : bool
        No note.
    """
    size = change.path.stat().st_size
    words = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counted.items())
    if not change.is_needed:
        words += "; the file stays as it is"
    output.note(
        f"{change.path}: {words}; {len(change.index):,} rows, {size:,} bytes "
        f"(before: {change.bytes_before:,})",
        quiet=quiet,
    )
    if json:
        output.data_json(
            {
                "index": str(change.path),
                **counted,
                "rows": len(change.index),
                "bytes_before": change.bytes_before,
                "bytes": size,
            }
        )
