"""The command ``nearfield``: registers the commands, maps errors to exit codes.

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | wrong usage |
| 3 | input data invalid |
| 4 | index file damaged, of another kind or version |
| 5 | quality gate failed (``evaluate --min-recall``) |
| 130 | interrupted |
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from nearfield.cli import build, convert, demo, evaluate, export, info, output, query, validate
from nearfield.errors import IndexFileError, InvalidInput, NearfieldError

EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 input data invalid, 4 index file damaged or of "
    "another kind, 5 recall below --min-recall, 130 interrupted."
)

app = typer.Typer(
    help="Vector search for recommendation: build, query and check index files.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _settings(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="A TOML file of defaults: a table per command, e.g. [build] m = 16."),
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Options come from flags, then NEARFIELD_<COMMAND>_<OPTION>, then --config, then defaults."""
    if version:
        from nearfield import __version__

        output.data_line(__version__)
        raise typer.Exit
    if config is not None:
        context.default_map = _read_config(config)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"--config {path}: {error}"
        raise typer.BadParameter(message) from error
    return {
        command: {name.replace("-", "_").lower(): value for name, value in options.items()}
        for command, options in settings.items()
        if isinstance(options, dict)
    }


for each in (build, query, info, validate, evaluate, export, convert, demo):
    app.command(each.__name__.rpartition(".")[2], epilog=EXIT_CODES)(each.command)


def exit_code_of(error: BaseException) -> int:
    """Map an error to the exit code that scripts rely on.

    Parameters
    ----------
    error : BaseException
        What ended the command.

    Returns
    -------
    int
        See the head of this file.
    """
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, IndexFileError):
        return 4
    if isinstance(error, InvalidInput):
        return 3
    return 1


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, optional
        Default: those of the process.

    Raises
    ------
    SystemExit
        Always, with the exit code.
    """
    try:
        app(arguments, standalone_mode=True, auto_envvar_prefix="NEARFIELD")
    except (NearfieldError, OSError, KeyboardInterrupt) as error:
        output.error("interrupted" if isinstance(error, KeyboardInterrupt) else str(error))
        sys.exit(exit_code_of(error))
