"""``nearfield build``: an index file from vectors in a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

import nearfield as nf
from nearfield.cli import options, output
from nearfield.sources import Source, open_source
from nearfield.spaces import as_space, as_storage


def command(
    source: Annotated[
        str, typer.Argument(help=".parquet, .npy, .npz:NAME, .fvecs, .bvecs, .fbin or .u8bin")
    ],
    out: Annotated[Path | None, typer.Option("-o", "--output", help="The file to write.")] = None,
    vectors: options.Vectors = None,
    key: Annotated[
        str | None, typer.Option(help="Parquet column of keys: text, or integers as ids.")
    ] = None,
    rows: options.Rows = None,
    space: options.SpaceName = "cosine",
    m: Annotated[int, typer.Option("--M", "--m", help="Links per vector.")] = 12,
    ef_construction: Annotated[int, typer.Option(help="Beam width while building.")] = 200,
    storage: options.StorageName = "float32",
    threads: options.Threads = -1,
    seed: Annotated[int, typer.Option(help="Of the graph's levels.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it will take.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Build an index from vectors in a file.

    Streams the file. The bytes of the index do not depend on how it is cut into row groups, on
    threads or on the machine. With text keys the result is a StringIndex.
    """
    found = open_source(source, vectors=vectors, key=key, where=rows)
    if dry_run:
        _estimate(found, m, storage, json)
        return
    if out is None:
        message = "name the file to write: -o FILE.nf (or --dry-run)"
        raise typer.BadParameter(message)
    chunks = _with_first(found)
    keys = next(chunks)
    kind = nf.StringIndex if keys and isinstance(keys[0], str) else nf.Index
    index: Any = kind(
        as_space(space),
        found.dimensions,
        m,
        ef_construction,
        seed,
        storage_data_type=as_storage(storage),
    )
    with output.progress("building", quiet) as report:
        counted = None if report is None else lambda done, _: report(done, found.rows)
        index.add_items(chunks, num_threads=threads, progress=counted)
    index.save(out)
    result = {
        "index": str(out),
        "rows": len(index),
        "dimensions": found.dimensions,
        "bytes": out.stat().st_size,
    }
    if json:
        output.data_json(result)
    else:
        output.note(f"{out}: {len(index):,} rows, {result['bytes']:,} bytes", quiet=quiet)


def _with_first(source: Source) -> Iterator[Any]:
    """Give the keys of the first chunk, then all chunks: the keys decide the kind of index."""
    chunks = source.chunks()
    first = next(chunks, None)
    yield None if first is None else first[0]
    if first is not None:
        yield first
    yield from chunks


def _estimate(source: Source, m: int, storage: str, json: bool) -> None:
    rows = source.rows
    if rows is None:  # a filter: count what it leaves
        rows = sum(len(vectors) for _, vectors in source.chunks())
    memory = nf.estimate_memory(rows, source.dimensions, m, as_storage(storage))
    result = {
        "rows": rows,
        "dimensions": source.dimensions,
        "vector_bytes": memory.vector_bytes,
        "link_bytes": memory.link_bytes,
        "other_bytes": memory.other_bytes,
        "total_bytes": memory.total_bytes,
    }
    if json:
        output.data_json(result)
    else:
        output.table(("what", "value"), [(name, f"{value:,}") for name, value in result.items()])
