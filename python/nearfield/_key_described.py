"""The part of a `StringIndex` that keeps attributes of its vectors: as `_described`, by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from nearfield._described import HasColumns, read_columns
from nearfield._keyed import KeyedCore
from nearfield._removing import as_one_or_more_keys, missing_raises, not_there
from nearfield.errors import UnknownId
from nearfield.typing import ColumnsLike, ColumnValues, IfMissing, KeysOrOne, WhereLike

if TYPE_CHECKING:
    from nearfield._named_filters import NamedFilters
    from nearfield.compiled import CompiledFilter

__all__ = ["KeyDescribed"]


class KeyDescribed(HasColumns):
    """Typed columns of vectors that have keys, and filters of them.

    A class that has it sets ``_keyed``, and ``_core`` by way of `_describe`.
    """

    _keyed: KeyedCore

    @property
    def filters(self) -> NamedFilters:
        """The filters that the index knows by name; as `nearfield.Index.filters`, of keys.

        Examples
        --------
        >>> import nearfield as nf
        >>> index = nf.StringIndex(nf.Space.Euclidean, num_dimensions=1)
        >>> _ = index.add_items([[0], [1]], ["a", "b"], columns={"explicit": [True, False]})
        >>> index.filters["clean"] = "not explicit and id != 'c'"
        >>> index.filters["heard"] = ["b", "d"]
        >>> index.query([0], k=1, where="$clean and not id in $heard", if_short="pad").counts.item()
        0
        """
        if self._filters is None:
            from nearfield import _key_filters

            self._filters = _key_filters.NamedKeyFilters(self._core, self._filters_in_file)
        return self._filters

    def compile(self, where: WhereLike, params: Mapping[str, Any] | None = None) -> CompiledFilter:
        """Read an expression once, for many queries.

        Parameters
        ----------
        where, params
            As for `nearfield.StringIndex.query`.

        Returns
        -------
        CompiledFilter
            As for `nearfield.Index.compile`. Keys that it names are looked up for each query.

        Raises
        ------
        ExpressionError
            As for `nearfield.Index.compile`.

        Examples
        --------
        >>> import nearfield as nf
        >>> index = nf.StringIndex(nf.Space.Euclidean, num_dimensions=1)
        >>> _ = index.add_items([[0], [1]], ["a", "b"])
        >>> others = index.compile("not id in $heard", {"heard": ["b", "c"]})
        >>> others.count, index.add_item([2], "c"), others.count
        (1, 'c', 1)
        """
        from nearfield import _key_filters

        return _key_filters.compile_key_filter(self._keyed, where, params, self.filters)

    def set_columns(
        self, keys: KeysOrOne, columns: ColumnsLike, *, if_missing: IfMissing = "raise"
    ) -> int:
        """Change attributes of vectors that are in the index.

        Parameters
        ----------
        keys : str or iterable of str
            One key or many, live or marked as deleted. Where one stands twice the last value stays.
        columns : mapping of str to sequence
            As for `nearfield.Index.set_columns`, a value for each key.
        if_missing : {"raise", "ignore"}, default "raise"
            What to do where a key is not in the index: raise, and change nothing, or pass over it.

        Returns
        -------
        int
            How many vectors were changed.

        Raises
        ------
        UnknownId
            A key is not in the index, and ``if_missing="raise"``; ``id`` is the key.
        InvalidInput, TypeError
            As for `nearfield.Index.set_columns`.

        Notes
        -----
        As for `nearfield.Index.set_columns`.

        Examples
        --------
        >>> import nearfield as nf
        >>> index = nf.StringIndex(nf.Space.Euclidean, num_dimensions=1)
        >>> _ = index.add_items([[0], [1]], ["a", "b"], columns={"market": ["SE", None]})
        >>> index.set_columns("b", {"market": ["NO"]})
        1
        >>> index.get_columns(["b", "a"])["market"].tolist()
        ['NO', 'SE']
        """
        given = as_one_or_more_keys(keys)
        return self._keyed.set_columns(given, columns, missing_raises(if_missing))

    def get_columns(
        self,
        keys: KeysOrOne,
        names: Sequence[str] | None = None,
        *,
        if_missing: IfMissing = "raise",
    ) -> dict[str, ColumnValues]:
        """Read attributes of vectors.

        Parameters
        ----------
        keys : str or iterable of str
            One key or many, live or marked as deleted.
        names, if_missing
            As for `nearfield.Index.get_columns`, with keys for ids.

        Returns
        -------
        dict of str to numpy.ma.MaskedArray of shape (n,)
            As for `nearfield.Index.get_columns`, in the order of the keys.

        Raises
        ------
        UnknownId
            A key is not in the index, and ``if_missing="raise"``; ``id`` is the key.
        InvalidInput
            A name that is no column.
        """
        given, raises = as_one_or_more_keys(keys), missing_raises(if_missing)
        ids = self._keyed.ids_of(given, raises)
        try:
            return read_columns(self._core, ids, names, raises)
        except UnknownId as error:
            raise not_there([given[ids.tolist().index(cast(int, error.id))]]) from None
