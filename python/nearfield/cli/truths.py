"""The truth that `evaluate` and `tune` measure by: of the index, of a file of vectors, of ids."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeAlias

import numpy as np
import typer

import nearfield as nf
from nearfield.cli import output
from nearfield.cli.opening import require_dimensions
from nearfield.errors import InvalidInput
from nearfield.evaluate import Against, checked_truth, measured_against
from nearfield.sources import Source, open_source, read_ids

__all__ = ["Base", "BaseRows", "Choice", "Key", "Truth", "chosen", "find", "note_meaning"]

Base: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--base", help="Truth from the vectors of this file, not from those of the index."
    ),
]
BaseRows: TypeAlias = Annotated[
    str | None, typer.Option("--base-rows", help="As --rows, for --base.", show_default=False)
]
Key: TypeAlias = Annotated[
    str | None,
    typer.Option("--key", help="Parquet column of ids or keys in --base, as for build."),
]
Truth: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--truth", help="True neighbours: .ivecs, .ibin or .npy of at least k ids a query."
    ),
]


class Choice(NamedTuple):
    """Where the truth comes from; the index itself where neither file is named."""

    base: str | None
    base_rows: str | None
    key: str | None
    truth: str | None


def chosen(base: str | None, base_rows: str | None, key: str | None, truth: str | None) -> Choice:
    """Check the four options, before anything is opened.

    Parameters
    ----------
    base, base_rows, key, truth : str or None
        What the options were given.

    Returns
    -------
    Choice
        The same.

    Raises
    ------
    typer.BadParameter
        Two sources of the truth, or an option of one that is not given.
    """
    if truth is not None and base is not None:
        message = "--truth and --base are two sources of the truth; give one"
        raise typer.BadParameter(message)
    for name, given in (("--base-rows", base_rows), ("--key", key)):
        if given is not None and base is None:
            message = f"{name} says how to read --base, which is not given"
            raise typer.BadParameter(message)
    return Choice(base, base_rows, key, truth)


def find(
    choice: Choice, opened: Any, path: Path, asked: Any, k: int, column: str | None, limit: Any
) -> Any:
    """Give the true neighbours that the files say, or None where the index is to say them.

    Parameters
    ----------
    choice : Choice
        Where they come from.
    opened : Index or StringIndex
        What is measured.
    path : Path
        Its file.
    asked : ndarray of shape (n, num_dimensions)
        The queries.
    k : int
        Neighbours of each.
    column : str or None
        Parquet column of the vectors in the base, as in the queries.
    limit : int or None
        How many of the queries were taken, where not all were: so many of the truth are then.

    Returns
    -------
    tuple (ids, distances), or None
        As `nearfield.evaluate.curve` and `nearfield.Index.tune` take them.

    Raises
    ------
    InvalidInput
        Another number of queries, other names than those of the index, or too few neighbours.
    """
    if choice.truth is not None:
        return _from_file(choice.truth, len(asked), k, opened, limit)
    if choice.base is None:
        return None
    stored = open_source(choice.base, vectors=column, where=choice.base_rows, key=choice.key)
    require_dimensions(stored, opened, path)
    return _from_base(opened, stored, asked, k)


def note_meaning(against: Against, opened: Any, *, quiet: bool) -> None:
    """Say what a recall means, where the index has rounded its vectors and is its own truth.

    Parameters
    ----------
    against : {"given", "held", "truth"}
        What it is measured against.
    opened : Index or StringIndex
        What is measured.
    quiet : bool
        Say nothing.
    """
    if against == "held":
        storage = opened.storage_data_type.name
        text = (
            f"recall is of the vectors that the index holds ({storage}), not of those that it was "
            "given; --base FILE measures by these"
        )
        output.note(text, quiet=quiet)


def _from_file(path: str, queries: int, k: int, opened: Any, limit: int | None) -> Any:
    ids = read_ids(path, columns=None)[:limit]
    if (ids.dtype.kind == "U") != isinstance(opened, nf.StringIndex):
        message = f"{path} holds {'keys' if ids.dtype.kind == 'U' else 'ids'}, unlike the index"
        raise InvalidInput(message)
    return checked_truth(opened, ids, queries, k, path)[0]


def _from_base(opened: Any, source: Source, asked: Any, k: int) -> Any:
    keys, vectors = source.read()
    if len(vectors) < k:
        message = f"{source.name} holds {len(vectors)} vectors, but k is {k}; expected at least k"
        raise InvalidInput(message)
    ruler = nf.ExactIndex(opened.space, opened.num_dimensions)
    ruler.add_items(vectors)
    rows, distances = ruler.query(asked, k)
    names = np.arange(len(vectors), dtype=np.uint64) if keys is None else np.asarray(keys, object)
    if isinstance(opened, nf.StringIndex) != (source.key_kind == "text"):
        message = f"{source.name} needs the keys that the index was built with (--key)"
        raise InvalidInput(message)
    if source.key_kind == "id":
        names = names.astype(np.uint64)
    true, _ = checked_truth(opened, names[rows.astype(np.intp)], len(asked), k, source.name)
    # Rounded vectors have other distances, so only the names can be compared with theirs.
    return (true, distances) if measured_against(opened) == "given" else true
