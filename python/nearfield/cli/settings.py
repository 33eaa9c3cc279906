"""Settings of build, query, evaluate and tune: flags, environment, a file, defaults, in this order.

Only the command line reads these, and only here. An option ``--ef-construction`` of ``build`` is
``NEARFIELD_BUILD_EF_CONSTRUCTION`` in the environment, and in the file of ``--config``::

    [build]
    ef-construction = 400

Where an option has two names, such as ``--queries`` and ``--vectors`` of ``query``, both will do.
"""

from __future__ import annotations

import os
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
    """Make the file's table for this command, and other names of options, their defaults."""
    if not context.resilient_parsing:
        names = _names(context)
        given = {} if path is None else _table(context, path, names)
        context.default_map = given | _environment(context, names)
    return path


def _names(context: typer.Context) -> dict[str, str]:
    """Lead every long flag of the command, in the form of a setting, to the parameter behind it."""
    names: dict[str, str] = {}
    for option in context.command.params:
        if option.param_type_name == "option" and option.name and option.name != "config":
            flags = [flag for flag in option.opts if flag.startswith("--")] or [option.name]
            names |= {_setting(flag): option.name for flag in flags}
    return names


def _setting(name: str) -> str:
    return name.removeprefix("--").replace("-", "_").lower()


def _environment(context: typer.Context, names: dict[str, str]) -> dict[str, str]:
    """Read the options that are given by another name than the one that typer looks for."""
    found = {}
    for setting, parameter in names.items():
        value = os.environ.get(f"{context.auto_envvar_prefix}_{setting.upper()}")
        if value and setting != parameter:
            found[parameter] = value
    return found


def _table(context: typer.Context, path: Path, names: dict[str, str]) -> dict[str, Any]:
    """Read the file's table for this command, by parameters."""
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
    found = {_setting(name): _text(value) for name, value in options.items()}
    unknown = sorted(set(found) - set(names))
    if unknown:
        message = (
            f"{path}: {command} has no option {unknown[0]!r}; it has {', '.join(sorted(names))}"
        )
        raise typer.BadParameter(message)
    return {names[setting]: value for setting, value in found.items()}


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
