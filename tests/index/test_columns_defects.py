"""Defects of columns that were found by looking for them: each with what showed it."""

from __future__ import annotations

import threading

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors


def stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_file_that_is_saved_after_an_interrupted_add_can_be_read(rng):
    """The round that was given up began a chunk of slots that do not exist."""
    index = nf.Index("euclidean", 4, M=3, ef_construction=6)
    index.add_items(rng.normal(size=(4096, 4)), columns={"a": np.arange(4096)})
    more, columns = rng.normal(size=(512, 4)), {"a": np.arange(512)}  # one round
    with pytest.raises(KeyboardInterrupt):
        index.add_items(more, num_threads=1, columns=columns, progress=stop)
    assert len(index) == 4096
    loaded = nf.Index.load(bytes(index))
    assert loaded.get_columns(loaded.ids)["a"].tolist() == list(range(4096))


def test_words_come_with_the_first_row_that_is_stored_with_them():
    """Each round looked up all words of its call, those of rows that are left out among them."""
    index = nf.Index("euclidean", 1)
    index.add_items([[0]], [0], columns={"w": ["old"]})
    left_out, kept = "never stored", "new"
    index.add_items([[1], [2]], [0, 1], columns={"w": [left_out, kept]}, on_conflict="keep")
    assert index.columns["w"].num_words == 2
    assert index.get_columns([0, 1])["w"].tolist() == ["old", kept]


def test_two_calls_that_make_one_column_of_different_types():
    """An add looked at the types, and made its columns, under two locks."""
    index = nf.Index("euclidean", 1)
    index.add_items([[0], [1]], [0, 1])
    for turn in range(100):
        name, ends = f"c{turn}", []
        begin = threading.Barrier(2)

        def give(call, name=name, ends=ends, begin=begin):
            begin.wait()
            try:
                call(name)
            except errors.InvalidInput:
                ends.append("refused")
            else:
                ends.append("done")

        def add(name):
            index.add_items([[1]], [1], columns={name: [True]})

        def change(name):
            index.set_columns([0], {name: [2**40]})

        threads = [threading.Thread(target=give, args=(call,)) for call in (add, change)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ends) == ["done", "refused"]
        expected = [None, True] if index.columns[name].type == "bool" else [2**40, None]
        assert index.get_columns([0, 1], [name])[name].tolist() == expected


def test_columns_that_are_read_together_are_of_one_instant():
    """Each was read by a call of its own."""
    index = nf.Index("euclidean", 1)
    ids = index.add_items(np.zeros((50, 1)), columns={"a": [0] * 50, "b": [0] * 50})
    stop = threading.Event()

    def change():
        turn = 0
        while not stop.is_set():
            turn += 1
            index.set_columns(ids, {"a": [turn] * 50, "b": [turn] * 50})

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(300):
            read = index.get_columns(ids)
            assert len({*read["a"].tolist(), *read["b"].tolist()}) == 1
    finally:
        stop.set()
        thread.join()


def test_an_id_that_stands_twice_is_one_vector_changed():
    index = nf.Index("euclidean", 1)
    index.add_items([[0], [1]], [7, 8])
    assert index.set_columns([8, 7, 8], {"a": [1, 2, 3]}) == 2
    assert index.set_columns([8, 9, 8], {"a": [4, 5, 6]}, if_missing="ignore") == 1
    assert index.get_columns([7, 8])["a"].tolist() == [2, 6]


def test_few_rows_of_a_column_of_many_words_are_read_alike():
    """Words are handed out once where there are many rows, and as they come where there are few."""
    index = nf.Index("euclidean", 1, M=2, ef_construction=2)
    words = [f"w{i % 997}" for i in range(1000)]
    tags = [[f"t{i % 997}", "all"] for i in range(1000)]
    ids = index.add_items(np.zeros((1000, 1)), columns={"w": words, "t": tags})
    for some in ([3], [3, 999, 3, 2], ids):
        read = index.get_columns(some)
        assert read["w"].tolist() == [words[i] for i in some]
        assert read["t"].tolist() == [("all", f"t{i % 997}") for i in some]


def test_the_order_of_the_tags_of_a_vector_leaves_no_trace():
    """That of a Python set is another one in each process."""

    def by(*tags):
        index = nf.Index("euclidean", 1)
        index.add_items([[0], [1], [2]], columns={"t": [["b"], *tags]})
        return bytes(index)

    want = by(["a", "b", "c"], ["d", "a"])
    assert by({"c", "b", "a"}, ("a", "d", "a")) == want
    assert by(["c", "a", "b"], {"d", "a"}) == want
    assert by(["a", "b", "d"], ["c", "a"]) != want
