"""`import nearfield` brings nothing but the standard library and numpy, and little of that."""

from __future__ import annotations

import json
import subprocess
import sys

import nearfield as nf


def run(code: str, *options: str) -> str:
    return subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_import_loads_only_the_standard_library_and_numpy():
    code = """
import sys
before = set(sys.modules)
import nearfield, json
print(json.dumps(sorted({name.split(".")[0] for name in set(sys.modules) - before})))
"""
    loaded = set(json.loads(run(code)))
    allowed = {*sys.stdlib_module_names, "numpy", "nearfield", "_distutils_hack"}
    # An editable install finds its compiled module through a finder of its own.
    strangers = {name for name in loaded - allowed if not name.startswith("_nearfield_editable")}
    assert strangers <= {"_nearfield_editable"}, strangers


def test_import_loads_no_sub_package_and_no_room_above_the_index():
    code = """
import sys, nearfield
print(*sorted(name for name in sys.modules if name.startswith("nearfield.")))
"""
    loaded = set(run(code).split())
    for room in (
        "cli",
        "sklearn",
        "sources",
        "evaluate",
        "tune",
        "policy",
        "cluster",
        "taste",
        "experiment",
        "service",
    ):
        assert f"nearfield.{room}" not in loaded


def test_import_loads_few_modules_beyond_numpy():
    """What an import costs, as a count: 31 of ours and a handful of the standard library."""
    code = """
import sys, numpy, dataclasses, enum, typing, threading
before = set(sys.modules)
import nearfield
print(*sorted(set(sys.modules) - before))
"""
    loaded = run(code).split()
    ours = [name for name in loaded if name.split(".")[0] == "nearfield"]
    assert len(ours) <= 31, ours
    for heavy in ("asyncio", "ctypes", "email", "http", "inspect", "json", "logging", "urllib"):
        assert heavy not in loaded


def test_every_public_name_exists_and_is_listed():
    names = nf.__all__
    assert len(set(names)) == len(names)
    for name in names:
        assert getattr(nf, name) is not None
    public = {
        name
        for name, value in vars(nf).items()
        if not name.startswith("_") and getattr(value, "__name__", "").split(".")[0] != "nearfield"
    }
    assert public - set(names) <= {"annotations"}


def test_without_the_extra_the_command_line_says_what_to_install():
    code = """
import sys
for name in ("typer", "rich"):
    sys.modules[name] = None
import nearfield.__main__
nearfield.__main__.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'nearfield[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_build_that_cannot_be_loaded_says_so():
    code = """
import sys
sys.modules["nearfield._core"] = None
import nearfield
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "CpuNotSupported: the compiled part of nearfield cannot be loaded" in done.stderr
