"""The estimate of memory agrees with what an index then uses, and tells bad input."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors

SHAPES = [
    (60_000, 16, 4, nf.Float32),
    (40_000, 3, 10, nf.Float32),
    (30_000, 100, 6, nf.Float8),
    (16_000, 512, 3, nf.E4M3),
    (20_000, 200, 4, nf.Float16),
    (16_100, 400, 3, nf.CodesOnly),
    (4_000, 300, 6, nf.CodesOnly),
    (16_000, 300, 2, nf.Float32),
]


def built(rows: int, dimensions: int, M: int, storage: nf.StorageDataType) -> nf.Index:
    rng = np.random.default_rng(0)
    vectors = rng.uniform(-1, 1, size=(rows, dimensions)).astype(np.float32)
    index = nf.Index("euclidean", dimensions, M, M, storage_data_type=storage)
    index.add_items(vectors)
    return index


@pytest.mark.parametrize(("rows", "dimensions", "M", "storage"), SHAPES)
def test_estimate_is_what_the_index_holds_within_five_percent(rows, dimensions, M, storage):
    estimate = nf.estimate_memory(rows, dimensions, M, storage)
    # The file holds the same planes, and up to 64 KiB of padding for each, but no table of ids.
    file_bytes = len(bytes(built(rows, dimensions, M, storage)))
    held = file_bytes + 8 * rows
    assert estimate.total_bytes - estimate.spare_bytes == pytest.approx(held, rel=0.05)
    # How many rows have upper levels is a matter of chance; all else is exact.
    assert estimate.file_bytes == pytest.approx(file_bytes, rel=0.01)


def test_estimate_counts_sketches():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(4500, 40)) @ rng.normal(size=(40, 656))
    index = nf.Index("cosine", 656, 2, 2)
    index.add_items(vectors.astype(np.float32))
    estimate = nf.estimate_memory(4500, 656, 2)
    assert estimate.code_bytes == index.stats().code_bytes == 4500 * (384 + 64)
    assert estimate.file_bytes == pytest.approx(len(bytes(index)), rel=0.002)
    assert nf.estimate_memory(4095, 656, 2).code_bytes == 4095 * 384
    assert nf.estimate_memory(4500, 640, 2).code_bytes == 4500 * 320


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_estimate_is_what_becomes_resident_within_five_percent(tmp_path):
    built(40_000, 256, 4, nf.Float32).save(tmp_path / "index.nf")
    code = """
import sys, nearfield as nf
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
before = resident()
index = nf.Index.load(sys.argv[1])
print(resident() - before)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "index.nf")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    estimate = nf.estimate_memory(40_000, 256, 4)
    assert estimate.total_bytes == pytest.approx(int(run.stdout), rel=0.05)


def test_estimate_by_hand():
    estimate = nf.estimate_memory(1000, 17, M=11)
    assert estimate.vector_bytes == 1000 * 32 * 4  # padded to 32
    assert estimate.code_bytes == 1000 * 64  # a byte each, padded to a cache line
    assert estimate.link_bytes == 1000 * 4 * 22 + 100 * 4 * 11
    assert estimate.other_bytes == 1000 * 22
    # Segments of less than 1 MiB are taken whole: here 1,024 rows of each, 128 above.
    assert estimate.spare_bytes == 24 * (32 * 4 + 64 + 88 + 14) + 28 * 44
    parts = (estimate.vector_bytes, estimate.code_bytes, estimate.link_bytes, estimate.other_bytes)
    assert estimate.total_bytes == sum(parts) + estimate.spare_bytes
    eight = nf.estimate_memory(1000, 17, M=11, storage_data_type="E4M3")
    assert eight.vector_bytes * 4 == estimate.vector_bytes
    assert nf.estimate_memory(0, 1).total_bytes == 0
    with pytest.raises(AttributeError):
        estimate.vector_bytes = 0


def test_an_estimate_is_said_in_readable_units():
    estimate = nf.estimate_memory(1_000_000, 128, M=16)
    assert estimate.total_bytes == 802_820_608
    text = (
        "765.6 MiB (vectors 488.3 MiB, int8 codes 122.1 MiB, links 126.1 MiB, other 21.0 MiB, "
        "spare 8.2 MiB); file 750.5 MiB"
    )
    assert str(estimate) == text
    assert repr(estimate) == f"<nearfield.MemoryEstimate {text}>"
    assert str(nf.estimate_memory(0, 1, codes="none")).startswith("0 B (vectors 0 B, codes 0 B,")
    assert str(nf.estimate_memory(2**31, 2**10)).split(" (")[0].endswith("TiB")
    assert "KiB" in str(nf.estimate_memory(100, 2)).split(" (")[0]


@pytest.mark.parametrize(
    ("dimensions", "options", "codes"),
    [
        (191, {}, "int8"),
        (192, {}, "int4"),
        (192, {"space": "InnerProduct"}, "int8"),
        (192, {"storage_data_type": "CodesOnly"}, "int8"),
        (192, {"storage_data_type": "Float8"}, "none"),
        (192, {"codes": "none"}, "none"),
    ],
)
def test_an_estimate_names_the_codes_that_the_index_will_have(dimensions, options, codes):
    assert nf.estimate_memory(10, dimensions, **options).codes == codes
    index = nf.Index(**({"space": "Cosine"} | options), num_dimensions=dimensions)
    assert index.codes == codes
    assert repr(index).endswith(f"storage_data_type={index.storage_data_type.name} codes={codes}>")


@pytest.mark.parametrize(
    "options",
    [
        {"M": 1},
        {"M": 4097},
        {"M": 1.5},
        {"num_dimensions": 0},
        {"num_dimensions": 2**20 + 1},
        {"num_dimensions": "8"},
        {"num_dimensions": 2**17 + 1, "codes": "int8"},
        {"storage_data_type": "float7"},
        {"storage_data_type": 7},
        {"storage_data_type": "CodesOnly", "codes": "none"},
        {"storage_data_type": "E4M3", "codes": "int8"},
        {"space": "InnerProduct", "codes": "int4"},
        {"space": "manhattan"},
        {"space": 9},
        {"codes": "int2"},
        {"codes": 8},
    ],
)
def test_an_estimate_refuses_what_an_index_refuses_in_the_same_words(options):
    asked = {"space": "Cosine", "num_dimensions": 8} | options
    with pytest.raises((errors.InvalidInput, TypeError)) as of_index:
        nf.Index(**asked)
    with pytest.raises(type(of_index.value)) as of_estimate:
        nf.estimate_memory(10, **asked)
    assert str(of_estimate.value) == str(of_index.value)


def test_more_rows_than_an_index_holds_are_refused():
    assert nf.estimate_memory(2**31, 8).total_bytes > 0
    with pytest.raises(errors.IndexFull, match=r"rows is 2147483649; an index holds at most 2\^31"):
        nf.estimate_memory(2**31 + 1, 8)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ((-1, 8), TypeError),
        ((1.5, 8), TypeError),
        ((10, 0), errors.InvalidInput),
        ((10, 8, 1), errors.InvalidInput),
        ((10, 8, 12, "float7"), errors.InvalidInput),
        ((10, 8, 12, 7), TypeError),
    ],
)
def test_what_cannot_be_estimated_is_refused(arguments, kind):
    with pytest.raises(kind):
        nf.estimate_memory(*arguments)
