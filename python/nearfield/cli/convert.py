"""``nearfield convert``: index files of Voyager and hnswlib to ours, and ours to Voyager's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import nearfield as nf
from nearfield.cli import options, output
from nearfield.errors import InvalidInput
from nearfield.spaces import as_space, as_storage


def command(
    source: Annotated[Path, typer.Argument(help="A file of nearfield, Voyager or hnswlib.")],
    out: Annotated[Path, typer.Argument(help="FILE.nf, or FILE.voy for Voyager.")],
    space: Annotated[
        str | None, typer.Option(help="Where the file does not say it (Voyager v0, hnswlib).")
    ] = None,
    dimensions: Annotated[int | None, typer.Option(help="Where the file does not say it.")] = None,
    storage: Annotated[str | None, typer.Option(help="Where the file does not say it.")] = None,
    quiet: options.Quiet = False,
) -> None:
    """Read an index file of any known kind and write it as .nf or as a Voyager v1 file."""
    kinds = {".nf": "nearfield", ".voy": "voyager", ".voyager": "voyager"}
    if out.suffix not in kinds:
        message = f"{out.name} is of no known kind; expected .nf or .voy (argument OUT)"
        raise InvalidInput(message)
    if space is None:
        index = nf.load(source)
    else:
        index = nf.Index.load(
            source,
            as_space(space),
            dimensions,  # type: ignore[arg-type]
            as_storage(storage) if storage is not None else nf.StorageDataType.Float32,
        )
    index.save(out, format=kinds[out.suffix])  # type: ignore[arg-type]
    output.note(f"{out}: {len(index):,} rows", quiet=quiet)
