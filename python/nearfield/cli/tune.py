"""``nearfield tune``: the smallest beam width that gives a recall."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nearfield.cli import options, output, settings, truths
from nearfield.cli.opening import open_index, require_dimensions
from nearfield.errors import InvalidInput
from nearfield.sources import open_source
from nearfield.tune import Tuning

_GATE_FAILED = 5


def command(
    index: options.IndexFile,
    queries: Annotated[str, typer.Option("--queries", help="A file of queries, as for build.")],
    column: options.Column = None,
    rows: options.Rows = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many queries.", show_default=False)
    ] = None,
    recall: Annotated[float, typer.Option(help="The recall that is wanted, 0 to 1.")] = 0.95,
    k: options.Neighbours = 10,
    max_ef: Annotated[
        int | None,
        typer.Option(min=1, help="The widest beam to try; default all rows.", show_default=False),
    ] = None,
    assured: Annotated[
        bool, typer.Option("--assured", help="Even the low end of the interval must reach it.")
    ] = False,
    confidence: Annotated[float, typer.Option(help="Of the interval, 0 to 1.")] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of the split into two halves.")] = 1,
    threads: options.Threads = -1,
    base: truths.Base = None,
    base_rows: truths.BaseRows = None,
    key: truths.Key = None,
    truth: truths.Truth = None,
    config: settings.Config = None,  # noqa: ARG001
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find the smallest beam width ef that gives a recall.

    One half of the queries chooses, the other half verifies, against brute force over the index's
    own vectors; where its storage has rounded those, --base or --truth measures by the ones that
    were given ("against" says which: given, held or truth). Nothing is timed, so equal files give
    equal output. Exit code 5 when no width reaches the recall; the best one is shown all the same.
    """
    if not 0 < recall <= 1:
        message = f"--recall is {recall}; expected a number above 0 and up to 1"
        raise typer.BadParameter(message)
    if not 0 < confidence < 1:
        message = f"--confidence is {confidence}; expected a number above 0 and below 1"
        raise typer.BadParameter(message)
    if max_ef is not None and max_ef < k:
        message = f"--max-ef is {max_ef}, smaller than -k {k}; expected at least -k"
        raise typer.BadParameter(message)
    if assured and recall == 1:
        message = "--recall is 1, which no number of queries can assure; ask for less"
        raise typer.BadParameter(message)
    choice = truths.chosen(base, base_rows, key, truth)
    opened: Any = open_index(index)
    source = open_source(queries, vectors=column, where=rows)
    require_dimensions(source, opened, index)
    asked = source.read()[1][:limit]
    if k > len(opened):
        message = f"-k is {k}, but {index.name} holds {len(opened)} live rows; ask for fewer"
        raise InvalidInput(message)
    what = "reading" if truth is not None else "finding"
    output.note(f"{len(asked):,} queries, {len(opened):,} rows: {what} the truth", quiet=quiet)
    true = truths.find(choice, opened, index, asked, k, column, limit)
    with output.progress("finding the truth", quiet) as report:
        found = opened.tune(
            asked, recall, k, max_ef=max_ef, assured=assured, confidence=confidence, seed=seed,
            num_threads=threads, progress=report, truth=true,
        )  # fmt: skip
    output.note(str(found), quiet=quiet)
    truths.note_meaning(found.against, opened, quiet=quiet)
    figures = _figures(found)
    if json:
        curve = [each._asdict() for each in found.curve]
        output.data_json({"index": str(index), "rows": len(opened), **figures, "curve": curve})
    else:
        output.table(("what", "value"), [(name, _cell(value)) for name, value in figures.items()])
    if not found.reached:
        output.error(f"no beam width tried gives a recall@{k} of {recall:g}")
        raise typer.Exit(_GATE_FAILED)


def _figures(found: Tuning) -> dict[str, Any]:
    names = [name for name in found.__dataclass_fields__ if name != "curve"]
    return {name: getattr(found, name) for name in names} | {"assured": found.assured}


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
