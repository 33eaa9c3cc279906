"""What each legal pair of storage and codes takes, and what it costs in recall.

    python benchmarks/pairs.py             # measure, 3 minutes; writes results/pairs/recall.json
    python benchmarks/pairs.py --readme    # put the table of what was measured into README.md

The pairs are those of the core (cpp/src/codes/pairs.cpp). Recall is that of the vectors that were
given, not of what the storage has made of them, so it says what rounding costs as well.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import data_sets
import nearfield as nf
import numpy as np
from nearfield import _core
from nearfield.spaces import CODES

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "pairs" / "recall.json"
README = ROOT / "README.md"
BEGIN = "<!-- pairs: python benchmarks/pairs.py --readme -->\n"
END = "<!-- end of the pairs -->\n"

SETS = {"euclidean": "mnist", "inner_product": "lastfm", "cosine": "debian-minilm"}
ROWS, QUERIES, K, EF, M = 20_000, 500, 10, 100, 16
STORAGE_BYTES = {"Float32": 4.0, "Float16": 2.0, "Float8": 1.0, "E4M3": 1.0, "CodesOnly": 0.0}


class Pair(NamedTuple):
    """A storage and the codes beside it, and the spaces that they serve."""

    storage: str
    codes: str
    spaces: tuple[str, ...]

    @property
    def bytes_per_dimension(self) -> float:
        """Of vectors and codes together, padding aside."""
        return STORAGE_BYTES[self.storage] + CODES[self.codes] / 8


def legal_pairs() -> list[Pair]:
    """The table of the core."""
    names = {number: name for name, number in CODES.items()}
    return [
        Pair(
            nf.StorageDataType(storage).name,
            names[codes],
            tuple(space for space, serves in zip(SETS, served, strict=True) if serves),
        )
        for storage, codes, *served in _core.legal_pairs()
    ]


def scaled(data: data_sets.DataSet) -> data_sets.DataSet:
    """Within the range of every storage; what is near stays so, products but for a factor."""
    factor = np.float32(1 / np.abs(data.base).max())
    return data_sets.DataSet(data.name, data.space, data.base * factor, data.queries * factor)


def recall_of(pair: Pair, space: str, data: data_sets.DataSet) -> float:
    """Recall of the vectors that were given."""
    index = nf.Index(
        space,
        data.base.shape[1],
        M=M,
        storage_data_type=pair.storage,
        codes=pair.codes,  # type: ignore[arg-type]
    )
    index.add_items(data.base)
    found = index.query(data.queries, k=K, query_ef=EF)
    return round(float(data.recalls(found.ids, K).mean()), 3)


def measured(folder: Path) -> dict[str, Any]:
    """Measure every pair in every space that it serves."""
    recalls: dict[str, dict[str, float]] = {}
    shapes = {}
    for space, name in SETS.items():
        data = scaled(data_sets.load(name, folder).subset(ROWS, QUERIES))
        shapes[space] = [name, *data.base.shape, len(data.queries)]
        for pair in legal_pairs():
            if space in pair.spaces:
                key = f"{pair.storage} {pair.codes}"
                recalls.setdefault(key, {})[space] = recall_of(pair, space, data)
                sys.stderr.write(f"{space} {key} {recalls[key][space]}\n")
    return {"sets": shapes, "recalls": recalls, "nearfield": nf.__version__}


def table(result: dict[str, Any]) -> str:
    """The pairs of the core with what was measured of them, as Markdown."""
    lines = ["| storage | codes | bytes a dimension | euclidean | inner product | cosine |"]
    lines.append("| --- | --- | ---: | ---: | ---: | ---: |")
    for pair in sorted(legal_pairs(), key=lambda p: -p.bytes_per_dimension):
        recalls = result["recalls"][f"{pair.storage} {pair.codes}"]
        cells = [f"{recalls[space]:.3f}" if space in pair.spaces else "refused" for space in SETS]
        taken = f"{pair.bytes_per_dimension:g}"
        lines.append(f"| {pair.storage} | {pair.codes} | {taken} | {' | '.join(cells)} |")
    of = ", ".join(
        f"{name} ({rows:,} x {width}, {space.replace('_', ' ')})"
        for space, (name, rows, width, _) in result["sets"].items()
    )
    lines.append(f"\nRecall@{K} of the given vectors at `query_ef` {EF}, M={M}: {of}.\n")
    return "\n".join(lines)


def parts(text: str) -> Iterator[str]:
    """What stands before, between and behind the markers."""
    before, rest = text.split(BEGIN)
    between, behind = rest.split(END)
    yield from (before, between, behind)


def main() -> None:
    """Measure, or write what was measured into README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readme", action="store_true")
    parser.add_argument("--data-dir", type=Path, default=data_sets.DATA_DIR)
    options = parser.parse_args()
    if options.readme:
        before, _, behind = parts(README.read_text(encoding="utf-8"))
        made = table(json.loads(RESULT.read_text(encoding="utf-8")))
        README.write_text(f"{before}{BEGIN}\n{made}\n{END}{behind}", encoding="utf-8")
        return
    result = measured(options.data_dir)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(table(result))


if __name__ == "__main__":
    main()
