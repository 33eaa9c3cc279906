"""native/hnswlib_bitset.cpp: compiled where it is needed, for the hnswlib that is installed.

hnswlib's headers come with its source distribution, which pip fetches; neither they nor what is
compiled are kept but in the cache.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from data_sets import CACHE
from engines import Floats, Unsupported
from numpy.typing import NDArray

_SOURCE = Path(__file__).resolve().parents[1] / "native" / "hnswlib_bitset.cpp"
# Those of hnswlib's own setup.py, and what makes a library of it.
_FLAGS = ("-O3", "-march=native", "-std=c++17", "-shared", "-fPIC")
_SPACES = {"euclidean": 0, "inner_product": 1, "cosine": 2}
_RESULTS = {"open": ctypes.c_void_p, "count": ctypes.c_uint64}
_SIZE = ctypes.c_size_t


class BitsetIndex:
    """An index as hnswlib saved it, asked from C++."""

    def __init__(self, path: str, space: str, dimensions: int) -> None:
        self._library = ctypes.CDLL(str(compiled()))
        for name, result in _RESULTS.items():
            getattr(self._library, f"bitset_{name}").restype = result
        opened = self._library.bitset_open(path.encode(), _SIZE(dimensions), _SPACES[space])
        if not opened:
            message = f"hnswlib cannot load {Path(path).name}"
            raise Unsupported(message)
        self._handle = ctypes.c_void_p(opened)

    def close(self) -> None:
        """Give the memory back."""
        self._library.bitset_close(self._handle)

    def fill(self, words: NDArray[np.uint64], ids: NDArray[np.uint64], is_set: bool) -> None:
        """Make bits of ids: these one way, all others the other."""
        self._library.bitset_fill(
            _pointer(words), _SIZE(len(words)), _pointer(ids), _SIZE(len(ids)), int(is_set)
        )

    def search(
        self, queries: Floats, k: int, ef: int, bits: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ask under the bits of one filter, or of one for each query; give ids, nanoseconds."""
        stride = bits.shape[1] if len(bits) > 1 else 0
        return self._asked("search", queries, k, ef, _pointer(bits), _SIZE(stride))

    def search_without(
        self,
        queries: Floats,
        k: int,
        ef: int,
        ends: NDArray[np.uint64],
        ids: NDArray[np.uint64],
        bits: NDArray[np.uint64],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ask each query without the ids of its own; `bits` are all set, and are so afterwards."""
        more = (_pointer(ends), _pointer(ids), _pointer(bits))
        return self._asked("search_without", queries, k, ef, *more)

    def count(self, on: bool) -> int:
        """Begin to count distances, or end it; give the count so far."""
        return int(self._library.bitset_count(self._handle, int(on)))

    def _asked(
        self, name: str, queries: Floats, k: int, ef: int, *filters: Any
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ids = np.empty((len(queries), k), dtype=np.int64)
        took = np.empty(len(queries), dtype=np.int64)
        sizes = (_SIZE(len(queries)), _SIZE(k), _SIZE(ef))
        call = getattr(self._library, f"bitset_{name}")
        failed = call(
            self._handle, _pointer(queries), *sizes, *filters, _pointer(ids), _pointer(took)
        )
        if failed:
            message = "hnswlib threw in the middle of a search"
            raise RuntimeError(message)
        return ids, took


def _pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)


def compiled() -> Path:
    """Give the compiled library; it is made anew where source, flags or hnswlib are others."""
    release = version("hnswlib")
    key = f"{release} {_FLAGS} {_SOURCE.read_text()}"
    folder = CACHE / "native"
    path = folder / f"hnswlib_bitset-{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"
    if path.exists():
        return path
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None:
        message = "there is no C++ compiler for native/hnswlib_bitset.cpp"
        raise Unsupported(message)
    headers = _headers(release, folder)
    part = path.with_suffix(f".{os.getpid()}.so")
    _run(compiler, *_FLAGS, "-isystem", str(headers), str(_SOURCE), "-o", str(part))
    part.replace(path)
    return path


def _headers(release: str, folder: Path) -> Path:
    """Give the folder of hnswlib's headers; pip fetches them where they are not there yet."""
    unpacked = folder / f"hnswlib-{release}"
    if not (unpacked / "hnswlib" / "hnswlib.h").exists():
        folder.mkdir(parents=True, exist_ok=True)
        wanted = ("--no-deps", "--no-binary", "hnswlib", f"hnswlib=={release}")
        _run(sys.executable, "-m", "pip", "download", "-q", "-d", str(folder), *wanted)
        with tarfile.open(folder / f"hnswlib-{release}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return unpacked


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        # One line goes to whoever asked: the first that says what is wrong.
        said = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        message = f"{Path(command[0]).name} failed: {(said or [done.stderr.strip()])[0]}"
        raise Unsupported(message)
