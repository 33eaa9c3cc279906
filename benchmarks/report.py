"""A result as tables for people."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from curves import RECALLS, SUBJECT, qps_at

Json = dict[str, Any]


def markdown_table(result: Json) -> str:
    """Give all tables of a result: speeds, ratios, builds, memory, and the conditions."""
    parts: list[str] = []
    for name, run in result["runs"].items():
        for mode in run["at_recall"]:
            parts += [f"### {name}, {mode}: queries/s", _speeds(run, mode), ""]
        parts += [f"### {name}: {SUBJECT}'s speed by each library's best", _ratios(run), ""]
        parts += _pairs(run)
        parts += [f"### {name}: builds, memory, files", _builds(run, result["data"][name]), ""]
    return "\n".join([*parts, _footer(result), "", _legend(result)])


def readme_table(*results: Json) -> str:
    """Give README's table: nearfield's speed by each library's, single calls, and the builds.

    A row names the codes or the storage of nearfield's best variant where that is not the default.
    Where two results have a data set, the later one speaks for it.
    """
    latest = {name: i for i, result in enumerate(results) for name in result["runs"]}
    engines = [about for result in results for about in result["engines"].items()]
    peers = list(dict.fromkeys(about.get("library", name) for name, about in engines))
    peers = [name for name in peers if name != SUBJECT]
    rows: list[list[str]] = []
    legends, pictures = [], []
    for i, result in enumerate(results):
        for name, run in result["runs"].items():
            if latest[name] != i:
                continue
            rows += _readme_rows(result, name, run, peers)
            picture = picture_name(result, name)
            pictures.append(f"![{name}: queries/s at a recall](benchmarks/results/{picture})")
        legends.append(_footer(result))
    head = ["data", f"{SUBJECT}'s by", *peers]
    legend = f"Above 1, {SUBJECT} is the faster. One query a call, median (range); `*`: beyond that"
    legend += " recall at the cheapest setting."
    parts = [markdown(head, rows), legend, *legends]
    return "\n\n".join([*parts, "\n".join(pictures)])


def _readme_rows(result: Json, name: str, run: Json, peers: list[str]) -> Iterator[list[str]]:
    for recall, row in run["at_recall"]["single"].items():
        label = f"queries/s at recall@{result['settings']['k']} {recall.lstrip('0')}"
        best = row.get("variant", {}).get(SUBJECT, SUBJECT)
        # Where a file is as long as the default's, the default's codes have been named.
        if _file_bytes(run, best) != _file_bytes(run, SUBJECT):
            label += f" ({best.partition('-')[2]})"
        yield [name, label, *(_ratio(row["ratio"].get(peer)) for peer in peers)]
    clock = f"{result['settings']['clock']}_seconds"
    shares = (_build_ratio(run["builds"], peer, clock) for peer in peers)
    yield [name, "speed of building", *shares]


def _file_bytes(run: Json, variant: str) -> int | None:
    return run["builds"].get(variant, {}).get("file_bytes")


def stem(result: Json) -> str:
    """Name the files of a result by date and commit."""
    machine = result["machine"]
    stamp = machine["date"][:19].replace(":", "").replace("-", "")
    return f"{stamp}-{(machine['git'] or 'unknown').rstrip('+')}"


def picture_name(result: Json, data: str) -> str:
    """Name the drawing of one data set."""
    return f"{stem(result)}-{data.split()[0]}.png"


def _speeds(run: Json, mode: str) -> str:
    """Table every variant, the fastest at .95 first."""
    rows = []
    for variant, by_mode in run["curves"].items():
        points = [(point["recall"], point["qps"]) for point in by_mode.get(mode, [])]
        found = [qps_at(points, recall) for recall in RECALLS]
        most = max((recall for recall, _ in points), default=0.0)
        cells = ["-" if at is None else f"{at[0]:,.0f}{'*' * at[1]}" for at in found]
        rows.append((found[1][0] if found[1] else 0.0, [variant, *cells, f"{most:.4f}"]))
    rows.sort(key=lambda row: -row[0])
    head = ["variant", *(f"{recall:.2f}".lstrip("0") for recall in RECALLS), "highest recall"]
    return markdown(head, [row for _, row in rows], texts=1)


def _ratios(run: Json) -> str:
    head = ["calls", "recall", "variant", "best peer", "by it"]
    peers = [name for name in _libraries(run) if name != SUBJECT]
    rows = []
    for mode, by_recall in run["at_recall"].items():
        for recall, row in by_recall.items():
            best = row.get("best_peer")
            mine = row.get("variant", {}).get(SUBJECT) or "-"
            cells = [_ratio(row["ratio"].get(peer)) for peer in peers]
            rows.append([mode, recall, mine, best or "-", _ratio(row["ratio"].get(best)), *cells])
    return markdown([*head, *(f"/ {peer}" for peer in peers)], rows, texts=4)


def _pairs(run: Json) -> Iterator[str]:
    """Say what taking turns and a second thread are worth, where it was measured."""
    for key, what in (
        ("interleaving", "on one thread by single calls"),
        ("two_threads", "on two threads by one"),
    ):
        if each := run.get(key):
            spread = f"{median(each):.2f}x ({min(each):.2f}-{max(each):.2f})"
            yield f"Batches {what}, median of {len(each)} pairs: {spread}\n"


def _libraries(run: Json) -> list[str]:
    row: Json = next(iter(next(iter(run["at_recall"].values())).values()))
    return list(row["qps"])


def _builds(run: Json, data: Json) -> str:
    """Table what an index costs; memory and file are parts of the raw vectors' size."""
    head = ["variant", "build, s", "CPU, s", "threads", "peak / raw", "resident / raw"]
    head += ["file / raw", "open, s"]
    raw = data["raw_bytes"] if "raw_bytes" in data else data["rows"] * data["dimensions"] * 4
    rows = []
    for variant, made in run["builds"].items():
        seen = run.get("memory", {}).get(variant, {})
        shares = [
            f"{part / raw:.2f}" if part is not None else "-"
            for part in (
                made.get("peak_bytes"),
                seen.get("resident_bytes"),
                made.get("file_bytes"),
            )
        ]
        seconds = [f"{median(made[clock]):.1f}" for clock in ("wall_seconds", "cpu_seconds")]
        opened = f"{seen['open_seconds']:.3f}" if seen else "-"
        earlier = " (earlier)" if made.get("earlier") else ""
        row = [variant + earlier, *seconds, str(made.get("threads", "-")), *shares, opened]
        rows.append(row)
    return markdown(head, rows, texts=1)


def _build_ratio(builds: Json, peer: str, clock: str) -> str:
    """Compare builds of one run on equal threads; others say nothing."""
    ours, theirs = builds.get(SUBJECT), builds.get(peer)
    if not ours or not theirs or ours.get("earlier") or theirs.get("earlier"):
        return "-"
    if ours.get("threads") != theirs.get("threads"):
        return "-"
    return f"{median(theirs[clock]) / median(ours[clock]):.2f}x"


def _ratio(ratio: Json | None) -> str:
    if ratio is None:
        return "-"
    star = "*" if ratio["beyond"] else ""
    return f"{ratio['value']:.2f}x{star} ({ratio['lowest']:.2f}-{ratio['highest']:.2f})"


def _footer(result: Json) -> str:
    machine = result["machine"]
    engines = ", ".join(
        f"{about.get('library', name)} {about['version']}"
        for name, about in result["engines"].items()
        if about.get("library", name) == name
    )
    data = ", ".join(
        f"{name} {about['rows']:,} x {about['dimensions']} {about['space']}, "
        f"{about['queries']:,} queries"
        for name, about in result["data"].items()
    )
    busy = max((run["busyness"] for run in result["runs"].values()), default=1.0)
    return (
        f"{data}. {', '.join(_conditions(result['settings']))}. {engines}. {machine['cpu']}, "
        f"SIMD level {machine['simd']}, {machine['compiler'] or 'compiler unknown'}, Python "
        f"{machine['python']}, commit {machine['git']}, {machine['date'][:10]}. Wall / CPU time: "
        f"{busy:.2f}{' (the machine was not idle)' if busy > 1.05 else ''}."
    )


def _conditions(settings: Json) -> Iterator[str]:
    if "M" in settings:  # of results that compared at equal parameters
        yield f"M={settings['M']}, ef_construction={settings['ef_construction']}"
        yield f"{settings['threads']} thread(s)"
    else:
        yield "Each library's best variant"
        yield f"builds on {settings['build_threads']} thread(s)"
    yield f"medians of {settings['repetitions']} interleaved repetitions"
    yield f"{settings['clock']} clock"


def _legend(result: Json) -> str:
    text = f"Ratios: {SUBJECT}'s speed by the other's, median (range). `*`: beyond that recall at"
    text += " the cheapest setting. `-`: not reached or not measured."
    notes = [f"{name}: {about['note']}" for name, about in result["engines"].items()]
    failures = [f"{k}: {v}" for run in result["runs"].values() for k, v in run["failures"].items()]
    gone = [f"{name}: {why}" for name, why in result["missing"].items()]
    left_out = (f"Left out: {why}." for why in dict.fromkeys([*gone, *failures]))
    return " ".join([text, "; ".join(notes) + ".", *left_out])


def markdown(head: list[str], rows: list[list[str]], texts: int = 2) -> str:
    """Give a table, the first columns text, the others figures."""
    lines = [head, ["---"] * texts + ["---:"] * (len(head) - texts), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
