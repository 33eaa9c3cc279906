"""``nearfield info``: what an index file holds, and how healthy it is."""

from __future__ import annotations

from typing import Any

import nearfield as nf
from nearfield.cli import options, output


def describe(index: Any) -> dict[str, Any]:
    """Gather parameters, counts and health of an index.

    Parameters
    ----------
    index : Index or StringIndex
        What is described; everything is read once.

    Returns
    -------
    dict
        Names and values, as JSON can hold them.
    """
    stats = index.stats()
    return {
        "kind": type(index).__name__,
        "space": index.space.name,
        "dimensions": index.num_dimensions,
        "storage": index.storage_data_type.name,
        "M": index.M,
        "ef_construction": index.ef_construction,
        "seed": index.random_seed,
        "live": stats.live,
        "marked": stats.marked,
        "superseded": stats.superseded,
        "levels": [{"rows": rows, "mean_degree": round(mean, 2)} for rows, mean in stats.levels],
        "unreachable": stats.unreachable,
        "duplicates": stats.duplicates,
        "norm_min": stats.norm_min,
        "norm_max": stats.norm_max,
        "vector_bytes": stats.vector_bytes,
        "link_bytes": stats.link_bytes,
        "other_bytes": stats.other_bytes,
        "simd_level": stats.simd_level,
    }


def command(index: options.IndexFile, json: options.Json = False) -> None:
    """Show parameters, counts, levels and health of an index file.

    Reads the whole file, so its checksums are checked on the way.
    """
    described = {"file": str(index), "bytes": index.stat().st_size} if index.is_file() else {}
    described |= describe(nf.load(index)) | {"checksum": "good"}
    if json:
        output.data_json(described)
        return
    levels = described.pop("levels")
    rows = [(name, _text(value)) for name, value in described.items()]
    for number, level in enumerate(levels):
        rows.append(
            (f"level {number}", f"{level['rows']:,} rows, {level['mean_degree']} links each")
        )
    output.table(("what", "value"), rows)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
