"""``nearfield validate``: whether an index file is whole."""

from __future__ import annotations

import typer

from nearfield.cli import options, output
from nearfield.cli.opening import open_index
from nearfield.errors import CorruptIndexFile, IndexFileError


def command(
    index: options.IndexFile, json: options.Json = False, quiet: options.Quiet = False
) -> None:
    """Check every checksum, link, id and vector of an index file; exit code 4 when one is bad."""
    try:
        opened = open_index(index)
        fault = opened.validate()
        if fault:
            raise CorruptIndexFile(fault, field="graph")
    except IndexFileError as error:
        if json:
            place = {"offset": None, "field": None}
            if isinstance(error, CorruptIndexFile):
                place = {"offset": error.offset, "field": error.field}  # type: ignore[dict-item]
            output.data_json({"file": str(index), "valid": False, "fault": str(error), **place})
        output.error(f"{index}: {error}")
        raise typer.Exit(4) from None
    if json:
        output.data_json({"file": str(index), "valid": True, "rows": len(opened)})
    elif not quiet:
        output.data_line(f"{index}: good ({len(opened):,} rows)")
