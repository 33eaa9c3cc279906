"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias, cast

import typer

from nearfield.errors import InvalidInput
from nearfield.spaces import CODES, as_codes, as_space, as_storage
from nearfield.spaces import Space as SpaceType
from nearfield.typing import CodesName

SPACES = "|".join(member.name for member in SpaceType)
STORAGES = "Float32|Float16|Float8|E4M3|CodesOnly"
CODES_NAMES = "|".join(("auto", *(name for name in CODES if name != "auto")))


def space_name(text: str) -> str:
    """Read a space by its name, without regard to case, hyphens and underscores.

    Parameters
    ----------
    text : str
        ``innerproduct``, ``inner-product`` and ``InnerProduct`` mean the same.

    Returns
    -------
    str
        The name that `nearfield.Space` has for it.

    Raises
    ------
    typer.BadParameter
        An unknown one.
    """
    try:
        return as_space(text, "--space").name
    except InvalidInput as error:
        raise typer.BadParameter(str(error)) from None


def storage_name(text: str) -> str:
    """Read a storage by its name, without regard to case, hyphens and underscores.

    Parameters
    ----------
    text : str
        ``codesonly``, ``codes-only`` and ``CodesOnly`` mean the same.

    Returns
    -------
    str
        The name that `nearfield.StorageDataType` has for it.

    Raises
    ------
    typer.BadParameter
        An unknown one.
    """
    try:
        return as_storage(text, "--storage").name
    except InvalidInput as error:
        raise typer.BadParameter(str(error)) from None


def codes_name(text: str) -> CodesName:
    """Read codes by their name, in any case.

    Parameters
    ----------
    text : str
        One of `nearfield.spaces.CODES`.

    Returns
    -------
    str
        As `nearfield.Index` takes it.

    Raises
    ------
    typer.BadParameter
        An unknown one.
    """
    try:
        as_codes(text, "--codes")
    except InvalidInput as error:
        raise typer.BadParameter(str(error)) from None
    return cast(CodesName, text.lower())


def names_in(text: str | None) -> list[str] | Literal["all"] | None:
    """Read names of columns.

    Parameters
    ----------
    text : str or None
        With commas between them, or ``all``.

    Returns
    -------
    list of str, "all" or None
        None where nothing was given.

    Raises
    ------
    typer.BadParameter
        An empty name.

    Examples
    --------
    >>> names_in("market, year"), names_in("all"), names_in(None)
    (['market', 'year'], 'all', None)
    """
    if text is None or text == "all":
        return None if text is None else "all"
    names = [name.strip() for name in text.split(",")]
    if "" in names:
        message = f"{text!r} has an empty name of a column; expected names with commas between them"
        raise typer.BadParameter(message)
    return names


IndexFile: TypeAlias = Annotated[Path, typer.Argument(help="An index file.", show_default=False)]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.")]
Column: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--column",
        "--vectors",
        help="Parquet column that holds the vectors; may be left out when only one holds lists of "
        "numbers.",
    ),
]
Rows: TypeAlias = Annotated[
    str | None,
    typer.Option("--rows", help="COLUMN=VALUE: only those rows of a Parquet file."),
]
Columns: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="NAMES|all",
        help="Parquet columns to keep as attributes, with commas between them; all: every other.",
    ),
]
Threads: TypeAlias = Annotated[int, typer.Option("--threads", min=-1, help="-1 = all cores.")]
Neighbours: TypeAlias = Annotated[int, typer.Option("-k", min=1, help="Neighbours of each query.")]
Space: TypeAlias = Annotated[
    str,
    typer.Option(
        "--space",
        parser=space_name,
        metavar=SPACES,
        help="Euclidean is the squared L2 distance. In any case, with or without hyphens.",
    ),
]
Storage: TypeAlias = Annotated[
    str,
    typer.Option(
        "--storage",
        parser=storage_name,
        metavar=STORAGES,
        help="Float16 halves what vectors take; Float8 (-1 to 1) and E4M3 take a quarter and cost "
        "recall; CodesOnly keeps the codes and no vectors. In any case, with or without hyphens.",
    ),
]
Codes: TypeAlias = Annotated[
    CodesName,
    typer.Option(
        "--codes",
        parser=codes_name,
        metavar=CODES_NAMES,
        help="What queries compare on their way: 8 or 4 bits a dimension beside the vectors.",
    ),
]
