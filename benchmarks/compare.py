"""Compare nearfield with the field at equal recall, all libraries interleaved in one run.

    python benchmarks/compare.py                         # everything, up to four hours
    python benchmarks/compare.py --data mnist --engines nearfield hnswlib rabitqlib
    python benchmarks/compare.py --quick
    python benchmarks/compare.py --table benchmarks/results/FILE.json --gate
    python benchmarks/compare.py --readme benchmarks/results/FILE.json [...]

Writes a JSON with every measurement and the machine's fingerprint and a PNG per data set; prints
tables. Progress goes to stderr. README.md tells what the figures mean and what they do not. A run
that was stopped goes on where it was when the same command is given again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import data_sets
import results
from bench import SUBJECT, Bench, Settings
from engines import VARIANTS
from gates import verdicts
from journal import Journal
from machine import library_hash
from measure import run, say
from remote import WorkerFailed
from report import markdown_table, readme_table

Json = dict[str, Any]
RESULTS = Path(__file__).resolve().parent / "results"
README = Path(__file__).resolve().parents[1] / "README.md"
TABLE_BEGINS = "<!-- table: python benchmarks/compare.py --readme FILE.json -->\n"
TABLE_ENDS = "\n<!-- end of the table -->"
_SETS = ["debian-minilm", "mnist", "lastfm", "synthetic-1m"]
# Under five minutes on two cores, nearly every variant, builds among it.
_QUICK: Json = {"repetitions": 1, "min_seconds": 0.02, "pairs": 1, "modes": ("single", "batch1")}
_QUICK_SETS = ["debian-minilm"]
_QUICK_ROWS, _QUICK_QUERIES = 4000, 200
# Left out of a quick run unless it is named: it compiles anew in each of its processes.
_SLOW_TO_START = {"pynndescent": "compiles for minutes; --quick takes it where --engines names it"}
_TOO_QUICK = "--quick looks at too few rows and queries to judge by; gates need a run without it"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 is success, 1 a failed gate, 2 nothing to measure or judge."""
    options = _options(arguments)
    if options.readme:
        write_readme([json.loads(path.read_text()) for path in options.readme])
        return 0
    if options.table:
        result = json.loads(options.table.read_text())
        print(markdown_table(result))
        return _judge(result) if options.gate else 0
    try:
        result = measure(options)
    except data_sets.DataNotFound as error:
        say(str(error))
        return 2
    if not result["runs"]:
        return 2
    for line in results.write(result, options.out):
        say(line)
    print(markdown_table(result))
    return _judge(result) if options.gate else 0


def measure(options: argparse.Namespace) -> Json:
    """Give the whole result, ready to be written."""
    settings = _settings(options)
    journal = _journal(options, settings)
    pythons = dict(given.split("=", 1) for given in options.python)
    variants, missing = _installed(options, settings, journal, pythons)
    result = results.begin(settings, options.quick, missing | options.spared)
    for name in options.data if variants else []:
        data = data_sets.load(name, options.data_dir, options.space)  # one at a time in memory
        if options.quick:
            data = data.subset(_QUICK_ROWS, _QUICK_QUERIES)
        bench = Bench(data, settings, journal, options.cache, pythons)
        results.add(result, bench, run(bench, variants, options.build_timing))
    journal.finish()
    return result


def _installed(
    options: argparse.Namespace, settings: Settings, journal: Journal, pythons: dict[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Give (the variants that can be used here, why the others cannot)."""
    probe = Bench(data_sets.load("gaussian-small"), settings, journal, options.cache, pythons)
    options.cache.mkdir(parents=True, exist_ok=True)
    asked = [v for name in options.engines for v in VARIANTS.get(name, (name,))]
    found, missing = [], {}
    for variant in dict.fromkeys(asked):
        try:
            probe.about(variant)
            found.append(variant)
        except WorkerFailed as error:
            missing[variant] = str(error)
            say(f"{variant} is left out: {error}")
    return found, missing


def _settings(options: argparse.Namespace) -> Settings:
    settings = Settings(
        k=options.k,
        modes=tuple(options.modes),
        build_threads=options.threads,
        repetitions=options.repetitions,
        builds=options.builds,
        clock=options.clock,
        gibibytes=options.memory,
    )
    return replace(settings, **_QUICK) if options.quick else settings


def _journal(options: argparse.Namespace, settings: Settings) -> Journal:
    """Find the journal of this very comparison: same question, same build of the subject."""
    asked = [asdict(settings), options.data, options.engines, options.quick, options.build_timing]
    key = json.dumps([*asked, library_hash(SUBJECT)])
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    journal = Journal(options.cache / f"journal-{name}.jsonl")
    if options.fresh:
        journal.finish()
        return Journal(journal.path)
    if len(journal):
        say(f"going on with {len(journal)} measurements of a run that was stopped; else --fresh")
    return journal


def write_readme(results: list[Json], path: Path = README) -> None:
    """Put the table of some results into README."""
    text = path.read_text()
    before, _, rest = text.partition(TABLE_BEGINS)
    _, _, after = rest.partition(TABLE_ENDS)
    path.write_text(f"{before}{TABLE_BEGINS}\n{readme_table(*results)}\n{TABLE_ENDS}{after}")


def _judge(result: Json) -> int:
    if result["settings"].get("quick"):
        print(f"not judged: {_TOO_QUICK}")
        return 2
    judged = verdicts(result)
    print("\n".join(f"{'ok  ' if passed else 'FAIL'} {text}" for text, passed in judged))
    return 0 if all(passed for _, passed in judged) else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    files = ", ".join(data_sets.FILES)
    add(
        "--data",
        nargs="+",
        metavar="SET",
        help=f"{', '.join(data_sets.NAMES)}, or a file that ends in {files}",
    )
    add("--data-dir", type=Path, default=data_sets.DATA_DIR, help="where the named sets are")
    add("--space", choices=data_sets.SPACES, default="euclidean", help="of files given by path")
    add(
        "--engines",
        nargs="+",
        choices=[*VARIANTS, *(v for all_of in VARIANTS.values() for v in all_of[1:])],
        metavar="ENGINE",
        help="libraries, or single variants of them: " + ", ".join(VARIANTS),
    )
    add("--k", type=int, default=10, help="neighbours of a query; gates judge 10 and 100")
    modes = ("single", "batch1", "batch2")
    add("--modes", nargs="+", choices=modes, default=list(modes), metavar="MODE")
    add("--threads", type=int, default=2, help="of builds")
    add("--repetitions", type=int, default=3)
    add("--builds", type=int, default=1, help="of nearfield and hnswlib; medians are given")
    add(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu where the machine is not idle; with one thread only",
    )
    add("--memory", type=float, default=8.0, help="GiB that all processes may take together")
    add("--python", nargs="+", default=[], metavar="LIBRARY=PATH", help="of other environments")
    add("--cache", type=Path, default=data_sets.CACHE, help="where indexes and the journal are")
    add("--fresh", action="store_true", help="do not go on with a run that was stopped")
    add("--no-build-timing", dest="build_timing", action="store_false", help="old indexes will do")
    add("--quick", action="store_true", help="a small sample, under five minutes")
    add("--gate", action="store_true", help="fail where a release gate is missed")
    add("--out", type=Path, default=RESULTS)
    add(
        "--readme", type=Path, nargs="+", metavar="FILE.json", help="put their table into README.md"
    )
    add("--table", type=Path, metavar="FILE.json", help="print the tables of an earlier run")
    options = parser.parse_args(arguments)
    options.spared = _SLOW_TO_START if options.quick and options.engines is None else {}
    options.engines = options.engines or [name for name in VARIANTS if name not in options.spared]
    options.data = options.data or (_QUICK_SETS if options.quick else _SETS)
    if options.clock == "cpu" and (options.threads > 1 or "batch2" in options.modes):
        parser.error("--clock cpu counts all threads: give --threads 1 --modes single batch1")
    if any("=" not in given or given.split("=")[0] not in VARIANTS for given in options.python):
        parser.error("--python takes LIBRARY=PATH")
    if options.quick and options.gate:
        parser.error(_TOO_QUICK)
    return options


if __name__ == "__main__":
    sys.exit(main())
