"""The native programs beside these commands, compiled by cmake when they are asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from machine import ROOT
from measure import say


class NoProgram(Exception):
    """There is no cmake, or it failed."""


def program(name: str, cache: Path) -> Path:
    """Give the program of native/NAME.cpp, built like the module: the same sources and flags."""
    # An environment's own cmake counts, activated or not.
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    cmake = shutil.which("cmake", path=places)
    if cmake is None:
        message = "there is no cmake; pip install cmake"
        raise NoProgram(message)
    folder = cache / "native"
    say(f"compiling native/{name}.cpp ...")
    _run(
        cmake, "-S", str(ROOT), "-B", str(folder), "-DNEARFIELD_PYTHON=OFF", "-DNEARFIELD_BENCH=ON"
    )
    _run(cmake, "--build", str(folder), "--target", f"nearfield_{name}", "-j", "2")
    return folder / f"nearfield_{name}"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        raise NoProgram(message)
