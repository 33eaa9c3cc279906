"""Geometry and storage: the two choices that every index is made with.

The members have Voyager's names and numbers, and are plain `enum.Enum` as there.
"""

from __future__ import annotations

import enum
import operator
from typing import TypeVar, cast

from nearfield.errors import InvalidInput
from nearfield.typing import CodesName

__all__ = ["CODES", "CODES_NAMES", "Space", "StorageDataType", "as_codes", "as_space", "as_storage"]


class Space(enum.Enum):
    """How the distance between two vectors is measured; smaller is nearer.

    ``Euclidean`` is the *squared* L2 distance. ``InnerProduct`` is ``1 - a.b`` and can be negative.
    ``Cosine`` is ``1 - cos(a, b)``, from 0 to 2, and never below 0. Vectors are brought to unit
    length before they are stored; where the storage then rounds them, the distance is one less the
    product of the unit query with what is kept, as in Voyager. A zero vector is accepted in cosine
    space: it has distance 1 to everything. Distances are float32: squares beyond 3.4e38 are inf.

    Examples
    --------
    >>> Space.Cosine.value, Space(2), Space["Euclidean"].value
    (2, <Space.Cosine: 2>, 0)
    """

    Euclidean = 0
    InnerProduct = 1
    Cosine = 2


class StorageDataType(enum.Enum):
    """How vectors are kept in memory and in files.

    ``Float32`` keeps them as given, in 4 bytes a dimension. ``Float16`` keeps IEEE half precision,
    3 decimal digits in 2 bytes, and accepts -65504 to 65504. ``Float8`` keeps ``round(127 x) /
    127`` in 1 byte and accepts -128/127 to 1. ``E4M3`` keeps 4 exponent and 3 mantissa bits in 1
    byte and accepts -448 to 448. Vectors of the 8-bit kinds take a quarter of the memory and lose
    some recall. ``CodesOnly`` keeps nothing but the codes, "int8" unless "int4" is asked for (see
    `nearfield.Index`): what they stand for is what the index holds, 1 byte or half a byte a
    dimension, and distances are exact for that. In cosine space it is brought to unit length.
    Below 4,096 rows the given vectors are kept beside them, and later those of the last rows, at
    most 1,023, so that the range of the codes can follow the data; queries do not look at them.
    Voyager has neither ``Float16`` nor ``CodesOnly``; in its files both are written as Float32.

    Examples
    --------
    >>> StorageDataType.Float8.value, StorageDataType(32)
    (16, <StorageDataType.Float32: 32>)
    """

    Float8 = 0x10
    Float32 = 0x20
    E4M3 = 0x30
    Float16 = 0x40
    CodesOnly = 0x50


CODES = {"none": 0, "int4": 4, "int8": 8, "auto": 255}
"""Names of codes and their numbers in the core: bits a dimension; see `nearfield.Index`."""
CODES_NAMES = {number: cast(CodesName, name) for name, number in CODES.items()}
"""The other way round."""

_Choice = TypeVar("_Choice", Space, StorageDataType)


def as_space(given: Space | int | str, argument: str = "space") -> Space:
    """Understand a space given as the enum, its number, or its name in any case.

    Parameters
    ----------
    given : Space, int or str
        ``Space.Cosine``, ``2`` and ``"cosine"`` mean the same.
    argument : str, default "space"
        What the error calls it.

    Returns
    -------
    Space
        The member.

    Raises
    ------
    InvalidInput
        An unknown name.
    TypeError
        An unknown number (as in Voyager), or neither enum, number nor name.

    Examples
    --------
    >>> as_space("inner_product")
    <Space.InnerProduct: 1>
    """
    return _choose(Space, given, argument)


def as_storage(
    given: StorageDataType | int | str, argument: str = "storage_data_type"
) -> StorageDataType:
    """Understand a storage given as the enum, its number, or its name in any case.

    Parameters
    ----------
    given : StorageDataType, int or str
        ``StorageDataType.Float8``, ``16`` and ``"float8"`` mean the same.
    argument : str, default "storage_data_type"
        What the error calls it.

    Returns
    -------
    StorageDataType
        The member.

    Raises
    ------
    InvalidInput
        An unknown name.
    TypeError
        An unknown number (as in Voyager), or neither enum, number nor name.

    Examples
    --------
    >>> as_storage("e4m3")
    <StorageDataType.E4M3: 48>
    """
    return _choose(StorageDataType, given, argument)


def as_codes(given: str, argument: str = "codes") -> int:
    """Understand codes given by name.

    Parameters
    ----------
    given : {"auto", "none", "int8", "int4"}
        In any case.
    argument : str, default "codes"
        What the error calls it.

    Returns
    -------
    int
        Their number in the core.

    Raises
    ------
    InvalidInput
        An unknown name.
    TypeError
        Not a name.

    Examples
    --------
    >>> as_codes("int8")
    8
    """
    names = ", ".join(repr(name) for name in CODES)
    if not isinstance(given, str):
        message = f"{argument} is {given!r}; expected one of {names}"
        raise TypeError(message)
    number = CODES.get(given.lower())
    if number is None:
        message = f"{argument} is {given!r}; expected one of {names}"
        raise InvalidInput(message)
    return number


def _choose(kind: type[_Choice], given: _Choice | int | str, argument: str) -> _Choice:
    if isinstance(given, kind):
        return given
    names = ", ".join(member.name for member in kind)
    if isinstance(given, str):
        wanted = given.replace("_", "").replace("-", "").lower()
        for member in kind:
            if member.name.lower() == wanted:
                return member
        message = f"{argument} is {given!r}; expected one of {names}"
        raise InvalidInput(message)
    try:
        return kind(operator.index(given))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        message = (
            f"{argument} is {given!r}; expected a member of nearfield.{kind.__name__} ({names}), "
            f"its number or its name"
        )
        raise TypeError(message) from None
