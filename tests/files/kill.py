"""Kill a process that saves, after each of its system calls and at random moments; report as JSON.

    python tests/files/kill.py --random 200 --seed 1

After every kill the file must be, byte for byte, one that was saved completely, and load. A child
is stopped at each system call by ptrace and killed after one, the next child after the next one.
The exit code is 1 when a file was not whole, 2 when this system does not permit ptrace.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np

PTRACE_TRACEME, PTRACE_SYSCALL, PTRACE_SETOPTIONS, PTRACE_O_TRACESYSGOOD = 0, 24, 0x4200, 1
SYSCALL_STOP = signal.SIGTRAP | 0x80
NOT_PERMITTED = 77

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


class PtraceRefused(Exception):
    """The system does not let a process trace its own child."""


def make(rows: int, seed: int) -> nf.Index:
    index = nf.Index(nf.Space.Euclidean, 32, M=8)
    vectors = np.random.default_rng(seed).normal(size=(rows, 32))
    index.add_items(vectors, num_threads=1)
    return index


def spawn(work: Callable[[], None], traced: bool) -> int:
    """Run `work` in a child; a traced one waits until it is told to go on."""
    child = os.fork()
    if child:
        return child
    if traced:
        if libc.ptrace(PTRACE_TRACEME, 0, None, None) != 0:
            os._exit(NOT_PERMITTED)
        os.kill(os.getpid(), signal.SIGSTOP)
    work()
    os._exit(0)


def kill_after(work: Callable[[], None], calls: int) -> bool:
    """Kill a child that does `work` after so many system calls. False when it ended before."""
    child = spawn(work, traced=True)
    _, status = os.waitpid(child, 0)
    if not os.WIFSTOPPED(status):
        raise PtraceRefused
    libc.ptrace(PTRACE_SETOPTIONS, child, None, PTRACE_O_TRACESYSGOOD)
    stops = 0
    while stops < 2 * calls:  # one where it begins, one where it has returned
        if libc.ptrace(PTRACE_SYSCALL, child, None, None) != 0:
            raise PtraceRefused
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            return False
        stops += os.WSTOPSIG(status) == SYSCALL_STOP
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def check(path: Path, whole: dict[bytes, int]) -> str:
    """Name what is wrong with the file; remove what the killed process left."""
    for left in path.parent.glob(path.name + ".tmp-*"):
        left.unlink()
    if [p.name for p in path.parent.iterdir()] != [path.name]:
        return "the folder holds something else"
    data = path.read_bytes()
    if data not in whole:
        return f"the file has {len(data)} bytes that nobody saved"
    index = nf.Index.load(path)
    return "" if len(index) == whole[data] else f"it loads {len(index)} rows"


def every_call(path: Path, old: nf.Index, new: nf.Index, save: str) -> dict[str, Any]:
    """Kill after the first system call of a save, after the second, and so on."""
    versions = [index.as_bytes(format=save) for index in (old, new)]
    whole = dict(zip(versions, (len(old), len(new)), strict=True))
    findings, replaced, calls = [], 0, 0
    while True:
        path.write_bytes(versions[0])
        killed = kill_after(lambda: new.save(path, format=save), calls + 1)
        if wrong := check(path, whole):
            findings.append({"after call": calls + 1, "wrong": wrong})
        if not killed:
            return {"calls": calls, "new file in place": replaced, "findings": findings}
        calls += 1
        replaced += path.read_bytes() == versions[1]


def random_moments(path: Path, old: nf.Index, new: nf.Index, count: int, seed: int) -> Any:
    """Kill a process that saves the two in turn for ever, at random moments."""
    whole = {bytes(old): len(old), bytes(new): len(new)}
    old.save(path)
    started = time.monotonic()
    new.save(path)
    seconds = time.monotonic() - started

    def save_for_ever() -> None:
        while True:
            old.save(path)
            new.save(path)

    moments, findings = random.Random(seed), []
    for number in range(count):
        child = spawn(save_for_ever, traced=False)
        time.sleep(moments.uniform(0, 6 * seconds))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if wrong := check(path, whole):
            findings.append({"kill": number, "wrong": wrong})
    return {"kills": count, "seed": seed, "findings": findings}


def run(count: int, seed: int) -> dict[str, Any]:
    """Kill a child after every call of both formats' save, then `count` at random moments.

    Raises
    ------
    PtraceRefused
        The system does not let a process trace its own child.
    """
    old, new = make(1500, 1), make(4000, 2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.nf"
        return {
            "after every call": every_call(path, old, new, "nearfield"),
            "after every call, as Voyager's": every_call(path, old, new, "voyager"),
            "at random moments": random_moments(path, old, new, count, seed),
        }


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--random", type=int, default=200, help="kills at random moments")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the report there")
    options = parser.parse_args()
    try:
        report = run(options.random, options.seed)
    except PtraceRefused:
        return 2
    text = json.dumps(report, indent=1) + "\n"
    sys.stdout.write(text)
    if options.json:
        options.json.write_text(text)
    return 1 if any(part["findings"] for part in report.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
