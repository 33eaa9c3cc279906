"""The module, its enums, the constructor, adding and asking."""

from __future__ import annotations

import numpy as np

from tests.index.voyager_script import filled, rounded, rows, step

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
    kinds = {"Space": "Euclidean InnerProduct Cosine", "StorageDataType": "Float8 Float32 E4M3"}
    return {n: getattr(voyager, k)[n].value for k, names in kinds.items() for n in names.split()}


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


def said_of(index):
    """Give the repr but for its end: nearfield names the codes there, Voyager has none."""
    return repr(index).rstrip(">").split(" codes=")[0].split(" at ")[0]


@step
def numbers_for_enums(voyager, tmp):
    return said_of(voyager.Index(2, 4, storage_data_type=16)).split(" ", 1)[1]


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
    return said_of(filled(voyager)).replace("nearfield", "voyager")


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
