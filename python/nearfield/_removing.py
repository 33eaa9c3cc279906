"""What calls that remove and replace are given, read in one place for every kind of index."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from nearfield._arrays import as_ids
from nearfield._chunks import is_chunked
from nearfield._numbers import as_id
from nearfield.errors import InvalidInput
from nearfield.typing import Chunks, IdsLike, IfMissing, VectorsLike

__all__ = ["as_one_or_more_ids", "missing_raises", "refuse_no_ids"]


def missing_raises(if_missing: IfMissing) -> bool:
    """Read what a missing id means.

    Parameters
    ----------
    if_missing : {"raise", "ignore"}
        As for `nearfield.Index.remove`.

    Returns
    -------
    bool
        Whether it raises.

    Raises
    ------
    InvalidInput
        Neither of them.
    """
    if if_missing not in ("raise", "ignore"):
        message = f"if_missing is {if_missing!r}; expected 'raise' or 'ignore'"
        raise InvalidInput(message)
    return if_missing == "raise"


def as_one_or_more_ids(ids: IdsLike | int) -> NDArray[np.uint64]:
    """Read one id or many.

    Parameters
    ----------
    ids : int or sequence of int
        As for `nearfield.Index.remove`.

    Returns
    -------
    ndarray of uint64, shape (n,)
        In the order given.

    Raises
    ------
    InvalidInput, TypeError
        Not ids.
    """
    one = isinstance(ids, (int, np.integer))
    return as_ids([as_id(ids)] if one else cast(IdsLike, ids))


def refuse_no_ids(vectors: VectorsLike | Chunks, ids: IdsLike | None) -> None:
    """Refuse to replace vectors without being told which.

    Parameters
    ----------
    vectors, ids
        As for `nearfield.Index.upsert`; an iterator brings its own ids.

    Raises
    ------
    InvalidInput
        No ids.
    """
    if not is_chunked(vectors) and (ids is None or len(as_ids(ids)) == 0):
        message = "ids is None or empty; expected one for each vector (add_items chooses ids)"
        raise InvalidInput(message)
