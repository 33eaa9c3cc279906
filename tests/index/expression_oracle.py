"""What an expression means, one row after the other: the ruler for all that rewrites or runs one.

A row is a dict; a column that is not in it, or None, is null. Tags are a list of text, timestamps
are microseconds. Trees may be bound or not; of one that is not, values are read as `KINDS` says.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
from nearfield._expressions.column_types import ColumnType
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
    Registered,
)

KINDS = {
    "explicit": "bool",
    "tiny": "int8",
    "year": "int16",
    "plays": "int64",
    "rating": "float32",
    "score": "float64",
    "released": "timestamp",
    "market": "category",
    "in `odd`": "category",
    "genres": "tags",
}
MARKETS = ("NO", "SE", "it's")
GENRES = ("drone", "dub", "live")
SCHEMA = {
    name: ColumnType(kind, MARKETS if kind == "category" else GENRES if kind == "tags" else None)
    for name, kind in KINDS.items()
}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
OPERATORS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def evaluate(
    tree: Expression, rows: list[dict[str, Any]], filters: Mapping[str, Any] | None = None
):
    """Say for each row whether it is selected; a filter is a set of ids."""
    return [holds(tree, row, filters or {}) for row in rows]


def holds(node: Expression, row: dict[str, Any], filters: Mapping[str, Any]) -> bool:
    if isinstance(node, And):
        return all([holds(term, row, filters) for term in node.terms])
    if isinstance(node, Or):
        return any([holds(term, row, filters) for term in node.terms])
    if isinstance(node, Not):
        return not holds(node.term, row, filters)
    if isinstance(node, Registered):
        return row["id"] in filters[node.name]
    value = row.get(node.column)
    if isinstance(node, IsNull):
        return value is None
    if value is None:
        return False
    if isinstance(node, Flag):
        return value is True
    if isinstance(node, Compare):
        return OPERATORS[node.op](value, literal(node.column, node.value))
    if isinstance(node, In):
        return any(value == literal(node.column, one) for one in node.values)
    if isinstance(node, Between):
        return literal(node.column, node.low) <= value <= literal(node.column, node.high)
    assert isinstance(node, Has)
    return (any if node.mode == "any" else all)([one in value for one in node.values])


def literal(column: str, value: Any) -> Any:
    """Give a value as its column is compared: Python compares int and float exactly."""
    kind = KINDS.get(column)
    if kind == "timestamp" and isinstance(value, str):
        moment = datetime.datetime.fromisoformat(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
        return (moment - EPOCH) // datetime.timedelta(microseconds=1)
    if kind == "float64":
        return float(value)
    if kind == "float32" and abs(value) < 3.4028235e38:
        return float(np.float32(value))
    return value
