"""The front end of text: from tokens to the tree.

::

    expr  := and ('or' and)*
    and   := not ('and' not)*
    not   := 'not' not | atom
    atom  := '(' expr ')' | 'true' | 'false'
           | ident                                  a bool column
           | ident op value
           | ident 'in' list
           | ident 'between' value 'and' value
           | ident 'has' value
           | ident 'has' ('any' | 'all') list
           | ident 'is' ['not'] 'null'
           | '$' name                               a registered filter
    op    := '=' | '!=' | '<' | '<=' | '>' | '>='
    list  := '[' [value (',' value)*] ']' | '$' name
    value := number | string | 'true' | 'false' | '$' name
    ident := letters, digits and _, not beginning with a digit | '`' anything '`'

Keywords are read in any case. ``true``, ``false`` and ``[]`` are there so that every tree can be
written. Operators wait in groups, one for each open bracket, in place of calls of functions: depth
costs no stack.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

from nearfield._expressions import slips
from nearfield._expressions.faults import Place, fault
from nearfield._expressions.nodes import (
    MOST_DEPTH,
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
)
from nearfield._expressions.tokens import Token, Tokens
from nearfield._expressions.values import fault_of_integer

__all__ = ["MOST_TEXT", "parse"]

MOST_TEXT = 65_536
"""Characters of an expression; what is longer is lists, which belong into parameters."""

_OPS = frozenset(("=", "!=", "<", "<=", ">", ">="))


class _Span(NamedTuple):
    """A node, and its place with the brackets around it."""

    node: Expression
    start: int
    end: int


class _Group:
    """What waits for its right side, within one pair of brackets."""

    __slots__ = ("ands", "nots", "opened", "ors")

    def __init__(self, opened: Token | None) -> None:
        self.opened = opened
        self.nots: list[int] = []
        self.ands: list[_Span] = []
        self.ors: list[_Span] = []


def parse(text: str, argument: str = "where") -> Expression:
    """Read an expression.

    Parameters
    ----------
    text : str
        At most 65,536 characters.
    argument : str, default "where"
        What errors call it.

    Returns
    -------
    Expression
        Every node knows its place in the text.

    Raises
    ------
    ExpressionError
        The text is not an expression; the message marks the first place that cannot be.

    Notes
    -----
    Time grows linearly with the text: each token is read once.

    Examples
    --------
    >>> parse("year >= 1990 and not explicit")
    And(terms=(Compare(column='year', op='>=', value=1990), Not(term=Flag(column='explicit'))))
    """
    if len(text) > MOST_TEXT:
        place = Place(text, MOST_TEXT, len(text), argument)
        message = (
            f"has {len(text)} characters; expected at most {MOST_TEXT}: put lists into parameters, "
            "as in `id in $ids`"
        )
        raise fault(message, place)
    tokens = Tokens(text, argument)
    groups = [_Group(None)]
    nesting = 0
    while True:
        nesting = _open(tokens, groups, nesting)
        span = _condition(tokens)
        while True:
            group = groups[-1]
            nesting -= len(group.nots)
            span = _complement(tokens, group, span)
            if tokens.takes("keyword", "and"):
                group.ands.append(span)
                break
            span = _joined(tokens, And, group.ands, span)
            if tokens.takes("keyword", "or"):
                group.ors.append(span)
                break
            span = _joined(tokens, Or, group.ors, span)
            if group.opened is not None and tokens.takes("sign", ")"):
                span = _Span(span.node, group.opened.start, tokens.last.end)
                groups.pop()
                nesting -= 1
            elif group.opened is None and tokens.next.kind == "end":
                return span.node
            else:
                raise slips.no_operator(tokens, _bare(tokens, span.node), group.opened)


def _open(tokens: Tokens, groups: list[_Group], nesting: int) -> int:
    """Take what may stand before a condition; give how deep it lies."""
    while True:
        token = tokens.next
        is_bracket = token.kind == "sign" and token.value == "("
        if not is_bracket and not (token.kind == "keyword" and token.value == "not"):
            return nesting
        if nesting == MOST_DEPTH:
            raise slips.too_deep(tokens, MOST_DEPTH)
        nesting += 1
        tokens.take()
        if is_bracket:
            groups.append(_Group(token))
        else:
            groups[-1].nots.append(token.start)


def _complement(tokens: Tokens, group: _Group, span: _Span) -> _Span:
    while group.nots:
        start = group.nots.pop()
        span = _Span(Not(span.node, place=_place(tokens, start, span.end)), start, span.end)
    return span


def _joined(tokens: Tokens, kind: type[And] | type[Or], waiting: list[_Span], span: _Span) -> _Span:
    if not waiting:
        return span
    start = waiting[0].start
    terms = [*[each.node for each in waiting], span.node]
    waiting.clear()
    return _Span(both(kind, terms, _place(tokens, start, span.end)), start, span.end)


def _bare(tokens: Tokens, node: Expression) -> str | None:
    """Give the column that was read last, if it is a condition by itself."""
    while isinstance(node, Not) or (isinstance(node, And | Or) and node.terms):
        node = node.term if isinstance(node, Not) else node.terms[-1]
    if isinstance(node, Flag) and node.place is not None and node.place.end == tokens.last.end:
        return node.column
    return None


def _place(tokens: Tokens, start: int, end: int | None = None) -> Place:
    return Place(tokens.text, start, tokens.last.end if end is None else end, tokens.argument)


def _condition(tokens: Tokens) -> _Span:
    """Read one condition without ``not`` and brackets around it."""
    token = tokens.next
    start = token.start
    node: Expression
    if token.kind == "name":
        tokens.take()
        node = _of_column(tokens, str(token.value), start)
    elif token.kind == "parameter":
        tokens.take()
        node = Registered(str(token.value), place=_place(tokens, start))
    elif tokens.takes("keyword", "true"):
        node = And((), place=_place(tokens, start))
    elif tokens.takes("keyword", "false"):
        node = Or((), place=_place(tokens, start))
    else:
        raise slips.no_condition(tokens)
    return _Span(node, start, tokens.last.end)


def _of_column(tokens: Tokens, column: str, start: int) -> Expression:
    token = tokens.next
    if token.kind == "sign" and token.value in _OPS:
        tokens.take()
        value = _value(tokens, column)
        return Compare(column, cast(Op, token.value), value, place=_place(tokens, start))
    if tokens.takes("keyword", "in"):
        values = _list(tokens, column, "in")
        return In(column, values, place=_place(tokens, start))
    if tokens.takes("keyword", "between"):
        low = _value(tokens, column)
        if not tokens.takes("keyword", "and"):
            raise slips.no_and_of_between(tokens, column)
        high = _value(tokens, column)
        return Between(column, low, high, place=_place(tokens, start))
    if tokens.takes("keyword", "has"):
        return _has(tokens, column, start)
    if tokens.takes("keyword", "is"):
        negated = tokens.takes("keyword", "not")
        if not tokens.takes("keyword", "null"):
            raise slips.no_null(tokens, column, negated=negated)
        place = _place(tokens, start)
        node = IsNull(column, place=place)
        return Not(node, place=place) if negated else node
    return Flag(column, place=_place(tokens, start))


def _has(tokens: Tokens, column: str, start: int) -> Expression:
    modes: tuple[Literal["any", "all"], ...] = ("any", "all")
    for mode in modes:
        if tokens.takes("keyword", mode):
            values = _list(tokens, column, f"has {mode}")
            return Has(column, mode, values, place=_place(tokens, start))
    value = _value(tokens, column)
    return Has(column, "any", (value,), place=_place(tokens, start))


def _list(tokens: Tokens, column: str, operator: str) -> tuple[Value, ...] | Parameter:
    opened = tokens.next
    if opened.kind == "parameter":
        return Parameter(str(tokens.take().value))
    if not tokens.takes("sign", "["):
        raise slips.no_list(tokens, column, operator)
    if tokens.takes("sign", "]"):
        return ()
    values: list[Value] = []
    while True:
        if tokens.next.kind == "end":
            raise slips.no_end(tokens, opened)
        if len(values) == MOST_VALUES:
            message = (
                f"the list has more than {MOST_VALUES} values: put a parameter in its place, as in "
                "`id in $ids`, and give the values beside it"
            )
            raise fault(message, _place(tokens, tokens.next.start, tokens.next.end))
        values.append(_value(tokens, column))
        if tokens.takes("sign", "]"):
            return tuple(values)
        if not tokens.takes("sign", ","):
            raise slips.no_comma(tokens, opened)


def _value(tokens: Tokens, column: str) -> Value:
    token = tokens.next
    if token.kind in ("number", "string"):
        if isinstance(token.value, int):
            message = fault_of_integer(token.value, column)
            if message:
                raise fault(message, _place(tokens, token.start, token.end))
        tokens.take()
        return token.value
    if token.kind == "parameter":
        return Parameter(str(tokens.take().value))
    if token.kind == "keyword" and token.value in ("true", "false"):
        return tokens.take().value == "true"
    raise slips.no_value(tokens, column)
