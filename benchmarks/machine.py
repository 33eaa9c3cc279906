"""What was measured, and on what: enough to tell two results apart, not whose machine it was."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_TELLING_FLAGS = (
    *("avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512_vnni", "avx_vnni", "amx_int8"),
    *("asimd", "asimddp", "asimdhp", "i8mm", "sve", "sve2"),
)
_COMPILER = re.compile(rb"GCC: \([^)\0]{0,60}\) [0-9.]+|clang version [0-9][0-9.]*")
# The compiled module of an engine, where its package's name does not say it.
_MODULES = {"nearfield": "nearfield._core", "faiss": "faiss", "usearch": "usearch.compiled"}


def fingerprint() -> dict[str, Any]:
    """Give the machine, the build of the core and the state of the source."""
    cpu = _cpu()
    return {
        "cpu": cpu["model"],
        "flags": cpu["flags"],
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "simd": _simd_level(),
        "compiler": _compiler(),
        "core_sha256": library_hash("nearfield"),
        "git": _git(),
        "load_average": round(os.getloadavg()[0], 2),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def versions(*packages: str) -> dict[str, str]:
    """Give the installed version of each package, where there is one."""
    out = {}
    for package in packages:
        try:
            out[package] = version(package)
        except PackageNotFoundError:
            continue
    return out


def library_hash(engine: str) -> str | None:
    """Hash an engine's compiled module: a version number does not change with every compilation."""
    path = _library(engine)
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path else None


def _library(engine: str) -> Path | None:
    try:
        spec = find_spec(_MODULES.get(engine, engine))
    except ImportError:
        return None
    return Path(spec.origin) if spec and spec.origin else None


def _cpu() -> dict[str, str]:
    """Read /proc/cpuinfo, which names its fields differently on x86-64 and ARM."""
    info = Path("/proc/cpuinfo")
    fields: dict[str, str] = {}
    for line in info.read_text().splitlines() if info.exists() else []:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    model = fields.get("model name") or platform.processor() or platform.machine()
    family = "".join(f" {key} {fields[key]}" for key in ("cpu family", "model") if key in fields)
    return {
        "model": f"{model}{family and f' ({family.strip()})'}",
        "flags": " ".join(flag for flag in _TELLING_FLAGS if flag in flags),
    }


def _simd_level() -> str | None:
    try:
        from nearfield import _core
    except ImportError:
        return None
    return str(_core.simd_active())


def _compiler() -> str | None:
    """Find the name that compilers leave in what they make; stripped modules may have lost it."""
    path = _library("nearfield")
    found = path and _COMPILER.search(path.read_bytes())
    return found.group().decode() if found else None


def _git() -> str | None:
    """Give the commit of this tree, `+` when the source differs from it."""
    try:
        commit = _output("rev-parse", "--short=12", "HEAD")
        changed = _output("status", "--porcelain", "--", "cpp", "python", "CMakeLists.txt")
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if changed else "")


def _output(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
