"""What to write instead: the errors of the parser, by what it was looking for."""

from __future__ import annotations

from nearfield._expressions.faults import Place, fault, quoted
from nearfield._expressions.nearest import nearest
from nearfield._expressions.tokens import SLIPS, Token, Tokens, name_in_words
from nearfield.errors import ExpressionError

__all__ = [
    "no_and_of_between",
    "no_comma",
    "no_condition",
    "no_end",
    "no_list",
    "no_null",
    "no_operator",
    "no_value",
    "too_deep",
]

_OPERATORS = "an operator (= != < <= > >= in between has is)"
_NULLS = frozenset(("na", "nan", "nil", "none", "null", "undefined"))
# Words of other languages that stand where an operator does.
_OTHER_OPERATORS = {
    "contains": "write `has` of a column of tags",
    "eq": "write =",
    "equals": "write =",
    "ilike": "there is no search in text; compare whole values",
    "isin": "write `in` and a list in [...]",
    "isnull": "write `is null`",
    "like": "there is no search in text; compare whole values",
    "notnull": "write `is not null`",
    "xor": "write `(a and not b) or (b and not a)`",
}
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
_ASSUMED = ("and", "or", "in", "between", "has", "is")


def no_condition(tokens: Tokens) -> ExpressionError:
    """Refuse what stands where a condition should begin.

    Parameters
    ----------
    tokens : Tokens
        With the stranger as its next.

    Returns
    -------
    ExpressionError
        Not yet raised, as of all functions here.
    """
    token, last = tokens.next, tokens.last
    if token.kind == "end" and last.end == 0:
        return _refused(tokens, "an expression", "to select everything, give None", "nothing")
    if token.kind == "end":
        return _refused(tokens, "a condition", _dangling(last))
    hint = ""
    if token.kind == "number":
        hint = "the column stands on the left, as in year > 1990"
    elif token.kind == "string":
        hint = (
            "the column stands on the left and bare, or in backticks where its name has other "
            "signs than letters, digits and _"
        )
    elif token.kind == "keyword":
        hint = (
            f"a column of this name stands in backticks: `{tokens.text[token.start : token.end]}`"
        )
    elif token.value == ")" and last.value == "(" and last.kind == "sign":
        hint = "the brackets are empty"
    elif token.value == ")":
        hint = _dangling(last)
    elif token.value == "[":
        hint = "write (...) around a condition; [...] is a list, and stands after `in` or `has any`"
    return _refused(tokens, "a condition", hint)


def no_operator(tokens: Tokens, of_column: str | None, opened: Token | None) -> ExpressionError:
    """Refuse what stands behind a condition.

    Parameters
    ----------
    tokens : Tokens
        With the stranger as its next.
    of_column : str or None
        The column, where the condition is one alone, so that an operator might follow.
    opened : Token or None
        The bracket that is still open.

    Returns
    -------
    ExpressionError
        Not yet raised.
    """
    token, last = tokens.next, tokens.last
    if token.kind == "end" and opened is not None:
        return _unclosed(tokens, opened, ")")
    ending = "')'" if opened is not None else "the end"
    expected = f"{_OPERATORS}, `and`, `or` or {ending}"
    if of_column is None:
        expected = f"`and`, `or` or {ending}"
    hint = ""
    if token.kind == "name":
        hint = _instead(str(token.value), of_column is not None)
    if token.value == ")" and token.kind == "sign":
        hint = "no bracket was opened; take it away"
    elif token.kind == "keyword" and token.value == "not" and of_column is not None:
        hint = "`not` stands before the whole condition, as in not market in ['SE']"
    elif token.kind == "sign" and token.value in _COMPARISONS and last.kind == "parameter":
        hint = "the column stands on the left of a value, as in year = $year"
    elif token.kind == "sign" and token.value in _COMPARISONS:
        hint = "a column is compared with one value; write `between` or `and`"
    elif last.kind == "string" and token.start == last.end:
        hint = "a quote inside of text is doubled, as in 'it''s'"
    elif last.kind == "name" and token.kind == "number" and token.start == last.end:
        hint = "the name of a column with other signs than letters, digits and _ is in backticks"
    elif token.kind in ("number", "string") and of_column is not None:
        hint = "is = missing?"
    elif not hint and token.value == "(" and of_column is not None:
        hint = "there are no functions"
    elif not hint and _begins_condition(token) and of_column is None:
        hint = "is `and` or `or` missing?"
    return _refused(tokens, expected, hint)


def no_end(tokens: Tokens, opened: Token) -> ExpressionError:
    """Refuse the end of the text behind an open list.

    Parameters
    ----------
    tokens : Tokens
        At their end.
    opened : Token
        The bracket.

    Returns
    -------
    ExpressionError
        Not yet raised.
    """
    return _unclosed(tokens, opened, "]")


def no_value(tokens: Tokens, column: str) -> ExpressionError:
    """Refuse what stands where a value should.

    Parameters
    ----------
    tokens : Tokens
        With the stranger as its next.
    column : str
        What is compared.

    Returns
    -------
    ExpressionError
        Not yet raised.
    """
    token, last = tokens.next, tokens.last
    expected = "a value (a number, text in quotes, true, false or $name)"
    hint = ""
    word = str(token.value)
    if token.kind in ("name", "keyword") and word.lower() in _NULLS:
        negated = "is not null" if last.value == "!=" else "is null"
        hint = f"write {name_in_words(column)} {negated}"
    elif token.kind == "name":
        hint = f"put text in quotes, as in '{_short(word)}'; a column is compared with values alone"
    elif token.kind == "keyword":
        hint = f"put text in quotes, as in '{tokens.text[token.start : token.end]}'"
    elif token.value == "(":
        hint = "values stand without brackets"
    elif token.value == "[":
        hint = "a list stands after `in`, `has any` or `has all`"
    elif token.value in ("]", ",") and last.value in (",", "["):
        hint = "take the comma away" if last.value == "," else ""
    elif token.value == "=":
        hint = "values stand alone in a list" if last.value in ("[", ",") else "one sign is enough"
    elif token.kind == "end":
        hint = f"{tokens.text[last.start : last.end]!r} needs one on its right"
    return _refused(tokens, expected, hint)


def no_list(tokens: Tokens, column: str, operator: str) -> ExpressionError:
    """Refuse what stands where a list should.

    Parameters
    ----------
    tokens : Tokens
        With the stranger as its next.
    column : str
        What is asked for its values.
    operator : str
        ``in``, ``has any`` or ``has all``.

    Returns
    -------
    ExpressionError
        Not yet raised.
    """
    token = tokens.next
    hint = ""
    if token.value == "(" and token.kind == "sign":
        hint = "a list stands in square brackets"
    elif token.kind in ("number", "string"):
        shown = _short(tokens.text[token.start : token.end])
        single = "=" if operator == "in" else "has"
        name = name_in_words(column)
        hint = f"write {name} {operator} [{shown}], or {name} {single} {shown}"
    elif token.kind == "name":
        hint = f"write $ before the name of a parameter, as in ${_short(str(token.value))}"
    return _refused(tokens, f"a list after `{operator}`, [...] or $name", hint)


def no_comma(tokens: Tokens, opened: Token) -> ExpressionError:
    """Refuse what stands behind a value of a list.

    Parameters
    ----------
    tokens : Tokens
        With the stranger as its next.
    opened : Token
        The bracket of the list.

    Returns
    -------
    ExpressionError
        Not yet raised.
    """
    token, last = tokens.next, tokens.last
    if token.kind == "end":
        return _unclosed(tokens, opened, "]")
    hint = ""
    if token.value in (")", "}") and token.kind == "sign":
        hint = "the list began with [, so it ends with ]"
    elif last.kind == "string" and token.start == last.end:
        hint = "a quote inside of text is doubled, as in 'it''s'"
    elif token.kind in ("number", "string", "parameter", "keyword", "name"):
        hint = "a comma stands between two values"
    elif token.value == "=":
        hint = "values stand alone in a list"
    return _refused(tokens, "',' or ']'", hint)


def no_and_of_between(tokens: Tokens, column: str) -> ExpressionError:
    """Refuse what stands behind the first bound of ``between``.

    Parameters
    ----------
    tokens : Tokens
        With the stranger as its next.
    column : str
        What is compared.

    Returns
    -------
    ExpressionError
        Not yet raised.
    """
    hint = f"write {name_in_words(column)} between 1990 and 1999; both bounds are included"
    return _refused(tokens, "`and` with the upper bound", hint)


def no_null(tokens: Tokens, column: str, *, negated: bool) -> ExpressionError:
    """Refuse what stands behind ``is`` or ``is not``.

    Parameters
    ----------
    tokens : Tokens
        With the stranger as its next.
    column : str
        What is asked.
    negated : bool
        Whether there is a ``not``.

    Returns
    -------
    ExpressionError
        Not yet raised.
    """
    token = tokens.next
    expected = "null" if negated else "null or not null"
    name = name_in_words(column)
    hint = f"values are compared by {'!=' if negated else '='}"
    if token.kind == "name" and str(token.value).lower() in _NULLS:
        hint = f"write {name} is {'not ' if negated else ''}null"
    elif token.kind == "keyword" and token.value in ("true", "false"):
        hint = f"write {name} {'!=' if negated else '='} {token.value}"
    elif token.kind == "keyword" and token.value in ("in", "between", "has"):
        hint = f"write {'not ' if negated else ''}{name} {token.value} ..."
    elif token.kind == "end":
        hint = ""
    return _refused(tokens, expected, hint)


def too_deep(tokens: Tokens, most: int) -> ExpressionError:
    """Refuse one more bracket or ``not``.

    Parameters
    ----------
    tokens : Tokens
        With it as its next.
    most : int
        How many are allowed.

    Returns
    -------
    ExpressionError
        Not yet raised.
    """
    place = Place(tokens.text, tokens.next.start, tokens.next.end, tokens.argument)
    message = f"brackets and `not` are nested deeper than {most} levels; write it flatter"
    return fault(message, place)


def _refused(tokens: Tokens, expected: str, hint: str, found: str = "") -> ExpressionError:
    token = tokens.next
    if token.kind == "sign" and str(token.value) in SLIPS:
        hint = SLIPS[str(token.value)]
    if not found:
        shown = quoted(tokens.text[token.start : token.end])
        found = "the end" if token.kind == "end" else shown
    message = f"found {found}, expected {expected}" + (f"; {hint}" if hint else "")
    return fault(message, Place(tokens.text, token.start, token.end, tokens.argument))


def _unclosed(tokens: Tokens, opened: Token, closing: str) -> ExpressionError:
    place = Place(tokens.text, opened.start, opened.end, tokens.argument)
    message = f"this {opened.value} is not closed: found the end, expected '{closing}'"
    return fault(message, place)


def _dangling(last: Token) -> str:
    if last.kind == "keyword" and last.value in ("and", "or", "not"):
        return f"`{last.value}` needs one on its right, or is to be taken away"
    return ""


def _begins_condition(token: Token) -> bool:
    words = ("not", "true", "false")
    return (
        token.kind in ("name", "parameter")
        or token.value == "("
        or (token.kind == "keyword" and token.value in words)
    )


def _instead(word: str, behind_column: bool) -> str:
    """Say what a word that is no operator was to be."""
    lower = word.lower()
    if lower in _OTHER_OPERATORS:
        return _OTHER_OPERATORS[lower]
    near = nearest(lower, _ASSUMED if behind_column else ("and", "or"))
    return f"did you mean `{near}`?" if near else ""


def _short(text: str) -> str:
    return text if len(text) <= 20 else text[:20] + "..."
