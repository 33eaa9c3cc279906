"""``nearfield evaluate``: recall against brute force, beside queries per second."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from nearfield.cli import options, output, settings, truths
from nearfield.cli.opening import open_index, require_dimensions
from nearfield.errors import InvalidInput, NearfieldError
from nearfield.evaluate import CurvePoint, curve
from nearfield.sources import open_source

_EFS = "10,16,24,32,48,64,96,128,192,256,384,512"
_COLUMNS = ("ef", "recall", "queries/s", "distances", "hops")
_GATE_FAILED = 5


def command(
    index: options.IndexFile,
    queries: Annotated[str, typer.Option("--queries", help="A file of queries, as for build.")],
    column: options.Column = None,
    rows: options.Rows = None,
    k: options.Neighbours = 10,
    ef: Annotated[str, typer.Option(help="Beam widths, separated by commas.")] = _EFS,
    threads: options.Threads = 1,
    base: truths.Base = None,
    base_rows: truths.BaseRows = None,
    key: truths.Key = None,
    truth: truths.Truth = None,
    min_recall: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Exit code 5 when no beam width reaches it."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the curve into a PNG or SVG.")] = None,
    config: settings.Config = None,  # noqa: ARG001
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure recall and speed of an index over beam widths.

    The truth is brute force in float64 over the index's own vectors, so what a storage has
    rounded is not held against the graph; with --base or --truth it is. "against" of --json says
    which: given, held (rounded) or truth. Distances and hops are per query and
    equal on every machine; queries/s are for the whole batch on --threads.
    """
    widths = _widths(ef, k)
    if plot is not None:
        output.check_target(plot)
        draw_with = _figure_class()
        drawn = draw_with().canvas.get_supported_filetypes()
        if plot.suffix.lower().lstrip(".") not in drawn:
            message = f"--plot is {plot.name}; expected a name that ends in .png, .svg or .pdf"
            raise typer.BadParameter(message)
    choice = truths.chosen(base, base_rows, key, truth)
    opened: Any = open_index(index)
    source = open_source(queries, vectors=column, where=rows)
    require_dimensions(source, opened, index)
    asked = source.read()[1]
    if not len(asked):
        chosen = "" if rows is None else f" (--rows {rows})"
        message = f"{source.name} has no rows to ask with{chosen}"
        raise InvalidInput(message)
    if k > len(opened):
        message = f"-k is {k}, but {index.name} holds {len(opened)} live rows; ask for fewer"
        raise InvalidInput(message)
    what = "reading" if truth is not None else "finding"
    output.note(f"{len(asked):,} queries, {len(opened):,} rows: {what} the truth", quiet=quiet)
    true = truths.find(choice, opened, index, asked, k, column, None)
    points = curve(opened, asked, k, widths, truth=true, num_threads=threads)
    against = points[0].against
    truths.note_meaning(against, opened, quiet=quiet)
    best = max(point.recall for point in points)
    if json:
        output.data_json(
            {
                "index": str(index),
                "k": k,
                "queries": len(asked),
                "rows": len(opened),
                "threads": threads,
                "against": against,
                "best_recall": best,
                "curve": [point._asdict() for point in points],
            }
        )
    else:
        held = f" of the vectors held ({opened.storage_data_type.name})"
        title = f"recall@{k}{held if against == 'held' else ''}"
        output.table(_COLUMNS, [_cells(point) for point in points], title)
    if plot is not None:
        _draw(draw_with, points, k, plot)
    if min_recall is not None and best < min_recall:
        output.error(f"recall@{k} is at most {best:.4f}, below --min-recall {min_recall}")
        raise typer.Exit(_GATE_FAILED)


def _widths(text: str, k: int) -> list[int]:
    try:
        widths = sorted({max(int(each), k) for each in text.split(",")})
    except ValueError:
        message = f"--ef is {text!r}; expected whole numbers separated by commas"
        raise typer.BadParameter(message) from None
    return widths


def _cells(point: CurvePoint) -> list[str]:
    return [
        str(point.ef),
        f"{point.recall:.4f}",
        f"{point.queries_per_second:.0f}",
        f"{point.distances:.1f}",
        f"{point.hops:.1f}",
    ]


def _figure_class() -> Any:
    try:
        return import_module("matplotlib.figure").Figure
    except ImportError:
        message = "--plot needs matplotlib: pip install 'nearfield[plot]'"
        raise NearfieldError(message) from None


def _draw(figure_class: Any, points: list[CurvePoint], k: int, path: Path) -> None:
    figure = figure_class(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot(xlabel=f"recall@{k}", ylabel="queries per second", yscale="log")
    axes.plot([p.recall for p in points], [p.queries_per_second for p in points], marker="o")
    for point in points:
        axes.annotate(f"ef {point.ef}", (point.recall, point.queries_per_second), fontsize=7)
    with output.replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)
