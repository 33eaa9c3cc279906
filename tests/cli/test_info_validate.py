"""``nearfield info`` and ``validate``: what a file holds, and exit code 4 when it is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import nearfield as nf
import numpy as np

from tests.cli.conftest import WIDTH, Run


def test_info_shows_parameters_counts_and_health(tmp_path: Path, built: Path, run: Run) -> None:
    info = json.loads(run("info", built, "--json").out)
    expected = {
        "format": "nearfield", "checksum": "good", "kind": "StringIndex", "space": "Cosine",
        "dimensions": WIDTH, "storage": "Float32", "exact": True, "M": 12,
        "ef_construction": 200, "seed": 1,
        "slots": 1080, "live": 1080, "marked": 0, "removed": 0, "free": 0, "unrepaired": 0,
        "slots_to_repair": 0,
        "duplicates": 0, "unreachable": 0,
        "structure": "good", "bytes": built.stat().st_size,
    }  # fmt: skip
    assert {name: info[name] for name in expected} == expected
    assert info["levels"][0]["rows"] == 1080
    assert abs(info["norm_max"] - 1) < 1e-5
    lines = run("info", built).out.splitlines()
    assert "live\t1,080" in lines
    assert any(line.startswith("level 0\t1,080 rows") for line in lines)


def test_info_counts_what_is_not_healthy(tmp_path: Path, run: Run) -> None:
    index = nf.Index(nf.Space.Euclidean, 2)
    index.add_items(np.repeat([[1.0, 0.0], [0.0, 3.0]], 5, axis=0))
    index.add_items([[7.0, 7.0]], ids=[0])
    index.mark_deleted(9)
    index.save(tmp_path / "x.nf")
    info = json.loads(run("info", tmp_path / "x.nf", "--json").out)
    assert (info["live"], info["marked"], info["removed"] + info["free"]) == (9, 1, 1)
    assert info["duplicates"] == 3 + 3
    assert (info["norm_min"], round(info["norm_max"], 3)) == (1.0, 9.899)


def test_info_reads_files_of_voyager(tmp_path: Path, run: Run) -> None:
    index = nf.Index(nf.Space.Euclidean, 2)
    index.add_items(np.eye(2))
    index.save(tmp_path / "x.voy", format="voyager")
    info = json.loads(run("info", tmp_path / "x.voy", "--json").out)
    assert (info["format"], info["checksum"]) == ("voyager 1", "none in this format")


def test_validate_says_good(built: Path, run: Run) -> None:
    assert run("validate", built) == (0, f"{built}: good (1,080 rows)\n", "")
    assert run("validate", built, "--quiet") == (0, "", "")
    assert json.loads(run("validate", built, "--json").out)["valid"] is True


def test_a_damaged_file_is_exit_code_4(tmp_path: Path, built: Path, run: Run) -> None:
    damaged = bytearray(built.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    path = tmp_path / "damaged.nf"
    path.write_bytes(damaged)
    done = run("validate", path)
    assert (done.code, done.out) == (4, "")
    assert "damaged.nf" in done.err
    said = run("validate", path, "--json")
    fault = json.loads(said.out)
    assert (said.code, fault["valid"]) == (4, False)
    assert isinstance(fault["offset"], int)
    assert fault["field"]
    assert run("info", path).code == 4


def test_another_kind_of_file_is_exit_code_4(tmp_path: Path, parquet: Path, run: Run) -> None:
    assert run("info", parquet).code == 4
    (tmp_path / "empty.nf").touch()
    assert run("validate", tmp_path / "empty.nf").code == 4
    missing = run("validate", tmp_path / "missing.nf")
    assert (missing.code, missing.out) == (1, "")
    assert "missing.nf" in missing.err
