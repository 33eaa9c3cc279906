"""The part of an index that keeps attributes of its vectors: columns, written and read by id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from nearfield._core import Index as Core
from nearfield._removing import as_one_or_more_ids, missing_raises
from nearfield.columns import TYPES, ColumnInfo, column_of
from nearfield.errors import InvalidInput
from nearfield.typing import ColumnsLike, ColumnValues, IdsOrOne, IfMissing, WhereLike

if TYPE_CHECKING:
    from nearfield._named_filters import NamedFilters
    from nearfield.compiled import CompiledFilter

__all__ = ["Described", "HasColumns", "known_names", "read_columns", "refuse_lone_params"]


def read_columns(
    core: Core, ids: NDArray[np.uint64], names: Iterable[str] | None, all_of_them: bool
) -> dict[str, ColumnValues]:
    """Read columns from the core; see `Described.get_columns`.

    Parameters
    ----------
    core : Core
        The index.
    ids : ndarray of uint64, shape (n,)
        Of the rows.
    names : iterable of str or None
        None for all columns.
    all_of_them : bool
        Whether an id that is not there is an error.

    Returns
    -------
    dict of str to masked array
        By name.

    Raises
    ------
    InvalidInput, UnknownId
        As there.
    """
    if names is None:
        wanted = [name for name, *_ in core.columns()]
    else:
        wanted = known_names(core, names, "names")
    read = core.get_columns(wanted, ids, all_of_them)
    return dict(zip(wanted, map(column_of, read), strict=True))


def known_names(core: Core, names: Iterable[str], argument: str = "columns") -> list[str]:
    """Refuse names that are no columns.

    Parameters
    ----------
    core : Core
        The index.
    names : iterable of str
        Of columns.
    argument : str, default "columns"
        What errors call them.

    Returns
    -------
    list of str
        The same.

    Raises
    ------
    InvalidInput
        One is no column.
    TypeError
        No list of names.
    """
    if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
        message = f"{argument} is of type {type(names).__name__}; expected a list of names"
        raise TypeError(message)
    known = [name for name, *_ in core.columns()]
    wanted = list(names)
    for name in wanted:
        if name not in known:
            have = f"there are {', '.join(map(repr, known))}" if known else "there are none"
            message = f"{argument} holds {name!r}, which is no column of the index; {have}"
            raise InvalidInput(message)
    return wanted


def refuse_lone_params() -> NoReturn:
    """Refuse values of parameters without an expression.

    Raises
    ------
    TypeError
        Always.
    """
    message = "params is given without where, whose $names it gives values"
    raise TypeError(message)


class HasColumns:
    """What an index knows of its vectors beside what they are, whatever names they have.

    A class that has it sets ``_core`` by way of `_describe`.
    """

    _core: Core
    _filters: NamedFilters | None
    _filters_in_file: bytes  # read when they are first asked for

    def _describe(self, core: Core) -> None:
        self._core = core
        self._filters = None
        self._filters_in_file = core.attachment("filters")

    @property
    def columns(self) -> dict[str, ColumnInfo]:
        """The columns by name, in the order in which they came: type, words and memory of each."""
        infos = (ColumnInfo(name, TYPES[kind], *rest) for name, kind, *rest in self._core.columns())
        return {info.name: info for info in infos}

    def drop_column(self, name: str) -> None:
        """Remove a column, its values and its words.

        Parameters
        ----------
        name : str
            Of the column.

        Raises
        ------
        InvalidInput
            There is none of this name.
        """
        self._core.drop_column(_name(name))


class Described(HasColumns):
    """Typed columns of vectors that have ids, and filters of them."""

    @property
    def filters(self) -> NamedFilters:
        """The filters that the index knows by name: a mapping that can be changed.

        Examples
        --------
        >>> import nearfield as nf
        >>> index = nf.Index(nf.Space.Euclidean, num_dimensions=1)
        >>> _ = index.add_items([[0], [1]], columns={"explicit": [True, False]})
        >>> index.filters["clean"] = "not explicit"
        >>> index.filters["heard"] = nf.IdSet([1])
        >>> index.query([0], k=1, where="$clean and not id in $heard", if_short="pad").counts.item()
        0
        """
        if self._filters is None:
            from nearfield import _named_filters

            self._filters = _named_filters.NamedFilters(self._core, self._filters_in_file)
        return self._filters

    def compile(self, where: WhereLike, params: Mapping[str, Any] | None = None) -> CompiledFilter:
        """Read an expression once, for many queries.

        Parameters
        ----------
        where : str, expression or dict
            As for `nearfield.Index.query`.
        params : mapping of str to value or list, optional
            What its ``$names`` stand for.

        Returns
        -------
        CompiledFilter
            For ``where`` of queries; ``count`` says how many live vectors pass now.

        Raises
        ------
        ExpressionError
            No expression, or one that does not fit the columns; the message marks the place.

        Examples
        --------
        >>> import nearfield as nf
        >>> index = nf.Index(nf.Space.Euclidean, num_dimensions=1)
        >>> _ = index.add_items([[0], [1], [2]], columns={"market": ["SE", "NO", None]})
        >>> swedish = index.compile("market = $here", {"here": "SE"})
        >>> swedish.count, index.query([2], k=1, where=swedish).ids.tolist()
        (1, [0])
        """
        from nearfield import compiled

        return compiled.compile_filter(self._core, where, params, lambda: self.filters)

    def set_columns(
        self, ids: IdsOrOne, columns: ColumnsLike, *, if_missing: IfMissing = "raise"
    ) -> int:
        """Change attributes of vectors that are in the index.

        Parameters
        ----------
        ids : int or iterable of int
            One id or many, live or marked as deleted. Where one stands twice the last value stays.
        columns : mapping of str to sequence
            A value for each id, or None for no value: as for `add_items`. A new name makes a
            column; columns that are not named keep their values.
        if_missing : {"raise", "ignore"}, default "raise"
            What to do where an id is not in the index: raise, and change nothing, or pass over it.

        Returns
        -------
        int
            How many vectors were changed.

        Raises
        ------
        UnknownId
            An id is not in the index, and ``if_missing="raise"``.
        InvalidInput
            A wrong number of values, or of another type than the column has.
        TypeError
            Not ids, or not columns.

        Notes
        -----
        No query is held up, and each sees all of a call or nothing of it. A chunk of 4,096 vectors
        is copied the first time that it changes after a query with ``where`` or a save has begun.

        Examples
        --------
        >>> import nearfield as nf
        >>> index = nf.Index(nf.Space.Euclidean, num_dimensions=1)
        >>> _ = index.add_items([[0], [1]], columns={"market": ["SE", None]})
        >>> index.set_columns([1], {"market": ["NO"], "plays": [7]})
        1
        >>> index.get_columns([0, 1])["market"].tolist()
        ['SE', 'NO']
        """
        from nearfield._given_columns import as_columns

        given = as_one_or_more_ids(ids)
        read = as_columns(columns, len(given), self._core)
        return self._core.set_columns(given, read, missing_raises(if_missing))

    def get_columns(
        self,
        ids: IdsOrOne,
        names: Sequence[str] | None = None,
        *,
        if_missing: IfMissing = "raise",
    ) -> dict[str, ColumnValues]:
        """Read attributes of vectors.

        Parameters
        ----------
        ids : int or iterable of int
            One id or many, live or marked as deleted.
        names : sequence of str, optional
            Of the columns; default all of them.
        if_missing : {"raise", "ignore"}, default "raise"
            What to do where an id is not in the index: raise, or give no value for it.

        Returns
        -------
        dict of str to numpy.ma.MaskedArray of shape (n,)
            In the order of the ids, masked where there is no value; ``.tolist()`` gives None there.
            Categories are object arrays of str, tags of tuples of str, timestamps are
            ``datetime64[us]``, others have the dtype of their type.

        Raises
        ------
        UnknownId
            An id is not in the index, and ``if_missing="raise"``.
        InvalidInput
            A name that is no column.

        Notes
        -----
        All values are those of one instant: of a call of `set_columns` that runs beside it, all of
        its changes or none.
        """
        return read_columns(self._core, as_one_or_more_ids(ids), names, missing_raises(if_missing))


def _name(name: Any) -> str:
    if isinstance(name, str):
        return name
    message = f"name is of type {type(name).__name__}; expected the name of a column"
    raise TypeError(message)
