"""The rules of the house as tests; ARCHITECTURE.md and CONTRIBUTING.md give the reasons.

They read files: nothing is imported but what is asked for its documentation, and only the test of
symbols needs a compiler.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import json
import re
import shutil
import subprocess
import sys
import textwrap
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "nearfield"
CPP = ROOT / "cpp"
MOST_CODE_LINES = 400

FOLDERS = ("cpp", "python", "tests", "benchmarks", "examples", ".ci", ".github")
ROOT_FILES = (
    "*.md",
    "*.toml",
    "*.txt",
    "*.py",
    "*.yaml",
    ".clang-*",
    ".editorconfig",
    ".gitignore",
)


def files(*suffixes: str) -> list[Path]:
    """Every hand-written file of the repository with one of these endings; all of them for none."""
    found = [path for name in FOLDERS for path in (ROOT / name).rglob("*") if path.is_file()]
    found += [path for pattern in ROOT_FILES for path in ROOT.glob(pattern)]
    left_out = {"__pycache__", "data", "results"}
    return sorted(
        path
        for path in found
        if (not suffixes or path.suffix in suffixes)
        and not left_out.intersection(path.relative_to(ROOT).parts)
        and not any(part.startswith(".") for part in path.relative_to(ROOT).parts[1:-1])
        and path.suffix not in (".so", ".pyc", ".png")
    )


PYTHON_FILES = files(".py", ".pyi")
CPP_FILES = files(".h", ".cpp")
PACKAGE_FILES = [path for path in PYTHON_FILES if PACKAGE in path.parents and path.suffix == ".py"]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name_of)


def without_comments(text: str) -> str:
    """C++ with comments and the contents of strings taken out, line breaks kept."""
    kept = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\''
    pattern = re.compile(rf"(?P<kept>{kept})|//[^\n]*|/\*.*?\*/", re.DOTALL)

    def replaced(match: re.Match[str]) -> str:
        return '""' if match["kept"] else "\n" * match[0].count("\n")

    return pattern.sub(replaced, text)


def code_lines(path: Path) -> int:
    """Lines that hold code: neither blank nor only comment or docstring."""
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".h", ".cpp"):
        return sum(1 for line in without_comments(text).splitlines() if line.strip())
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    lines: set[int] = set()
    begins = True  # of a statement: a string that is one by itself is a docstring
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in silent:
            begins = begins or token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
            continue
        if not (begins and token.type == tokenize.STRING):
            lines.update(range(token.start[0], token.end[0] + 1))
        begins = False
    return len(lines)


# --- files ---------------------------------------------------------------------------------------


@each(PYTHON_FILES + CPP_FILES)
def test_a_file_stays_small(path: Path) -> None:
    assert code_lines(path) <= MOST_CODE_LINES


@each(PYTHON_FILES + CPP_FILES)
def test_a_name_says_what_a_file_is_for(path: Path) -> None:
    words = re.split(r"[_.]", path.name)
    assert not {"utils", "util", "helpers", "helper", "manager", "common", "misc"} & set(words)


@pytest.mark.parametrize("what", ["report", "calibration", "service", "frames"])
def test_there_is_one_of_each(what: str) -> None:
    """One report builder, one calibration, one service, one frame adapter in the whole package."""
    found = [path for path in PACKAGE.rglob("*") if path.stem == what and "cli" not in path.parts]
    assert len({path.parent / path.stem for path in found if path.suffix in (".py", "")}) <= 1


def test_nothing_names_a_machine_or_a_registry() -> None:
    words = [
        "/" + "work/", "/" + "tmp/env", "/" + "root/", "py" + "pi.org", "python" + "hosted.org",
        "deb." + "debian.org", "registry." + "npmjs", "index-" + "url",
    ]  # fmt: skip
    found = [
        (name_of(path), word)
        for path in files()
        for word in words
        if word in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert not found


def test_a_todo_has_a_number() -> None:
    pattern = re.compile(r"\bTO" + r"DO\b(?!\(#\d+\))|\bFIX" + r"ME\b|\bX" + r"XX\b")
    assert not [
        name_of(path) for path in files() if pattern.search(path.read_text(errors="replace"))
    ]


def test_readme_has_the_two_commands() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    begin = "python3 -m venv .venv && . .venv/bin/activate && pip install"
    assert f"{begin} '.[all]' && nearfield demo" in lines
    assert f"{begin} '.[test]' && pytest" in lines


def test_readmes_table_is_made_from_results_that_are_kept() -> None:
    """No figure of README is typed by hand; the newest result at k = 10 is among them."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    results = ROOT / "benchmarks" / "results"
    stems = dict.fromkeys(re.findall(r"benchmarks/results/(\w+-[0-9a-f]{12})-", readme))
    paths = [str(results / f"{stem}.json") for stem in stems]
    at_ten = [
        path
        for path in results.glob("*.json")
        if json.loads(path.read_text())["settings"]["k"] == 10
    ]
    assert str(max(at_ten)) in paths
    code = (
        "import json, sys; sys.path.insert(0, 'benchmarks'); import report; "
        f"print(report.readme_table(*(json.load(open(path)) for path in {paths!r})), end='')"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert made in readme


# --- Python --------------------------------------------------------------------------------------

# Who may use whom: a module uses rooms to its left, and its own. Nothing uses `cli`.
PYTHON_ROOMS: list[tuple[str, set[str]]] = [
    ("words", {"errors", "typing", "_core"}),
    (
        "below the index",
        {
            "_adding", "_archives", "_arrays", "_arrow", "_arrow_columns", "_check_cpu", "_chunks",
            "_column_input", "_column_values", "_described", "_expressions", "_facts", "_files",
            "_filtering", "_given_columns", "_key_described", "_key_filters", "_key_sets",
            "_key_table", "_keyed", "_keys", "_named_filters", "_numbers", "_program", "_progress",
            "_removing", "_result_columns", "_roaring", "_source", "columns", "compiled", "e4m3",
            "evaluate", "exact", "filters", "id_sets", "ids", "memory", "neighbors", "parquet",
            "query_plan", "simd", "sources", "spaces", "stats", "tune",
        },
    ),
    ("index", {"index", "string_index", "opening", "watching"}),
    (
        "above the index",
        {
            "calibration", "cluster", "datasets", "experiment", "policy", "report", "scale",
            "service", "sklearn", "taste",
        },
    ),
    ("package", {""}),
    ("cli", {"cli", "__main__"}),
]  # fmt: skip
RANK = {module: rank for rank, (_, modules) in enumerate(PYTHON_ROOMS) for module in modules}
# Rooms that see less than their place allows.
ONLY = {
    "experiment": {"errors", "typing", "report", "calibration"},
    "typing": set(),
    "report": {"errors", "typing"},
}
NEVER = {("taste", "experiment")}


def module_of(path: Path) -> str:
    """The first name below the package: ``index`` for index.py, ``cli`` for cli/build.py."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def statements(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for node in body:
        if not is_for_types(node):
            yield from ast.walk(node)


def imports_of(path: Path) -> Iterator[str]:
    """Modules of the package that a file imports when it runs, wherever the import stands."""
    for node in statements(ast.parse(path.read_text(encoding="utf-8")).body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "nearfield":
                    yield [*alias.name.split("."), ""][1]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, "imports name the whole path"
            first, *rest = node.module.split(".")
            if first != "nearfield":
                continue
            if rest:
                yield rest[0]
            else:
                for alias in node.names:
                    yield alias.name if alias.name in RANK else ""


@each(PACKAGE_FILES)
def test_imports_go_to_the_left(path: Path) -> None:
    module = module_of(path)
    assert module in RANK, "a new module: give it a room in PYTHON_ROOMS"
    for used in set(imports_of(path)) - {module}:
        if module == "":
            assert RANK[used] <= RANK["index"], f"{used} would be loaded by every import"
        else:
            assert RANK[used] <= RANK[module], f"{module} uses {used}"
        assert used in ONLY.get(module, {used}), f"{module} may not know {used}"
        assert (module, used) not in NEVER


def test_there_is_no_import_cycle() -> None:
    uses: dict[str, set[str]] = {}
    for path in PACKAGE_FILES:
        uses.setdefault(module_of(path), set()).update(imports_of(path))
    uses = {module: used - {module, ""} for module, used in uses.items()}
    while free := [module for module, used in uses.items() if not used & uses.keys()]:
        for module in free:
            del uses[module]
    assert not uses


@each(PACKAGE_FILES)
def test_the_package_keeps_quiet_and_reads_nothing_behind_its_callers_back(path: Path) -> None:
    module = module_of(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        where = f"line {getattr(node, 'lineno', '?')}"
        assert not isinstance(node, ast.Assert), f"{where}: users are told by an error of errors.py"
        assert not isinstance(node, ast.Global), f"{where}: a global"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{where}: a bare except"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print" or module == "cli", f"{where}: print"
        if isinstance(node, ast.Attribute) and module not in ("cli", "service"):
            assert node.attr not in ("environ", "getenv") or module == "", f"{where}: environment"
            assert node.attr not in ("time", "time_ns", "now", "today", "utcnow"), f"{where}: clock"


def documented_callables() -> list[object]:
    """Public functions, classes and methods of the public modules, but of the command line."""
    found: dict[str, object] = {}
    for path in PACKAGE_FILES:
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] == "cli" or any(part.startswith("_") for part in parts):
            continue
        module = importlib.import_module(".".join(("nearfield", *parts)))
        for name in module.__all__:
            value = getattr(module, name)
            if getattr(value, "__module__", None) != module.__name__:
                continue
            if inspect.isclass(value):
                found[f"{name}"] = value
                if not getattr(value, "_is_protocol", False):
                    methods = vars(value).items()
                    found.update({f"{name}.{m}": f for m, f in methods if not m.startswith("_")})
            elif inspect.isfunction(value):
                found[f"{parts[-1]}.{name}"] = value
    return [pytest.param(value, id=name) for name, value in found.items()]


def raises_itself(function: object) -> bool:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))  # type: ignore[arg-type]
    return any(isinstance(node, ast.Raise) and node.exc is not None for node in ast.walk(tree))


@pytest.mark.parametrize("value", documented_callables())
def test_a_public_name_says_what_it_takes_gives_and_raises(value: object) -> None:
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if isinstance(value, property):
        assert value.__doc__
        return
    if not inspect.isfunction(value):
        assert inspect.isclass(value) is False or value.__doc__
        return
    text = inspect.getdoc(value) or ""
    assert text, "no docstring"
    signature = inspect.signature(value)
    if set(signature.parameters) - {"self", "cls"}:
        assert "Parameters\n---" in text
    if signature.return_annotation not in ("None", None, "NoReturn"):
        assert "Returns\n---" in text or "Yields\n---" in text
    if raises_itself(value):
        assert "Raises\n---" in text


# --- C++ -----------------------------------------------------------------------------------------

# Who may include whom: a file of a room, headers of rooms to the left and of its own.
CPP_ROOMS = [
    "words", "simd", "codes", "planes", "graph", "state", "walk", "build", "maintain", "columns",
    "face", "files", "cluster", "taste", "index", "bindings",
]  # fmt: skip
# Where a header belongs that does not lie in a room of its name. `state`: what an index is made of,
# with the guard that checks its mapped bytes. `face`: the class that callers see and its types.
ROOM_OF_HEADER = {
    "nearfield/types.h": "words", "nearfield/error.h": "words", "hash.h": "words",
    "threads.h": "words", "flags.h": "words", "census.h": "state", "state.h": "state",
    "ids.h": "state", "files/block_guard.h": "state", "column.h": "state",
    "nearfield/columns.h": "words",
    "nearfield/index.h": "face", "nearfield/cpu.h": "face", "nearfield/filter.h": "words",
    "owned_mutex.h": "index", "rows.h": "index", "stats.h": "index",
}  # fmt: skip
ROOM_OF_SOURCE = {
    "state.cpp": "state",
    "census.cpp": "state",
    "ids.cpp": "state",
    "column.cpp": "state",
    "hash.cpp": "words",
    "threads.cpp": "words",
}
CORE_FILES = [path for path in CPP_FILES if CPP in path.parents]
LEVEL_FILES = sorted((CPP / "src" / "walk").glob("level_*.cpp"))


def room_of(path: Path) -> str:
    inside = path.relative_to(CPP).as_posix().removeprefix("src/").removeprefix("include/")
    room = ROOM_OF_HEADER.get(inside) or ROOM_OF_SOURCE.get(inside) or inside.split("/")[0]
    return room if room in CPP_ROOMS else "index"  # index.cpp and what lies beside it


def included_by(path: Path) -> list[str]:
    return re.findall(r'^#include "([^"]+)"', path.read_text(encoding="utf-8"), re.MULTILINE)


def find_header(name: str, path: Path) -> Path:
    for folder in (CPP / "src", CPP / "include", path.parent):
        if (folder / name).is_file():
            return folder / name
    raise AssertionError(f"{name_of(path)} includes {name}, which is not there")


@each(CORE_FILES)
def test_includes_go_to_the_left(path: Path) -> None:
    for name in included_by(path):
        assert re.fullmatch(r"([a-z]+/)?[a-z0-9_]+\.h", name), f"{name}: a room and a file, no more"
        room = room_of(find_header(name, path))
        assert CPP_ROOMS.index(room) <= CPP_ROOMS.index(room_of(path)), f"{name} lies in {room}"


@each(CPP_FILES)
def test_cpp_has_no_macros_of_its_own(path: Path) -> None:
    text = without_comments(path.read_text(encoding="utf-8"))
    assert not re.search(r"^\s*#\s*(define|undef|pragma(?! once))", text, re.MULTILINE)
    assert path.suffix == ".cpp" or "#pragma once" in text


@each(CORE_FILES)
def test_the_core_has_two_globals(path: Path) -> None:
    """The kernel table (cpu.cpp) and the thread pool (threads.cpp)."""
    text = without_comments(path.read_text(encoding="utf-8"))
    static = r"^.*\b(?:static|thread_local)\b(?! (?:const|constexpr)\b)[^(\n]*[;={].*$"
    words = "namespace|using|return|extern|template|struct|class|enum|friend|static|thread_local"
    loose = rf"^(?!{words})[A-Za-z_][\w:<>*&, ]* [a-z_]+(?: = [^;{{}}()]*|\{{[^;()]*\}})?;$"
    lines = re.findall(f"{static}|{loose}", text, re.MULTILINE)
    found = [line.strip() for line in lines if not re.match(r"(inline )?const(expr)?\b", line)]
    assert not found or path.name in ("cpu.cpp", "threads.cpp"), found


def test_no_flag_changes_results() -> None:
    for path in (ROOT / "CMakeLists.txt", ROOT / "pyproject.toml", ROOT / "noxfile.py"):
        code = "\n".join(line.split("#")[0] for line in path.read_text().splitlines())
        for flag in (
            "-march=native",
            "-ffast-math",
            "-Ofast",
            "-fassociative",
            "-mfma",
            "-ffp-contract=fast",
        ):
            assert flag not in code, f"{name_of(path)}: {flag}"


def test_every_source_is_built() -> None:
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert "GLOB_RECURSE core_sources CONFIGURE_DEPENDS cpp/src/*.cpp" in text
    for path in LEVEL_FILES:
        assert path.stem == "level_scalar" or f"${{walk_dir}}/{path.name}" in text


def headers_of(path: Path) -> set[Path]:
    """All of our headers that a file includes, directly or not."""
    found: set[Path] = set()
    left = [path]
    while left:
        taken = left.pop()
        new = {find_header(name, taken) for name in included_by(taken)} - found
        found |= new
        left += new
    return found


@each(LEVEL_FILES)
def test_what_is_compiled_per_level_keeps_to_the_kernel_rules(path: Path) -> None:
    rooms = {"simd", "walk", "planes", "words"}  # of the last, numbers alone: see below
    for header in headers_of(path):
        assert room_of(header) in rooms, name_of(header)
        system = re.findall(
            r"^#include <([^>]+)>", header.read_text(encoding="utf-8"), re.MULTILINE
        )
        assert set(system) <= {"immintrin.h", "arm_neon.h", "cstddef", "cstdint"}, name_of(header)


def compiler_of(level: Path) -> list[str] | None:
    """How a level file is compiled, with the flags of CMakeLists.txt; None without a compiler."""
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    is_arm = level.stem.startswith("level_neon")
    machine = subprocess.run(
        ["uname", "-m"], capture_output=True, text=True, check=False
    ).stdout.strip()
    native = {"x86_64": not is_arm, "aarch64": is_arm}.get(
        machine, False
    ) or level.stem == "level_scalar"
    name = "c++" if native else "aarch64-linux-gnu-g++" if is_arm else "x86_64-linux-gnu-g++"
    if shutil.which(name) is None or shutil.which("nm") is None:
        return None
    flags = re.search(rf'/{level.name} PROPERTIES COMPILE_OPTIONS "([^"]+)"', text)
    if level.stem == "level_avx512":
        flags = re.search(r"set\(avx512_flags ([^)]+)\)", text)
    assert flags or level.stem in ("level_scalar", "level_neon")
    own = flags[1].replace(";", " ").split() if flags else []
    return [name, *own, "-std=c++20", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-w"]


@pytest.mark.parametrize("optimisation", ["-O0", "-O3"])
@each(LEVEL_FILES)
def test_a_level_leaks_no_symbol(path: Path, optimisation: str, tmp_path: Path) -> None:
    """A weak symbol may replace its namesake in code that an older CPU runs (ARCHITECTURE.md)."""
    command = compiler_of(path)
    if command is None:
        pytest.skip("there is no compiler for this level")
    target = tmp_path / "level.o"
    folders = [f"-I{CPP / 'include'}", f"-I{CPP / 'src'}"]
    subprocess.run(
        [*command, optimisation, *folders, "-c", str(path), "-o", str(target)], check=True
    )
    listed = subprocess.run(["nm", "-C", str(target)], capture_output=True, text=True, check=True)
    symbols = [line.split(maxsplit=2) for line in listed.stdout.splitlines() if line[0] != " "]
    shared = {(kind, name) for _, kind, name in symbols if kind.isupper() or kind in "vwu"}
    isa = path.stem.removeprefix("level_")
    names = {name for _, name in shared}
    assert f"nearfield::level_{isa}" in names, shared
    assert names <= {f"nearfield::level_{isa}", f"nearfield::floats_{isa}"}, shared
    assert not {kind for kind, _ in shared} & set("vVwWu"), shared
