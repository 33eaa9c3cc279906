"""Vectors of a file into an index file: what ``nearfield add`` and ``nearfield upsert`` share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from nearfield.cli import output
from nearfield.cli.changing import Change, changing, report
from nearfield.cli.opening import require_dimensions
from nearfield.errors import DuplicateId, InvalidInput
from nearfield.sources import Source
from nearfield.typing import OnConflict

__all__ = ["Ids", "Key", "VectorsFile", "add_source"]

VectorsFile: TypeAlias = Annotated[
    str, typer.Argument(help=".parquet, .npy, .npz:NAME, .fvecs, .bvecs, .fbin or .u8bin")
]
Key: TypeAlias = Annotated[
    str | None, typer.Option(help="Parquet column of keys: text, or integers as ids.")
]
Ids: TypeAlias = Annotated[
    str | None, typer.Option(help="For other formats: .npy, .ivecs or .ibin of ids or keys.")
]


def add_source(
    path: Path,
    source: Source,
    on_conflict: OnConflict,
    *,
    needs_ids: bool,
    named_by: tuple[str | None, str | None],
    threads: int,
    json: bool,
    quiet: bool,
) -> None:
    """Add the vectors of a source to an index file, and say how many were new.

    Parameters
    ----------
    path : Path
        The index file.
    source : Source
        The vectors.
    on_conflict : {"update", "error", "keep"}
        As for `nearfield.Index.add_items`.
    needs_ids : bool
        Whether ids may not be left to the index.
    named_by : tuple of str or None
        What --key and --ids were given.
    threads : int
        -1 for all cores.
    json, quiet : bool
        As for every command.

    Raises
    ------
    InvalidInput
        The vectors do not fit the index, or a conflict.
    IndexFileError, IndexFileNotAccessible
        As for `nearfield.cli.changing.changing`.
    """
    with changing(path, quiet=quiet) as change:
        require_dimensions(source, change.index, path)
        _require_names(source, change, needs_ids, *named_by)
        before = change.index.num_elements
        total = None if quiet else source.count()
        with (
            output.progress("adding", quiet, total) as counted,
            _in_words_of_options(source, change),
        ):
            given = len(
                change.index.add_items(
                    source.rows_to_add(),
                    num_threads=threads,
                    on_conflict=on_conflict,
                    progress=counted,
                )
            )
        added = change.index.num_elements - before
        left = given - added  # rows whose id or key was there, or came twice
        replaced = left if on_conflict == "update" else 0
        change.is_needed = added + replaced > 0
    counts = {"added": added, "replaced": replaced, "left_out": left - replaced}
    report(change, counts, json=json, quiet=quiet)


def _require_names(
    source: Source, change: Change, needs_ids: bool, column: str | None, ids: str | None
) -> None:
    """Refuse ids for keys, keys for ids, and none where some are needed."""
    file, how = change.path.name, "name them with --key or --ids"
    held = f"{source.name}: column {column!r}" if ids is None else Path(ids).name
    if change.has_keys and source.key_kind == "id":
        message = f"{held} holds integers, but the keys of {file} are text"
    elif change.has_keys and source.key_kind == "none":
        message = f"{source.name} comes with no keys, but {file} has text keys; {how}"
    elif not change.has_keys and source.key_kind == "text":
        message = f"{held} holds text, but the ids of {file} are integers"
    elif needs_ids and source.key_kind == "none":
        message = f"{source.name} comes with no ids, so nothing says what it replaces; {how}"
    else:
        return
    raise InvalidInput(message)


@contextmanager
def _in_words_of_options(source: Source, change: Change) -> Iterator[None]:
    """Say of a conflict what the options do, where the library says what arguments do."""
    try:
        yield
    except DuplicateId as error:
        kind = "key" if change.has_keys else "id"
        where = "in the index already" if error.in_index else "there in a row before it as well"
        message = (
            f"{source.name} holds the {kind} {error.id!r} in row {error.row} of the whole input, "
            f"which is {where}; --on-conflict update replaces what is there, --on-conflict keep "
            "leaves the new row out"
        )
        raise DuplicateId(message, error.id, error.row, error.in_index) from None
