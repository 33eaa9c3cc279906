"""The expressions of ``where=``: three front ends, one tree, and what binds it to columns.

::

    text    tokens, slips, parser ─┐
    Python  values, ../filters.py ─┼─> nodes ──> binding (fitting) ──> canonical ──> a compiler
    JSON    json_form             ─┘     └─> writer: a tree as text

    faults: an error with a mark under the place; nearest: the known name that was meant;
    moments: timestamps; column_types: what a column may be asked

**Null rule.** There are two truth values. A condition on a column that is null is false, ``!=``
included, and ``is null`` asks for it; ``not e`` is true for exactly the rows for which ``e`` is
false. So ``x != 1`` leaves null out, ``not x = 1`` has it, and neither is ever made of the other.

Trees are bounded when they are made (`nodes.MOST_DEPTH`, `nodes.MOST_SIZE`), so what walks them
may recurse.
"""
