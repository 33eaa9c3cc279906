"""Show what an index takes in memory and on disk, beside hnswlib's, the vectors' and the estimate.

    python benchmarks/memory.py --gate
    python benchmarks/memory.py --rows 10000 --dimensions 64 384

Memory is what a fresh process that has loaded the index has for itself alone, beyond what it had
after importing the library: not the array that the index was built from, which another process had.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

import claims
import nearfield as nf
import numpy as np
from bench import Bench, Settings, build
from data_sets import DataSet
from gates import Verdict, at_most
from measure import say
from remote import WorkerFailed
from report import markdown

Json = dict[str, Any]
DIMENSIONS = (64, 128, 256, 384, 768, 784, 1536)
_PEER = "hnswlib"
# What the estimate is asked for each variant; the two storages may be younger than this build.
VARIANTS: dict[str, Json] = {
    "nearfield": {},
    "nearfield-none": {"codes": "none"},
    "nearfield-float16": {"storage": "Float16"},
    "nearfield-codesonly": {"storage": "CodesOnly"},
    _PEER: {},
}
_ROWS = 50_000  # with few, what a process takes for itself and the rows kept beside codes count
_MOST_BY_PEER = 1.25
_MOST_BY_RAW = 0.40
_RAW_DIMENSIONS = (384, 784)  # where codes alone are to be so small
_MOST_ASTRAY = 0.05


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = claims.parser(__doc__)
    add = parser.add_argument
    add("--rows", type=int, default=_ROWS)
    add("--dimensions", type=int, nargs="+", default=list(DIMENSIONS))
    add("--threads", type=int, default=2, help="of builds")
    add("--python", nargs="+", default=[], metavar="LIBRARY=PATH", help="of other environments")
    claim = claims.Claim("memory", measure, table, verdicts, (_PEER,), {"rows": _ROWS})
    return claims.show(claim, parser.parse_args(arguments))


def made(rows: int, dimensions: int) -> DataSet:
    """Draw rows of few latent dimensions and some noise: a graph like that of embeddings."""
    rng = np.random.default_rng([dimensions, rows])
    latent = rng.standard_normal((rows, 16), dtype=np.float32)
    base = latent @ rng.standard_normal((16, dimensions), dtype=np.float32)
    base += 0.3 * rng.standard_normal(base.shape, dtype=np.float32)
    return DataSet(f"made-{dimensions}", "cosine", base, base[:10].copy())


def measure(options: argparse.Namespace) -> Json:
    """Give by dimensions and variant: bytes in memory, in the file, and as foretold."""
    found: Json = {}
    settings = Settings(build_threads=options.threads)
    known = claims.pythons(options.python)
    variants = [name for name in VARIANTS if is_known(name)]
    for dimensions in options.dimensions:
        data = made(options.rows, dimensions)
        bench = claims.bench("memory", options, data, settings, pythons=known)
        found[str(dimensions)] = rows = {}
        for variant in variants:
            try:
                rows[variant] = _measured(bench, variant)
            except WorkerFailed as error:
                say(f"{variant} is left out: {error}")
                continue
            if variant != _PEER:
                rows[variant] |= _foretold(bench, VARIANTS[variant])
            mebibytes = rows[variant]["private_bytes"] / 2**20
            say(f"{dimensions} dimensions, {variant}: {mebibytes:,.1f} MiB in memory")
    bench.journal.finish()
    return found


def is_known(variant: str) -> bool:
    """Tell whether this build has the storage that a variant is about."""
    storage = VARIANTS[variant].get("storage")
    return storage is None or hasattr(nf.StorageDataType, storage)


def _measured(bench: Bench, variant: str) -> Json:
    file_bytes = build(bench, variant, fresh=False)["file_bytes"]
    with bench.start(variant) as remote:
        remote.order("about")  # imports the library
        before = remote.memory()
        bench.open(variant, remote)
        after = remote.memory()
    grown = {key: after[key] - before[key] for key in ("private_bytes", "resident_bytes")}
    return {"file_bytes": file_bytes, **grown}


def _foretold(bench: Bench, asked: Json) -> Json:
    """Ask the function and the command what the index will take."""
    rows, dimensions = bench.data.base.shape
    words = {{"storage": "storage_data_type"}.get(name, name): asked[name] for name in asked}
    estimate = nf.estimate_memory(rows, dimensions, 16, space="cosine", **words)
    command = [sys.executable, "-m", "nearfield", "build", str(bench.file("base"))]
    command += ["--space", "cosine", "--M", "16", "--dry-run", "--json"]
    for option, value in asked.items():
        command += [f"--{option}", value]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        say(f"the dry run failed: {done.stderr.strip()[-300:]}")
    said = json.loads(done.stdout) if done.returncode == 0 else {}
    return {
        "estimated_bytes": estimate.total_bytes,
        "dry_run_bytes": said.get("total_bytes"),
        "dry_run_file_bytes": said.get("file_bytes"),
    }


def table(result: Json) -> str:
    """Table each index in MiB, and by hnswlib's, by the vectors and by what was foretold."""
    head = ["dimensions", "index", "memory, MiB", "file, MiB", f"memory / {_PEER}"]
    head += [f"file / {_PEER}", "memory / raw", "file / raw", "estimate / memory", "dry run / file"]
    lines = []
    for dimensions, rows in result["measured"].items():
        raw = result["settings"]["rows"] * int(dimensions) * 4
        for variant, row in rows.items():
            peer = rows.get(_PEER, {})
            lines.append(
                [
                    dimensions,
                    variant,
                    *(f"{row[key] / 2**20:,.1f}" for key in ("private_bytes", "file_bytes")),
                    _share(row["private_bytes"], peer.get("private_bytes")),
                    _share(row["file_bytes"], peer.get("file_bytes")),
                    _share(row["private_bytes"], raw),
                    _share(row["file_bytes"], raw),
                    _share(row.get("estimated_bytes"), row["private_bytes"]),
                    _share(row.get("dry_run_file_bytes"), row["file_bytes"]),
                ]
            )
    return f"{result['settings']['rows']:,} rows, M=16\n\n{markdown(head, lines)}"


def verdicts(result: Json) -> list[Verdict]:
    """Judge the default by hnswlib, codes alone by the vectors, and all that was foretold."""
    out: list[Verdict] = []
    for dimensions, rows in result["measured"].items():
        raw = result["settings"]["rows"] * int(dimensions) * 4
        peer, ours = rows.get(_PEER), rows.get("nearfield")
        for key, what in (("private_bytes", "memory"), ("file_bytes", "file")):
            text = f"{dimensions} dimensions, {what} by {_PEER}'s"
            if peer and ours:
                out.append(at_most(text, ours[key] / peer[key], _MOST_BY_PEER))
            else:
                out.append((f"{text}: not measured", False))
            if int(dimensions) in _RAW_DIMENSIONS:
                text = f"{dimensions} dimensions, codes alone, {what} by the raw vectors'"
                alone = rows.get("nearfield-codesonly")
                measured = (f"{text}: not measured", False)
                out.append(at_most(text, alone[key] / raw, _MOST_BY_RAW) if alone else measured)
        for variant in (name for name in rows if name != _PEER):
            out += _astray(f"{dimensions} dimensions, {variant}", rows[variant])
    return out


def _astray(begin: str, row: Json) -> list[Verdict]:
    out = []
    for key, real, what in (
        ("estimated_bytes", "private_bytes", "estimate of memory"),
        ("dry_run_bytes", "private_bytes", "dry run's memory"),
        ("dry_run_file_bytes", "file_bytes", "dry run's file"),
    ):
        text = f"{begin}: {what} astray"
        if row[key] is None:
            out.append((f"{text}: it says nothing", False))
        else:
            out.append(at_most(text, 100 * abs(row[key] / row[real] - 1), 100 * _MOST_ASTRAY, " %"))
    return out


def _share(part: float | None, whole: float | None) -> str:
    return f"{part / whole:.3f}" if part and whole else "-"


if __name__ == "__main__":
    sys.exit(main())
