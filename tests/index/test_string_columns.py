"""Columns and expressions of a `StringIndex`, whose ids are keys."""

from __future__ import annotations

import pickle
import threading

import nearfield as nf
import numpy as np
import pytest
from nearfield import F, errors
from nearfield.filters import param

from tests.index.columns_data import assert_holds, cut, typed, values
from tests.index.keyed_vectors import D, index_of, numbered, vector_of, vectors_of

KEYS = numbered(0, 60)
HERE = np.zeros(D, dtype=np.float32)


def described(keys: list[str] = KEYS) -> nf.StringIndex:
    index = nf.StringIndex(nf.Space.Euclidean, D)
    index.add_items(vectors_of(keys), keys, columns=typed(values(len(keys))))
    return index


def found(index: nf.StringIndex, **filters) -> set[str]:
    """All keys that pass."""
    result = index.query(HERE, len(index), if_short="pad", **filters)
    return {key for key in result.keys.tolist() if key is not None}


# --- columns -------------------------------------------------------------------------------------


def test_columns_are_given_with_keys_and_read_by_them():
    index = described()
    assert_holds(index, KEYS, values(60))
    order = [KEYS[7], KEYS[3], KEYS[7]]
    read = index.get_columns(order, ["large"])["large"]
    assert read.tolist() == [values(60)["large"][i] for i in (7, 3, 7)]
    assert index.get_columns("key 7", ["large"])["large"].tolist() == read.tolist()[:1]
    assert index.add_item(vector_of("new"), "new", columns={"market": "DK"}) == "new"
    one = index.get_columns({"new"})
    assert one["market"].tolist() == ["DK"]
    assert one["flag"].tolist() == [None]
    index.drop_column("tiny")
    assert "tiny" not in index.columns


def test_chunks_bring_columns():
    given = typed(values(60))
    chunks = (
        (KEYS[i : i + 7], vectors_of(KEYS[i : i + 7]), cut(given, i, i + 7))
        for i in range(0, 60, 7)
    )
    index = nf.StringIndex(nf.Space.Euclidean, D)
    assert index.add_items(chunks) == KEYS
    assert bytes(index) == bytes(described())
    some = iter([(["key 1"], vectors_of(["key 1"]), {"large": [5]}), (["k"], vectors_of(["k"]))])
    assert index.upsert(some) == ["key 1", "k"]
    assert index.get_columns(["key 1", "k"], ["large"])["large"].tolist() == [5, None]
    with pytest.raises(errors.InvalidInput, match=r"\(keys, vectors, columns\)"):
        index.add_items(iter([]), columns={"a": []})
    with pytest.raises(errors.InvalidInput, match=r"chunk 0, columns\['large'\]"):
        index.add_items(iter([(["x"], vectors_of(["x"]), {"large": ["text"]})]))
    assert "x" not in index


def test_columns_are_changed_by_key():
    index = described()
    assert index.set_columns("key 1", {"large": [1], "new": ["a"]}) == 1
    assert index.set_columns(["key 2", "key 3", "key 2"], {"large": [2, 3, None]}) == 2
    read = index.get_columns(KEYS[1:4], ["large", "new"])
    assert read["large"].tolist() == [1, None, 3]
    assert read["new"].tolist() == ["a", None, None]
    index.mark_deleted("key 5")
    assert index.set_columns(["key 5"], {"large": [5]}) == 1
    assert index.get_columns(["key 5"], ["large"])["large"].tolist() == [5]


def test_keys_that_are_not_there():
    index = described()
    index.remove("key 4")
    before = bytes(index)
    for keys in (["key 1", "key 4"], ["key 1", "never"], "never"):
        for call in (
            lambda keys=keys: index.set_columns(keys, {"large": [1] * np.size(keys)}),
            lambda keys=keys: index.get_columns(keys),
        ):
            with pytest.raises(errors.UnknownId, match=r"key '(key 4|never)'") as caught:
                call()
            assert caught.value.id == np.atleast_1d(keys)[-1]
    assert bytes(index) == before
    some = ["never", "key 1", "key 4"]
    assert index.set_columns(some, {"large": [1, 2, 3]}, if_missing="ignore") == 1
    read = index.get_columns(some, ["large"], if_missing="ignore")
    assert read["large"].tolist() == [None, 2, None]
    with pytest.raises(errors.InvalidInput, match="has 2 values; expected 3"):
        index.set_columns(some, {"large": [1, 2]}, if_missing="ignore")
    with pytest.raises(TypeError, match=r"keys\[0\] is 3"):
        index.get_columns([3])


def test_a_key_that_comes_again_has_no_values():
    index = described()
    index.remove("key 1")
    index.add_items(vectors_of(["key 1"]), ["key 1"])
    assert all(values.tolist() == [None] for values in index.get_columns("key 1").values())


def test_all_of_it_travels():
    index = described()
    index.filters["clean"] = "not flag and id != 'key 3'"
    index.filters["heard"] = KEYS[:4]
    passing = found(index, where="$clean and not id in $heard")
    for twin in (pickle.loads(pickle.dumps(index)), nf.load(bytes(index))):
        assert_holds(twin, KEYS, values(60))
        assert dict(twin.filters) == dict(index.filters)
        assert twin.filters["heard"] == frozenset(KEYS[:4])
        assert found(twin, where="$clean and not id in $heard") == passing
        assert bytes(twin) == bytes(index)
    index.compact()
    assert_holds(index, KEYS, values(60))


# --- expressions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("id = 'key 5'", {"key 5"}),
        ("id = 'never'", set()),
        ("id != 'key 5'", set(KEYS) - {"key 5"}),
        ("id != 'never'", set(KEYS)),
        ("not id = 'key 5'", set(KEYS) - {"key 5"}),
        ("id in ['key 1', 'never', 'key 2', 'key 1']", {"key 1", "key 2"}),
        ("id in []", set()),
        ("not id in ['key 1', 'key 2']", set(KEYS) - {"key 1", "key 2"}),
        ("id is null", set()),
        ("id is not null", set(KEYS)),
        ("id in ['key 1', 'key 2'] and id != 'key 1'", {"key 2"}),
        (F.id == "key 5", {"key 5"}),
        (F.id.isin(["key 5", "key 6"]) & ~(F.id == "key 6"), {"key 5"}),
        ({"column": "id", "op": "in", "value": ["key 7"]}, {"key 7"}),
        ({"column": "id", "op": "!=", "value": "key 7"}, set(KEYS) - {"key 7"}),
    ],
)
def test_id_is_the_key(where, expected):
    index = index_of(KEYS)
    assert found(index, where=where) == expected
    assert index.compile(where).count == len(expected)


@pytest.mark.parametrize(
    "heard",
    [
        ["key 3", "never", "key 3"], ("key 3",), {"key 3"}, frozenset({"key 3"}),
        np.array(["key 3"]), np.array(["key 3", "x"], object), {"key 3": 1}.keys(),
    ],
)  # fmt: skip
def test_parameters_are_lists_of_keys_in_any_form(heard):
    index = index_of(KEYS)
    assert found(index, where="id in $heard", params={"heard": heard}) == {"key 3"}
    assert found(index, where=~F.id.isin(param("heard")), params={"heard": heard}) == set(KEYS) - {
        "key 3"
    }


def test_many_keys_in_a_parameter():
    index = index_of(KEYS)
    heard = [*numbered(50, 60), *(f"other {i}" for i in range(20_000))]
    assert found(index, where="not id in $heard", params={"heard": heard}) == set(KEYS[:50])
    assert found(index, where="id in $mine", params={"mine": index.keys}) == set(KEYS)
    assert found(index, where="id = $one", params={"one": "key 8"}) == {"key 8"}


@pytest.mark.parametrize(
    ("where", "params", "words"),
    [
        ("id = 5", None, "this is 5; id is a key, which is compared with text in quotes"),
        ("id < 'a'", None, "id is a key, which has no '<'"),
        ("id between 'a' and 'b'", None, "id is a key, which has no 'between'"),
        ("id in ['a', 5]", None, "this is 5"),
        ("id in $heard", {"heard": "abc"}, "type str; expected a sequence"),
        ("id in $heard", {"heard": [5]}, r"params\['heard'\]\[0\] is 5; expected a str"),
        ("id in $heard", {"heard": nf.IdSet([5])}, "is 5; expected a str"),
        ("id in $heard", {}, "there is no value for .heard"),
        ("id", None, "id is a key, not a bool"),
        ("id has 'a'", None, "id is a key, which has no 'has'; .* write id = "),
        ("market = 'SE'", None, "there is no column 'market'"),
    ],
)
def test_what_keys_cannot_be_asked(where, params, words):
    index = index_of(KEYS[:3])
    with pytest.raises(errors.ExpressionError, match=words):
        index.query(HERE, where=where, params=params)


def test_on_an_index_of_integers_ids_are_no_text():
    index = nf.Index("euclidean", 1)
    index.add_items([[0]])
    with pytest.raises(errors.ExpressionError, match=r"uint64.*numbers"):
        index.query([0], where="id = 'a'")


def test_conditions_on_columns_and_keys_together():
    index = described()
    large = values(60)["large"]
    expected = {
        key for key, value in zip(KEYS, large, strict=True) if value is not None and value > 0
    } - {"key 1", "key 2"}
    assert found(index, where="large > 0 and not id in $h", params={"h": KEYS[1:3]}) == expected
    both = found(index, where="large > 0", exclude=["key 1", "key 2"])
    assert both == expected
    allowed = found(index, where="large > 0", allow=KEYS[:30], exclude=["key 1", "key 2"])
    assert allowed == expected & set(KEYS[:30])
    with pytest.raises(errors.TooFewNeighbors, match="filter lets only 1 of 60"):
        index.query(HERE, 2, where="id = 'key 9'")
    plan = index.query(HERE, 1, where="id = 'key 9'", explain=True).plan
    assert plan.allowed == 1


# --- compiled and named --------------------------------------------------------------------------


def test_a_compiled_filter_follows_its_keys():
    index = index_of(KEYS[:10])
    others = index.compile("not id in $heard", {"heard": ["key 1", "late"]})
    assert (others.count, found(index, where=others)) == (9, set(KEYS[:10]) - {"key 1"})
    index.add_items(vectors_of(["late"]), ["late"])
    assert (others.count, found(index, where=others)) == (9, set(KEYS[:10]) - {"key 1"})
    index.remove("key 1")
    index.add_items(vectors_of(["key 1"]), ["key 1"])  # by another id
    assert found(index, where=others) == set(KEYS[:10]) - {"key 1"}
    index.remove("key 1")
    assert others.count == 9
    assert others.selectivity == 9 / 10
    assert repr(others) == "<nearfield.CompiledKeyFilter \"not id in ['key 1', 'late']\">"
    assert isinstance(others, nf.CompiledFilter)


def test_a_compiled_filter_serves_another_index_by_its_keys():
    """As when a file is replaced: `nf.watch` swaps the index, and compiled filters stay."""
    one, two = index_of(KEYS[:10]), index_of(KEYS[9::-1])
    not_first = one.compile("id != 'key 0'")
    for index in (one, two, one):
        assert found(index, where=not_first) == set(KEYS[1:10])


def test_compiled_filters_of_the_other_kind_are_refused():
    keyed, plain = index_of(KEYS[:3]), nf.Index.from_vectors(vectors_of(KEYS[:3]))
    with pytest.raises(TypeError, match="compiled by an Index"):
        keyed.query(HERE, where=plain.compile("id = 1"))
    with pytest.raises(TypeError, match="compiled by a StringIndex"):
        plain.query(HERE, where=keyed.compile("id = 'key 1'"))
    for index, where in ((keyed, "id = 'a'"), (plain, "id = 1")):
        with pytest.raises(TypeError, match="params is given beside a compiled filter"):
            index.query(HERE, where=index.compile(where), params={"a": 1})
        with pytest.raises(TypeError, match="params is given without where"):
            index.query(HERE, params={"a": 1})


def test_filters_by_name():
    index = described()
    index.filters["heard"] = iter(["key 1", "never"])
    index.filters["one"] = ["key 2"]
    index.filters["mine"] = F.id.isin(["key 1", "key 2", "key 3"])
    assert found(index, where="$mine and not id in $heard") == {"key 2", "key 3"}
    assert found(index, where="$mine and not ($heard or $one)") == {"key 3"}
    assert found(index, where="$heard") == {"key 1"}
    index.remove("key 1")
    index.add_items(vectors_of(["key 1"]), ["key 1"])
    assert found(index, where="$heard or $mine") == {"key 1", "key 2", "key 3"}
    assert repr(index.filters["one"]) == "frozenset({'key 2'})"
    assert "'mine': " in repr(index.filters)
    del index.filters["one"]
    assert list(index.filters) == ["heard", "mine"]
    for wrong, error in ((nf.IdSet([1]), TypeError), (5, TypeError), ([5], TypeError)):
        with pytest.raises(error, match=r"the filter"):
            index.filters["wrong"] = wrong
    with pytest.raises(errors.ExpressionError):
        index.filters["wrong"] = "not an expression"


@pytest.mark.parametrize(
    "data", [b"{", b'{"version": 2}', b'{"version": 1, "filters": {"a": {"keys": "abc"}}}',
             b'{"version": 1, "filters": {"a": {"ids": "abc"}}}', b"[" * 100_000]
)  # fmt: skip
def test_damaged_filters_are_told_when_they_are_asked_for(data):
    index = index_of(KEYS[:2])
    index._core.attach("filters", data)
    loaded = nf.load(bytes(index))
    assert loaded.query(HERE, 1).keys.tolist()
    with pytest.raises(errors.CorruptIndexFile, match="filters"):
        loaded.query(HERE, 1, where="true")


# --- keys that change meanwhile ------------------------------------------------------------------


def test_a_key_that_comes_again_meanwhile_does_not_slip_through():
    index = index_of(numbered(0, 30))
    inner = index._index
    asked: list[object] = []

    def query(*args, **options):
        asked.append(options["where"])
        if len(asked) == 1:
            index.remove("key 9")
            index.add_items(vectors_of(["key 9"]), ["key 9"])
        return type(inner).query(inner, *args, **options)

    inner.query = query
    near = vector_of("key 9")
    for where in ("id != 'key 9'", index.compile("not id in ['key 9', 'key 8']")):
        asked.clear()
        assert "key 9" not in index.query(near, 5, where=where).keys
        assert len(asked) == 2
    asked.clear()
    assert "key 9" in index.query(near, 5, where="id != 'key 8'").keys
    assert len(asked) == 1


def test_filters_of_keys_beside_threads_that_change_them():
    """No key that is left out comes, however often it is removed and added again."""
    index = index_of(numbered(0, 40), M=4, ef_construction=10)
    churned = numbered(0, 10)
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            index.remove(churned)
            index.add_items(vectors_of(churned), churned)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        compiled = index.compile("not id in $some", {"some": churned})
        for key in churned * 6:
            for where in (compiled, f"id != '{key}'"):
                keys = index.query(vector_of(key), 8, where=where, if_short="pad").keys
                assert key not in keys
    finally:
        stop.set()
        thread.join()


def test_columns_that_are_changed_by_key_beside_threads_that_remove():
    index = index_of(numbered(0, 40), M=4, ef_construction=10)
    churned = numbered(0, 10)
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            index.remove(churned)
            index.add_items(vectors_of(churned), churned, columns={"by": ["add"] * 10})

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for turn in range(100):
            index.set_columns(churned, {"by": ["set"] * 10}, if_missing="ignore")
            stay = numbered(10, 40)
            index.set_columns(stay, {"turn": [turn] * 30})
            assert set(index.get_columns(stay, ["turn"])["turn"].tolist()) == {turn}
    finally:
        stop.set()
        thread.join()
    assert set(index.get_columns(churned, ["by"])["by"].tolist()) <= {"add", "set"}
