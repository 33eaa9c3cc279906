"""Show that rows whose law drifts while they stream in are found as in an index built anew.

    python benchmarks/drift.py --gate
    python benchmarks/drift.py --rows 5000 --spaces euclidean

Codes lie on a grid that is fitted to the first rows, and anew where it is found not to serve any
more; what is lost depends on how long ago that was, so several sizes are looked at. A quarter of
the rows keeps to the first law, and the rest drifts away from it, in chunks of several hundred: the
mean moves by six standard deviations, the spread grows fourfold, or the subspace in which the rows
lie turns by a right angle into dimensions that were nearly constant. The index built anew gets the
same rows in one call and in random order, so that its first grid has seen the whole range. Its
graph differs by that order as well; what that alone costs is shown by the pairs without codes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import claims
import nearfield as nf
import numpy as np
from data_sets import SPACES, DataSet
from gates import Verdict
from measure import say
from numpy.typing import NDArray
from report import markdown
from subject import space_of

Json = dict[str, Any]
Floats = NDArray[np.float32]
KINDS = ("shift", "scale", "rotation")
K, M = 10, 16
_LATENT = 16
_SPREAD = 0.08  # so that all stays within [-1, 1], which is what Float8 takes
_STEADY = 0.25  # share of the rows that come before the drift
_MOST_LOST = 0.01


class Pair(NamedTuple):
    """How an index keeps its vectors, and what walks compare."""

    storage: str
    codes: str


# Few rows leave no range that was fitted to others; few queries cannot tell .01 from chance.
_LEAST = {"rows": 6_000, "queries": 1_000}


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = claims.parser(__doc__)
    add = parser.add_argument
    add("--rows", type=int, nargs="+", default=[6_000, 10_000, 16_000])
    add("--dimensions", type=int, default=64)
    add("--queries", type=int, default=1000)
    add("--chunk", type=int, default=700, help="rows of a call that adds")
    add("--ef", type=int, default=40)
    add("--spaces", nargs="+", choices=SPACES, default=list(SPACES))
    add("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    add("--threads", type=int, default=2, help="of builds")
    claim = claims.Claim("drift", measure, table, verdicts, least=_LEAST)
    return claims.show(claim, parser.parse_args(arguments))


def measure(options: argparse.Namespace) -> Json:
    """Give, by space, kind of drift and pair: recall streamed, recall anew, and what is lost."""
    found: list[Json] = []
    for space in options.spaces:
        for kind in options.kinds:
            for rows in options.rows:
                base, queries = made(kind, rows, options.dimensions, options.queries)
                data = DataSet(f"drift-{kind}", space, base, queries)
                for pair in legal_pairs(space, options.dimensions):
                    lost = _lost(data, pair, options)
                    key = {"space": space, "kind": kind, "rows": rows, **pair._asdict()}
                    found.append(key | lost)
                    what = f"{space}, {kind}, {rows:,} rows, {pair.storage}, codes {pair.codes}"
                    say(f"{what}: {lost['lost']:+.4f} lost")
    return {"pairs": found}


def made(kind: str, rows: int, dimensions: int, queries: int) -> tuple[Floats, Floats]:
    """Draw (rows in the order of their drift, queries from all of it)."""
    if dimensions < 2 * _LATENT:
        message = f"--dimensions is {dimensions}; expected at least {2 * _LATENT}, two subspaces"
        raise SystemExit(message)
    rng = np.random.default_rng([KINDS.index(kind), dimensions])
    half = dimensions // 2
    axes = np.zeros((2, _LATENT, dimensions))  # of the first law, and of where rotation ends
    axes[0, :, :half] = np.linalg.qr(rng.standard_normal((half, _LATENT)))[0].T
    axes[1, :, half : 2 * half] = np.linalg.qr(rng.standard_normal((half, _LATENT)))[0].T
    # Of a shift and a scale all dimensions take part.
    wide = np.linalg.qr(rng.standard_normal((dimensions, _LATENT)))[0].T
    signs = rng.choice([-1.0, 1.0], dimensions)

    def drawn(progress: NDArray[np.float64]) -> Floats:
        latent = rng.standard_normal((len(progress), _LATENT))
        gone = progress[:, np.newaxis]
        stretch = np.sqrt(dimensions / _LATENT)  # to unit deviation in a dimension
        if kind == "rotation":
            turned = np.cos(gone * np.pi / 2) * (latent @ axes[0])
            vectors = stretch * (turned + np.sin(gone * np.pi / 2) * (latent @ axes[1]))
        else:
            vectors = stretch * (latent @ wide)
            if kind == "shift":
                vectors += 6 * gone * signs
        vectors += 0.1 * rng.standard_normal(vectors.shape)
        if kind == "scale":
            vectors *= 1 + 3 * gone
        return np.clip(_SPREAD * vectors, -0.99, 0.99).astype(np.float32)

    place = np.linspace(0, 1, rows)
    base = drawn(np.maximum(place - _STEADY, 0) / (1 - _STEADY))
    return base, drawn(rng.uniform(size=queries))


def legal_pairs(space: str, dimensions: int) -> Iterator[Pair]:
    """Give what this build lets an index be in a space: it says itself what it refuses."""
    for storage in nf.StorageDataType:
        for codes in nf.spaces.CODES:
            if codes == "auto":
                continue
            try:
                nf.Index(space_of(space), dimensions, storage_data_type=storage, codes=codes)
            except nf.errors.InvalidInput:
                continue
            yield Pair(storage.name, codes)


def _lost(data: DataSet, pair: Pair, options: argparse.Namespace) -> Json:
    """Build both ways and compare what each query finds."""
    rows, dimensions = data.base.shape

    def index() -> Any:
        storage = nf.StorageDataType[pair.storage]
        how = {"storage_data_type": storage, "codes": pair.codes}
        return nf.Index(space_of(data.space), dimensions, M=M, **how)

    streamed, anew = index(), index()
    for first in range(0, rows, options.chunk):
        part = slice(first, min(first + options.chunk, rows))
        ids = np.arange(part.start, part.stop)
        streamed.add_items(data.base[part], ids, num_threads=options.threads)
    order = np.random.default_rng(rows).permutation(rows)
    anew.add_items(data.base[order], order, num_threads=options.threads)
    found = [
        data.recalls(each.query(data.queries, K, query_ef=options.ef).ids, K)
        for each in (streamed, anew)
    ]
    each = found[1] - found[0]
    return {
        "streamed": float(found[0].mean()),
        "anew": float(found[1].mean()),
        "lost": float(each.mean()),
        "standard_error": float(each.std(ddof=1) / np.sqrt(len(each))),
    }


def table(result: Json) -> str:
    """Table every pair and size, a line each, the kinds of drift beside each other."""
    pairs = result["measured"]["pairs"]
    kinds = list(dict.fromkeys(each["kind"] for each in pairs))
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for each in pairs:
        key = each["space"], each["storage"], each["codes"], f"{each['rows']:,}"
        spread = f"{each['lost']:+.4f} +- {each['standard_error']:.4f}"
        cell = f"{spread} ({each['anew']:.4f})"
        lines.setdefault(key, {})[each["kind"]] = cell
    rows = [[*key, *(cells.get(kind, "-") for kind in kinds)] for key, cells in lines.items()]
    settings = result["settings"]
    said = f"{settings['dimensions']} dimensions, M={M}, ef={settings['ef']}: recall@{K} lost by"
    text = f"{said} streaming, its standard error, and in brackets recall built anew."
    return f"{text}\n\n{markdown(['space', 'storage', 'codes', 'rows', *kinds], rows, 3)}"


def verdicts(result: Json) -> list[Verdict]:
    """Judge the worst pair and size of every space and kind."""
    out: list[Verdict] = []
    pairs = result["measured"]["pairs"]
    for space, kind in dict.fromkeys((each["space"], each["kind"]) for each in pairs):
        mine = [each for each in pairs if (each["space"], each["kind"]) == (space, kind)]
        worst = max(mine, key=lambda each: float(each["lost"]))
        which = f"{worst['storage']}, codes {worst['codes']}, {worst['rows']:,} rows"
        text = f"{space}, {kind}: recall lost, the worst of {len(mine)} ({which}): "
        text += f"{worst['lost']:.4f}, most {_MOST_LOST}"
        out.append((text, worst["lost"] <= _MOST_LOST))
    return out or [("nothing was measured", False)]


if __name__ == "__main__":
    sys.exit(main())
