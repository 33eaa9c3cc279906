"""Opening the files that commands are given, with the sentence that helps."""

from __future__ import annotations

import warnings
from pathlib import Path

import typer

import nearfield as nf
from nearfield.cli import output
from nearfield.errors import FileMismatch, InvalidInput
from nearfield.sources import Source
from nearfield.typing import FileFormat

__all__ = ["check_index_name", "format_of_file", "open_index", "require_dimensions", "save_index"]

_ENDS = (".nf", ".voy", ".voyager")
_FORMATS = {b"\x89NF\r": "nearfield", b"VOYA": "voyager 1"}
"""By the first four bytes."""


def check_index_name(path: Path, option: str) -> None:
    """Refuse an index file that cannot be written or whose name says that it is something else.

    Parameters
    ----------
    path : Path
        The file to be written. Names that end in .voy or .voyager get Voyager's format.
    option : str
        What the error calls it.

    Raises
    ------
    typer.BadParameter
        Another end of the name: it may be data.
    IndexFileNotAccessible
        As for `nearfield.cli.output.check_target`.
    """
    output.check_target(path)
    if path.suffix.lower() not in _ENDS:
        message = f"{option} is {path.name}; expected a name that ends in {', '.join(_ENDS)}"
        raise typer.BadParameter(message)


def open_index(path: Path, *, mmap: bool = False) -> nf.Index | nf.StringIndex:
    """Open an index file of any known kind.

    Parameters
    ----------
    path : Path
        The file.
    mmap : bool, default False
        Map it, and check blocks when they are first touched; else read and check all of it now.

    Returns
    -------
    Index or StringIndex
        What it holds.

    Raises
    ------
    FileMismatch
        The file does not say its space (Voyager 1.x, hnswlib).
    IndexFileError, IndexFileNotAccessible
        As for `nearfield.load`.
    """
    try:
        return nf.load(path, mmap=mmap)
    except InvalidInput as error:
        message = f"{error}: nearfield convert {path.name} NEW.nf --space ... --dimensions ..."
        raise FileMismatch(message) from error


def format_of_file(path: Path) -> str:
    """Tell the format of an index file by its content.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        ``"nearfield"``, ``"voyager 1"`` or ``"voyager 0 or hnswlib"``.
    """
    with path.open("rb") as file:
        return _FORMATS.get(file.read(4), "voyager 0 or hnswlib")


def save_index(
    index: nf.Index | nf.StringIndex,
    path: Path,
    *,
    quiet: bool,
    file_format: FileFormat | None = None,
) -> None:
    """Write an index file; what the library warns of becomes a note.

    Parameters
    ----------
    index : Index or StringIndex
        What is written.
    path : Path
        Its file.
    quiet : bool
        No notes.
    file_format : "nearfield" or "voyager", optional
        As for `nearfield.Index.save`; by default the end of the name decides.

    Raises
    ------
    IndexFileNotAccessible, InvalidInput
        As for `nearfield.Index.save`.
    """
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        index.save(path, format=file_format)
    for each in warned:
        output.note(str(each.message), quiet=quiet)


def require_dimensions(source: Source, index: nf.Index | nf.StringIndex, path: Path) -> None:
    """Refuse vectors of another width than the index has, before they are read.

    Parameters
    ----------
    source : Source
        The vectors.
    index : Index or StringIndex
        What they are meant for.
    path : Path
        Its file.

    Raises
    ------
    InvalidInput
        The widths differ.
    """
    if source.dimensions != index.num_dimensions:
        message = (
            f"{source.name} holds vectors of {source.dimensions} dimensions; "
            f"{path.name} holds {index.num_dimensions}"
        )
        raise InvalidInput(message)
