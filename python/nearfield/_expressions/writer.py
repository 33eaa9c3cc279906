"""A tree as text, which reads back as an equal tree."""

from __future__ import annotations

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
    Or,
    Parameter,
    Registered,
    Value,
)
from nearfield._expressions.tokens import name_in_text

__all__ = ["to_text", "value_in_text"]

_MOST_IDS = 10  # of an array, which is not read back


def to_text(expression: Expression) -> str:
    """Write an expression as text.

    Parameters
    ----------
    expression : Expression
        Made by any of the front ends.

    Returns
    -------
    str
        One line, with the brackets that are needed, unless a value holds a line break. It reads
        back as an equal tree where it has no more than 65,536 characters, and no arrays of ids.

    Raises
    ------
    TypeError
        Not an expression.

    Examples
    --------
    >>> from nearfield.filters import F
    >>> to_text((F.market == "SE") & ~(F.explicit | F.genres.has_all(["drone", "live"])))
    "market = 'SE' and not (explicit or genres has all ['drone', 'live'])"
    """
    parts: list[str] = []
    _write(expression, parts)
    return "".join(parts)


def _write(node: Expression, parts: list[str]) -> None:
    if isinstance(node, Not) and isinstance(node.term, IsNull):
        parts.append(f"{name_in_text(node.term.column)} is not null")
    elif isinstance(node, Not):
        parts.append("not ")
        _write_within(node.term, parts, bare=())
    elif isinstance(node, And | Or) and node.terms:
        word = " and " if isinstance(node, And) else " or "
        for i, term in enumerate(node.terms):
            if i:
                parts.append(word)
            _write_within(term, parts, bare=(And,) if isinstance(node, Or) else ())
    else:
        parts.append(_leaf(node))


def _write_within(node: Expression, parts: list[str], bare: tuple[type[Expression], ...]) -> None:
    """Write an operand, in brackets if it joins terms and is not of a kind that binds tighter."""
    brackets = isinstance(node, And | Or) and bool(node.terms) and not isinstance(node, bare)
    if brackets:
        parts.append("(")
    _write(node, parts)
    if brackets:
        parts.append(")")


def _leaf(node: Expression) -> str:
    if isinstance(node, Registered):
        return f"${name_in_text(node.name)}"
    if isinstance(node, And | Or):
        return "true" if isinstance(node, And) else "false"
    if isinstance(node, Flag):
        return name_in_text(node.column)
    if isinstance(node, IsNull):
        return f"{name_in_text(node.column)} is null"
    if isinstance(node, Compare):
        return f"{name_in_text(node.column)} {node.op} {value_in_text(node.value)}"
    if isinstance(node, Between):
        low, high = value_in_text(node.low), value_in_text(node.high)
        return f"{name_in_text(node.column)} between {low} and {high}"
    if isinstance(node, In):
        return f"{name_in_text(node.column)} in {_list(node.values)}"
    if isinstance(node, Has):
        name = name_in_text(node.column)
        if node.mode == "any" and isinstance(node.values, tuple) and len(node.values) == 1:
            return f"{name} has {value_in_text(node.values[0])}"
        return f"{name} has {node.mode} {_list(node.values)}"
    message = f"expression is of type {type(node).__name__}; expected an Expression"
    raise TypeError(message)


def _list(values: tuple[Value, ...] | Parameter | IdArray) -> str:
    if isinstance(values, Parameter):
        return value_in_text(values)
    if isinstance(values, IdArray) and len(values) > _MOST_IDS:
        shown = ", ".join(map(str, values.ids[:_MOST_IDS].tolist()))
        return f"[{shown}, ... {len(values)} ids]"
    return "[" + ", ".join([value_in_text(value) for value in values]) + "]"


def value_in_text(value: Value) -> str:
    """Write one value.

    Parameters
    ----------
    value : bool, int, float, str or Parameter
        As a tree holds it.

    Returns
    -------
    str
        Text stands in single quotes, in which a single quote is doubled.

    Examples
    --------
    >>> value_in_text("it's"), value_in_text(True), value_in_text(1e22)
    ("'it''s'", 'true', '1e+22')
    """
    if isinstance(value, Parameter):
        return f"${name_in_text(value.name)}"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)
