"""Compare nearfield with its peers at equal recall, all engines interleaved in one run.

    python benchmarks/compare.py --data debian-minilm mnist --engines nearfield hnswlib voyager
    python benchmarks/compare.py --quick
    python benchmarks/compare.py --table benchmarks/results/FILE.json
    python benchmarks/compare.py --readme benchmarks/results/FILE.json

Writes a JSON with every measurement and the machine's fingerprint and a PNG per data set; prints
tables. Progress goes to stderr. README.md tells what the figures mean and what they do not.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import data_sets
from curves import busyness, recall_differences, summarize
from engines import ENGINES, Engine, load_engines
from machine import fingerprint, versions
from measure import MODES, Settings, run, say
from report import draw, markdown_table, picture_name, readme_table, stem, verdicts

Json = dict[str, Any]
RESULTS = Path(__file__).resolve().parent / "results"
README = Path(__file__).resolve().parents[1] / "README.md"
TABLE_BEGINS = "<!-- table: python benchmarks/compare.py --readme FILE.json -->\n"
TABLE_ENDS = "\n<!-- end of the table -->"
# Under two minutes on two cores, both large data sets, all engines.
_QUICK: Json = {"efs": (10, 20, 40, 80, 160), "repetitions": 3, "min_seconds": 0.05}
_QUICK_ROWS, _QUICK_QUERIES = 8000, 300

__all__ = ["main", "markdown_table"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 is success, 1 a failed gate, 2 nothing to measure."""
    options = _options(arguments)
    if options.readme:
        write_readme(json.loads(options.readme.read_text()))
        return 0
    if options.table:
        result = json.loads(options.table.read_text())
        print(markdown_table(result))
        return _judge(result) if options.gate else 0
    kinds, missing = load_engines(options.engines)
    for name, why in missing.items():
        say(f"{name} is left out: {why}")
    try:
        names = [data_sets.load(name, options.data_dir, options.space) for name in options.data]
    except data_sets.DataNotFound as error:
        say(str(error))
        return 2
    if not kinds:
        return 2
    result = measure(names, kinds, missing, options)
    write(result, options.out)
    print(markdown_table(result))
    return _judge(result) if options.gate else 0


def measure(
    sets: list[data_sets.DataSet],
    kinds: dict[str, type[Engine]],
    missing: dict[str, str],
    options: argparse.Namespace,
) -> Json:
    """Give the whole result, ready to be written."""
    settings = Settings(
        M=options.M,
        ef_construction=options.ef_construction,
        threads=options.threads,
        repetitions=options.repetitions,
        builds=options.builds,
        clock=options.clock,
    )
    if options.quick:
        settings = replace(settings, **_QUICK)
    result: Json = {
        "format": 1,
        "machine": fingerprint() | versions("faiss-cpu", "matplotlib"),
        "settings": asdict(settings) | {"quick": options.quick},
        "engines": {
            name: {"version": kind.version, "note": kind.note} for name, kind in kinds.items()
        },
        "missing": missing,
        "data": {},
        "runs": {},
    }
    while sets:
        data = sets.pop(0)  # one at a time in memory beside its indexes
        if options.quick:
            data = data.subset(_QUICK_ROWS, _QUICK_QUERIES)
        out = run(data, kinds, settings, options.build_timing)
        result["data"][data.name] = {
            "hash": data.digest,
            "rows": len(data.base),
            "dimensions": data.base.shape[1],
            "queries": len(data.queries),
            "space": data.space,
        }
        result["runs"][data.name] = {
            "builds": out.builds,
            "curves": out.curves,
            "failures": out.failures,
            "at_recall": summarize(out.curves, MODES),
            "recall_difference": recall_differences(out.recalls),
            "busyness": busyness(out.curves),
        }
    return result


def write(result: Json, folder: Path) -> None:
    """Write the JSON and a drawing per data set, named by date and commit."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem(result)}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    say(f"wrote {path}")
    for name, out in result["runs"].items():
        picture = folder / picture_name(result, name)
        try:
            draw(name, out, result, picture)
        except ImportError as error:
            say(f"no drawing: {error}; pip install 'nearfield[plot]'")
            return
        say(f"wrote {picture}")


def write_readme(result: Json, path: Path = README) -> None:
    """Put the table of a result into README."""
    text = path.read_text()
    before, _, rest = text.partition(TABLE_BEGINS)
    _, _, after = rest.partition(TABLE_ENDS)
    path.write_text(f"{before}{TABLE_BEGINS}\n{readme_table(result)}\n{TABLE_ENDS}{after}")


def _judge(result: Json) -> int:
    judged = verdicts(result)
    print("\n".join(f"{'ok  ' if passed else 'FAIL'} {text}" for text, passed in judged))
    return 0 if all(passed for _, passed in judged) else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    add(
        "--data",
        nargs="+",
        default=["debian-minilm", "mnist"],
        metavar="SET",
        help=f"{', '.join(data_sets.NAMES)}, or a .npy, .npz or .fvecs file",
    )
    add("--data-dir", type=Path, default=data_sets.DATA_DIR, help="where the named sets are")
    add("--space", choices=data_sets.SPACES, default="euclidean", help="of files given by path")
    add("--engines", nargs="+", choices=ENGINES, default=list(ENGINES), metavar="ENGINE")
    add("--M", type=int, default=16)
    add("--ef-construction", type=int, default=200)
    add("--threads", type=int, default=1, help="of builds and batches; single queries have one")
    add("--repetitions", type=int, default=5)
    add("--builds", type=int, default=1, help="builds of each engine, in turns; medians are given")
    add(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu where the machine is not idle; with one thread only",
    )
    add("--no-build-timing", dest="build_timing", action="store_false", help="may load an index")
    add("--quick", action="store_true", help="a sample of each set, under two minutes")
    add("--gate", action="store_true", help="fail where a release gate is missed")
    add("--out", type=Path, default=RESULTS)
    add("--readme", type=Path, metavar="FILE.json", help="put its table into README.md")
    add("--table", type=Path, metavar="FILE.json", help="print the table of an earlier run")
    options = parser.parse_args(arguments)
    if options.clock == "cpu" and options.threads > 1:
        parser.error("--clock cpu counts all threads: it says nothing about several of them")
    if options.quick and options.gate:
        parser.error("--quick looks at too few rows and queries to judge by")
    return options


if __name__ == "__main__":
    sys.exit(main())
