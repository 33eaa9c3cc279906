"""Opening a file of either kind."""

from __future__ import annotations

from nearfield import _files
from nearfield._keys import ATTACHMENT
from nearfield.index import Index
from nearfield.spaces import Space, StorageDataType
from nearfield.string_index import StringIndex

__all__ = ["load"]


def load(
    filename: _files.Source = None,
    space: Space | int | str | None = None,
    num_dimensions: int | None = None,
    storage_data_type: StorageDataType | int | str = StorageDataType.Float32,
    *,
    file_like: _files.Source = None,
    mmap: bool = False,
    verify: bool = False,
) -> Index | StringIndex:
    """Open an index file as what it is: a `StringIndex` if it holds keys, otherwise an `Index`.

    Parameters
    ----------
    filename, space, num_dimensions, storage_data_type, file_like, mmap, verify
        As for `nearfield.Index.load`.

    Returns
    -------
    Index or StringIndex
        The right kind.

    Raises
    ------
    IndexFileError, IndexFileNotAccessible, InvalidInput, TypeError
        As for `nearfield.Index.load`.

    Examples
    --------
    >>> import nearfield as nf
    >>> index = nf.StringIndex(nf.Space.Euclidean, num_dimensions=1)
    >>> _ = index.add_item([1.0], "one")
    >>> nf.load(bytes(index))
    <nearfield.StringIndex space=Euclidean num_dimensions=1 storage_data_type=Float32 codes=none>
    """
    source = _files.one_of("load", "filename", filename, file_like)
    checks = _files.expected(space, num_dimensions, storage_data_type)
    core = _files.read(source, mmap=mmap, verify=verify, **checks)
    return StringIndex._from_core(core) if core.attachment(ATTACHMENT) else Index._from_core(core)
