"""Following a file that is replaced: the new index in place of the old, without a pause."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeAlias

from nearfield.errors import IndexFileError, InvalidInput, from_core
from nearfield.index import Index
from nearfield.opening import load
from nearfield.string_index import StringIndex
from nearfield.typing import Path

__all__ = ["Watched", "watch"]

_TRIES = 5

Identity: TypeAlias = tuple[int, int, int, int]


def watch(
    path: Path,
    *,
    mmap: bool = True,
    verify: bool = True,
    prepare: Callable[[Index | StringIndex], object] | None = None,
) -> Watched:
    """Open an index file, to be opened again whenever another file has taken its place.

    Parameters
    ----------
    path : str or path
        An index file of any kind that `nearfield.load` tells by its content.
    mmap : bool, default True
        As for `nearfield.Index.load`.
    verify : bool, default True
        With ``mmap``, check all blocks before the file is used, which also brings it into memory.
        False opens at once; damage is then found by queries, when it is too late to stay with the
        old file.
    prepare : callable, optional
        Called with each index before it is used: set ``ef``, which files do not keep, or ask a few
        queries. What it raises is raised by `watch` or `Watched.poll`, and the index is not used;
        the next poll opens the same file again and calls it again. So a loop that polls should
        catch its errors too, and go on with the index that it has.

    Returns
    -------
    Watched
        With the index of the file that is there now.

    Raises
    ------
    IndexFileError, IndexFileNotAccessible
        As for `nearfield.load`.
    InvalidInput
        A path that no file can have.
    TypeError
        Not a path; ``prepare`` cannot be called.

    Examples
    --------
    >>> import os, tempfile, nearfield as nf
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = os.path.join(folder.name, "items.nf")
    >>> nf.Index.from_vectors([[1, 0], [0, 1]]).save(path)
    >>> watched = nf.watch(path)
    >>> len(watched.index), watched.poll()
    (2, False)
    >>> nf.Index.from_vectors([[1, 0], [0, 1], [1, 1]]).save(path)
    >>> watched.poll(), len(watched.index), watched.generation
    (True, 3, 2)
    >>> folder.cleanup()
    """
    return Watched(path, mmap=mmap, verify=verify, prepare=prepare)


def identity_of(path: Path) -> Identity:
    """Tell one file from the next that stands under its name.

    Parameters
    ----------
    path : str or path
        The file; links are followed.

    Returns
    -------
    tuple of four int
        Device, number there (inode), time of writing, size. No later file has the number of one
        that is still mapped.

    Raises
    ------
    IndexFileNotAccessible
        There is none, or it is out of reach.
    """
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError as error:
        name = os.fsdecode(path)
        details = {"errno": error.errno, "path": name}
        what = f"{name} cannot be opened: {error.strerror}"
        raise from_core("FileNotAccessible", what, details) from None  # noqa: EM101
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _as_path(given: object) -> str:
    if not isinstance(given, (str, bytes, os.PathLike)):
        message = f"path is {given!r}; expected a str or a path of an index file"
        raise TypeError(message)
    path = os.fsdecode(given)
    if "\0" in path:
        message = f"path is {path!r}, which holds a zero byte; no name of a file can"
        raise InvalidInput(message)
    return path


class Watched:
    """The index of a file that another process replaces from time to time; made by `watch`.

    Parameters
    ----------
    path, mmap, verify, prepare
        As for `watch`.

    Attributes
    ----------
    index : Index or StringIndex
        That of the newest file that `poll` has opened. Reading it is one access to an attribute,
        safe from any thread; take it once for a piece of work, which then stays with one file. An
        index that has been replaced works on, and its memory goes with the last who uses it. What
        is changed in it (rows, marks, ``ef``) is lost when `poll` goes over to the next file: the
        file is changed by its writer, and ``ef`` is set by ``prepare``.
    generation : int
        How many files have been opened: 1 at first, one more after each `poll` that gave True.
    path : str
        The file.

    Notes
    -----
    Nothing happens by itself: somebody calls `poll`, a thread of the service::

        def follow(watched, stop):  # stop is a threading.Event
            while not stop.wait(1.0):
                try:
                    watched.poll()
                except Exception as error:  # also what prepare raises
                    log.error("stays with the old index: %s", error)

    or an event loop, in a thread of its own, since opening and checking a file takes time::

        while True:
            await asyncio.sleep(1.0)
            await asyncio.to_thread(watched.poll)

    The writer must put the new file in place by renaming it, as `nearfield.Index.save` does, never
    by writing into the old one: that one is mapped here, so its bytes would change under the
    queries, and cutting it short would end this process.
    """

    def __init__(
        self,
        path: Path,
        *,
        mmap: bool = True,
        verify: bool = True,
        prepare: Callable[[Index | StringIndex], object] | None = None,
    ) -> None:
        if prepare is not None and not callable(prepare):
            message = f"prepare is {prepare!r}; expected None or a callable that takes an index"
            raise TypeError(message)
        self.path = _as_path(path)
        self._mmap = mmap
        self._verify = verify
        self._prepare = prepare
        self._polling = threading.Lock()
        self._refused: tuple[Identity, IndexFileError] | None = None
        self._identity, self.index = self._open()
        self.generation = 1

    def poll(self) -> bool:
        """Look whether another file stands under the name, and go over to it if so.

        Returns
        -------
        bool
            Whether `index` is another one now.

        Raises
        ------
        IndexFileNotAccessible
            There is no file, or it cannot be read; `index` stays, and the next call looks again.
        IndexFileError
            It is damaged, too new or no index; `index` stays. The same file is not read again:
            until another takes its place, each call raises the same.
        Exception
            What ``prepare`` raises; `index` stays, and the next call opens the file again.

        Notes
        -----
        A file is another one when its device, its number there (inode), the time of writing or the
        size differ. Safe from any thread; where two call at once, one waits for the other.
        """
        with self._polling:
            identity = identity_of(self.path)
            if identity == self._identity:
                return False
            if self._refused is not None and self._refused[0] == identity:
                raise self._refused[1].with_traceback(None)
            self._identity, self.index = self._open()
            self.generation += 1
            return True

    def _open(self) -> tuple[Identity, Index | StringIndex]:
        """Open the file and tell which one that was.

        It may be replaced between the look at it and the opening. So it is looked at before and
        after, until both are the same. Where it never is, what was seen before counts: then the
        next poll finds another file, whereas what was seen after could be one not opened yet.
        """
        for left in reversed(range(_TRIES)):
            identity = identity_of(self.path)
            try:
                index = load(self.path, mmap=self._mmap, verify=self._verify)
            except IndexFileError as error:
                if left and identity_of(self.path) != identity:
                    continue
                self._refused = identity, error
                raise
            if identity_of(self.path) == identity:
                break
        if self._prepare is not None:
            self._prepare(index)
        return identity, index

    def __repr__(self) -> str:
        """Name the file, the generation and the index."""
        return f"<nearfield.Watched path={self.path!r} generation={self.generation} {self.index!r}>"
