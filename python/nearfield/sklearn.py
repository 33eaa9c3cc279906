"""A scikit-learn transformer, and neighbours for UMAP and its kin. Needs ``nearfield[cluster]``."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from nearfield.errors import InvalidInput
from nearfield.index import Index
from nearfield.spaces import Space

__all__ = ["NearfieldTransformer", "precomputed_knn"]

_SPACES = {
    "euclidean": Space.Euclidean,
    "l2": Space.Euclidean,
    "sqeuclidean": Space.Euclidean,
    "cosine": Space.Cosine,
}


class NearfieldTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Approximate nearest neighbours as a sparse graph, in place of KNeighborsTransformer.

    Parameters
    ----------
    n_neighbors : int, default 5
        Neighbours of each row. In mode "distance" one more is given, as scikit-learn does, because
        each fitted row is its own first neighbour.
    mode : {"distance", "connectivity"}, default "distance"
        What the entries of the graph are: distances, or ones.
    metric : {"euclidean", "l2", "sqeuclidean", "cosine"}, default "euclidean"
        Distances of "euclidean" are true ones, not squared.
    M : int, default 16
        Links per row of the index; more = better recall, more memory.
    ef_construction : int, default 200
        Beam width while building.
    ef : int or None, default None (10 more than twice the neighbours asked for)
        Beam width of queries; more = better recall, slower.
    n_jobs : int or None, default None (all cores)
        Threads.
    random_state : int or None, default None (1)
        Seed of the index; results are deterministic either way.

    Attributes
    ----------
    index_ : nearfield.Index
        The fitted index; ids are the numbers of the rows.
    n_features_in_, n_samples_fit_ : int
        Shape of the fitted data.

    Notes
    -----
    Vectors are kept as float32. Fit costs O(n log n) distances, a query O(log n).

    Examples
    --------
    >>> import numpy as np
    >>> from nearfield.sklearn import NearfieldTransformer
    >>> graph = NearfieldTransformer(n_neighbors=2).fit_transform(np.arange(12.0).reshape(6, 2))
    >>> graph.shape, graph.nnz
    ((6, 6), 18)
    """

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        mode: Literal["distance", "connectivity"] = "distance",
        metric: str = "euclidean",
        M: int = 16,
        ef_construction: int = 200,
        ef: int | None = None,
        n_jobs: int | None = None,
        random_state: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.mode = mode
        self.metric = metric
        self.M = M
        self.ef_construction = ef_construction
        self.ef = ef
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> NearfieldTransformer:  # noqa: ARG002
        """Build the index.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : ignored
            For scikit-learn.

        Returns
        -------
        NearfieldTransformer
            Itself.

        Raises
        ------
        InvalidInput
            An unknown mode or metric.
        """
        if self.metric not in _SPACES or self.mode not in ("distance", "connectivity"):
            message = (
                f"metric={self.metric!r}, mode={self.mode!r}; expected a metric of "
                f"{', '.join(_SPACES)} and mode 'distance' or 'connectivity'"
            )
            raise InvalidInput(message)
        rows = validate_data(self, X, dtype=[np.float32, np.float64])
        seed = 1 if self.random_state is None else self.random_state
        index = Index(_SPACES[self.metric], rows.shape[1], self.M, self.ef_construction, seed)
        index.add_items(rows, num_threads=self._threads())
        self.index_ = index
        self.n_samples_fit_ = rows.shape[0]
        return self

    def kneighbors(
        self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True
    ) -> Any:
        """Find the nearest fitted rows.

        Parameters
        ----------
        X : array-like of shape (n, n_features), optional
            The queries; default the fitted rows, each without itself.
        n_neighbors : int, optional
            Default: that of the transformer.
        return_distance : bool, default True
            Give distances too.

        Returns
        -------
        tuple or ndarray
            (distances, indices), or indices; each of shape (n, n_neighbors).

        Raises
        ------
        InvalidInput
            More neighbours asked for than rows were fitted.
        """
        check_is_fitted(self)
        wanted = self.n_neighbors if n_neighbors is None else n_neighbors
        if X is None:
            rows = self.index_.get_vectors(range(self.n_samples_fit_))
            distances, indices = _without_self(*self._query(rows, wanted + 1))
        else:
            rows = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
            distances, indices = self._query(rows, wanted)
        return (distances, indices) if return_distance else indices

    def transform(self, X: Any) -> csr_matrix:
        """Give the graph from rows to the fitted rows.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            The rows.

        Returns
        -------
        csr_matrix of shape (n, n_samples_fit)
            Rows sorted by distance.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
        wanted = self.n_neighbors + (self.mode == "distance")
        distances, indices = self._query(rows, min(wanted, self.n_samples_fit_))
        width = indices.shape[1]
        data = distances if self.mode == "distance" else np.ones_like(distances)
        starts = np.arange(0, len(rows) * width + 1, width)
        return csr_matrix(
            (data.ravel(), indices.ravel(), starts), shape=(len(rows), self.n_samples_fit_)
        )

    def kneighbors_graph(
        self, X: Any = None, n_neighbors: int | None = None, mode: str = "connectivity"
    ) -> csr_matrix:
        """Give the neighbours as a sparse graph, as scikit-learn's method of that name.

        Parameters
        ----------
        X, n_neighbors
            As for `kneighbors`.
        mode : {"connectivity", "distance"}, default "connectivity"
            Ones, or distances.

        Returns
        -------
        csr_matrix of shape (n, n_samples_fit)
            One row a query.
        """
        distances, indices = self.kneighbors(X, n_neighbors)
        data = distances if mode == "distance" else np.ones_like(distances)
        starts = np.arange(0, indices.size + 1, indices.shape[1])
        shape = (len(indices), self.n_samples_fit_)
        return csr_matrix((data.ravel(), indices.ravel(), starts), shape=shape)

    def _threads(self) -> int:
        return -1 if self.n_jobs is None else self.n_jobs

    def _query(self, rows: Any, k: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        if k > self.n_samples_fit_:
            message = f"n_neighbors asks for {k} rows, but only {self.n_samples_fit_} were fitted"
            raise InvalidInput(message)
        ef = 2 * k + 10 if self.ef is None else self.ef
        ids, distances = self.index_.query(rows, k, self._threads(), max(ef, k))
        wide = np.maximum(distances.astype(np.float64), 0)
        if self.metric in ("euclidean", "l2"):
            wide = np.sqrt(wide)
        return wide, ids.astype(np.int64)

    @property
    def _n_features_out(self) -> int:
        return int(self.n_samples_fit_)


def _without_self(
    distances: NDArray[np.float64], indices: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Drop each row itself, or its last neighbour where copies have crowded it out."""
    own = indices == np.arange(len(indices))[:, np.newaxis]
    own[~own.any(axis=1), -1] = True
    shape = (len(indices), indices.shape[1] - 1)
    return distances[~own].reshape(shape), indices[~own].reshape(shape)


def precomputed_knn(
    X: Any, n_neighbors: int = 15, *, metric: str = "euclidean", **parameters: Any
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find each row's neighbours in the form that UMAP, HDBSCAN and openTSNE take, itself first.

    Parameters
    ----------
    X : array-like of shape (n, d)
        The rows.
    n_neighbors : int, default 15
        Columns of the result, the row itself included.
    metric : str, default "euclidean"
        As for `NearfieldTransformer`.
    **parameters
        Further ones of `NearfieldTransformer`.

    Returns
    -------
    tuple
        (indices int32, distances float32), each of shape (n, n_neighbors).

    Raises
    ------
    InvalidInput
        Fewer than ``n_neighbors`` rows.
    """
    fitted = NearfieldTransformer(n_neighbors - 1, metric=metric, **parameters).fit(X)
    distances, indices = fitted.kneighbors()
    own = np.arange(len(indices), dtype=np.int32)[:, np.newaxis]
    zero = np.zeros((len(indices), 1), dtype=np.float32)
    return (
        np.hstack([own, indices.astype(np.int32)]),
        np.hstack([zero, distances.astype(np.float32)]),
    )
