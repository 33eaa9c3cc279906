"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

IndexFile: TypeAlias = Annotated[Path, typer.Argument(help="An index file.", show_default=False)]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.")]
Vectors: TypeAlias = Annotated[
    str | None, typer.Option("--vectors", help="Parquet column that holds the vectors.")
]
Rows: TypeAlias = Annotated[
    str | None, typer.Option("--rows", help="COLUMN=VALUE: only those rows of a Parquet file.")
]
Threads: TypeAlias = Annotated[int, typer.Option("--threads", help="-1 = all cores.")]
SpaceName: TypeAlias = Annotated[
    str, typer.Option("--space", help="cosine, euclidean (squared L2) or innerproduct.")
]
StorageName: TypeAlias = Annotated[
    str, typer.Option("--storage", help="float32, float8 or e4m3 (a quarter of the memory).")
]
