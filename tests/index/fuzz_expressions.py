"""Random texts against the parser and all that follows it: ``fuzz_expressions.py COUNT SEED``.

Soup of characters, soup of tokens, and expressions that were right before they were changed. Each
is a tree or an `ExpressionError` whose place lies in the text; a tree survives text and JSON, has a
canonical form, and binds or is refused in the same way. Its JSON, spoilt in one place, is a tree or
an error with a path. Exits with 1 when anything was found.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from nearfield._expressions.binding import bind
from nearfield._expressions.canonical import canonical
from nearfield._expressions.json_form import from_json, to_json
from nearfield._expressions.nodes import Expression
from nearfield._expressions.parser import parse
from nearfield._expressions.writer import to_text
from nearfield.errors import ExpressionError

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.index.expression_oracle import SCHEMA

CHARACTERS = (
    "abcdefinorst_AEINOT0123456789....eE+-   \t\n\r\f\v()()[][],,,'''\"\"``$$=<>!=<>&|~;{}%*/\\#?:"
    "\x00\x1b\x7f\u00a0\u2028\u201c\u2019\ufeff\u00df\u0661\u65e5\U0001f3b5\ud800\udfff"
)
COLUMNS = ("id", *SCHEMA, "unknown", "in", "a b")
TOKENS = (
    *("and", "or", "not", "in", "between", "has", "any", "all", "is", "null", "true", "false"),
    *("AND", "Not", "nUll", "none", "like", "adn"),
    *("=", "!=", "<", "<=", ">", ">=", "==", "&&", "||", "<>", "!", "~", "=<"),
    *("(", ")", "[", "]", ",", "(", ")", "[", "]", ",", "{", ";", "."),
    *("1", "-1", "0", "1.5", "-2.5e-3", "1e400", "10k", "300", "9223372036854775808", "1" * 30),
    *("'SE'", '"dub"', "'it''s'", "''", "'", '"', "'2024-05-01'", "'2024-05-01T12:00:00+02:00'"),
    *("$one", "$many", "$word", "$words", "$clean", "$both", "$missing", "$", "$`a b`"),
    *("id", "year", "tiny", "plays", "rating", "score", "released", "market", "genres"),
    *("explicit", "explicit", "unknown", "`in ``odd```", "`a b`", "``", "`"),
)
PARAMS: dict[str, Any] = {
    "one": 5,
    "half": 2.5,
    "many": np.arange(5),
    "word": "SE",
    "words": ["SE", "dub"],
    "both": 1,
    "a b": {3, 1},
}
REGISTERED = {"clean": None, "both": None}


# Values that fit each kind of column; one time in ten any kind is taken.
NUMBERS = ("5", "-1", "2.5", "300", "$one", "$half")
VALUES = {
    "bool": ("true", "false"),
    "timestamp": ("'2024-05-01'", "'1970-01-01T00:00:00.5Z'"),
    "category": ("'SE'", "'NO'", "'it''s'", "$word"),
    "tags": ("'dub'", "'drone'", "$word"),
}
# Of the seven below, those that each kind of column has.
FORMS = {"bool": (0, 1, 4, 6), "category": (1, 4, 6), "tags": (4, 5)}


def value(random: random.Random, kind: str) -> str:
    if random.random() < 0.1:
        kind = random.choice((*VALUES, "int16"))
    return random.choice(VALUES.get(kind, NUMBERS))


def values(random: random.Random, kind: str) -> str:
    if random.random() < 0.3:
        return "$words" if kind in ("category", "tags") else random.choice(("$many", "$`a b`"))
    return f"[{', '.join(value(random, kind) for _ in range(random.randrange(4)))}]"


def condition(random: random.Random) -> str:
    name = random.choice(COLUMNS if random.random() < 0.1 else ("id", *SCHEMA))
    kind = SCHEMA[name].kind if name in SCHEMA else "uint64"
    column = name if name.isidentifier() and name != "in" else f"`{name.replace('`', '``')}`"
    form = random.choice(FORMS.get(kind, (1, 2, 3, 4, 6)))
    if random.random() < 0.1:
        form = random.randrange(7)
    if form == 0:
        return random.choice((column, "explicit", "$clean"))
    if form == 1:
        return f"{column} in {values(random, kind)}"
    if form == 2:
        return f"{column} between {value(random, kind)} and {value(random, kind)}"
    if form == 3:
        return f"{column} {random.choice(('<', '<=', '>', '>='))} {value(random, kind)}"
    if form == 4:
        return f"{column} is {random.choice(('', 'not '))}null"
    if form == 5:
        return f"{column} has {random.choice(('any ', 'all '))}{values(random, kind)}"
    return f"{column} {random.choice(('=', '!='))} {value(random, kind)}"


def expression(random: random.Random, depth: int = 3) -> str:
    if depth == 0 or random.random() < 0.3:
        return condition(random)
    kind = random.randrange(4)
    if kind == 0:
        return f"not {expression(random, depth - 1)}"
    if kind == 1:
        return f"({expression(random, depth - 1)})"
    word = random.choice((" and ", " or "))
    return word.join(expression(random, depth - 1) for _ in range(random.randrange(2, 4)))


def changed(text: str, random: random.Random) -> str:
    """Take out, put in, swap, repeat or cut off a piece."""
    start = random.randrange(len(text) + 1)
    end = min(len(text), start + random.choice((0, 1, 1, 2, 5, 20)))
    piece = text[start:end]
    kind = random.randrange(6)
    if kind == 0:
        return text[:start] + text[end:]
    if kind == 1:
        return text[:start] + random.choice(CHARACTERS) + text[start:]
    if kind == 2:
        return text[:start] + random.choice(TOKENS) + text[end:]
    if kind == 3:
        return text[:start] + piece[::-1] + text[end:]
    if kind == 4:
        return text[:start] + piece * random.choice((2, 2, 3, 200)) + text[end:]
    return text[:start] if random.random() < 0.5 else text[start:]


def a_text(random: random.Random) -> str:
    kind = random.random()
    if kind < 0.2:
        return "".join(random.choices(CHARACTERS, k=random.randrange(40)))
    if kind < 0.5:
        glue = random.choice((" ", " ", " ", ""))
        return glue.join(random.choices(TOKENS, k=random.randrange(1, 16)))
    text = expression(random)
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        text = changed(text, random)
    return text


def check(text: str) -> str:
    """Put one text through everything; say how far it came: refused, unfit or bound."""
    try:
        tree = parse(text)
    except ExpressionError as error:
        check_place(error, text)
        return "refused"
    check_place_of(tree, text)
    written = to_text(tree)
    if len(written) < 60_000 and parse(written) != tree:
        message = f"{written!r} reads back as another tree"
        raise AssertionError(message)
    shape = json.loads(json.dumps(to_json(tree)))
    if from_json(shape) != tree:
        message = "JSON makes another tree of it"
        raise AssertionError(message)
    check_json(spoilt(shape, random.Random(text)))
    made = canonical(tree)
    if canonical(made) != made:
        message = "the canonical form has another one"
        raise AssertionError(message)
    used = {name: given for name, given in PARAMS.items() if name in text}
    try:
        bound = bind(tree, SCHEMA, used, REGISTERED)
    except ExpressionError as error:
        if error.text is not None:  # a parameter that is not used stands nowhere
            check_place(error, text)
        return "unfit"
    hash(canonical(bound.tree))
    return "bound"


JUNK = (
    *(None, True, -1, 2**64, 0.5, float("nan"), "", "=", "in", "has", "year", "\ud800"),
    *([], [None], {}, {"param": "one"}, {"param": 5}, {"column": "year"}, {"and": None}),
)


def spoilt(shape: Any, random: random.Random) -> Any:
    """Give a shape with junk in the place of one part, a part less, or a key more."""
    if isinstance(shape, dict) and shape and random.random() < 0.8:
        key = random.choice(list(shape))
        kind = random.random()
        if kind < 0.1:
            return {name: part for name, part in shape.items() if name != key}
        if kind < 0.2:
            return {**shape, random.choice(("and", "not", "op", "value", "x")): random.choice(JUNK)}
        return {**shape, key: spoilt(shape[key], random)}
    if isinstance(shape, list) and shape and random.random() < 0.8:
        place = random.randrange(len(shape))
        return [*shape[:place], spoilt(shape[place], random), *shape[place + 1 :]]
    return random.choice(JUNK)


def check_json(shape: Any) -> None:
    if not isinstance(shape, dict):
        return
    try:
        tree = from_json(shape)
    except ExpressionError as error:
        if error.path is None or not error.path.startswith("$"):
            message = f"the error of {shape!r} stands at {error.path}"
            raise AssertionError(message) from None
        return
    if len(to_text(tree)) < 60_000 and parse(to_text(tree)) != tree:
        message = f"{shape!r} reads back as another tree"
        raise AssertionError(message)


def check_place(error: ExpressionError, text: str) -> None:
    start, end = error.start, error.end
    if error.text != text or start is None or end is None or not 0 <= start <= end <= len(text):
        message = f"the error stands at {start}:{end} of {error.text!r}"
        raise AssertionError(message)
    if len(str(error)) > 900:
        message = "the message is too long to be read"
        raise AssertionError(message)


def check_place_of(tree: Expression, text: str) -> None:
    place = tree.place
    if place is None or place.text != text or not 0 <= place.start < place.end <= len(text):
        message = f"the tree stands at {place}"
        raise AssertionError(message)


def run(count: int, seed: int) -> dict[str, Any]:
    """Check so many texts; give how many came how far, and what was found."""
    source = random.Random(seed)
    came = dict.fromkeys(("refused", "unfit", "bound"), 0)
    findings: list[str] = []
    for _ in range(count):
        text = a_text(source)
        try:
            came[check(text)] += 1
        except Exception as error:  # whatever it is, it is what is looked for
            findings.append(f"{text!r}: {type(error).__name__}: {error}"[:1000])
            if len(findings) == 20:
                break
    return {"texts": count, "seed": seed, **came, "findings": findings}


def main() -> int:
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    began = time.perf_counter()
    report = run(count, seed)
    report["seconds"] = round(time.perf_counter() - began, 1)
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    return 1 if report["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
