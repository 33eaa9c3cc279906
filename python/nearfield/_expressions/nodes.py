"""The tree of an expression: what the three front ends make and all that follows reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NoReturn, TypeAlias

from nearfield._expressions.faults import Place, fault, quoted
from nearfield._expressions.id_array import IdArray

__all__ = [
    "FALSE",
    "MOST_DEPTH",
    "MOST_SIZE",
    "MOST_VALUES",
    "TRUE",
    "And",
    "Between",
    "Combinable",
    "Compare",
    "Expression",
    "Flag",
    "Has",
    "In",
    "IsNull",
    "Not",
    "Op",
    "Or",
    "Parameter",
    "Registered",
    "Value",
    "both",
    "fault_of_size",
    "key_of",
]

MOST_DEPTH = 100
"""Levels of a tree, and brackets and ``not`` around a condition of a text."""
MOST_SIZE = 100_000
"""Nodes of a tree, those that it has in several places counted as often."""
MOST_VALUES = 10_000
"""Values of a list that is written out; more of them, such as ids, belong into a parameter."""

Op: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
Key: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value, or a list of values, that is given beside the expression: ``$name``."""

    name: str


Value: TypeAlias = bool | int | float | str | Parameter
Values: TypeAlias = tuple[Value, ...]


def key_of(value: Value) -> Key:
    """Give what tells values apart; ``1``, ``1.0`` and ``True`` are three of them.

    Parameters
    ----------
    value : bool, int, float, str or Parameter
        One value of a node.

    Returns
    -------
    tuple
        Keys of all values can be sorted.
    """
    if isinstance(value, Parameter):
        return "$", value.name
    return type(value).__name__, value


class Combinable:
    """What ``&``, ``|`` and ``~`` combine: expressions, and columns, which then stand for bools."""

    __slots__ = ()
    # Without it, numpy would take an operand for an array of objects.
    __array_ufunc__: ClassVar[None] = None

    def _as_node(self) -> Expression:
        raise NotImplementedError

    def __and__(self, other: object) -> Expression:
        return both(And, (self._as_node(), _operand(other, "&")), flatten=True)

    def __rand__(self, other: object) -> Expression:
        return both(And, (_operand(other, "&"), self._as_node()), flatten=True)

    def __or__(self, other: object) -> Expression:
        return both(Or, (self._as_node(), _operand(other, "|")), flatten=True)

    def __ror__(self, other: object) -> Expression:
        return both(Or, (_operand(other, "|"), self._as_node()), flatten=True)

    def __invert__(self) -> Expression:
        return Not(self._as_node())

    def __bool__(self) -> NoReturn:
        message = (
            f"{self!r} has no truth value before it meets rows: combine conditions by & (and), | "
            "(or) and ~ (not), each in brackets, as in (F.year >= 1990) & ~F.explicit; write "
            "F.year.between(1990, 1999) for 1990 <= F.year <= 1999"
        )
        raise TypeError(message)


def _operand(given: object, sign: str) -> Expression:
    if isinstance(given, Combinable):
        return given._as_node()
    message = (
        f"{sign} combines two conditions; found {quoted(given)}: put brackets around each "
        "comparison, as in (F.year >= 1990) & (F.market == 'SE')"
    )
    raise TypeError(message)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Expression(Combinable):
    """A node of the tree, with all below it. Equal trees are equal, wherever they were written.

    Attributes
    ----------
    place : Place or None
        Where it was written; None for what operators, JSON or a rewriting made.
    depth, size : int
        Levels of the tree from this node down, and its nodes. A leaf and its complement are one
        level and one node, so that no rewriting of a legal tree is too large.
    """

    place: Place | None = field(default=None, repr=False)
    depth: int = field(default=1, init=False, repr=False)
    size: int = field(default=1, init=False, repr=False)

    def key(self) -> Key:
        """Give what is equal for equal trees, and can be sorted.

        Returns
        -------
        tuple
            The kind of the node, then what it holds, nested.
        """
        raise NotImplementedError

    def _as_node(self) -> Expression:
        return self

    def _measure(self, terms: tuple[Expression, ...]) -> None:
        message = fault_of_size(terms)
        if message:
            raise fault(message, self.place)
        depth, size = 0, 1
        for term in terms:
            depth = max(depth, term.depth)
            size += term.size
        object.__setattr__(self, "depth", depth + 1)
        object.__setattr__(self, "size", size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expression):
            return NotImplemented
        return self is other or self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())


@dataclass(frozen=True, slots=True, eq=False)
class And(Expression):
    """All of the terms hold: none of them (which is always true), or two and more."""

    terms: tuple[Expression, ...]

    def __post_init__(self) -> None:
        self._measure(self.terms)

    def key(self) -> Key:
        """Give what is equal for equal trees."""
        return "and", *[term.key() for term in self.terms]


@dataclass(frozen=True, slots=True, eq=False)
class Or(Expression):
    """One of the terms holds, or several: none (which is always false), or two terms and more."""

    terms: tuple[Expression, ...]

    def __post_init__(self) -> None:
        self._measure(self.terms)

    def key(self) -> Key:
        """Give what is equal for equal trees."""
        return "or", *[term.key() for term in self.terms]


@dataclass(frozen=True, slots=True, eq=False)
class Not(Expression):
    """The complement: every row for which the term is false, those with null included."""

    term: Expression

    def __post_init__(self) -> None:
        if self.term.depth > 1 or isinstance(self.term, Not):
            self._measure((self.term,))

    def key(self) -> Key:
        """Give what is equal for equal trees."""
        return "not", self.term.key()


@dataclass(frozen=True, slots=True, eq=False)
class Compare(Expression):
    """A column against one value. False for null, ``!=`` included."""

    column: str
    op: Op
    value: Value

    def key(self) -> Key:
        """Give what is equal for equal trees."""
        return "compare", self.column, self.op, key_of(self.value)


@dataclass(frozen=True, slots=True, eq=False)
class In(Expression):
    """A column that has one of the values; a `Parameter` alone stands for all of them."""

    column: str
    values: Values | Parameter | IdArray

    def key(self) -> Key:
        """Give what is equal for equal trees."""
        return "in", self.column, _key_of_values(self.values)


@dataclass(frozen=True, slots=True, eq=False)
class Between(Expression):
    """A column from ``low`` to ``high``, both included."""

    column: str
    low: Value
    high: Value

    def key(self) -> Key:
        """Give what is equal for equal trees."""
        return "between", self.column, key_of(self.low), key_of(self.high)


@dataclass(frozen=True, slots=True, eq=False)
class Has(Expression):
    """A column of tags that has any, or all, of the values; ``has 'a'`` is any of one."""

    column: str
    mode: Literal["any", "all"]
    values: Values | Parameter

    def key(self) -> Key:
        """Give what is equal for equal trees."""
        return "has", self.column, self.mode, _key_of_values(self.values)


@dataclass(frozen=True, slots=True, eq=False)
class IsNull(Expression):
    """A column without a value."""

    column: str

    def key(self) -> Key:
        """Give what is equal for equal trees."""
        return "is null", self.column


@dataclass(frozen=True, slots=True, eq=False)
class Flag(Expression):
    """A bool column that is true; false for null."""

    column: str

    def key(self) -> Key:
        """Give what is equal for equal trees."""
        return "flag", self.column


@dataclass(frozen=True, slots=True, eq=False)
class Registered(Expression):
    """A filter that the index knows by name: ``$name`` in the place of a condition."""

    name: str

    def key(self) -> Key:
        """Give what is equal for equal trees."""
        return "registered", self.name


def fault_of_size(terms: Sequence[Expression]) -> str:
    """Say why no node may be made above so much.

    Parameters
    ----------
    terms : sequence of Expression
        What it would join.

    Returns
    -------
    str
        A sentence; empty where one may be made.
    """
    size = 1
    for term in terms:
        if term.depth >= MOST_DEPTH:
            return f"is nested deeper than {MOST_DEPTH} levels; write it flatter"
        size += term.size
    if size > MOST_SIZE:
        return f"has more than {MOST_SIZE} conditions; put values into lists, as in `x in [1, 2]`"
    return ""


TRUE = And(())
FALSE = Or(())


def _key_of_values(values: Values | Parameter | IdArray) -> Key:
    if isinstance(values, Parameter):
        return key_of(values)
    if isinstance(values, IdArray):
        return values.key()
    return "list", *[key_of(value) for value in values]


def both(
    kind: type[And] | type[Or],
    terms: Iterable[Expression],
    place: Place | None = None,
    *,
    flatten: bool = False,
) -> Expression:
    """Join terms; one alone stays what it is.

    Parameters
    ----------
    kind : And or Or
        How they are joined.
    terms : iterable of Expression
        None of them is always true (`And`) or always false (`Or`).
    place : Place, optional
        Where the whole was written.
    flatten : bool, default False
        Take in the terms of a term of the same kind, as operators do: ``a & b & c`` is one `And`
        of three. The constants TRUE and FALSE have no terms, and vanish so in what they do not
        change.

    Returns
    -------
    Expression
        The one term, or a node of the kind.

    Examples
    --------
    >>> both(And, [Flag("a"), And((Flag("b"), Flag("c")))], flatten=True)
    And(terms=(Flag(column='a'), Flag(column='b'), Flag(column='c')))
    """
    taken: list[Expression] = []
    for term in terms:
        if flatten and isinstance(term, kind):
            taken += term.terms
        else:
            taken.append(term)
    return taken[0] if len(taken) == 1 else kind(tuple(taken), place=place)
