"""``nearfield build``: an index file from vectors in a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

import nearfield as nf
from nearfield._files import format_of
from nearfield.cli import options, output, settings
from nearfield.cli.opening import check_index_name, save_index
from nearfield.errors import InvalidInput
from nearfield.sources import Source, open_source


def command(
    source: Annotated[
        str, typer.Argument(help=".parquet, .npy, .npz:NAME, .fvecs, .bvecs, .fbin or .u8bin")
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="FILE.nf to write, or FILE.voy for Voyager."),
    ] = None,
    column: options.Column = None,
    key: Annotated[
        str | None, typer.Option(help="Parquet column of keys: text, or integers as ids.")
    ] = None,
    ids: Annotated[
        str | None, typer.Option(help="For other formats: .npy, .ivecs or .ibin of ids or keys.")
    ] = None,
    rows: options.Rows = None,
    columns: options.Columns = None,
    space: options.Space = "Cosine",
    m: Annotated[
        int, typer.Option("--M", "--m", min=2, max=4096, help="Links per vector; 2M on level 0.")
    ] = 12,
    ef_construction: Annotated[int, typer.Option(min=1, help="Beam width while building.")] = 200,
    storage: options.Storage = "Float32",
    codes: options.Codes = "auto",
    threads: options.Threads = -1,
    seed: Annotated[int, typer.Option(min=0, help="Of the graph's levels.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it will take.")] = False,
    config: settings.Config = None,  # noqa: ARG001
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Build an index from vectors in a file.

    Streams the file. The bytes of the index do not depend on how it is cut into row groups, on
    threads or on the machine. With text keys the result is a StringIndex. Columns of the file that
    are named become attributes of the vectors: bools, numbers, moments, text (a category) and lists
    of text (tags), for query --where.
    """
    found = open_source(
        source, vectors=column, key=key, where=rows, ids=ids, columns=options.names_in(columns)
    )
    kind = nf.StringIndex if found.key_kind == "text" else nf.Index
    described = {
        "kind": kind.__name__,
        "dimensions": found.dimensions,
        "space": space,
        "storage": storage,
        "codes": codes,
        "M": m,
        "ef_construction": max(ef_construction, m),
        "seed": seed,
    }
    if out is not None:
        if out.exists() and Path(source).exists() and out.samefile(source):
            message = f"-o is {out}, the file to be read; give the index another name"
            raise typer.BadParameter(message)
        check_index_name(out, "-o")
        if kind is nf.StringIndex and format_of(out, None) == "voyager":
            message = f"{out.name}: Voyager's format has no place for text keys; write a .nf file"
            raise typer.BadParameter(message)
    if dry_run:
        memory = nf.estimate_memory(
            found.count(), found.dimensions, m, storage, space=space, codes=codes
        )
        sizes = asdict(memory) | {"total_bytes": memory.total_bytes}  # "auto" is resolved in it
        _show({"rows": found.count(), **described, **sizes}, json)
        output.note(str(memory), quiet=quiet or json)
        return
    if out is None:
        message = "name the file to write with -o, or ask for --dry-run"
        raise typer.BadParameter(message)
    index: Any = kind(
        space,
        found.dimensions,
        m,
        ef_construction,
        seed,
        storage_data_type=storage,
        codes=codes,
    )
    total = None if quiet else found.count()
    with output.progress("building", quiet, total) as report:
        added = len(index.add_items(_some(found, rows), num_threads=threads, progress=report))
    save_index(index, out, quiet=quiet)
    size = out.stat().st_size
    output.note(f"{out}: {len(index):,} rows, {size:,} bytes", quiet=quiet)
    if added > len(index):
        replaced = added - len(index)
        output.note(f"{replaced:,} rows were replaced by a later row of the same key", quiet=quiet)
    if json:
        _show(
            {
                "index": str(out),
                "rows": len(index),
                "bytes": size,
                **described,
                "codes": index.codes,
            },
            True,
        )


def _some(source: Source, where: str | None) -> Iterator[Any]:
    """Give the chunks of a source, of which there must be one."""
    chunks = source.rows_to_add()
    first = next(chunks, None)
    if first is None:
        what = "no rows" if where is None else f"no row with {where}"
        message = f"{source.name} has {what}; nothing to build from"
        raise InvalidInput(message)
    yield first
    yield from chunks


def _show(values: dict[str, Any], json: bool) -> None:
    if json:
        output.data_json(values)
    else:
        output.table(("what", "value"), list(values.items()))
