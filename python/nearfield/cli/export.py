"""``nearfield export``: ids or keys and vectors of an index, for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import nearfield as nf
from nearfield.cli import options, output
from nearfield.errors import InvalidInput


def command(
    index: options.IndexFile,
    out: Annotated[Path, typer.Option("-o", "--output", help="A .parquet or .npy file.")],
    quiet: options.Quiet = False,
) -> None:
    """Write ids or keys and vectors to Parquet; or the vectors to .npy, the ids beside it.

    Rows stand in order of insertion. Vectors are as the index holds them: of unit length in cosine
    space, rounded in the 8-bit storages. For X.npy the ids or keys go to X.ids.npy.
    """
    opened = nf.load(index)
    names = list(opened.ids)
    vectors = opened.get_vectors(names)
    if out.suffix == ".parquet":
        from nearfield.parquet import write_parquet

        kind = "key" if isinstance(opened, nf.StringIndex) else "id"
        write_parquet(out, kind, names, vectors)
    elif out.suffix == ".npy":
        np.save(out, vectors)
        kind_of_ids = np.str_ if isinstance(opened, nf.StringIndex) else np.uint64
        np.save(out.with_suffix(".ids.npy"), np.array(names, dtype=kind_of_ids))
    else:
        message = f"{out.name} is of no known kind; expected .parquet or .npy (argument -o)"
        raise InvalidInput(message)
    output.note(f"{out}: {len(names):,} rows", quiet=quiet)
