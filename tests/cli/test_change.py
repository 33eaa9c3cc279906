"""``nearfield add``, ``upsert``, ``remove``, ``compact``: what they do to an index."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import WIDTH, Run, refused, said, saved, write_parquet

# --- add and upsert ---


def test_add_gives_the_bytes_that_the_library_gives(
    tmp_path: Path, numbers: Path, vectors: Any, run: Run
) -> None:
    expected = nf.load(numbers)
    expected.add_items(vectors[300:500])
    before = numbers.stat().st_size
    new = saved(tmp_path / "new.npy", vectors[300:500])
    assert said(run("add", numbers, new, "--json")) == {
        "index": str(numbers), "added": 200, "replaced": 0, "left_out": 0, "rows": 500,
        "bytes_before": before, "bytes": numbers.stat().st_size,
    }  # fmt: skip
    assert numbers.read_bytes() == expected.as_bytes()
    assert numbers.stat().st_size > before


def test_add_with_ids_refuses_those_that_are_there(
    tmp_path: Path, numbers: Path, vectors: Any, run: Run
) -> None:
    new = saved(tmp_path / "new.npy", vectors[:5] + 9)
    ids = saved(tmp_path / "ids.npy", np.array([300, 301, 7, 302, 302]))
    how = ("add", numbers, new, "--ids", ids)
    words = refused(run, numbers, *how)
    assert "holds the id 302 in row 4 of the whole input, which is there in a row before" in words
    ids = saved(ids, np.array([300, 301, 7, 302, 303]))
    words = refused(run, numbers, *how, "--on-conflict", "error")
    assert "new.npy holds the id 7 in row 2 of the whole input, which is in the index al" in words
    assert "--on-conflict update replaces what is there, --on-conflict keep leaves" in words
    assert "on_conflict" not in words
    told = said(run(*how, "--on-conflict", "keep", "--json"))
    assert (told["added"], told["replaced"], told["left_out"], told["rows"]) == (4, 0, 1, 304)
    assert np.array_equal(nf.load(numbers)[7], nf.Index.from_vectors(vectors[7:8])[0])
    told = said(run(*how, "--on-conflict", "update", "--json"))
    assert (told["added"], told["replaced"], told["left_out"], told["rows"]) == (0, 5, 0, 304)
    assert np.array_equal(nf.load(numbers)[7], nf.Index.from_vectors(vectors[2:3] + 9)[0])
    wrong = run(*how, "--on-conflict", "x")
    assert wrong.code == 2
    assert "expected one of error, keep, update" in wrong.err


def test_what_changes_nothing_writes_nothing(
    tmp_path: Path, numbers: Path, vectors: Any, run: Run
) -> None:
    inode = numbers.stat().st_ino
    ids = saved(tmp_path / "ids.npy", np.arange(5))
    new = saved(tmp_path / "new.npy", vectors[:5])
    none = saved(tmp_path / "none.npy", vectors[:0])
    for how in (
        ("add", numbers, new, "--ids", ids, "--on-conflict", "keep"),
        ("add", numbers, none),
        ("remove", numbers, 999, "--if-missing", "ignore"),
    ):
        done = run(*how)
        assert done.code == 0
        assert "the file stays as it is; 300 rows" in done.err
        assert numbers.stat().st_ino == inode


def test_keys_of_parquet(tmp_path: Path, built: Path, vectors: Any, run: Run) -> None:
    """`built` holds the rows that are not queries."""
    more = write_parquet(tmp_path / "more.parquet", vectors * np.float32(-1), 300)
    words = refused(run, built, "add", built, more, "--key", "name")
    assert "more.parquet holds the key 'item 1' in row 1 of the whole input, which is in" in words
    told = said(run("add", built, more, "--key", "name", "--rows", "split=query", "--json"))
    assert (told["added"], told["rows"]) == (120, 1200)
    told = said(run("upsert", built, more, "--key", "name", "--column", "embedding", "--json"))
    assert (told["added"], told["replaced"], told["rows"]) == (0, 1200, 1200)
    index = nf.load(built)
    assert isinstance(index, nf.StringIndex)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [f"item {i}" for i in range(1200)]
    np.testing.assert_allclose(index.get_vectors(names), -unit, atol=1e-6)


def test_upsert_replaces_and_adds_and_brings_back(
    tmp_path: Path, numbers: Path, vectors: Any, run: Run
) -> None:
    index = nf.load(numbers)
    index.mark_deleted(5)
    index.save(numbers)
    new = saved(tmp_path / "new.npy", vectors[500:504])
    ids = saved(tmp_path / "ids.npy", np.array([5, 1000, 6, 1000]))
    done = run("upsert", numbers, new, "--ids", ids)
    assert (done.code, done.out) == (0, "")
    assert "numbers.nf: 1 added, 3 replaced, 0 left out; 301 rows, " in done.err
    index = nf.load(numbers)
    expected = nf.Index.from_vectors(vectors[[500, 503, 502]])
    assert np.array_equal(index.get_vectors([5, 1000, 6]), expected.get_vectors([0, 1, 2]))


def test_names_that_do_not_fit_the_index_are_refused(
    tmp_path: Path, numbers: Path, built: Path, parquet: Path, vectors: Any, run: Run
) -> None:
    new = saved(tmp_path / "new.npy", vectors[:2])
    ids = saved(tmp_path / "ids.npy", np.array([1, 2]))
    keys = saved(tmp_path / "keys.npy", np.array(["a", "b"]))
    wide = saved(tmp_path / "wide.npy", np.ones((2, WIDTH + 1)))
    for command in ("add", "upsert"):
        assert "no keys, but items.nf has text" in refused(run, built, command, built, new)
        assert "ids.npy holds integers, but the keys of items.nf are text" in refused(
            run, built, command, built, new, "--ids", ids
        )
        assert "column 'number' holds integers, but the keys of items.nf are text" in refused(
            run, built, command, built, parquet, "--key", "number"
        )
        assert "keys.npy holds text, but the ids of numbers.nf are integers" in refused(
            run, numbers, command, numbers, new, "--ids", keys
        )
        assert "column 'name' holds text, but the ids of numbers.nf are integers" in refused(
            run, numbers, command, numbers, parquet, "--key", "name"
        )
        assert "17 dimensions; numbers.nf holds 16" in refused(
            run, numbers, command, numbers, wide, "--ids", ids
        )
    assert "nothing says what it replaces" in refused(run, numbers, "upsert", numbers, new)


def test_a_bad_row_far_behind_changes_nothing(
    tmp_path: Path, numbers: Path, rng: np.random.Generator, run: Run
) -> None:
    many = rng.normal(size=(20_000, WIDTH)).astype(np.float32)
    many[19_999, 3] = np.nan
    bad = saved(tmp_path / "bad.npy", many)
    assert "bad.npy, row 19999" in refused(run, numbers, "add", numbers, bad, "--quiet")


# --- remove ---


def test_remove_by_ids_and_by_keys(numbers: Path, built: Path, run: Run) -> None:
    before = built.stat().st_size
    assert said(run("remove", built, "item 1", "item 3", "item 1", "--json")) == {
        "index": str(built), "removed": 2, "missing": 0, "rows": 1078,
        "bytes_before": before, "bytes": built.stat().st_size,
    }  # fmt: skip
    index = nf.load(built)
    assert "item 1" not in index
    assert "item 2" in index
    done = run("remove", numbers, "7", "8")
    assert (done.code, done.out) == (0, "")
    assert "numbers.nf: 2 removed, 0 missing; 298 rows, " in done.err
    assert run("remove", numbers, "9", "--quiet") == (0, "", "")
    assert set(range(300)) - set(nf.load(numbers)) == {7, 8, 9}


def test_missing_ones_raise_or_are_passed_over(numbers: Path, built: Path, run: Run) -> None:
    for path, there, missing in ((numbers, "5", "999"), (built, "item 5", "never")):
        words = refused(run, path, "remove", path, there, missing)
        assert f"{missing} is not in the index" in words.replace("'", "")
        how = ("--if-missing", "ignore", "--json")
        told = said(run("remove", path, there, missing, missing, *how))
        assert (told["removed"], told["missing"]) == (1, 1)
    wrong = run("remove", numbers, "7", "--if-missing", "x")
    assert wrong.code == 2
    assert "expected one of raise, ignore" in wrong.err


@pytest.mark.parametrize("kind", ["txt", "npy", "parquet", "-"])
@pytest.mark.parametrize("which", ["numbers", "built"])
def test_ids_from_a_file(
    request: pytest.FixtureRequest, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch,
    kind: str, which: str,
) -> None:  # fmt: skip
    path: Path = request.getfixturevalue(which)
    names: list[Any] = [11, 12, 13] if which == "numbers" else ["item 11", "item 12", "item 13"]
    file: Any = tmp_path / f"gone.{kind}"
    more: tuple[object, ...] = ()
    lines = "\r\n".join(map(str, names)) + "\n\n"
    if kind == "txt":
        file.write_bytes(b"\xef\xbb\xbf" + lines.encode())
    elif kind == "npy":
        saved(file, np.array(names))
    elif kind == "parquet":
        split = ["yes", "yes", "yes", "no"]
        other = 14 if which == "numbers" else "item 14"
        pq.write_table(pa.table({"who": [*names, other], "split": split}), file)
        more = ("--key", "who", "--rows", "split=yes")
    else:
        file = "-"
        data = io.BytesIO(b"\xef\xbb\xbf" + lines.encode())
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(data))
    assert said(run("remove", path, "--ids-from", file, *more, "--json"))["removed"] == 3
    index: Any = nf.load(path)
    assert not [name for name in names if name in index]
    assert (14 if which == "numbers" else "item 14") in index


def test_ids_that_cannot_be_are_refused(
    tmp_path: Path, numbers: Path, built: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("x", "-0", "1.5", "٣"):
        words = refused(run, numbers, "remove", numbers, "--", "5", name)
        assert f"names '{name}', but numbers.nf has integer ids" in words
    for name, shown in (
        (str(2**64 - 1), str(2**64 - 1)),
        (str(2**64), str(2**64)),
        ("9" * 5000, "9" * 40 + "... (5000 digits)"),
    ):
        words = refused(run, numbers, "remove", numbers, "--", "5", name)
        assert f"names {shown}, which is out of range; ids are integers from 0 to 2^64-2" in words
    ids = saved(tmp_path / "ids.npy", np.array([1, 2]))
    words = refused(run, built, "remove", built, "--ids-from", ids)
    assert "ids.npy holds integers, but items.nf has text keys" in words
    other = tmp_path / "ids.csv"
    other.write_text("1\n")
    assert ".txt, .parquet, .npy" in refused(run, built, "remove", built, "--ids-from", other)
    words = refused(run, built, "remove", built, "--ids-from", tmp_path / "items.parquet")
    assert "items.parquet has columns; name the one of the ids or keys (--key)" in words
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"item 1\n\xff\n")
    assert "not UTF-8" in refused(run, built, "remove", built, "--ids-from", bad)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"item 1\n\xff\n")))
    assert "input is not UTF-8" in refused(run, built, "remove", built, "--ids-from", "-")
    for wrong in ((), ("5", "--ids-from", ids), ("5", "--key", "x"), ("5", "--rows", "x=y")):
        assert run("remove", numbers, *wrong).code == 2
    for wrong in (("--key", "x"), ("--rows", "x=y")):
        assert "means nothing" in refused(
            run, numbers, "remove", numbers, "--ids-from", ids, *wrong
        )


# --- compact ---


def test_compact_makes_the_file_smaller_and_keeps_the_answers(
    tmp_path: Path, built: Path, vectors: Any, run: Run
) -> None:
    index = nf.load(built)
    index.mark_deleted("item 1199")
    index.save(built)
    gone = tmp_path / "gone.txt"
    gone.write_text("".join(f"item {i}\n" for i in range(600) if i % 10))
    assert said(run("remove", built, "--ids-from", gone, "--json"))["removed"] == 540
    before = built.stat().st_size
    answers = nf.load(built).query(vectors[::7], k=5, query_ef=600)
    told = said(run("compact", built, "--json", "--threads", 1))
    assert told == {
        "index": str(built), "places_given_back": 540, "rows": 539,
        "bytes_before": before, "bytes": built.stat().st_size,
    }  # fmt: skip
    assert told["bytes"] < 0.6 * before
    index = nf.load(built)
    again = index.query(vectors[::7], k=5, query_ef=600)
    assert np.array_equal(answers.distances, again.distances)
    assert np.array_equal(answers.keys, again.keys)
    index.unmark_deleted("item 1199")
    assert "places given back; 539 rows" in run("compact", built).err
    assert json.loads(run("info", built, "--json").out)["removed"] == 0
