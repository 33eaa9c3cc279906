"""``python -m nearfield``: the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or say what it needs.

    Raises
    ------
    SystemExit
        With the exit code of the command; 1 and a sentence when the extra is not installed.
    """
    try:
        from nearfield.cli.main import main as run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in (
            "typer",
            "rich",
            "click",
            "shellingham",
        ):
            raise
        sys.exit("the command line needs typer and rich: pip install 'nearfield[cli]'")
    run()


if __name__ == "__main__":
    main()
