"""The scikit-learn transformer against scikit-learn's own."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield.errors import InvalidInput
from nearfield.sklearn import NearfieldTransformer, precomputed_knn
from sklearn.base import clone
from sklearn.manifold import TSNE, Isomap
from sklearn.neighbors import KNeighborsTransformer, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.conftest import clustered

METRICS = ["euclidean", "l2", "sqeuclidean", "cosine"]


@parametrize_with_checks(
    [
        NearfieldTransformer(),
        NearfieldTransformer(mode="connectivity"),
        NearfieldTransformer(metric="cosine", n_jobs=2),
        NearfieldTransformer(storage_data_type="Float16", codes="none"),
    ]
)
def test_estimator_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("mode", ["distance", "connectivity"])
def test_graph_equals_the_exact_one(rng: np.random.Generator, metric: str, mode: str) -> None:
    rows = clustered(rng, 400, 10).astype(np.float64)
    exact = KNeighborsTransformer(n_neighbors=7, mode=mode, metric=metric, algorithm="brute")
    expected = exact.fit_transform(rows)
    found = NearfieldTransformer(n_neighbors=7, mode=mode, metric=metric).fit_transform(rows)
    assert found.shape == expected.shape
    assert found.nnz == expected.nnz == 400 * (8 if mode == "distance" else 7)
    assert np.array_equal(found.indptr, expected.indptr)
    # Rows whose distances differ by less than float32 can tell may change places.
    same = found.indices == expected.indices
    assert same.mean() > 0.999
    np.testing.assert_allclose(found.data, expected.data, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_new_rows_find_their_true_neighbours(rng: np.random.Generator, metric: str) -> None:
    rows, queries = clustered(rng, 500, 6), clustered(rng, 40, 6)
    exact = NearestNeighbors(n_neighbors=5, metric=metric, algorithm="brute").fit(rows)
    ours = NearfieldTransformer(n_neighbors=5, metric=metric, n_jobs=2).fit(rows)
    for asked in (queries, None):
        distances, indices = ours.kneighbors(asked)
        expected_distances, expected = exact.kneighbors(asked)
        assert (indices == expected).mean() > 0.995
        np.testing.assert_allclose(distances, expected_distances, rtol=1e-4, atol=2e-6)
        assert np.array_equal(ours.kneighbors(asked, return_distance=False), indices)
        graph = ours.kneighbors_graph(asked, n_neighbors=3, mode="distance")
        assert np.array_equal(graph.indices.reshape(-1, 3), indices[:, :3])


def test_each_row_comes_first_also_among_its_copies(rng: np.random.Generator) -> None:
    rows = clustered(rng, 100, 4)
    rows[20:60] = rows[0]
    graph = NearfieldTransformer(n_neighbors=3).fit_transform(rows)
    assert np.array_equal(graph.indices.reshape(100, 4)[:, 0], np.arange(100))
    assert (graph.data.reshape(100, 4)[:, 0] == 0).all()
    assert (np.diff(graph.data.reshape(100, 4), axis=1) >= 0).all()
    without = NearfieldTransformer(n_neighbors=3).fit(rows).kneighbors(return_distance=False)
    assert (without != np.arange(100)[:, np.newaxis]).all()


def test_large_data_is_approximate_with_high_recall(rng: np.random.Generator) -> None:
    rows = clustered(rng, 4000, 8)
    exact = NearestNeighbors(n_neighbors=10, algorithm="brute").fit(rows)
    expected = exact.kneighbors(return_distance=False)
    found = NearfieldTransformer(n_neighbors=10, n_jobs=2).fit(rows).kneighbors()[1]
    shared = [len(set(a) & set(b)) for a, b in zip(found, expected, strict=True)]
    assert np.mean(shared) > 9.9


def test_the_result_depends_on_the_seed_alone(rng: np.random.Generator) -> None:
    rows = clustered(rng, 3000, 8)

    def graph(**options: Any) -> Any:
        return NearfieldTransformer(n_neighbors=10, ef=12, **options).fit_transform(rows)

    first = graph(random_state=4)
    assert (first != graph(random_state=4, n_jobs=2)).nnz == 0
    assert (graph() != graph(random_state=1)).nnz == 0
    assert graph(random_state=np.random.RandomState(4)).nnz == first.nnz


@pytest.mark.parametrize(
    ("storage", "codes"),
    [("Float16", "none"), (nf.StorageDataType.E4M3, "none"), ("codes-only", "int8")],
)
def test_the_rows_may_be_kept_in_less_memory(
    rng: np.random.Generator, storage: Any, codes: str
) -> None:
    rows = clustered(rng, 600, 12)
    asked = NearfieldTransformer(n_neighbors=8, storage_data_type=storage, codes=codes)
    assert asked.get_params()["storage_data_type"] is storage, "kept as it was given"
    fitted = clone(asked).fit(rows)
    assert fitted.index_.storage_data_type is nf.spaces.as_storage(storage)
    assert fitted.index_.codes == codes
    exact = NearestNeighbors(n_neighbors=8, algorithm="brute").fit(rows)
    expected = exact.kneighbors(return_distance=False)
    found = fitted.kneighbors(return_distance=False)
    shared = [len(set(a) & set(b)) for a, b in zip(found, expected, strict=True)]
    assert np.mean(shared) > 6
    graph = clone(asked).fit_transform(rows)
    assert np.array_equal(graph.indices.reshape(600, 9)[:, 0], np.arange(600))
    assert (graph.data.reshape(600, 9)[:, 0] == 0).all()
    indices, _ = precomputed_knn(rows, 5, storage_data_type=storage, codes=codes)
    assert np.array_equal(indices[:, 0], np.arange(600))
    fitted.set_params(storage_data_type="Float32", codes="auto").fit(rows)
    assert fitted.index_.exact


@pytest.mark.parametrize("last", [Isomap, TSNE])
def test_in_a_pipeline(rng: np.random.Generator, last: Any) -> None:
    rows = rng.normal(size=(120, 10))
    options = {"n_neighbors": 15} if last is Isomap else {
        "perplexity": 4, "max_iter": 250, "init": "random", "random_state": 0,
    }  # fmt: skip
    pipeline = make_pipeline(
        NearfieldTransformer(n_neighbors=15), last(metric="precomputed", **options)
    )
    assert pipeline.fit_transform(rows).shape == (120, 2)


def test_names_of_features_and_clone(rng: np.random.Generator) -> None:
    fitted = clone(NearfieldTransformer(n_neighbors=2)).fit(rng.normal(size=(4, 3)))
    assert fitted.get_feature_names_out().tolist() == [f"nearfieldtransformer{i}" for i in range(4)]
    assert (fitted.n_features_in_, fitted.n_samples_fit_) == (3, 4)


@pytest.mark.parametrize("k", [1, 2, 6])
def test_precomputed_knn_begins_with_the_row_itself(rng: np.random.Generator, k: int) -> None:
    rows = clustered(rng, 300, 8)
    rows[10:20] = rows[0]  # copies, so that ties cannot put another first
    indices, distances = precomputed_knn(rows, k)
    assert (indices.dtype, distances.dtype) == (np.int32, np.float32)
    assert indices.shape == distances.shape == (300, k)
    assert np.array_equal(indices[:, 0], np.arange(300))
    assert (distances[:, 0] == 0).all()
    assert np.all(np.diff(distances, axis=1) >= 0)
    assert all(len(set(row)) == k for row in indices.tolist())


def test_tiny_data(rng: np.random.Generator) -> None:
    two = rng.normal(size=(2, 3))
    assert NearfieldTransformer(n_neighbors=1).fit_transform(two).nnz == 4
    assert NearfieldTransformer(n_neighbors=2, mode="connectivity").fit_transform(two).nnz == 4
    assert precomputed_knn(two, 2)[0].tolist() == [[0, 1], [1, 0]]
    assert precomputed_knn(two[:1], 1)[0].tolist() == [[0]]


def test_more_neighbours_than_rows_is_refused() -> None:
    fitted = NearfieldTransformer(n_neighbors=4).fit(np.eye(4))
    for call in (
        lambda: fitted.transform(np.eye(4)),
        lambda: fitted.kneighbors(),
        lambda: fitted.kneighbors(np.eye(4), n_neighbors=5),
        lambda: precomputed_knn(np.eye(4), 5),
    ):
        with pytest.raises(InvalidInput, match=r"asks for 5 rows.*only 4 were fitted"):
            call()


def test_parameters_that_cannot_be_are_refused() -> None:
    for options, said in (
        ({"metric": "manhattan"}, "metric is 'manhattan'"),
        ({"mode": "both"}, "mode is 'both'"),
        ({"n_neighbors": 0}, "n_neighbors is 0"),
        ({"n_neighbors": 2.5}, "n_neighbors is 2.5"),
        ({"storage_data_type": "float7"}, "storage_data_type is 'float7'"),
        ({"codes": "int2"}, "codes is 'int2'"),
        ({"storage_data_type": "CodesOnly", "codes": "none"}, "codes"),
    ):
        with pytest.raises(InvalidInput, match=said):
            NearfieldTransformer(**options).fit(np.eye(4))
    with pytest.raises(InvalidInput, match="mode is 'x'"):
        NearfieldTransformer(1).fit(np.eye(4)).kneighbors_graph(mode="x")


def test_without_scikit_learn_the_pip_line_is_given() -> None:
    script = "import sys; sys.modules['sklearn'] = None; import nearfield.sklearn"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip install 'nearfield[cluster]'" in done.stderr
