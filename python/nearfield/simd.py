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
        "scalar" always. On x86-64 then "avx2", "avxvnni" (AVX2 with AVX-VNNI) and "avx512"
        (AVX-512 F, BW, VL and VNNI; a CPU with AVX-512 but without VNNI uses "avx2"). On ARM64
        "neon" and "neondot" (with the dot product of ARMv8.2).

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
