"""``nearfield demo``: the main job on small real data and a simulated listening world."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

import nearfield as nf
from nearfield.cli import options, output
from nearfield.evaluate import curve
from nearfield.report import Report, grey_image, line_chart

_SEED = 7


class _World(NamedTuple):
    """Tracks and listeners with known tastes: what a recommender never has."""

    tracks: Any  # (n_tracks, 32) float32
    names: list[str]
    genres: Any  # (n_tracks,) int
    listeners: Any  # (n_listeners, 32) float32: the mean of what they played
    tastes: Any  # (n_listeners, 2) int: the two genres that they play
    heard: list[Any]  # per listener, the tracks that were played


def command(
    out: Annotated[Path, typer.Option("-o", "--output", help="Where the HTML report goes.")] = Path(
        "nearfield-demo.html"
    ),
    quiet: options.Quiet = False,
) -> None:
    """Build, query and measure two small indexes; write an HTML report. Under a minute, no network.

    Handwritten digits that ship with scikit-learn, and a simulated world of listeners whose tastes
    are known.
    """
    report = Report("nearfield: what it does")
    _digits(report, quiet)
    _listening(report)
    report.save(out)
    output.note(f"report: {out}", quiet=quiet)


def _digits(report: Report, quiet: bool) -> None:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        output.error("the demo needs scikit-learn: pip install 'nearfield[all]'")
        raise typer.Exit(1) from None
    digits = load_digits()
    images = digits.data.astype(np.float32)
    order = np.random.default_rng(_SEED).permutation(len(images))
    base, queries = order[200:], order[:200]
    index = nf.Index(nf.Space.Euclidean, 64, M=12)
    with output.progress("adding digits", quiet) as progress:
        index.add_items(images[base], ids=base, progress=progress)
    points = curve(index, images[queries], 10, [10, 16, 24, 32, 64], num_threads=1)
    found = index.query(images[queries], k=5, query_ef=64)
    right = float((digits.target[found.ids.astype(int)] == digits.target[queries][:, None]).mean())

    rows = [
        (p.ef, f"{p.recall:.4f}", f"{p.queries_per_second:,.0f}", f"{p.distances:.0f}")
        for p in points
    ]
    columns = ("ef", "recall@10", "queries/s", "distances")
    output.data_line(f"{len(base)} handwritten digits, 64 dimensions, squared L2")
    output.table(columns, rows)
    output.data_line(f"{right:.1%} of the five nearest show the same digit as the query")
    report.heading("Handwritten digits")
    report.paragraph(
        f"{len(base)} images of 8 x 8 pixels (scikit-learn's digits), {len(queries)} held out as "
        f"queries. {right:.1%} of the five nearest neighbours show the same digit."
    )
    report.table(columns, rows)
    report.figure(
        line_chart(
            [p.recall for p in points],
            [p.queries_per_second for p in points],
            "recall@10 against brute force",
            "queries per second",
            [f"ef {p.ef}" for p in points],
        ),
        "Recall against speed: the beam width ef trades one for the other.",
    )
    for row in range(4):
        pictures = [images[queries[row]], *images[found.ids[row].astype(int)]]
        report.figure(
            "".join(grey_image(each.reshape(8, 8) / 16) for each in pictures),
            "A query and its five nearest neighbours",
        )


def _simulate(rng: np.random.Generator) -> _World:
    n_genres, n_tracks, n_listeners = 12, 3000, 200
    centres = rng.normal(size=(n_genres, 32))
    genres = rng.integers(n_genres, size=n_tracks)
    tracks = centres[genres] + 0.6 * rng.normal(size=(n_tracks, 32))
    tracks = (tracks / np.linalg.norm(tracks, axis=1, keepdims=True)).astype(np.float32)
    tastes = np.array([rng.choice(n_genres, 2, replace=False) for _ in range(n_listeners)])
    heard = []
    for taste in tastes:
        liked = np.flatnonzero(np.isin(genres, taste))
        heard.append(rng.choice(liked, size=30, replace=False))
    listeners = np.array([tracks[each].mean(axis=0) for each in heard], dtype=np.float32)
    names = [f"track {number:04d} (genre {genre})" for number, genre in enumerate(genres)]
    return _World(tracks, names, genres, listeners, tastes, heard)


def _listening(report: Report) -> None:
    world = _simulate(np.random.default_rng(_SEED))
    index = nf.StringIndex(nf.Space.Cosine, 32)
    index.add_items(world.tracks, world.names)
    start = time.perf_counter()
    keys, _ = index.query(world.listeners, k=50, query_ef=100)
    seconds = time.perf_counter() - start
    number = {name: position for position, name in enumerate(world.names)}
    fitting, unheard = [], 0
    for listener, row in enumerate(keys):
        played = set(world.heard[listener].tolist())
        fresh = [number[key] for key in row if number[key] not in played][:10]
        unheard += len(fresh)
        fitting.append(np.isin(world.genres[fresh], world.tastes[listener]).mean())
    by_chance = 2 / 12
    rows = [
        ("tracks", f"{len(world.names):,}"),
        ("listeners", f"{len(world.listeners):,}"),
        ("recommended, not heard before", f"{unheard:,}"),
        ("of these in a genre the listener plays", f"{float(np.mean(fitting)):.1%}"),
        ("by chance it would be", f"{by_chance:.1%}"),
        ("queries/s, all cores", f"{len(world.listeners) / seconds:,.0f}"),
    ]
    output.data_line("A simulated listening world: two of twelve genres per listener")
    output.table(("what", "value"), rows)
    report.heading("A simulated listening world")
    report.paragraph(
        "Each listener plays thirty tracks from two of twelve genres. Their mean vector asks the "
        "index for tracks; what was heard is left out."
    )
    report.table(("what", "value"), rows)
    first = [key for key in keys[0] if number[key] not in set(world.heard[0].tolist())][:5]
    report.table(
        ("listener 0", "plays genres " + " and ".join(map(str, world.tastes[0]))),
        [(f"recommendation {rank}", key) for rank, key in enumerate(first, 1)],
    )
