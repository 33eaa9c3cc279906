"""Expressions and named filters of a `StringIndex`, whose ids are keys to those who write them.

The core knows ids alone, and a key that is removed and added again has another one. So a filter
keeps its keys, and looks their ids up again whenever keys have come or gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from nearfield import _core
from nearfield._keyed import KeyedCore
from nearfield._named_filters import NamedFilters
from nearfield._program import NamedFilter, Program
from nearfield._removing import as_one_or_more_keys
from nearfield.compiled import CompiledFilter, refuse_params
from nearfield.errors import InvalidInput
from nearfield.filters import as_expression

__all__ = ["CompiledKeyFilter", "NamedKeyFilters", "compile_key_filter"]

_Ids: TypeAlias = Mapping[str, int | None]


class CompiledKeyFilter(CompiledFilter):
    """A `CompiledFilter` of a `nearfield.StringIndex`: ``id`` is the key.

    Keys are looked up for each query: one that is removed and added again is the same to it, and
    one that is added later is known.
    """

    __slots__ = ("_keyed", "_made", "_read")

    def __init__(self, keyed: KeyedCore, program: Program) -> None:
        self._keyed, self._read = keyed, program
        self._made: tuple[KeyedCore, int, CompiledFilter, _Ids] | None = None
        self._index = keyed.core
        self.expression = program.bound.tree
        self.notes = tuple(map(str, program.bound.notes))

    def _for_core(self) -> _core.FilterProgram:
        return self.looked_up(self._keyed)[0]._for_core()

    def looked_up(self, keyed: KeyedCore) -> tuple[CompiledFilter, _Ids]:
        """Give the filter by the ids that its keys have now.

        Parameters
        ----------
        keyed : KeyedCore
            Whose keys they are: mostly those that it was compiled for.

        Returns
        -------
        tuple
            (what `nearfield.Index.query` takes, the ids of the keys; None of those without one).
        """
        made = self._made
        if made is None or made[0] is not keyed or (made[3] and made[1] != keyed.changes):
            changes = keyed.changes  # first: whatever changes meanwhile is looked up again
            ids = {key: keyed.find(key) for key in self._read.keys}
            made = keyed, changes, CompiledFilter(keyed.core, self._read, ids), ids
            self._made = made
        return made[2:]


def compile_key_filter(
    keyed: KeyedCore,
    where: Any,
    params: Mapping[str, Any] | None,
    filters: Mapping[str, NamedFilter],
) -> CompiledKeyFilter:
    """Read ``where=`` of a query.

    Parameters
    ----------
    keyed : KeyedCore
        The index.
    where : str, Expression, dict or CompiledKeyFilter
        As for `nearfield.StringIndex.query`.
    params : mapping or None
        Values of its parameters.
    filters : mapping
        Those that the index knows by name.

    Returns
    -------
    CompiledKeyFilter
        The same, where it is one.

    Raises
    ------
    ExpressionError, TypeError
        No expression, or one that does not fit the columns.
    """
    if isinstance(where, CompiledKeyFilter):
        refuse_params(params)
        return where
    if isinstance(where, CompiledFilter):
        message = "where was compiled by an Index, whose ids are integers; compile it by this one"
        raise TypeError(message)
    columns = keyed.core.columns()
    return CompiledKeyFilter(
        keyed, Program(as_expression(where), columns, params, filters, keys=True)
    )


class NamedKeyFilters(NamedFilters):
    """The filters of a `StringIndex` by name: as `NamedFilters`, with keys for ids.

    A set is given as an iterable of keys; a text is an expression.
    """

    def _as_set(self, value: Any) -> frozenset[str]:
        return frozenset(as_one_or_more_keys(value, "the filter"))

    def _set_to_json(self, value: Any) -> dict[str, Any]:
        return {"keys": sorted(value)}

    def _set_from_json(self, value: Mapping[str, Any]) -> NamedFilter:
        keys = value["keys"]
        if not isinstance(keys, list):
            message = f"keys of type {type(keys).__name__}"
            raise InvalidInput(message)
        return frozenset(as_one_or_more_keys(keys, "keys"))
