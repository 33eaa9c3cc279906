"""``nearfield info``: what an index file holds, and how healthy it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nearfield as nf
from nearfield.cli import options, output
from nearfield.cli.opening import format_of_file, open_index
from nearfield.columns import ColumnInfo
from nearfield.filters import Expression, to_text


def command(index: options.IndexFile, json: options.Json = False) -> None:
    """Show parameters, counts, levels and health of an index file.

    Reads the whole file, so its checksums are checked on the way; a bad one is exit code 4.
    """
    described = _describe(index)
    if json:
        output.data_json(described)
        return
    levels = described.pop("levels")
    columns, filters = described.pop("columns"), described.pop("filters")
    rows = [(name, _text(value)) for name, value in described.items()]
    for number, level in enumerate(levels):
        text = f"{level['rows']:,} rows, {level['mean_degree']} links each"
        rows.append((f"level {number}", text))
    for column in columns:
        words = f", {column['words']:,} words" if column["words"] is not None else ""
        text = f"{column['type']}{words}, {column['bytes_per_row']} bytes a row"
        rows.append((f"column {column['name']}", text))
    rows += [(f"filter {name}", text) for name, text in filters.items()]
    output.table(("what", "value"), rows, str(index))


def _describe(path: Path) -> dict[str, Any]:
    index = open_index(path)
    stats = index.stats()
    kind = format_of_file(path)
    ours = kind == "nearfield"
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "format": kind,
        "checksum": "good" if ours else "none in this format",
        "kind": "StringIndex" if isinstance(index, nf.StringIndex) else "Index",
        "space": index.space.name,
        "dimensions": index.num_dimensions,
        "storage": index.storage_data_type.name,
        "exact": index.exact,
        "codes": index.codes,
        "M": index.M,
        "ef_construction": index.ef_construction,
        "seed": index.random_seed if ours else None,
        "slots": stats.slots,
        "live": stats.live,
        "marked": stats.marked,
        "removed": stats.removed,
        "free": stats.free,
        "unrepaired": stats.unrepaired,
        "slots_to_repair": stats.slots_to_repair,
        "duplicates": stats.duplicates,
        "unreachable": stats.unreachable,
        "structure": index.validate() or "good",
        "norm_min": stats.norm_min,
        "norm_max": stats.norm_max,
        "vector_bytes": stats.vector_bytes,
        "code_bytes": stats.code_bytes,
        "clamped": stats.clamped,
        "link_bytes": stats.link_bytes,
        "other_bytes": stats.other_bytes,
        "simd_level": stats.simd_level,
        "columns": [_column(info, stats.slots) for info in index.columns.values()],
        "filters": {name: _filter(known) for name, known in index.filters.items()},
        "levels": [{"rows": rows, "mean_degree": round(mean, 2)} for rows, mean in stats.levels],
    }


def _column(info: ColumnInfo, slots: int) -> dict[str, Any]:
    return {
        "name": info.name,
        "type": info.type,
        "words": info.num_words if info.type in ("category", "tags") else None,
        "bytes": info.num_bytes,
        "bytes_per_row": round(info.num_bytes / slots, 2) if slots else 0.0,
    }


def _filter(known: Any) -> str:
    """Give an expression as it is written, of a set how large it is."""
    if isinstance(known, Expression):
        return to_text(known)
    return f"{len(known):,} {'keys' if isinstance(known, frozenset) else 'ids'}"


def _text(value: Any) -> str:
    if value is None:
        return "not in the file"
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
