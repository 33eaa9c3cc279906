"""The command line: stdout apart from stderr, JSON, exit codes, and bytes that do not depend on the source."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nearfield as nf
from tests.conftest import clustered


def run(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nearfield", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(env or {})},
    )


@pytest.fixture
def vectors(rng: np.random.Generator) -> np.ndarray:
    return clustered(rng, 1200, 16)


@pytest.fixture
def parquet(tmp_path: Path, vectors: np.ndarray) -> Path:
    return write_parquet(tmp_path / "items.parquet", vectors, 500)


def write_parquet(path: Path, vectors: np.ndarray, row_group_size: int) -> Path:
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    n = len(vectors)
    table = pa.table(
        {
            "name": [f"item {i}" for i in range(n)],
            "number": pa.array(range(5, 5 + n)),
            "split": ["query" if i % 10 == 0 else "base" for i in range(n)],
            "embedding": column,
        }
    )
    pq.write_table(table, path, row_group_size=row_group_size)
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_main_job(tmp_path: Path, parquet: Path, vectors: np.ndarray) -> None:
    out = tmp_path / "items.nf"
    built = run(
        "build", parquet, "--vectors", "embedding", "--key", "name", "--rows", "split=base",
        "--space", "cosine", "-o", out, "--json",
    )
    assert built.returncode == 0, built.stderr
    assert json.loads(built.stdout)["rows"] == 1080

    info = json.loads(run("info", out, "--json").stdout)
    assert (info["kind"], info["space"], info["live"], info["unreachable"]) == (
        "StringIndex", "Cosine", 1080, 0,
    )
    valid = run("validate", out)
    assert valid.returncode == 0
    assert "1,080 rows" in valid.stdout

    asked = run("query", out, "--id", "item 7", "-k", 3, "--json")
    assert json.loads(asked.stdout)["neighbors"][0]["id"] == "item 7"

    measured = run(
        "evaluate", out, "--queries", parquet, "--rows", "split=query", "--json", "--ef", "20,100"
    )
    curve = json.loads(measured.stdout)["curve"]
    assert [point["ef"] for point in curve] == [20, 100]
    assert curve[-1]["recall"] >= 0.95
    assert measured.stdout.count("\n") == 1, "data only on stdout"
    assert "computing the truth" in measured.stderr


@pytest.mark.parametrize("row_group_size", [77, 1200])
@pytest.mark.parametrize("threads", [1, 3])
def test_bytes_depend_neither_on_row_groups_nor_on_threads(
    tmp_path: Path, parquet: Path, vectors: np.ndarray, row_group_size: int, threads: int
) -> None:
    expected, out = tmp_path / "expected.nf", tmp_path / "out.nf"
    other = write_parquet(tmp_path / "other.parquet", vectors, row_group_size)
    for source, target, number in ((parquet, expected, 2), (other, out, threads)):
        done = run("build", source, "--key", "number", "-o", target, "--threads", number)
        assert done.returncode == 0, done.stderr
    assert digest(out) == digest(expected)
    assert sorted(nf.load(out).ids)[:3] == [5, 6, 7]


@pytest.mark.parametrize("kind", ["npy", "npz", "fvecs", "fbin", "parquet"])
def test_every_format_gives_the_same_index(
    tmp_path: Path, parquet: Path, vectors: np.ndarray, kind: str
) -> None:
    source: Path | str = tmp_path / f"v.{kind}"
    if kind == "npy":
        np.save(source, vectors)
    elif kind == "npz":
        np.savez(source, base=vectors, other=vectors[:1])
        source = f"{source}:base"
    elif kind == "fvecs":
        rows = np.hstack([np.full((len(vectors), 1), 16, dtype="<i4").view("<f4"), vectors])
        rows.astype("<f4").tofile(source)
    elif kind == "fbin":
        header = np.array(vectors.shape, dtype="<u4").tobytes()
        Path(source).write_bytes(header + vectors.tobytes())
    else:
        source = parquet
    out = tmp_path / "out.nf"
    done = run("build", source, "-o", out, "--space", "euclidean", "--M", 8)
    assert done.returncode == 0, done.stderr
    index = nf.Index(nf.Space.Euclidean, 16, M=8)
    index.add_items(vectors)
    assert out.read_bytes() == index.as_bytes()


def test_dry_run_writes_nothing_and_estimates(tmp_path: Path, parquet: Path) -> None:
    done = run("build", parquet, "--dry-run", "--json", "-o", tmp_path / "no.nf")
    estimate = json.loads(done.stdout)
    assert not (tmp_path / "no.nf").exists()
    index = nf.Index(nf.Space.Cosine, 16)
    index.add_items(np.ones((1200, 16)))
    assert estimate["total_bytes"] == nf.estimate_memory(1200, 16).total_bytes


def test_exit_codes(tmp_path: Path, parquet: Path, vectors: np.ndarray) -> None:
    out = tmp_path / "items.nf"
    assert run("build", parquet, "-o", out, "--quiet").returncode == 0
    bad = vectors.copy()
    bad[1100, 3] = np.nan
    np.save(tmp_path / "bad.npy", bad)
    refused = run("build", tmp_path / "bad.npy", "-o", tmp_path / "bad.nf")
    assert refused.returncode == 3
    assert "bad.npy, row 1100" in refused.stderr
    assert not (tmp_path / "bad.nf").exists()

    damaged = bytearray(out.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    (tmp_path / "damaged.nf").write_bytes(damaged)
    assert run("validate", tmp_path / "damaged.nf").returncode == 4
    assert run("info", tmp_path / "damaged.nf").returncode == 4
    assert run("info", parquet).returncode == 4

    gate = ("evaluate", out, "--queries", parquet, "--ef", "10", "--min-recall")
    assert run(*gate, "1.1").returncode == 5
    assert run(*gate, "0.1").returncode == 0
    assert run("info", tmp_path / "missing.nf").returncode == 1
    assert run("nonsense").returncode == 2
    assert run("query", out).returncode == 2


def test_help_names_the_exit_codes() -> None:
    text = " ".join(run("--help", env={"COLUMNS": "200", "TERM": "dumb"}).stdout.split())
    assert "Exit codes: 0 done" in text
    for command in ("build", "query", "info", "validate", "evaluate", "export", "convert", "demo"):
        assert command in text


@pytest.mark.parametrize("suffix", ["parquet", "npy"])
def test_export_gives_back_what_was_built(
    tmp_path: Path, parquet: Path, vectors: np.ndarray, suffix: str
) -> None:
    out, exported = tmp_path / "items.nf", tmp_path / f"exported.{suffix}"
    run("build", parquet, "--space", "euclidean", "--key", "name", "-o", out)
    assert run("export", out, "-o", exported).returncode == 0
    if suffix == "npy":
        assert np.array_equal(np.load(exported), vectors)
        assert np.load(tmp_path / "exported.ids.npy")[4] == "item 4"
    else:
        table = pq.read_table(exported)
        assert table["key"].to_pylist()[4] == "item 4"
        back = table["vector"].combine_chunks().flatten().to_numpy().reshape(-1, 16)
        assert np.array_equal(back, vectors)


def test_convert_to_voyager_and_back(tmp_path: Path, parquet: Path) -> None:
    first, voy, second = tmp_path / "a.nf", tmp_path / "b.voy", tmp_path / "c.nf"
    run("build", parquet, "-o", first)
    assert run("convert", first, voy).returncode == 0
    assert run("convert", voy, second).returncode == 0
    one, two = nf.load(first), nf.load(second)
    assert np.array_equal(one.get_vectors(one.ids), two.get_vectors(one.ids))


def test_settings_flag_over_environment_over_file(tmp_path: Path, parquet: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("[build]\nm = 5\nseed = 9\n")

    def m_and_seed(*flags: object, env: dict[str, str] | None = None) -> tuple[int, int]:
        out = tmp_path / "out.nf"
        assert run("--config", config, "build", parquet, "-o", out, *flags, env=env).returncode == 0
        index = nf.load(out)
        return index.M, index.random_seed

    assert m_and_seed() == (5, 9)
    assert m_and_seed(env={"NEARFIELD_BUILD_M": "6"}) == (6, 9)
    assert m_and_seed("--M", 7, env={"NEARFIELD_BUILD_M": "6"}) == (7, 9)


def test_ctrl_c_leaves_no_half_file(tmp_path: Path, rng: np.random.Generator) -> None:
    np.save(tmp_path / "big.npy", rng.normal(size=(60_000, 64)).astype(np.float32))
    out = tmp_path / "big.nf"
    out.write_bytes(b"the old one")
    command = [sys.executable, "-m", "nearfield", "build", str(tmp_path / "big.npy"), "-o", str(out)]
    script = (
        "import os, signal, sys, threading\n"
        "from nearfield import index\n"
        "threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "from nearfield.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *command[3:]], capture_output=True, text=True, check=False
    )
    assert done.returncode in (130, -signal.SIGINT), done.stderr
    assert out.read_bytes() == b"the old one"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["big.nf", "big.npy"]


def test_demo_writes_a_report(tmp_path: Path) -> None:
    done = run("demo", "-o", tmp_path / "report.html", "--quiet")
    assert done.returncode == 0, done.stderr
    assert "recall@10" in done.stdout
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") > 10
    assert "http" not in page


def test_the_real_embeddings(tmp_path: Path, shared_data: Path) -> None:
    source = shared_data / "debian-minilm.parquet"
    out = tmp_path / "debian.nf"
    built = run(
        "build", source, "--vectors", "embedding", "--key", "name", "--rows", "split=base",
        "--space", "cosine", "-o", out,
    )
    assert built.returncode == 0, built.stderr
    measured = run(
        "evaluate", out, "--queries", source, "--vectors", "embedding", "--rows", "split=query",
        "--ef", "64,128", "--min-recall", "0.95",
    )
    assert measured.returncode == 0, measured.stdout + measured.stderr
