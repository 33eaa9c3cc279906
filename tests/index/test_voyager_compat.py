"""Voyager's whole documented Python API, one step a test, with both packages.

What a step gives must be the same with both, and whatever builtin Voyager raises nearfield must
raise too. The deliberate differences, such as `len` without deleted ids, are in test_defects.py.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import nearfield
import numpy as np
import pytest
import voyager

from tests.index import voyager_script_files, voyager_script_vectors
from tests.index.voyager_script import STEPS, Step, rows

assert voyager_script_files, voyager_script_vectors  # imported for the steps that they register

BUILTINS = (TypeError, ValueError, RuntimeError, KeyError, OSError)


def outcome(function: Step, module: Any, tmp: Path) -> tuple[str, Any]:
    try:
        return "value", function(module, tmp)
    except Exception as error:
        kinds = {kind.__name__ for kind in BUILTINS if isinstance(error, kind)}
        return "error", kinds | (
            {"RecallError"} if isinstance(error, module.RecallError) else set()
        )


@pytest.mark.parametrize("name", STEPS)
def test_step_gives_what_voyager_gives(name, tmp_path):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    expected = outcome(STEPS[name], voyager, theirs)
    got = outcome(STEPS[name], nearfield, ours)
    assert got[0] == expected[0], (got, expected)
    if expected[0] == "value":
        assert got[1] == expected[1]
    else:
        assert got[1] >= expected[1], f"Voyager raises {expected[1]}, nearfield only {got[1]}"


def test_script_runs_when_imported_as_voyager(tmp_path):
    voyager = importlib.import_module("nearfield")
    for name, function in STEPS.items():
        place = tmp_path / name
        place.mkdir()
        outcome(function, voyager, place)


@pytest.mark.parametrize("space", ["Euclidean", "InnerProduct", "Cosine"])
@pytest.mark.parametrize("storage", ["Float32", "Float8", "E4M3"])
def test_files_pass_both_ways(space, storage, tmp_path):
    vectors = np.clip(rows(300, 8) / 4, -1, 1)
    queries = np.clip(rows(20, 8, seed=1) / 4, -1, 1)

    def make(module: Any) -> Any:
        index = module.Index(
            getattr(module.Space, space),
            8,
            storage_data_type=getattr(module.StorageDataType, storage),
        )
        index.add_items(vectors, range(1000, 1300), num_threads=1)
        index.mark_deleted(1007)
        return index

    theirs, ours = make(voyager), make(nearfield)
    theirs.save(str(tmp_path / "theirs.voy"))
    ours.save(tmp_path / "ours.voy", format="voyager")
    read_by_us = nearfield.Index.load(tmp_path / "theirs.voy")
    read_by_them = voyager.Index.load(str(tmp_path / "ours.voy"))

    some = [1001, 1299]
    assert type(read_by_us).__name__ == type(theirs).__name__
    # The wheel decodes Float8 by a product with 1/127, one rounding away from the quotient.
    for a, b in ((read_by_us, theirs), (ours, read_by_them)):
        np.testing.assert_allclose(a.get_vectors(some), b.get_vectors(some), rtol=2e-7)
        assert a.num_elements == b.num_elements == 300
    assert 1007 not in read_by_us

    # Equal content, equal answers. In 8 bits Voyager rounds the query too, nearfield does not.
    slack = 2e-5 if storage == "Float32" else 0.05
    for mine, other in ((read_by_us, theirs), (ours, read_by_them)):
        ids, distances = mine.query(queries, k=10, query_ef=300)
        their_ids, their_distances = other.query(queries, k=10, query_ef=300)
        np.testing.assert_allclose(distances, their_distances, atol=slack)
        same = np.mean([len(set(a) & set(b)) for a, b in zip(ids, their_ids, strict=True)]) / 10
        assert same >= (1 if storage == "Float32" else 0.85)


@pytest.mark.parametrize("space", ["Euclidean", "InnerProduct", "Cosine"])
@pytest.mark.parametrize("storage", ["Float32", "Float8", "E4M3"])
def test_answers_are_exact_for_the_vectors_of_a_voyager_file(space, storage):
    vectors, queries = np.clip(rows(300, 8) / 4, -1, 1), np.clip(rows(20, 8, seed=1) / 4, -1, 1)
    theirs = voyager.Index(
        getattr(voyager.Space, space),
        8,
        storage_data_type=getattr(voyager.StorageDataType, storage),
    )
    theirs.add_items(vectors)
    ids, distances = nearfield.Index.load(theirs.as_bytes()).query(queries, k=10, query_ef=300)

    stored = theirs.get_vectors(range(300)).astype(np.float64)
    wide = queries.astype(np.float64)
    if space == "Euclidean":
        expected = ((wide[:, None] - stored[None]) ** 2).sum(axis=2)
    else:
        if space == "Cosine":
            wide /= np.linalg.norm(wide, axis=1, keepdims=True)
        expected = 1 - wide @ stored.T
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :10], atol=1e-5)
    np.testing.assert_allclose(
        distances, np.take_along_axis(expected, ids.astype(int), 1), atol=1e-5
    )
