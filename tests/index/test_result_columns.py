"""Attributes that come with what a query finds."""

from __future__ import annotations

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors

from tests.index.columns_data import TYPES, D, index_of, values, vectors

ROWS = 40
NAMES = list(TYPES)


@pytest.fixture(scope="module")
def index() -> nf.Index:
    return index_of(ROWS)


def test_they_are_those_of_what_was_found(index):
    stored = values(ROWS)
    for queries in (vectors(1, 3)[0], vectors(5, 3)):
        found = index.query(queries, 4, columns=NAMES)
        plain = index.query(queries, 4)
        assert found.ids.tolist() == plain.ids.tolist()
        assert list(found.columns) == NAMES
        for name, column in found.columns.items():
            assert isinstance(column, np.ma.MaskedArray)
            assert column.shape == found.ids.shape
            expected = [stored[name][id] for id in found.ids.ravel().tolist()]
            assert column.ravel().tolist() == expected, name
    ids, distances = index.query(vectors(2), 2, columns=["market"])
    assert ids.shape == distances.shape == (2, 2)


def test_a_query_that_names_none_has_none(index):
    assert index.query(vectors(1)[0]).columns == {}
    assert index.query(vectors(1)[0], columns=[]).columns == {}
    assert index.query(vectors(1)[0], columns=iter(["flag"])).columns.keys() == {"flag"}


def test_padding_is_masked(index):
    found = index.query(vectors(2), 3, where="id in [1, 2]", columns=["large"], if_short="pad")
    assert found.counts.tolist() == [2, 2]
    assert np.ma.getmaskarray(found.columns["large"])[:, 2].tolist() == [True, True]
    empty = nf.Index("euclidean", D)
    empty.add_items(vectors(1), [5], columns={"a": ["x"]})
    empty.remove(5)
    none = empty.query(vectors(2), 2, columns=["a"], if_short="pad")
    assert none.columns["a"].tolist() == [[None, None]] * 2
    assert index.query(vectors(2), 0, columns=["large"]).columns["large"].shape == (2, 0)
    assert index.query(np.empty((0, D)), 2, columns=["large"]).columns["large"].shape == (0, 2)


def test_a_short_result_has_them_too(index):
    for asked in ({"where": "id = 3"}, {}):
        k = ROWS + 1 if not asked else 2
        with pytest.raises(errors.TooFewNeighbors) as caught:
            index.query(vectors(1)[0], k, columns=["large"], **asked)
        partial = caught.value.partial
        assert partial.columns["large"].shape == (k,)
        assert partial.columns["large"].tolist()[-1] is None
    with pytest.raises(errors.TooFewNeighbors):
        index.query(vectors(1)[0], 10**7, columns=["large"])


def test_with_all_other_arguments(index):
    out = np.empty((2, 3), np.uint64), np.empty((2, 3), np.float32)
    found = index.query(
        vectors(2), 3, 1, 60, where="id < $n", params={"n": 30}, exclude=[1], allow=range(35),
        columns=["tiny"], exact=True, explain=True, if_short="pad", out=out,
    )  # fmt: skip
    assert found.ids is out[0]
    assert found.plan[0].plan == "exact"
    expected = [values(ROWS)["tiny"][id] for id in found.ids.ravel().tolist()]
    assert found.columns["tiny"].ravel().tolist() == expected


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        ("market", TypeError, "columns is of type str; expected a list of names"),
        (5, TypeError, "columns is of type int"),
        (["markets"], errors.InvalidInput, "columns holds 'markets', which is no column.*'market'"),
        ([5], errors.InvalidInput, "columns holds 5"),
        (["id"], errors.InvalidInput, "columns holds 'id'"),
    ],
)
def test_names_that_are_no_columns(index, columns, error, words):
    keyed = nf.StringIndex("euclidean", D)
    keyed.add_items(vectors(1), ["a"], columns={"market": ["SE"]})
    for one in (index, keyed):
        with pytest.raises(error, match=words):
            one.query(vectors(1)[0], columns=columns)


def test_a_string_index_gives_them_by_key():
    index = nf.StringIndex("euclidean", D)
    keys = [f"k{i}" for i in range(ROWS)]
    index.add_items(vectors(ROWS), keys, columns=values(ROWS))
    found = index.query(vectors(3, 5), 4, exclude=["k1"], columns=["market", "genres"])
    for name in ("market", "genres"):
        expected = [values(ROWS)[name][keys.index(key)] for key in found.keys.ravel()]
        assert found.columns[name].ravel().tolist() == expected
    short = index.query(vectors(1)[0], 2, where="id = 'k3'", columns=["large"], if_short="pad")
    assert short.columns["large"].tolist() == [values(ROWS)["large"][3], None]
    with pytest.raises(errors.TooFewNeighbors) as caught:
        index.query(vectors(1)[0], 2, where="id = 'k3'", columns=["large"])
    assert caught.value.partial.columns["large"].tolist() == short.columns["large"].tolist()
    assert index.query(vectors(1)[0]).columns == {}
