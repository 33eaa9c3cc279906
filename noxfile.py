"""The words of a contributor: ``nox -s dev | lint | types | tests | native | arm | wheel | bench | proof``.

Sessions run in the environment that calls them (``pip install '.[dev]'``), so one installation serves all; CI
uses the same words.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "tests"]

ROOT = Path(__file__).parent
BUILD = ROOT / "build"
CXX_FILES = [str(p) for p in sorted(ROOT.glob("cpp/**/*.[ch]*")) + sorted(ROOT.glob("tests/cpp/*.[ch]*"))]
ARM_CPUS = ("cortex-a53", "cortex-a76")  # without and with the dot product instructions


def cmake(session: nox.Session, name: str, *options: str) -> Path:
    """Configure and build the native tests in build/NAME; give the folder."""
    folder = BUILD / name
    session.run(
        "cmake", "-S", str(ROOT), "-B", str(folder), "-DNEARFIELD_PYTHON=OFF", "-DNEARFIELD_TESTS=ON",
        "-DNEARFIELD_WERROR=ON", *options, external=True, silent=True,
    )
    session.run("cmake", "--build", str(folder), "-j", str(os.cpu_count()), external=True, silent=True)
    return folder


@nox.session
def dev(session: nox.Session) -> None:
    """Make .venv with an editable installation that rebuilds itself."""
    session.run(sys.executable, "-m", "venv", ".venv")
    pip = str(ROOT / ".venv" / "bin" / "pip")
    session.run(pip, "install", "scikit-build-core", "pybind11", "cmake", "ninja", external=True)
    session.run(pip, "install", "--no-build-isolation", "-Ceditable.rebuild=true", "-Cbuild-dir=build/{cache_tag}",
                "-e", ".[dev]", external=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style: ruff and clang-format."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("clang-format", "--dry-run", "--Werror", *CXX_FILES)


@nox.session
def types(session: nox.Session) -> None:
    """Check types, and that the stub of the compiled module is true."""
    session.run("mypy", "--strict", "python/nearfield")
    session.run("python", "-m", "mypy.stubtest", "nearfield._core", "--ignore-disjoint-bases")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests."""
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
@nox.parametrize("sanitizer", ["address,undefined", "thread"])
def native(session: nox.Session, sanitizer: str) -> None:
    """Run the native tests under a sanitizer, without suppressions."""
    folder = cmake(session, f"native-{sanitizer[:6]}", f"-DNEARFIELD_SANITIZE={sanitizer}",
                   "-DCMAKE_BUILD_TYPE=RelWithDebInfo")
    session.run(str(folder / "nearfield_tests"), external=True,
                env={"UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1", "TSAN_OPTIONS": "halt_on_error=1"})


@nox.session
def clang(session: nox.Session) -> None:
    """Build with clang, warnings being errors, and run the native tests."""
    found = next((name for name in ("clang++-16", "clang++-15", "clang++") if shutil.which(name)), "clang++")
    folder = cmake(session, "clang", f"-DCMAKE_CXX_COMPILER={found}")
    session.run(str(folder / "nearfield_tests"), external=True)


@nox.session
def arm(session: nox.Session) -> None:
    """Cross-compile for ARM64 and run the native tests under emulation."""
    folder = cmake(session, "arm", "-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
                   "-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++")
    for cpu in ARM_CPUS:
        session.run("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "-cpu", cpu,
                    str(folder / "nearfield_tests"), external=True)


@nox.session
def wheel(session: nox.Session) -> None:
    """Build sdist and wheel; install the wheel where there is no compiler; import and query."""
    out = BUILD / "dist"
    shutil.rmtree(out, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(out), silent=True)
    fresh = BUILD / "wheel-venv"
    shutil.rmtree(fresh, ignore_errors=True)
    session.run(sys.executable, "-m", "venv", str(fresh))
    built = next(out.glob("*.whl"))
    python = str(fresh / "bin" / "python")
    session.run(python, "-m", "pip", "install", "-q", str(built), external=True, env={"CXX": "/nonexistent"})
    code = ("import numpy as np, nearfield as nf; i = nf.Index(nf.Space.Cosine, 8); i.add_items(np.eye(8)); "
            "assert i.query(np.eye(8)[3], k=1).ids[0] == 3")
    session.run(python, "-c", code, external=True, env={"PATH": str(fresh / "bin")})


@nox.session
def bench(session: nox.Session) -> None:
    """Compare with the peers that are installed (pip install '.[bench]')."""
    session.run("python", "benchmarks/compare.py", *session.posargs)


@nox.session
def proof(session: nox.Session) -> None:
    """Run the long counts: hostile files and kills during save."""
    session.run("python", "-m", "pytest", "-q", "tests/files", env={"NEARFIELD_PROOF": "1"})
