"""``nearfield evaluate``: recall against brute force, beside queries per second."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import nearfield as nf
from nearfield.cli import options, output, settings
from nearfield.cli.opening import open_index, require_dimensions
from nearfield.errors import InvalidInput, NearfieldError
from nearfield.evaluate import CurvePoint, curve
from nearfield.sources import Source, open_source, read_ids

_EFS = "10,16,24,32,48,64,96,128,192,256,384,512"
_COLUMNS = ("ef", "recall", "queries/s", "distances", "hops")
_GATE_FAILED = 5


def command(
    index: options.IndexFile,
    queries: Annotated[str, typer.Option("--queries", help="A file of queries, as for build.")],
    vectors: options.Column = None,
    rows: options.Rows = None,
    k: options.Neighbours = 10,
    ef: Annotated[str, typer.Option(help="Beam widths, separated by commas.")] = _EFS,
    threads: options.Threads = 1,
    base: Annotated[
        str | None,
        typer.Option(help="Truth from the vectors of this file, not from those of the index."),
    ] = None,
    base_rows: Annotated[
        str | None, typer.Option(help="As --rows, for --base.", show_default=False)
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Parquet column of ids or keys in --base, as for build.")
    ] = None,
    truth: Annotated[
        str | None,
        typer.Option(help="True neighbours: .ivecs, .ibin or .npy of at least k ids a query."),
    ] = None,
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
    rounded is not held against the graph; with --base it is. Distances and hops are per query and
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
    if truth is not None and base is not None:
        message = "--truth and --base are two sources of the truth; give one"
        raise typer.BadParameter(message)
    opened: Any = open_index(index)
    source = open_source(queries, vectors=vectors, where=rows)
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
    true: Any = None
    if truth is not None:
        true = _from_file(truth, len(asked), k, opened)
    elif base is not None:
        stored = open_source(base, vectors=vectors, where=base_rows, key=key)
        require_dimensions(stored, opened, index)
        true = _from_base(opened, stored, asked, k)
    points = curve(opened, asked, k, widths, truth=true, num_threads=threads)
    best = max(point.recall for point in points)
    if json:
        output.data_json(
            {
                "index": str(index),
                "k": k,
                "queries": len(asked),
                "rows": len(opened),
                "threads": threads,
                "best_recall": best,
                "curve": [point._asdict() for point in points],
            }
        )
    else:
        output.table(_COLUMNS, [_cells(point) for point in points], f"recall@{k}")
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


def _from_file(path: str, queries: int, k: int, opened: Any) -> Any:
    ids = read_ids(path, columns=None)
    if (ids.dtype.kind == "U") != isinstance(opened, nf.StringIndex):
        message = f"{path} holds {'keys' if ids.dtype.kind == 'U' else 'ids'}, unlike the index"
        raise InvalidInput(message)
    if ids.shape[0] != queries or ids.shape[1] < k:
        message = (
            f"{path} holds {ids.shape[1]} neighbours for {ids.shape[0]} queries; expected at "
            f"least {k} for {queries}"
        )
        raise InvalidInput(message)
    ids = ids[:, :k].astype(object) if ids.dtype.kind == "U" else ids[:, :k]
    held = set(opened.ids)
    unknown = [each for each in np.unique(ids).tolist() if each not in held]
    if unknown:
        message = (
            f"{path} names {len(unknown)} neighbours that the index does not hold, such as "
            f"{unknown[0]!r}; its truth is of other rows"
        )
        raise InvalidInput(message)
    return ids


def _from_base(opened: Any, source: Source, asked: Any, k: int) -> Any:
    keys, vectors = source.read()
    ruler = nf.ExactIndex(opened.space, opened.num_dimensions)
    ruler.add_items(vectors)
    rows, distances = ruler.query(asked, k)
    names = np.arange(len(vectors), dtype=np.uint64) if keys is None else np.asarray(keys, object)
    if isinstance(opened, nf.StringIndex) != (source.key_kind == "text"):
        message = f"{source.name} needs the keys that the index was built with (--key)"
        raise InvalidInput(message)
    if source.key_kind == "id":
        names = names.astype(np.uint64)
    true = names[rows.astype(np.intp)]
    # Rounded vectors have other distances, so only the names can be compared with theirs.
    return (true, distances) if opened.exact else true


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
