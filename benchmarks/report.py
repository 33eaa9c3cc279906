"""A result as tables for people, a drawing, and the verdict of the gates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curves import SUBJECT

Json = dict[str, Any]

# What a release must show at recall .95, single thread, float32, equal M and ef_construction.
GATE_RECALL = "0.95"
GATE_RATIOS = {"hnswlib": 1.3, "voyager": 2.0}
GATE_RECALL_DIFFERENCE = -0.002  # at every ef, to hnswlib
GATE_BUILD = 1.0  # of hnswlib's time


def markdown_table(result: Json) -> str:
    """Give README's result table: queries/s at a recall, ratios, builds, and the conditions."""
    peers = [name for name in result["engines"] if name != SUBJECT]
    ours = [SUBJECT] if SUBJECT in result["engines"] else []
    head = ["data", "calls", "recall@" + str(result["settings"]["k"]), *ours, *peers]
    head += [f"/ {peer}" for peer in peers if ours]
    rows = []
    for name, run in result["runs"].items():
        for mode, by_recall in run["at_recall"].items():
            for recall, row in by_recall.items():
                cells = [_speed(row["qps"].get(engine)) for engine in [*ours, *peers]]
                ratios = [_ratio(row["ratio"].get(peer)) for peer in peers if ours]
                rows.append([name, mode, recall.lstrip("0"), *cells, *ratios])
    return "\n".join(
        [_markdown(head, rows), "", *_builds(result), "", _footer(result), "", _legend(result)]
    )


def readme_table(result: Json) -> str:
    """Give README's table: nearfield's speed by each peer's, single calls, and the builds."""
    peers = [name for name in result["engines"] if name != SUBJECT]
    rows = []
    for name, run in result["runs"].items():
        for recall, row in run["at_recall"]["single"].items():
            ratios = [_ratio(row["ratio"].get(peer)) for peer in peers]
            rows.append([name, f"queries/s at recall@10 {recall.lstrip('0')}", *ratios])
        clock = f"{result['settings']['clock']}_seconds"
        ours = _median(run["builds"][SUBJECT][clock])
        theirs = [_median(run["builds"][peer][clock]) / ours for peer in peers]
        rows.append([name, "speed of building", *(f"{ratio:.2f}x" for ratio in theirs)])
    head = ["data", "nearfield's", *(f"by {peer}'s" for peer in peers)]
    legend = "One query a call, median (range); `*`: beyond that recall at the cheapest setting."
    pictures = [
        f"![{name}: queries/s at a recall](benchmarks/results/{picture_name(result, name)})"
        for name in result["runs"]
    ]
    return "\n".join([_markdown(head, rows), "", f"{legend} {_footer(result)}", "", *pictures])


def stem(result: Json) -> str:
    """Name the files of a result by date and commit."""
    machine = result["machine"]
    stamp = machine["date"][:19].replace(":", "").replace("-", "")
    return f"{stamp}-{(machine['git'] or 'unknown').rstrip('+')}"


def picture_name(result: Json, data: str) -> str:
    """Name the drawing of one data set."""
    return f"{stem(result)}-{data.split()[0]}.png"


def verdicts(result: Json) -> list[tuple[str, bool]]:
    """Judge a result by the gates; what was not measured has failed."""
    out = []
    for name, run in result["runs"].items():
        for mode, by_recall in run["at_recall"].items():
            for peer, least in GATE_RATIOS.items():
                ratio = by_recall[GATE_RECALL]["ratio"].get(peer)
                value = ratio["value"] if ratio else 0.0
                text = f"{name}, {mode}, recall {GATE_RECALL}: {value:.2f}x {peer}, least {least}x"
                out.append((text, value >= least))
        differences = run["recall_difference"]
        for ef, difference in differences.items():
            text = f"{name}: recall at ef={ef} minus hnswlib's: {_difference(difference)}"
            passed = difference["value"] >= GATE_RECALL_DIFFERENCE
            out.append((f"{text}, least {GATE_RECALL_DIFFERENCE}", passed))
        if not differences:
            out.append((f"{name}: recall was not compared with hnswlib's", False))
        share = _build_share(run, result["settings"]["clock"])
        text = f"{name}: build takes {share:.2f} of hnswlib's time, most {GATE_BUILD}"
        out.append((text, share <= GATE_BUILD))
    return out


def draw(name: str, run: Json, result: Json, path: Path) -> None:
    """Draw queries/s against recall, one line an engine, single calls beside batches."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(11, 4.5), sharey=True, layout="constrained")
    for panel, mode in zip(panels, ("single", "batch"), strict=True):
        for number, (engine, by_mode) in enumerate(run["curves"].items()):
            points = by_mode[mode]
            panel.plot(
                [point["recall"] for point in points],
                [point["qps"] for point in points],
                marker="os^Dv"[number % 5],
                markersize=4,
                linewidth=2.2 if engine == SUBJECT else 1.3,
                label=f"{engine} {result['engines'][engine]['version']}",
            )
        panel.set_yscale("log")
        panel.set_xlim(0.75, 1.005)  # nobody chooses between engines further left
        panel.set_title("one query a call" if mode == "single" else "all queries in one call")
        panel.set_xlabel(f"recall@{result['settings']['k']}")
        panel.grid(which="both", alpha=0.25)
    panels[0].set_ylabel("queries per second")
    panels[1].legend()
    settings, machine = result["settings"], result["machine"]
    figure.suptitle(
        f"{name}: M={settings['M']}, ef_construction={settings['ef_construction']}, "
        f"{settings['threads']} thread(s), {machine['cpu']}, {machine['simd']}",
        fontsize=10,
    )
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _speed(at: Json | None) -> str:
    return "-" if at is None else f"{at['value']:,.0f}{'*' if at['beyond'] else ''}"


def _ratio(ratio: Json | None) -> str:
    if ratio is None:
        return "-"
    star = "*" if ratio["beyond"] else ""
    return f"{ratio['value']:.2f}x{star} ({ratio['lowest']:.2f}-{ratio['highest']:.2f})"


def _difference(difference: Json) -> str:
    return f"{difference['value']:+.4f} (s.e. {difference['standard_error']:.4f})"


def _builds(result: Json) -> list[str]:
    """Table build times and recall at the default beam, where they were measured."""
    head = ["data", "engine", "build, s", "of them CPU, s", "recall at the smallest ef"]
    head += ["minus hnswlib's", "worst of all ef"]
    rows = []
    for name, run in result["runs"].items():
        for engine, by_mode in run["curves"].items():
            times = run["builds"].get(engine)
            wall, cpu = (
                (f"{_median(times[key]):.1f}" if times else "-")
                for key in ("wall_seconds", "cpu_seconds")
            )
            first = by_mode["single"][0] if by_mode["single"] else None
            recall = f"{first['recall']:.4f} (ef={first['ef']})" if first else "-"
            row = [name, engine, wall, cpu, recall, "-", "-"]
            differences = list(run["recall_difference"].values())
            if engine == SUBJECT and differences:
                worst = min(differences, key=lambda difference: float(difference["value"]))
                row[-2:] = _difference(differences[0]), _difference(worst)
            rows.append(row)
    return [_markdown(head, rows)]


def _footer(result: Json) -> str:
    machine, settings = result["machine"], result["settings"]
    engines = ", ".join(f"{name} {about['version']}" for name, about in result["engines"].items())
    data = ", ".join(
        f"{name} {about['rows']:,} x {about['dimensions']} {about['space']}, "
        f"{about['queries']:,} queries"
        for name, about in result["data"].items()
    )
    busy = max((run["busyness"] for run in result["runs"].values()), default=1.0)
    return (
        f"{data}. M={settings['M']}, ef_construction={settings['ef_construction']}, "
        f"{settings['threads']} thread(s), medians of {settings['repetitions']} interleaved "
        f"repetitions, {settings['clock']} clock. {engines}. {machine['cpu']}, "
        f"SIMD level {machine['simd']}, {machine['compiler'] or 'compiler unknown'}, Python "
        f"{machine['python']}, commit {machine['git']}, {machine['date'][:10]}. Wall / CPU time: "
        f"{busy:.2f}{' (the machine was not idle)' if busy > 1.05 else ''}."
    )


def _legend(result: Json) -> str:
    text = "Engine columns: queries/s. Ratios: nearfield's speed by the peer's, median (range)."
    text += " `*`: beyond that recall at the cheapest setting. `-`: not reached or not measured."
    failures = [f"{k}: {v}" for run in result["runs"].values() for k, v in run["failures"].items()]
    gone = [f"{name}: {why}" for name, why in result["missing"].items()]
    return " ".join([text, *(f"Left out: {why}." for why in [*gone, *failures])])


def _build_share(run: Json, clock: str) -> float:
    if SUBJECT not in run["builds"] or "hnswlib" not in run["builds"]:
        return float("inf")
    ours, theirs = (_median(run["builds"][e][f"{clock}_seconds"]) for e in (SUBJECT, "hnswlib"))
    return ours / theirs


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * 2 + ["---:"] * (len(head) - 2), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
