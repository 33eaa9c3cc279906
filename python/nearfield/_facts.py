"""What every index on the compiled core says of itself."""

from __future__ import annotations

from nearfield._core import Index as Core
from nearfield.spaces import CODES_NAMES, Space, StorageDataType
from nearfield.stats import IndexStats, stats_of
from nearfield.typing import CodesName

__all__ = ["Facts"]


class Facts:
    """What an index is made of, and how it stands with it."""

    _core: Core

    @property
    def space(self) -> Space:
        """Geometry."""
        return Space(self._core.space)

    @property
    def num_dimensions(self) -> int:
        """Width of every vector."""
        return self._core.dimensions

    @property
    def M(self) -> int:
        """Links of a vector on upper levels."""
        return self._core.M

    @property
    def ef_construction(self) -> int:
        """Beam width while adding."""
        return self._core.ef_construction

    @property
    def random_seed(self) -> int:
        """The number that chooses the levels."""
        return self._core.seed

    @property
    def storage_data_type(self) -> StorageDataType:
        """How vectors are kept."""
        return StorageDataType(self._core.storage)

    @property
    def exact(self) -> bool:
        """Whether the vectors that are held are bit for bit those that were given, as float32.

        True for Float32, False for every other storage. In cosine space what is held of Float32 is
        the given vector brought to unit length, and nothing else is rounded. Distances in results
        are exact for the vectors that are held in either case.
        """
        return self.storage_data_type is StorageDataType.Float32

    @property
    def codes(self) -> CodesName:
        """What queries compare on their way: "none", "int8" or "int4"."""
        return CODES_NAMES[self._core.codes]

    @property
    def simd_level(self) -> str:
        """The kind of vector instructions that this index uses."""
        return self._core.simd_level

    def stats(self) -> IndexStats:
        """Count everything: rows, levels, reachability, norms, duplicates, memory.

        Returns
        -------
        IndexStats
            At this instant.

        Notes
        -----
        Waits for an add that is running, then reads all links and vectors once. Printed, it is one
        number a line.
        """
        return stats_of(self._core.stats(), self._core.simd_level)

    def validate(self) -> str:
        """Check the structure of the graph: links, levels, ids.

        Returns
        -------
        str
            Empty when it is sound, otherwise the first fault in words.
        """
        return self._core.validate()
