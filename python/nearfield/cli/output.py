"""Where words go: data to stdout, everything else to stderr. The only module that writes either."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table

from nearfield._progress import Report, reporting

__all__ = ["data_json", "data_line", "error", "note", "progress", "table"]


def data_line(text: str) -> None:
    """Write one line of data.

    Parameters
    ----------
    text : str
        Without the line's end.
    """
    sys.stdout.write(text + "\n")


def data_json(value: Any) -> None:
    """Write one JSON object.

    Parameters
    ----------
    value : object
        Of what JSON knows; NaN and infinity become null.
    """
    data_line(json.dumps(_plain(value), allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table: drawn on a terminal, else lines of tab-separated fields under a header.

    Parameters
    ----------
    columns : sequence of str
        The header.
    rows : sequence of sequences
        Of values or text.
    """
    if not sys.stdout.isatty():
        data_line("\t".join(columns))
        for row in rows:
            data_line("\t".join(str(cell) for cell in row))
        return
    drawn = Table(*columns)
    for row in rows:
        drawn.add_row(*(str(cell) for cell in row))
    Console().print(drawn)


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
def progress(label: str, quiet: bool) -> Iterator[Report | None]:
    """Report on long work: a bar on a terminal, else a line every few seconds, or nothing.

    Parameters
    ----------
    label : str
        What is being done.
    quiet : bool
        Report nothing.

    Yields
    ------
    callable or None
        To be called with (done, total or None).
    """
    with reporting(not quiet, label) as report:
        yield report
