"""Deleting, describing, keeping, and the 8-bit number."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from tests.index.voyager_script import filled, rounded, rows, step

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
