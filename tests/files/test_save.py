"""Saving replaces a file whole or not at all: disk full, no permission, links, modes, devices."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nearfield as nf
import numpy as np
import pytest


@pytest.fixture
def index(rng: np.random.Generator) -> nf.Index:
    made = nf.Index(nf.Space.Cosine, 32)
    made.add_items(rng.normal(size=(3000, 32)))
    return made


@pytest.fixture
def old_file(tmp_path: Path) -> Iterator[Path]:
    """A small file that saving would replace; it must be whole, and alone, in the end."""
    small = nf.Index(nf.Space.Cosine, 4)
    small.add_items(np.eye(4))
    path = tmp_path / "index.nf"
    small.save(path)
    before = path.read_bytes()
    yield path
    assert path.read_bytes() == before
    assert len(nf.Index.load(path)) == 4
    assert [p.name for p in tmp_path.iterdir()] == ["index.nf"]


@pytest.mark.parametrize("file_format", ["nearfield", "voyager"])
def test_a_full_disk(index: nf.Index, old_file: Path, file_format: str) -> None:
    """A limit on the size of files fails a write in its middle, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        with pytest.raises(nf.errors.IndexFileNotAccessible) as raised:
            index.save(old_file, format=file_format)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert isinstance(raised.value, OSError)
    assert raised.value.errno == errno.EFBIG
    assert str(old_file) in str(raised.value)


def test_a_device_that_is_full(index: nf.Index) -> None:
    with pytest.raises(nf.errors.IndexFileNotAccessible) as raised:
        index.save("/dev/full")
    assert raised.value.errno == errno.ENOSPC
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_a_device_is_written_to_directly(index: nf.Index) -> None:
    index.save("/dev/null")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_system_call_that_fails(old_file: Path, call: str) -> None:
    """Such as a disk that reports its write errors only when it is asked to sync."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed (apt-get install strace)")
    code = (
        "import sys, numpy as np, nearfield as nf\n"
        "index = nf.Index(nf.Space.Cosine, 8)\n"
        "index.add_items(np.eye(8))\n"
        "try:\n"
        "    index.save(sys.argv[1])\n"
        "except nf.errors.IndexFileNotAccessible as error:\n"
        "    sys.exit(100 + error.errno)\n"
    )
    set_of_calls = "rename,renameat,renameat2" if call == "rename" else call
    inject = ["-e", f"trace={set_of_calls}", "-e", f"inject={set_of_calls}:error=EIO"]
    command = [strace, "-f", "-o", os.devnull, *inject, sys.executable, "-c", code, str(old_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr or "attach" in done.stderr:
        pytest.skip("this system does not let a process trace its child (ptrace)")
    assert done.returncode == 100 + errno.EIO, done.stderr


@pytest.mark.parametrize("name", ["missing/index.nf", "", "index.nf/below"])
def test_a_path_that_cannot_be(index: nf.Index, tmp_path: Path, name: str) -> None:
    (tmp_path / "index.nf").write_text("a file, not a folder")
    with pytest.raises(OSError, match=r"index|''") as raised:
        index.save(str(tmp_path / name) if name else "")
    assert isinstance(raised.value, nf.errors.IndexFileNotAccessible)
    assert raised.value.errno in (errno.ENOENT, errno.ENOTDIR)
    assert [p.name for p in tmp_path.iterdir()] == ["index.nf"]


def test_a_folder_is_not_replaced(index: nf.Index, tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        index.save(tmp_path)
    with pytest.raises(IsADirectoryError):
        nf.Index.load(tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        nf.Index.load(tmp_path / "none.nf")
    assert isinstance(raised.value, nf.errors.IndexFileNotAccessible)
    assert isinstance(raised.value, RuntimeError)
    assert "none.nf" in str(raised.value)


def test_a_pipe_is_refused_and_does_not_wait(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(nf.errors.IndexFileNotAccessible, match="regular"):
        nf.Index.load(pipe)


def test_modes_are_kept(index: nf.Index, tmp_path: Path) -> None:
    path = tmp_path / "index.nf"
    mask = os.umask(0o027)
    try:
        index.save(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        index.save(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o604
    finally:
        os.umask(mask)


def test_a_symbolic_link_is_followed(index: nf.Index, tmp_path: Path) -> None:
    real, link = tmp_path / "there" / "real.nf", tmp_path / "link.nf"
    real.parent.mkdir()
    real.write_bytes(b"old")
    link.symlink_to("there/real.nf")
    index.save(link)
    assert link.is_symlink()
    assert len(nf.Index.load(real)) == len(index)
    assert [p.name for p in real.parent.iterdir()] == ["real.nf"]


def test_a_long_name_and_a_name_in_the_working_folder(
    index: nf.Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("x" * 252 + ".nf", "index.nf", "./other.nf"):
        index.save(name)
        assert len(nf.Index.load(name)) == len(index)
    assert len(list(tmp_path.iterdir())) == 3


def test_leftovers_of_a_killed_process_are_not_in_the_way(index: nf.Index, tmp_path: Path) -> None:
    path = tmp_path / "index.nf"
    left = tmp_path / f"index.nf.tmp-{os.getpid()}-0"
    left.write_bytes(b"left")
    index.save(path)
    assert len(nf.Index.load(path)) == len(index)
    assert left.read_bytes() == b"left"


def test_equal_indexes_are_equal_files(rng: np.random.Generator, tmp_path: Path) -> None:
    vectors = rng.normal(size=(500, 12))
    files = []
    for name in ("a.nf", "b.nf"):
        index = nf.Index(nf.Space.Euclidean, 12, random_seed=5)
        index.add_items(vectors)
        index.mark_deleted(4)
        index.save(tmp_path / name)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1] == bytes(nf.Index.load(tmp_path / "a.nf"))


def test_a_link_to_nothing_yet_is_followed(index: nf.Index, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link.nf").symlink_to("there/new.nf")
    index.save(tmp_path / "link.nf")
    assert (tmp_path / "link.nf").is_symlink()
    assert len(nf.Index.load(tmp_path / "there" / "new.nf")) == len(index)


def test_what_a_descriptor_leads_to_is_written() -> None:
    code = (
        "import sys, numpy as np, nearfield as nf\n"
        "index = nf.Index(nf.Space.Cosine, 8)\n"
        "index.add_items(np.eye(8))\n"
        "index.save('/dev/stdout')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert len(nf.Index.load(done.stdout)) == 8


def test_a_loop_of_links_is_refused(index: nf.Index, tmp_path: Path) -> None:
    (tmp_path / "a.nf").symlink_to("b.nf")
    (tmp_path / "b.nf").symlink_to("a.nf")
    with pytest.raises(nf.errors.IndexFileNotAccessible) as raised:
        index.save(tmp_path / "a.nf")
    assert raised.value.errno == errno.ELOOP
    assert (tmp_path / "a.nf").is_symlink()


def test_a_path_of_bytes_is_checked_like_one_of_text(index: nf.Index, tmp_path: Path) -> None:
    index.save(bytes(tmp_path / "bytes.nf"))
    assert len(nf.Index.load(tmp_path / "bytes.nf")) == len(index)
    with pytest.raises(nf.errors.InvalidInput, match="zero byte"):
        index.save(bytes(tmp_path / "victim") + b"\0.nf")
    assert not (tmp_path / "victim").exists()


def test_a_buffer_with_steps_is_read_as_what_it_shows(index: nf.Index) -> None:
    data = np.frombuffer(bytes(index), np.uint8)
    assert len(nf.Index.load(memoryview(np.repeat(data, 2))[::2])) == len(index)
    with pytest.raises(nf.errors.IndexFileError):
        nf.Index.load(memoryview(data)[::-1])
