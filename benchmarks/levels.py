"""Show that every SIMD level of this CPU gives the same bytes, and how fast each is.

    python benchmarks/levels.py --gate
    python benchmarks/levels.py --data synthetic-100k --levels avx2 avx512

Each level is forced (NEARFIELD_SIMD) in processes of its own. Builds follow one another; queries
are timed in turns as in compare.py: level A its whole curve, B, C, then A again.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

import claims
import data_sets
import nearfield as nf
from bench import Bench, Settings
from curves import RECALLS, paired_ratio, qps_at
from gates import Verdict, at_least
from measure import run, say
from report import markdown
from results import curves

Json = dict[str, Any]
MODES = ("single", "batch1")
_SLOWER, _FASTER = "avx2", "avx512"
_LEAST = 0.9  # of the faster's queries/s
_DIGEST_EFS = [10, 40, 160]


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = claims.parser(__doc__)
    add = parser.add_argument
    add("--data", nargs="+", default=["debian-minilm", "mnist", "lastfm"], metavar="SET")
    add("--data-dir", type=Path, default=data_sets.DATA_DIR, help="where the named sets are")
    add("--levels", nargs="+", choices=nf.simd.available(), default=nf.simd.available())
    add("--threads", type=int, default=1, help="of builds")
    add("--repetitions", type=int, default=5)
    # One thread waits for nothing but memory: what other processes take is not its time.
    add("--clock", choices=("wall", "cpu"), default="cpu", help="of queries/s")
    claim = claims.Claim("levels", measure, table, verdicts)
    return claims.show(claim, parser.parse_args(arguments))


def measure(options: argparse.Namespace) -> Json:
    """Give, by data set: builds, curves, hashes of files and of results, all by level."""
    settings = Settings(
        modes=MODES,
        build_threads=options.threads,
        repetitions=options.repetitions,
        clock=options.clock,
    )
    variants = {f"nearfield-{level}": level for level in options.levels}
    forced = {variant: {"NEARFIELD_SIMD": level} for variant, level in variants.items()}
    found: Json = {}
    for name in options.data:
        data = data_sets.load(name, options.data_dir)
        more = {"script": "subject.py", "environments": forced}
        bench = claims.bench("levels", options, data, settings, **more)
        for variant in variants:
            index = bench.index(variant)
            if bench.journal.get("build", *bench.key, index.name) is None:
                index.unlink(missing_ok=True)  # builds that are compared are of the same hour
        out = run(bench, list(variants), fresh=False)
        for variant, why in out.failures.items():
            say(f"{variant}: {why}")
        found[name] = {
            "rows": len(data.base),
            "builds": {variants[variant]: made for variant, made in out.builds.items()},
            "curves": {variants[variant]: each for variant, each in curves(bench, out).items()},
            "files": {level: _hash(bench.index(each)) for each, level in variants.items()},
            "results": {level: _digest(bench, each) for each, level in variants.items()},
        }
    bench.journal.finish()
    return found


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(bench: Bench, variant: str) -> str:
    with bench.start(variant) as remote:
        bench.open(variant, remote)
        return str(remote.order("digest", k=bench.settings.k, efs=_DIGEST_EFS)["sha256"])


def table(result: Json) -> str:
    """Table queries/s at each recall, builds, and whether all is the same."""
    head = ["data", "level", "calls", *(f"queries/s at {r:.2f}" for r in RECALLS)]
    head += ["build, s", "file and results"]
    lines = []
    for name, run_ in result["measured"].items():
        first = next(iter(run_["curves"]), "")
        for level, by_mode in run_["curves"].items():
            for mode, points in by_mode.items():
                at = [qps_at([(p["recall"], p["qps"]) for p in points], r) for r in RECALLS]
                speeds = [f"{found[0]:,.0f}{'*' * found[1]}" if found else "-" for found in at]
                same = all(run_[key][level] == run_[key][first] for key in ("files", "results"))
                built = f"{run_['builds'][level]['wall_seconds'][-1]:.1f}"
                lines.append([name, level, mode, *speeds, built, "same" if same else "OTHER"])
    return f"{markdown(head, lines, 3)}\n\n`*`: beyond that recall at the cheapest setting."


def verdicts(result: Json) -> list[Verdict]:
    """Judge that all levels agree, and the slower of the two wide ones by the faster."""
    out: list[Verdict] = []
    for name, run_ in result["measured"].items():
        for key, what in (("files", "the saved file"), ("results", "ids and distances")):
            same = len(run_[key]) > 1 and len(set(run_[key].values())) == 1
            levels = ", ".join(run_[key])
            out.append((f"{name}: {what}: the same bytes at {levels}", same))
        for mode in MODES:
            for recall in RECALLS:
                text = f"{name}, {mode}, recall {recall:.2f}: {_SLOWER} by {_FASTER}"
                pair = [run_["curves"].get(level, {}).get(mode) for level in (_SLOWER, _FASTER)]
                ratio = paired_ratio(*pair, recall) if all(pair) else None
                measured = at_least(text, ratio["value"], _LEAST) if ratio else None
                out.append(measured or (f"{text}: not measured or not reached", False))
    return out


if __name__ == "__main__":
    sys.exit(main())
