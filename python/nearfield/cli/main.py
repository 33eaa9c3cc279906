"""The command ``nearfield``: registers the commands, maps errors to exit codes.

====  ================================================
code  meaning
====  ================================================
0     done
1     failed
2     wrong usage
3     input data invalid
4     index file damaged, of another kind or version
5     recall not reached (``evaluate --min-recall``, ``tune --recall``)
130   interrupted
====  ================================================
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from nearfield.cli import (
    add,
    build,
    compact,
    convert,
    demo,
    evaluate,
    export,
    info,
    output,
    query,
    remove,
    settings,
    tune,
    upsert,
    validate,
)
from nearfield.errors import (
    IndexFileError,
    InvalidInput,
    NearfieldError,
    NotEnoughData,
    TooFewNeighbors,
    UnknownId,
)

__all__ = ["EXIT_CODES", "app", "exit_code_of", "main"]

EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 input data invalid, 4 index file damaged or of "
    "another kind, 5 recall below --min-recall or --recall, 130 interrupted."
)
INTERRUPTED = 130
_OPTIONS = {"(`key`)": "(--key)", "(`vectors`)": "(--column)", "(`columns`)": "(--columns)"}

app = typer.Typer(
    help="Vector search for recommendation: build, query, change and check index files.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        from nearfield._core import version

        output.data_line(version)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


for _command in (build, query, evaluate, tune):
    _name = _command.__name__.rpartition(".")[2]
    app.command(_name, epilog=EXIT_CODES, context_settings=settings.from_environment(_name))(
        _command.command
    )
for _other in (add, upsert, remove, compact, info, validate, export, convert, demo):
    app.command(_other.__name__.rpartition(".")[2], epilog=EXIT_CODES)(_other.command)


def exit_code_of(error: Exception) -> int:
    """Map an error to the exit code that scripts rely on.

    Parameters
    ----------
    error : Exception
        What ended the command.

    Returns
    -------
    int
        See the head of this file.
    """
    if isinstance(error, IndexFileError):
        return 4
    if isinstance(error, (InvalidInput, NotEnoughData, UnknownId, TooFewNeighbors)):
        return 3
    return 1


def _with_options(message: str) -> str:
    """Name the options of commands where the library names its arguments."""
    for argument, option in _OPTIONS.items():
        message = message.replace(argument, option)
    return message


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
        app(arguments, prog_name="nearfield")
    except (NearfieldError, OSError) as error:
        output.error(_with_options(str(error)))
        sys.exit(exit_code_of(error))
    except MemoryError:
        output.error("not enough memory; build --dry-run says how much an index takes")
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            output.error("interrupted; no file was changed")
        raise
