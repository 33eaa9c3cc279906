"""``nearfield export`` and ``convert``: what was built comes back, in other formats too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import ROWS, WIDTH, Run

GOLDEN = Path(__file__).resolve().parents[1] / "files" / "data"


@pytest.mark.parametrize("key", ["name", "number"])
@pytest.mark.parametrize("suffix", ["parquet", "npy"])
def test_export_gives_back_what_was_built(
    tmp_path: Path, parquet: Path, vectors: Any, run: Run, suffix: str, key: str
) -> None:
    out, exported = tmp_path / "items.nf", tmp_path / f"exported.{suffix}"
    run("build", parquet, "--space", "euclidean", "--key", key, "-o", out)
    done = run("export", out, "-o", exported, "--json", "--quiet")
    assert (done.code, done.err) == (0, "")
    said = json.loads(done.out)
    expected = "item 4" if key == "name" else 9
    assert (said["rows"], said["keys"]) == (ROWS, "key" if key == "name" else "id")
    if suffix == "npy":
        assert np.array_equal(np.load(exported), vectors)
        assert np.load(tmp_path / "exported.ids.npy")[4] == expected
    else:
        table = pq.read_table(exported)
        assert table[said["keys"]].to_pylist()[4] == expected
        back = table["vector"].combine_chunks().flatten().to_numpy().reshape(-1, WIDTH)
        assert np.array_equal(back, vectors)


@pytest.mark.parametrize("suffix", ["parquet", "npy"])
def test_what_was_exported_builds_the_same_index(
    tmp_path: Path, parquet: Path, run: Run, suffix: str
) -> None:
    first, exported, second = tmp_path / "a.nf", tmp_path / f"x.{suffix}", tmp_path / "b.nf"
    run("build", parquet, "--space", "euclidean", "--key", "name", "-o", first)
    run("export", first, "-o", exported)
    ids = ("--ids", tmp_path / "x.ids.npy") if suffix == "npy" else ("--key", "key")
    done = run("build", exported, "--space", "euclidean", *ids, "-o", second)
    assert done.code == 0, done.err
    assert first.read_bytes() == second.read_bytes()


def test_a_failed_export_leaves_the_old_file(
    tmp_path: Path, built: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x.npy"
    target.write_bytes(b"the old one")

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(nf.StringIndex, "get_vectors", interrupted)
    assert run("export", built, "-o", target).code == 130
    assert target.read_bytes() == b"the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "items.nf",
        "items.parquet",
        "x.npy",
    ]


def test_an_unknown_kind_is_a_wrong_usage(tmp_path: Path, built: Path, run: Run) -> None:
    assert run("export", built, "-o", tmp_path / "x.csv").code == 2
    assert run("convert", built, tmp_path / "x.csv").code == 2


def test_convert_to_voyager_and_back(tmp_path: Path, parquet: Path, run: Run) -> None:
    first, voyager_file, second = tmp_path / "a.nf", tmp_path / "b.voy", tmp_path / "c.nf"
    run("build", parquet, "-o", first)
    assert run("convert", first, voyager_file).code == 0
    said = json.loads(run("convert", voyager_file, second, "--json").out)
    assert (said["format"], said["rows"]) == ("nearfield", ROWS)
    one, two = nf.load(first), nf.load(second)
    assert isinstance(one, nf.Index)
    assert isinstance(two, nf.Index)
    assert np.array_equal(one.get_vectors(one.ids), two.get_vectors(two.ids))
    # Codes are made anew, of all rows at once: the walks differ a little, what they find hardly.
    found = [index.query(np.eye(WIDTH), k=5, query_ef=200).ids for index in (one, two)]
    assert np.array_equal(*found)


@pytest.mark.parametrize("storage", ["Float16", "CodesOnly"])
def test_what_voyager_has_not_is_written_as_vectors_and_told(
    tmp_path: Path, parquet: Path, run: Run, storage: str
) -> None:
    ours, theirs = tmp_path / "a.nf", tmp_path / "b.voy"
    run("build", parquet, "--storage", storage, "-o", ours)
    note = f"Voyager's format has no {storage}: what the index holds is written as Float32 vectors"
    done = run("convert", ours, theirs, "--json")
    assert note in done.err
    assert "UserWarning" not in done.err
    said = json.loads(done.out)
    assert (said["storage"], said["format"]) == ("Float32", "voyager")
    one, two = nf.load(ours), nf.load(theirs)
    assert two.storage_data_type is nf.Float32
    assert np.array_equal(one.get_vectors(one.ids), two.get_vectors(two.ids))
    assert run("convert", ours, theirs, "--quiet").err == ""
    assert note in run("build", parquet, "--storage", storage, "-o", tmp_path / "c.voy").err
    kept = run("convert", ours, tmp_path / "d.nf", "--json")
    assert note not in kept.err
    assert json.loads(kept.out)["storage"] == storage


def test_files_that_do_not_say_their_space_are_told_it(tmp_path: Path, run: Run) -> None:
    old = GOLDEN / "voyager_v0_cosine_16d_float8_M12.voy"
    refused = run("convert", old, tmp_path / "x.nf")
    assert refused.code == 4
    assert "--space" in refused.err
    assert run("info", old).code == 4
    how = ("--space", "cosine", "--dimensions", "16", "--storage", "float8")
    assert run("convert", old, tmp_path / "x.nf", *how).code == 0
    assert json.loads(run("info", tmp_path / "x.nf", "--json").out)["storage"] == "Float8"
    assert run("convert", old, tmp_path / "x.nf", "--space", "cosine").code == 2
    other = GOLDEN / "hnswlib_l2_16d_float32_M8.bin"
    how = ("--space", "euclidean", "--dimensions", "16")
    assert run("convert", other, tmp_path / "y.nf", *how).code == 0


def test_keys_have_no_place_in_a_voyager_file(tmp_path: Path, built: Path, run: Run) -> None:
    done = run("convert", built, tmp_path / "x.voy")
    assert done.code == 3
    assert "keys" in done.err
    assert not (tmp_path / "x.voy").exists()
