"""The scikit-learn transformer against scikit-learn's own."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.manifold import Isomap
from sklearn.neighbors import KNeighborsTransformer
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from nearfield.errors import InvalidInput
from nearfield.sklearn import NearfieldTransformer, precomputed_knn
from tests.conftest import clustered


@parametrize_with_checks([NearfieldTransformer(), NearfieldTransformer(mode="connectivity")])
def test_estimator_checks(estimator, check) -> None:
    check(estimator)


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine"])
@pytest.mark.parametrize("mode", ["distance", "connectivity"])
def test_graph_equals_the_exact_one(rng: np.random.Generator, metric: str, mode: str) -> None:
    rows = clustered(rng, 400, 10)
    exact = KNeighborsTransformer(n_neighbors=7, mode=mode, metric=metric, algorithm="brute")
    ours = NearfieldTransformer(n_neighbors=7, mode=mode, metric=metric, ef=200)
    expected = exact.fit_transform(rows).toarray()
    found = ours.fit_transform(rows).toarray()
    if metric != "cosine":  # a row's distance to itself is 0 here, some 1e-17 there
        same = np.count_nonzero(found, axis=1) == np.count_nonzero(expected, axis=1)
        assert same.mean() > 0.99
    assert np.mean(np.isclose(found, expected, atol=1e-3)) > 0.9999


def test_in_a_pipeline(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(200, 10))
    pipeline = make_pipeline(
        NearfieldTransformer(n_neighbors=20), Isomap(n_neighbors=20, metric="precomputed")
    )
    assert pipeline.fit_transform(rows).shape == (200, 2)


def test_precomputed_knn_begins_with_the_row_itself(rng: np.random.Generator) -> None:
    rows = clustered(rng, 300, 8)
    rows[10:20] = rows[0]  # copies, so that ties cannot put another first
    indices, distances = precomputed_knn(rows, 6)
    assert np.array_equal(indices[:, 0], np.arange(300))
    assert (distances[:, 0] == 0).all()
    assert np.all(np.diff(distances, axis=1) >= 0)
    assert all(len(set(row)) == 6 for row in indices.tolist())


def test_more_neighbours_than_rows_is_refused() -> None:
    fitted = NearfieldTransformer(n_neighbors=3).fit(np.eye(4))
    with pytest.raises(InvalidInput, match="only 4 were fitted"):
        fitted.kneighbors(np.eye(4), n_neighbors=5)
