"""The known name that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["nearest"]

_LONGEST = 64  # characters of a name that is looked at: the comparison is quadratic
_MOST = 2_000  # known names; beyond it a guess would cost more than the query


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Find the known name that is most like a given one.

    Parameters
    ----------
    name : str
        What was written.
    known : iterable of str
        Names that exist; their order does not matter.

    Returns
    -------
    str or None
        One that differs in its case alone, else one that shares most letters with it, else one of
        the same letters in another order; None where none is near, the name is longer than 64
        characters, or more than 2,000 are of its length.

    Examples
    --------
    >>> nearest("expliict", ["explicit", "market"]), nearest("se", ["NO", "SE"])
    ('explicit', 'SE')
    >>> nearest("tempo", ["market"])
    """
    if len(name) > _LONGEST:
        return None
    folded = name.casefold()
    most = len(name) // 2 + 1
    near = [one for one in known if abs(len(one) - len(name)) <= most and one != name]
    for one in sorted(near) if len(near) <= _MOST else near:
        if one.casefold() == folded:
            return one
    if len(near) > _MOST:
        return None
    of_folded = {one.casefold(): one for one in reversed(sorted(near))}
    found = difflib.get_close_matches(folded, of_folded, n=1, cutoff=0.65)
    if found:
        return of_folded[found[0]]
    letters = sorted(folded)  # two letters that changed places are most of a short word
    return next((of_folded[one] for one in sorted(of_folded) if sorted(one) == letters), None)
