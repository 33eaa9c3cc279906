"""Random expressions and rows for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st
from nearfield._expressions.nodes import (
    FALSE,
    TRUE,
    And,
    Between,
    Compare,
    Flag,
    Has,
    In,
    IsNull,
    Not,
    Or,
    Parameter,
    Registered,
)

from tests.index.expression_oracle import GENRES, KINDS, MARKETS

OPS = ("=", "!=", "<", "<=", ">", ">=")
FILTERS = {"clean": {1, 2, 5}, "old ones": {3, 4, 5}}

# Few different values, so that rows and expressions meet; and those at the edges of types.
WHOLE = (-(2**63), -129, -128, -1, 0, 1, 2, 5, 127, 128, 300, 2**24 + 1, 2**53 + 1, 2**63 - 1)
BROKEN = (-1e300, -128.5, -0.0, 0.1, 1.0, 2.5, 127.0, 127.5, 1e39, 9.3e18, 1e300)
MOMENTS = (
    "1969-12-31",
    "1970-01-01",
    "2024-05-01T12:00:00Z",
    "2024-05-01T12:00:00.000001",
    "2024-05-01T14:00:00+02:00",
)
ROW_NUMBERS = {
    "tiny": (-128, -1, 0, 1, 2, 5, 127),
    "year": (-129, 0, 1, 2, 5, 127, 128, 300),
    "plays": (-(2**63), -1, 0, 2, 300, 2**53, 2**53 + 1, 2**63 - 1),
    "rating": (-3.4028234663852886e38, -0.0, 0.10000000149011612, 2.5, 16777216.0, float("inf")),
    "score": (-1e300, 0.0, 0.1, 2.5, 2.0**53, 9.3e18, 1e39),
    "released": (-86400000000, 0, 1714564800000000, 1714564800000001),
}


def trees(leaves):
    """And, Or and Not above leaves, of every form, the constants among them."""
    return st.recursive(
        leaves | st.sampled_from((TRUE, FALSE)),
        lambda inner: st.one_of(
            inner.map(Not),
            st.lists(inner, min_size=2, max_size=4).map(lambda terms: And(tuple(terms))),
            st.lists(inner, min_size=2, max_size=4).map(lambda terms: Or(tuple(terms))),
        ),
        max_leaves=12,
    )


def tuples(values, least=0):
    return st.lists(values, min_size=least, max_size=5).map(tuple)


def of_column(column):
    """Conditions that fit a column."""
    kind = KINDS.get(column, "id")
    null = st.just(IsNull(column))
    if kind == "bool":
        values = st.booleans()
        compared = st.builds(Compare, st.just(column), st.sampled_from(OPS[:2]), values)
        return null | st.just(Flag(column)) | compared | in_list(column, values)
    if kind == "category":
        values = st.sampled_from((*MARKETS, "se", "XX"))
        compared = st.builds(Compare, st.just(column), st.sampled_from(OPS[:2]), values)
        return null | compared | in_list(column, values)
    if kind == "tags":
        values = tuples(st.sampled_from((*GENRES, "jazz")))
        return null | st.builds(Has, st.just(column), st.sampled_from(("any", "all")), values)
    values = st.sampled_from(MOMENTS) if kind == "timestamp" else st.sampled_from(WHOLE + BROKEN)
    compared = st.builds(Compare, st.just(column), st.sampled_from(OPS), values)
    between = st.builds(Between, st.just(column), values, values)
    return null | compared | between | in_list(column, values)


def in_list(column, values):
    return st.builds(In, st.just(column), tuples(values))


def fitting():
    """Expressions that fit the columns of the oracle."""
    leaves = st.sampled_from((*KINDS, "id")).flatmap(of_column)
    return trees(leaves | st.sampled_from(tuple(FILTERS)).map(Registered))


def rows():
    """Rows with ids from 1 on; a column is null in about a third of them."""
    columns = {
        "explicit": st.booleans(),
        "market": st.sampled_from(MARKETS),
        "in `odd`": st.sampled_from(MARKETS),
        "genres": st.lists(st.sampled_from(GENRES), max_size=3, unique=True),
        **{name: st.sampled_from(values) for name, values in ROW_NUMBERS.items()},
    }
    row = st.fixed_dictionaries(
        {name: st.one_of(st.none(), values, values) for name, values in columns.items()}
    )
    return st.lists(row, min_size=1, max_size=8).map(
        lambda found: [{**one, "id": i + 1} for i, one in enumerate(found)]
    )


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
NAMES = st.sampled_from(("year", "id", "In", "not", "_x9", "a b", "`", "''", "日本", "\n")) | (
    TEXT.filter(bool)
)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
    NAMES.map(Parameter),
)


def any_trees():
    """Expressions of every form, whether they fit any columns or not."""
    lists = tuples(VALUES) | NAMES.map(Parameter)
    return trees(
        st.one_of(
            st.builds(Compare, NAMES, st.sampled_from(OPS), VALUES),
            st.builds(In, NAMES, lists),
            st.builds(Between, NAMES, VALUES, VALUES),
            st.builds(Has, NAMES, st.sampled_from(("any", "all")), lists),
            NAMES.map(IsNull),
            NAMES.map(Flag),
            NAMES.map(Registered),
        )
    )
