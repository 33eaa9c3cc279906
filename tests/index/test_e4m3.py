"""`E4M3T`: a small immutable number with Voyager's fields."""

from __future__ import annotations

import copy
import math
import pickle

import nearfield as nf
import pytest
from nearfield import errors


def test_values_follow_the_format():
    for code in range(256):
        number = nf.E4M3T.from_char(code)
        sign, exponent, mantissa = code >> 7, code >> 3 & 15, code & 7
        assert (number.sign, number.raw_exponent, number.raw_mantissa) == (sign, exponent, mantissa)
        assert (number.exponent, number.size) == (exponent - 7, 1)
        if code & 0x7F == 0x7F:
            assert math.isnan(float(number))
            continue
        size = mantissa * 2**-10 if exponent == 0 else (1 + mantissa / 8) * 2 ** (exponent - 7)
        assert float(number) == (-size if sign else size)
        assert number.mantissa * 2.0**number.exponent == size
        assert nf.E4M3T(sign, exponent, mantissa) == number
        if size:
            assert nf.E4M3T(float(number)) == number


def test_of_two_equally_near_the_even_one():
    for code in range(126):
        low, high = (float(nf.E4M3T.from_char(c)) for c in (code, code + 1))
        middle = nf.E4M3T((low + high) / 2)
        assert float(middle) == (low if code % 2 == 0 else high)
        assert float(nf.E4M3T(-(low + high) / 2)) == -float(middle)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ((449,), errors.InvalidInput),
        ((-448.01,), errors.InvalidInput),
        ((0, 20, 9), errors.InvalidInput),
        ((0, 16, 0), errors.InvalidInput),
        ((0, 0, 8), errors.InvalidInput),
        ((2, 7, 0), errors.InvalidInput),
        ((-1, 7, 0), TypeError),
        ((0, 7, 4.0), TypeError),
        ((0.5, 0, 0), TypeError),
        ((0, 7), TypeError),
        (("1",), TypeError),
        ((None,), TypeError),
        ((), TypeError),
    ],
)
def test_what_does_not_fit_raises_instead_of_wrapping(arguments, kind):
    with pytest.raises(kind):
        nf.E4M3T(*arguments)


def test_arguments_have_names():
    assert float(nf.E4M3T(value=2.0)) == 2
    assert float(nf.E4M3T(sign=1, exponent=8, mantissa=0)) == -2
    with pytest.raises(TypeError):
        nf.E4M3T(1.0, value=2.0)
    for byte in (-1, 256):
        with pytest.raises(ValueError, match="0 to 255"):
            nf.E4M3T.from_char(byte)


def test_numbers_are_values():
    number = nf.E4M3T(1.6)
    assert number == nf.E4M3T(1.625)
    assert number != 1.625
    assert len({number, nf.E4M3T(1.625), nf.E4M3T(2)}) == 2
    assert nf.E4M3T(math.nan) == nf.E4M3T(math.inf)
    for twin in (pickle.loads(pickle.dumps(number)), copy.copy(number), copy.deepcopy(number)):
        assert twin == number
    for name in ("sign", "exponent", "_code", "other"):
        with pytest.raises(AttributeError):
            setattr(number, name, 1)
