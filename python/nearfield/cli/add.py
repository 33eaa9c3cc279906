"""``nearfield add``: more vectors into an index file."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from nearfield.cli import options
from nearfield.cli.adding import Ids, Key, VectorsFile, add_source
from nearfield.sources import open_source
from nearfield.typing import OnConflict

_CONFLICTS = ("error", "keep", "update")


def _rule(text: str) -> str:
    """Read what becomes of a row whose id is there."""
    if text not in _CONFLICTS:
        message = f"--on-conflict is {text!r}; expected one of {', '.join(_CONFLICTS)}"
        raise typer.BadParameter(message)
    return text


def command(
    index: options.IndexFile,
    source: VectorsFile,
    column: options.Column = None,
    key: Key = None,
    ids: Ids = None,
    rows: options.Rows = None,
    columns: options.Columns = None,
    on_conflict: Annotated[
        str,
        typer.Option(
            "--on-conflict",
            parser=_rule,
            metavar="|".join(_CONFLICTS),
            help="A row whose id or key is in the index: refuse all, leave it out, or replace.",
        ),
    ] = "error",
    threads: options.Threads = -1,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Add vectors from a file to an index file.

    Vectors, ids, keys and columns as for build; without ids the index chooses new ones. An id or
    key that is in the index already, or stands twice in the file, is refused, unless --on-conflict
    says otherwise. The index file is replaced as a whole when everything is added: an error or
    Ctrl-C leaves it as it was, and whoever has it open is not disturbed. Commands that change one
    file wait for each other.
    """
    found = open_source(
        source, vectors=column, key=key, where=rows, ids=ids, columns=options.names_in(columns)
    )
    rule = cast(OnConflict, on_conflict)
    add_source(
        index, found, rule, needs_ids=False, named_by=(key, ids), threads=threads, json=json,
        quiet=quiet,
    )  # fmt: skip
