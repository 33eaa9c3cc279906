"""One form for expressions that mean the same: the key of a cache."""

from __future__ import annotations

from typing import TypeGuard

from nearfield._expressions.id_array import IdArray
from nearfield._expressions.nodes import (
    FALSE,
    TRUE,
    And,
    Between,
    Compare,
    Expression,
    Flag,
    Has,
    In,
    IsNull,
    Key,
    Not,
    Or,
    Parameter,
    Registered,
    Value,
    key_of,
)

__all__ = ["canonical"]


def canonical(expression: Expression) -> Expression:
    """Bring an expression to a form that many others with its meaning share.

    ``not`` stands before leaves only, and there as the complement: ``not (x = 1)`` does not become
    ``x != 1``, which leaves out null. Operands of one kind are joined, sorted and stand once;
    lists are sorted, and one value alone is compared by ``=``; what is always true or false is
    folded, such as ``x in []``, ``a and not a``, or ``year between 5 and 3``.

    Parameters
    ----------
    expression : Expression
        Best one that is bound: its parameters are in place, its values of one type, and what does
        not fit the columns was refused, where folding would hide it.

    Returns
    -------
    Expression
        It selects the same rows, can be hashed, and holds no text. Its own canonical form is
        itself.

    Raises
    ------
    TypeError
        Not an expression.

    Notes
    -----
    Time grows with the nodes and their depth; of ids, the digest is made, once for each array.

    Examples
    --------
    >>> from nearfield._expressions.parser import parse
    >>> from nearfield._expressions.writer import to_text
    >>> to_text(canonical(parse("not (b = 1 or not (a and a)) and c in [2, 1, 2]")))
    'a and c in [1, 2] and not b = 1'
    """
    return _canonical(expression, negated=False)[0]


def _canonical(node: Expression, *, negated: bool) -> tuple[Expression, Key]:
    """Give the form of a node, or of its complement, and the key of that."""
    while isinstance(node, Not):
        node, negated = node.term, not negated
    if not isinstance(node, And | Or):
        node = _complement(_leaf(node)) if negated else _leaf(node)
        return node, node.key()
    kind: type[And] | type[Or] = And if isinstance(node, And) != negated else Or
    nothing, everything = (TRUE, FALSE) if kind is And else (FALSE, TRUE)
    terms: dict[Key, Expression] = {}
    for term in node.terms:
        made, key = _canonical(term, negated=negated)
        if key == everything.key():
            return everything, key
        if isinstance(made, kind):
            terms.update(zip(key[1:], made.terms, strict=True))
        else:
            terms[key] = made
    if any(key[0] == "not" and key[1] in terms for key in terms):
        return everything, everything.key()
    if not terms:
        return nothing, nothing.key()
    keys = sorted(terms)
    if len(keys) == 1:
        return terms[keys[0]], keys[0]
    return kind(tuple([terms[key] for key in keys])), (kind(()).key()[0], *keys)


def _complement(node: Expression) -> Expression:
    if isinstance(node, Not):
        return node.term
    return TRUE if node == FALSE else Not(node)


def _leaf(node: Expression) -> Expression:
    if isinstance(node, Compare):
        return _compare(node)
    if isinstance(node, In):
        return _in(node)
    if isinstance(node, Between):
        return _between(node)
    if isinstance(node, Has):
        return _has(node)
    if isinstance(node, IsNull):
        return IsNull(node.column)
    if isinstance(node, Flag):
        return Flag(node.column)
    if isinstance(node, Registered):
        return Registered(node.name)
    message = f"expression is of type {type(node).__name__}; expected an Expression"
    raise TypeError(message)


def _plain(value: Value) -> Value:
    return value + 0.0 if isinstance(value, float) else value  # -0.0 becomes 0.0


def _compare(node: Compare) -> Expression:
    if isinstance(node.value, bool) and node.op in ("=", "!="):
        wanted = node.value == (node.op == "=")
        return Flag(node.column) if wanted else Compare(node.column, "=", False)
    return Compare(node.column, node.op, _plain(node.value))


def _in(node: In) -> Expression:
    values = node.values
    if isinstance(values, Parameter):
        return In(node.column, values)
    values = values if isinstance(values, IdArray) else _sorted(values)
    if len(values) == 0:
        return FALSE
    if len(values) == 1:
        return _compare(Compare(node.column, "=", next(iter(values))))
    if values == (False, True) and isinstance(values[0], bool) and isinstance(values[1], bool):
        return Not(IsNull(node.column))
    return In(node.column, values)


def _between(node: Between) -> Expression:
    low, high = _plain(node.low), _plain(node.high)
    if key_of(low) == key_of(high):
        return _compare(Compare(node.column, "=", low))
    if _is_number(low) and _is_number(high) and low > high:
        return FALSE
    return Between(node.column, low, high)


def _is_number(value: Value) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _has(node: Has) -> Expression:
    if isinstance(node.values, Parameter):
        return Has(node.column, node.mode, node.values)
    values = _sorted(node.values)
    if not values:  # "all of none" asks for nothing, but null has not even that
        return FALSE if node.mode == "any" else Not(IsNull(node.column))
    return Has(node.column, "any" if len(values) == 1 else node.mode, values)


def _sorted(values: tuple[Value, ...]) -> tuple[Value, ...]:
    unique = {key_of(value): value for value in map(_plain, values)}
    return tuple([unique[key] for key in sorted(unique)])
