"""``nearfield convert``: index files of Voyager and hnswlib to ours, and ours to Voyager's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import nearfield as nf
from nearfield._files import format_of, voyager_storage
from nearfield.cli import options, output
from nearfield.cli.opening import check_index_name, open_index, save_index


def command(
    source: Annotated[Path, typer.Argument(help="A file of nearfield, Voyager or hnswlib.")],
    out: Annotated[Path, typer.Argument(help="FILE.nf, or FILE.voy for Voyager.")],
    space: Annotated[
        str | None,
        typer.Option(
            parser=options.space_name,
            metavar=options.SPACES,
            help="Where the file does not say it.",
        ),
    ] = None,
    dimensions: Annotated[
        int | None, typer.Option(min=1, help="Where the file does not say it; with --space.")
    ] = None,
    storage: Annotated[
        str,
        typer.Option(
            parser=options.storage_name,
            metavar=options.STORAGES,
            help="Where the file does not say it; with --space.",
        ),
    ] = "Float32",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Read an index file of any known kind and write it as .nf or as a Voyager v1 file.

    Files of Voyager 1.x and of hnswlib say neither space nor storage: give --space and
    --dimensions. Vectors, ids and links stay as they are; nothing is built anew but codes, which
    other libraries' files have not: they are chosen as by --codes auto. Voyager has neither Float16
    nor CodesOnly: what such an index holds is written there as Float32 vectors.
    """
    check_index_name(out, "OUT")
    if (space is None) != (dimensions is None):
        message = "--space and --dimensions belong together: give both or neither"
        raise typer.BadParameter(message)
    index: Any
    if space is None:
        index = open_index(source)
    else:
        index = nf.Index.load(source, space, dimensions, storage)
    save_index(index, out, quiet=quiet)
    size = out.stat().st_size
    output.note(f"{out}: {len(index):,} rows, {size:,} bytes", quiet=quiet)
    if json:
        kind = format_of(out, None)
        held = index.storage_data_type
        written = voyager_storage(held) if kind == "voyager" else held
        output.data_json(
            {
                "file": str(out),
                "format": kind,
                "storage": written.name,
                "rows": len(index),
                "bytes": size,
            }
        )
