"""``nearfield query``: nearest neighbours of vectors in a file, or of stored items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Annotated, Any

import numpy as np
import typer

import nearfield as nf
from nearfield.cli import options, output, settings
from nearfield.cli.opening import open_index, require_dimensions
from nearfield.errors import InvalidInput
from nearfield.neighbors import NO_ID
from nearfield.sources import open_source

Found = tuple[Any, list[tuple[Any, float]]]
"""The name of a query, and its neighbours with their distances."""


def command(
    index: options.IndexFile,
    queries: Annotated[
        str | None, typer.Option("--queries", "--vectors", help="A file of queries, as for build.")
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", help="Parquet column of the queries.")
    ] = None,
    rows: options.Rows = None,
    key: Annotated[
        str | None, typer.Option(help="Parquet column that names the queries in the output.")
    ] = None,
    id: Annotated[
        list[str] | None,
        typer.Option(
            "--id",
            help="The neighbours of a stored id or key, without itself.",
            show_envvar=False,
            envvar=None,
        ),
    ] = None,
    k: options.Neighbours = 10,
    ef: Annotated[
        int, typer.Option(min=1, help="Beam width, at least k; more = better recall.")
    ] = 100,
    threads: options.Threads = -1,
    config: settings.Config = None,  # noqa: ARG001
    json: options.Json = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a query.")] = False,
) -> None:
    """Find the nearest stored vectors of each query.

    Prints query, rank, id or key, and distance: a table on a terminal, else lines with tabs. Fewer
    than k stored vectors give fewer lines.
    """
    if json and jsonl:
        message = "give either --json or --jsonl"
        raise typer.BadParameter(message)
    if (queries is None) == (not id):
        message = "give either --queries FILE or --id ID"
        raise typer.BadParameter(message)
    opened: Any = open_index(index, mmap=True)
    found: Iterable[Found]
    if queries is None:
        found = _of_stored(opened, id or [], k, ef, threads)
    else:
        source = open_source(queries, vectors=column, where=rows, key=key)
        require_dimensions(source, opened, index)
        found = _of_vectors(opened, source.chunks(), k, ef, threads)
    word = "key" if isinstance(opened, nf.StringIndex) else "id"
    if jsonl:
        for each in found:
            output.data_json(_as_json(each, word))
    elif json:
        answers = [_as_json(each, word) for each in found]
        output.data_json({"k": k, "ef": max(ef, k), "queries": answers})
    else:
        lines = (
            (name, rank, neighbour, f"{distance:.6g}")
            for name, neighbours in found
            for rank, (neighbour, distance) in enumerate(neighbours, 1)
        )
        output.table(("query", "rank", word, "distance"), lines)


def _as_json(found: Found, word: str) -> dict[str, Any]:
    name, neighbours = found
    return {
        "query": name,
        "neighbors": [{word: each, "distance": distance} for each, distance in neighbours],
    }


def _of_vectors(opened: Any, chunks: Any, k: int, ef: int, threads: int) -> Iterator[Found]:
    numbers = count()
    for keys, queries in chunks:
        result = opened.query(queries, k, threads, max(ef, k), if_short="pad")
        names = (next(numbers) for _ in queries) if keys is None else np.asarray(keys).tolist()
        for row, name in enumerate(names):
            yield name, _real(result, row)


def _of_stored(opened: Any, given: list[str], k: int, ef: int, threads: int) -> list[Found]:
    names = [_stored_name(opened, text) for text in given]
    wanted = k + 1  # one of them is the item itself
    queries = opened.get_vectors(names)
    result = opened.query(queries, wanted, threads, max(ef, wanted), if_short="pad")
    return [
        (name, [each for each in _real(result, row) if each[0] != name][:k])
        for row, name in enumerate(names)
    ]


def _real(result: Any, row: int) -> list[tuple[Any, float]]:
    valid = int(result.counts[row])
    ids, distances = result[0][row][:valid], result[1][row][:valid]
    return list(zip(ids.tolist(), distances.tolist(), strict=True))


def _stored_name(opened: Any, text: str) -> Any:
    if isinstance(opened, nf.StringIndex):
        return text
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and int(text) < NO_ID):
        message = f"--id is {text!r}; this index has integer ids, 0 to 2^64-2"
        raise InvalidInput(message)
    return int(text)
