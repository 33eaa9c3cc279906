"""Sets of ids: the class, one for each query, and serialised Roaring bitmaps."""

from __future__ import annotations

import copy
import pickle
import struct
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors
from nearfield._roaring import roaring_to_ids

from tests.index import roaring

MOST = 2**64 - 2  # the last number that can be an id


# --- IdSet ---------------------------------------------------------------------------------------


FORMS: list[Callable[[list[int]], Any]] = [
    list,
    tuple,
    set,
    frozenset,
    iter,
    nf.IdSet,
    lambda ids: (id for id in ids),
    lambda ids: dict.fromkeys(ids).keys(),
    lambda ids: np.array(ids, dtype=np.uint64),
    lambda ids: np.array(ids, dtype=object),
    lambda ids: np.array(ids, dtype=np.uint64).astype(">u8"),
    lambda ids: np.repeat(np.array(ids, dtype=np.uint64), 3)[1::3],
    lambda ids: np.array(ids, dtype=np.uint64)[::-1],
]


@pytest.mark.parametrize("ids", [[], [0], [5, 3, 5, 2**40, MOST], list(range(1000, 0, -7))])
def test_a_set_is_made_of_whatever_holds_ids(ids: list[int]) -> None:
    for form in FORMS:
        made = nf.IdSet(form(ids))
        assert list(made) == sorted(set(ids))
        assert len(made) == len(set(ids))
        assert made.ids.dtype == np.uint64


def test_a_set_does_not_follow_what_it_was_made_of() -> None:
    given = np.array([1, 2, 3], dtype=np.uint64)
    made = nf.IdSet(given)
    given[0] = 9
    assert list(made) == [1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        made.ids[0] = 7
    with pytest.raises(AttributeError):
        made.ids = given


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ([1, -1], TypeError, r"ids\[1\] is -1"),
        (-1, TypeError, "ids is -1"),
        (2**64, TypeError, "ids is 18446744073709551616"),
        ([2**64 - 1], errors.InvalidInput, "kept for 'no result'"),
        ([1.5], TypeError, r"ids\[0\] is 1.5"),
        (np.array([1.0]), TypeError, "float64"),
        ("abc", TypeError, "type str"),
        (b"abc", TypeError, "type bytes"),
        (["1"], TypeError, r"ids\[0\] is '1'"),
        (np.zeros((2, 2), dtype=int), errors.InvalidInput, "one axis"),
        ({1: 2}, TypeError, "type dict"),
        (None, TypeError, "NoneType"),
        (True, TypeError, "True"),
    ],
)
def test_what_is_no_set_of_ids_is_refused(given: Any, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        nf.IdSet(given)


def test_a_set_does_what_a_frozenset_does(rng: np.random.Generator) -> None:
    for _ in range(40):
        some, others = (
            set(rng.integers(0, 60, size=rng.integers(0, 40)).tolist()) for _ in range(2)
        )
        a, b = nf.IdSet(some), nf.IdSet(others)
        for name in ("__and__", "__or__", "__sub__", "__xor__"):
            found = getattr(a, name)(b)
            assert type(found) is nf.IdSet
            assert found == getattr(some, name)(others)
        for name in ("__eq__", "__le__", "__lt__", "__ge__", "__gt__", "isdisjoint"):
            plain = getattr(frozenset(some), name)(frozenset(others))
            assert getattr(a, name)(b) == plain
            assert getattr(a, name)(frozenset(others)) == plain
        assert hash(a) == hash(frozenset(some))
        assert (a == b) == (hash(a) == hash(b))
        assert {a: 1}[nf.IdSet(some)] == 1
        for id in (*some, 61, -1, 2**64, 1.5, "1", None, True, np.uint8(3)):
            assert (id in a) == (id in some and not isinstance(id, bool)), id


def test_a_set_is_copied_pickled_and_shown() -> None:
    made = nf.IdSet([3, 1, MOST])
    for twin in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert twin == made
        assert type(twin) is nf.IdSet
    assert repr(made) == f"IdSet([1, 3, {MOST}]), 3 ids"
    assert repr(nf.IdSet(range(9))) == "IdSet([0, 1, 2, ...]), 9 ids"
    assert np.asarray(made).tolist() == [1, 3, MOST]
    assert not nf.IdSet()

    class Heard(nf.IdSet):
        pass

    assert type(Heard([1]) & {1, 2}) is Heard
    assert type(Heard.from_bytes(made.to_bytes())) is Heard


# --- one for each query --------------------------------------------------------------------------


def test_sets_of_queries_are_counted_and_shown() -> None:
    sets = nf.PerQuery(one for one in ([1], None, {2}))
    assert len(sets) == 3
    assert repr(sets) == "<nearfield.PerQuery of 3 sets>"
    csr = nf.CSR([0, 2, 2], [4, 4])
    assert len(csr) == 2
    assert repr(csr) == "<nearfield.CSR of 2 sets, 2 ids>"
    for kept in (pickle.loads(pickle.dumps(csr)), copy.deepcopy(csr)):
        assert (kept.ids.tolist(), kept.indptr.tolist()) == ([4, 4], [0, 2, 2])
    assert len(nf.CSR([0], [])) == 0
    assert len(nf.PerQuery([])) == 0


@pytest.mark.parametrize("given", ["abc", b"abc", {1, 2}, nf.IdSet([1]), 5, None])
def test_sets_of_queries_have_an_order(given: Any) -> None:
    with pytest.raises(TypeError, match="a list with a set for each query"):
        nf.PerQuery(given)


@pytest.mark.parametrize(
    ("indptr", "ids", "words"),
    [
        ([], [], "is empty"),
        ([1, 1], [7], "begins with 1"),
        ([0, 2, 1, 2], [7, 8], "falls from 2 to 1 at 2"),
        ([0, 1], [7, 8], "ends with 1 for 2 ids"),
        ([0, 3], [7, 8], "ends with 3 for 2 ids"),
        ([0, 2**63, 2], [7, 8], "falls from"),
    ],
)
def test_ends_of_sets_that_cannot_be_are_refused(
    indptr: list[int], ids: list[int], words: str
) -> None:
    with pytest.raises(errors.InvalidInput, match=words):
        nf.CSR(indptr, ids)


def test_ends_of_sets_stay_what_was_found_right() -> None:
    """The core reads by them."""
    indptr, ids = np.array([0, 2], dtype=np.uint64), np.array([4, 5], dtype=np.uint64)
    csr = nf.CSR(indptr, ids)
    indptr[1] = 10**15
    assert csr.indptr.tolist() == [0, 2]
    with pytest.raises(ValueError, match="read-only"):
        csr.indptr[1] = 10**15
    for name in ("indptr", "ids"):
        with pytest.raises(AttributeError):
            setattr(csr, name, np.array([0, 10**15], dtype=np.uint64))
    assert csr.ids is ids


# --- serialised Roaring bitmaps ------------------------------------------------------------------


def golden() -> list[tuple[str, list[int]]]:
    """Bytes that pyroaring 1.2.0 (CRoaring) wrote, and what they hold."""
    five_runs = [number for i in range(5) for number in range(i << 16, (i << 16) + 10 + i)]
    five_runs_written = (
        "3b3004001f0000090001000a0002000b0003000c0004000d002d00000033000000390000003f0000"
        "0045000000010000000900010000000a00010000000b00010000000c00010000000d00"
    )
    wide = (
        "0400000000000000000000003a30000001000000000001001000000000000700010000003a300000"
        "0100000000000000100000000000020000003a3000000100000000000000100000000500ffffffff"
        "3a30000001000000ffff000010000000feff"
    )
    run_and_array = (
        "0200000000000000000000003b30000001000063000100e8036300000100003a3000000100000000"
        "000000100000000900"
    )
    return [
        ("3a30000000000000", []),
        ("3a300000020000000000010001000000180000001c000000010005007011", [1, 5, 70000]),
        ("3b300100010000c700ffff000001006400c700ffff", [*range(100, 300), 2**32 - 1]),
        (five_runs_written, five_runs),
        ("0000000000000000", []),
        (wide, [0, 7, 2**32, 2**33 + 5, MOST]),
        (run_and_array, [*range(1000, 1100), 2**40 + 9]),
    ]


@pytest.mark.parametrize(("written", "ids"), golden())
def test_bytes_of_another_library_are_read(written: str, ids: list[int]) -> None:
    for data in (bytes.fromhex(written), bytearray.fromhex(written)):
        assert list(nf.IdSet.from_bytes(data)) == ids
        assert list(nf.IdSet.from_bytes(memoryview(data))) == ids
    # The packed bits of even numbers, as the same library writes them.
    even = struct.pack("<IIHHI", 12346, 1, 0, 9999, 16) + b"\x55" * 2500 + bytes(5692)
    assert list(nf.IdSet.from_bytes(even)) == list(range(0, 20000, 2))


def cases(rng: np.random.Generator) -> Iterable[list[int]]:
    yield []
    yield [0]
    yield [2**32 - 1]
    yield list(range(65536))
    yield list(range(65530, 65540))
    for size in (4095, 4096, 4097):
        yield sorted(rng.permutation(2**16)[:size].tolist())
    yield [i << 16 for i in range(40)]
    yield [*range(100, 7000), 70000, *range(1 << 17, (1 << 17) + 5000, 2), 2**31, 2**32 - 1]


def test_bytes_are_read_whatever_containers_they_use(rng: np.random.Generator) -> None:
    def one_kind(kind: str) -> roaring.Kind:
        # Up to 4,096 numbers are never written as bits, more never as they are.
        return lambda _, low: kind if kind == "run" else roaring.usual(0, low)

    def mixed(high: int, low: Any) -> str:
        return "run" if high % 2 else roaring.usual(high, low)

    for ids in cases(rng):
        for choose in (one_kind("run"), one_kind("plain"), mixed, roaring.smallest):
            data = roaring.write32(ids, choose)
            assert roaring_to_ids(data, "data").tolist() == ids
            assert roaring_to_ids(roaring.write64(ids, choose), "data").tolist() == ids
            far = [id + (i % 3 << 32) + (5 << 60) for i, id in enumerate(ids)]
            assert list(nf.IdSet.from_bytes(roaring.write64(far, choose))) == sorted(far)


def test_what_is_written_is_what_others_write(rng: np.random.Generator) -> None:
    for ids in cases(rng):
        for shift in (0, 3 << 40):
            moved = [id + shift for id in ids]
            assert nf.IdSet(moved).to_bytes() == roaring.write64(moved)
            assert list(nf.IdSet.from_bytes(nf.IdSet(moved).to_bytes())) == moved


@pytest.mark.parametrize("maps", [12345, 12346, 12347, 12348])
def test_any_number_of_maps_can_be_read(maps: int) -> None:
    """12346 and 12347 begin the other format."""
    ids = [(i << 32) + i for i in range(maps)]
    assert list(nf.IdSet.from_bytes(nf.IdSet(ids).to_bytes())) == ids


def test_no_part_of_a_set_is_taken_for_one() -> None:
    ids = [1, 2, 3, 70000, 2**33, 2**33 + 1]
    narrow = [id for id in ids if id < 2**32]
    for data in (
        roaring.write64(ids), roaring.write32(narrow), roaring.write32(narrow, lambda *_: "run"),
        roaring.write64(ids, lambda *_: "run"), *(bytes.fromhex(text) for text, _ in golden()),
    ):  # fmt: skip
        assert nf.IdSet.from_bytes(data) is not None
        for end in range(len(data)):
            with pytest.raises(errors.InvalidInput, match="no serialised Roaring bitmap"):
                nf.IdSet.from_bytes(data[:end])
        for more in (b"\0", b"\0" * 8, data[:12] or b"1"):
            with pytest.raises(errors.InvalidInput):
                nf.IdSet.from_bytes(data + more)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (struct.pack("<II", 12346, 65537) + bytes(99), "65537 containers"),
        (struct.pack("<IIHHHHII", 12346, 2, 5, 0, 5, 0, 24, 26) + bytes(4), "wrong order"),
        (struct.pack("<IIHHIHH", 12346, 1, 0, 1, 16, 7, 7), "do not ascend"),
        (struct.pack("<IIHHIHH", 12346, 1, 0, 1, 16, 8, 7), "do not ascend"),
        (struct.pack("<IIHHI", 12346, 1, 0, 5000, 16) + bytes(8192), "0 numbers where 5001"),
        (struct.pack("<IBHHHHHHH", 12347, 1, 0, 9, 2, 0, 4, 4, 4), "overlap"),
        (struct.pack("<IBHHHHHHH", 12347, 1, 0, 9, 2, 9, 4, 0, 4), "do not ascend"),
        (struct.pack("<IBHHHHH", 12347, 1, 0, 9, 1, 65530, 9), "overlap or do not"),
        (struct.pack("<IBHHHHH", 12347, 1, 0, 9, 1, 0, 4), "5 numbers where 10"),
        (struct.pack("<IBHHH", 12347, 1, 0, 0, 0), "0 numbers where 1"),
        (struct.pack("<QII", 1, 7, 999), "begins a set with 999"),
        (struct.pack("<QIIIHHIHIIIHHIH", 2, 7, 12346, 1, 0, 0, 16, 1, 7, 12346, 1, 0, 0, 16, 1),
         "maps in the wrong order"),
        (struct.pack("<Q", 2**63) + bytes(40), "begins a set with 0"),
        (roaring.write64([2**64 - 1]), "kept for 'no result'"),
        (b"", "ends after 0 bytes"),
    ],
)  # fmt: skip
def test_bytes_that_contradict_themselves_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(errors.InvalidInput, match=words):
        nf.IdSet.from_bytes(data)


def test_spoiled_bytes_are_refused_or_read_as_a_set(rng: np.random.Generator) -> None:
    ids = [*range(100, 900), 70000, 70001, 2**32 - 5, *range(1 << 18, (1 << 18) + 9000, 2)]
    refused = 0
    for data in (roaring.write64(ids), roaring.write32(ids, roaring.smallest)):
        for _ in range(250):
            spoiled = bytearray(data)
            for _ in range(int(rng.integers(1, 4))):
                at = int(rng.integers(min(len(data), 120 if rng.random() < 0.8 else 10**9)))
                spoiled[at] = int(rng.integers(256))
            try:
                found = nf.IdSet.from_bytes(bytes(spoiled))
            except errors.InvalidInput:
                refused += 1
                continue
            assert (found.ids[1:] > found.ids[:-1]).all()
            assert nf.IdSet.from_bytes(found.to_bytes()) == found
    assert refused > 150


def test_few_bytes_cannot_ask_for_much_memory() -> None:
    """Runs name 65,536 numbers in ten bytes: 65,536 such containers would be all 32-bit numbers."""
    containers = 65536
    code = f"""
        import resource, struct
        import nearfield as nf
        n = {containers}
        head = struct.pack("<I", 12347 | (n - 1) << 16) + bytes([255]) * (n // 8)
        head += b"".join(struct.pack("<HH", high, 65535) for high in range(n)) + bytes(4 * n)
        data = head + struct.pack("<HHH", 1, 0, 65535) * n
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            nf.IdSet.from_bytes(data)
        except nf.errors.InvalidInput as error:
            assert "4294967296" in str(error), error
            more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            print(more)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 64 * 1024


def test_a_dense_range_takes_a_bit_a_number() -> None:
    dense = nf.IdSet(range(2**18))
    assert len(dense.to_bytes()) == 8 + 4 + 8 + 4 * (4 + 4 + 8192)
    assert len(zlib.compress(dense.to_bytes())) < 1000
    assert len(nf.IdSet(range(0, 2**18, 512)).to_bytes()) < 2 * 512 + 100
