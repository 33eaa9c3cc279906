"""Conditions on the columns of an index: what ``where=`` takes.

There are three ways to write one, which make the same tree::

    where = "market in ['SE', 'NO'] and not explicit"
    where = F.market.isin(["SE", "NO"]) & ~F.explicit
    where = {"and": [{"column": "market", "op": "in", "value": ["SE", "NO"]},
                     {"not": {"column": "explicit"}}]}

**Null.** A comparison with null is false, ``!=`` included; ``is null`` asks for it. ``not`` gives
exactly the other rows: ``year != 1990`` leaves out rows without a year, ``not year = 1990`` has
them.

**Values** that change from call to call, and lists of ids, are parameters: ``$name`` in text,
`param` in Python, ``{"param": "name"}`` in JSON. ``$name`` in the place of a condition, or
`registered`, is a filter that the index knows by this name. No value ever becomes part of a text,
so there is nothing to escape.

**Names** of columns are letters, digits and ``_``; others stand in backticks in text, and in
``F["odd name"]``. ``id`` is the id of the item; of a `nearfield.StringIndex` its key, which is text
that is compared by ``=``, ``!=`` and ``in`` alone.

**Timestamps** are text, ``'2024-05-01'`` or ``'2024-05-01T12:00:00Z'``, or Python's and numpy's
moments; without an offset they are UTC. A date is its first microsecond.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, cast

from nearfield._expressions.faults import fault, quoted
from nearfield._expressions.json_form import from_json, to_json
from nearfield._expressions.nodes import (
    Between,
    Combinable,
    Compare,
    Expression,
    Flag,
    Has,
    In,
    IsNull,
    Op,
    Parameter,
    Registered,
)
from nearfield._expressions.parser import parse
from nearfield._expressions.values import as_value, as_values
from nearfield._expressions.writer import to_text

__all__ = [
    "Column",
    "Columns",
    "Expression",
    "F",
    "Parameter",
    "as_expression",
    "from_json",
    "param",
    "parse",
    "registered",
    "to_json",
    "to_text",
]


class Column(Combinable):
    """A column by its name, as `F` gives it; compared with values it makes conditions.

    ``=`` of text is ``==`` here; ``!=``, ``<``, ``<=``, ``>`` and ``>=`` are the same. A column of
    bools is a condition by itself. Conditions are combined by ``&``, ``|`` and ``~``, each in
    brackets, because these bind tighter than comparisons.

    Parameters
    ----------
    name : str
        Any but the empty one.

    Raises
    ------
    ExpressionError
        An empty name, or one that is no Unicode.
    TypeError
        Not a str; in comparisons a value that no column can have, None and other columns included.

    Examples
    --------
    >>> from nearfield import F
    >>> to_text((F.year >= 1990) & ~F.explicit & F["odd name"].isin([1, 2]))
    'year >= 1990 and not explicit and `odd name` in [1, 2]'
    """

    __slots__ = ("name",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        self.name = _as_name(name, "the name of a column")

    def _as_node(self) -> Expression:
        return Flag(self.name)

    def __repr__(self) -> str:
        """Give the column as it is written."""
        plain = self.name.isidentifier() and not _is_special(self.name)
        return f"F.{self.name}" if plain else f"F[{self.name!r}]"

    def _compare(self, op: Op, value: object) -> Expression:
        sign = "==" if op == "=" else op
        if value is None:
            call = "~" if op == "!=" else ""
            message = f"{self!r} {sign} None is never true; write {call}{self!r}.is_null()"
            raise TypeError(message)
        if isinstance(value, Combinable):
            message = f"{self!r} {sign} {value!r}: a column is compared with values alone"
            raise TypeError(message)
        if isinstance(value, list | tuple | set | frozenset):
            message = f"{self!r} {sign} {quoted(value)}: write {self!r}.isin([...])"
            raise TypeError(message)
        what = f"what {self!r} is compared with"
        return Compare(self.name, op, as_value(value, what, self.name))

    def __eq__(self, value: object) -> Expression:  # type: ignore[override]
        """Ask whether the column has this value."""
        return self._compare("=", value)

    def __ne__(self, value: object) -> Expression:  # type: ignore[override]
        """Ask whether the column has another value; false for null."""
        return self._compare("!=", value)

    def __lt__(self, value: object) -> Expression:
        """Ask whether the column is below a value."""
        return self._compare("<", value)

    def __le__(self, value: object) -> Expression:
        """Ask whether the column is a value or below it."""
        return self._compare("<=", value)

    def __gt__(self, value: object) -> Expression:
        """Ask whether the column is above a value."""
        return self._compare(">", value)

    def __ge__(self, value: object) -> Expression:
        """Ask whether the column is a value or above it."""
        return self._compare(">=", value)

    def __contains__(self, value: object) -> NoReturn:
        """Refuse ``value in F.genres``, which Python would turn into a bool."""
        message = f"`in` cannot ask {self!r}; write {self!r}.has({quoted(value)})"
        raise TypeError(message)

    def isin(self, values: Any) -> Expression:
        """Ask whether the column has one of several values.

        Parameters
        ----------
        values : list, tuple, set, ndarray of one axis, or Parameter
            At most 10,000; more, such as ids, are given as `param`.

        Returns
        -------
        Expression
            False for null; of no values false for all.

        Raises
        ------
        InvalidInput
            Too many, or a value that cannot be.
        TypeError
            Not a list, or a value of a type that no column has.

        Examples
        --------
        >>> to_text(F.market.isin(["SE", "NO"]) & ~F.id.isin(param("heard")))
        "market in ['SE', 'NO'] and not id in $heard"
        """
        return In(self.name, as_values(values, f"the list of {self!r}.isin", self.name))

    def between(self, low: Any, high: Any) -> Expression:
        """Ask whether the column lies between two values.

        Parameters
        ----------
        low, high : int, float, str, datetime, numpy scalar or Parameter
            The bounds, both included.

        Returns
        -------
        Expression
            False for null, and for all where ``low`` is above ``high``.

        Raises
        ------
        InvalidInput
            A value that cannot be.
        TypeError
            A value of a type that no column has.

        Examples
        --------
        >>> to_text(F.year.between(1990, 1999))
        'year between 1990 and 1999'
        """
        lower = as_value(low, f"low of {self!r}.between", self.name)
        return Between(self.name, lower, as_value(high, f"high of {self!r}.between", self.name))

    def has(self, value: Any) -> Expression:
        """Ask whether a column of tags has one.

        Parameters
        ----------
        value : str or Parameter
            The tag.

        Returns
        -------
        Expression
            False for null.

        Raises
        ------
        TypeError
            None, a list, or another type that no column has.

        Examples
        --------
        >>> to_text(F.genres.has("drone"))
        "genres has 'drone'"
        """
        if isinstance(value, list | tuple | set | frozenset):
            message = f"{self!r}.has takes one tag, not {quoted(value)}; write .has_any or .has_all"
            raise TypeError(message)
        return Has(self.name, "any", (as_value(value, f"the tag of {self!r}.has", self.name),))

    def has_any(self, values: Any) -> Expression:
        """Ask whether a column of tags has one of several, or more.

        Parameters
        ----------
        values : list, tuple, set, ndarray of one axis, or Parameter
            At most 10,000.

        Returns
        -------
        Expression
            False for null; of no values false for all.

        Raises
        ------
        InvalidInput, TypeError
            As for `isin`.

        Examples
        --------
        >>> to_text(F.genres.has_any(["drone", "dub"]))
        "genres has any ['drone', 'dub']"
        """
        what = f"the list of {self!r}.has_any"
        return Has(self.name, "any", as_values(values, what, self.name))

    def has_all(self, values: Any) -> Expression:
        """Ask whether a column of tags has all of several.

        Parameters
        ----------
        values : list, tuple, set, ndarray of one axis, or Parameter
            At most 10,000.

        Returns
        -------
        Expression
            False for null; of no values true for all others.

        Raises
        ------
        InvalidInput, TypeError
            As for `isin`.

        Examples
        --------
        >>> to_text(F.genres.has_all(["drone", "live"]))
        "genres has all ['drone', 'live']"
        """
        what = f"the list of {self!r}.has_all"
        return Has(self.name, "all", as_values(values, what, self.name))

    def is_null(self) -> Expression:
        """Ask whether the column has no value.

        Returns
        -------
        Expression
            ``~`` before it asks for the others.

        Examples
        --------
        >>> to_text(~F.year.is_null())
        'year is not null'
        """
        return IsNull(self.name)


class Columns:
    """All columns that there might be: ``F.market``, or ``F["odd name"]``.

    Names are checked where an expression meets an index. Those that begin and end with two
    underscores are Python's; such columns are reached by brackets.

    Examples
    --------
    >>> F.market, F["odd name"], F["__class__"]
    (F.market, F['odd name'], F['__class__'])
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Column:
        """Give the column of this name."""
        if _is_special(name):
            message = f"F has no attribute {name!r}; a column of this name is F[{name!r}]"
            raise AttributeError(message)
        return Column(name)

    def __getitem__(self, name: str) -> Column:
        """Give the column of this name, which may be any text."""
        return Column(name)

    def __repr__(self) -> str:
        """Give the name under which it is known."""
        return "nearfield.F"


F = Columns()
"""The columns of an index, in Python: ``F.market == "SE"``. See `Column`."""


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _as_name(given: object, what: str) -> str:
    if not isinstance(given, str):
        message = f"{what} is {quoted(given)}, of type {type(given).__name__}; expected a str"
        raise TypeError(message)
    if not given:
        message = f"{what} is empty; expected one character or more"
        raise fault(message)
    return cast(str, as_value(given, what))


def param(name: str) -> Parameter:
    """Name a value, or a list, that is given beside the expression.

    Parameters
    ----------
    name : str
        Its key in ``params``; ``$name`` in text.

    Returns
    -------
    Parameter
        It stands where a value does, and in `Column.isin`, `Column.has_any` and `Column.has_all`
        where a list does.

    Raises
    ------
    ExpressionError
        An empty name.
    TypeError
        Not a str.

    Examples
    --------
    >>> to_text(~F.id.isin(param("heard")) & (F.year >= param("first")))
    'not id in $heard and year >= $first'
    """
    return Parameter(_as_name(name, "the name of a parameter"))


def registered(name: str) -> Expression:
    """Name a filter that the index knows.

    Parameters
    ----------
    name : str
        Under which it was registered; ``$name`` in text.

    Returns
    -------
    Expression
        The condition that it stands for.

    Raises
    ------
    ExpressionError
        An empty name.
    TypeError
        Not a str.

    Examples
    --------
    >>> to_text(registered("se_clean") & (F.year > 1990))
    '$se_clean and year > 1990'
    """
    return Registered(_as_name(name, "the name of a registered filter"))


def as_expression(where: object, argument: str = "where") -> Expression:
    """Read an expression, however it was written.

    Parameters
    ----------
    where : str, Expression, Column or dict
        Text, what `F` makes, or JSON (see `from_json`).
    argument : str, default "where"
        What errors call it.

    Returns
    -------
    Expression
        Equal for equal conditions.

    Raises
    ------
    ExpressionError
        Text or JSON that is no expression.
    TypeError
        Anything else, None included: it is for the caller to say what that means.

    Examples
    --------
    >>> made = as_expression({"column": "market", "op": "=", "value": "SE"})
    >>> made == as_expression("market = 'SE'") == as_expression(F.market == "SE")
    True
    """
    if isinstance(where, str):
        return parse(str.__str__(where), argument)
    if isinstance(where, Combinable):
        return where._as_node()
    if isinstance(where, Mapping):
        return from_json(where, argument)
    hint = ""
    if isinstance(where, bool):
        hint = "; write F.name, not a name of your own, left of a comparison"
    elif isinstance(where, Parameter):
        hint = "; a parameter is a value, a registered filter is nearfield.filters.registered(name)"
    message = (
        f"{argument} is of type {type(where).__name__}; expected text such as \"market = 'SE'\", "
        f"an expression made with nearfield.F, or a dict{hint}"
    )
    raise TypeError(message)
