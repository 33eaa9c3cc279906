"""What ``nearfield query`` may return: conditions, values of their parameters, sets of ids."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

import nearfield as nf
from nearfield.cli.naming import read_set
from nearfield.errors import InvalidInput
from nearfield.filters import as_expression

__all__ = ["Allow", "Exclude", "Params", "Where", "filters_of", "params_of"]

Where: TypeAlias = Annotated[
    str | None,
    typer.Option(help="A condition on columns, such as \"market = 'SE' and not explicit\"."),
]
Params: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        metavar="NAME=VALUE",
        help="What $NAME in --where stands for: JSON, or else text.",
        show_envvar=False,
        envvar=None,
    ),
]
_SET = (
    "a file of ids or keys: .txt with one a line, .npy, .ivecs, .ibin, .parquet:COLUMN, .roaring."
)
Exclude: TypeAlias = Annotated[
    str | None, typer.Option(metavar="FILE", help=f"Not to be returned: {_SET}")
]
Allow: TypeAlias = Annotated[
    str | None, typer.Option(metavar="FILE", help=f"Nothing else is returned: {_SET}")
]


def params_of(given: Sequence[str]) -> dict[str, Any]:
    """Read values of parameters.

    Parameters
    ----------
    given : sequence of str
        ``NAME=VALUE``; the value is JSON, such as ``1990``, ``true``, ``["SE", "NO"]`` or
        ``"1990"`` with its quotes, and else the text that it is.

    Returns
    -------
    dict of str to value
        By name.

    Raises
    ------
    typer.BadParameter
        No ``=``, no name, or a name that stands twice.

    Examples
    --------
    >>> params_of(["year=1990", "market=SE", "some=[1, 2]"])
    {'year': 1990, 'market': 'SE', 'some': [1, 2]}
    """
    params: dict[str, Any] = {}
    for each in given:
        name, separator, text = each.partition("=")
        name = name.removeprefix("$")
        if not separator or not name:
            message = f"--param is {each!r}; expected NAME=VALUE"
            raise typer.BadParameter(message)
        if name in params:
            message = f"--param names {name!r} twice"
            raise typer.BadParameter(message)
        params[name] = _value(text)
    return params


def _value(text: str) -> Any:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(read, float):
        return read if math.isfinite(read) else text
    return read if isinstance(read, (bool, int, str, list)) else text


def filters_of(
    opened: Any,
    index: Path,
    where: str | None,
    params: Sequence[str],
    exclude: str | None,
    allow: str | None,
) -> dict[str, Any]:
    """Read what may be returned.

    Parameters
    ----------
    opened : Index or StringIndex
        What is asked.
    index : Path
        Its file.
    where, params, exclude, allow
        As they were given.

    Returns
    -------
    dict
        Arguments of its `query`.

    Raises
    ------
    ExpressionError
        No condition, or one that does not fit the columns; the message marks the place.
    InvalidInput, IndexFileNotAccessible
        A file of ids or keys that cannot be read.
    typer.BadParameter
        Parameters without a condition.
    """
    given = params_of(params)
    if given and where is None:
        message = "--param gives a value to a $name in --where; give that as well"
        raise typer.BadParameter(message)
    has_keys = isinstance(opened, nf.StringIndex)
    read: dict[str, Any] = {}
    if where is not None:
        try:
            read["where"] = opened.compile(as_expression(where, "--where"), given or None)
        except TypeError as error:  # a value of a type that no column has
            raise InvalidInput(str(error)) from None
    for name, spec in (("exclude", exclude), ("allow", allow)):
        if spec is not None:
            read[name] = read_set(spec, has_keys, index.name)
    return read
