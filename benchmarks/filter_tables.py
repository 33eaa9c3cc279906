"""The comparison under filters as tables."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from filter_cells import shown
from filter_field import BITSET, CALLABLE, DEFAULT, EXACT, FAISS, NEARFIELD, SINGLE, WAYS
from filter_figures import name_of, ratios, ready_ratio, seconds, user_ratios
from filter_users import HNSWLIB, NEAR, THREADS
from report import markdown

Json = dict[str, Any]
_OTHERS = (BITSET, CALLABLE, FAISS, EXACT)
_SHOWN = (NEARFIELD, DEFAULT, SINGLE, EXACT, BITSET, CALLABLE, FAISS)
_BRIEF = {NEARFIELD: NEARFIELD, BITSET: "bitset", CALLABLE: "callable", FAISS: "faiss"}
_BRIEF |= {EXACT: "exact"}
_FORMS = ("allow", "exclude", "mask", "single", "batch")


def table(result: Json) -> str:
    """Give speeds and ratios, answers at defaults, beams, waits, what making sets costs; users."""
    measured, settings = result["measured"], result["settings"]
    cells = measured["cells"]
    data = measured["data"]
    said = f"{data['name']}: {data['rows']:,} x {data['dimensions']}, {data['space']}; k=10, one "
    said += f"thread; each engine at its smallest beam with recall@10 .95; {settings['rounds']} "
    said += f"rounds in turns, {settings['clock']} clock"
    parts = [said]
    if cells:
        parts += [
            "### Queries a second",
            markdown(["filter", "allowed", "queries", *_speed_head()], [*map(_speeds, cells)], 1),
            "`-`: recall .95 is reached at no beam (the highest recall behind it), or not timed. "
            "nearfield looks sets up in its calls, which the others do not; `ready` is the ratio "
            "without that.",
            "### nearfield without a beam named",
            markdown(_DEFAULT_HEAD, [*map(_defaults, cells)], 2),
            "### Beam, recall and distances of a query",
            markdown(_BEAM_HEAD, [*map(_beams, cells)], 1),
            "### Milliseconds of a single call",
            markdown(["filter", *_WAIT_HEAD], [*map(_waits, cells)], 1),
            "### Microseconds of making a set and of looking it up in a call",
            markdown(_COMPILE_HEAD, [*map(_compiled, cells)], 1),
        ]
    if measured["users"]:
        parts += ["### Many users, each with a set of their own", *_users(measured["users"])]
    notes = [f"- {name} {it['version']}: {it['note']}" for name, it in measured["engines"].items()]
    notes += [f"- {name} is missing: {why}" for name, why in measured["missing"].items()]
    notes += [f"- FAILED: {each}" for each in dict.fromkeys(_failures(cells))]
    return "\n\n".join([*parts, "\n".join(notes)])


def _failures(cells: list[Json]) -> Iterator[str]:
    for cell in cells:
        for way, seen in cell["ways"].items():
            if seen["failed"]:
                yield f"{way} in {name_of(cell)}: {seen['failed']}"


def _speed_head() -> list[str]:
    names = [NEARFIELD, *(way.partition(", ")[2] for way in (DEFAULT, SINGLE, EXACT))]
    return [
        *names,
        BITSET,
        CALLABLE,
        FAISS,
        *(f"by {_BRIEF[name]}" for name in _OTHERS),
        "ready, by bitset",
    ]


def _speeds(cell: Json) -> list[str]:
    speeds = [_speed(cell, way) for way in _SHOWN]
    by = [_spread(ratios(cell, way)) for way in _OTHERS]
    ready = ready_ratio(cell, BITSET)
    first = [name_of(cell), f"{cell['allowed']:,.0f}", f"{cell['queries']:,}"]
    return [*first, *speeds, *by, f"{ready:,.1f}" if ready else "-"]


def _speed(cell: Json, way: str) -> str:
    took = seconds(cell, way)
    if took:
        return f"{1 / took:,.0f}"
    most = cell["ways"].get(way, {}).get("most")
    return "-" if most is None else f"- ({most:.2f})"


def _spread(each: list[float]) -> str:
    """Give median and range, with as many digits as they are worth."""
    if not each:
        return "-"
    digits = 2 if median(each) < 10 else 0
    return f"{median(each):,.{digits}f} ({min(each):,.{digits}f}-{max(each):,.{digits}f})"


_DEFAULT_HEAD = ["filter", "plans", "ef", "recall", "distances", "again", "by allowed", "gave up"]
_DEFAULT_HEAD += ["violations", "short"]


def _defaults(cell: Json) -> list[str]:
    seen = cell["default"]
    if "plans" not in seen:
        return [name_of(cell), *["-"] * (len(_DEFAULT_HEAD) - 1)]
    plans = ", ".join(
        name if count == cell["queries"] else f"{count} {name}"
        for name, count in sorted(seen["plans"].items(), key=lambda item: -item[1])
    )
    cost = seen["distances"] + seen["again"]
    by = f"{cost / cell['allowed']:.3f}" if cell["allowed"] else "-"
    told = [f"{seen['ef']}", f"{seen['recall']:.4f}", f"{seen['distances']:,.0f}"]
    told += [f"{seen['again']:,.0f}", by, str(seen["fell_back"])]
    return [name_of(cell), plans, *told, str(seen["violations"]), str(seen["short"])]


_BEAM_WAYS = (NEARFIELD, BITSET, FAISS)
_BEAM_HEAD = ["filter"]
_BEAM_HEAD += [f"{_BRIEF[way]} {what}" for way in _BEAM_WAYS for what in ("ef", "recall", "dist.")]


def _beams(cell: Json) -> list[str]:
    out = [name_of(cell)]
    for way in _BEAM_WAYS:
        seen = cell["ways"].get(way, {})
        if seen.get("recall") is None:
            out += ["-"] * 3
        else:
            far = f"{seen['distances']:,.0f}" if "distances" in seen else "-"
            out += [f"{seen['ef']:,}", f"{seen['recall']:.4f}", far]
    return out


_WAITS = [way.name for way in WAYS if way.mode == "single"]
_WAIT_HEAD = [
    f"{name.partition(', a ')[0]} {quantile}"
    for name in _WAITS
    for quantile in ("p50", "p95", "p99")
]


def _waits(cell: Json) -> list[str]:
    out = [name_of(cell)]
    for way in _WAITS:
        found = cell["ways"].get(way, {}).get("quantiles", {})
        out += [f"{1e3 * found[q]:.3f}" if found else "-" for q in ("p50", "p95", "p99")]
    return out


_COMPILE_HEAD = ["filter", "ids", "IdSet(ids)", "in a call: allow=", "exclude=", "mask"]
_COMPILE_HEAD += ["as asked here", "the same, of a batch", "hnswlib's bitset"]


def _compiled(cell: Json) -> list[str]:
    ours = cell["compile"].get(NEARFIELD, {})
    theirs = cell["compile"].get(HNSWLIB, {})
    ids = min(cell["allowed"], cell["rows"] - cell["allowed"])
    figures = [ours.get("make"), *(ours.get(form) for form in _FORMS), theirs.get("make")]
    shown_figures = ["-" if each is None else f"{1e6 * each:,.1f}" for each in figures]
    return [name_of(cell), shown(round(ids)), *shown_figures]


def _users(users: Json) -> list[str]:
    modes = [mode for mode in THREADS if mode in users["kinds"][NEAR]]
    head = ["sets", "distances"]
    for what in ("queries/s", "by one shared set", "the same by distances"):
        head += [f"{what}, threads: {THREADS[mode]}" for mode in modes]
    by: dict[str, list[str]] = {}
    for kind, _, each, _more in user_ratios(users):
        by.setdefault(kind, []).append(_spread(each))
    for kind, _, each, more in user_ratios(users):
        by[kind].append(_spread([more * ratio for ratio in each]))
    lines = []
    for kind, seen in users["kinds"].items():
        speeds = [f"{1 / median(seen[mode]):,.0f}" if seen[mode] else "-" for mode in modes]
        far = f"{seen['distances']:,.0f}" if "distances" in seen else "-"
        lines.append([kind, far, *speeds, *by.get(kind, ["-"] * 2 * len(modes))])
    told = users["recall"] if "recall" in users else {"recall": float("nan")}
    said = f"{users['users']:,} users, {users['heard']:,.0f} ids each; recall {told['recall']:.4f}"
    said += f", violations {told.get('violations', '-')}, short {told.get('short', '-')}."
    took = users[HNSWLIB]["seconds"]
    if took:
        each = [a / b for a, b in zip(took, users["kinds"][NEAR]["batch"], strict=False)]
        said += " hnswlib, whose bits are set and taken back for each query (ef "
        said += f"{users[HNSWLIB]['ef']}, recall {users[HNSWLIB]['recall']:.4f}): "
        said += (
            f"{1 / median(took):,.0f} queries/s; nearfield on one thread by that: {_spread(each)}"
        )
    return [markdown(head, lines, 1), said]
