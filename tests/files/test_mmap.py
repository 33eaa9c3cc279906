"""A mapped file: damage is found where it is met, and it changes as one that was read whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pytest

ROWS, DIMENSIONS, M = 70_000, 8, 2
PLANES = ("vectors", "links", "upper_links", "ids", "upper_of", "levels", "flags")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A file whose planes all have more than 64 KiB, so that all of them are mapped."""
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(ROWS, DIMENSIONS)).astype(np.float32)
    index = nf.Index(nf.Space.Euclidean, DIMENSIONS, M=M, ef_construction=8)
    index.add_items(vectors, np.arange(ROWS)[::-1] + 1000)
    index.mark_deleted(1007)
    path = tmp_path_factory.mktemp("mmap") / "large.nf"
    index.save(path)
    return path, vectors


def section(data: bytes, kind: int) -> tuple[int, int]:
    """Where a plane lies in a file: offset and length (cpp/src/files/format.h)."""
    entry = int.from_bytes(data[40:48], "little") + 64 * (kind - 1)
    words = np.frombuffer(data[entry : entry + 64], np.uint64)
    return int(words[1]), int(words[2])


def use_everything(index: nf.Index, vectors: Any) -> None:
    """Query near every row, look up every id."""
    index.query(vectors[::35], k=1, query_ef=20)
    index.query(vectors[:2], k=ROWS // 2)
    index.get_vectors(list(index.ids))


def test_queries_check_the_ids_that_they_return(saved: tuple[Path, Any], tmp_path: Path) -> None:
    path, vectors = saved
    data = bytearray(path.read_bytes())
    data[section(bytes(data), PLANES.index("ids") + 1)[0] + 8 * 7] ^= 0x10
    damaged = tmp_path / "damaged.nf"
    damaged.write_bytes(data)
    with pytest.raises(nf.errors.CorruptIndexFile) as raised:
        nf.Index.load(damaged, mmap=True).query(vectors[7], k=1, query_ef=ROWS)
    assert raised.value.field == "ids"


def test_a_mapped_file_answers_as_a_read_one(saved: tuple[Path, Any]) -> None:
    path, vectors = saved
    read = nf.Index.load(path)
    mapped = nf.Index.load(path, mmap=True)
    for index in (mapped, nf.Index.load(path, mmap=True, verify=True)):
        for a, b in zip(
            read.query(vectors[:500], k=5), index.query(vectors[:500], k=5), strict=True
        ):
            assert np.array_equal(a, b)
        assert np.array_equal(index.get_vectors([1000, 1500]), read.get_vectors([1000, 1500]))
        assert len(index) == len(read) == ROWS - 1
        assert 1007 not in index
        assert 1008 in index


def test_changes_to_a_mapped_file_stay_in_memory(saved: tuple[Path, Any]) -> None:
    path, vectors = saved
    before = path.read_bytes()
    read = nf.Index.load(path)
    mapped = nf.Index.load(path, mmap=True)
    for index in (read, mapped):
        index.add_items(vectors[:300] + 0.5)
        index.add_items(vectors[:5], ids=[1000, 1001, 1002, 1003, 9])
        index.mark_deleted(1010)
        index.unmark_deleted(1007)
    assert bytes(read) == bytes(mapped)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", range(1, 8), ids=PLANES)
@pytest.mark.parametrize("where", [0.0, 0.5, 0.999])
def test_damage_is_found_when_it_is_met(
    saved: tuple[Path, Any], tmp_path: Path, kind: int, where: float
) -> None:
    path, vectors = saved
    data = bytearray(path.read_bytes())
    offset, size = section(bytes(data), kind)
    assert size > 65536
    place = offset + int(size * where)
    data[place] ^= 0x10
    damaged = tmp_path / "damaged.nf"
    damaged.write_bytes(data)
    block = offset + (place - offset) // 65536 * 65536

    with pytest.raises(nf.errors.CorruptIndexFile) as read:
        nf.Index.load(damaged)
    with pytest.raises(nf.errors.CorruptIndexFile) as verified:
        nf.Index.load(damaged, mmap=True, verify=True)
    with pytest.raises(nf.errors.CorruptIndexFile) as met:
        use_everything(nf.Index.load(damaged, mmap=True), vectors)
    with pytest.raises(nf.errors.CorruptIndexFile) as changed:
        nf.Index.load(damaged, mmap=True).add_item(vectors[0])
    for error in (read, verified, met, changed):
        assert error.value.offset == block
        assert error.value.field == PLANES[kind - 1]
        assert "damaged.nf" in str(error.value)


def test_verify_reads_everything_at_once(saved: tuple[Path, Any]) -> None:
    path, vectors = saved
    index = nf.Index.load(path, mmap=True, verify=True)
    use_everything(index, vectors[:100])
    assert index.validate() == ""


def test_a_small_file_is_checked_whole(tmp_path: Path, rng: np.random.Generator) -> None:
    index = nf.Index(nf.Space.Cosine, 8)
    index.add_items(rng.normal(size=(20, 8)))
    path = tmp_path / "small.nf"
    index.save(path)
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    with pytest.raises(nf.errors.CorruptIndexFile, match="checksum"):
        nf.Index.load(path, mmap=True)


def test_a_replaced_file_does_not_disturb_who_has_it_open(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    path = tmp_path / "index.nf"
    vectors = rng.normal(size=(5000, 16)).astype(np.float32)
    index = nf.Index(nf.Space.Euclidean, 16)
    index.add_items(vectors)
    index.save(path)
    mapped = nf.Index.load(path, mmap=True)
    other = nf.Index(nf.Space.Euclidean, 16)
    other.add_items(-vectors[:7])
    other.save(path)
    assert np.array_equal(mapped.query(vectors, k=1, query_ef=200).ids[:, 0], np.arange(5000))
    assert len(nf.Index.load(path)) == 7
    mapped.save(path)  # its own file, by now another one
    assert len(nf.Index.load(path)) == 5000
