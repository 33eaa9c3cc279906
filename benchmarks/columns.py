"""Show what columns of attributes take: memory, adding, each kind of test, files, changes.

    python benchmarks/columns.py --gate
    python benchmarks/columns.py --rows 100000

Eight columns, one of each kind of values, with a tenth of them missing. The vectors are short and
the graph is thin, so that what is seen is what columns take. A test is evaluated for all rows, on
one thread, as the first query with a new condition does it; medians.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import claims
import nearfield as nf
import numpy as np
from gates import Verdict, at_most
from measure import say
from report import markdown

Json = dict[str, Any]
_ROWS = 1_000_000
_D = 4
_ARTISTS = 100_000
_GENRES = 20
_WIDTHS = {"explicit": 1, "year": 2, "plays": 8, "rating": 4, "released": 8}  # bytes of a value
_TESTS = {
    "bool": "explicit",
    "int16, a range": "year between 1990 and 1999",
    "int16, five values": "year in [1980, 1984, 1988, 1992, 1996]",
    "int64": "plays > 1000",
    "float32": "rating >= 3.5",
    "timestamp": "released >= '2020-01-01'",
    "category of 60 words": "market = 'm7'",
    "category of 60, twenty of them": "market in $markets",
    "category of 100,000, a thousand of them": "artist in $artists",
    "tags, one": "genres has 'g3'",
    "tags, all of two": "genres has all ['g3', 'g4']",
    "no value": "market is null",
    "id, a range": "id < 500000",
    "id, a tenth of all": "not id in $heard",
    "three with and, or, not": "year > 1990 and not (explicit or market = 'm7')",
}
_MOST_MICROSECONDS = 1000  # of a test of a million values in a column
_MOST_BESIDE = 0.25  # bytes a row beside a number: who has one, and chunks


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = claims.parser(__doc__)
    add = parser.add_argument
    add("--rows", type=int, default=_ROWS)
    add("--repetitions", type=int, default=15, help="of tests and changes; medians count")
    options = parser.parse_args(arguments)
    claim = claims.Claim("columns", measure, table, verdicts, least={"rows": _ROWS})
    return claims.show(claim, options)


def made_columns(rows: int, seed: int = 1) -> Json:
    """Make eight columns from a seed."""
    rng = np.random.default_rng(seed)
    missing = rng.random(rows) < 0.1
    genres = np.array([f"g{i}" for i in range(_GENRES)], dtype=object)
    drawn, counts = genres[rng.integers(0, _GENRES, (rows, 3))], rng.integers(0, 4, rows)
    artists = rng.integers(0, _ARTISTS, rows)
    return {
        "explicit": np.ma.MaskedArray(rng.random(rows) < 0.2, missing),
        "year": np.ma.MaskedArray(rng.integers(1960, 2025, rows).astype(np.int16), missing),
        "plays": np.ma.MaskedArray(rng.integers(0, 10**6, rows), missing),
        "rating": np.ma.MaskedArray(rng.random(rows, dtype=np.float32) * 5, missing),
        "released": np.ma.MaskedArray(
            rng.integers(0, 1_700_000_000, rows).astype("M8[s]").astype("M8[us]"), missing
        ),
        "market": [None if gone else f"m{i % 60}" for i, gone in enumerate(missing)],
        "artist": [f"artist {i}" for i in artists.tolist()],
        "genres": [row[:n].tolist() for row, n in zip(drawn, counts.tolist(), strict=True)],
    }


def measure(options: argparse.Namespace) -> Json:
    """Give bytes and seconds of all that columns take."""
    rows = options.rows
    vectors = np.random.default_rng(0).normal(size=(rows, _D)).astype(np.float32)
    say(f"{rows:,} rows: columns are made ...")
    columns = made_columns(rows)
    plain, described = _new(), _new()
    say("rows are added without columns, and with them ...")
    adding = {
        "without": _seconds(lambda: plain.add_items(vectors, num_threads=1)),
        "with": _seconds(lambda: described.add_items(vectors, num_threads=1, columns=columns)),
    }
    ids = described.ids
    setting = {
        name: _seconds(lambda name=name: described.set_columns(ids, {name: columns[name]}))
        for name in columns
    }
    reading = {
        name: _seconds(lambda name=name: described.get_columns(ids, [name])) for name in columns
    }
    say("tests ...")
    params = {
        "markets": [f"m{i}" for i in range(20)],
        "artists": [f"artist {i}" for i in range(1000)],
        "heard": nf.IdSet(range(0, rows, 10)),
    }
    tests = {name: _test(described, where, params, options) for name, where in _TESTS.items()}
    say("files, and changes beside queries ...")
    return {
        "num_bytes": {name: info.num_bytes for name, info in described.columns.items()},
        "adding": adding,
        "setting": setting,
        "reading": reading,
        "tests": tests,
        "files": {"without": _files(plain), "with": _files(described)},
        "changes": _changes(described, vectors[0], options),
    }


def _new() -> nf.Index:
    return nf.Index("euclidean", _D, M=2, ef_construction=2)


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _test(index: nf.Index, where: str, params: Json, options: argparse.Namespace) -> Json:
    """Give seconds of reading a condition and of evaluating it, and what passes."""
    given = {name: value for name, value in params.items() if f"${name}" in where} or None
    reading, evaluating = [], []
    for _ in range(options.repetitions):
        begin = time.perf_counter()
        compiled = index.compile(where, given)
        reading.append(time.perf_counter() - begin)
        evaluating.append(_seconds(lambda compiled=compiled: compiled.count))
    return {
        "reading": median(reading),
        "evaluating": median(evaluating),
        "passing": compiled.count,
    }


def _files(index: nf.Index) -> Json:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "columns.nf"
        index.save(path)
        nf.load(path)  # both once before, so that disk and memory are ready
        return {
            "save": _seconds(lambda: index.save(path)),
            "read": _seconds(lambda: nf.load(path)),
            "map": _seconds(lambda: nf.load(path, mmap=True)),
            "bytes": path.stat().st_size,
        }


def _changes(index: nf.Index, query: Any, options: argparse.Namespace) -> Json:
    """Give seconds of a change of one and of a thousand vectors, alone and beside queries.

    These have a compiled condition: after each change what passes is found anew.
    """
    rows, rng = options.rows, np.random.default_rng(3)
    where = index.compile("year > 1990")
    stop, asked = threading.Event(), []

    def ask() -> None:
        while not stop.is_set():
            asked.append(_seconds(lambda: index.query(query, 10, where=where)))

    def change(n: int) -> float:
        some = rng.choice(rows, n, replace=False)
        values = {"plays": np.arange(n)}
        return _seconds(lambda: index.set_columns(some, values))

    sizes = (1, 1000)
    alone = {str(n): median(change(n) for _ in range(options.repetitions)) for n in sizes}
    unchanged = median(
        _seconds(lambda: index.query(query, 10, where=where)) for _ in range(options.repetitions)
    )
    thread = threading.Thread(target=ask)
    thread.start()
    beside = {}
    for n in sizes:
        took = []
        for _ in range(options.repetitions):
            took.append(change(n))
            time.sleep(0.01)
        beside[str(n)] = median(took)
    stop.set()
    thread.join()
    return {
        "alone": alone,
        "beside": beside,
        "query": unchanged,
        "query_beside": median(asked),
    }


def table(result: Json) -> str:
    """Table columns, tests, files and changes."""
    measured, rows = result["measured"], result["settings"]["rows"]
    columns = [
        [
            name,
            f"{measured['num_bytes'][name] / rows:.2f}",
            f"{measured['setting'][name]:.2f}",
            f"{measured['reading'][name]:.2f}",
        ]
        for name in measured["num_bytes"]
    ]
    tests = [
        [
            f"{name}: `{_TESTS.get(name, '')}`",
            f"{1e6 * test['evaluating']:,.0f}",
            f"{1e6 * test['reading']:,.0f}",
            f"{test['passing'] / rows:.1%}",
        ]
        for name, test in measured["tests"].items()
    ]
    files = [
        [
            name,
            f"{each['bytes'] / 2**20:,.0f}",
            f"{measured['adding'][name]:.1f}",
            *(f"{1e3 * each[way]:,.0f}" for way in ("save", "read", "map")),
        ]
        for name, each in measured["files"].items()
    ]
    changes = measured["changes"]
    each_way = {f"a change, vectors: {n}": (changes["alone"][n], changes["beside"][n])
                for n in changes["alone"]}  # fmt: skip
    each_way["a query with a condition"] = changes["query"], changes["query_beside"]
    lines = [[name, *(f"{1e6 * one:,.0f}" for one in both)] for name, both in each_way.items()]
    heads = (
        ["column", "bytes a row", "seconds to set", "to read"],
        ["test", "us to evaluate", "to read", "passing"],
        ["columns", "file, MiB", "seconds to add", "ms to save", "to read", "to map"],
        ["", "alone, us", "beside the other, us"],
    )
    parts = zip(heads, (columns, tests, files, lines), strict=True)
    return f"{rows:,} rows\n\n" + "\n\n".join(markdown(head, part, 1) for head, part in parts)


def verdicts(result: Json) -> list[Verdict]:
    """Judge what is beside the values, and the tests of columns."""
    measured, rows = result["measured"], result["settings"]["rows"]
    most = max(measured["num_bytes"][name] / rows - width for name, width in _WIDTHS.items())
    of_columns = {
        name: test for name, test in measured["tests"].items() if not name.startswith("id")
    }
    slowest = max(of_columns, key=lambda name: of_columns[name]["evaluating"])
    microseconds = 1e6 * of_columns[slowest]["evaluating"]
    return [
        at_most("bytes a row beside a number", most, _MOST_BESIDE, ""),
        at_most(f"the slowest test ({slowest})", microseconds, _MOST_MICROSECONDS, " us"),
    ]


if __name__ == "__main__":
    sys.exit(main())
