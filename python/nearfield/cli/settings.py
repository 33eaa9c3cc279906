"""Settings of build, query, evaluate and tune: flags, environment, a file, defaults, in this order.

Only the command line reads these, and only here. An option ``--ef-construction`` of ``build`` is
``NEARFIELD_BUILD_EF_CONSTRUCTION`` in the environment, and in the file of ``--config``::

    [build]
    ef-construction = 400
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

__all__ = ["Config", "from_environment"]


def from_environment(command: str) -> dict[str, Any]:
    """Let the options of a command also be given in the environment.

    Parameters
    ----------
    command : str
        Its name.

    Returns
    -------
    dict
        ``context_settings`` for typer.
    """
    return {"auto_envvar_prefix": f"NEARFIELD_{command.upper()}"}


def _load(context: typer.Context, path: Path | None) -> Path | None:
    """Make the file's table for this command the defaults of its options."""
    if path is None or context.resilient_parsing:
        return path
    command = str(context.info_name)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"{path}: {error}"
        raise typer.BadParameter(message) from error
    commands = context.parent.command.commands if context.parent else {command: None}  # type: ignore[attr-defined]
    stray = sorted(name for name, value in tables.items() if name not in commands)
    if stray:
        message = (
            f"{path}: {stray[0]!r} is no command; options stand below a line such as [{command}]"
        )
        raise typer.BadParameter(message)
    options = tables.get(command, {})
    if not isinstance(options, dict):
        message = f"{path}: {command} is not a table; write a line [{command}] and options below it"
        raise typer.BadParameter(message)
    known = {p.name for p in context.command.params if p.param_type_name == "option"} - {"config"}
    found = {name.replace("-", "_").lower(): _text(value) for name, value in options.items()}
    if "output" in found and "out" in known and "out" not in found:  # the flag's name
        found["out"] = found.pop("output")
    unknown = sorted(set(found) - known)
    if unknown:
        message = (
            f"{path}: {command} has no option {unknown[0]!r}; it has {', '.join(sorted(known))}"
        )
        raise typer.BadParameter(message)
    context.default_map = found
    return path


def _text(value: Any) -> Any:
    """Join a list with commas, as it is written on the command line."""
    return ",".join(map(str, value)) if isinstance(value, list) else value


Config: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        is_eager=True,
        callback=_load,
        help="A TOML file of defaults, a table for each command; flags and environment go first.",
    ),
]
