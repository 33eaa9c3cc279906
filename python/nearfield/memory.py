"""How much memory an index will need, before it is built."""

from __future__ import annotations

from dataclasses import dataclass

from nearfield import _core
from nearfield._numbers import as_count, as_whole
from nearfield.errors import IndexFull
from nearfield.spaces import (
    CODES_NAMES,
    Space,
    StorageDataType,
    as_codes,
    as_space,
    as_storage,
)
from nearfield.typing import CodesName

__all__ = ["MemoryEstimate", "estimate_memory"]

# What the core keeps beside links and vectors for each row: its id (8), level (1), flags (1), the
# place of its upper links (4), and its share of the table from ids to slots.
_ROW_BYTES = 8 + 1 + 1 + 4
_ID_TABLE_BYTES = 8
_MOST_ROWS = 2**31  # kMaxSlots: cpp/include/nearfield/types.h
_VECTOR_PADDING = 16  # numbers; the kernels read whole blocks
_ELEMENT_BYTES = {
    StorageDataType.Float32: 4,
    StorageDataType.Float16: 2,
    StorageDataType.Float8: 1,
    StorageDataType.E4M3: 1,
    StorageDataType.CodesOnly: 4,
}
# Where codes are all, so many vectors are kept beside them: cpp/src/state.h.
_FEW_ROWS, _RECENT_ROWS = 4096, 1024
# How planes grow: cpp/src/planes/rows.h and plane.cpp.
_FIRST_SEGMENT = 16  # rows
_SYSTEM_BYTES, _PAGE, _HUGE_PAGE = 2**20, 2**12, 2**21
# How a file is laid out: cpp/src/files/format.h.
_HEADER_BYTES, _BLOCK, _SMALL_ALIGNMENT, _TABLE_ENTRY, _SUM = 2**12, 2**16, 64, 64, 8
_GRID_HEADER = 32
_SKETCH_HEADER, _SKETCH_AXES = 24, 128


@dataclass(frozen=True, slots=True, repr=False)
class MemoryEstimate:
    """Bytes that an index needs when it is in memory; printing it gives them in larger units.

    Attributes
    ----------
    vector_bytes : int
        The vectors as they are stored.
    code_bytes : int
        The codes beside them, with 64 bytes a row for the sketches that long codes may have
        (4 bits, more than 640 dimensions, 4,096 rows); rows that vary in all directions have none.
    link_bytes : int
        The graph.
    other_bytes : int
        Ids, flags and the table that finds an id.
    spare_bytes : int
        What lies ready for more rows: small steps of memory are taken whole, the ends of large ones
        by huge pages of 2 MiB. Where the system gives none, less is taken.
    file_bytes : int
        What `nearfield.Index.save` will write in nearfield's own format, not part of the total. The
        keys of a `nearfield.StringIndex` come on top.
    codes : {"none", "int8", "int4"}
        What queries will compare on their way: what ``"auto"`` stands for.
    """

    vector_bytes: int
    code_bytes: int
    link_bytes: int
    other_bytes: int
    spare_bytes: int
    file_bytes: int
    codes: CodesName

    @property
    def total_bytes(self) -> int:
        """The sum of the five."""
        return (
            self.vector_bytes
            + self.code_bytes
            + self.link_bytes
            + self.other_bytes
            + self.spare_bytes
        )

    def __str__(self) -> str:
        """Say the total, its parts and the file in MiB or what suits them."""
        parts = ", ".join(
            f"{name} {_readable(size)}"
            for name, size in (
                ("vectors", self.vector_bytes),
                (f"{self.codes} codes" if self.code_bytes else "codes", self.code_bytes),
                ("links", self.link_bytes),
                ("other", self.other_bytes),
                ("spare", self.spare_bytes),
            )
        )
        return f"{_readable(self.total_bytes)} ({parts}); file {_readable(self.file_bytes)}"

    def __repr__(self) -> str:
        """Name the class before what `str` says."""
        return f"<nearfield.MemoryEstimate {self}>"


def _readable(size: int) -> str:
    """Write bytes in the unit that leaves one to three digits before the point."""
    if size < 1024:
        return f"{size} B"
    amount, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 999.95:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.1f} {unit}"


def estimate_memory(
    rows: int,
    num_dimensions: int,
    M: int = 12,
    storage_data_type: StorageDataType | int | str = StorageDataType.Float32,
    *,
    space: Space | int | str = Space.Cosine,
    codes: CodesName = "auto",
) -> MemoryEstimate:
    """Estimate the memory of an index with so many rows.

    Parameters
    ----------
    rows : int
        Vectors, 0 to 2^31. Overwritten rows count until the index is built anew.
    num_dimensions : int
        Numbers in a vector, 1 to 2^20.
    M : int, default 12
        Links of a row on upper levels, 2 to 4096; 2M on level 0, so a row costs 8M bytes of links
        and a little more.
    storage_data_type : StorageDataType, int or str, default Float32
        4 bytes a dimension for Float32, 2 for Float16, 1 for Float8 and E4M3. For CodesOnly 4 for
        every row below 4,096 and for the last rows above, else none.
    space : Space, int or str, default Cosine
        Decides, with the dimensions, what ``codes="auto"`` stands for.
    codes : {"auto", "none", "int8", "int4"}, default "auto"
        As for `nearfield.Index`.

    Returns
    -------
    MemoryEstimate
        Vector, code, link, other, spare and total bytes, those of the file, and the codes.

    Raises
    ------
    InvalidInput
        What `nearfield.Index` refuses: a number out of its bounds, codes that do not serve the
        space or the storage, a name that is unknown. `IndexFull`: more rows than an index holds.
    TypeError
        An argument of a wrong type, or fewer than 0 rows.

    Notes
    -----
    Memory grows in steps that double. In addition a walk needs one bit and a quarter a row, and
    each thread has up to four walks at a time; a Python array that is being added is not counted.
    Adding takes more for a while, above all where codes are fitted to wide rows, and the C library
    may keep what was freed for later use: a process that loads the file has what is said here.

    Examples
    --------
    >>> estimate_memory(1_000_000, 128, M=16).total_bytes // 10**6
    802
    >>> str(estimate_memory(1_000_000, 128, M=16)).split(" (")[0]
    '765.6 MiB'
    """
    rows = as_count(rows, "rows")
    if rows > _MOST_ROWS:
        message = f"rows is {rows}; an index holds at most 2^31 (split it into shards)"
        raise IndexFull(message)
    links = as_whole(M, "M", 2, 4096)
    dimensions = as_whole(num_dimensions, "num_dimensions", 1, 2**20)
    kept = as_storage(storage_data_type)
    element = _ELEMENT_BYTES[kept]
    asked = as_space(space).value, as_codes(codes)
    # An empty index refuses what an index cannot be, and knows what "auto" stands for.
    chosen = _core.Index(asked[0], dimensions, links, links, 1, kept.value, asked[1]).codes
    code_bytes = _core.code_bytes(asked[0], kept.value, dimensions, chosen)
    sketch_bytes = _core.sketch_bytes(asked[0], kept.value, dimensions, chosen, rows)
    padded = -(-dimensions // _VECTOR_PADDING) * _VECTOR_PADDING
    kept_rows = rows
    if kept is StorageDataType.CodesOnly and rows >= _FEW_ROWS:
        kept_rows = _RECENT_ROWS // 2 + rows % (_RECENT_ROWS // 2)
    upper_rows = round(rows / (links - 1))
    planes = [  # in the order of a file
        (kept_rows, padded * element),
        (rows, 8 * links),
        (upper_rows, 4 * links),
        *((rows, size) for size in (8, 4, 1, 1)),  # ids, first upper rows, levels, flags
    ]
    grid_bytes = []
    if code_bytes:
        planes.append((rows, code_bytes))
        grid_bytes = [_GRID_HEADER + (4 * padded if rows else 0)]
    if sketch_bytes:
        planes.append((rows, sketch_bytes))
        axis_bytes = -(-dimensions // 64) * 64
        grid_bytes.append(_SKETCH_HEADER + 4 * padded + _SKETCH_AXES * (4 + axis_bytes))
    return MemoryEstimate(
        vector_bytes=kept_rows * padded * element,
        code_bytes=rows * (code_bytes + sketch_bytes),
        link_bytes=rows * 4 * 2 * links + upper_rows * 4 * links,
        other_bytes=rows * (_ROW_BYTES + _ID_TABLE_BYTES),
        spare_bytes=sum(_spare(*plane) for plane in planes),
        file_bytes=_file_bytes(planes, grid_bytes),
        codes=CODES_NAMES[chosen],
    )


def _file_bytes(planes: list[tuple[int, int]], grid_bytes: list[int]) -> int:
    """Bytes of a file: the planes that every index has, grid and codes, sketch and sketches."""
    sizes = [rows * row_bytes for rows, row_bytes in planes]
    coded = zip(grid_bytes, sizes[7:], strict=True)
    sections = [*sizes[:7], *(size for pair in coded for size in pair if size)]
    end, before = _HEADER_BYTES, 0
    for size in (*sections, 0):  # and the table
        step = _BLOCK if max(size, before) >= _BLOCK else _SMALL_ALIGNMENT
        end = -(-end // step) * step + size
        before = size
    sums = sum(-(-size // _BLOCK) for size in sections)
    return end + _TABLE_ENTRY * len(sections) + _SUM * (1 + sums)


def _spare(rows: int, row_bytes: int) -> int:
    """Bytes behind the last row of a plane that are taken with it (cpp/src/planes)."""
    end = _FIRST_SEGMENT
    while end < rows:
        end *= 2
    begin = 0 if end == _FIRST_SEGMENT else end // 2
    segment, used = (end - begin) * row_bytes, (rows - begin) * row_bytes
    if rows == 0:
        return 0
    page = segment if segment < _SYSTEM_BYTES else _PAGE if segment < _HUGE_PAGE else _HUGE_PAGE
    return min(-(-used // page) * page, segment) - used
