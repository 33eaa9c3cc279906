"""``nearfield query``: nearest neighbours of vectors in a file, or of a stored item."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import typer

import nearfield as nf
from nearfield.cli import options, output
from nearfield.errors import InvalidInput
from nearfield.sources import open_source


def command(
    index: options.IndexFile,
    vectors: Annotated[
        str | None, typer.Option("--vectors", help="A file of queries, as for build.")
    ] = None,
    column: Annotated[str | None, typer.Option(help="Parquet column of the queries.")] = None,
    rows: options.Rows = None,
    id: Annotated[
        list[str] | None, typer.Option("--id", help="Ask for the neighbours of a stored item.")
    ] = None,
    k: Annotated[int, typer.Option("-k", help="Neighbours of each query.")] = 10,
    ef: Annotated[int, typer.Option(help="Beam width; more = better recall.")] = 100,
    threads: options.Threads = -1,
    json: Annotated[bool, typer.Option("--json", help="A JSON object a query.")] = False,
) -> None:
    """Find the nearest stored vectors of each query.

    Prints query, rank, id or key, and distance. Fewer than k stored vectors give fewer lines.
    """
    opened: Any = nf.load(index, mmap=True)
    if (vectors is None) == (not id):
        message = "give either --vectors FILE or --id ID"
        raise typer.BadParameter(message)
    if vectors is not None:
        queries = open_source(vectors, vectors=column, where=rows).read()[1]
        names: list[Any] = list(range(len(queries)))
    else:
        names = [_stored_name(opened, each) for each in id or []]
        queries = opened.get_vectors(names)
    found = opened.query(queries, k, threads, max(ef, k), if_short="pad")
    listed = []
    for row, name in enumerate(names):
        real = np.isfinite(found[1][row])
        pairs = zip(found[0][row][real].tolist(), found[1][row][real].tolist(), strict=True)
        if json:
            output.data_json(
                {"query": name, "neighbors": [{"id": each, "distance": d} for each, d in pairs]}
            )
        else:
            listed += [(name, rank, each, f"{d:.6g}") for rank, (each, d) in enumerate(pairs, 1)]
    if not json:
        output.table(("query", "rank", "id", "distance"), listed)


def _stored_name(opened: Any, text: str) -> Any:
    if isinstance(opened, nf.StringIndex):
        return text
    try:
        return int(text)
    except ValueError:
        message = f"--id is {text!r}; this index has integer ids"
        raise InvalidInput(message) from None
