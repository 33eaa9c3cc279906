"""The tree of errors: what catches what, and what survives a pickle."""

from __future__ import annotations

import errno
import pickle

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors

BUILTINS = {
    "InvalidInput": (ValueError, RuntimeError),
    "DimensionMismatch": (errors.InvalidInput, ValueError, RuntimeError),
    "NotFinite": (errors.InvalidInput,),
    "DuplicateId": (errors.InvalidInput,),
    "IndexFull": (errors.InvalidInput,),
    "ExpressionError": (errors.InvalidInput,),
    "UnknownId": (KeyError, RuntimeError),
    "TooFewNeighbors": (RuntimeError,),
    "IndexFileError": (ValueError, RuntimeError),
    "NotAnIndexFile": (errors.IndexFileError,),
    "UnsupportedVersion": (errors.IndexFileError,),
    "CorruptIndexFile": (errors.IndexFileError,),
    "FileMismatch": (errors.IndexFileError,),
    "IndexFileNotAccessible": (OSError, RuntimeError),
    "NotEnoughData": (ValueError,),
    "Refused": (RuntimeError,),
    "LookRefused": (errors.Refused,),
    "SampleRatioMismatch": (errors.Refused,),
    "InsufficientSupport": (errors.Refused,),
    "CpuNotSupported": (ImportError,),
}


@pytest.mark.parametrize("name", BUILTINS)
def test_each_error_is_what_voyager_users_catch(name):
    kind = getattr(errors, name)
    assert issubclass(kind, errors.NearfieldError)
    for base in BUILTINS[name]:
        assert issubclass(kind, base)
    assert str(kind("a sentence")) == "a sentence"


def test_the_tree_is_complete_and_drawn():
    public = {n for n in vars(errors) if isinstance(vars(errors)[n], type) and n[0] != "_"} - {
        "Any",
        "Mapping",
    }
    assert public == set(errors.__all__) == {*BUILTINS, "NearfieldError", "RecallError"}
    for name in BUILTINS:
        assert name in (errors.__doc__ or "")
    assert nf.RecallError is errors.RecallError is errors.TooFewNeighbors


@pytest.mark.parametrize(
    ("kind", "details", "attributes"),
    [
        ("InvalidInput", {}, {}),
        ("DimensionMismatch", {}, {}),
        ("NotFinite", {"row": 7}, {"row": 7}),
        ("DuplicateId", {"id": 2**63}, {"id": 2**63, "row": None, "in_index": False}),
        (
            "DuplicateId",
            {"id": 5, "row": 7, "in_index": True},
            {"id": 5, "row": 7, "in_index": True},
        ),
        ("IndexFull", {}, {}),
        ("UnknownId", {"id": 2**63}, {"id": 2**63}),
        ("IndexFileError", {}, {}),
        ("NotAnIndexFile", {}, {}),
        ("UnsupportedVersion", {}, {}),
        ("CorruptIndexFile", {"offset": 12, "field": "count"}, {"offset": 12, "field": "count"}),
        ("FileMismatch", {}, {}),
    ],
)
def test_errors_of_the_core_arrive_whole_and_can_be_pickled(kind, details, attributes):
    error = errors.from_core(kind, "what, where, and what to do", details)
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert type(one) is getattr(errors, kind)
        assert str(one) == "what, where, and what to do"
        for name, value in attributes.items():
            assert getattr(one, name) == value


@pytest.mark.parametrize(
    ("number", "builtin"),
    [
        (errno.ENOENT, FileNotFoundError),
        (errno.EACCES, PermissionError),
        (errno.EPERM, PermissionError),
        (errno.EISDIR, IsADirectoryError),
        (errno.ENOTDIR, NotADirectoryError),
        (errno.EEXIST, FileExistsError),
        (errno.ENOSPC, OSError),
    ],
)
@pytest.mark.parametrize("path", [None, "some.nf"])
def test_errors_of_the_system_are_the_builtin_that_fits(number, builtin, path):
    details = {"errno": number} | ({} if path is None else {"path": path})
    error = errors.from_core("FileNotAccessible", "cannot open some.nf: words", details)
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert isinstance(one, builtin)
        assert isinstance(one, errors.IndexFileNotAccessible)
        assert isinstance(one, RuntimeError)
        assert type(one).__name__ == type(one).__qualname__ == "IndexFileNotAccessible"
        assert (one.errno, one.filename) == (number, path)
        assert str(one) == "cannot open some.nf: words"


def test_an_unknown_kind_still_brings_its_message():
    assert str(errors.from_core("Nonsense", "words", {})) == "words"
    assert type(errors.from_core("Mapping", "words", {})) is errors.NearfieldError


def test_files_that_cannot_be_opened(tmp_path):
    missing = tmp_path / "missing.nf"
    for mmap in (False, True):
        with pytest.raises(FileNotFoundError, match=r"missing\.nf") as caught:
            nf.Index.load(missing, mmap=mmap)
        assert caught.value.errno == errno.ENOENT
        assert caught.value.filename == str(missing)
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
        with pytest.raises(errors.IndexFileNotAccessible):
            nf.Index.load(tmp_path, mmap=mmap)
    for voyager in ("nearfield", "voyager"):
        with pytest.raises(FileNotFoundError) as caught:
            nf.Index.from_vectors(np.eye(3)).save(tmp_path / "no" / "index", format=voyager)
        assert caught.value.filename == str(tmp_path / "no" / "index")


@pytest.mark.parametrize("call", ["load", "save"])
@pytest.mark.parametrize("path", ["a\0b", "bad\udcff"])
def test_paths_that_cannot_be(call, path):
    index = nf.Index.from_vectors(np.eye(3))
    with pytest.raises(errors.InvalidInput):
        getattr(index, call)(path)


def test_a_short_result_carries_what_was_found():
    index = nf.Index.from_vectors(np.eye(3, 4), ids=[7, 8, 9])
    index.mark_deleted(8)
    with pytest.raises(
        nf.RecallError, match=r"k is 5.*only 2 live.*1 more.*if_short='pad'"
    ) as caught:
        index.query(np.eye(4), k=5)
    error = pickle.loads(pickle.dumps(caught.value))
    for partial in (caught.value.partial, error.partial):
        assert partial.ids.shape == partial.distances.shape == (4, 5)
        assert partial.counts.tolist() == [2, 2, 2, 2]
        assert set(partial.ids[0, :2].tolist()) == {7, 9}
        assert (partial.ids[:, 2:] == nf.NO_ID).all()
        assert np.isinf(partial.distances[:, 2:]).all()


def test_an_unknown_id_prints_a_sentence():
    with pytest.raises(KeyError) as caught:
        nf.Index.from_vectors(np.eye(3))[77]
    assert "77" in str(caught.value)
    assert not str(caught.value).startswith(("'", '"'))


@pytest.mark.parametrize("k", [2**16 + 1, 10**9, 2**31, 2**70])
def test_a_huge_k_is_refused_before_memory_is_taken(k):
    index = nf.Index.from_vectors(np.eye(4))
    with pytest.raises(nf.RecallError, match="only 4 live vectors") as raised:
        index.query(np.eye(4), k)
    assert raised.value.partial is None
    with pytest.raises(errors.InvalidInput, match="padding"):
        index.query(np.eye(4), k, if_short="pad")


@pytest.mark.parametrize("query_ef", [2**40, 2**70, np.uint64(2**63), None, -(2**70)])
def test_any_whole_number_is_a_beam_width(query_ef):
    index = nf.Index.from_vectors(np.eye(4))
    assert index.query(np.eye(4), 2, query_ef=query_ef).ids.shape == (4, 2)
    with pytest.raises(TypeError, match="query_ef is '7'"):
        index.query(np.eye(4), 2, query_ef="7")
