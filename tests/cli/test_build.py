"""``nearfield build``: the same bytes from any format, row group and thread; bad rows; Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pytest

from tests.cli.conftest import ROWS, WIDTH, Run, write_parquet


@pytest.mark.parametrize("row_group_size", [77, 512, ROWS])
@pytest.mark.parametrize("threads", [1, 3])
def test_bytes_depend_neither_on_row_groups_nor_on_threads(
    tmp_path: Path, vectors: Any, run: Run, row_group_size: int, threads: int
) -> None:
    source = write_parquet(tmp_path / "other.parquet", vectors, row_group_size)
    out = tmp_path / "out.nf"
    done = run("build", source, "--key", "number", "-o", out, "--threads", threads)
    assert done.code == 0, done.err
    expected = nf.Index(nf.Space.Cosine, WIDTH)
    expected.add_items(vectors, ids=np.arange(5, 5 + ROWS), num_threads=2)
    assert out.read_bytes() == expected.as_bytes()


@pytest.mark.parametrize("kind", ["npy", "fortran.npy", "npz", "fvecs", "fbin", "parquet"])
def test_every_format_gives_the_same_index(
    tmp_path: Path, parquet: Path, vectors: Any, run: Run, kind: str
) -> None:
    path: Path | str = tmp_path / f"v.{kind}"
    if kind == "npy":
        np.save(path, vectors.astype(np.float64))
    elif kind == "fortran.npy":
        np.save(path, np.asfortranarray(vectors))
    elif kind == "npz":
        np.savez_compressed(path, base=vectors, other=vectors[:1])
        path = f"{path}:base"
    elif kind == "fvecs":
        widths = np.full((ROWS, 1), WIDTH, dtype="<i4").view("<f4")
        np.hstack([widths, vectors]).astype("<f4").tofile(path)
    elif kind == "fbin":
        header = np.array(vectors.shape, dtype="<u4").tobytes()
        Path(path).write_bytes(header + vectors.tobytes())
    else:
        path = parquet
    out = tmp_path / "out.nf"
    done = run("build", path, "-o", out, "--space", "euclidean", "--M", 8, "--seed", 3)
    assert done.code == 0, done.err
    index = nf.Index(nf.Space.Euclidean, WIDTH, M=8, random_seed=3)
    index.add_items(vectors)
    assert out.read_bytes() == index.as_bytes()


def test_options_reach_the_index(tmp_path: Path, vectors: Any, run: Run) -> None:
    np.save(tmp_path / "v.npy", vectors / np.abs(vectors).max())
    np.save(tmp_path / "ids.npy", np.arange(ROWS)[::-1])
    done = run(
        "build", tmp_path / "v.npy", "--ids", tmp_path / "ids.npy", "-o", tmp_path / "out.nf",
        "--space", "InnerProduct", "--storage", "FLOAT8", "--M", 6, "--ef-construction", 50,
        "--json",
    )  # fmt: skip
    said = json.loads(done.out)
    out = tmp_path / "out.nf"
    index = nf.load(out)
    assert said == {
        "index": str(out), "rows": ROWS, "bytes": out.stat().st_size,
        "kind": "Index", "dimensions": WIDTH, "space": "InnerProduct", "storage": "Float8",
        "codes": "none", "M": 6, "ef_construction": 50, "seed": 1,
    }  # fmt: skip
    assert (index.space, index.M, index.ef_construction) == (nf.Space.InnerProduct, 6, 50)
    assert index.storage_data_type is nf.Float8
    assert next(iter(index.ids)) == ROWS - 1


def test_data_goes_to_stdout_and_words_to_stderr(tmp_path: Path, parquet: Path, run: Run) -> None:
    done = run("build", parquet, "-o", tmp_path / "a.nf")
    assert done.out == ""
    assert f"building: {ROWS:,} of {ROWS:,} rows\n" in done.err
    assert "a.nf: 1,200 rows" in done.err
    assert run("build", parquet, "-o", tmp_path / "a.nf", "--quiet") == (0, "", "")


def test_a_later_row_of_the_same_key_replaces(tmp_path: Path, vectors: Any, run: Run) -> None:
    np.save(tmp_path / "v.npy", vectors)
    np.save(tmp_path / "keys.npy", np.array([f"k{i % 1000}" for i in range(ROWS)]))
    out = tmp_path / "out.nf"
    done = run("build", tmp_path / "v.npy", "--ids", tmp_path / "keys.npy", "-o", out)
    assert "200 rows were replaced by a later row of the same key" in done.err
    assert len(nf.load(out)) == 1000


def test_dry_run_writes_nothing_and_estimates(tmp_path: Path, parquet: Path, run: Run) -> None:
    done = run(
        "build", parquet, "--dry-run", "--json", "-o", tmp_path / "no.nf", "--rows", "split=base"
    )
    estimate = json.loads(done.out)
    assert not (tmp_path / "no.nf").exists()
    assert estimate["rows"] == 1080
    memory = nf.estimate_memory(1080, WIDTH)
    assert estimate["total_bytes"] == memory.total_bytes
    assert estimate["codes"] == "none", "what auto stands for: 16 dimensions"
    shown = run("build", parquet, "--dry-run", "--rows", "split=base")
    assert "total_bytes\t" in shown.out
    assert "codes\tnone\n" in shown.out
    assert shown.err == f"{memory}\n"
    assert run("build", parquet, "--dry-run", "--storage", "E4M3", "--codes", "int8").code == 3


def test_a_bad_row_is_named_and_leaves_no_file(tmp_path: Path, vectors: Any, run: Run) -> None:
    vectors[1100, 3] = np.nan
    np.save(tmp_path / "bad.npy", vectors)
    done = run("build", tmp_path / "bad.npy", "-o", tmp_path / "bad.nf")
    assert (done.code, done.out) == (3, "")
    assert done.err.endswith(
        "nearfield: bad.npy, row 1100: the vector holds NaN, infinity or a null; drop or mend it\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.npy"]


def test_what_cannot_be_is_refused_before_the_work(tmp_path: Path, parquet: Path, run: Run) -> None:
    done = run("build", parquet, "-o", tmp_path / "missing" / "out.nf")
    assert done.code == 1
    assert "the folder" in done.err
    assert run("build", parquet, "-o", tmp_path).code == 1
    assert "the file to be read" in run("build", parquet, "-o", parquet).err
    done = run("build", parquet, "--rows", "split=none", "-o", tmp_path / "out.nf")
    assert done.code == 3
    assert "has no row with split=none" in done.err
    for wrong in (("--M", "1"), ("--space", "manhattan"), ("--threads", "-2"), ("--seed", "-1")):
        assert run("build", parquet, "-o", tmp_path / "out.nf", *wrong).code == 2
    assert run("build", parquet).code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["items.parquet"]


IN_THE_SOURCE = """
import signal, sys
from nearfield.cli import build
from nearfield.cli.main import main
chunks = build._some
def slow(*arguments):
    given = chunks(*arguments)
    yield next(given)
    sys.stdout.write("ready\\n")
    sys.stdout.flush()
    while True:  # not pause(): a signal that came just before it would be waited for for ever
        signal.sigtimedwait(set(), 0.05)
build._some = slow
main(sys.argv[1:])
"""
IN_THE_CORE = """
import contextlib, sys
from nearfield.cli import output
from nearfield.cli.main import main
said = []
@contextlib.contextmanager
def progress(*arguments):
    def report(done, total):
        if not said:
            said.append(done)
            sys.stdout.write("ready\\n")
            sys.stdout.flush()
    yield report
output.progress = progress
main(sys.argv[1:])
"""


@pytest.mark.parametrize("script", [IN_THE_SOURCE, IN_THE_CORE], ids=["source", "core"])
def test_ctrl_c_leaves_no_half_file(tmp_path: Path, rng: np.random.Generator, script: str) -> None:
    np.save(tmp_path / "big.npy", rng.normal(size=(20_000, 32)).astype(np.float32))
    out = tmp_path / "big.nf"
    out.write_bytes(b"the old one")
    command = [sys.executable, "-c", script, "build", str(tmp_path / "big.npy"), "-o", str(out)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "interrupted; no file was changed" in err
    assert out.read_bytes() == b"the old one"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["big.nf", "big.npy"]
