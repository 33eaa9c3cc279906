"""An expression that fits its columns, as the steps that the core takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from nearfield._expressions.binding import Bound, bind
from nearfield._expressions.column_types import ColumnType
from nearfield._expressions.id_array import IdArray
from nearfield._expressions.nodes import (
    And,
    Between,
    Compare,
    Expression,
    Flag,
    Has,
    In,
    IsNull,
    Not,
    Op,
    Or,
    Registered,
)
from nearfield.columns import TYPES
from nearfield.id_sets import IdSet

__all__ = ["NamedFilter", "Step", "steps_of"]

Step: TypeAlias = tuple[int, str, Any]
NamedFilter: TypeAlias = Expression | IdSet
_Number = TypeVar("_Number", int, float)

# As `nearfield::FilterStep::Kind` numbers them.
_INTS, _FLOATS, _WORDS, _ANY_TAG, _ALL_TAGS, _NULL, _IDS, _ID_RANGE, _AND, _OR, _NOT = range(1, 12)
_ID = "id"
_INT64, _UINT64 = (-(2**63), 2**63 - 1), (0, 2**64 - 2)
_FLOAT_KINDS = ("float32", "float64")


def steps_of(
    expression: Expression,
    columns: list[tuple[str, int, int, int]],
    params: Mapping[str, Any] | None,
    filters: Mapping[str, NamedFilter],
) -> tuple[list[Step], Bound]:
    """Bind an expression to the columns of an index, and give the steps of its program.

    Parameters
    ----------
    expression : Expression
        As any front end made it.
    columns : list of tuple
        (name, type, words, bytes) of each, as the core lists them.
    params : mapping of str to value or None
        What its parameters stand for.
    filters : mapping of str to Expression or IdSet
        Filters that the index knows by name.

    Returns
    -------
    tuple
        (steps in the order in which a stack takes them, the bound expression).

    Raises
    ------
    ExpressionError
        It does not fit the columns, or a filter that it names does not.
    """
    schema = {name: ColumnType(TYPES[kind]) for name, kind, *_ in columns}  # type: ignore[arg-type]
    bound = bind(expression, schema, params, filters)
    compiler = _Compiler(schema, filters)
    compiler.add(bound.tree)
    return compiler.steps, bound


class _Compiler:
    """Appends the steps of one node after the other."""

    def __init__(
        self, schema: Mapping[str, ColumnType], filters: Mapping[str, NamedFilter]
    ) -> None:
        self.schema = schema
        self.filters = filters
        self.steps: list[Step] = []

    def add(self, node: Expression) -> None:
        """Append the steps of a node, which leave one result."""
        if isinstance(node, And | Or):
            for term in node.terms:
                self.add(term)
            self.steps.append((_AND if isinstance(node, And) else _OR, "", len(node.terms)))
        elif isinstance(node, Not):
            self.add(node.term)
            self.steps.append((_NOT, "", None))
        elif isinstance(node, Registered):
            self.add_registered(node.name)
        elif isinstance(node, IsNull):
            self.steps.append((_NULL, node.column, None))
        elif isinstance(node, Flag):
            self.steps.append((_INTS, node.column, [(1, 1)]))
        elif isinstance(node, Has):
            kind = _ANY_TAG if node.mode == "any" else _ALL_TAGS
            self.steps.append((kind, node.column, list(node.values)))  # type: ignore[arg-type]
        elif isinstance(node, Compare):
            self.add_compare(node)
        elif isinstance(node, Between):
            self.add_ranges(node.column, [(node.low, node.high)])
        elif isinstance(node, In):
            self.add_one_of(node)

    def add_registered(self, name: str) -> None:
        """Append the steps of a filter that the index knows by name."""
        known = self.filters[name]
        if isinstance(known, IdSet):
            self.steps.append((_IDS, "", known.ids))
        else:
            self.add(bind(known, self.schema).tree)

    def add_compare(self, node: Compare) -> None:
        """Append the comparison with one value."""
        if isinstance(node.value, str):
            self.steps.append((_WORDS, node.column, [node.value]))
            if node.op == "!=":  # false for null as well
                self.steps += [(_NULL, node.column, None), (_OR, "", 2), (_NOT, "", None)]
        elif self.schema.get(node.column, ColumnType("int64")).kind in _FLOAT_KINDS:
            value = float(node.value)  # type: ignore[arg-type]
            limits = (-math.inf, math.inf)
            self.add_ranges(node.column, _ranges(node.op, value, limits, math.nextafter))
        else:
            limits = _UINT64 if node.column == _ID else _INT64
            self.add_ranges(node.column, _ranges(node.op, int(node.value), limits, _next_int))  # type: ignore[arg-type]

    def add_one_of(self, node: In) -> None:
        """Append the comparison with several values."""
        values = node.values
        if isinstance(values, IdArray):
            self.steps.append((_IDS, "", values.ids))
        elif isinstance(values, tuple) and values and isinstance(values[0], str):
            self.steps.append((_WORDS, node.column, list(values)))
        else:
            self.add_ranges(node.column, [(one, one) for one in values])  # type: ignore[union-attr]

    def add_ranges(self, column: str, ranges: list[tuple[Any, Any]]) -> None:
        """Append the test whether a value lies in one of some ranges, both ends included."""
        if column == _ID:
            self.steps.append((_ID_RANGE, "", ranges))
        elif self.schema[column].kind in _FLOAT_KINDS:
            self.steps.append(
                (_FLOATS, column, [(float(low), float(high)) for low, high in ranges])
            )
        else:
            self.steps.append((_INTS, column, _joined(ranges)))


def _ranges(
    op: Op,
    value: _Number,
    limits: tuple[_Number, _Number],
    towards: Callable[[_Number, _Number], _Number],
) -> list[tuple[_Number, _Number]]:
    """Write a comparison as ranges; those that are empty are left out."""
    low, high = limits
    below = [(low, towards(value, low))] if value > low else []
    above = [(towards(value, high), high)] if value < high else []
    return {
        "=": [(value, value)],
        "!=": below + above,
        "<": below,
        "<=": [(low, value)],
        ">": above,
        ">=": [(value, high)],
    }[op]


def _next_int(value: int, limit: int) -> int:
    return value + (1 if limit > value else -1)


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges that follow on each other: a run of years is one comparison."""
    joined: list[tuple[int, int]] = []
    for low, high in ranges:
        if joined and low == joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    return joined
