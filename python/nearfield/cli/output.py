"""Where words go: data to stdout, everything else to stderr. The only module that writes either."""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nearfield._progress import reporting
from nearfield.errors import from_core

__all__ = [
    "check_target",
    "data_json",
    "data_line",
    "error",
    "note",
    "progress",
    "replacing",
    "table",
]

Count: TypeAlias = Callable[[int, int | None], object]


def data_line(text: str) -> None:
    """Write one line of data.

    Parameters
    ----------
    text : str
        Without the line's end.
    """
    sys.stdout.write(text + "\n")


def data_json(value: Any) -> None:
    """Write one JSON object on one line.

    Parameters
    ----------
    value : object
        Of what JSON knows; NaN and infinity become null.
    """
    data_line(json.dumps(_plain(value), allow_nan=False, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    """Write a table: drawn on a terminal, else lines of tab-separated fields under a header.

    Parameters
    ----------
    columns : sequence of str
        The header.
    rows : iterable of sequences
        Of values or text.
    title : str, optional
        Stands above; only on a terminal, so that the lines stay a table.
    """
    if not sys.stdout.isatty():
        data_line("\t".join(columns))
        for row in rows:
            data_line("\t".join(_field(cell) for cell in row))
        return
    drawn = Table(title=title, title_justify="left")
    for number, name in enumerate(columns):
        drawn.add_column(name, justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*(escape(str(cell)) for cell in row))
    Console().print(drawn)


def _field(cell: Any) -> str:
    """Write out tabs and line ends, so that they do not look like the end of a field."""
    text = str(cell).replace("\\", "\\\\")
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def note(text: str, *, quiet: bool = False) -> None:
    """Say something beside the data.

    Parameters
    ----------
    text : str
        One line.
    quiet : bool, default False
        Say nothing.
    """
    if not quiet:
        sys.stderr.write(text + "\n")


def error(text: str) -> None:
    """Say why a command failed.

    Parameters
    ----------
    text : str
        The reason.
    """
    sys.stderr.write(f"nearfield: {text}\n")


@contextmanager
def progress(label: str, quiet: bool, total: int | None = None) -> Iterator[Count | None]:
    """Report on long work: a bar on a terminal, else a line every few seconds, or nothing.

    Parameters
    ----------
    label : str
        What is being done.
    quiet : bool
        Report nothing.
    total : int, optional
        Rows in all, where the work itself does not know.

    Yields
    ------
    callable or None
        To be called with (done, total or None).
    """
    with reporting(not quiet, label) as report:
        if report is None:
            yield None
        else:
            yield lambda done, of: report(done, total if of is None else of)


def check_target(path: Path) -> Path:
    """Refuse a file that cannot be written, before the long work begins.

    Parameters
    ----------
    path : Path
        The file to be written.

    Returns
    -------
    Path
        The same.

    Raises
    ------
    IndexFileNotAccessible
        Its folder is missing or closed to us, or the path is a folder.
    """
    folder = path.parent
    for wrong, number, what in (
        (path.is_dir(), errno.EISDIR, f"{path} is a folder; name a file in it"),
        (not folder.is_dir(), errno.ENOENT, f"the folder {folder} of {path.name} is not there"),
        (not os.access(folder, os.W_OK | os.X_OK), errno.EACCES, f"{folder} cannot be written to"),
    ):
        if wrong:
            kind = "FileNotAccessible"
            raise from_core(kind, what, {"errno": number, "path": str(path)})
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file under another name, and give it its own when it is whole.

    Parameters
    ----------
    path : Path
        The file to be written, new or to be replaced.

    Yields
    ------
    Path
        Where to write. An error or Ctrl-C removes it and leaves the old file as it was.
    """
    check_target(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
