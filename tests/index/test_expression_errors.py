"""What is wrong with a text, where, and what to write instead."""

from __future__ import annotations

import pickle

import pytest
from nearfield._expressions.parser import parse
from nearfield.errors import ExpressionError, InvalidInput

# The text, where the mark begins, what stands above it, and what the message says.
SLIPS = [
    # signs of other languages
    ("a == 1", 2, "==", "found '=='", "write = for equality"),
    ("a === 1", 2, "===", "write = for equality"),
    ("a <> 1", 2, "<>", "write != for inequality"),
    ("a !== 1", 2, "!==", "write != for inequality"),
    ("a =< 1", 2, "=<", "write <="),
    ("a => 1", 2, "=>", "write >="),
    ("a && b", 2, "&&", "write `and`"),
    ("a = 1 & b", 6, "&", "write `and`"),
    ("a || b", 2, "||", "write `or`"),
    ("a = 1 | b", 6, "|", "write `or`"),
    ("!a", 0, "!", "found '!', expected a condition; write `not`"),
    ("~(a)", 0, "~", "write `not`"),
    ("a and ! b", 6, "!", "write `not`"),
    ("a; b", 1, ";", "write `and` between two"),
    ("{a}", 0, "{", "write [...] around a list, (...) around a condition"),
    ("a = +5", 4, "+", "write a positive number without a sign"),
    ("a % 5 = 1", 2, "%", "found '%', U+0025; expected a column, value or sign"),
    # words of other languages
    ("a is none", 5, "none", "expected null or not null; write a is null"),
    ("a is not None", 9, "None", "expected null; write a is not null"),
    ("a = null", 4, "null", "write a is null"),
    ("a != NULL", 5, "NULL", "write a is not null"),
    ("`a b` = none", 8, "none", "write `a b` is null"),
    ("a like 'x'", 2, "like", "there is no search in text"),
    ("a contains 'x'", 2, "contains", "write `has`"),
    ("a eq 5", 2, "eq", "write ="),
    ("a isnull", 2, "isnull", "write `is null`"),
    ("a isin ['x']", 2, "isin", "write `in` and a list"),
    ("a xor b", 2, "xor", "(a and not b) or (b and not a)"),
    ("a not in [1]", 2, "not", "`not` stands before the whole condition"),
    ("a not between 1 and 2", 2, "not", "`not` stands before the whole condition"),
    ("a(5)", 1, "(", "there are no functions"),
    ("a between 1, 2", 11, ",", "expected `and` with the upper bound; write a between 1990"),
    ("a between (1, 2)", 10, "(", "values stand without brackets"),
    ("a is 5", 5, "5", "values are compared by ="),
    ("a is not 5", 9, "5", "expected null; values are compared by !="),
    ("a is true", 5, "true", "write a = true"),
    ("a is not true", 9, "true", "write a != true"),
    ("a is in [1]", 5, "in", "write a in ..."),
    ("a is not in [1]", 9, "in", "write not a in ..."),
    # misspelt
    ("a = 1 adn b", 6, "adn", "expected `and`, `or` or the end; did you mean `and`?"),
    ("(a = 1 ro b)", 7, "ro", "expected `and`, `or` or ')'; did you mean `or`?"),
    ("a btween 1 and 2", 2, "btween", "an operator (= !=", "did you mean `between`?"),
    ("a hsa 'x'", 2, "hsa", "did you mean `has`?"),
    # what stands in brackets
    ("a in (1, 2)", 5, "(", "a list stands in square brackets"),
    ("a in 5", 5, "5", "write a in [5], or a = 5"),
    ("a in 'it''s'", 5, "'it''s'", "write a in ['it''s'], or a = 'it''s'"),
    ("g has any 'x'", 10, "'x'", "write g has any ['x'], or g has 'x'"),
    ("g has ['x']", 6, "[", "a list stands after `in`, `has any` or `has all`"),
    ("id in heard", 6, "heard", "write $ before the name of a parameter, as in $heard"),
    ("a in", 4, "", "found the end, expected a list after `in`"),
    ("a = [1]", 4, "[", "a list stands after `in`"),
    ("a in [1 2]", 8, "2", "found '2', expected ',' or ']'; a comma stands between two values"),
    ("a in [=1]", 6, "=", "values stand alone in a list"),
    ("a in [1, = 2]", 9, "=", "values stand alone in a list"),
    ("a in [1 = 2]", 8, "=", "values stand alone in a list"),
    ("a in [1, 2)", 10, ")", "the list began with [, so it ends with ]"),
    ("a in [1, 2", 5, "[", "this [ is not closed: found the end, expected ']'"),
    ("a in [1,", 5, "[", "this [ is not closed"),
    ("a in [", 5, "[", "this [ is not closed"),
    ("a in [1, 2,]", 11, "]", "take the comma away"),
    ("a in [,1]", 6, ",", "expected a value"),
    ("a in [x]", 6, "x", "put text in quotes, as in 'x'"),
    ("(a or b", 0, "(", "this ( is not closed: found the end, expected ')'"),
    ("a and (b or (c)", 6, "(", "this ( is not closed"),
    ("a)", 1, ")", "no bracket was opened; take it away"),
    ("(a))", 3, ")", "no bracket was opened"),
    ("()", 1, ")", "the brackets are empty"),
    ("[1]", 0, "[", "write (...) around a condition"),
    # what is missing
    ("", 0, "", "found nothing, expected an expression; to select everything, give None"),
    (" \n ", 3, "", "found nothing"),
    ("a and", 5, "", "found the end, expected a condition; `and` needs one on its right"),
    ("a or ", 5, "", "`or` needs one on its right"),
    ("not", 3, "", "`not` needs one on its right"),
    ("(a and )", 7, ")", "`and` needs one on its right"),
    ("and a", 0, "and", "a column of this name stands in backticks: `and`"),
    ("a and or b", 6, "or", "expected a condition"),
    ("a =", 3, "", "found the end, expected a value", "'=' needs one on its right"),
    ("a = = 1", 4, "=", "one sign is enough"),
    ("a = and b", 4, "and", "put text in quotes, as in 'and'"),
    ("a between 1 and", 15, "", "found the end, expected a value"),
    ("a between 1", 11, "", "expected `and` with the upper bound"),
    ("a is", 4, "", "found the end, expected null or not null"),
    ("a has", 5, "", "expected a value"),
    ("a = 1 b = 2", 6, "b", "is `and` or `or` missing?"),
    ("a = 1 not b", 6, "not", "is `and` or `or` missing?"),
    ("a = 1 (b)", 6, "(", "is `and` or `or` missing?"),
    ("a 5", 2, "5", "expected an operator", "is = missing?"),
    ("a 'x'", 2, "'x'", "is = missing?"),
    ("not a b", 6, "b", "expected an operator"),
    ("a = 1 = 2", 6, "=", "a column is compared with one value"),
    ("1 < a", 0, "1", "the column stands on the left, as in year > 1990"),
    ("1990 < year < 1999", 0, "1990", "the column stands on the left"),
    ("'a' = 1", 0, "'a'", "or in backticks"),
    ("$x = 1", 3, "=", "the column stands on the left of a value"),
    ("a = b", 4, "b", "put text in quotes, as in 'b'; a column is compared with values alone"),
    # quotes and names
    ("a = 'x", 4, "'", "this ' is not closed"),
    ("a = \"x'", 4, '"', 'this " is not closed'),
    ("`a = 1", 0, "`", "this ` is not closed"),
    ("a = 'it's'", 8, "s", "a quote inside of text is doubled"),
    ("a in ['it's']", 10, "s", "a quote inside of text is doubled"),
    ("`` = 1", 0, "``", "found a name of no characters"),
    ("a = \u201cx\u201d", 4, "\u201c", "write ' or \" around text"),
    ("a = 'x\ud800'", 4, "'x\ud800'", "holds half a character"),
    ("a\u00a0= 1", 1, "\u00a0", "U+00A0; write a plain space"),
    ("a \x00", 2, "\x00", "write a plain space"),
    ("größe = 1", 2, "ö", "the name of a column with other signs"),
    ("a-b = 1", 1, "-", "stands in backticks"),
    ("a5-3 = 1", 2, "-3", "the name of a column with other signs"),
    ("a.b = 1", 1, ".", "stands in backticks, as in `artist.name`"),
    ("in = 1", 0, "in", "a column of this name stands in backticks: `in`"),
    ("a = $", 4, "$", "found $ without a name"),
    ("a = $1", 4, "$", "found $ without a name"),
    ("$``", 1, "``", "found a name of no characters"),
    # numbers
    ("a = 10k", 4, "10k", "found '10k'; expected a number, or, of text, quotes around it"),
    ("a = 1_000", 4, "1_000", "expected a number such as 1000"),
    ("a = 1.", 4, "1.", "expected a number such as"),
    ("a = 1.2.3", 4, "1.2.3", "expected a number such as"),
    ("a = 1e", 4, "1e", "expected a number"),
    ("a = 0x1f", 4, "0x1f", "expected a number"),
    ("a = .5", 4, ".", "write 0 before it, as in 0.5"),
    ("a = -", 4, "-", "found - without a number"),
    ("a = --5", 4, "-", "found - without a number"),
    ("a = -inf", 4, "-", "found - without a number"),
    ("a = nan", 4, "nan", "write a is null"),
    ("a = 1e999", 4, "1e999", "beyond the range of float64"),
    ("a = -1e999", 4, "-1e999", "beyond the range of float64"),
    ("a = 9223372036854775808", 4, "9223372036854775808", "from -2^63 to 2^63-1"),
    ("a = -9223372036854775809", 4, "-9223372036854775809", "does not fit 64 bits"),
    ("id = 18446744073709551616", 5, "18446744073709551616", "to 2^64-1"),
    ("a in [1, 9223372036854775808]", 9, "9223372036854775808", "does not fit 64 bits"),
    ("a = " + "9" * 5000, 4, "9" * 5000, "does not fit 64 bits"),
]


@pytest.mark.parametrize(
    ("text", "start", "marked", "said"), [(a, b, c, d) for a, b, c, *d in SLIPS]
)
def test_a_slip_is_marked_and_mended(text, start, marked, said):
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    error = caught.value
    message = str(error)
    for words in said:
        assert words in message
    assert (error.text, error.start, error.end) == (text, start, start + len(marked))
    assert error.path is None
    first, line, mark = message.split("\n")
    assert first.startswith("where, ")
    assert len(line) < 100
    assert set(mark) <= {" ", "^"}
    if text.isascii() and text.isprintable() and len(text) < 80:
        assert line == f"    {text.rstrip()}".rstrip()
        assert mark == " " * (4 + start) + "^" * max(1, len(marked))


def test_an_error_is_read_like_this():
    with pytest.raises(InvalidInput) as caught:
        parse("market = 'SE' and\n  not explicit adn year >= 1990", "filter")
    assert str(caught.value) == (
        "filter, line 2, column 16: found 'adn', expected an operator (= != < <= > >= in between "
        "has is), `and`, `or` or the end; did you mean `and`?\n"
        "      not explicit adn year >= 1990\n"
        "                   ^^^"
    )


def test_the_mark_stands_below_what_a_terminal_shows():
    """Wide characters take two cells; what would move the cursor is replaced, one for one."""
    with pytest.raises(ExpressionError) as caught:
        parse("`日本` = 'e\u0301\x1b[2J\t' adn b")
    _, line, mark = str(caught.value).split("\n")
    assert line == "    `日本` = 'e\u0301\N{REPLACEMENT CHARACTER}[2J ' adn b"
    assert mark == " " * (4 + len("`....` = 'e?[2J ' ")) + "^^^"


@pytest.mark.parametrize("before", [0, 30, 60, 5000])
@pytest.mark.parametrize("after", [0, 30, 60, 5000])
def test_of_a_long_line_the_part_around_the_place_is_shown(before, after):
    text = "a or " * before + "b == 1" + " or a" * after
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    error = caught.value
    assert text[error.start : error.end] == "=="
    _, line, mark = str(error).split("\n")
    assert len(line) <= 4 + 80 + 6
    at = mark.index("^^")
    assert line[at : at + 2] == "=="
    assert line.strip().startswith("...") == (len(text) > 80 and before > 0)


def test_the_error_of_a_text_travels():
    with pytest.raises(ExpressionError) as caught:
        parse("a == 1")
    error = pickle.loads(pickle.dumps(caught.value))
    assert str(error) == str(caught.value)
    assert (error.text, error.start, error.end, error.path) == ("a == 1", 2, 4, None)


def test_the_first_fault_is_reported():
    with pytest.raises(ExpressionError, match="write = for equality"):
        parse("a == 'not closed")
