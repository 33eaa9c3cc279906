"""Views of the ids and keys that an index holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nearfield.typing import Ids

__all__ = ["KeyView", "LabelSetView"]


class _Holder(Protocol):
    def __len__(self) -> int: ...
    def __contains__(self, id: object, /) -> bool: ...


class _View:
    """What both views share: they follow the index and keep it alive."""

    __slots__ = ("_index", "_read")

    def __init__(self, index: _Holder, read: Callable[[], NDArray[Any]]) -> None:
        self._index = index
        self._read = read

    def __len__(self) -> int:
        """Count the live ones."""
        return len(self._index)

    def __contains__(self, given: object) -> bool:
        """Tell whether it is live; False for anything that cannot be one."""
        return given in self._index

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Give them as an array, in order of insertion."""
        array = self._read()
        if copy is False:
            message = "a view of ids is not kept as an array; it cannot be given without a copy"
            raise ValueError(message)
        return array if dtype is None else array.astype(dtype, copy=False)

    def __repr__(self) -> str:
        """Name the kind and the count."""
        return f"<nearfield.{type(self).__name__} num_elements={len(self)}>"


class LabelSetView(_View):
    """The live ids of an index: a view that follows the index and keeps it alive.

    It has ``len``, ``in``, iteration (over a copy, in order of insertion) and can be given wherever
    ids are taken. ``numpy.asarray(index.ids)`` gives them as uint64. Voyager's name is kept.

    Examples
    --------
    >>> import nearfield as nf
    >>> index = nf.Index(nf.Space.Euclidean, num_dimensions=1)
    >>> ids = index.ids
    >>> _ = index.add_items([[1], [2]], ids=[7, 3])
    >>> list(ids), 7 in ids, len(ids)
    ([7, 3], True, 2)
    """

    __slots__ = ()

    _read: Callable[[], Ids]

    def __iter__(self) -> Iterator[int]:
        """Go over the ids as they are now."""
        return iter(self._read().tolist())


class KeyView(_View):
    """The live keys of a `nearfield.StringIndex`: as `LabelSetView`, with `str` for numbers."""

    __slots__ = ()

    _read: Callable[[], NDArray[np.object_]]

    def __iter__(self) -> Iterator[str]:
        """Go over the keys as they are now."""
        return iter(self._read().tolist())
