"""The 8-bit number that `StorageDataType.E4M3` keeps: 1 sign, 4 exponent and 3 mantissa bits.

::

    exponent field e     value
    0                    m * 2^-10                    (the OCP format has m * 2^-9)
    1 ... 15             (1 + m / 8) * 2^(e - 7)
    15 with m = 7        NaN

Files and memory hold the bits in Voyager's order ``0bMMMEEEES``; `E4M3T.from_char` reads the usual
order ``0bSEEEEMMM``, as Voyager's does. Do not use it on bytes of a file.
"""

from __future__ import annotations

import bisect
import math
from typing import overload

from nearfield._numbers import as_count
from nearfield.errors import InvalidInput

__all__ = ["E4M3T"]

_LARGEST = 448.0
_NAN = 0x7F


def _magnitude(code: int) -> float:
    exponent, mantissa = code >> 3, code & 7
    if exponent == 0:
        return math.ldexp(mantissa, -10)
    return math.ldexp(8 + mantissa, exponent - 10)


_MAGNITUDES = [_magnitude(code) for code in range(_NAN)]


def _nearest(value: float) -> int:
    """Sign, exponent and mantissa bits of the nearest number; of two equally near the even one."""
    if not math.isfinite(value):
        return _NAN
    size = abs(value)
    if size > _LARGEST:
        message = f"value is {value!r}; E4M3 holds numbers from -448 to 448"
        raise InvalidInput(message)
    above = bisect.bisect_left(_MAGNITUDES, size)
    code = above
    if _MAGNITUDES[above] != size:
        up, down = _MAGNITUDES[above] - size, size - _MAGNITUDES[above - 1]
        code = above - (down < up or (down == up and above % 2 == 1))
    return code | 0x80 if value < 0 and code else code


class E4M3T:
    """An 8-bit floating-point number; immutable.

    Parameters
    ----------
    value : float
        Rounded to the nearest number, of two equally near to the even one. NaN and infinity become
        NaN; zero has no sign.
    sign, exponent, mantissa : int
        The three fields as they are stored: 0 or 1, 0 to 15, 0 to 7. Instead of ``value``.

    Raises
    ------
    InvalidInput
        A value beyond +-448, or a field that does not fit its bits.
    TypeError
        Neither one number nor three whole numbers.

    Examples
    --------
    >>> E4M3T(1.6)
    <nearfield.E4M3T sign=0 exponent=0 (0111) mantissa=1.625 (101) float=1.625>
    >>> float(E4M3T(1, 7, 4)), float(E4M3T.from_char(0x38))
    (-1.5, 1.0)
    """

    __slots__ = ("_code",)

    _code: int

    @overload
    def __init__(self, value: float, /) -> None: ...
    @overload
    def __init__(self, sign: int, exponent: int, mantissa: int) -> None: ...
    @overload
    def __init__(self, *, value: float) -> None: ...

    def __init__(
        self,
        sign: float | None = None,
        exponent: int | None = None,
        mantissa: int | None = None,
        *,
        value: float | None = None,
    ) -> None:
        if exponent is None and mantissa is None and (value is None) != (sign is None):
            number = sign if value is None else value
            if isinstance(number, (str, bytes)):
                message = f"value is {number!r}; expected a number"
                raise TypeError(message)
            code = _nearest(float(number))  # type: ignore[arg-type]
        elif value is None:
            code = _field(sign, "sign", 1) << 7
            code |= _field(exponent, "exponent", 15) << 3 | _field(mantissa, "mantissa", 7)
        else:
            message = "expected E4M3T(value) or E4M3T(sign, exponent, mantissa)"
            raise TypeError(message)
        object.__setattr__(self, "_code", code)

    @classmethod
    def from_char(cls, value: int) -> E4M3T:
        """Read a byte in the usual bit order, sign-exponent-mantissa.

        Parameters
        ----------
        value : int
            0 to 255.

        Returns
        -------
        E4M3T
            The number; 0x38 is 1.0.

        Raises
        ------
        InvalidInput
            Not from 0 to 255.

        Examples
        --------
        >>> float(E4M3T.from_char(0x7E))
        448.0
        """
        if not 0 <= value <= 255:
            message = f"value is {value!r}; expected a byte from 0 to 255"
            raise InvalidInput(message)
        return cls(value >> 7, value >> 3 & 15, value & 7)

    @property
    def sign(self) -> int:
        """The sign bit: 1 for negative numbers."""
        return self._code >> 7

    @property
    def raw_exponent(self) -> int:
        """The exponent field, 0 to 15."""
        return self._code >> 3 & 15

    @property
    def exponent(self) -> int:
        """The exponent itself: the field less 7."""
        return self.raw_exponent - 7

    @property
    def raw_mantissa(self) -> int:
        """The mantissa field, 0 to 7."""
        return self._code & 7

    @property
    def mantissa(self) -> float:
        """The factor: 1.5 for 1.5; below 1 where the exponent field is 0."""
        return self.raw_mantissa / 8 + (self.raw_exponent > 0)

    @property
    def size(self) -> int:
        """Bytes that the number takes: 1."""
        return 1

    def __float__(self) -> float:
        """Give the number, NaN included."""
        size = self._code & 0x7F
        if size == _NAN:
            return math.nan
        return -_MAGNITUDES[size] if self.sign and size else _MAGNITUDES[size]

    def __eq__(self, other: object) -> bool:
        """Compare bit by bit, so that NaN equals itself."""
        return self._code == other._code if isinstance(other, E4M3T) else NotImplemented

    def __hash__(self) -> int:
        """Hash the bits."""
        return hash((E4M3T, self._code))

    def __setattr__(self, name: str, _: object) -> None:
        """Refuse: the number cannot be changed."""
        message = f"E4M3T cannot be changed (attribute {name!r}); make a new one"
        raise AttributeError(message)

    def __reduce__(self) -> tuple[object, tuple[int]]:
        """Pickle as one byte."""
        return E4M3T.from_char, (self._code,)

    def __repr__(self) -> str:
        """Show fields and value."""
        return (
            f"<nearfield.E4M3T sign={self.sign} exponent={self.exponent} ({self.raw_exponent:04b}) "
            f"mantissa={self.mantissa:g} ({self.raw_mantissa:03b}) float={float(self):g}>"
        )


def _field(given: object, name: str, largest: int) -> int:
    number = as_count(given, name)
    if number > largest:
        message = f"{name} is {number}; its field holds 0 to {largest}"
        raise InvalidInput(message)
    return number
