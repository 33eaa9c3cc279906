"""The filters that an index knows by name: expressions and sets of ids, kept in its file."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, MutableMapping
from threading import Lock
from typing import Any

from nearfield._core import Index as Core
from nearfield._program import NamedFilter
from nearfield.errors import CorruptIndexFile, InvalidInput
from nearfield.filters import Expression, as_expression, to_text
from nearfield.id_sets import IdSet

__all__ = ["NamedFilters"]

ATTACHMENT = "filters"
_MOST_NAME = 255


class NamedFilters(MutableMapping[str, NamedFilter]):
    """The filters of an index by name: ``index.filters["clean"] = "not explicit"``.

    A value is an expression (text, what `nearfield.F` makes, or JSON) or a set of ids (`IdSet`, or
    anything that makes one). Expressions use it as ``$name``: ``"$clean and year > 1990"`` and, of
    a set of ids, ``"not id in $heard"``. Filters are kept in the index's file. Setting one waits
    for an add that is under way; reading waits for nobody.

    Parameters
    ----------
    core : Core
        The index.
    in_file : bytes
        What its file kept of them.
    """

    def __init__(self, core: Core, in_file: bytes) -> None:
        self._core = core
        self._changing = Lock()
        self._filters = self._parse(in_file)

    def __getitem__(self, name: str) -> NamedFilter:
        """Give an `Expression` or an `IdSet`."""
        return self._filters[name]

    def __setitem__(self, name: str, value: Any) -> None:
        """Keep a filter under a name, in place of one that has it."""
        if not isinstance(name, str) or not 1 <= len(name.encode()) <= _MOST_NAME:
            message = f"a filter is named {name!r}; expected text of 1 to {_MOST_NAME} bytes"
            raise InvalidInput(message)
        known = self._as_filter(value)
        with self._changing:
            self._keep({**self._filters, name: known})

    def __delitem__(self, name: str) -> None:
        """Forget a filter."""
        with self._changing:
            left = dict(self._filters)
            del left[name]
            self._keep(left)

    def __iter__(self) -> Iterator[str]:
        """Give the names, in the order in which they came."""
        return iter(dict(self._filters))

    def __len__(self) -> int:
        """Count the filters."""
        return len(self._filters)

    def __repr__(self) -> str:
        """Write each as it can be given."""
        shown = ", ".join(f"{name!r}: {_shown(value)}" for name, value in self._filters.items())
        return f"{{{shown}}}"

    def _keep(self, filters: dict[str, NamedFilter]) -> None:
        self._core.attach(ATTACHMENT, self._to_bytes(filters))
        self._filters = filters

    def _as_filter(self, value: Any) -> NamedFilter:
        if isinstance(value, (str, dict)) or hasattr(value, "_as_node"):
            return as_expression(value, "the filter")
        return self._as_set(value)

    def _to_bytes(self, filters: dict[str, NamedFilter]) -> bytes:
        if not filters:
            return b""
        written = {
            name: {"where": to_text(value)}
            if isinstance(value, Expression)
            else self._set_to_json(value)
            for name, value in filters.items()
        }
        return json.dumps({"version": 1, "filters": written}).encode()

    def _parse(self, data: bytes) -> dict[str, NamedFilter]:
        if not data:
            return {}
        try:
            read = json.loads(data)
            if read["version"] != 1:
                message = f"version {read['version']}"
                raise ValueError(message)
            return {
                str(name): as_expression(str(value["where"]), f"the filter {name!r}")
                if "where" in value
                else self._set_from_json(value)
                for name, value in read["filters"].items()
            }
        except (
            ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error
        ) as error:  # fmt: skip
            message = f"the filters that the file keeps by name cannot be read: {error}"
            raise CorruptIndexFile(message, 0, "filters") from error

    # What a set is, which is another thing where ids are keys.

    def _as_set(self, value: Any) -> NamedFilter:
        return value if isinstance(value, IdSet) else IdSet(value)

    def _set_to_json(self, value: Any) -> dict[str, Any]:
        return {"ids": base64.b64encode(value.to_bytes()).decode()}

    def _set_from_json(self, value: Mapping[str, Any]) -> NamedFilter:
        return IdSet.from_bytes(base64.b64decode(value["ids"], validate=True))


def _shown(value: NamedFilter) -> str:
    return repr(to_text(value)) if isinstance(value, Expression) else repr(value)
