"""A file that ``nearfield add``, ``upsert``, ``remove``, ``compact`` change: wholly or not."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield.cli import changing

from tests.cli.conftest import WIDTH, Run, refused, saved

# --- the file ---


def test_the_format_of_a_file_stays(tmp_path: Path, numbers: Path, vectors: Any, run: Run) -> None:
    """Whatever its name says."""
    index = nf.load(numbers)
    ours, theirs = tmp_path / "ours.voy", tmp_path / "theirs.nf"
    index.save(ours, format="nearfield")
    index.save(theirs, format="voyager")
    new = saved(tmp_path / "new.npy", vectors[300:310])
    for path, kind in ((ours, "nearfield"), (theirs, "voyager 1")):
        for how in (("add", path, new), ("remove", path, 5), ("compact", path)):
            assert run(*how).code == 0
        told = json.loads(run("info", path, "--json").out)
        assert (told["format"], told["live"]) == (kind, 309)
    everything = [str(id) for id in nf.load(theirs)]
    assert "empty" in refused(run, theirs, "remove", theirs, *everything)


def test_files_that_are_not_written_are_refused(tmp_path: Path, numbers: Path, run: Run) -> None:
    golden = Path(__file__).resolve().parents[1] / "files" / "data"
    for name in ("voyager_v0_cosine_16d_float32_M12.voy", "hnswlib_l2_16d_float32_M8.bin"):
        copied = tmp_path / name
        copied.write_bytes((golden / name).read_bytes())
        for how in (("remove", copied, 5), ("compact", copied)):
            assert "nearfield convert" in refused(run, copied, *how, code=4)
    missing = tmp_path / "missing.nf"
    done = run("compact", missing)
    assert done.code == 1
    assert "missing.nf" in done.err
    assert "is a folder; name a file in it" in run("compact", tmp_path).err
    damaged = bytearray(numbers.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    numbers.write_bytes(damaged)
    refused(run, numbers, "remove", numbers, 5, code=4)


def test_readers_keep_what_they_have_open(tmp_path: Path, built: Path, run: Run) -> None:
    mapped = nf.load(built, mmap=True)
    keys = list(mapped)
    assert run("remove", built, *keys[:100], "--quiet").code == 0
    assert run("compact", built, "--quiet").code == 0
    assert mapped.get_vectors(keys).shape == (1080, WIDTH)
    assert len(nf.load(built)) == 980


def test_a_file_that_somebody_else_replaces_meanwhile_is_left_alone(
    numbers: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = nf.Index.from_vectors(np.eye(3))
    opened = changing.open_index

    def then_replace(path: Path) -> Any:
        index = opened(path)
        other.save(path)
        return index

    monkeypatch.setattr(changing, "open_index", then_replace)
    done = run("remove", numbers, 5)
    assert done.code == 1
    assert "replaced by somebody else" in done.err
    assert numbers.read_bytes() == other.as_bytes()


def test_a_save_that_fails_leaves_the_file(
    numbers: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(changing, "save_index", save)
    assert "No space left" in refused(run, numbers, "remove", numbers, 5, code=1)


SLOW = """
import contextlib, os, sys
from nearfield.cli import output
from nearfield.cli.main import main
said = []
@contextlib.contextmanager
def progress(*arguments):
    def report(done, total):
        if done and not said:
            said.append(done)
            sys.stdout.write("ready\\n")
            sys.stdout.flush()
            if "WAIT" in os.environ:
                sys.stdin.readline()
    yield report
output.progress = progress
main(sys.argv[1:])
"""


def test_ctrl_c_leaves_the_file(numbers: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    big = saved(tmp_path / "big.npy", rng.normal(size=(60_000, WIDTH)).astype(np.float32))
    before = numbers.read_bytes()
    command = [sys.executable, "-c", SLOW, "add", str(numbers), str(big)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "interrupted; no file was changed" in err
    assert numbers.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["big.npy", "numbers.nf"]


# --- several at once ---


def test_two_that_change_one_file_wait_for_each_other(
    numbers: Path, tmp_path: Path, vectors: Any
) -> None:
    new = saved(tmp_path / "new.npy", vectors[300:400])
    command = [sys.executable, "-c", SLOW, "add", str(numbers), str(new), "--json"]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env={**os.environ, "WAIT": "1"}, text=True, **pipes) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "ready\n"  # it has read the file, and not written it
        command = [sys.executable, "-m", "nearfield", "remove", str(numbers), "5", "--json"]
        with subprocess.Popen(command, text=True, **pipes) as second:
            assert second.stderr is not None
            waiting = f"{numbers} is being changed by another nearfield command; waiting\n"
            assert second.stderr.readline() == waiting
            out, err = first.communicate("go on\n", timeout=60)
            assert first.returncode == 0, err
            assert json.loads(out)["rows"] == 400
            out, err = second.communicate(timeout=60)
            assert second.returncode == 0, err
            assert json.loads(out)["rows"] == 399
            assert "waiting" not in err
    assert set(nf.load(numbers)) == set(range(400)) - {5}


MANY = """
import sys
from nearfield.cli.main import main
path, *ids = sys.argv[1:]
for id in ids:
    try:
        main(["remove", path, id])
    except SystemExit as end:
        if end.code:
            raise
"""


def test_nothing_is_lost_however_many_change_a_file(numbers: Path) -> None:
    """Who has waited finds another file under the name, and must not change that one unlocked."""
    shares = [range(first, 60, 3) for first in range(3)]
    commands = [[sys.executable, "-c", MANY, str(numbers), *map(str, ids)] for ids in shares]
    running = [subprocess.Popen(each, stderr=subprocess.PIPE, text=True) for each in commands]
    for each in running:
        _, err = each.communicate(timeout=120)
        assert each.returncode == 0, err
    assert sorted(nf.load(numbers)) == list(range(60, 300))


def test_who_waits_for_a_file_can_be_interrupted(numbers: Path) -> None:
    before = numbers.read_bytes()
    command = [sys.executable, "-m", "nearfield", "compact", str(numbers)]
    with numbers.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
            assert child.stderr is not None
            assert "waiting" in child.stderr.readline()
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "interrupted; no file was changed" in err
    assert numbers.read_bytes() == before
