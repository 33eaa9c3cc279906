"""``nearfield upsert``: vectors into an index file, in place of those of the same id or key."""

from __future__ import annotations

from nearfield.cli import options
from nearfield.cli.adding import Ids, Key, VectorsFile, add_source
from nearfield.sources import open_source


def command(
    index: options.IndexFile,
    source: VectorsFile,
    column: options.Column = None,
    key: Key = None,
    ids: Ids = None,
    rows: options.Rows = None,
    columns: options.Columns = None,
    threads: options.Threads = -1,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Add vectors from a file to an index file, or replace those whose ids or keys are there.

    Vectors and columns as for build, with ids or keys from --key or --ids; of equal ones the last
    row wins. What is replaced keeps its values in columns that are not named. The index file is
    replaced as a whole when everything is done: an error or Ctrl-C leaves it as it was, and whoever
    has it open is not disturbed. Commands that change one file wait for each other.
    """
    found = open_source(
        source, vectors=column, key=key, where=rows, ids=ids, columns=options.names_in(columns)
    )
    add_source(
        index, found, "update", needs_ids=True, named_by=(key, ids), threads=threads, json=json,
        quiet=quiet,
    )  # fmt: skip
