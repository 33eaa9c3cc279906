"""Where in a condition something stands: found again in its text, so no node keeps it."""

from __future__ import annotations

from typing import Literal, TypeAlias

from nearfield._expressions.faults import Place
from nearfield._expressions.nodes import Expression
from nearfield._expressions.tokens import Token, read_token
from nearfield._expressions.writer import to_text

__all__ = ["Part", "spot"]

Part: TypeAlias = Literal["whole", "column", "operator"] | int
"""Of a condition; a number is that of a value, from 0."""


def spot(node: Expression, part: Part) -> Place:
    """Find a part of a condition.

    Parameters
    ----------
    node : Expression
        A leaf of a tree.
    part : "whole", "column", "operator" or int
        What is looked for; a number counts values from 0.

    Returns
    -------
    Place
        In the text that the node was read from, else in that which `to_text` makes of it.

    Examples
    --------
    >>> from nearfield._expressions.parser import parse
    >>> spot(parse("not year in [1990, 'x']").term, 1)[1:3]
    (19, 22)
    """
    place = node.place
    if place is None:
        text = to_text(node)
        place = Place(text, 0, len(text))
    if part == "whole":
        return place
    tokens = _tokens(place)
    asked = 1
    while asked < len(tokens) and _is_operator(tokens[asked]):
        asked += 1
    if part == "column":
        found = tokens[:1]
    elif part == "operator":
        found = tokens[1:asked]
    else:
        found = [token for token in tokens[asked:] if _is_value(token)][part : part + 1]
    return place._replace(start=found[0].start, end=found[-1].end) if found else place


def _tokens(place: Place) -> list[Token]:
    found: list[Token] = []
    at = place.start
    while at < place.end:
        token = read_token(place.text, at)
        if token.end > place.end or token.kind == "end":
            break
        found.append(token)
        at = token.end
    return found


def _is_operator(token: Token) -> bool:
    if token.kind == "sign":
        return token.value != "["
    return token.kind == "keyword" and token.value not in ("true", "false")


def _is_value(token: Token) -> bool:
    return token.kind in ("number", "string", "parameter") or (
        token.kind == "keyword" and token.value in ("true", "false")
    )
