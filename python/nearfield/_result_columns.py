"""Attributes of what a query has found."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nearfield._core import Index as Core
from nearfield._described import known_names, read_columns
from nearfield.errors import TooFewNeighbors
from nearfield.neighbors import Neighbors

__all__ = ["query"]


def query(core: Core, names: Iterable[str], ask: Callable[[], Neighbors]) -> Neighbors:
    """Ask, and read attributes of what was found.

    Parameters
    ----------
    core : Core
        The index.
    names : iterable of str
        Of the columns.
    ask : callable
        The query without them.

    Returns
    -------
    Neighbors
        Its ``columns`` are of the shape of the result; places that are padding, and vectors that
        were removed meanwhile, are masked.

    Raises
    ------
    InvalidInput
        A name that is no column: before anything is looked for.
    TooFewNeighbors
        As the query does; ``partial`` has its columns.
    """
    wanted = known_names(core, names)
    try:
        found = ask()
    except TooFewNeighbors as error:
        if isinstance(error.partial, Neighbors):
            _describe(core, wanted, error.partial)
        raise
    _describe(core, wanted, found)
    return found


def _describe(core: Core, names: list[str], found: Neighbors) -> None:
    read = read_columns(core, found.ids.ravel(), names, False)
    found._columns = {name: values.reshape(found.ids.shape) for name, values in read.items()}
