"""An expression that fits its columns, as the steps that the core takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np

from nearfield._expressions.binding import bind
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

__all__ = ["NamedFilter", "Program", "Step"]

Step: TypeAlias = tuple[int, str, Any]
NamedFilter: TypeAlias = Expression | IdSet | frozenset[str]
"""What an index knows by name: a condition, or a set of ids; of a `StringIndex` one of keys."""
_Number = TypeVar("_Number", int, float)

# As `nearfield::FilterStep::Kind` numbers them.
_INTS, _FLOATS, _WORDS, _ANY_TAG, _ALL_TAGS, _NULL, _IDS, _ID_RANGE, _AND, _OR, _NOT = range(1, 12)
_ID = "id"
_INT64, _UINT64 = (-(2**63), 2**63 - 1), (0, 2**64 - 2)
_FLOAT_KINDS = ("float32", "float64")


class Program:
    """An expression that fits the columns of an index, and the filters that it names.

    Parameters
    ----------
    expression : Expression
        As any front end made it.
    columns : list of tuple
        (name, type, words, bytes) of each, as the core lists them.
    params : mapping of str to value or None
        What its parameters stand for.
    filters : mapping of str to Expression, IdSet or frozenset of str
        Filters that the index knows by name: as they are now.
    keys : bool, default False
        Whether ids are keys.

    Attributes
    ----------
    bound : Bound
        The expression, parameters in place.
    keys : frozenset of str
        Those that it asks for, in the filters that it names as well.

    Raises
    ------
    ExpressionError
        It does not fit the columns, or a filter that it names does not.
    """

    __slots__ = ("_named", "_schema", "bound", "keys")

    def __init__(
        self,
        expression: Expression,
        columns: list[tuple[str, int, int, int]],
        params: Mapping[str, Any] | None,
        filters: Mapping[str, NamedFilter],
        keys: bool = False,
    ) -> None:
        self._schema = {name: ColumnType(TYPES[kind]) for name, kind, *_ in columns}  # type: ignore[arg-type]
        self.bound = bind(expression, self._schema, params, filters, keys=keys)
        self._named: dict[str, NamedFilter] = {}
        for name in self.bound.filters:
            known = filters[name]
            if isinstance(known, Expression):
                known = bind(known, self._schema, keys=keys).tree
            self._named[name] = known
        self.keys = frozenset(self._keys_in(self.bound.tree)) if keys else frozenset()

    def _keys_in(self, tree: Expression) -> Iterator[str]:
        left = [tree]
        while left:
            node = left.pop()
            if isinstance(node, And | Or):
                left += node.terms
            elif isinstance(node, Not):
                left.append(node.term)
            elif isinstance(node, Registered):
                known = self._named[node.name]
                if isinstance(known, frozenset):
                    yield from known
                elif isinstance(known, Expression):
                    left.append(known)
            elif isinstance(node, Compare | In) and node.column == _ID:
                yield from _values_of(node)

    def steps(self, ids: Mapping[str, int | None] | None = None) -> list[Step]:
        """Give the steps in the order in which a stack takes them.

        Parameters
        ----------
        ids : mapping of str to int or None, optional
            The ids of `keys`; None of those that are not there.

        Returns
        -------
        list of tuple
            As the core takes them.
        """
        compiler = _Compiler(self._schema, self._named, ids or {})
        compiler.add(self.bound.tree)
        return compiler.steps


def _values_of(node: Compare | In) -> list[str]:
    if isinstance(node, Compare):
        return [str(node.value)]
    return [str(value) for value in node.values]  # type: ignore[union-attr]


class _Compiler:
    """Appends the steps of one node after the other."""

    def __init__(
        self,
        schema: Mapping[str, ColumnType],
        filters: Mapping[str, NamedFilter],
        ids: Mapping[str, int | None],
    ) -> None:
        self.schema = schema
        self.filters = filters
        self.ids = ids
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
        if isinstance(known, Expression):
            self.add(known)
        elif isinstance(known, IdSet):
            self.steps.append((_IDS, "", known.ids))
        else:
            self.add_keys(known)

    def add_keys(self, keys: Iterable[str]) -> None:
        """Append the test whether the id is that of one of some keys."""
        found = [id for key in keys if (id := self.ids[key]) is not None]
        self.steps.append((_IDS, "", np.array(found, dtype=np.uint64)))

    def add_compare(self, node: Compare) -> None:
        """Append the comparison with one value."""
        if isinstance(node.value, str) and node.column == _ID:
            self.add_keys([node.value])
            if node.op == "!=":
                self.steps.append((_NOT, "", None))
        elif isinstance(node.value, str):
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
        elif node.column == _ID:
            self.add_keys(_values_of(node))
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
