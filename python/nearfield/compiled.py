"""Expressions that were read once, for queries that are made often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nearfield import _core
from nearfield._program import NamedFilter, Program
from nearfield.filters import as_expression, to_text

__all__ = ["CompiledFilter", "compile_filter"]


class CompiledFilter:
    """An expression that was read for an index: ``where=`` of any number of its queries.

    `nearfield.Index.compile` makes it. What passes is found when a query first asks for it, and
    again after vectors or their attributes have changed: a bit for each vector, about a
    millisecond for a million. In between it costs a query nothing. It holds for the columns that
    there were; where one was dropped since, or has another type, queries say so. Filters that it
    names are those that there were, too.

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
        program: Program,
        ids: Mapping[str, int | None] | None = None,
    ) -> None:
        self._index = index
        self._program = _core.FilterProgram(program.steps(ids))
        self.expression = program.bound.tree
        self.notes = tuple(map(str, program.bound.notes))

    def _for_core(self) -> _core.FilterProgram:
        return self._program

    @property
    def count(self) -> int:
        """Live vectors that pass now."""
        return self._index.count_passing(self._for_core())

    @property
    def selectivity(self) -> float:
        """The share of live vectors that pass now; 0 of none."""
        live = self._index.counts[1]
        return self.count / live if live else 0.0

    def __repr__(self) -> str:
        """Write the expression."""
        return f"<nearfield.{type(self).__name__} {to_text(self.expression)!r}>"


def compile_filter(
    core: _core.Index,
    where: Any,
    params: Mapping[str, Any] | None,
    filters: Callable[[], Mapping[str, NamedFilter]],
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
    filters : callable
        Gives those that the index knows by name; not asked for one that is compiled.

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
        columns = core.columns()
        return CompiledFilter(core, Program(as_expression(where), columns, params, filters()))
    refuse_params(params)
    if type(where) is not CompiledFilter:
        message = (
            "where was compiled by a StringIndex, whose ids are keys; compile it by the index that "
            "is asked"
        )
        raise TypeError(message)
    return where


def refuse_params(params: Mapping[str, Any] | None) -> None:
    """Refuse values for a filter that has its own.

    Parameters
    ----------
    params : mapping or None
        What was given beside it.

    Raises
    ------
    TypeError
        Something.
    """
    if params is not None:
        message = "params is given beside a compiled filter; give it to compile"
        raise TypeError(message)
