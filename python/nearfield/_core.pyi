"""The compiled core. Private: ``nearfield.Index`` is the documented face of it.

Arrays are C-contiguous and of the dtype named here; ``nearfield._arrays`` sees to that.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

version: str

def simd_available() -> list[str]: ...
def simd_active() -> str: ...
def simd_force(name: str) -> None: ...
def hardware_threads() -> int: ...
def code_bytes(space: int, storage: int, dimensions: int, codes: int) -> int:
    """Bytes a row; 0 for none. Raises InvalidInput for a pair that is not legal."""

def sketch_bytes(space: int, storage: int, dimensions: int, codes: int, rows: int) -> int:
    """Bytes a row of the sketches that so many rows may have; 0 for none."""

def legal_pairs() -> list[tuple[int, int, bool, bool, bool]]:
    """(storage, codes, and whether they serve Euclidean, InnerProduct and Cosine)."""

def normalize(vectors: NDArray[np.float32]) -> NDArray[np.float32]: ...
def encode(vectors: NDArray[np.float32], storage: int) -> NDArray[np.uint8]: ...
def decode(rows: NDArray[np.uint8], storage: int) -> NDArray[np.float32]: ...
def xxh64(data: bytes, seed: int = 0) -> int: ...

_Column = tuple[
    str, int, NDArray[Any], NDArray[np.uint8] | None, NDArray[np.uint64] | None, list[str]
]
"""(name, type, values, present, ends of tags, words)"""

class FilterProgram:
    """Steps of an expression (nearfield._program), and what they let through last."""

    def __init__(self, steps: list[tuple[int, str, Any]]) -> None: ...

class Index:
    def __init__(
        self,
        space: int,
        dimensions: int,
        M: int,
        ef_construction: int,
        seed: int,
        storage: int,
        codes: int,
    ) -> None: ...
    @staticmethod
    def load(
        source: str | bytes | memoryview | bytearray,
        mmap: bool,
        verify: bool,
        space: int | None,
        dimensions: int | None,
        storage: int | None,
    ) -> Index: ...
    @property
    def space(self) -> int: ...
    @property
    def dimensions(self) -> int: ...
    @property
    def M(self) -> int: ...
    @property
    def ef_construction(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def storage(self) -> int: ...
    @property
    def codes(self) -> int: ...
    @property
    def simd_level(self) -> str: ...
    @property
    def counts(self) -> tuple[int, int, int, int, int, int]:
        """(slots, live, marked, removed, free, ever added)."""
    def add(
        self,
        vectors: NDArray[np.float32],
        ids: NDArray[np.uint64] | None,
        num_threads: int,
        progress: Callable[[int, int], object] | None,
        on_conflict: int,
        columns: list[_Column] | None,
    ) -> NDArray[np.uint64]:
        """on_conflict: 0 update, 1 error, 2 keep."""
    def remove(self, ids: NDArray[np.uint64], all: bool) -> int: ...
    def compact(self, num_threads: int, progress: Callable[[int, int], object] | None) -> None: ...
    def repair(self, num_threads: int, progress: Callable[[int, int], object] | None) -> None: ...
    def query(
        self,
        vectors: NDArray[np.float32],
        k: int,
        ef: int,
        num_threads: int,
        ids: NDArray[np.uint64] | None,
        distances: NDArray[np.float32] | None,
    ) -> tuple[
        tuple[NDArray[np.uint64], NDArray[np.float32]], tuple[NDArray[np.uint32] | None, int, int]
    ]:
        """(ids, distances), (results per row or None if all are k, distances computed, hops)."""
    def query_filtered(
        self,
        vectors: NDArray[np.float32],
        k: int,
        ef: int,
        num_threads: int,
        ids: NDArray[np.uint64] | None,
        distances: NDArray[np.float32] | None,
        exclude: tuple[NDArray[np.uint64], NDArray[np.uint64] | None, NDArray[np.uint8] | None]
        | None,
        allow: tuple[NDArray[np.uint64], NDArray[np.uint64] | None, NDArray[np.uint8] | None]
        | None,
        where: FilterProgram | None,
        plan: int,
        counts: bool,
    ) -> tuple[
        tuple[NDArray[np.uint64], NDArray[np.float32]],
        tuple[NDArray[np.uint32] | None, int, int],
        NDArray[np.uint64],
    ]:
        """As query, and for each query what nearfield.query_plan reads.

        Sets: ids, where those of each query begin and end, 1 where a query has none.
        """
    def count_passing(self, where: FilterProgram) -> int: ...
    def set_columns(self, ids: NDArray[np.uint64], columns: list[_Column], all: bool) -> int: ...
    def get_columns(
        self, names: list[str], ids: NDArray[np.uint64], all: bool
    ) -> list[tuple[int, bytes, NDArray[np.uint8], NDArray[np.uint64] | None, list[str]]]:
        """(type, values, present, ends of tags, words) of each, at one instant."""
    def columns(self) -> list[tuple[str, int, int, int]]:
        """(name, type, words, bytes) of each."""
    def drop_column(self, name: str) -> None: ...
    def contains(self, id: int) -> bool: ...
    def holds(self, id: int) -> bool: ...
    def get_vectors(self, ids: NDArray[np.uint64]) -> NDArray[np.float32]: ...
    def distance(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> float: ...
    def mark_deleted(self, id: int) -> None: ...
    def unmark_deleted(self, id: int) -> None: ...
    def ids(self, with_marked: bool) -> NDArray[np.uint64]: ...
    def stats(self) -> dict[str, Any]: ...
    def validate(self) -> str: ...
    def attach(self, name: str, data: bytes) -> None: ...
    def attachment(self, name: str) -> bytes: ...
    def save(self, path: str, taken: Callable[[], object] | None) -> None:
        """``taken`` is called when the instant that is saved has passed."""
    def save_voyager(self, path: str) -> None: ...
    def to_bytes(self, taken: Callable[[], object] | None) -> bytes: ...
    def to_voyager_bytes(self) -> bytes: ...
    def write(
        self,
        write: Callable[[memoryview], object],
        voyager: bool,
        taken: Callable[[], object] | None,
    ) -> None:
        """Hand the file's bytes to ``write`` in chunks of at most 1 MiB."""
