"""Changing an index file: read it, change the index, write it anew under the same name.

Whoever changes a file first takes an exclusive lock of the file itself (``flock``, which other
programs need not heed), so that of two commands none writes over what the other has done. The name
leads to another file when the first is done: then the second locks that one, and reads it.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nearfield as nf
from nearfield.cli import output
from nearfield.cli.opening import format_of_file, open_index, save_index
from nearfield.errors import NearfieldError, from_core
from nearfield.typing import FileFormat
from nearfield.watching import identity_of

if sys.platform != "win32":
    import fcntl

__all__ = ["Change", "changing", "report"]

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EBADF, errno.EINVAL)


@dataclass
class Change:
    """An index file that is being changed.

    Attributes
    ----------
    index : Index or StringIndex
        What the file holds; to be changed.
    path : Path
        The file.
    bytes_before, bytes_after : int
        Its size; the second when the change is over.
    is_needed : bool
        False where nothing has changed, so that the file need not be written.
    """

    index: Any
    path: Path
    bytes_before: int
    bytes_after: int = 0
    is_needed: bool = True

    @property
    def has_keys(self) -> bool:
        """Whether its vectors are named by text."""
        return isinstance(self.index, nf.StringIndex)


@contextmanager
def changing(path: Path, *, quiet: bool) -> Iterator[Change]:
    """Read an index file, and write it when the index was changed; the format stays.

    One command at a time: where another is changing the file, this one waits until that has ended.

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
    with _alone(path, quiet=quiet):
        identity = identity_of(path)
        # Files of other formats do not open without being described.
        file_format: FileFormat = "nearfield" if format_of_file(path) == "nearfield" else "voyager"
        change = Change(open_index(path), path, identity[3])
        yield change
        if change.is_needed:
            if identity_of(path) != identity:
                message = (
                    f"{path} was replaced by somebody else meanwhile and is left as that is; run "
                    "the command again"
                )
                raise NearfieldError(message)
            save_index(change.index, path, quiet=quiet, file_format=file_format)
        change.bytes_after = path.stat().st_size


@contextmanager
def _alone(path: Path, *, quiet: bool) -> Iterator[None]:
    """Let no other command change the file, and wait for one that does."""
    if sys.platform == "win32":
        yield
        return
    told = False
    while True:
        with _opened(path) as handle:
            if not _lock(handle, wait=False):
                if not told:
                    text = f"{path} is being changed by another nearfield command; waiting"
                    output.note(text, quiet=quiet)
                told = True
                _lock(handle, wait=True)
            here = os.fstat(handle)
            if (here.st_dev, here.st_ino) == identity_of(path)[:2]:
                yield
                return
            # Whoever held the lock has put another file in place of this one.


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    # Some disks lock only what may be written to.
    access = os.O_RDWR if os.access(path, os.W_OK) else os.O_RDONLY
    try:
        handle = os.open(path, access | os.O_NONBLOCK)
    except OSError as error:
        what = f"{path} cannot be opened: {error.strerror}"
        details = {"errno": error.errno, "path": str(path)}
        raise from_core("FileNotAccessible", what, details) from None  # noqa: EM101
    try:
        yield handle
    finally:
        os.close(handle)  # and with it goes the lock


def _lock(handle: int, *, wait: bool) -> bool:
    """Tell whether the lock was free; a disk that has none counts as free."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


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
    words = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counted.items())
    if not change.is_needed:
        words += "; the file stays as it is"
    output.note(
        f"{change.path}: {words}; {len(change.index):,} rows, {change.bytes_after:,} bytes "
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
                "bytes": change.bytes_after,
            }
        )
