"""Open hostile files in every way and use those that load; report as JSON.

    python tests/files/hostile.py --count 10000 --seed 1

A process of its own opens the files (`hostile_cases.py` makes them), so that a crash, a hang or too
much memory is seen and the rest still runs. While a file is opened the address space may grow by
the file's size and 64 MiB, no more. The exit code is 1 when there were findings.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ALLOWANCE = 64 * 1024 * 1024
SECONDS_PER_CASE = 30.0


def make_bases() -> list[Any]:
    """Good files of every format, small, with all that a file can hold."""
    import nearfield as nf
    from hostile_cases import Base

    data = Path(__file__).resolve().parent / "data"
    rng = np.random.default_rng(5)
    index = nf.Index(nf.Space.Euclidean, 20, M=4, random_seed=3)
    index.add_items(rng.normal(size=(60, 20)), np.arange(60) * 3)
    index.add_items(rng.normal(size=(9, 20)), np.arange(9) * 3)
    index.mark_deleted(30)
    strings = nf.StringIndex(nf.Space.Cosine, 5, M=3, storage_data_type=nf.StorageDataType.E4M3)
    strings.add_items(rng.normal(size=(30, 5)), [f"key {i}" for i in range(30)])
    large = nf.Index(
        nf.Space.InnerProduct, 16, M=8, storage_data_type=nf.StorageDataType.Float8
    )  # with sections of more than 64 KiB, which are mapped
    large.add_items(rng.uniform(-0.5, 0.5, (1500, 16)))
    nibbles = nf.Index(nf.Space.Cosine, 200, M=4, ef_construction=20, codes="int4")
    nibbles.add_items(rng.normal(size=(600, 200)))  # its codes are mapped too
    few, many = (
        nf.Index("euclidean", 18, M=3, ef_construction=10, storage_data_type="codes_only")
        for _ in range(2)
    )  # with vectors beside the codes, and with the last ones alone
    few.add_items(rng.normal(size=(50, 18)))
    many.add_items(rng.normal(size=(4200, 18)))
    half = nf.Index("cosine", 9, M=3, storage_data_type="float16")
    half.add_items(rng.normal(size=(40, 9)))
    removed = nf.Index("euclidean", 7, M=3, ef_construction=10, codes="int8")
    removed.add_items(rng.normal(size=(400, 7)))
    removed.remove(range(0, 200, 4))
    removed.add_items(rng.normal(size=(20, 7)))
    for id in range(1, 200, 4):  # until a repair is under way
        removed.remove(id)
        if removed.stats().slots_to_repair:
            break
    described = nf.Index("euclidean", 2, M=2, ef_construction=4)
    described.add_items(
        rng.normal(size=(70, 2)),
        columns={
            "flag": [bool(i % 2) for i in range(70)],
            "year": np.arange(70, dtype=np.int16),
            "score": [None if i % 5 else i / 3 for i in range(70)],
            "seen": np.arange(70).astype("M8[us]"),
            "market": [("SE", "NO", "日本")[i % 3] for i in range(70)],
            "genres": [["drone", "dub"][: i % 3] for i in range(70)],
        },
    )
    described.remove(range(10, 30))
    described.filters["clean"] = "not flag and year > 3"
    described.filters["heard"] = nf.IdSet(range(5))
    body = {"space": nf.Space.Cosine, "num_dimensions": 16}
    return [
        Base("nf small", bytes(index)),
        Base("nf strings", bytes(strings)),
        Base("nf large", bytes(large)),
        Base("nf nibbles", bytes(nibbles)),
        Base("nf few codes", bytes(few)),
        Base("nf many codes", bytes(many)),
        Base("nf float16", bytes(half)),
        Base("nf removed", bytes(removed)),
        Base("nf columns", bytes(described)),
        Base("nf empty", bytes(nf.Index(nf.Space.Cosine, 3))),
        Base("voyager v1", (data / "voyager_v1_innerproduct_16d_float32_M12.voy").read_bytes()),
        Base("voyager v0", (data / "voyager_v0_cosine_16d_float32_M12.voy").read_bytes(), body),
        Base("hnswlib", (data / "hnswlib_cosine_16d_float32_M8.bin").read_bytes(), body),
    ]


@contextlib.contextmanager
def limited_memory(file_bytes: int, limit: bool) -> Iterator[None]:
    """Let the address space grow by the file and the allowance; more is a MemoryError."""
    if not limit:
        yield
        return
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + file_bytes + ALLOWANCE, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def use(index: Any) -> None:
    """Do with a loaded index what a user would; only our own errors may come out."""
    import nearfield as nf

    queries = np.random.default_rng(1).uniform(-0.5, 0.5, (3, index.num_dimensions))
    live = len(index)
    if live and index.num_dimensions < 10_000:
        ids, distances = index.query(queries, k=min(live, 5))
        assert ids.shape == distances.shape
        some = list(index.ids)[:5]
        index.get_vectors(some)
    use_columns(index)
    if index.num_dimensions < 10_000:
        rows = queries.astype(np.float32)
        keys = ["a", "b", "c"] if isinstance(index, nf.StringIndex) else None
        index.add_items(rows, keys)
        again = nf.load(bytes(index))
        assert len(again) == len(index)
        again.remove(list(again.ids)[:2])
        again.add_items(rows, keys and ["d", "e", "f"])
        again.compact()
        assert again.validate() == ""
        assert len(nf.load(bytes(again))) == len(again) == len(index) + 1


def use_columns(index: Any) -> None:
    """Read attributes, ask for them, and change them."""
    some = list(index.ids)[:5]
    for name in index.columns:
        index.get_columns(some, [name])
        asked = "`" + name.replace("`", "``") + "`"
        counted = index.compile(f"{asked} is null or {asked} is not null").count
        assert counted == len(index)
        index.set_columns(some, {name: [None] * len(some)})
        assert index.get_columns(some, [name])[name].tolist() == [None] * len(some)
    for name in index.filters:
        index.compile(f"${name} or true")


def open_and_use(case: Any, folder: Path, limit: bool) -> list[str]:
    """Open a case in every way. Returns the name of the error, or "loaded", for each."""
    import nearfield as nf

    path = folder / "hostile.nf"
    path.write_bytes(case.data)
    expected = (nf.errors.IndexFileError, nf.errors.InvalidInput)
    outcomes = []
    for source, how in (
        (path, {}), (case.data, {}), (path, {"mmap": True}), (path, {"mmap": True, "verify": True}),
    ):  # fmt: skip
        try:
            with limited_memory(len(case.data), limit):
                index = nf.load(source, **case.load, **how)
        except expected as error:
            outcomes.append(type(error).__name__)
            continue
        outcomes.append("loaded")
        with contextlib.suppress(*expected, nf.errors.UnknownId, nf.RecallError):
            use(index)
        del index
    return outcomes


def work(options: argparse.Namespace) -> None:
    """Run the cases from --first on; a line of JSON before and after each."""
    from hostile_cases import make_cases

    cases = make_cases(make_bases(), options.count, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        for case in cases[options.first :]:
            say({"begin": case.number, "what": case.what})
            try:
                say({"outcomes": open_and_use(case, Path(folder), options.limit)})
            except BaseException as error:  # whatever it is, it should not have come out
                say({"error": f"{type(error).__name__}: {error}"})


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def run(count: int, seed: int, limit: bool = True) -> dict[str, Any]:
    """Run `count` cases in processes of their own.

    Returns
    -------
    dict
        Outcomes counted, and findings: crashes, hangs, errors that are not ours.
    """
    started = time.monotonic()
    outcomes: Counter[str] = Counter()
    findings: list[dict[str, Any]] = []
    first = 0
    while first < count:
        command = [sys.executable, str(Path(__file__).resolve()), "--work", "--first", str(first)]
        command += ["--count", str(count), "--seed", str(seed)] + ([] if limit else ["--no-limit"])
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0)
        last: dict[str, Any] = {"begin": first - 1, "what": "starting"}
        for line in lines_of(worker):
            message = json.loads(line)
            if "begin" in message:
                last = message
            elif "error" in message:
                findings.append({**last, **message})
            else:
                outcomes.update(message["outcomes"])
        code = worker.wait()
        first = last["begin"] + 1
        if code != 0:
            findings.append({**last, "error": f"the process ended with {code}"})
        elif first < count:
            findings.append({**last, "error": "the process stopped early"})
            break
        if len(findings) > 50:
            break
    return {
        "cases": count,
        "seed": seed,
        "openings": dict(sorted(outcomes.items())),
        "findings": findings,
        "seconds": round(time.monotonic() - started, 1),
    }


def lines_of(worker: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Give the lines of a worker; kill it when it says nothing for too long."""
    assert worker.stdout is not None
    rest = b""
    while select.select([worker.stdout], [], [], SECONDS_PER_CASE)[0]:
        piece = worker.stdout.read(65536)
        if not piece:
            return
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    worker.kill()


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-limit", dest="limit", action="store_false", help="as under ASan")
    parser.add_argument("--json", type=Path, help="also write the report there")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options)
        return 0
    report = run(options.count, options.seed, options.limit)
    text = json.dumps(report, indent=1) + "\n"
    sys.stdout.write(text)
    if options.json:
        options.json.write_text(text)
    return 1 if report["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
