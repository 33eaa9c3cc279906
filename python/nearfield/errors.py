"""The errors of nearfield, one tree.

::

    NearfieldError
    ├─ InvalidInput(ValueError, RuntimeError)       an argument that cannot be used
    │   ├─ DimensionMismatch                        a vector of the wrong width
    │   ├─ NotFinite                                NaN or infinity; `row` is the first bad one
    │   ├─ DuplicateId                              an `id` that may stand only once stands twice
    │   ├─ IndexFull                                more rows than an index can hold
    │   └─ ExpressionError                          `where` cannot be read, or not of these columns
    ├─ UnknownId(KeyError, RuntimeError)            no live vector under this `id`
    ├─ TooFewNeighbors(RuntimeError) = RecallError  fewer results than asked for; `partial` has them
    ├─ IndexFileError(ValueError, RuntimeError)
    │   ├─ NotAnIndexFile                           none of the formats that nearfield knows
    │   ├─ UnsupportedVersion                       ours, but newer than this reader
    │   ├─ CorruptIndexFile                         damaged or hostile, at `offset`, in `field`
    │   └─ FileMismatch                             a good file that is not what was asked for
    ├─ IndexFileNotAccessible(OSError, RuntimeError)  missing, not permitted, disk full
    ├─ NotEnoughData(ValueError)                    a statistic that cannot be computed
    ├─ Refused(RuntimeError)                        a statistic that would lie (*)
    │   ├─ LookRefused
    │   ├─ SampleRatioMismatch
    │   └─ InsufficientSupport
    └─ CpuNotSupported(ImportError)                 this build cannot run here

    (*) for the statistics of experiments, which this version does not have yet

Every class also is each builtin that Voyager raises in the same place, so that an ``except``
written for Voyager still catches. A missing file is also a `FileNotFoundError`, a forbidden one a
`PermissionError`, and so on. A value of a wrong type (a string for a number) is a plain
`TypeError`. All of them can be pickled.

The compiled core raises the classes of the same names through `from_core`.
"""

from __future__ import annotations

import errno as errors_of_the_system
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nearfield.neighbors import KeyNeighbors, Neighbors

__all__ = [
    "CorruptIndexFile",
    "CpuNotSupported",
    "DimensionMismatch",
    "DuplicateId",
    "ExpressionError",
    "FileMismatch",
    "IndexFileError",
    "IndexFileNotAccessible",
    "IndexFull",
    "InsufficientSupport",
    "InvalidInput",
    "LookRefused",
    "NearfieldError",
    "NotAnIndexFile",
    "NotEnoughData",
    "NotFinite",
    "RecallError",
    "Refused",
    "SampleRatioMismatch",
    "TooFewNeighbors",
    "UnknownId",
    "UnsupportedVersion",
]


class NearfieldError(Exception):
    """The base of all errors that nearfield raises on purpose."""


class InvalidInput(NearfieldError, ValueError, RuntimeError):
    """An argument cannot be used; the message names it and says what was expected."""


class DimensionMismatch(InvalidInput):
    """A vector is not as wide as the vectors of the index."""


class NotFinite(InvalidInput):
    """A vector holds NaN, infinity, or a number beyond the range of float32.

    Attributes
    ----------
    row : int or None
        The first bad row of the vectors that were given, counted from 0.
    """

    def __init__(self, message: str = "", row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


class DuplicateId(InvalidInput):
    """An id (or key) that may stand only once stands twice.

    Attributes
    ----------
    id : int, str or None
        The id, or the key of a `nearfield.StringIndex`.
    row : int or None
        The first row that is refused, of the vectors that were given, counted from 0.
    in_index : bool
        Whether the index held it before the call; else it stands in a row before that one as well.
    """

    def __init__(
        self,
        message: str = "",
        id: int | str | None = None,
        row: int | None = None,
        in_index: bool = False,
    ) -> None:
        super().__init__(message)
        self.id = id
        self.row = row
        self.in_index = in_index


class IndexFull(InvalidInput):
    """The rows do not fit into one index; split them into shards."""


class ExpressionError(InvalidInput):
    """An expression, such as ``where=``, cannot be read or does not fit the columns.

    The message shows the line with a mark under the place.

    Attributes
    ----------
    text : str or None
        What `start` and `end` count in: the expression as it was written, or, where it was made by
        operators or JSON, the condition that is refused as text. None where there is no place.
    start, end : int or None
        The place: characters of `text` from `start` up to `end`, counted from 0.
    path : str or None
        For JSON, where it stands: ``$.and[1].op``.
    """

    def __init__(
        self,
        message: str = "",
        text: str | None = None,
        start: int | None = None,
        end: int | None = None,
        path: str | None = None,
    ) -> None:
        super().__init__(message)
        self.text = text
        self.start = start
        self.end = end
        self.path = path


class UnknownId(NearfieldError, KeyError, RuntimeError):
    """No live vector is stored under this id (or key).

    Attributes
    ----------
    id : int, str or None
        The id, or the key of a `nearfield.StringIndex`.
    """

    def __init__(self, message: str = "", id: int | str | None = None) -> None:
        super().__init__(message)
        self.id = id

    # KeyError prints the repr of its argument; a sentence should be printed as it is.
    __str__ = Exception.__str__


class TooFewNeighbors(NearfieldError, RuntimeError):
    """Fewer neighbours exist than were asked for, and ``if_short="raise"``.

    Voyager's name for it, ``RecallError``, is the same class.

    Attributes
    ----------
    partial : Neighbors, KeyNeighbors or None
        What was found, padded as with ``if_short="pad"``; None where ``k`` was beyond 65,536.
    """

    def __init__(self, message: str = "", partial: Neighbors | KeyNeighbors | None = None) -> None:
        super().__init__(message)
        self.partial = partial


RecallError = TooFewNeighbors


class IndexFileError(NearfieldError, ValueError, RuntimeError):
    """A file was read but cannot be used as an index."""


class NotAnIndexFile(IndexFileError):
    """The bytes are in none of the formats that nearfield knows."""


class UnsupportedVersion(IndexFileError):
    """The file is of a kind that nearfield knows, but newer than this version of it."""


class CorruptIndexFile(IndexFileError):
    """The file is damaged, cut short, or was made to do harm.

    Attributes
    ----------
    offset : int or None
        Where the fault was seen, in bytes from the start of the file (or of the attachment that
        the message names).
    field : str or None
        Its name in the byte table of the format.
    """

    def __init__(
        self, message: str = "", offset: int | None = None, field: str | None = None
    ) -> None:
        super().__init__(message)
        self.offset = offset
        self.field = field


class FileMismatch(IndexFileError):
    """The file is good, but its space, dimensions, storage or kind is not what was asked for."""


class IndexFileNotAccessible(NearfieldError, OSError, RuntimeError):
    """A file cannot be opened, read or written: missing, not permitted, disk full.

    Made by the core with the number of the system's error; the class is then also the builtin that
    fits that number, so that ``except FileNotFoundError`` works.

    Attributes
    ----------
    errno : int or None
        The system's error number.
    filename : str or None
        The file.
    """

    def __str__(self) -> str:
        """Give the sentence alone."""
        return str(self.args[1]) if len(self.args) > 1 else super().__str__()

    def __reduce__(self) -> Any:
        """Pickle by the number of the system's error, which chooses the class."""
        if self.errno is None:
            return super().__reduce__()
        return _not_accessible, (self.errno, str(self), self.filename)


# Which builtin each of these also is, is asked with except; tracebacks and logs name what is
# documented.
class _Missing(IndexFileNotAccessible, FileNotFoundError):
    pass


class _NotPermitted(IndexFileNotAccessible, PermissionError):
    pass


class _IsFolder(IndexFileNotAccessible, IsADirectoryError):
    pass


class _NotFolder(IndexFileNotAccessible, NotADirectoryError):
    pass


class _Exists(IndexFileNotAccessible, FileExistsError):
    pass


_CLASS_OF_ERRNO: Mapping[int, type[IndexFileNotAccessible]] = {
    errors_of_the_system.ENOENT: _Missing,
    errors_of_the_system.EACCES: _NotPermitted,
    errors_of_the_system.EPERM: _NotPermitted,
    errors_of_the_system.EISDIR: _IsFolder,
    errors_of_the_system.ENOTDIR: _NotFolder,
    errors_of_the_system.EEXIST: _Exists,
}
for _class in _CLASS_OF_ERRNO.values():
    _class.__name__ = _class.__qualname__ = IndexFileNotAccessible.__name__


def _not_accessible(number: int, message: str, path: str | None) -> IndexFileNotAccessible:
    chosen = _CLASS_OF_ERRNO.get(number, IndexFileNotAccessible)
    return chosen(number, message) if path is None else chosen(number, message, path)


class NotEnoughData(NearfieldError, ValueError):
    """A statistic cannot be computed from so little."""


class Refused(NearfieldError, RuntimeError):
    """A statistic could be computed but would mislead whoever reads it."""


class LookRefused(Refused):
    """The data may not be looked at now without spoiling the error rate."""


class SampleRatioMismatch(Refused):
    """The arms do not have the sizes that the assignment promised."""


class InsufficientSupport(Refused):
    """The logged choices say too little about the choices to be judged."""


class CpuNotSupported(NearfieldError, ImportError):
    """The build cannot run on this machine, or NEARFIELD_SIMD names a level that it lacks."""


def from_core(kind: str, message: str, details: Mapping[str, Any]) -> NearfieldError:
    """Make the error that the compiled core asks for.

    Parameters
    ----------
    kind : str
        The name of the C++ class, equal to the name here (``FileNotAccessible`` is
        `IndexFileNotAccessible`).
    message : str
        A sentence for the user.
    details : mapping
        ``row``, ``id``, ``in_index``, ``offset`` and ``field``, or ``errno`` and perhaps ``path``.

    Returns
    -------
    NearfieldError
        The error, not yet raised. An unknown kind gives the base class: a message that arrives
        beats a second error.

    Examples
    --------
    >>> from_core("NotFinite", "row 3 holds NaN", {"row": 3}).row
    3
    """
    if kind == "FileNotAccessible":
        return _not_accessible(int(details.get("errno", 0)), message, details.get("path"))
    if kind == "NotFinite":
        return NotFinite(message, details.get("row"))
    if kind == "DuplicateId":
        return DuplicateId(
            message, details.get("id"), details.get("row"), details.get("in_index", False)
        )
    if kind == "UnknownId":
        return UnknownId(message, details.get("id"))
    if kind == "CorruptIndexFile":
        return CorruptIndexFile(message, details.get("offset"), details.get("field"))
    plain = globals().get(kind)
    if isinstance(plain, type) and issubclass(plain, NearfieldError):
        return plain(message)
    return NearfieldError(message)
