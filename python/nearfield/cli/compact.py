"""``nearfield compact``: an index file without what was removed from it."""

from __future__ import annotations

from nearfield.cli import options, output
from nearfield.cli.changing import changing, report


def command(
    index: options.IndexFile,
    threads: options.Threads = -1,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make an index file smaller and quicker after vectors were removed or replaced.

    Repairs all links, leaves out the places of vectors that are gone, and lays neighbours near each
    other. Ids, keys and marks stay; answers may differ slightly, since walks go other ways. Where
    few places are given back, the file can get a little larger. It is replaced as a whole: an error
    or Ctrl-C leaves it as it was, and whoever has it open is not disturbed. Commands that change
    one file wait for each other.
    """
    with changing(index, quiet=quiet) as change:
        places = change.index.stats().slots
        with output.progress("compacting", quiet) as counted:
            change.index.compact(threads, progress=counted)
        freed = places - change.index.stats().slots
    report(change, {"places_given_back": freed}, json=json, quiet=quiet)
