"""How many of the true neighbours an index finds, and what that costs: measure, then choose ef."""

from __future__ import annotations

import nearfield as nf
import numpy as np
from nearfield import evaluate


def main() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(50, 48))
    rows = centres[rng.integers(50, size=20_200)] + 0.8 * rng.normal(size=(20_200, 48))
    base, queries = rows[:20_000], rows[20_000:]

    index = nf.Index.from_vectors(base, space=nf.Space.Euclidean, M=12, ef_construction=100)

    # The ruler compares every query with every vector; it has the same methods.
    exact = nf.ExactIndex(nf.Space.Euclidean, num_dimensions=48)
    exact.add_items(base)
    truth = exact.query(queries, k=10)

    # Distances and hops are counted, so they are the same on every machine; times are not.
    print("   ef  recall@10  distances  hops")
    curve = evaluate.curve(index, queries, k=10, efs=[10, 20, 40, 80, 160], truth=truth)
    for point in curve:
        print(f"{point.ef:5d}  {point.recall:9.4f}  {point.distances:9.0f}  {point.hops:4.0f}")

    index.ef = next(point.ef for point in curve if point.recall >= 0.95)
    found = index.query(queries, k=10)
    print(f"ef = {index.ef} reaches recall {evaluate.recall(found, truth):.4f}")


if __name__ == "__main__":
    main()
