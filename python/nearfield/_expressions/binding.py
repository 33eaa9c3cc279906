"""An expression and the columns it asks: every name is known, every value of the right type."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from nearfield._arrays import as_ids
from nearfield._expressions.column_types import OPERATORS, ColumnType
from nearfield._expressions.faults import Place, fault, quoted
from nearfield._expressions.fitting import (
    always,
    chosen,
    fit_between,
    fit_compare,
    fit_list,
    never,
)
from nearfield._expressions.id_array import IdArray
from nearfield._expressions.literals import (
    Asking,
    Literals,
    Note,
    kind_in_words,
    label_of,
    names_in_words,
)
from nearfield._expressions.nearest import nearest
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
    Or,
    Parameter,
    Registered,
    both,
)
from nearfield._expressions.spots import Part, spot
from nearfield._expressions.tokens import name_in_words
from nearfield._expressions.values import ID
from nearfield._keys import as_keys
from nearfield.errors import InvalidInput

__all__ = ["Bound", "Note", "bind"]

_ID_TYPE, _KEY_TYPE = ColumnType("uint64"), ColumnType("key")


@dataclass(frozen=True, slots=True)
class Bound:
    """An expression that fits its columns, with all parameters in place.

    Attributes
    ----------
    tree : Expression
        Its leaves are described at `bind`.
    columns : frozenset of str
        What the tree reads, ``id`` included.
    filters : frozenset of str
        Registered filters that the tree names.
    notes : tuple of Note
        Values of categories and tags that no row has, at most 20.
    """

    tree: Expression
    columns: frozenset[str]
    filters: frozenset[str]
    notes: tuple[Note, ...]


def bind(
    expression: Expression,
    schema: Mapping[str, ColumnType],
    params: Mapping[str, Any] | None = None,
    filters: Collection[str] = (),
    *,
    keys: bool = False,
) -> Bound:
    """Check an expression against the columns, and put its parameters in place.

    Parameters
    ----------
    expression : Expression
        Made by any of the front ends.
    schema : mapping of str to ColumnType
        The columns. ``id`` is not among them: it is always there, without null.
    params : mapping of str to value or list, optional
        What each ``$name`` stands for: a value; after ``in``, ``has any`` and ``has all`` a list,
        tuple, set or array of any length; for ``id in`` whatever `nearfield.Index` takes as ids.
    filters : collection of str, default ()
        Names of registered filters: a mapping of them will do.
    keys : bool, default False
        Whether ids are text, as those of a `nearfield.StringIndex`: ``id`` is then compared as a
        category is, and after ``id in`` a parameter is a list of keys of any length.

    Returns
    -------
    Bound
        Its tree has `And`, `Or` and `Not`, as they were given, above these leaves:

        - `Compare` of numbers: a value that the column can hold (int for integers; microseconds for
          timestamps; float for floats, where float32 may meet an infinity), any operator. Of a
          category: text, ``=`` or ``!=``. Of a bool: ``= False``.
        - `In`: two values and more of these, ascending and each once; of ``id`` an `IdArray`.
        - `Between`: of numbers, the lower bound below the upper.
        - `Has`: one text and more, sorted and each once.
        - `IsNull`, never of ``id``; `Flag`; `Registered`; and the constants ``And(())`` and
          ``Or(())``.

        Where ids are keys, those of ``id`` are as those of a category.

    Raises
    ------
    ExpressionError
        An unknown column, filter or parameter, an operator or a value that the type of the column
        does not have, a parameter that is not used; the message marks the place.
    InvalidInput
        A column named ``id``.
    TypeError
        A parameter of a type that no value has, such as None.

    Examples
    --------
    >>> from nearfield._expressions.parser import parse
    >>> schema = {"year": ColumnType("int16"), "explicit": ColumnType("bool")}
    >>> bound = bind(parse("year < 99999.5 and explicit = $e"), schema, {"e": True})
    >>> bound.tree
    And(terms=(Not(term=IsNull(column='year')), Flag(column='explicit')))
    """
    if ID in schema:
        message = f"schema has a column {ID!r}; this name is kept for the ids of items"
        raise InvalidInput(message)
    params = {} if params is None else params
    if not isinstance(params, Mapping):
        message = f"params is of type {type(params).__name__}; expected a dict of values by name"
        raise TypeError(message)
    literals = Literals(params, filters)
    tree = _Binder(schema, literals, _KEY_TYPE if keys else _ID_TYPE).bound(expression)
    for name in params:
        if name not in literals.used:
            raise fault(_unused(name, literals.used), argument="params")
    columns, names = _read_by(tree)
    return Bound(tree, columns, names, tuple(literals.notes))


def _unused(name: object, used: Collection[str]) -> str:
    known = names_in_words(used)
    return f"holds {quoted(name)}, which the expression does not use; of its parameters {known}"


def _read_by(tree: Expression) -> tuple[frozenset[str], frozenset[str]]:
    columns: set[str] = set()
    filters: set[str] = set()
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, And | Or):
            left += node.terms
        elif isinstance(node, Not):
            left.append(node.term)
        elif isinstance(node, Registered):
            filters.add(node.name)
        elif isinstance(node, Compare | In | Between | Has | IsNull | Flag):
            columns.add(node.column)
    return frozenset(columns), frozenset(filters)


class _Binder:
    """What one call of `bind` knows, and what it has met."""

    def __init__(
        self, schema: Mapping[str, ColumnType], literals: Literals, id_type: ColumnType
    ) -> None:
        self.schema = schema
        self.literals = literals
        self.id_type = id_type

    def bound(self, node: Expression) -> Expression:
        if isinstance(node, And | Or):
            terms = []
            for term in node.terms:  # a loop, which takes half the stack of a comprehension
                terms.append(self.bound(term))  # noqa: PERF401
            return both(type(node), terms, node.place)
        if isinstance(node, Not):
            term = self.bound(node.term)
            return term.term if isinstance(term, Not) else Not(term, place=node.place)
        if isinstance(node, Compare):
            return self.compare(node, self.type_of(node, node.op))
        if isinstance(node, In):
            return self.one_of(node, self.type_of(node, "in"))
        if isinstance(node, Between):
            return self.between(node, self.type_of(node, "between"))
        if isinstance(node, Has):
            one = isinstance(node.values, tuple) and len(node.values) == 1 and node.mode == "any"
            return self.has(node, self.type_of(node, "has" if one else f"has {node.mode}"))
        if isinstance(node, IsNull):
            self.type_of(node, "is null")
            return never(node.place) if node.column == ID else node
        if isinstance(node, Flag):
            self.type_of(node, "")
            return node
        if isinstance(node, Registered):
            return self.registered(node, node, "whole")
        message = f"expression is of type {type(node).__name__}; expected an Expression"
        raise TypeError(message)

    def compare(self, node: Compare, of: ColumnType) -> Expression:
        value = self.literals.value(node, 0, node.value, of)
        if isinstance(value, bool):
            return _is(node.column, value == (node.op == "="), node.place)
        if isinstance(value, str):
            return Compare(node.column, node.op, value, place=node.place)
        return fit_compare(node.column, node.op, value, of.kind, node.place)

    def between(self, node: Between, of: ColumnType) -> Expression:
        # Columns that have `between` take numbers and moments alone.
        low = cast(float, self.literals.value(node, 0, node.low, of))
        high = cast(float, self.literals.value(node, 1, node.high, of))
        return fit_between(node.column, low, high, of.kind, node.place)

    def one_of(self, node: In, of: ColumnType) -> Expression:
        column, place = node.column, node.place
        if column == ID and isinstance(node.values, Parameter):
            return self.ids(node, node.values.name)
        values = self.literals.values(node, node.values, of)
        if of.kind in ("category", "key"):
            return chosen(column, tuple(sorted({str(value) for value in values})), place)
        if of.kind == "bool":
            if len(set(values)) == 1:
                return _is(column, bool(values[0]), place)
            return always(column, place) if values else never(place)
        fitted = fit_list(column, cast(list[float], values), of.kind, place)
        if column == ID and isinstance(fitted, In):
            return In(column, IdArray(np.array(fitted.values, dtype=np.uint64)), place=place)
        return fitted

    def ids(self, node: In, name: str) -> Expression:
        if name in self.literals.filters and name not in self.literals.params:
            return self.registered(Registered(name, place=node.place), node, 0)
        given = self.literals.given(node, 0, name)
        if isinstance(given, Set) and not hasattr(given, "__array__"):
            given = list(given)
        try:
            if self.id_type is _KEY_TYPE:
                keys = tuple(sorted(set(as_keys(given, label_of(name)))))
                return chosen(node.column, keys, node.place)
            ids = IdArray(as_ids(given, label_of(name)))
        except (InvalidInput, TypeError) as error:
            raise fault(str(error), spot(node, 0)) from None
        if len(ids) < 2:
            return chosen(node.column, tuple(ids), node.place)
        return In(node.column, ids, place=node.place)

    def has(self, node: Has, of: ColumnType) -> Expression:
        found = self.literals.values(node, node.values, of)
        values = tuple(sorted({str(value) for value in found}))
        if not values:
            return never(node.place) if node.mode == "any" else always(node.column, node.place)
        return Has(node.column, "any" if len(values) == 1 else node.mode, values, place=node.place)

    def registered(self, node: Registered, written: Expression, part: Part) -> Expression:
        name = node.name
        self.literals.refuse_both(written, part, name)
        if name in self.literals.filters:
            return node
        shown = name_in_words(name)
        if name in self.literals.params:
            message = (
                f"${shown} is a parameter, which stands for a value; expected a registered filter, "
                f"or a column before it, as in id in ${shown}"
            )
            raise fault(message, spot(written, part))
        near = nearest(name, self.literals.filters)
        hint = f"; did you mean ${name_in_words(near)}?" if near else ""
        known = names_in_words(self.literals.filters)
        message = f"there is no registered filter {quoted(name)}; {known}{hint}"
        raise fault(message, spot(written, part))

    def type_of(self, node: Asking | IsNull | Flag, operator: str) -> ColumnType:
        """Give the type of a column, which must exist and have the operator; "" asks for a bool."""
        of = self.id_type if node.column == ID else self.schema.get(node.column)
        if of is None:
            near = nearest(node.column, self.schema)
            hint = f"; did you mean {name_in_words(near)}?" if near else ""
            known = names_in_words(self.schema)
            message = f"there is no column {quoted(node.column)}; {known}{hint}"
            raise fault(message, spot(node, "column"))
        allowed = OPERATORS[of.kind]
        if operator in allowed or (not operator and of.kind == "bool"):
            return of
        name, kind, can = name_in_words(node.column), kind_in_words(of), ", ".join(allowed)
        if not operator:
            message = f"{name} is {kind}, not a bool; expected an operator behind it ({can})"
            raise fault(message, spot(node, "column"))
        hint = ""
        if of.kind == "tags" and operator in ("=", "in"):
            hint = f"; write {name} has {'any [...]' if operator == 'in' else '...'}"
        elif operator.startswith("has"):
            hint = f"; write {name} {'in [...]' if ' ' in operator else '= ...'}"
        message = f"{name} is {kind}, which has no '{operator}'; expected one of {can}{hint}"
        raise fault(message, spot(node, "operator"))


def _is(column: str, wanted: bool, place: Place | None) -> Expression:
    return Flag(column, place=place) if wanted else Compare(column, "=", False, place=place)
