"""A made data set of up to a million rows x 128 that is as hard as real ones.

    python benchmarks/synthetic.py --check

Gaussian noise is no test: in 128 independent dimensions all rows are equally far. Here each row is
a point of one of 100 overlapping clusters in a space of few dimensions, bent by a two-layer network
with random weights into 128 dimensions, plus noise; then cut at zero, raised to a power and rounded
to 0..255, so that values are skewed and half of them zero, as those of image descriptors are.
Queries come from the same law. `--check` prints what makes it count: the intrinsic dimension that
neighbours' distances show, and the distances that hnswlib's graph needs for a query, which for the
image descriptors of SIFT1M are 1,344.

Rows come in chunks, each from a seed of its own: the first 100,000 rows are the same whatever is
asked for, and no array but the result is larger than a chunk.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Doubles = NDArray[np.float64]

MOST_ROWS = 1_000_000
QUERIES = 1000
DIMENSIONS = 128
_SEED = 1128
_CHUNK = 50_000
_NAME = re.compile(r"synthetic-(\d+)(k|m)")
_RECALL = 0.95


@dataclass(frozen=True)
class Law:
    """What a row is drawn from. The figures were chosen by `--check`; another law, another name."""

    latent: int = 28
    hidden: int = 64
    clusters: int = 100
    spread: float = 1.2  # of a cluster, the centres' own being 1: they overlap
    gain: float = 1.5  # of the first layer: how much the space is bent
    noise: float = 0.05
    power: float = 1.5
    scale: float = 80.0


@dataclass(frozen=True)
class Network:
    """Clusters and weights, all from the seed."""

    law: Law
    weights: Doubles
    centres: Doubles
    widths: Doubles
    first: tuple[Doubles, Doubles]
    second: tuple[Doubles, Doubles]

    def rows(self, rng: np.random.Generator, count: int) -> Bytes:
        """Draw this many rows."""
        law = self.law
        cluster = rng.choice(law.clusters, count, p=self.weights)
        spread = self.widths[cluster] * rng.standard_normal((count, law.latent))
        hidden = np.tanh((self.centres[cluster] + spread) @ self.first[0] + self.first[1])
        values = hidden @ self.second[0] + self.second[1]
        values += law.noise * rng.standard_normal(values.shape)
        skewed = law.scale * np.maximum(values, 0) ** law.power
        return np.minimum(np.rint(skewed), 255).astype(np.uint8)


def network(law: Law) -> Network:
    """Draw the clusters and the weights."""
    rng = np.random.default_rng([_SEED, 0])
    centres = rng.standard_normal((law.clusters, law.latent))
    widths = rng.uniform(0.5, 1.5, (law.clusters, 1))  # some clusters are dense, some are not
    axes = law.spread * rng.uniform(0.5, 1.5, (law.clusters, law.latent))
    sizes = rng.gamma(2.0, size=law.clusters)
    first = rng.standard_normal((law.latent, law.hidden)) * law.gain / math.sqrt(law.latent)
    bend = rng.standard_normal(law.hidden) * 0.5
    second = rng.standard_normal((law.hidden, DIMENSIONS)) / math.sqrt(law.hidden)
    shift = rng.standard_normal(DIMENSIONS) * 0.3
    weights = sizes / sizes.sum()
    return Network(law, weights, centres, widths * axes, (first, bend), (second, shift))


def rows_of(name: str) -> int | None:
    """Give the rows that a name like `synthetic-250k` asks for; None for other names."""
    found = _NAME.fullmatch(name)
    count = int(found[1]) * (1000 if found[2] == "k" else 1_000_000) if found else 0
    return count if 0 < count <= MOST_ROWS else None


def make(count: int) -> tuple[Bytes, Bytes]:
    """Give (base, queries)."""
    made = network(Law())
    base = np.empty((count, DIMENSIONS), dtype=np.uint8)
    for start in range(0, count, _CHUNK):
        chunk = made.rows(np.random.default_rng([_SEED, 1, start]), _CHUNK)
        base[start : start + _CHUNK] = chunk[: count - start]
    return base, made.rows(np.random.default_rng([_SEED, 2]), QUERIES)


def load(count: int, cache: Path) -> tuple[Bytes, Bytes]:
    """Give (base, queries) from the cache, where they are put if they are not there."""
    law = "-".join(f"{figure:g}" for figure in astuple(Law()))
    path = cache / f"synthetic-{count}-{law}.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        base, queries = make(count)
        part = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(part, base=base, queries=queries)
        part.replace(path)
    with np.load(path) as arrays:
        return arrays["base"], arrays["queries"]


def intrinsic_dimension(base: NDArray[np.float32], k: int, sample: int = 1000) -> float:
    """Estimate how many dimensions the rows have near each other (Levina and Bickel, 2004).

    Each of the sampled rows gives the mean of log(T_k / T_j) over its k nearest rows, T_j being the
    distance of the j-th; the inverse of the mean over the sample is the estimate (MacKay and
    Ghahramani's average). Rows with copies have no such logarithm and are left out.
    """
    asked = base[np.random.default_rng(_SEED).choice(len(base), sample, replace=False)]
    squares = np.einsum("ij,ij->i", base, base)
    logs = []
    for row in asked:
        distances = np.maximum(squares - 2 * (base @ row) + row @ row, 0)
        near = np.sort(np.partition(distances, k)[: k + 1])[1:]  # the first is the row itself
        if near[0] > 0:
            logs.append(np.log(near[-1] / near[:-1]).mean() / 2)  # distances are squared
    return float(1 / np.mean(logs))


def distances_needed(name: str, cache: Path, threads: int) -> float:
    """Count the distances of a query at recall@10 .95 in the graph that hnswlib builds (M=16).

    hnswlib does not count, but nearfield opens its files and walks its graph in the same order.
    """
    import data_sets
    import hnswlib
    import nearfield as nf

    data = data_sets.load(name)
    path = cache / f"{data.digest}-hnswlib-16.bin"
    if not path.exists():
        index = hnswlib.Index(space="l2", dim=DIMENSIONS)
        index.init_index(len(data.base), M=16, ef_construction=200, random_seed=1)
        index.add_items(data.base, num_threads=threads)
        index.save_index(str(path))
    walked = nf.Index.load(str(path), nf.Space.Euclidean, DIMENSIONS)
    below = (0.0, 0.0)
    for ef in (10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320):
        found = walked.query(data.queries, 10, query_ef=ef)
        recall = float(data.recalls(found.ids, 10).mean())
        count = found.num_distances / len(data.queries)
        print(f"ef {ef}: recall {recall:.4f}, {count:,.0f} distances", file=sys.stderr)
        if recall >= _RECALL:
            share = (_RECALL - below[0]) / (recall - below[0])
            return below[1] + share * (count - below[1])
        below = recall, count
    return math.inf


def main() -> int:
    """Run the command; 1 where the set is easier or harder than it is meant to be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", required=True)
    parser.add_argument("--data", default="synthetic-1m")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    from data_sets import CACHE

    base = load(rows_of(options.data) or MOST_ROWS, CACHE)[0].astype(np.float32)
    dimensions = {k: intrinsic_dimension(base, k) for k in (20, 50, 100)}
    for k, dimension in dimensions.items():
        say = f"intrinsic dimension from {k} neighbours {dimension:.1f}"
        print(f"{options.data}: {say}", flush=True)
    needed = distances_needed(options.data, CACHE, options.threads)
    print(f"{options.data}: {needed:,.0f} distances a query at recall@10 {_RECALL}, hnswlib M=16")
    hard = all(12 <= dimension <= 20 for dimension in dimensions.values())
    return 0 if hard and 900 <= needed <= 1800 else 1


if __name__ == "__main__":
    sys.exit(main())
