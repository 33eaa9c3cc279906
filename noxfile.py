"""The words of a contributor, and of CI: ``nox -s lint``, ``nox -s tests``; ``nox --list`` has all.

Each command line stands here and nowhere else. Sessions run in the environment that calls them
(``pip install '.[dev]'``), so one installation serves all; ``dev`` makes such an environment.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "tests"]

ROOT = Path(__file__).parent
BUILD = ROOT / "build"
TESTS = "nearfield_tests"
# What is worth running where a run is slow: not the thousands of hostile files.
ALL_BUT_HOSTILE = (
    "planes:", "graph:", "kernels:", "codes:", "codes only:", "grid:", "walk:", "recode:",
    "refit:", "link back:", "scratch:", "threads:", "index:", "mapped:", "fork:", "remove:",
    "living:", "columns:", "filters:",
)  # fmt: skip
# Where another instruction set is emulated: what depends on it, and one of each kind besides.
EMULATED = (
    "planes:", "graph:", "kernels:", "codes:", "codes only: they are equal", "grid:", "walk:",
    "recode: coded indexes are equal", "recode: answers", "refit:", "link back:", "scratch:",
    "threads:", "index:", "mapped:", "sketches: axes", "sketches: few", "remove: ties",
    "remove: a slot", "remove: a query", "filters: levels", "filters: cells", "filters: hostile",
)  # fmt: skip
ARM_CPUS = ("cortex-a53", "cortex-a76")  # without and with the dot product instructions
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    # One test forks while the pool has threads and loops in the child, which is what it is for.
    "TSAN_OPTIONS": "halt_on_error=1:die_after_fork=0",
}


def first_of(*names: str) -> str:
    """Give the first of these programs that is installed."""
    return next((name for name in names if shutil.which(name)), names[-1])


def cxx_files() -> list[str]:
    """Give all C++ of the repository."""
    folders = (ROOT / "cpp", ROOT / "tests" / "cpp", ROOT / "benchmarks" / "native")
    return [str(path) for folder in folders for path in sorted(folder.rglob("*.[ch]*"))]


def build_native(session: nox.Session, name: str, *options: str) -> str:
    """Build the native tests in build/NAME, warnings being errors; give the program."""
    folder = BUILD / name
    session.run(
        "cmake", "-S", str(ROOT), "-B", str(folder), "-DNEARFIELD_PYTHON=OFF",
        "-DNEARFIELD_TESTS=ON", "-DNEARFIELD_WERROR=ON", *options, external=True, silent=True,
    )  # fmt: skip
    session.run(
        "cmake", "--build", str(folder), "-j", str(os.cpu_count()), external=True, silent=True
    )
    return str(folder / TESTS)


@nox.session
def dev(session: nox.Session) -> None:
    """Make .venv with an editable installation whose C++ is rebuilt on import."""
    session.run(sys.executable, "-m", "venv", ".venv")
    pip = str(ROOT / ".venv" / "bin" / "pip")
    session.run(pip, "install", "scikit-build-core", "pybind11", "cmake", "ninja", external=True)
    session.run(
        pip, "install", "--no-build-isolation", "-Ceditable.rebuild=true",
        "-Ceditable.verbose=false", "-Cbuild-dir=build/{cache_tag}",
        "-Ccmake.define.CMAKE_EXPORT_COMPILE_COMMANDS=1", "-e", ".[dev]", external=True,
    )  # fmt: skip


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style of Python and C++, and the house rules."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("clang-format", "--dry-run", "--Werror", *cxx_files(), silent=True)
    session.run("python", "-m", "pytest", "-q", "tests/test_tidy.py")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, and that the stub of the compiled module is true."""
    session.run("mypy", "--strict", "python/nearfield")
    allowed = "tests/typing/stubtest_allowlist.txt"
    options = ("--ignore-disjoint-bases", "--allowlist", allowed)
    session.run("python", "-m", "mypy.stubtest", "nearfield._core", *options)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the Python tests; arguments after -- go to pytest."""
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
@nox.parametrize("compiler", ["gcc", "clang"], ids=["gcc", "clang"])
def compilers(session: nox.Session, compiler: str) -> None:
    """Build with both compilers, warnings being errors, and run the native tests."""
    found = "g++" if compiler == "gcc" else first_of("clang++-15", "clang++-16", "clang++")
    program = build_native(session, compiler, f"-DCMAKE_CXX_COMPILER={found}")
    session.run(program, *session.posargs, external=True)


@nox.session
@nox.parametrize("sanitizer", ["address,undefined", "thread"], ids=["address", "thread"])
def native(session: nox.Session, sanitizer: str) -> None:
    """Run the native tests under the sanitizers, without suppressions."""
    program = build_native(
        session, f"native-{sanitizer[:7]}", f"-DNEARFIELD_SANITIZE={sanitizer}",
        "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_CXX_FLAGS=-fno-sanitize-recover=all",
    )  # fmt: skip
    cases = session.posargs or (ALL_BUT_HOSTILE if sanitizer == "thread" else ())
    session.run(program, *cases, external=True, env=SANITIZER_OPTIONS)


@nox.session
def simde(session: nox.Session) -> None:
    """Run the native tests with all levels of x86-64 emulated, whatever this CPU has."""
    program = build_native(session, "simde", "-DNEARFIELD_SIMDE=ON")
    session.run(program, *(session.posargs or (*EMULATED, "fork:")), external=True)


@nox.session
def arm(session: nox.Session) -> None:
    """Cross-compile for ARM64; run the native tests emulated, on an old and a newer CPU."""
    program = build_native(
        session, "arm", "-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
        "-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++",
    )  # fmt: skip
    for cpu in ARM_CPUS:
        session.run(
            "qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "-cpu", cpu, program,
            *(session.posargs or EMULATED), external=True,
        )  # fmt: skip


@nox.session
def levels(session: nox.Session) -> None:
    """Run the tests of recall and counters with each SIMD level of this CPU forced."""
    ask = "import json, nearfield; print(json.dumps(nearfield.simd.available()))"
    for level in json.loads(session.run("python", "-c", ask, silent=True)):
        session.run(
            "python", "-m", "pytest", "-q", "tests/index/test_recall.py", "tests/test_counters.py",
            env={"NEARFIELD_SIMD": level},
        )  # fmt: skip


@nox.session
def examples(session: nox.Session) -> None:
    """Run every example in an empty folder."""
    with tempfile.TemporaryDirectory() as folder, session.chdir(folder):
        for path in sorted((ROOT / "examples").glob("*.py")):
            session.run("python", str(path))


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Run once what `ab.py` times, so that it still runs when it is needed."""
    session.run("python", "-m", "pytest", "benchmarks", "-q", "--benchmark-disable")


@nox.session
def wheel(session: nox.Session) -> None:
    """Build sdist and wheel; install the wheel where there is no compiler; import and query."""
    out = BUILD / "dist"
    fresh = BUILD / "wheel-venv"
    for folder in (out, fresh):
        shutil.rmtree(folder, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(out), silent=True)
    session.run(sys.executable, "-m", "venv", str(fresh))
    python = str(fresh / "bin" / "python")
    no_compiler = {"PATH": str(fresh / "bin")}
    built = str(next(out.glob("*.whl")))
    session.run(
        python, "-m", "pip", "install", "-q", "--only-binary", ":all:", built,
        external=True, env=no_compiler,
    )  # fmt: skip
    code = (
        "import numpy as np, nearfield as nf; i = nf.Index(nf.Space.Cosine, 8); "
        "i.add_items(np.eye(8)); assert i.query(np.eye(8)[3], k=1).ids[0] == 3; "
        "print(nf.simd.active())"
    )
    with tempfile.TemporaryDirectory() as folder, session.chdir(folder):
        session.run(python, "-c", code, external=True, env=no_compiler)


@nox.session
def tidy(session: nox.Session) -> None:
    """Run clang-tidy with the checks of .clang-tidy over the core."""
    folder = BUILD / "tidy"
    session.run(
        "cmake", "-S", str(ROOT), "-B", str(folder), "-DNEARFIELD_PYTHON=OFF",
        "-DCMAKE_CXX_COMPILER=" + first_of("clang++-15", "clang++-16", "clang++"),
        "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", external=True, silent=True,
    )  # fmt: skip
    sources = sorted(
        str(path)
        for path in (ROOT / "cpp" / "src").rglob("*.cpp")
        if not path.stem.startswith("level_neon")
    )
    program = first_of("clang-tidy-16", "clang-tidy")
    session.run(program, "-p", str(folder), "--quiet", *sources, external=True)


@nox.session
def bench(session: nox.Session) -> None:
    """Compare with the peers that are installed (pip install -r benchmarks/requirements.txt)."""
    session.run("python", "benchmarks/compare.py", *session.posargs)


@nox.session
def proof(session: nox.Session) -> None:
    """Run the long counts, half an hour: hostile files, kills, random calls, filtered queries."""
    session.run("python", "tests/proof.py")
