"""A text as tokens, one after the other, each read once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

from nearfield._expressions.faults import Place, fault, quoted

__all__ = [
    "KEYWORDS",
    "SLIPS",
    "Kind",
    "Token",
    "Tokens",
    "name_in_text",
    "name_in_words",
    "read_token",
]

Kind: TypeAlias = Literal["keyword", "name", "string", "number", "sign", "parameter", "end"]

KEYWORDS = frozenset(
    ("all", "and", "any", "between", "false", "has", "in", "is", "not", "null", "or", "true")
)
"""Words that name a column only in backticks; they are read in any case."""

SLIPS = {
    "==": "write = for equality",
    "===": "write = for equality",
    "!==": "write != for inequality",
    "<>": "write != for inequality",
    "=<": "write <=",
    "=>": "write >=",
    "&&": "write `and`",
    "&": "write `and`",
    "||": "write `or`",
    "|": "write `or`",
    "!": "write `not`",
    "~": "write `not`",
}
"""Signs of other languages, and what they are called here."""


_SPACE = re.compile(r"[ \t\r\n\f\v]*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_TAIL = re.compile(r"[\w.]*")
_SIGN = re.compile(r"===|!==|==|<>|=<|=>|<=|>=|!=|&&|\|\||[=<>()\[\],&|!~]")


def name_in_text(name: str) -> str:
    """Write the name of a column or parameter.

    Parameters
    ----------
    name : str
        Any but the empty one.

    Returns
    -------
    str
        In backticks where it is a keyword or holds other signs than letters, digits and _.

    Examples
    --------
    >>> name_in_text("year"), name_in_text("in"), name_in_text("a`b")
    ('year', '`in`', '`a``b`')
    """
    if _WORD.fullmatch(name) and name.lower() not in KEYWORDS:
        return name
    return "`" + name.replace("`", "``") + "`"


def name_in_words(name: str) -> str:
    """Write a name for a message.

    Parameters
    ----------
    name : str
        Of a column or parameter.

    Returns
    -------
    str
        As `name_in_text` does, but at most some 45 characters.

    Examples
    --------
    >>> name_in_words("in"), name_in_words("a" * 100)
    ('`in`', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...')
    """
    written = name_in_text(name)
    return written if len(written) <= _MOST_OF_NAME + 2 else written[:_MOST_OF_NAME] + "..."


class Token(NamedTuple):
    """A word, value or sign, and its place: characters from ``start`` up to ``end``.

    ``value`` is a keyword in lower case, the name of a column or parameter, the text or number
    that a literal stands for, or the sign itself.
    """

    kind: Kind
    value: str | int | float
    start: int
    end: int


_TYPESET_QUOTES = "\u2018\u2019\u201a\u201c\u201d\u201e"
# Longer ones do not fit 64 bits, whatever stands in them, and Python refuses to convert some.
_MOST_DIGITS = 20
_MOST_OF_NAME = 40


class Tokens:
    """The tokens of a text with one looked at ahead, so that the first fault is the one reported.

    Parameters
    ----------
    text : str
        Of the expression.
    argument : str, default "where"
        What errors call it.

    Attributes
    ----------
    next : Token
        What comes next; of the kind "end" behind the last.
    last : Token
        What was taken last; at the beginning a token of the kind "end", at 0.
    """

    __slots__ = ("argument", "last", "next", "text")

    def __init__(self, text: str, argument: str = "where") -> None:
        self.text = text
        self.argument = argument
        self.last = Token("end", "", 0, 0)
        self.next = read_token(text, 0, argument)

    def take(self) -> Token:
        """Give the next token and go on to the one behind it.

        Returns
        -------
        Token
            The one that was next.
        """
        self.last = self.next
        self.next = read_token(self.text, self.last.end, self.argument)
        return self.last

    def takes(self, kind: Kind, value: str) -> bool:
        """Take the next token if it is this one.

        Parameters
        ----------
        kind, value
            Of the token.

        Returns
        -------
        bool
            Whether it was taken.
        """
        if self.next.kind == kind and self.next.value == value:
            self.take()
            return True
        return False


def read_token(text: str, at: int, argument: str = "where") -> Token:
    """Read the token that begins at a place, or behind the white space there.

    Parameters
    ----------
    text : str
        Of the expression.
    at : int
        Where the last token ended.
    argument : str, default "where"
        What errors call it.

    Returns
    -------
    Token
        Of the kind "end" where there is none.

    Raises
    ------
    ExpressionError
        A quote that is not closed, a number or a character that cannot be.

    Notes
    -----
    Time is that of the characters that are read, each of which is read once.

    Examples
    --------
    >>> read_token("year >= -1990.5", 7)
    Token(kind='number', value=-1990.5, start=8, end=15)
    """
    space = _SPACE.match(text, at)
    at = space.end() if space else at
    if at == len(text):
        return Token("end", "", at, at)
    word = _WORD.match(text, at)
    if word:
        lower = word[0].lower()
        if lower in KEYWORDS:
            return Token("keyword", lower, at, word.end())
        return Token("name", word[0], at, word.end())
    first = text[at]
    reader = _READERS.get(first)
    if reader is not None:
        return reader(text, at, argument)
    sign = _SIGN.match(text, at)
    if sign:
        return Token("sign", sign[0], at, sign.end())
    raise fault(_stranger(first), Place(text, at, at + 1, argument))


def _string(text: str, at: int, argument: str) -> Token:
    value, end = _between_quotes(text, at, argument)
    return Token("string", value, at, end)


def _column(text: str, at: int, argument: str) -> Token:
    value, end = _between_quotes(text, at, argument)
    if not value:
        message = "found a name of no characters; expected the name of a column between backticks"
        raise fault(message, Place(text, at, end, argument))
    return Token("name", value, at, end)


def _between_quotes(text: str, at: int, argument: str) -> tuple[str, int]:
    """Give what stands between quotes, a doubled one being one of it, and where it ends."""
    quote = text[at]
    end = text.find(quote, at + 1)
    while end >= 0 and text.startswith(quote, end + 1):
        end = text.find(quote, end + 2)
    if end < 0:
        message = f"this {quote} is not closed; expected another {quote} (doubled, it is text)"
        raise fault(message, Place(text, at, at + 1, argument))
    value = text[at + 1 : end].replace(quote * 2, quote)
    if not _is_unicode(value):
        message = f"found {quoted(value)}, which holds half a character; expected valid Unicode"
        raise fault(message, Place(text, at, end + 1, argument))
    return value, end + 1


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _parameter(text: str, at: int, argument: str) -> Token:
    if text.startswith("`", at + 1):
        name = _column(text, at + 1, argument)
        return Token("parameter", name.value, at, name.end)
    word = _WORD.match(text, at + 1)
    if word is None:
        message = "found $ without a name; expected $name, of letters, digits and _"
        raise fault(message, Place(text, at, at + 1, argument))
    return Token("parameter", word[0], at, word.end())


def _number(text: str, at: int, argument: str) -> Token:
    match = _NUMBER.match(text, at)
    end = match.end() if match else at + 1
    place = Place(text, at, end, argument)
    if match is None:
        raise fault(_sign_without_number(text, at), place)
    if end < len(text) and (text[end] in "._`$" or text[end].isalnum()):
        tail = _TAIL.match(text, end)
        whole = Place(text, at, max(end + 1, tail.end() if tail else end), argument)
        raise fault(_bad_number(text[at : whole.end]), whole)
    if match[1] is None and match[2] is None:
        digits = match[0].lstrip("-").lstrip("0") or "0"
        if len(digits) > _MOST_DIGITS:
            message = (
                f"{quoted(match[0])[1:-1]} does not fit 64 bits; write it with a decimal point"
            )
            raise fault(message, place)
        return Token("number", int(digits) * (-1 if match[0][0] == "-" else 1), at, end)
    number = float(match[0])
    if number in (float("inf"), float("-inf")):
        message = f"{quoted(match[0])[1:-1]} is beyond the range of float64 (about 1.8e308)"
        raise fault(message, place)
    return Token("number", number, at, end)


def _bad_number(given: str) -> str:
    shown = quoted(given)
    if "_" in given or given.endswith(".") or given.count(".") > 1:
        return f"found {shown}; expected a number such as 1000, 0.5 or 1e-3"
    return f"found {shown}; expected a number, or, of text, quotes around it"


def _sign_without_number(text: str, at: int) -> str:
    if text[at] == "-":
        return (
            "found - without a number; expected a number such as -5 (the name of a column with "
            "other signs than letters, digits and _ stands in backticks)"
        )
    if text[at] == "+":
        return "found +; write a positive number without a sign"
    if text[at + 1 : at + 2].isdigit():
        return "found a number that begins with a point; write 0 before it, as in 0.5"
    return (
        "found a point; the name of a column with other signs than letters, digits and _ stands in "
        "backticks, as in `artist.name`"
    )


def _stranger(found: str) -> str:
    shown = f"found {quoted(found)}, U+{ord(found):04X}"
    if found in _TYPESET_QUOTES:
        return f"{shown}; write ' or \" around text"
    if found.isspace() or not found.isprintable():
        return f"{shown}; write a plain space"
    if found == "{":
        return f"{shown}; write [...] around a list, (...) around a condition"
    if found == ";":
        return f"{shown}; an expression is one condition; write `and` between two of them"
    return (
        f"{shown}; expected a column, value or sign: the name of a column with other signs than "
        "letters, digits and _ stands in backticks, text in quotes"
    )


_READERS: dict[str, Callable[[str, int, str], Token]] = {
    "'": _string,
    '"': _string,
    "`": _column,
    "$": _parameter,
    **dict.fromkeys("0123456789-+.", _number),
}
