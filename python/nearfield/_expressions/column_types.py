"""What a column holds, and what it may be asked."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from nearfield._expressions.faults import quoted
from nearfield._expressions.nearest import nearest
from nearfield.errors import InvalidInput

__all__ = ["FLOATS", "INTEGERS", "OPERATORS", "ColumnType", "Kind"]

Kind: TypeAlias = Literal[
    "bool", "int8", "int16", "int32", "int64", "uint64", "float32", "float64", "timestamp",
    "category", "tags", "key",
]  # fmt: skip

INTEGERS: dict[Kind, tuple[int, int]] = {
    "int8": (-(2**7), 2**7 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
    "timestamp": (-(2**63), 2**63 - 1),
}
"""What is compared as integers, and the least and the greatest of each; timestamps are
microseconds since the beginning of 1970 in UTC."""
FLOATS: frozenset[Kind] = frozenset(("float32", "float64"))

_EQUAL = ("=", "!=", "in", "is null")
_ORDERED = ("=", "!=", "<", "<=", ">", ">=", "in", "between", "is null")
OPERATORS: dict[Kind, tuple[str, ...]] = {
    "bool": _EQUAL,
    **dict.fromkeys(INTEGERS, _ORDERED),
    **dict.fromkeys(FLOATS, _ORDERED),
    "category": _EQUAL,
    "key": _EQUAL,
    "tags": ("has", "has any", "has all", "is null"),
}
"""What a column of each kind may be asked; one of bool also stands alone."""


@dataclass(frozen=True, slots=True)
class ColumnType:
    """The type of a column.

    Parameters
    ----------
    kind : str
        ``bool``, ``int8``, ``int16``, ``int32``, ``int64``, ``uint64``, ``float32``, ``float64``,
        ``timestamp``, ``category`` or ``tags``; ``key`` of ids that are text.
    values : collection of str, callable that gives one, or None, default None
        Of a category or of tags, the values that rows have, by which unknown ones are noticed;
        None where they are not known. A dict or frozenset is looked into as it is; of a list or
        tuple a frozenset is made each time an expression names the column.

    Raises
    ------
    InvalidInput
        An unknown kind, or values of a kind that has none.

    Examples
    --------
    >>> ColumnType("category", ("NO", "SE")).known()
    ('NO', 'SE')
    """

    kind: Kind
    values: Collection[str] | Callable[[], Collection[str]] | None = None

    def __post_init__(self) -> None:
        kinds = get_args(Kind)
        if self.kind not in kinds:
            near = nearest(self.kind, kinds) if isinstance(self.kind, str) else None
            hint = f"; did you mean {near!r}?" if near else ""
            message = f"kind is {quoted(self.kind)}; expected one of {', '.join(kinds)}{hint}"
            raise InvalidInput(message)
        if self.values is not None and self.kind not in ("category", "tags"):
            message = f"values are given for the kind {self.kind!r}; a category or tags have them"
            raise InvalidInput(message)

    def known(self) -> Collection[str] | None:
        """Give the values that rows have.

        Returns
        -------
        collection of str or None
            None where they are not known.
        """
        return self.values() if callable(self.values) else self.values
