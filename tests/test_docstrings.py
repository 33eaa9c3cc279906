"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import nearfield
import pytest

MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(nearfield.__path__, "nearfield.")
    if not found.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    with_examples = [
        each.name
        for name in ("nearfield.index", "nearfield.string_index", "nearfield.exact")
        for each in finder.find(importlib.import_module(name))
        if each.examples
    ]
    assert len(with_examples) >= 3, with_examples
