"""The front end of JSON: one shape for each node, and back.

::

    {"and": [...]}  {"or": [...]}  {"not": {...}}
    {"column": "explicit"}                                       a bool column
    {"column": "year", "op": ">=", "value": 1990}                = != < <= > >=
    {"column": "market", "op": "in", "value": ["SE", "NO"]}
    {"column": "year", "op": "between", "low": 1990, "high": 1999}
    {"column": "genres", "op": "has", "value": "drone"}
    {"column": "genres", "op": "has any", "value": ["drone"]}    or "has all"
    {"column": "year", "op": "is null"}
    {"registered": "se_clean"}                                   a registered filter
    {"param": "heard"}                                           in place of a value, or of a list

``{"and": []}`` is always true, ``{"or": []}`` always false; one operand alone is that operand.
Timestamps are text, as in expressions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NoReturn, cast

from nearfield._expressions.faults import fault, quoted
from nearfield._expressions.nearest import nearest
from nearfield._expressions.nodes import (
    MOST_DEPTH,
    MOST_SIZE,
    MOST_VALUES,
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
    Parameter,
    Registered,
    Value,
    both,
    fault_of_size,
)
from nearfield._expressions.tokens import SLIPS
from nearfield._expressions.values import as_value, as_values
from nearfield.errors import InvalidInput

__all__ = ["from_json", "to_json"]

_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
# Beside "column" and "op", which keys each operator has.
_KEYS_OF_OP: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_COMPARISONS, ("value",)),
    "in": ("value",),
    "between": ("low", "high"),
    "has": ("value",),
    "has any": ("value",),
    "has all": ("value",),
    "is null": (),
}


def to_json(expression: Expression) -> dict[str, Any]:
    """Write an expression as what ``json.dumps`` takes.

    Parameters
    ----------
    expression : Expression
        Made by any of the front ends.

    Returns
    -------
    dict
        Of dicts, lists, str, bool, int and float, all new. `from_json` makes an equal tree of it.

    Raises
    ------
    TypeError
        Not an expression.

    Examples
    --------
    >>> from nearfield.filters import F
    >>> to_json((F.market == "SE") & ~F.explicit)  # doctest: +NORMALIZE_WHITESPACE
    {'and': [{'column': 'market', 'op': '=', 'value': 'SE'},
             {'not': {'column': 'explicit'}}]}
    """
    if isinstance(expression, And | Or):
        terms = []
        for term in expression.terms:  # a loop, which takes half the stack of a comprehension
            terms.append(to_json(term))  # noqa: PERF401
        return {"and" if isinstance(expression, And) else "or": terms}
    if isinstance(expression, Not):
        return {"not": to_json(expression.term)}
    if isinstance(expression, Registered):
        return {"registered": expression.name}
    if isinstance(expression, Flag):
        return {"column": expression.column}
    if isinstance(expression, IsNull):
        return {"column": expression.column, "op": "is null"}
    if isinstance(expression, Compare):
        value = _plain(expression.value)
        return {"column": expression.column, "op": expression.op, "value": value}
    if isinstance(expression, Between):
        low, high = _plain(expression.low), _plain(expression.high)
        return {"column": expression.column, "op": "between", "low": low, "high": high}
    if isinstance(expression, In):
        return {"column": expression.column, "op": "in", "value": _plain_list(expression.values)}
    if isinstance(expression, Has):
        values, mode = expression.values, expression.mode
        if mode == "any" and isinstance(values, tuple) and len(values) == 1:
            return {"column": expression.column, "op": "has", "value": _plain(values[0])}
        return {"column": expression.column, "op": f"has {mode}", "value": _plain_list(values)}
    message = f"expression is of type {type(expression).__name__}; expected an Expression"
    raise TypeError(message)


def _plain(value: Value) -> Any:
    return {"param": value.name} if isinstance(value, Parameter) else value


def _plain_list(values: Any) -> Any:
    return _plain(values) if isinstance(values, Parameter) else [_plain(value) for value in values]


def from_json(given: Mapping[str, Any], argument: str = "where") -> Expression:
    """Read an expression from JSON.

    Parameters
    ----------
    given : dict
        As ``json.loads`` makes it, of the shapes at the top of this module.
    argument : str, default "where"
        What errors call it.

    Returns
    -------
    Expression
        Its nodes have no place.

    Raises
    ------
    ExpressionError
        A shape that is none of these; `path` and the message say where: ``$.and[1].op``.
    TypeError
        Not a dict.

    Examples
    --------
    >>> from_json({"not": {"column": "year", "op": "<", "value": {"param": "first"}}})
    Not(term=Compare(column='year', op='<', value=Parameter(name='first')))
    """
    if not isinstance(given, Mapping):
        message = f"{argument} is of type {type(given).__name__}; expected a dict"
        raise TypeError(message)
    return _Reader(argument).node(given, "$", 1)


class _Reader:
    """Reads the parts of one object, and knows what errors call it."""

    def __init__(self, argument: str) -> None:
        self.argument = argument

    def refuse(self, message: str, path: str) -> NoReturn:
        raise fault(message, None, path, self.argument)

    def node(self, given: Any, path: str, depth: int) -> Expression:
        if not isinstance(given, Mapping):
            self.refuse(f"found {quoted(given)}, expected a condition such as {_EXAMPLE}", path)
        if depth > MOST_DEPTH + 1:  # the complement of a leaf is an object more, but no level
            self.refuse(f"is nested deeper than {MOST_DEPTH} levels; write it flatter", path)
        for kind, name in ((And, "and"), (Or, "or")):
            if name in given:
                self.keys(given, (name,), path)
                return self.terms(kind, given[name], f"{path}.{name}", depth)
        if "not" in given:
            self.keys(given, ("not",), path)
            term = self.node(given["not"], f"{path}.not", depth + 1)
            if term.depth > 1:
                self.refuse_size([term], path)
            return Not(term)
        if "registered" in given:
            self.keys(given, ("registered",), path)
            return Registered(self.name(given["registered"], f"{path}.registered"))
        if "column" in given:
            return self.condition(given, path)
        found = ", ".join(quoted(key) for key in list(given)[:5]) or "nothing"
        message = (
            f"found an object with {found}; expected one of 'and', 'or', 'not', 'column' and "
            f"'registered', as in {_EXAMPLE}"
        )
        raise fault(message, None, path, self.argument)

    def terms(self, kind: type[And] | type[Or], given: Any, path: str, depth: int) -> Expression:
        if not isinstance(given, list | tuple):
            self.refuse(f"found {quoted(given)}, expected a list of conditions", path)
        terms: list[Expression] = []
        size = 0
        for i, term in enumerate(given):
            terms.append(self.node(term, f"{path}[{i}]", depth + 1))
            size += terms[-1].size
            if size > MOST_SIZE:  # one object may stand in many places, so it is counted at once
                break
        if len(terms) > 1:
            self.refuse_size(terms, path)
        return both(kind, terms)

    def refuse_size(self, terms: list[Expression], path: str) -> None:
        message = fault_of_size(terms)
        if message:
            self.refuse(message, path)

    def condition(self, given: Mapping[str, Any], path: str) -> Expression:
        column = self.name(given["column"], f"{path}.column")
        if "op" not in given:
            self.keys(given, ("column",), path)
            return Flag(column)
        op = given["op"]
        if not isinstance(op, str) or op not in _KEYS_OF_OP:
            self.refuse(_wrong_op(op), f"{path}.op")
        self.keys(given, ("column", "op", *_KEYS_OF_OP[op]), path)
        if op == "is null":
            return IsNull(column)
        if op == "between":
            low = self.value(given["low"], f"{path}.low", column)
            return Between(column, low, self.value(given["high"], f"{path}.high", column))
        at = f"{path}.value"
        if op == "in":
            return In(column, self.values(given["value"], at, column))
        if op == "has":
            return Has(column, "any", (self.value(given["value"], at, column),))
        if op in ("has any", "has all"):
            mode = cast(Literal["any", "all"], op.removeprefix("has "))
            return Has(column, mode, self.values(given["value"], at, column))
        return Compare(column, cast(Op, op), self.value(given["value"], at, column))

    def keys(self, given: Mapping[str, Any], wanted: tuple[str, ...], path: str) -> None:
        for key in wanted:
            if key not in given:
                self.refuse(f"lacks {key!r}; expected {_listed(wanted)}", path)
        for key in given:
            if key not in wanted:
                self.refuse(f"has the key {quoted(key)}; expected {_listed(wanted)}", path)

    def name(self, given: Any, path: str) -> str:
        if not isinstance(given, str) or not given:
            self.refuse(f"found {quoted(given)}, expected a name", path)
        return str(self.read(as_value, given, path, ""))

    def value(self, given: Any, path: str, column: str) -> Value:
        if isinstance(given, Mapping):
            return self.parameter(given, path)
        if given is None:
            self.refuse('found null; write {"column": ..., "op": "is null"}', path)
        if isinstance(given, list | tuple):
            message = f"found {quoted(given)}, expected one value; a list stands beside 'in'"
            self.refuse(message, path)
        return cast(Value, self.read(as_value, given, path, column))

    def values(self, given: Any, path: str, column: str) -> tuple[Value, ...] | Parameter:
        if isinstance(given, Mapping):
            return self.parameter(given, path)
        if isinstance(given, list | tuple):
            if len(given) > MOST_VALUES:
                message = f"has {len(given)} values; expected at most {MOST_VALUES}: {_PARAMETER}"
                self.refuse(message, path)
            return tuple([self.value(one, f"{path}[{i}]", column) for i, one in enumerate(given)])
        return cast(tuple[Value, ...], self.read(as_values, given, path, column))

    def parameter(self, given: Mapping[str, Any], path: str) -> Parameter:
        self.keys(given, ("param",), path)
        return Parameter(self.name(given["param"], f"{path}.param"))

    def read(self, reader: Any, given: Any, path: str, column: str) -> Any:
        try:
            return reader(given, "the value", column)
        except (InvalidInput, TypeError) as error:
            raise fault(str(error).removeprefix("where: "), None, path, self.argument) from None


_PARAMETER = 'put {"param": "name"} in its place and give them in params'
_EXAMPLE = '{"column": "market", "op": "=", "value": "SE"}'


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(repr(name) for name in names) + (" alone" if len(names) == 1 else "")


def _wrong_op(op: object) -> str:
    expected = f"expected one of {_listed(tuple(_KEYS_OF_OP))}"
    if not isinstance(op, str):
        return f"found {quoted(op)}, {expected}"
    if op.startswith("not ") or op == "is not null":
        inner = "is null" if op == "is not null" else op.removeprefix("not ")
        return f'found {quoted(op)}, {expected}; write {{"not": {{..., "op": "{inner}"}}}}'
    near = nearest(op, _KEYS_OF_OP)
    hint = SLIPS.get(op) or (f"did you mean {near!r}?" if near else "")
    return f"found {quoted(op)}, {expected}" + (f"; {hint}" if hint else "")
