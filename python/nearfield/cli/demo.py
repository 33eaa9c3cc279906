"""``nearfield demo``: the main job on small real data and a simulated listening world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

import nearfield as nf
from nearfield.cli import options, output
from nearfield.errors import NearfieldError
from nearfield.evaluate import CurvePoint, curve, recall
from nearfield.report import Report, grey_image, line_chart

_SEED = 7
_GENRES = 12
_HELD_OUT = 200
_REPEATS = 20
_COLUMNS = ("ef", "recall@10", "queries/s", "distances")


class _World(NamedTuple):
    """Tracks and listeners with known tastes: what a recommender never has."""

    tracks: Any  # (n_tracks, 32) float32
    names: list[str]
    genres: Any  # (n_tracks,) int
    listeners: Any  # (n_listeners, 32) float32: the mean of what they played
    tastes: Any  # (n_listeners, 2) int: the two genres that they play
    heard: list[set[str]]  # of each listener


def command(
    out: Annotated[Path, typer.Option("-o", "--output", help="Where the HTML report goes.")] = Path(
        "nearfield-demo.html"
    ),
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Build, query and measure two small indexes; write an HTML report. Under a minute, no network.

    Handwritten digits that ship with scikit-learn, and a simulated world of listeners whose tastes
    are known. All of it is seeded.
    """
    output.check_target(out)
    report = Report("nearfield: what it does")
    summary = {"digits": _digits(report, json, quiet), "listening": _listening(report, json)}
    with output.replacing(out) as temporary:
        report.save(temporary)
    output.note(f"report: {out}", quiet=quiet)
    if json:
        output.data_json({**summary, "report": str(out)})


def _load_digits() -> Any:
    try:
        from sklearn.datasets import load_digits  # type: ignore[import-untyped]
    except ImportError:
        message = "the demo needs scikit-learn: pip install 'nearfield[all]'"
        raise NearfieldError(message) from None
    return load_digits()


def _digits(report: Report, json: bool, quiet: bool) -> dict[str, Any]:
    digits = _load_digits()
    images = digits.data.astype(np.float32)
    order = np.random.default_rng(_SEED).permutation(len(images))
    base, queries = order[_HELD_OUT:], order[:_HELD_OUT]
    index = nf.Index(nf.Space.Euclidean, images.shape[1])
    with output.progress("adding digits", quiet) as progress:
        index.add_items(images[base], ids=base, progress=progress)
    many = np.tile(images[queries], (_REPEATS, 1))  # a batch that takes long enough to be timed
    points = curve(index, many, 10, [10, 16, 24, 32, 64], num_threads=1)
    found = index.query(images[queries], k=5, query_ef=64)
    near = found.ids.astype(np.intp)
    same = float((digits.target[near] == digits.target[queries][:, np.newaxis]).mean())
    rows = [_cells(point) for point in points]
    shown = [
        (digits.target[query], " ".join(map(str, digits.target[ids])), f"{distances[0]:.0f}")
        for query, ids, distances in zip(queries[:5], near[:5], found.distances[:5], strict=True)
    ]
    if not json:
        output.data_line(f"{len(base)} handwritten digits, 64 dimensions, squared L2")
        output.table(_COLUMNS, rows)
        output.data_line(f"{same:.1%} of the five nearest show the same digit as the query:")
        output.table(("query", "its five nearest", "distance to the first"), shown)
    report.heading("Handwritten digits")
    report.paragraph(
        f"{len(base)} images of 8 x 8 pixels (scikit-learn's digits), {len(queries)} held out as "
        f"queries. {same:.1%} of the five nearest neighbours show the same digit."
    )
    report.table(_COLUMNS, rows)
    report.figure(_picture(points), "Recall against speed: the beam width ef trades them.")
    for row in range(4):
        pictures = [images[queries[row]], *images[near[row]]]
        report.figure(
            "".join(grey_image(each.reshape(8, 8) / 16) for each in pictures),
            f"A {digits.target[queries[row]]} that the index has not seen, and its five nearest",
        )
    return {
        "rows": len(base),
        "queries": len(queries),
        "same_digit_share": same,
        "curve": [point._asdict() for point in points],
    }


def _cells(point: CurvePoint) -> tuple[str, str, str, str]:
    speed = f"{point.queries_per_second:,.0f}"
    return str(point.ef), f"{point.recall:.4f}", speed, f"{point.distances:.0f}"


def _picture(points: list[CurvePoint]) -> str:
    return line_chart(
        [p.recall for p in points],
        [p.queries_per_second for p in points],
        "recall@10 against brute force",
        "queries per second",
        [f"ef {p.ef}" for p in points],
    )


def _simulate(rng: np.random.Generator) -> _World:
    n_tracks, n_listeners, plays = 3000, 200, 30
    centres = rng.normal(size=(_GENRES, 32))
    genres = rng.integers(_GENRES, size=n_tracks)
    tracks = centres[genres] + 0.6 * rng.normal(size=(n_tracks, 32))
    tracks = (tracks / np.linalg.norm(tracks, axis=1, keepdims=True)).astype(np.float32)
    names = [f"track {number:04d} (genre {genre})" for number, genre in enumerate(genres)]
    tastes = np.array([rng.choice(_GENRES, 2, replace=False) for _ in range(n_listeners)])
    played = [rng.choice(np.flatnonzero(np.isin(genres, taste)), plays, False) for taste in tastes]
    listeners = np.array([tracks[each].mean(axis=0) for each in played], dtype=np.float32)
    heard = [{names[number] for number in each} for each in played]
    return _World(tracks, names, genres, listeners, tastes, heard)


def _listening(report: Report, json: bool) -> dict[str, Any]:
    world = _simulate(np.random.default_rng(_SEED))
    index = nf.StringIndex(nf.Space.Cosine, world.tracks.shape[1])
    index.add_items(world.tracks, world.names)
    keys, distances = index.query(world.listeners, k=50, query_ef=100)
    ruler = nf.ExactIndex(nf.Space.Cosine, world.tracks.shape[1])
    ruler.add_items(world.tracks)
    true_rows, true_distances = ruler.query(world.listeners, k=50)
    truth = np.array(world.names, dtype=object)[true_rows.astype(np.intp)]
    genre_of = dict(zip(world.names, world.genres.tolist(), strict=True))
    fresh = [
        [key for key in row if key not in heard][:10]
        for row, heard in zip(keys, world.heard, strict=True)
    ]
    fitting = [
        genre_of[key] in taste
        for row, taste in zip(fresh, world.tastes.tolist(), strict=True)
        for key in row
    ]
    summary = {
        "tracks": len(world.names),
        "listeners": len(world.listeners),
        "recall_at_50": recall((keys, distances), (truth, true_distances)),
        "recommended": len(fitting),
        "fitting_share": float(np.mean(fitting)),
        "fitting_share_by_chance": 2 / _GENRES,
    }
    rows = [
        ("tracks", f"{summary['tracks']:,}"),
        ("listeners", f"{summary['listeners']:,}"),
        ("recall@50 against brute force", f"{summary['recall_at_50']:.4f}"),
        ("recommended, not heard before", f"{summary['recommended']:,}"),
        ("of these in a genre the listener plays", f"{summary['fitting_share']:.1%}"),
        ("by chance it would be", f"{summary['fitting_share_by_chance']:.1%}"),
    ]
    genres = " and ".join(map(str, sorted(world.tastes[0].tolist())))
    first = [(rank, key) for rank, key in enumerate(fresh[0][:5], 1)]
    if not json:
        output.data_line(f"A simulated listening world: two of {_GENRES} genres per listener")
        output.table(("what", "value"), rows)
        output.data_line(f"Listener 0 plays genres {genres} and is recommended:")
        output.table(("rank", "track"), first)
    report.heading("A simulated listening world")
    report.paragraph(
        "Each listener plays thirty tracks from two genres. Their mean vector asks the index for "
        "tracks; what was heard is left out."
    )
    report.table(("what", "value"), rows)
    report.paragraph(f"Listener 0 plays genres {genres} and is recommended:")
    report.table(("rank", "track"), first)
    return summary
