"""``nearfield evaluate``: recall against brute force, beside queries per second."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import nearfield as nf
from nearfield.cli import options, output
from nearfield.evaluate import CurvePoint, curve
from nearfield.sources import open_source

_EFS = "10,16,24,32,48,64,96,128,192,256,384,512"


def command(
    index: options.IndexFile,
    queries: Annotated[str, typer.Option("--queries", help="A file of queries, as for build.")],
    vectors: options.Vectors = None,
    rows: options.Rows = None,
    k: Annotated[int, typer.Option("-k", help="Neighbours of each query.")] = 10,
    ef: Annotated[str, typer.Option(help="Beam widths, separated by commas.")] = _EFS,
    threads: options.Threads = 1,
    min_recall: Annotated[
        float | None, typer.Option(help="Exit code 5 when no beam width reaches it.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the curve into a PNG or SVG.")] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure recall and speed of an index over beam widths.

    The truth is brute force over the index's own vectors, in float64.
    """
    opened = nf.load(index)
    asked = open_source(queries, vectors=vectors, where=rows).read()[1]
    output.note(f"{len(asked):,} queries, {len(opened):,} rows: computing the truth", quiet=quiet)
    points = curve(opened, asked, k, _widths(ef, k), num_threads=threads)
    best = max(point.recall for point in points)
    if json:
        output.data_json(
            {
                "k": k,
                "queries": len(asked),
                "threads": threads,
                "curve": [point._asdict() for point in points],
            }
        )
    else:
        output.table(CurvePoint._fields, [_cells(point) for point in points])
    if plot is not None:
        _draw(points, k, plot)
    if min_recall is not None and best < min_recall:
        output.error(f"recall@{k} is at most {best:.4f}, below --min-recall {min_recall}")
        raise typer.Exit(5)


def _widths(text: str, k: int) -> list[int]:
    try:
        widths = sorted({max(int(each), k) for each in text.split(",")})
    except ValueError:
        message = f"--ef is {text!r}; expected whole numbers separated by commas"
        raise typer.BadParameter(message) from None
    return widths


def _cells(point: CurvePoint) -> list[str]:
    return [
        f"{value:.4f}"
        if name == "recall"
        else f"{value:,.1f}"
        if isinstance(value, float)
        else str(value)
        for name, value in point._asdict().items()
    ]


def _draw(points: list[CurvePoint], k: int, path: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        output.error("--plot needs matplotlib: pip install 'nearfield[plot]'")
        raise typer.Exit(1) from None
    figure: Any = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot(
        xlabel=f"recall@{k}", ylabel="queries per second", yscale="log", title="nearfield"
    )
    axes.plot([p.recall for p in points], [p.queries_per_second for p in points], marker="o")
    for point in points:
        axes.annotate(str(point.ef), (point.recall, point.queries_per_second), fontsize=7)
    figure.savefig(path, dpi=150)
