"""Cosines of stored vectors: what two items have in common, in every space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["cosines"]

# Sums of float64 differ in the sixteenth digit with the shape of a product and with the machine;
# so rounded, equal vectors have equal cosines, and copies a cosine of 1.
_DECIMALS = 9


def cosines(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compare all rows of one array with all rows of another.

    Parameters
    ----------
    a, b : ndarray of float64, shapes (n, d) and (m, d)
        Rows of length 1, or 0.

    Returns
    -------
    ndarray of float64, shape (n, m)
        From -1 to 1, rounded to nine decimals.
    """
    return np.round(a @ b.T, _DECIMALS)
