"""What the commands that show one claim each have in common: options, table, verdicts, JSON.

A command brings three functions: `measure(options)` gives what was measured, `table(result)` and
`verdicts(result)` are pure, so that a JSON of an earlier run can be read and judged again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import data_sets
import synthetic
from bench import Bench, Settings
from data_sets import DataSet
from engines import library_of
from gates import Verdict
from journal import Journal
from machine import fingerprint, library_hash, versions
from measure import say
from native_programs import NoProgram
from remote import WorkerFailed
from report import stem

Json = dict[str, Any]
RESULTS = Path(__file__).resolve().parent / "results"
_PATHS = ("out", "cache", "gate", "table", "python", "data_dir")  # say nothing to others


@dataclass(frozen=True)
class Claim:
    """A command: its name is that of its folder of results."""

    name: str
    measure: Callable[[argparse.Namespace], Json]
    table: Callable[[Json], str]
    verdicts: Callable[[Json], list[Verdict]]
    peers: tuple[str, ...] = ()
    least: Mapping[str, int] = field(default_factory=dict)  # of options; below, nothing is judged
    draw: Callable[[Json, Path], None] | None = None


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Give the options that every command has."""
    made = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    add = made.add_argument
    add("--gate", action="store_true", help="fail where the claim does")
    add("--out", type=Path, default=RESULTS)
    add("--table", type=Path, metavar="FILE.json", help="print and judge an earlier result")
    add("--cache", type=Path, default=data_sets.CACHE, help="where indexes are kept")
    return made


def set_parser(doc: str | None) -> argparse.ArgumentParser:
    """Give those of a command that looks at one set, besides."""
    made = parser(doc)
    add = made.add_argument
    add("--data", default="debian-minilm", metavar="SET", help="debian-minilm, synthetic-1m, ...")
    add("--data-dir", type=Path, default=data_sets.DATA_DIR, help="where the named sets are")
    add("--limit", type=int, default=1_000_000, help="rows of the set that are used at most")
    add("--threads", type=int, default=2, help="of builds and of writes of many rows")
    add("--memory", type=float, default=8.0, help="GiB that a process may take")
    return made


def show(claim: Claim, options: argparse.Namespace) -> int:
    """Run a command; 0 is success, 1 a failed gate, 2 nothing to measure with or to judge by."""
    if options.table:
        result = json.loads(options.table.read_text())
    else:
        try:
            result = begin(claim, options) | {"measured": claim.measure(options)}
        except (data_sets.DataNotFound, NoProgram) as error:
            say(str(error))
            return 2
        for line in write(claim, result, options.out):
            say(line)
    print(claim.table(result))
    print(f"\n{conditions(result)}\n")
    judged = claim.verdicts(result)
    small = too_small(claim, result["settings"])
    if small:
        print("\n".join([f"not judged: {small}", *(f"     {text}" for text, _ in judged)]))
        return 2 if options.gate else 0
    print("\n".join(f"{'ok  ' if passed else 'FAIL'} {text}" for text, passed in judged))
    return 1 if options.gate and not all(passed for _, passed in judged) else 0


def too_small(claim: Claim, settings: Mapping[str, Any]) -> str:
    """Say which option is below what the claim is about; empty where it can be judged."""
    for option, least in claim.least.items():
        given = settings.get(option, least)
        number = min(given) if isinstance(given, list) else given
        if number < least:
            return f"--{option} {number:,}; the claim is about {least:,} and more"
    return ""


def begin(claim: Claim, options: argparse.Namespace) -> Json:
    """Give a result without measurements."""
    asked = {key: each for key, each in vars(options).items() if key not in _PATHS}
    return {
        "format": 1,
        "claim": claim.name,
        "machine": fingerprint() | versions("nearfield", *claim.peers),
        "settings": asked,
    }


def write(claim: Claim, result: Json, folder: Path) -> list[str]:
    """Write the JSON, and a picture where there is one, named by date and commit."""
    path = folder / claim.name / f"{stem(result)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    said = [f"wrote {path}"]
    if claim.draw is not None:
        picture = path.with_suffix(".png")
        try:
            claim.draw(result, picture)
        except ImportError as error:
            return [*said, f"no drawing: {error}; pip install 'nearfield[plot]'"]
        said.append(f"wrote {picture}")
    return said


def conditions(result: Json) -> str:
    """Say what it was measured on."""
    machine = result["machine"]
    return (
        f"{machine['cpu']}, {machine['cores']} cores, SIMD level {machine['simd']}, Python "
        f"{machine['python']}, commit {machine['git']}, {machine['date'][:10]}, load average "
        f"{machine['load_average']} at the beginning"
    )


def bench(
    name: str,
    options: argparse.Namespace,
    data: DataSet,
    settings: Settings | None = None,
    **more: Any,
) -> Bench:
    """Give the builds and workers of compare.py, on indexes that are kept in the same place.

    A run that is stopped goes on: the journal is that of this command and build of the core.
    """
    options.cache.mkdir(parents=True, exist_ok=True)
    journal = Journal(options.cache / f"journal-{name}-{library_hash('nearfield')}.jsonl")
    return Bench(data, settings or Settings(), journal, options.cache, **more)


def installed(bench: Bench, asked: Sequence[str]) -> tuple[Json, dict[str, str]]:
    """Give (what each variant is that can be used here, why the others cannot)."""
    found: Json = {}
    missing = {}
    for variant in asked:
        try:
            found[variant] = bench.about(variant) | {"library": library_of(variant)}
        except WorkerFailed as error:
            missing[variant] = str(error)
            say(f"{variant} is left out: {error}")
    return found, missing


def pythons(given: Sequence[str]) -> dict[str, str]:
    """Read LIBRARY=PATH, where peers are in other environments."""
    return dict(each.split("=", 1) for each in given)


def made_rows(text: str) -> int:
    """Read --rows: the made set has names for whole thousands."""
    rows = int(text)
    if rows % 1000 or not 0 < rows <= synthetic.MOST_ROWS:
        message = f"{rows}: expected thousands, at most {synthetic.MOST_ROWS}"
        raise argparse.ArgumentTypeError(message)
    return rows


def made_set(rows: int) -> DataSet:
    """Give the first rows of the made set."""
    return data_sets.load(f"synthetic-{rows // 1000}k")
