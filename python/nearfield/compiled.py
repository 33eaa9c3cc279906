"""Expressions that were read once, for queries that are made often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nearfield import _core
from nearfield._program import NamedFilter, steps_of
from nearfield.filters import Expression, as_expression, to_text

__all__ = ["CompiledFilter", "compile_filter"]


class CompiledFilter:
    """An expression that was read for an index: ``where=`` of any number of its queries.

    `nearfield.Index.compile` makes it. What passes is found when a query first asks for it, and
    again after vectors or their attributes have changed: a bit for each vector, about a
    millisecond for a million. In between it costs a query nothing. It holds for the columns that
    there were; where one was dropped since, or has another type, queries say so.

    Attributes
    ----------
    expression : Expression
        What was read, parameters in place.
    notes : tuple of str
        Values that no vector has, with one that is near: likely a slip.
    """

    __slots__ = ("_index", "_program", "expression", "notes")

    def __init__(
        self,
        index: _core.Index,
        expression: Expression,
        params: Mapping[str, Any] | None,
        filters: Mapping[str, NamedFilter],
    ) -> None:
        steps, bound = steps_of(expression, index.columns(), params, filters)
        self._index = index
        self._program = _core.FilterProgram(steps)
        self.expression = bound.tree
        self.notes = tuple(map(str, bound.notes))

    @property
    def count(self) -> int:
        """Live vectors that pass now."""
        return self._index.count_passing(self._program)

    @property
    def selectivity(self) -> float:
        """The share of live vectors that pass now; 0 of none."""
        live = self._index.counts[1]
        return self.count / live if live else 0.0

    def __repr__(self) -> str:
        """Write the expression."""
        return f"<nearfield.CompiledFilter {to_text(self.expression)!r}>"


def compile_filter(
    core: _core.Index,
    where: Any,
    params: Mapping[str, Any] | None,
    filters: Mapping[str, NamedFilter],
) -> CompiledFilter:
    """Read ``where=`` of a query.

    Parameters
    ----------
    core : _core.Index
        The index.
    where : str, Expression, dict or CompiledFilter
        As for `nearfield.Index.query`.
    params : mapping or None
        Values of its parameters.
    filters : mapping
        Those that the index knows by name.

    Returns
    -------
    CompiledFilter
        The same, where it is one.

    Raises
    ------
    ExpressionError, TypeError
        No expression, or one that does not fit the columns.
    """
    if not isinstance(where, CompiledFilter):
        return CompiledFilter(core, as_expression(where), params, filters)
    if params is not None:
        message = "params is given beside a compiled filter; give it to Index.compile"
        raise TypeError(message)
    return where
