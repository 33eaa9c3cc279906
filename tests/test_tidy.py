"""The house rules as tests (CONTRIBUTING.md, ARCHITECTURE.md)."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "nearfield"
CPP = sorted((ROOT / "cpp").rglob("*.[ch]*"))
PYTHON = sorted(PACKAGE.rglob("*.py"))
ALL_PYTHON = (
    PYTHON + sorted((ROOT / "tests").rglob("*.py")) + sorted((ROOT / "benchmarks").rglob("*.py"))
)

# Left may not use right. state.h is what files and everything right of them share.
CPP_ROOMS = ("simd", "codes", "planes", "graph", "walk", "build", "files", "index", "bindings")
KERNEL_HEADERS = [
    *sorted((ROOT / "cpp/src/simd").glob("*.h")),
    *(
        ROOT / "cpp/src/walk" / name
        for name in ("beam.h", "level_table.h", "prune.h", "search.h", "view.h", "visited.h")
    ),
    ROOT / "cpp/src/planes/rows.h",
]


def code_lines_of_python(path: Path) -> int:
    """Lines with code: neither blank nor comment nor docstring."""
    tree = ast.parse(path.read_text())
    docstrings: set[int] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            docstrings.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines: set[int] = set()
    skipped = (
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
    )
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type not in skipped:
                lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


def code_lines_of_cpp(path: Path) -> int:
    lines = (line.strip() for line in path.read_text().splitlines())
    return sum(1 for line in lines if line and not line.startswith("//"))


@pytest.mark.parametrize("path", [*ALL_PYTHON, *CPP], ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_small(path: Path) -> None:
    count = code_lines_of_python(path) if path.suffix == ".py" else code_lines_of_cpp(path)
    assert count <= 400


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "cpp").parts
    if parts[0] in ("bindings", "include"):
        return parts[0]
    return parts[1] if len(parts) > 2 else "index"


def test_cpp_rooms_use_only_what_lies_left() -> None:
    wrong = []
    for path in CPP:
        room = room_of(path)
        if room == "include" or room not in CPP_ROOMS:
            continue
        for included in re.findall(r'#include "([^"]+)"', path.read_text()):
            used = included.split("/")[0] if "/" in included else None
            if used in CPP_ROOMS and CPP_ROOMS.index(used) > CPP_ROOMS.index(room):
                # A walk asks the guard of a mapped file through one function pointer; the state owns it.
                if included == "files/block_guard.h":
                    continue
                wrong.append(f"{path.relative_to(ROOT)} includes {included}")
    assert not wrong


def test_kernel_headers_include_integers_and_intrinsics_alone() -> None:
    allowed = {"<cstddef>", "<cstdint>", "<immintrin.h>", "<arm_neon.h>"}
    for path in KERNEL_HEADERS:
        text = path.read_text()
        assert set(re.findall(r"#include (<[^>]+>)", text)) <= allowed, path.name
        for included in re.findall(r'#include "([^"]+)"', text):
            assert ROOT / "cpp/src" / included in KERNEL_HEADERS, (path.name, included)


@pytest.mark.skipif(
    shutil.which("g++") is None, reason="no g++ on this machine to compile the levels with"
)
def test_level_objects_hold_no_weak_symbol(tmp_path: Path) -> None:
    levels = {
        "scalar": [],
        "avx2": ["-mavx2"],
        "avx512": ["-mavx512f", "-mavx512bw", "-mavx512vl", "-w"],
    }
    machine = subprocess.run(
        ["g++", "-dumpmachine"], capture_output=True, text=True, check=True
    ).stdout
    for level, flags in levels.items() if machine.startswith("x86_64") else ():
        out = tmp_path / f"{level}.o"
        source = ROOT / "cpp/src/walk" / f"level_{level}.cpp"
        include = [f"-I{ROOT / 'cpp/src'}", f"-I{ROOT / 'cpp/include'}"]
        command = [
            "g++",
            "-std=c++20",
            "-O2",
            "-ffp-contract=off",
            *flags,
            *include,
            "-c",
            source,
            "-o",
            out,
        ]
        subprocess.run(command, check=True)
        symbols = subprocess.run(
            ["nm", "-C", out], capture_output=True, text=True, check=True
        ).stdout
        shared = [line for line in symbols.splitlines() if re.search(r"\b[TWVBDR]\b", line)]
        assert [line.split(maxsplit=2)[2] for line in shared] == [f"nearfield::level_{level}"], (
            shared
        )


def test_cpp_has_no_macros_and_no_raw_new() -> None:
    for path in CPP:
        text = re.sub(r"//.*", "", path.read_text())
        assert "#define" not in text, path
        assert not re.search(r"(?<!operator )\bnew [A-Za-z(]", text), path
        assert "assert(" not in text.replace("static_assert(", ""), path


def test_build_files_ask_for_no_host_and_no_fast_math() -> None:
    text = re.sub(r"#.*", "", (ROOT / "CMakeLists.txt").read_text())
    for flag in ("-march=native", "-ffast-math", "-Ofast", "-mfma"):
        assert flag not in text


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_python_neither_prints_nor_swallows_nor_asserts(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        assert not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        )
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None)
        assert not isinstance(node, ast.Assert)


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nearfield"):
            rest = (node.module or "").split(".")[1:]
            rooms.update(rest[:1] or [alias.name for alias in node.names])
    return rooms


def test_python_rooms_use_only_what_lies_below() -> None:
    below = (
        "_arrays",
        "errors",
        "typing",
        "spaces",
        "memory",
        "exact",
        "evaluate",
        "sources",
        "parquet",
        "e4m3",
        "neighbors",
        "simd",
    )
    above = {"index", "string_index", "opening", "sklearn", "cli", "report"}
    for name in below:
        assert not imported_rooms(PACKAGE / f"{name}.py") & above, name
    for path in PYTHON:
        if path.parent.name != "cli" and path.name not in ("__main__.py",):
            assert "cli" not in imported_rooms(path), path.name


def test_no_catch_all_names() -> None:
    for path in [*PYTHON, *CPP]:
        assert not {"utils", "util", "helpers", "manager", "common", "misc"} & set(
            path.stem.split("_")
        ), path


def test_todo_carries_a_number() -> None:
    word = "TO" + "DO"
    for path in [*ALL_PYTHON, *CPP]:
        for line in path.read_text().splitlines():
            assert word not in line or re.search(word + r"\(#\d+\)", line), path


def test_one_report_builder() -> None:
    builders = [path for path in PYTHON if "<!doctype html>" in path.read_text()]
    assert [path.name for path in builders] == ["report.py"]
