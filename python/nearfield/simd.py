"""Which vector instructions nearfield uses.

Results and file bytes are the same at every level; only the time differs. Set the environment
variable ``NEARFIELD_SIMD`` to a name from `available` before the import to force a level.
"""

from __future__ import annotations

from nearfield import _core

__all__ = ["active", "available"]


def available() -> list[str]:
    """Name the levels that this build holds and this CPU can run, slowest first.

    Returns
    -------
    list of str
        "scalar" always, then "avx2", "avx512" or "neon".

    Examples
    --------
    >>> available()[0]
    'scalar'
    """
    return _core.simd_available()


def active() -> str:
    """Name the level that indexes made from now on will use.

    Returns
    -------
    str
        One of `available`.

    Examples
    --------
    >>> active() in available()
    True
    """
    return _core.simd_active()
