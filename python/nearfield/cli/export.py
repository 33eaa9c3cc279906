"""``nearfield export``: ids or keys and vectors of an index, for other tools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import nearfield as nf
from nearfield.cli import options, output
from nearfield.cli.opening import open_index
from nearfield.errors import InvalidInput

_CHUNK_ROWS = 8192


def command(
    index: options.IndexFile,
    out: Annotated[Path, typer.Option("-o", "--output", help="A .parquet or .npy file.")],
    columns: Annotated[
        str,
        typer.Option(
            "--columns", metavar="NAMES|all|none", help="Attributes to write beside the vectors."
        ),
    ] = "all",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write ids or keys, vectors and columns to Parquet; or the vectors to .npy, the ids beside it.

    Rows stand in order of insertion. Vectors are as the index holds them: of unit length in cosine
    space, rounded as the storage has them. Columns have the types of the index: categories are
    text, tags lists of text, timestamps in UTC. For X.npy the ids or keys go to X.ids.npy, columns
    nowhere. Reads no links, so what a file with damaged links still holds can be saved.
    """
    suffix = out.suffix.lower()
    if suffix not in (".parquet", ".npy"):
        message = f"-o is {out.name}; expected a name that ends in .parquet or .npy"
        raise typer.BadParameter(message)
    opened: Any = open_index(index, mmap=True)
    names = np.asarray(opened.ids)
    text = isinstance(opened, nf.StringIndex)
    if text and suffix == ".npy" and any(name.endswith("\0") for name in names):
        message = "a key ends in a zero character, which .npy cannot hold; export to .parquet"
        raise InvalidInput(message)
    written = [out]
    types = _wanted(opened, columns)
    if suffix == ".parquet":
        _to_parquet(opened, names, text, out, types)
    else:
        if types:
            output.note(".npy has no place for columns; export to .parquet for them", quiet=quiet)
            types = {}
        beside = out.with_suffix(".ids.npy")
        _to_npy(opened, names, text, out, beside)
        written.append(beside)
    for path in written:
        output.note(f"{path}: {len(names):,} rows", quiet=quiet)
    if json:
        output.data_json(
            {
                "files": [str(path) for path in written],
                "rows": len(names),
                "dimensions": opened.num_dimensions,
                "keys": "key" if text else "id",
                "columns": types,
            }
        )


def _wanted(opened: Any, columns: str) -> dict[str, str]:
    """Give the types of the columns that are asked for, by name."""
    types = {name: info.type for name, info in opened.columns.items()}
    names = [] if columns == "none" else options.names_in(columns)
    if names == "all":
        return types
    for name in names or ():
        if name not in types:
            known = f"it has {', '.join(types)}" if types else "it has none"
            message = f"the index has no column {name!r}; {known}"
            raise InvalidInput(message)
    return {name: types[name] for name in names or ()}


def _chunks(opened: Any, names: Any) -> Iterator[tuple[int, Any, Any]]:
    for first in range(0, len(names), _CHUNK_ROWS):
        part = names[first : first + _CHUNK_ROWS]
        yield first, part, opened.get_vectors(part)


def _to_parquet(opened: Any, names: Any, text: bool, out: Path, types: dict[str, str]) -> None:
    from nearfield.parquet import ParquetWriter

    with output.replacing(out) as temporary:
        writer = ParquetWriter(temporary, "text" if text else "id", opened.num_dimensions, types)
        try:
            for _, part, vectors in _chunks(opened, names):
                writer.write(part, vectors, opened.get_columns(part, list(types)))
        finally:
            writer.close()


def _to_npy(opened: Any, names: Any, text: bool, out: Path, beside: Path) -> None:
    shape = (len(names), opened.num_dimensions)
    with output.replacing(out) as vectors_file, output.replacing(beside) as ids_file:
        array = np.lib.format.open_memmap(vectors_file, "w+", np.dtype("<f4"), shape)
        for first, part, vectors in _chunks(opened, names):
            array[first : first + len(part)] = vectors
        array.flush()
        np.save(ids_file, names.astype(np.str_) if text else names)
