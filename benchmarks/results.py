"""A run as JSON: the curves, and all that follows from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from bench import REFERENCES, Bench, Settings
from curves import busyness, recall_differences, summarize
from engines import library_of
from machine import fingerprint, versions
from measure import Run, hits_at_equal_ef, look_of
from report import picture_name, stem
from turns import by_repetition, paced

Json = dict[str, Any]


def begin(settings: Settings, quick: bool, missing: Mapping[str, str]) -> Json:
    """Give a result without measurements."""
    return {
        "format": 2,
        "machine": fingerprint() | versions("faiss-cpu", "matplotlib"),
        "settings": asdict(settings) | {"quick": quick},
        "engines": {},
        "missing": dict(missing),
        "data": {},
        "runs": {},
    }


def add(result: Json, bench: Bench, out: Run) -> None:
    """Put the run on one data set into the result."""
    data, modes = bench.data, bench.settings.modes
    for variant in out.builds:
        about = bench.about(variant)
        result["engines"][variant] = {
            "version": about["version"],
            "note": about["note"],
            "library": library_of(variant),
        }
    found = curves(bench, out)
    result["data"][data.name] = {
        "hash": data.digest,
        "rows": len(data.base),
        "dimensions": data.base.shape[1],
        "queries": len(data.queries),
        "space": data.space,
        "raw_bytes": data.base.nbytes,
    }
    result["runs"][data.name] = {
        "builds": out.builds,
        "memory": {
            name: {key: seen[key] for key in ("open_seconds", "resident_bytes")}
            for name, seen in out.scouted.items()
        },
        "groups": out.groups,
        "curves": found,
        "failures": out.failures,
        "at_recall": summarize(found, modes),
        "recall_difference": recall_differences(hits_at_equal_ef(out, bench.settings.k)),
        "two_threads": out.pairs,
        "interleaving": out.turns_of_walks,
        "busyness": busyness(found),
    }


def curves(bench: Bench, out: Run) -> dict[str, dict[str, list[Json]]]:
    """Give each variant's points by mode, speeds at the references' usual pace."""
    settings = bench.settings
    seconds = {clock: by_repetition(turns) for clock, turns in out.turns.items()}
    even = by_repetition(paced(out.turns[settings.clock], REFERENCES))
    found: dict[str, dict[str, list[Json]]] = defaultdict(lambda: {m: [] for m in settings.modes})
    for key, times in even.items():
        variant, mode, place = key
        seen = out.scouted[variant]
        speeds = [len(bench.data.queries) / time for time in times]
        found[variant][mode].append(
            {
                "setting": seen["settings"][place],
                "recall": look_of(seen, mode, place).recall,
                "wall_seconds": seconds["wall"][key],
                "cpu_seconds": seconds["cpu"][key],
                "qps": float(np.median(speeds)),
                "qps_each": speeds,
            }
        )
    return {name: found[name] for name in out.scouted if name in found}


def write(result: Json, folder: Path) -> list[str]:
    """Write the JSON and a drawing per data set, named by date and commit; tell what was done."""
    import json

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem(result)}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    said = [f"wrote {path}"]
    try:
        from drawing import draw
    except ImportError as error:
        return [*said, f"no drawing: {error}; pip install 'nearfield[plot]'"]
    for name, run in result["runs"].items():
        picture = folder / picture_name(result, name)
        draw(name, run, result, picture)
        said.append(f"wrote {picture}")
    return said
