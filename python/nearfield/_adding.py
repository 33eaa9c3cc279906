"""Adding rows to the core, from one array or from a stream of chunks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nearfield import _core
from nearfield._arrays import as_ids, as_vectors, is_chunked
from nearfield._progress import Report, reporting
from nearfield.errors import DuplicateId, InvalidInput, NotFinite
from nearfield.typing import Chunks, ColumnsLike, IdsLike, OnConflict, Progress, VectorsLike

__all__ = ["add_rows", "conflict_of", "listed", "one_row"]

_CONFLICTS = ("update", "error", "keep")  # in the order of the core


def add_rows(
    core: _core.Index,
    vectors: VectorsLike | Chunks,
    ids: IdsLike | None,
    num_threads: int,
    progress: Progress,
    on_conflict: OnConflict = "update",
    columns: ColumnsLike | None = None,
) -> list[int]:
    """Add vectors to the core; see `nearfield.Index.add_items`.

    Parameters
    ----------
    core : _core.Index
        What they are added to.
    vectors : array-like of shape (n, dimensions) or iterator
        The rows.
    ids : sequence of n int or None
        Their ids; None or empty: automatic.
    num_threads : int
        -1 for all cores.
    progress : None, bool or callable
        As for `nearfield.Index.add_items`.
    on_conflict : {"update", "error", "keep"}
        As for `nearfield.Index.add_items`.
    columns : mapping of str to sequence or None
        As for `nearfield.Index.add_items`.

    Returns
    -------
    list of int
        The id of each row.

    Raises
    ------
    InvalidInput
        As for `nearfield.Index.add_items`.
    """
    conflict = conflict_of(on_conflict)
    with reporting(progress, "adding") as report:
        if is_chunked(vectors):
            if ids is not None:
                message = (
                    "ids is given beside an iterator; put the ids into its tuples (ids, vectors)"
                )
                raise InvalidInput(message)
            if columns is not None:
                message = (
                    "columns is given beside an iterator; put them into its tuples (ids, vectors, "
                    "columns)"
                )
                raise InvalidInput(message)
            return _add_chunks(core, vectors, num_threads, report, conflict)  # type: ignore[arg-type]
        rows = as_vectors(vectors, core.dimensions, "vectors", axes=2)  # type: ignore[arg-type]
        given = None if ids is None else as_ids(ids)
        if given is not None and len(given) == 0:
            given = None  # as in Voyager
        if given is not None and len(given) != len(rows):
            message = f"ids has {len(given)} ids for {len(rows)} vectors; expected one for each"
            raise InvalidInput(message)
        described = None if columns is None else _described(columns, len(rows), core)
        added: list[int] = core.add(rows, given, num_threads, report, conflict, described).tolist()
        if report is not None:
            report(len(rows), len(rows))
        return added


def one_row(columns: Mapping[str, Any], core: _core.Index) -> list[Any]:
    """Read the columns of one vector.

    Parameters
    ----------
    columns : mapping of str to value
        As for `nearfield.Index.add_item`.
    core : _core.Index
        What it is added to.

    Returns
    -------
    list of tuple
        As the core takes them.

    Raises
    ------
    InvalidInput, TypeError
        As for `nearfield.Index.add_items`.
    """
    return _described(listed(columns), 1, core)


def listed(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Make columns of one row of the attributes of one vector.

    Parameters
    ----------
    columns : mapping of str to value
        As for `nearfield.Index.add_item`.

    Returns
    -------
    dict of str to list
        A list of one value each.

    Raises
    ------
    TypeError
        No mapping.
    """
    if not isinstance(columns, Mapping):
        message = f"columns is of type {type(columns).__name__}; expected a dict of name to value"
        raise TypeError(message)
    return {name: [one] for name, one in columns.items()}


def _described(columns: ColumnsLike, rows: int, core: _core.Index) -> list[Any]:
    from nearfield._given_columns import as_columns

    return as_columns(columns, rows, core)


def conflict_of(on_conflict: OnConflict) -> int:
    """Give the core's number for a rule.

    Parameters
    ----------
    on_conflict : {"update", "error", "keep"}
        As for `nearfield.Index.add_items`.

    Returns
    -------
    int
        0, 1 or 2.

    Raises
    ------
    InvalidInput
        Another word.
    """
    if on_conflict not in _CONFLICTS:
        message = f"on_conflict is {on_conflict!r}; expected 'update', 'error' or 'keep'"
        raise InvalidInput(message)
    return _CONFLICTS.index(on_conflict)


def _add_chunks(
    core: _core.Index,
    chunks: Iterable[Any],
    num_threads: int,
    report: Report | None,
    on_conflict: int,
) -> list[int]:
    from nearfield._chunks import BLOCK_ROWS, blocks

    added: list[int] = []
    # The first block ends where a round of the core ends.
    first_rows = BLOCK_ROWS - core.counts[5] % 512
    for ids, vectors, pieces in blocks(chunks, core.dimensions, first_rows):
        before = len(added)
        within = None if report is None else _shifted(report, before)
        described = None if pieces is None else pieces.for_core(core)
        try:
            added += core.add(vectors, ids, num_threads, within, on_conflict, described).tolist()
        except NotFinite as error:
            raise NotFinite(*_in_whole_input(error, before)) from error
        except DuplicateId as error:
            message, row = _in_whole_input(error, before)
            raise DuplicateId(message, error.id, row, error.in_index) from error
    if report is not None:
        report(len(added), len(added))
    return added


def _in_whole_input(error: NotFinite | DuplicateId, before: int) -> tuple[str, int | None]:
    """Count the row that is refused from the start of the stream."""
    row = None if error.row is None else before + error.row
    return f"{error} (that is row {row} of the whole input)", row


def _shifted(report: Report, before: int) -> Report:
    """Count from the start of the stream, whose length is not known."""
    return lambda done, _: report(before + done, None)
