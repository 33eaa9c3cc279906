"""Showing how far a long call has come.

``progress=True`` draws a bar on a terminal when rich is installed, and otherwise writes a line to
stderr every few seconds. A callable is called with (rows done, rows in all, or None where that is
not known).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO, TypeAlias

from nearfield.typing import Progress

__all__ = ["Report", "reporting"]

Report: TypeAlias = Callable[[int, int | None], object]

_SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def reporting(
    progress: Progress, label: str, stream: TextIO | None = None
) -> Iterator[Report | None]:
    """Turn the argument ``progress`` into what the core calls, for as long as the work lasts.

    Parameters
    ----------
    progress : None, bool or callable
        See the head of this file.
    label : str
        What is being done, for the bar and the lines.
    stream : text file, default stderr
        Where the bar or the lines go.

    Yields
    ------
    callable or None
        To be called with (done, total or None).

    Raises
    ------
    TypeError
        Neither None, a bool nor callable.
    """
    if progress is None or progress is False:
        yield None
    elif progress is not True:
        if not callable(progress):
            message = f"progress is {progress!r}; expected None, True or a callable (done, total)"
            raise TypeError(message)
        yield progress
    else:
        stream = sys.stderr if stream is None else stream
        if stream.isatty() and _has_rich():
            with _bar(label, stream) as report:
                yield report
        else:
            yield lines(label, stream)


def lines(label: str, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> Report:
    """Make a report that writes a line every few seconds, and one at the end.

    Parameters
    ----------
    label : str
        Begins each line.
    stream : text file
        Where the lines go.
    clock : callable, default time.monotonic
        Gives seconds.

    Returns
    -------
    callable
        To be called with (done, total or None).
    """
    last, last_done = clock(), -1

    def report(done: int, total: int | None) -> None:
        nonlocal last, last_done
        if done == last_done or (clock() - last < _SECONDS_BETWEEN_LINES and done != total):
            return
        last, last_done = clock(), done
        of_all = "" if total is None else f" of {total:,}"
        stream.write(f"{label}: {done:,}{of_all} rows\n")
        stream.flush()

    return report


def _has_rich() -> bool:
    try:
        import rich.progress  # noqa: F401
    except ImportError:
        return False
    return True


@contextmanager
def _bar(label: str, stream: TextIO) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
