"""Load the compiled core, or say in one sentence why it cannot run here.

The core is compiled for the floor of its platform (plain x86-64, armv8-a) and chooses faster
instructions at run time, so there is no instruction to check for; what can fail is the import
itself, and a wish for a level that this CPU lacks.
"""

from __future__ import annotations

from collections.abc import Mapping

from nearfield.errors import CpuNotSupported, InvalidInput

__all__ = ["load_core"]


def load_core(environment: Mapping[str, str]) -> None:
    """Import the compiled module and choose its SIMD level.

    Parameters
    ----------
    environment : mapping
        Read for ``NEARFIELD_SIMD``: the name of a level, or empty for the fastest.

    Raises
    ------
    CpuNotSupported
        The module cannot be imported, or the level is not available.
    """
    try:
        from nearfield import _core
    except ImportError as error:
        message = (
            f"the compiled part of nearfield cannot be loaded on this machine ({error}); "
            f"reinstall it for this Python and CPU: pip install --force-reinstall nearfield"
        )
        raise CpuNotSupported(message) from error
    wanted = environment.get("NEARFIELD_SIMD", "")
    if not wanted:
        return
    try:
        _core.simd_force(wanted)
    except InvalidInput as error:
        levels = ", ".join(_core.simd_available())
        message = f"NEARFIELD_SIMD is {wanted!r}, but this machine and build have {levels}"
        raise CpuNotSupported(message) from error
