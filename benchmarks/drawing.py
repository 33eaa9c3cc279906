"""A picture of a run: queries/s against recall, one line a library, one panel a mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.ticker
from curves import SUBJECT, frontier
from engines import library_of

mpl.use("Agg")
import matplotlib.pyplot as plt  # after the backend is chosen

Json = dict[str, Any]
_TITLES = {
    "single": "one query a call, one thread",
    "batch1": "all queries in one call, one thread",
    "batch2": "all queries in one call, two threads",
}


class Panel(NamedTuple):
    """One panel of `draw_panels`: lines of (x, y) by name, and where the gate is."""

    title: str
    across: str
    up: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    limit: float | None = None
    logarithmic: str = ""  # the axes that are: "x", "y" or both


def draw(name: str, run: Json, result: Json, path: Path) -> None:
    """Draw the front of each library's variants, the subject's line thicker."""
    modes = list(run["at_recall"])
    width = 5.5 * len(modes)
    figure, panels = plt.subplots(
        1, len(modes), figsize=(width, 4.8), sharey=True, layout="constrained", squeeze=False
    )
    for panel, mode in zip(panels[0], modes, strict=True):
        for number, (library, points) in enumerate(fronts(run["curves"], mode).items()):
            panel.plot(
                [recall for recall, _ in points],
                [qps for _, qps in points],
                marker="os^DvPX<>*"[number % 10],
                markersize=4,
                linewidth=2.4 if library == SUBJECT else 1.2,
                label=library,
            )
        panel.set_yscale("log")
        panel.set_xlim(0.8, 1.003)
        panel.set_title(_TITLES.get(mode, mode), fontsize=10)
        panel.set_xlabel(f"recall@{result['settings']['k']}")
        panel.grid(which="both", alpha=0.25)
    panels[0][0].set_ylabel("queries per second")
    panels[0][-1].legend(fontsize=8)
    machine, data = result["machine"], result["data"][name]
    figure.suptitle(
        f"{name}: {data['rows']:,} x {data['dimensions']}, {data['space']}; each library's best "
        f"variant; {machine['cpu']}",
        fontsize=10,
    )
    figure.savefig(path, dpi=120)
    plt.close(figure)


def fronts(curves: dict[str, dict[str, list[Json]]], mode: str) -> dict[str, list[Any]]:
    """Give, by library, the points that no other of its variants beats."""
    points: dict[str, list[tuple[float, float]]] = {}
    for variant, by_mode in curves.items():
        mine = points.setdefault(library_of(variant), [])
        mine += [(point["recall"], point["qps"]) for point in by_mode.get(mode, [])]
    return {library: frontier(each) for library, each in points.items() if each}


def draw_powers(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]], title: str, path: Path
) -> None:
    """Draw figures by size, a panel each, on scales where a power is a straight line."""
    figure, panels = plt.subplots(
        1, len(series), figsize=(4 * len(series), 3.6), layout="constrained", squeeze=False
    )
    for panel, (name, (sizes, figures)) in zip(panels[0], series.items(), strict=True):
        panel.plot(sizes, figures, marker="o")
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_title(name, fontsize=10)
        panel.set_xlabel("rows")
        panel.grid(which="both", alpha=0.25)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_panels(rows: Sequence[Sequence[Panel]], title: str, path: Path) -> None:
    """Draw panels in rows that share their vertical scale, the subject's line thicker."""
    shape = len(rows), max(len(row) for row in rows)
    size = (max(9.0, 4.6 * shape[1]), 3.8 * shape[0] + 0.8)
    figure, grid = plt.subplots(
        *shape, figsize=size, sharey="row", layout="constrained", squeeze=False
    )
    for axes, panel in zip(grid.flat, (panel for row in rows for panel in row), strict=True):
        for number, (name, points) in enumerate(panel.lines.items()):
            axes.plot(
                [x for x, _ in points],
                [y for _, y in points],
                marker="os^DvPX<>*"[number % 10],
                markersize=3,
                linewidth=2.4 if name.partition(",")[0] == SUBJECT else 1.2,
                label=name,
            )
        if panel.limit is not None:
            axes.axhline(panel.limit, color="grey", linestyle="--", linewidth=1, label="gate")
        for axis in panel.logarithmic:
            getattr(axes, f"set_{axis}scale")("log")
            low, high = getattr(axes, f"get_{axis}lim")()
            if high < 20 * low:  # powers of ten alone would leave no figure to read
                for part in ("major", "minor"):
                    plain = mpl.ticker.StrMethodFormatter("{x:g}")
                    getattr(getattr(axes, f"{axis}axis"), f"set_{part}_formatter")(plain)
        axes.set_title(panel.title, fontsize=10)
        axes.set_xlabel(panel.across)
        axes.grid(which="both", alpha=0.25)
    for row, panels in zip(grid, rows, strict=True):
        row[0].set_ylabel(panels[0].up)
    known = grid[0][0].get_legend_handles_labels()
    figure.legend(*known, loc="outside lower center", ncols=2 * shape[1] + 1, fontsize=9)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=120)
    plt.close(figure)
