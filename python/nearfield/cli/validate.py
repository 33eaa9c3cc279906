"""``nearfield validate``: whether an index file is whole."""

from __future__ import annotations

import nearfield as nf
from nearfield.cli import options, output
from nearfield.errors import CorruptIndexFile


def command(index: options.IndexFile, json: options.Json = False) -> None:
    """Check every checksum, link, id and vector of an index file; exit code 4 when one is bad."""
    opened = nf.load(index)
    fault = opened.validate()
    if fault:
        message = f"{index}: {fault}"
        raise CorruptIndexFile(message, offset=0, field="links")
    if json:
        output.data_json({"file": str(index), "valid": True, "rows": len(opened)})
    else:
        output.data_line(f"{index}: good ({len(opened):,} rows)")
