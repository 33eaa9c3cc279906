"""The comparison under filters as a picture: speeds, recall and distances by what passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from filter_field import FAISS_SINGLE, WAYS
from filter_figures import seconds
from filter_run import BY_ALLOWED

Json = dict[str, Any]
_RECALL = 0.95
_TITLES = {"random": "random rows pass", "nearest": "those near to the query"}
_TITLES |= {"furthest": "those far from it"}


def draw(result: Json, path: Path) -> None:
    """Draw a column for each kind of filter that has a pass ratio."""
    from drawing import Panel, draw_panels

    measured = result["measured"]
    kinds: dict[str, list[Json]] = {}
    for cell in measured["cells"]:
        if cell["workload"] in ("W1", "W2"):
            kinds.setdefault(cell["kind"], []).append(cell)
    if not kinds:
        return
    rows: list[list[Panel]] = [[], [], []]
    across = "part of the rows that passes"
    for kind, cells in kinds.items():
        first, _, group = kind.partition(" ")
        title = _TITLES[first] + (f", by {group}" if group else "")
        speeds = {way.name: _points(cells, way.name) for way in WAYS if way.name != FAISS_SINGLE}
        speeds = {name: points for name, points in speeds.items() if points}
        rows[0].append(Panel(title, across, "queries/s", speeds, logarithmic="xy"))
        recalls = [
            (cell["size"], cell["default"]["recall"])
            for cell in cells
            if "recall" in cell["default"]
        ]
        recall = {"nearfield": recalls}
        rows[1].append(Panel("", across, "recall@10 at defaults", recall, _RECALL, "x"))
        costs = [
            (
                cell["size"],
                (cell["default"]["distances"] + cell["default"]["again"]) / cell["allowed"],
            )
            for cell in cells
            if "distances" in cell["default"]
        ]
        up = "distances by what is allowed"
        rows[2].append(Panel("", across, up, {"nearfield": costs}, BY_ALLOWED, "xy"))
    data, machine = measured["data"], result["machine"]
    title = f"{data['name']}: {data['rows']:,} x {data['dimensions']}, {data['space']}; recall@10 "
    draw_panels(rows, f"{title}.95, one thread; {machine['cpu']}", path)


def _points(cells: list[Json], way: str) -> list[tuple[float, float]]:
    found = [(cell["size"], seconds(cell, way)) for cell in cells]
    return [(size, 1 / took) for size, took in found if took]
