"""What the parts of a policy refuse, in the words that all of them share."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from numbers import Real
from typing import TypeVar

from nearfield.errors import InvalidInput

__all__ = ["as_blocked", "as_column", "as_parts", "as_real"]

_Part = TypeVar("_Part")


def as_real(
    given: object, argument: str, least: float, most: float = math.inf, *, above: bool = False
) -> float:
    """Read a finite number within bounds.

    Parameters
    ----------
    given : float
        Any real number, also numpy's; no bool.
    argument : str
        What errors call it.
    least, most : float
        The bounds, both allowed; infinite ones bound nothing.
    above : bool, default False
        True refuses ``least`` itself.

    Returns
    -------
    float
        The number.

    Raises
    ------
    InvalidInput
        Out of bounds, NaN or infinite.
    TypeError
        Not a number.
    """
    expected = "a finite number"
    if math.isfinite(least):
        expected += f" above {least:g}" if above else f" from {least:g}"
    if math.isfinite(most):
        expected += f" to {most:g}"
    message = f"{argument} is {given!r}; expected {expected}"
    if isinstance(given, bool) or not isinstance(given, Real):
        raise TypeError(message)
    number = float(given)
    if not (math.isfinite(number) and least <= number <= most) or (above and number == least):
        raise InvalidInput(message)
    return number


def as_column(given: object, argument: str) -> str:
    """Read the name of a column.

    Parameters
    ----------
    given : str
        Not empty.
    argument : str
        What errors call it.

    Returns
    -------
    str
        The name.

    Raises
    ------
    InvalidInput
        An empty name.
    TypeError
        Not a string.
    """
    message = f"{argument} is {given!r}; expected the name of a column of the index"
    if not isinstance(given, str):
        raise TypeError(message)
    if not given:
        raise InvalidInput(message)
    return given


def as_parts(
    given: object, kinds: type[_Part] | tuple[type[_Part], ...], argument: str
) -> tuple[_Part, ...]:
    """Read a tuple or list of parts of a policy.

    Parameters
    ----------
    given : tuple or list
        Of instances of ``kinds``.
    kinds : type or tuple of types
        What is allowed.
    argument : str
        What errors call it.

    Returns
    -------
    tuple
        The same parts.

    Raises
    ------
    TypeError
        Not a tuple or list, or something else in it.
    """
    allowed = kinds if isinstance(kinds, tuple) else (kinds,)
    names = " or ".join(kind.__name__ for kind in allowed)
    if not isinstance(given, (tuple, list)):
        hint = f"; for one, write ({given!r},)" if isinstance(given, allowed) else ""
        message = f"{argument} is {given!r}; expected a tuple of {names}{hint}"
        raise TypeError(message)
    for place, part in enumerate(given):
        if not isinstance(part, allowed):
            message = f"{argument}[{place}] is {part!r}; expected {names}"
            raise TypeError(message)
    return tuple(given)


def as_blocked(
    given: Mapping[str, Iterable[Hashable]] | None,
) -> tuple[tuple[str, frozenset[Hashable]], ...]:
    """Read which values of which columns are blocked.

    Parameters
    ----------
    given : mapping or None
        From the name of a column to its blocked values.

    Returns
    -------
    tuple of (str, frozenset)
        In the order of the mapping; empty for None.

    Raises
    ------
    TypeError
        Not a mapping, or a string where several values are expected.
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        message = f"blocked is {given!r}; expected a mapping from columns to their blocked values"
        raise TypeError(message)
    read = []
    for column, values in given.items():
        name = as_column(column, "a column of blocked")
        if isinstance(values, str) or not isinstance(values, Iterable):
            message = f"blocked[{name!r}] is {values!r}; expected several values: {{{values!r}}}"
            raise TypeError(message)
        read.append((name, frozenset(values)))
    return tuple(read)
