"""A scikit-learn transformer, and neighbours for UMAP and its kin. Needs ``nearfield[cluster]``."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nearfield.errors import InvalidInput
from nearfield.index import Index
from nearfield.spaces import Space, StorageDataType
from nearfield.typing import CodesName

try:
    from joblib import effective_n_jobs  # type: ignore[import-untyped]
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
    from sklearn.base import (  # type: ignore[import-untyped]
        BaseEstimator,
        ClassNamePrefixFeaturesOutMixin,
        TransformerMixin,
    )
    from sklearn.utils import check_random_state  # type: ignore[import-untyped]
    from sklearn.utils.validation import (  # type: ignore[import-untyped]
        check_is_fitted,
        validate_data,
    )
except ImportError as error:
    _NEEDS = "nearfield.sklearn needs scikit-learn 1.6 or later: pip install 'nearfield[cluster]'"
    raise ImportError(_NEEDS) from error

__all__ = ["NearfieldTransformer", "precomputed_knn"]

_SPACES = {
    "euclidean": Space.Euclidean,
    "l2": Space.Euclidean,
    "sqeuclidean": Space.Euclidean,
    "cosine": Space.Cosine,
}
_MODES = ("distance", "connectivity")
# Up to so many rows the default beam holds all of them, and the result is exact.
_EXACT_ROWS = 2000
_DEFAULT_EF = 100

Distances: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.int64]


class NearfieldTransformer(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
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
        Links of a row in the index; more gives better recall and takes more memory.
    ef_construction : int, default 200
        Beam width while building.
    ef : int or None, default None
        Beam width of queries; more gives better recall and takes longer. None takes all rows up to
        2,000, which is exact, and beyond that the larger of 100 and twice the neighbours asked for.
    n_jobs : int or None, default None
        Threads, as in scikit-learn: None is 1, -1 all cores. The result does not depend on it.
    random_state : int, RandomState or None, default None
        Chooses the levels of the index; None is 1, so that the result is always deterministic.
    storage_data_type : StorageDataType, int or str, default "Float32"
        How the index keeps the rows, as for `nearfield.Index`. Others than "Float32" take less
        memory and round the rows, so distances are those to what is kept; `fit_transform` still
        gives 0 for a row and itself.
    codes : {"auto", "none", "int8", "int4"}, default "auto"
        What queries compare on their way, as for `nearfield.Index`.

    Attributes
    ----------
    index_ : nearfield.Index
        The fitted index; ids are the numbers of the rows.
    n_features_in_, n_samples_fit_ : int
        Shape of the fitted data.
    effective_metric_ : str
        The metric, "l2" being "euclidean".

    Notes
    -----
    Fitting takes O(n log n) distances, a query O(log n).

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
        random_state: Any = None,
        storage_data_type: StorageDataType | int | str = "Float32",
        codes: CodesName = "auto",
    ) -> None:
        self.n_neighbors = n_neighbors
        self.mode = mode
        self.metric = metric
        self.M = M
        self.ef_construction = ef_construction
        self.ef = ef
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.storage_data_type = storage_data_type
        self.codes = codes

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
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
            An unknown mode, metric, storage or codes, codes that do not serve the storage, a number
            out of its bounds, or a row that the storage cannot hold.
        """
        self._fit(X)
        return self

    def _fit(self, X: Any) -> NDArray[Any]:
        if self.metric not in _SPACES:
            message = f"metric is {self.metric!r}; expected one of {', '.join(_SPACES)}"
            raise InvalidInput(message)
        _checked_mode(self.mode)
        _checked_count(self.n_neighbors)
        rows: NDArray[Any] = validate_data(self, X, dtype=[np.float32, np.float64])
        index = Index(
            _SPACES[self.metric],
            rows.shape[1],
            self.M,
            self.ef_construction,
            self._seed(),
            storage_data_type=self.storage_data_type,
            codes=self.codes,
        )
        index.add_items(rows, num_threads=effective_n_jobs(self.n_jobs))
        self.index_ = index
        self.n_samples_fit_ = rows.shape[0]
        self.effective_metric_ = "euclidean" if self.metric == "l2" else self.metric
        return rows

    def transform(self, X: Any) -> csr_matrix:
        """Give the graph from rows to the fitted rows.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            The rows.

        Returns
        -------
        csr_matrix of shape (n, n_samples_fit)
            Each row sorted by distance.

        Raises
        ------
        InvalidInput
            More neighbours are asked for than rows were fitted.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
        return self._graph(*self._query(rows, self._wanted()), self.mode)

    def fit_transform(self, X: Any, y: Any = None) -> csr_matrix:  # noqa: ARG002
        """Build the index and give the graph of its rows.

        As ``fit(X).transform(X)``, except that in mode "distance" each row comes first in its own
        row of the graph, at distance 0, also where the data holds copies of it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : ignored
            For scikit-learn.

        Returns
        -------
        csr_matrix of shape (n_samples, n_samples)
            Each row sorted by distance.

        Raises
        ------
        InvalidInput
            As for `fit` and `transform`.
        """
        rows = self._fit(X)
        found = self._query(rows, self._wanted())
        if self.mode == "distance":
            found = _with_self_first(*found)
        return self._graph(*found, self.mode)

    def kneighbors(
        self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True
    ) -> tuple[Distances, Rows] | Rows:
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
            More neighbours are asked for than there are rows.
        """
        distances, indices = self._kneighbors(X, n_neighbors)
        return (distances, indices) if return_distance else indices

    def _kneighbors(self, X: Any, n_neighbors: int | None) -> tuple[Distances, Rows]:
        check_is_fitted(self)
        wanted = _checked_count(self.n_neighbors if n_neighbors is None else n_neighbors)
        if X is not None:
            rows = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
            return self._query(rows, wanted)
        rows = self.index_.get_vectors(np.arange(self.n_samples_fit_))
        distances, indices = _with_self_first(*self._query(rows, wanted + 1))
        return distances[:, 1:], indices[:, 1:]

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
            Each row sorted by distance.

        Raises
        ------
        InvalidInput
            As for `kneighbors`, or an unknown mode.
        """
        return self._graph(*self._kneighbors(X, n_neighbors), _checked_mode(mode))

    def _graph(self, distances: Distances, indices: Rows, mode: str) -> csr_matrix:
        rows, width = indices.shape
        data = distances if mode == "distance" else np.ones_like(distances)
        starts = np.arange(0, rows * width + 1, width)
        return csr_matrix(
            (data.ravel(), indices.ravel(), starts), shape=(rows, self.n_samples_fit_)
        )

    def _wanted(self) -> int:
        return _checked_count(self.n_neighbors) + (self.mode == "distance")

    def _seed(self) -> int:
        if self.random_state is None:
            return 1
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _query(self, rows: NDArray[Any], k: int) -> tuple[Distances, Rows]:
        held = self.n_samples_fit_
        if k > held:
            message = (
                f"n_neighbors asks for {k} rows, the row itself included where it is fitted, but "
                f"only {held} were fitted (n_samples_fit = {held}); ask for fewer"
            )
            raise InvalidInput(message)
        beam = self.ef
        if beam is None:
            beam = held if held <= _EXACT_ROWS else max(_DEFAULT_EF, 2 * k)
        threads = effective_n_jobs(self.n_jobs)
        ids, distances = self.index_.query(rows, k, threads, max(beam, k))
        wide = distances.astype(np.float64)
        if self.effective_metric_ == "euclidean":
            wide = np.sqrt(wide)
        return wide, ids.astype(np.int64)

    @property
    def _n_features_out(self) -> int:
        return int(self.n_samples_fit_)


def _checked_mode(mode: str) -> str:
    if mode not in _MODES:
        message = f"mode is {mode!r}; expected 'distance' or 'connectivity'"
        raise InvalidInput(message)
    return mode


def _checked_count(n_neighbors: Any) -> int:
    if not isinstance(n_neighbors, Integral) or isinstance(n_neighbors, bool) or n_neighbors < 1:
        message = f"n_neighbors is {n_neighbors!r}; expected a whole number from 1"
        raise InvalidInput(message)
    return int(n_neighbors)


def _with_self_first(distances: Distances, indices: Rows) -> tuple[Distances, Rows]:
    """Move each row to its own front; where copies have crowded it out, it takes the last place."""
    own = indices == np.arange(len(indices))[:, np.newaxis]
    own[~own.any(axis=1), -1] = True
    order = np.argsort(~own, axis=1, kind="stable")
    distances = np.take_along_axis(distances, order, axis=1)
    indices = np.take_along_axis(indices, order, axis=1)
    distances[:, 0] = 0
    indices[:, 0] = np.arange(len(indices))
    return distances, indices


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

    Examples
    --------
    >>> import numpy as np
    >>> from nearfield.sklearn import precomputed_knn
    >>> indices, distances = precomputed_knn(np.array([[0.0], [1.0], [3.0]]), 2)
    >>> indices.tolist(), distances.tolist()
    ([[0, 1], [1, 0], [2, 1]], [[0.0, 1.0], [0.0, 1.0], [0.0, 2.0]])
    """
    fitted = NearfieldTransformer(_checked_count(n_neighbors), metric=metric, **parameters)
    rows = fitted._fit(X)
    distances, indices = _with_self_first(*fitted._query(rows, n_neighbors))
    return indices.astype(np.int32), distances.astype(np.float32)
