"""``nearfield remove``: vectors out of an index file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nearfield.cli import options
from nearfield.cli.changing import changing, report
from nearfield.cli.naming import names_of
from nearfield.sources import lines_of, read_keys
from nearfield.typing import IfMissing

_RULES = ("raise", "ignore")


def _rule(text: str) -> str:
    """Read what becomes of an id that is not there."""
    if text not in _RULES:
        message = f"--if-missing is {text!r}; expected one of {', '.join(_RULES)}"
        raise typer.BadParameter(message)
    return text


def command(
    index: options.IndexFile,
    ids: Annotated[
        list[str] | None, typer.Argument(help="Ids or keys.", show_default=False)
    ] = None,
    ids_from: Annotated[
        str | None,
        typer.Option(
            "--ids-from",
            metavar="FILE",
            help="A file of ids or keys: .txt with one a line, .npy, .ivecs, .ibin, or .parquet "
            "with --key; - reads lines from standard input.",
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Parquet column of keys: text, or integers as ids.")
    ] = None,
    rows: options.Rows = None,
    if_missing: Annotated[
        str,
        typer.Option(
            "--if-missing",
            parser=_rule,
            metavar="|".join(_RULES),
            help="An id or key that is not in the index: remove none, or pass over it.",
        ),
    ] = "raise",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove vectors from an index file for good, also those that are marked as deleted.

    The file keeps their places for vectors that are added later, and links are repaired bit by bit;
    compact makes it smaller. It is replaced as a whole: an error or Ctrl-C leaves it as it was, and
    whoever has it open is not disturbed. Commands that change one file wait for each other.
    """
    if bool(ids) == (ids_from is not None):
        message = "name ids or keys, or a file of them with --ids-from; one of the two"
        raise typer.BadParameter(message)
    if ids_from is None and (key is not None or rows is not None):
        message = "--key and --rows say what to read of a Parquet file; name it with --ids-from"
        raise typer.BadParameter(message)
    given: Any = ids
    name = "the command line"
    if ids_from == "-":
        given, name = lines_of(sys.stdin.buffer.read(), "standard input"), "standard input"
    elif ids_from is not None:
        given, name = read_keys(ids_from, key=key, where=rows), Path(ids_from).name
    rule: IfMissing = "ignore" if if_missing == "ignore" else "raise"
    with changing(index, quiet=quiet) as change:
        listed = given if isinstance(given, list) else given.tolist()
        named = names_of(listed, change.has_keys, change.path.name, name)
        removed = change.index.remove(named, if_missing=rule)
        change.is_needed = removed > 0
    missing = len(set(named)) - removed
    report(change, {"removed": removed, "missing": missing}, json=json, quiet=quiet)
