"""Voyager's whole documented Python API, one step a test, with both packages.

Each step is a function of a module that is called ``voyager`` inside. It gives a value, or raises;
what it gives must be the same with both, and whatever builtin Voyager raises nearfield must raise
too. The deliberate differences, such as `len` without deleted ids, are in test_defects.py.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nearfield
import numpy as np
import pytest

Step = Callable[[Any, Path], Any]
STEPS: dict[str, Step] = {}


def step(function: Step) -> Step:
    STEPS[function.__name__] = function
    return function


def rows(n: int = 20, d: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def filled(voyager: Any, space: str = "Euclidean", n: int = 20, **options: Any) -> Any:
    index = voyager.Index(getattr(voyager.Space, space), 4, **options)
    index.add_items(rows(n))
    return index


def rounded(values: Any) -> Any:
    return np.round(np.asarray(values, dtype=np.float64), 5).tolist()


# --- the module


@step
def names(voyager, tmp):
    wanted = (
        "Index FloatIndex Float8Index E4M3Index Space StorageDataType LabelSetView E4M3T "
        "RecallError version Cosine Euclidean InnerProduct Float8 Float32 E4M3"
    )
    return [name for name in wanted.split() if not hasattr(voyager, name)]


@step
def enum_values(voyager, tmp):
    return {m.name: m.value for kind in (voyager.Space, voyager.StorageDataType) for m in kind}


@step
def enum_is_plain(voyager, tmp):
    space = voyager.Space
    return space(2).name, space["Cosine"].value, space.Cosine == 2, voyager.Cosine is space.Cosine


@step
def enum_has_no_int(voyager, tmp):
    return int(voyager.Space.Cosine)


@step
def version_is_a_tuple_of_three(voyager, tmp):
    return [type(part).__name__ for part in voyager.version]


@step
def subclasses(voyager, tmp):
    kinds = (voyager.FloatIndex, voyager.Float8Index, voyager.E4M3Index)
    return [issubclass(kind, voyager.Index) for kind in kinds]


# --- the constructor ---


@step
def defaults(voyager, tmp):
    index = voyager.Index(voyager.Space.Euclidean, 4)
    return (
        index.space.name,
        index.num_dimensions,
        index.M,
        index.ef_construction,
        index.max_elements,
        index.storage_data_type.name,
        index.ef,
        index.num_elements,
        len(index),
    )


@step
def all_positional(voyager, tmp):
    index = voyager.Index(voyager.Space.Cosine, 4, 16, 100, 7, 50, voyager.StorageDataType.E4M3)
    return index.M, index.ef_construction, index.max_elements, type(index).__name__


@step
def all_by_name(voyager, tmp):
    index = voyager.Index(
        space=voyager.Space.InnerProduct,
        num_dimensions=4,
        M=16,
        ef_construction=5,
        random_seed=7,
        max_elements=50,
        storage_data_type=voyager.StorageDataType.Float8,
    )
    return index.M, index.ef_construction, index.max_elements, type(index).__name__


@step
def numbers_for_enums(voyager, tmp):
    return repr(voyager.Index(2, 4, storage_data_type=16)).split(" ", 1)[1]


@step
def unknown_space_number(voyager, tmp):
    return voyager.Index(7, 4)


@step
def unknown_storage_number(voyager, tmp):
    return voyager.Index(2, 4, storage_data_type=17)


@step
def float_dimensions(voyager, tmp):
    return voyager.Index(2, 4.0)


@step
def negative_seed(voyager, tmp):
    return voyager.Index(2, 4, random_seed=-1)


@step
def unknown_argument(voyager, tmp):
    return voyager.Index(2, 4, foo=1)


@step
def no_arguments(voyager, tmp):
    return voyager.Index()


@step
def representation(voyager, tmp):
    return repr(filled(voyager)).replace("nearfield", "voyager")


@step
def equality_is_identity(voyager, tmp):
    a, b = filled(voyager), filled(voyager)
    return a == b, a == a, len({a, b})


# --- adding ---


@step
def add_item_counts_up(voyager, tmp):
    index = voyager.Index(voyager.Space.Euclidean, 4)
    return [index.add_item(row) for row in rows(5)]


@step
def add_item_takes_a_list(voyager, tmp):
    index = voyager.Index(voyager.Space.Euclidean, 2)
    return index.add_item([1.0, 2.0]), index.get_vector(0).tolist()


@step
def add_item_with_id(voyager, tmp):
    index = voyager.Index(voyager.Space.Euclidean, 2)
    return index.add_item(vector=[1.0, 2.0], id=np.int32(77)), 77 in index


@step
def add_items_returns_list(voyager, tmp):
    index = voyager.Index(voyager.Space.Euclidean, 4)
    added = index.add_items(rows(5))
    return type(added).__name__, type(added[0]).__name__, added


@step
def add_items_with_every_kind_of_ids(voyager, tmp):
    index = voyager.Index(voyager.Space.Euclidean, 4)
    return [
        index.add_items(rows(3), ids)
        for ids in (
            [5, 6, 7],
            (8, 9, 10),
            range(11, 14),
            np.arange(14, 17),
            np.arange(3, dtype="u1"),
        )
    ]


@step
def add_items_by_name(voyager, tmp):
    index = voyager.Index(voyager.Space.Euclidean, 4)
    return index.add_items(vectors=rows(3), ids=[3, 4, 5], num_threads=2)


@step
def empty_ids_are_none(voyager, tmp):
    return voyager.Index(voyager.Space.Euclidean, 4).add_items(rows(3), [])


@step
def no_rows(voyager, tmp):
    return filled(voyager).add_items(rows(0))  # in an empty index Voyager 2.2.3 crashes


@step
def overwrite(voyager, tmp):
    index = filled(voyager)
    index.add_item([9.0, 9.0, 9.0, 9.0], 3)
    return index.get_vector(3).tolist(), len(index), index.query([9.0, 9.0, 9.0, 9.0])[0].tolist()


@step
def overwrite_brings_back(voyager, tmp):
    index = filled(voyager)
    index.mark_deleted(3)
    index.add_item([9.0, 9.0, 9.0, 9.0], 3)
    return index.query([9.0, 9.0, 9.0, 9.0])[0].tolist()


@step
def largest_ids(voyager, tmp):
    index = voyager.Index(voyager.Space.Euclidean, 4)
    return index.add_items(rows(3), [2**64 - 2, 2**63, 1])


@step
def add_wrong_width(voyager, tmp):
    return filled(voyager).add_items(rows(3, 5))


@step
def add_one_axis(voyager, tmp):
    return filled(voyager).add_items(np.zeros(4, np.float32))


@step
def add_item_two_axes(voyager, tmp):
    return filled(voyager).add_item(np.zeros((1, 4), np.float32))


@step
def add_wrong_number_of_ids(voyager, tmp):
    return filled(voyager).add_items(rows(3), [1, 2])


@step
def negative_id(voyager, tmp):
    return filled(voyager).add_item([1.0, 2.0, 3.0, 4.0], -1)


@step
def id_too_large(voyager, tmp):
    return filled(voyager).add_item([1.0, 2.0, 3.0, 4.0], 2**64)


@step
def float_id(voyager, tmp):
    return filled(voyager).add_item([1.0, 2.0, 3.0, 4.0], 1.0)


@step
def float_ids(voyager, tmp):
    return filled(voyager).add_items(rows(2), np.array([1.0, 2.0]))


@step
def bool_ids(voyager, tmp):
    return filled(voyager).add_items(rows(2), np.array([True, False]))


@step
def negative_ids(voyager, tmp):
    return filled(voyager).add_items(rows(2), np.array([-1, 2]))


@step
def set_of_ids(voyager, tmp):
    return filled(voyager).add_items(rows(2), {1, 2})


@step
def value_beyond_float8(voyager, tmp):
    index = voyager.Index(0, 4, storage_data_type=voyager.StorageDataType.Float8)
    return index.add_items(np.full((1, 4), 2, np.float32))


@step
def value_beyond_e4m3(voyager, tmp):
    index = voyager.Index(0, 4, storage_data_type=voyager.StorageDataType.E4M3)
    return index.add_items(np.full((1, 4), 500, np.float32))


# --- asking ---


@step
def query_one(voyager, tmp):
    ids, distances = filled(voyager).query(rows()[3], k=3)
    return ids.dtype.name, distances.dtype.name, ids.tolist(), rounded(distances)


@step
def query_gives_a_tuple(voyager, tmp):
    found = filled(voyager).query(rows()[3], k=3)
    return isinstance(found, tuple), len(found), found[0].tolist()


@step
def query_batch(voyager, tmp):
    ids, distances = filled(voyager).query(rows(6, seed=1), k=4)
    return ids.tolist(), rounded(distances)


@step
def query_by_name(voyager, tmp):
    found = filled(voyager).query(vectors=rows(2), k=2, num_threads=1, query_ef=20)
    return [np.shape(part) for part in found]


@step
def query_takes_a_list(voyager, tmp):
    return filled(voyager).query([0.0, 0.0, 0.0, 0.0], 2)[0].shape


@step
def query_shapes(voyager, tmp):
    index = filled(voyager)
    queries = (rows()[0], rows(1), rows(0), rows(3))
    return [[part.shape for part in index.query(query, k=2)] for query in queries]


@step
def query_k_of_nothing(voyager, tmp):
    return [part.shape for part in filled(voyager).query(rows()[0], k=0)]


@step
def query_numpy_k(voyager, tmp):
    return filled(voyager).query(rows()[0], k=np.int64(2))[0].shape


@step
def query_inner_product(voyager, tmp):
    ids, distances = filled(voyager, "InnerProduct").query(rows(3, seed=1), k=3, query_ef=50)
    return ids.tolist(), rounded(distances)


@step
def query_cosine(voyager, tmp):
    ids, distances = filled(voyager, "Cosine").query(rows(3, seed=1), k=3, query_ef=50)
    return ids.tolist(), rounded(distances)


@step
def query_with_zero_ef(voyager, tmp):
    index = filled(voyager)
    index.ef = 0
    return index.ef, index.query(rows()[2], k=2)[0].shape


@step
def query_too_many(voyager, tmp):
    return filled(voyager).query(rows()[0], k=21)


@step
def recall_error_is_exported(voyager, tmp):
    try:
        filled(voyager).query(rows()[0], k=21)
    except voyager.RecallError:
        return "caught"


@step
def query_empty_index(voyager, tmp):
    return voyager.Index(voyager.Space.Euclidean, 4).query(rows()[0])


@step
def query_ef_below_k(voyager, tmp):
    return filled(voyager).query(rows()[0], k=3, query_ef=2)


@step
def query_wrong_width(voyager, tmp):
    return filled(voyager).query(np.zeros(5, np.float32))


@step
def query_three_axes(voyager, tmp):
    return filled(voyager).query(np.zeros((1, 1, 4), np.float32))


@step
def query_negative_k(voyager, tmp):
    return filled(voyager).query(rows()[0], k=-1)


@step
def query_float_k(voyager, tmp):
    return filled(voyager).query(rows()[0], k=1.0)


@step
def get_vector(voyager, tmp):
    index = filled(voyager)
    vector = index.get_vector(id=3)
    return (
        vector.dtype.name,
        vector.tolist() == rows()[3].tolist(),
        index[3].tolist() == vector.tolist(),
    )


@step
def get_vector_is_normalised_in_cosine(voyager, tmp):
    return rounded(filled(voyager, "Cosine").get_vector(3))


@step
def get_vectors(voyager, tmp):
    index = filled(voyager)
    kinds = ([3, 1], (3, 1), np.array([3, 1]), range(2), [])
    return [(*(got := index.get_vectors(ids)).shape, rounded(got)) for ids in kinds]


@step
def get_unknown_vector(voyager, tmp):
    return filled(voyager).get_vector(99)


@step
def get_unknown_item(voyager, tmp):
    return filled(voyager)[99]


@step
def get_unknown_vectors(voyager, tmp):
    return filled(voyager).get_vectors([1, 99])


@step
def get_deleted_vector(voyager, tmp):
    index = filled(voyager)
    index.mark_deleted(3)
    return index.get_vector(3)


@step
def get_vector_by_string(voyager, tmp):
    return filled(voyager)["3"]


@step
def get_vectors_of_a_set(voyager, tmp):
    return filled(voyager).get_vectors({1, 2})


@step
def get_distance(voyager, tmp):
    one, two = [1.0, 0.0, 2.0, 0.0], [0.0, 1.0, 2.0, 2.0]
    return [
        round(filled(voyager, space).get_distance(a, b), 5)
        for space in ("Euclidean", "Cosine")
        for a, b in ((one, two), (np.array(one, np.float32), np.array(two, np.float32)))
    ]


@step
def get_distance_wrong_width(voyager, tmp):
    return filled(voyager).get_distance([1.0, 2.0], [1.0, 2.0, 3.0, 4.0])


# --- deleting ---


@step
def mark_and_unmark(voyager, tmp):
    index = filled(voyager)
    before = index.query(rows()[3])[0].tolist()
    index.mark_deleted(id=3)
    hidden = index.query(rows()[3])[0].tolist()
    index.unmark_deleted(id=3)
    return before, hidden, index.query(rows()[3])[0].tolist(), index.num_elements


@step
def delete_item(voyager, tmp):
    index = filled(voyager)
    del index[3]
    return index.query(rows()[3])[0].tolist() != [3], index.num_elements


@step
def mark_unknown(voyager, tmp):
    return filled(voyager).mark_deleted(99)


@step
def mark_twice(voyager, tmp):
    index = filled(voyager)
    index.mark_deleted(3)
    return index.mark_deleted(3)


@step
def delete_unknown_item(voyager, tmp):
    del filled(voyager)[99]


@step
def unmark_unknown(voyager, tmp):
    return filled(voyager).unmark_deleted(99)


@step
def unmark_live(voyager, tmp):
    return filled(voyager).unmark_deleted(3)


# --- describing ---


@step
def ef_can_be_set(voyager, tmp):
    index = filled(voyager)
    index.ef = 77
    return index.ef


@step
def ef_negative(voyager, tmp):
    filled(voyager).ef = -1


@step
def ef_float(voyager, tmp):
    filled(voyager).ef = 1.0


@step
def space_cannot_be_set(voyager, tmp):
    try:
        filled(voyager).space = voyager.Space.Cosine
    except AttributeError:
        return "refused"


@step
def max_elements_is_the_need(voyager, tmp):
    index = voyager.Index(voyager.Space.Euclidean, 4)
    sizes = [index.max_elements]
    index.add_items(rows(5))
    sizes.append(index.max_elements)
    index.resize(new_size=100)
    sizes.append(index.max_elements)
    index.max_elements = 50
    index.add_item([1.0, 2.0, 3.0, 4.0])
    return [*sizes, index.max_elements]


@step
def resize_below_the_count(voyager, tmp):
    return filled(voyager).resize(3)


@step
def resize_negative(voyager, tmp):
    return filled(voyager).resize(-1)


@step
def ids_view(voyager, tmp):
    index = filled(voyager, n=5)
    view = index.ids
    index.add_item([1.0, 2.0, 3.0, 4.0], 99)
    return (
        type(view).__name__,
        len(view),
        sorted(view),
        99 in view,
        98 in view,
        "99" in view,
        {type(id).__name__ for id in view},
        repr(view).split(" at ")[0].rstrip(">").replace("nearfield", "voyager"),
    )


@step
def length_and_membership(voyager, tmp):
    index = filled(voyager)
    return len(index), 3 in index, 99 in index, np.int64(3) in index


# --- keeping ---


def answers(index: Any) -> Any:
    ids, distances = index.query(rows(5, seed=2), k=4, query_ef=20)
    return ids.tolist(), rounded(distances), type(index).__name__, index.num_elements, index.ef


@step
def save_and_load_a_path(voyager, tmp):
    index = filled(voyager)
    index.save(str(tmp / "index.bin"))
    return answers(index)[:2] == answers(voyager.Index.load(str(tmp / "index.bin")))[:2]


@step
def save_and_load_by_name(voyager, tmp):
    filled(voyager, "Cosine").save(output_path=str(tmp / "index.bin"))
    return answers(voyager.Index.load(filename=str(tmp / "index.bin")))


@step
def save_and_load_a_file_object(voyager, tmp):
    file = io.BytesIO()
    filled(voyager).save(file_like=file)
    file.seek(0)
    return answers(voyager.Index.load(file_like=file))


@step
def load_from_the_present_position(voyager, tmp):
    file = io.BytesIO(b"prefix")
    file.seek(6)
    filled(voyager).save(file)
    file.seek(6)
    return answers(voyager.Index.load(file))


@step
def load_with_all_arguments(voyager, tmp):
    index = filled(voyager, storage_data_type=voyager.StorageDataType.E4M3)
    file = io.BytesIO(index.as_bytes())
    loaded = voyager.Index.load(file, voyager.Space.Euclidean, 4, voyager.StorageDataType.E4M3)
    return type(loaded).__name__


@step
def load_another_space(voyager, tmp):
    return voyager.Index.load(io.BytesIO(bytes(filled(voyager))), voyager.Space.Cosine, 4)


@step
def load_another_width(voyager, tmp):
    return voyager.Index.load(io.BytesIO(bytes(filled(voyager))), voyager.Space.Euclidean, 5)


@step
def load_another_storage_by_default(voyager, tmp):
    index = filled(voyager, storage_data_type=voyager.StorageDataType.E4M3)
    return voyager.Index.load(io.BytesIO(bytes(index)), voyager.Space.Euclidean, 4)


@step
def load_space_without_width(voyager, tmp):
    return voyager.Index.load(io.BytesIO(bytes(filled(voyager))), voyager.Space.Euclidean)


@step
def load_storage_alone(voyager, tmp):
    return voyager.Index.load(
        io.BytesIO(bytes(filled(voyager))), storage_data_type=voyager.StorageDataType.Float8
    )


@step
def load_missing(voyager, tmp):
    return voyager.Index.load(str(tmp / "missing"))


@step
def load_rubbish(voyager, tmp):
    return voyager.Index.load(io.BytesIO(b"rubbish" * 100))


@step
def load_truncated(voyager, tmp):
    return voyager.Index.load(io.BytesIO(bytes(filled(voyager))[:-3]))


@step
def load_trailing(voyager, tmp):
    return voyager.Index.load(io.BytesIO(bytes(filled(voyager)) + b"x"))


@step
def load_a_number(voyager, tmp):
    return voyager.Index.load(3)


@step
def save_to_a_missing_folder(voyager, tmp):
    return filled(voyager).save(str(tmp / "missing" / "index.bin"))


@step
def save_to_nothing(voyager, tmp):
    return filled(voyager).save()


@step
def save_to_a_text_file(voyager, tmp):
    return filled(voyager).save(io.StringIO())


@step
def bytes_are_what_save_writes(voyager, tmp):
    index = filled(voyager)
    file = io.BytesIO()
    index.save(file)
    return file.getvalue() == index.as_bytes() == bytes(index)


@step
def load_is_found_on_every_class(voyager, tmp):
    data = bytes(filled(voyager))
    return type(voyager.Float8Index.load(io.BytesIO(data))).__name__


# --- E4M3T ---


def fields(number: Any) -> Any:
    return (
        float(number),
        number.sign,
        number.exponent,
        number.raw_exponent,
        number.mantissa,
        number.raw_mantissa,
        number.size,
    )


@step
def e4m3_from_value(voyager, tmp):
    # Not 0: the wheel never sets the sign bit of a zero, so it shows what was in memory before.
    return [fields(voyager.E4M3T(x)) for x in (1.5, -1.5, 448, -448, 1, True, 0.3, -0.3, 17.0)]


@step
def e4m3_from_fields(voyager, tmp):
    return [fields(voyager.E4M3T(*f)) for f in ((0, 7, 4), (1, 7, 4), (0, 0, 1), (1, 15, 6))]


@step
def e4m3_every_byte(voyager, tmp):
    numbers = [voyager.E4M3T.from_char(c) for c in range(256)]
    return [("nan", *fields(n)[1:]) if float(n) != float(n) else fields(n) for n in numbers]


@step
def e4m3_nan(voyager, tmp):
    return [str(float(voyager.E4M3T(x))) for x in (float("nan"), float("inf"), -float("inf"))]


@step
def e4m3_too_large(voyager, tmp):
    return voyager.E4M3T(449)


@step
def e4m3_char_too_large(voyager, tmp):
    return voyager.E4M3T.from_char(256)


@step
def e4m3_string(voyager, tmp):
    return voyager.E4M3T("1")


@step
def e4m3_float_fields(voyager, tmp):
    return voyager.E4M3T(0, 7, 4.0)


@step
def e4m3_is_read_only(voyager, tmp):
    try:
        voyager.E4M3T(1.0).sign = 1
    except AttributeError:
        return "refused"


@step
def e4m3_representation(voyager, tmp):
    return repr(voyager.E4M3T(1.5)).split(" at ")[0].rstrip(">").split(" ", 1)[1]


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
    voyager = pytest.importorskip("voyager")
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
    voyager = pytest.importorskip("voyager")
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
    voyager = pytest.importorskip("voyager")
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
