"""``nearfield query``: nearest neighbours of vectors in a file, or of stored items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import count
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

import nearfield as nf
from nearfield.cli import filtering, options, output, settings
from nearfield.cli.opening import open_index, require_dimensions
from nearfield.errors import InvalidInput
from nearfield.neighbors import NO_ID
from nearfield.query_plan import QueryPlan
from nearfield.sources import open_source


class Found(NamedTuple):
    """What one query has found.

    ``neighbors`` are ids or keys with their distances, ``shown`` the attributes of each by name.
    """

    name: Any
    neighbors: list[tuple[Any, float]]
    shown: list[dict[str, Any]]
    plan: QueryPlan | None


class Asked(NamedTuple):
    """How queries are asked."""

    k: int
    ef: int
    threads: int
    more: dict[str, Any]


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
    where: filtering.Where = None,
    param: filtering.Params = None,
    exclude: filtering.Exclude = None,
    allow: filtering.Allow = None,
    show: Annotated[
        str | None,
        typer.Option(metavar="NAMES|all", help="Columns to show, with commas between them."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say how each query was answered.")
    ] = False,
    threads: options.Threads = -1,
    config: settings.Config = None,  # noqa: ARG001
    json: options.Json = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a query.")] = False,
) -> None:
    """Find the nearest stored vectors of each query.

    Prints query, rank, id or key, distance and the columns that are asked for: a table on a
    terminal, else lines with tabs. Fewer than k vectors that may be returned give fewer lines. In
    --where id stands for the id or key.
    """
    if json and jsonl:
        message = "give either --json or --jsonl"
        raise typer.BadParameter(message)
    if (queries is None) == (not id):
        message = "give either --queries FILE or --id ID"
        raise typer.BadParameter(message)
    opened: Any = open_index(index, mmap=True)
    names = options.names_in(show)
    shown = list(opened.columns) if names == "all" else names
    more = filtering.filters_of(opened, index, where, param or [], exclude, allow)
    asked = Asked(k, ef, threads, more | {"columns": shown, "explain": explain, "if_short": "pad"})
    found: Iterable[Found]
    if queries is None:
        found = _of_stored(opened, id or [], asked)
    else:
        source = open_source(queries, vectors=column, where=rows, key=key)
        require_dimensions(source, opened, index)
        found = _of_vectors(opened, source.chunks(), asked)
    word = "key" if isinstance(opened, nf.StringIndex) else "id"
    if jsonl:
        for each in found:
            output.data_json(_as_json(each, word))
    elif json:
        answers = [_as_json(each, word) for each in found]
        output.data_json({"k": k, "ef": max(ef, k), "queries": answers})
    else:
        output.table(("query", "rank", word, "distance", *(shown or ())), _lines(found))


def _as_json(found: Found, word: str) -> dict[str, Any]:
    neighbors = [
        {word: each, "distance": distance} | ({"columns": shown} if shown else {})
        for (each, distance), shown in zip(found.neighbors, found.shown, strict=True)
    ]
    plan = {} if found.plan is None else {"plan": asdict(found.plan)}
    return {"query": found.name, "neighbors": neighbors} | plan


def _lines(found: Iterable[Found]) -> Iterator[tuple[Any, ...]]:
    for each in found:
        if each.plan is not None:
            output.note(f"query {each.name}: {each.plan}")
        pairs = zip(each.neighbors, each.shown, strict=True)
        for rank, ((neighbor, distance), shown) in enumerate(pairs, 1):
            yield each.name, rank, neighbor, f"{distance:.6g}", *map(_cell, shown.values())


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return ", ".join(value) if isinstance(value, list) else value


def _of_vectors(opened: Any, chunks: Any, asked: Asked) -> Iterator[Found]:
    numbers = count()
    for keys, queries in chunks:
        names = [next(numbers) for _ in queries] if keys is None else np.asarray(keys).tolist()
        yield from _ask(opened, names, queries, asked)


def _of_stored(opened: Any, given: list[str], asked: Asked) -> Iterator[Found]:
    names = [_stored_name(opened, text) for text in given]
    # One of them may be the item itself.
    for found in _ask(opened, names, opened.get_vectors(names), asked._replace(k=asked.k + 1)):
        others = [place for place, each in enumerate(found.neighbors) if each[0] != found.name]
        kept = others[: asked.k]
        yield found._replace(
            neighbors=[found.neighbors[place] for place in kept],
            shown=[found.shown[place] for place in kept],
        )


def _ask(opened: Any, names: list[Any], queries: Any, asked: Asked) -> Iterator[Found]:
    k = asked.k
    result = opened.query(queries, k, asked.threads, max(asked.ef, k), **asked.more)
    plans = result.plan or [None] * len(names)
    for row, name in enumerate(names):
        valid = int(result.counts[row])
        ids, distances = (part[row][:valid].tolist() for part in result)
        columns = {each: _plain(values[row][:valid]) for each, values in result.columns.items()}
        shown = [{each: of[place] for each, of in columns.items()} for place in range(valid)]
        plan = plans[row] if asked.more["explain"] else None
        yield Found(name, list(zip(ids, distances, strict=True)), shown, plan)


def _plain(values: Any) -> list[Any]:
    """Give values as JSON has them; moments as text."""
    return [
        list(one)
        if isinstance(one, tuple)
        else one.isoformat()
        if hasattr(one, "isoformat")
        else one
        for one in values.tolist()
    ]


def _stored_name(opened: Any, text: str) -> Any:
    if isinstance(opened, nf.StringIndex):
        return text
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and int(text) < NO_ID):
        message = f"--id is {text!r}; this index has integer ids, 0 to 2^64-2"
        raise InvalidInput(message)
    return int(text)
