"""The values of conditions: as they were written, or as parameters give them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from nearfield._expressions.column_types import FLOATS, INTEGERS, ColumnType
from nearfield._expressions.faults import fault, quoted
from nearfield._expressions.id_array import IdArray
from nearfield._expressions.moments import microseconds_of
from nearfield._expressions.nearest import nearest
from nearfield._expressions.nodes import (
    Between,
    Compare,
    Expression,
    Has,
    In,
    Parameter,
    Value,
)
from nearfield._expressions.spots import Part, spot
from nearfield._expressions.tokens import name_in_words
from nearfield._expressions.values import as_list, as_value
from nearfield._expressions.writer import value_in_text
from nearfield.errors import ExpressionError

__all__ = ["Asking", "Literals", "Note", "Plain", "kind_in_words", "label_of", "names_in_words"]

_MOST_NAMES = 10  # of a list in a message
_MOST_NOTES = 20

Asking: TypeAlias = Compare | In | Between | Has
Plain: TypeAlias = bool | int | float | str


class Note(NamedTuple):
    """A value that no row has: legal, and perhaps not what was meant."""

    column: str
    value: str
    nearest: str | None

    def __str__(self) -> str:
        hint = f"; did you mean {quoted(self.nearest)}?" if self.nearest else ""
        return f"no row has {quoted(self.value)} in {name_in_words(self.column)}{hint}"


_NUMBERS = (FLOATS | INTEGERS.keys()) - {"timestamp"}
_WANTED = {
    "bool": "true or false",
    "category": "text in quotes",
    "key": "text in quotes",
    "tags": "text in quotes",
    "timestamp": "text such as '2024-05-01' or '2024-05-01T12:00:00Z'",
}


class Literals:
    """Gives the values of conditions, and knows which parameters were used.

    Parameters
    ----------
    params : mapping of str to value or list
        As for `bind`.
    filters : collection of str
        As for `bind`.

    Attributes
    ----------
    used : set of str
        Parameters that were asked for.
    notes : list of Note
        Values that no row has, at most 20.
    """

    def __init__(self, params: Mapping[str, Any], filters: Collection[str]) -> None:
        self.params = params
        self.filters = filters
        self.used: set[str] = set()
        self.notes: list[Note] = []
        self._known: dict[str, Collection[str] | None] = {}
        self._noted: set[tuple[str, str]] = set()

    def refuse_both(self, node: Expression, part: Part, name: str) -> None:
        """Refuse a name that is a parameter and a registered filter at once.

        Parameters
        ----------
        node, part
            Where it stands.
        name : str
            Without its $.

        Raises
        ------
        ExpressionError
            It is both.
        """
        if name in self.params and name in self.filters:
            shown = name_in_words(name)
            message = f"${shown} is both a parameter and a registered filter; rename one of them"
            raise fault(message, spot(node, part))

    def given(self, node: Expression, part: Part, name: str) -> Any:
        """Give what a parameter stands for.

        Parameters
        ----------
        node, part
            Where it stands.
        name : str
            Without its $.

        Returns
        -------
        object
            As it was given.

        Raises
        ------
        ExpressionError
            There is none of this name.
        """
        self.refuse_both(node, part, name)
        if name in self.params:
            self.used.add(name)
            return self.params[name]
        shown = name_in_words(name)
        if name in self.filters:
            message = (
                f"${shown} is a registered filter, which stands alone or behind `id in`; expected "
                "a parameter"
            )
            raise fault(message, spot(node, part))
        near = nearest(name, self.params)
        hint = f"did you mean ${name_in_words(near)}?" if near else "give it in params"
        message = f"there is no value for ${shown}; {hint}"
        raise fault(message, spot(node, part))

    def value(self, node: Asking, part: int, value: Value, of: ColumnType) -> Plain:
        """Give one value.

        Parameters
        ----------
        node, part
            Where it stands.
        value : Value
            As the tree has it.
        of : ColumnType
            Of the column.

        Returns
        -------
        bool, int, float or str
            Of the column's type; a moment as microseconds.

        Raises
        ------
        ExpressionError
            A value of another type, a list, or a parameter that is not there.
        TypeError
            A parameter that no value can be read from.
        """
        if not isinstance(value, Parameter):
            return self._fitting(node, part, value, of, "this")
        given = self.given(node, part, value.name)
        if isinstance(given, list | tuple | set | frozenset) or getattr(given, "ndim", 0) > 0:
            message = (
                f"${name_in_words(value.name)} is {quoted(given)}; expected one value here (a list "
                "stands behind `in`, `has any` and `has all`)"
            )
            raise fault(message, spot(node, part))
        what = label_of(value.name)
        return self._fitting(node, part, _read(node, part, given, what), of, what)

    def values(
        self, node: Asking, values: tuple[Value, ...] | Parameter | IdArray, of: ColumnType
    ) -> list[Plain]:
        """Give the values of a list.

        Parameters
        ----------
        node : In or Has
            That has it.
        values : tuple, Parameter or IdArray
            As the tree has them.
        of : ColumnType
            Of the column.

        Returns
        -------
        list
            Of values of the column's type.

        Raises
        ------
        ExpressionError, TypeError
            As for `value`; a parameter that is no list.
        """
        if not isinstance(values, Parameter):
            return [self.value(node, i, value, of) for i, value in enumerate(values)]
        what = label_of(values.name)
        given = self.given(node, 0, values.name)
        if isinstance(given, str | bytes) or not (
            isinstance(given, list | tuple | Set) or np.ndim(given) == 1
        ):
            shown = quoted(given) if np.ndim(given) == 0 else f"of shape {np.shape(given)}"
            message = f"${name_in_words(values.name)} is {shown}; expected a list of values"
            raise fault(message, spot(node, 0))
        found: list[Plain] = []
        for i, one in enumerate(as_list(given, what)):
            try:
                value = as_value(one, what, node.column)
            except (ExpressionError, TypeError):  # once more, with a name that costs time to make
                value = _read(node, 0, one, f"{what}[{i}]")
            found.append(self._fitting(node, 0, value, of, what))
        return found

    def _fitting(self, node: Asking, part: int, value: Value, of: ColumnType, what: str) -> Plain:
        """Refuse a value of another type than the column's."""
        kind = of.kind
        if isinstance(value, str) and kind == "timestamp":
            try:
                return microseconds_of(value)
            except ValueError as error:
                message = f"{what} is {quoted(value)}, compared with a timestamp: {error}"
                raise fault(message, spot(node, part)) from None
        if isinstance(value, str) and kind in ("category", "tags", "key"):
            self._notice(node.column, value, of)
            return value
        if isinstance(value, bool) and kind == "bool":
            return value
        if isinstance(value, int | float) and not isinstance(value, bool) and kind in _NUMBERS:
            return value
        shown = value_in_text(value)
        message = (
            f"{what} is {shown if len(shown) < 40 else shown[:40] + '...'}; "
            f"{name_in_words(node.column)} is {kind_in_words(of)}, which is compared with "
            f"{_WANTED.get(kind, 'numbers, written without quotes')}"
        )
        raise fault(message, spot(node, part))

    def _notice(self, column: str, value: str, of: ColumnType) -> None:
        """Note a value that no row has."""
        if len(self.notes) == _MOST_NOTES or (column, value) in self._noted:
            return
        if column not in self._known:
            known = of.known()
            self._known[column] = frozenset(known) if isinstance(known, list | tuple) else known
        known = self._known[column]
        if known is not None and value not in known:
            self._noted.add((column, value))
            self.notes.append(Note(column, value, nearest(value, known)))


def _read(node: Asking, part: int, given: Any, what: str) -> Value:
    """Read a value that was given beside the expression; its faults are marked there."""
    try:
        read = as_value(given, what, node.column)
    except ExpressionError as error:
        raise fault(str(error).removeprefix("where: "), spot(node, part)) from None
    if isinstance(read, Parameter):
        message = f"{what} is a parameter itself; expected a value"
        raise TypeError(message)
    return read


def label_of(name: str) -> str:
    """Say what errors call a parameter.

    Parameters
    ----------
    name : str
        Without its $.

    Returns
    -------
    str
        Such as ``params['heard']``.
    """
    return f"params[{quoted(name)}]"


def kind_in_words(of: ColumnType) -> str:
    """Name a type in a sentence.

    Parameters
    ----------
    of : ColumnType
        Of a column.

    Returns
    -------
    str
        With an article.
    """
    if of.kind == "tags":
        return "a column of tags"
    return f"{'an' if of.kind.startswith('int') else 'a'} {of.kind}"


def names_in_words(known: Iterable[str]) -> str:
    """List names that exist.

    Parameters
    ----------
    known : iterable of str
        All of them.

    Returns
    -------
    str
        The end of a sentence, with ten of them at most.
    """
    names = sorted(known)
    if not names:
        return "there are none"
    shown = ", ".join(name_in_words(name) for name in names[:_MOST_NAMES])
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"there are {shown}{more}"
