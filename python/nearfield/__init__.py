"""Vector search for recommendation: an HNSW index with SIMD kernels, and files that can be trusted.

`Index` is a superset of Voyager's Python class: ``import nearfield as voyager`` works.

>>> import numpy as np, nearfield as nf
>>> index = nf.Index(nf.Space.Cosine, num_dimensions=4)
>>> index.add_items(np.eye(4))
[0, 1, 2, 3]
>>> ids, distances = index.query([1.0, 0.5, 0.0, 0.0], k=2)
>>> ids.tolist()
[0, 1]

Importing this package loads nothing beyond the standard library and numpy.
"""

from __future__ import annotations

import importlib as _importlib
import os as _os
import re as _re
import types as _types
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from nearfield import _check_cpu

if _TYPE_CHECKING:
    from nearfield.compiled import CompiledFilter
    from nearfield.filters import F
    from nearfield.id_sets import CSR, IdSet, PerQuery
    from nearfield.query_plan import QueryPlan

# The one moment at which the environment is read.
_check_cpu.load_core(_os.environ)

from nearfield import _core, errors, simd  # noqa: E402
from nearfield.e4m3 import E4M3T  # noqa: E402
from nearfield.errors import RecallError  # noqa: E402
from nearfield.exact import ExactIndex  # noqa: E402
from nearfield.ids import LabelSetView  # noqa: E402
from nearfield.index import E4M3Index, Float8Index, FloatIndex, Index  # noqa: E402
from nearfield.memory import estimate_memory  # noqa: E402
from nearfield.neighbors import NO_ID, Neighbors  # noqa: E402
from nearfield.opening import load  # noqa: E402
from nearfield.spaces import Space, StorageDataType  # noqa: E402
from nearfield.string_index import StringIndex  # noqa: E402
from nearfield.watching import Watched, watch  # noqa: E402

__all__ = [
    "CSR",
    "E4M3",
    "E4M3T",
    "NO_ID",
    "CodesOnly",
    "CompiledFilter",
    "Cosine",
    "E4M3Index",
    "Euclidean",
    "ExactIndex",
    "F",
    "Float8",
    "Float8Index",
    "Float16",
    "Float32",
    "FloatIndex",
    "IdSet",
    "Index",
    "InnerProduct",
    "LabelSetView",
    "Neighbors",
    "PerQuery",
    "QueryPlan",
    "RecallError",
    "Space",
    "StorageDataType",
    "StringIndex",
    "Watched",
    "errors",
    "estimate_memory",
    "load",
    "simd",
    "version",
    "watch",
]

__version__ = _core.version

# Voyager has the members of both enums as module attributes, and its version as a tuple.
Euclidean, InnerProduct, Cosine = Space.Euclidean, Space.InnerProduct, Space.Cosine
Float8, Float32, E4M3 = StorageDataType.Float8, StorageDataType.Float32, StorageDataType.E4M3
Float16, CodesOnly = StorageDataType.Float16, StorageDataType.CodesOnly
version: tuple[int, ...] = tuple(int(part) for part in _re.findall(r"\d+", __version__)[:3])

_LOADED_WHEN_NAMED = frozenset(
    ("evaluate", "filters", "policy", "report", "sklearn", "sources", "tune")
)
_LOADED_WITH = {
    "CSR": "id_sets",
    "CompiledFilter": "compiled",
    "F": "filters",
    "IdSet": "id_sets",
    "PerQuery": "id_sets",
    "QueryPlan": "query_plan",
}


def __getattr__(name: str) -> _types.ModuleType | _Any:
    """Import a sub-module when it is first named: ``nf.evaluate`` works, and costs nothing before.

    So it is with the names that filters need, such as ``nf.F`` and ``nf.IdSet``.

    Parameters
    ----------
    name : str
        Of the attribute that is not there.

    Returns
    -------
    module or object
        The sub-module, or what it holds of this name.

    Raises
    ------
    AttributeError
        There is none of this name.
    """
    if name in _LOADED_WITH:
        return getattr(_importlib.import_module(f"nearfield.{_LOADED_WITH[name]}"), name)
    if name in _LOADED_WHEN_NAMED:
        return _importlib.import_module(f"nearfield.{name}")
    message = f"module 'nearfield' has no attribute {name!r}"
    raise AttributeError(message)
