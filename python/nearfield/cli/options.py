"""Options that several commands share."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer


class SpaceName(enum.StrEnum):
    """Names of spaces, as flags."""

    cosine = "cosine"
    euclidean = "euclidean"
    innerproduct = "innerproduct"


class StorageName(enum.StrEnum):
    """Names of storages, as flags."""

    float32 = "float32"
    float16 = "float16"
    float8 = "float8"
    e4m3 = "e4m3"
    codes_only = "codes-only"


class CodesName(enum.StrEnum):
    """Names of codes, as flags."""

    auto = "auto"
    none = "none"
    int8 = "int8"
    int4 = "int4"


IndexFile: TypeAlias = Annotated[Path, typer.Argument(help="An index file.", show_default=False)]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.")]
Column: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--vectors",
        help="Parquet column that holds the vectors; may be left out when only one holds lists.",
    ),
]
Rows: TypeAlias = Annotated[
    str | None,
    typer.Option("--rows", help="COLUMN=VALUE: only those rows of a Parquet file."),
]
Threads: TypeAlias = Annotated[int, typer.Option("--threads", min=-1, help="-1 = all cores.")]
Neighbours: TypeAlias = Annotated[int, typer.Option("-k", min=1, help="Neighbours of each query.")]
Space: TypeAlias = Annotated[
    SpaceName,
    typer.Option("--space", case_sensitive=False, help="euclidean is the squared L2 distance."),
]
Storage: TypeAlias = Annotated[
    StorageName,
    typer.Option(
        "--storage",
        case_sensitive=False,
        help="float16 takes half of the memory; float8 (-1 to 1) and e4m3 take a quarter and cost "
        "recall; codes-only keeps the codes and no vectors.",
    ),
]
Codes: TypeAlias = Annotated[
    CodesName,
    typer.Option(
        "--codes",
        case_sensitive=False,
        help="What queries compare on their way: 8 or 4 bits a dimension beside the vectors.",
    ),
]
