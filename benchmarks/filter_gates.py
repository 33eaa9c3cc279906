"""What must be true under filters, and whether a result shows it: what was not measured fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

from filter_cells import HEARD_NEAR, RANDOM, RATIOS, shown
from filter_field import BITSET, CALLABLE, DEFAULT, EXACT, NEARFIELD, SINGLE
from filter_figures import excess, is_reached, name_of, ratios, user_ratios
from filter_run import BESIDES, BY_ALLOWED
from filter_users import NEAR, THREADS
from filter_users import RANDOM as RANDOM_SETS
from gates import Verdict, at_least, at_most

Json = dict[str, Any]
_RECALL = 0.95  # at defaults
_BY_BITSET = {0.99: 3.0, 0.5: 2.5, 0.1: 4.0, 0.01: 20.0, 0.001: 100.0}  # of random rows
_HEARD_BY_BITSET = {100: 2.5, 1_000: 2.5, 10_000: 2.5}  # of what is nearest to the query
_BY_CALLABLE = 20.0
_BY_EXACT = 0.5
_BY_SHARED = 0.85
_OURS = (NEARFIELD, DEFAULT, SINGLE, EXACT)
_COUNTED = ("violations", "short")


def verdicts(result: Json) -> list[Verdict]:
    """Judge all cells; those of a kind together, by the worst of them."""
    measured = result["measured"]
    cells = measured["cells"]
    sections = measured["data"]["name"].startswith("debian-minilm")
    return [
        *_present(cells, sections),
        *_recall(cells),
        *_cost(cells),
        *_by_bitset(cells),
        *_worst(cells, f"speed by {CALLABLE}", CALLABLE, _BY_CALLABLE),
        *_worst(cells, f"speed by {EXACT}", EXACT, _BY_EXACT),
        *_users(measured["users"]),
        *_right(cells, measured["users"]),
    ]


def _present(cells: list[Json], sections: bool) -> Iterator[Verdict]:
    kinds = [
        f"{way} {name}" for name in ("clusters", "sections") for way in ("nearest", "furthest")
    ]
    wanted: list[tuple[str, str, tuple[float, ...]]] = [("W1", RANDOM, RATIOS)]
    wanted += [("W2", kind, RATIOS) for kind in kinds[: 4 if sections else 2]]
    wanted += [("W3", HEARD_NEAR, tuple(_HEARD_BY_BITSET)), ("W6", "allowed", (0, 5))]
    there = {(cell["workload"], cell["kind"], cell["size"]) for cell in cells}
    for workload, kind, sizes in wanted:
        missing = [shown(size) for size in sizes if (workload, kind, size) not in there]
        if missing:
            yield f"{workload} {kind}: not measured: {', '.join(missing)}", False


def _of_kinds(cells: list[Json]) -> dict[str, list[Json]]:
    kinds: dict[str, list[Json]] = {}
    for cell in cells:
        kinds.setdefault(f"{cell['workload']} {cell['kind']}", []).append(cell)
    return kinds


def _judged(
    cells: list[Json],
    figure: Callable[[Json], float | None],
    judge: Callable[[str, float], Verdict],
    what: str,
    least: bool,
) -> Iterator[Verdict]:
    """Judge the worst cell of each kind; all cells that fail are named."""
    for kind, each in _of_kinds(cells).items():
        found = [(figure(cell), cell) for cell in each]
        absent = [shown(cell["size"]) for value, cell in found if value is None]
        if absent:
            yield f"{kind}: {what}: not measured at {', '.join(absent)}", False
        there = [(value, cell) for value, cell in found if value is not None]
        if not there:
            continue
        value, worst = (min if least else max)(there, key=lambda pair: pair[0])
        failed = [shown(cell["size"]) for value, cell in there if not judge("", value)[1]]
        more = f"; fails at {', '.join(failed)}" if len(failed) > 1 else ""
        text, passed = judge(f"{kind}: {what}, the worst ({shown(worst['size'])})", value)
        yield text + more, passed


def _recall(cells: list[Json]) -> Iterator[Verdict]:
    def judge(text: str, value: float) -> Verdict:
        return f"{text}: {value:.4f}, least {_RECALL}", value >= _RECALL

    some = [cell for cell in cells if cell["workload"] in ("W1", "W2")]
    what = "recall@10 at defaults"
    yield from _judged(some, lambda cell: cell["default"].get("recall"), judge, what, least=True)


def _cost(cells: list[Json]) -> Iterator[Verdict]:
    what = f"distances of a query by {BY_ALLOWED:g} of what is allowed and {BESIDES:,}"
    yield from _judged(cells, excess, lambda text, x: at_most(text, x, 1.0), what, least=False)


def _by_bitset(cells: list[Json]) -> Iterator[Verdict]:
    for kind, gates in (("W1", _BY_BITSET), ("W3", _HEARD_BY_BITSET)):
        for cell in cells:
            is_judged = cell["workload"] == kind and cell["kind"] in (RANDOM, HEARD_NEAR)
            if is_judged and cell["size"] in gates:
                yield _ratio(cell, BITSET, gates[cell["size"]])


def _ratio(cell: Json, other: str, least: float) -> Verdict:
    text = f"{name_of(cell)}: speed by {other}"
    if not is_reached(cell, NEARFIELD):
        return f"{text}: recall {_RECALL} is not reached", False
    each = ratios(cell, other)
    if each:
        return at_least(text, median(each), least)
    seen = cell["ways"].get(other)
    if seen is None or seen["failed"]:
        return f"{text}: not measured", False
    return f"{text}: it never reaches recall {_RECALL}", True


def _worst(cells: list[Json], what: str, other: str, least: float) -> Iterator[Verdict]:
    def figure(cell: Json) -> float | None:
        each = ratios(cell, other)
        return median(each) if each else None

    # Where little can be returned, hnswlib's module raises: it has no answer to be compared with.
    some = [cell for cell in cells if cell["workload"] != "W6" or other == EXACT]
    timed = [cell for cell in some if is_reached(cell, other) or not is_reached(cell, NEARFIELD)]
    yield from _judged(timed, figure, lambda text, x: at_least(text, x, least), what, least=True)
    if some and not timed:
        yield f"{what}: not measured", False


def _users(users: Json | None) -> Iterator[Verdict]:
    if users is None:
        yield "W5: not measured", False
        return
    found = {(kind, mode): (each, more) for kind, mode, each, more in user_ratios(users)}
    for kind in (NEAR, RANDOM_SETS):
        for mode, threads in THREADS.items():
            each, more = found.get((kind, mode), ([], 1.0))
            text = f"W5 {kind}: speed by one shared set, distance by distance, threads: {threads}"
            if each:
                yield at_least(text, more * median(each), _BY_SHARED)
            else:
                yield f"{text}: not measured", False
    if users["failed"].get(NEARFIELD):
        yield f"W5: {users['failed'][NEARFIELD]}", False


def _right(cells: list[Json], users: Json | None) -> Iterator[Verdict]:
    seen: Sequence[Json] = [each for cell in cells for each in map(cell["ways"].get, _OURS) if each]
    seen = [*seen, *([users["recall"]] if users and "recall" in users else [])]
    for what in _COUNTED:
        count = sum(each.get(what, 0) for each in seen)
        yield f"{what} in all of nearfield's answers: {count}", count == 0 and bool(seen)
    failed = [name_of(cell) for cell in cells if cell["ways"].get(NEARFIELD, {}).get("failed")]
    if failed:
        yield f"nearfield failed in {', '.join(failed)}", False
