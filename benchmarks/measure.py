"""Build every variant, look at its settings once, then time all of them in turns: A B C A B C ...

Only what ran in turns is comparable: clocks, caches and neighbours change within minutes. One
worker works at a time, the others wait. Each timed pass keeps wall and CPU seconds; where wall
exceeds CPU, another process had the core. All figures go to the journal as they come.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from bench import REFERENCES, SUBJECT, Bench, build
from numpy.typing import NDArray
from remote import Remote, WorkerFailed
from turns import Look, Turn, grouped, is_enough, worth_timing

Json = dict[str, Any]
_SLOWEST_PASS = 60.0  # seconds: a setting that takes longer ends the grid
_PAIR_RECALL = 0.95


@dataclass
class Run:
    """The measurements on one data set."""

    builds: dict[str, Json] = field(default_factory=dict)
    scouted: dict[str, Json] = field(default_factory=dict)
    turns: dict[str, list[Turn]] = field(default_factory=lambda: {"wall": [], "cpu": []})
    pairs: list[float] = field(default_factory=list)  # speed on two threads by that on one
    turns_of_walks: list[float] = field(default_factory=list)  # of batches by that of single calls
    failures: dict[str, str] = field(default_factory=dict)
    groups: list[list[str]] = field(default_factory=list)


def say(text: str) -> None:
    """Report progress, away from the results."""
    print(text, file=sys.stderr, flush=True)


def run(bench: Bench, variants: Sequence[str], fresh: bool) -> Run:
    """Measure all variants on one data set; one that fails is noted and left out."""
    out = Run()
    data = bench.data
    say(f"{data.name}: {len(data.base):,} x {data.base.shape[1]} {data.space}; ground truth ...")
    data.truth(bench.settings.k)
    for variant in variants:
        try:
            made = build(bench, variant, fresh and variant in REFERENCES)
            out.builds[variant] = made
            when = " (an earlier run)" if made.get("earlier") else ""
            say(f"  {variant:15} built in {made['wall_seconds'][-1]:7.1f} s{when}")
            out.scouted[variant] = scout(bench, variant)
        except WorkerFailed as error:
            out.failures[variant] = str(error)
            say(f"  {variant}: left out: {error}")
    sizes = {name: int(seen["working_bytes"]) for name, seen in out.scouted.items()}
    out.groups = grouped(sizes, REFERENCES, bench.settings.worker_bytes)
    for number, group in enumerate(out.groups):
        _race(bench, number, group, out)
    out.turns_of_walks, out.pairs = _pairs(bench, out)
    return out


def places(seen: Json, mode: str) -> list[int]:
    """Give the settings of a variant that are timed in a mode."""
    looks = [Look(*look) for look in seen["looks"][_scout_mode(mode, tuple(seen["looks"]))]]
    return worth_timing(looks)


def look_of(seen: Json, mode: str, place: int) -> Look:
    """Give what was seen of a setting."""
    return Look(*seen["looks"][_scout_mode(mode, tuple(seen["looks"]))][place])


def _scout_mode(mode: str, scouted: tuple[str, ...]) -> str:
    return mode if mode in scouted else "batch1"  # threads do not change what a batch finds


def scout(bench: Bench, variant: str) -> Json:
    """Open an index and ask every setting once: recall, a first time, and what memory it takes."""
    key = ("scout", *bench.key, bench.index(variant).name)
    known = bench.journal.get(*key)
    if known:
        return dict(known)
    data, k = bench.data, bench.settings.k
    modes = dict.fromkeys("batch1" if mode == "batch2" else mode for mode in bench.settings.modes)
    out, clock = bench.cache / f"{data.digest}-found.npy", f"{bench.settings.clock}_seconds"
    with bench.start(variant) as remote:
        seen: Json = bench.open(variant, remote)
        seen["settings"] = remote.order("grid", k=k, rows=len(data.base))["settings"]
        seen["looks"], seen["hits"] = {}, []
        for mode in modes:
            looks: list[Look] = []
            ask = {"mode": mode, "k": k, "out": str(out)}
            remote.order("ask", setting=seen["settings"][0], **ask)  # the first finds all cold
            for place, setting in enumerate(seen["settings"]):
                asked = remote.order("ask", setting=setting, **ask)
                hits = data.recalls(np.load(out), k)
                looks.append(Look(place, float(hits.mean()), asked[clock]))
                if mode == "single" and variant in REFERENCES:
                    seen["hits"].append([round(hit * k) for hit in hits])
                if is_enough([look.recall for look in looks]) or looks[-1].seconds > _SLOWEST_PASS:
                    break
            seen["looks"][mode] = [[look.place, look.recall, look.seconds] for look in looks]
            best = max(look.recall for look in looks)
            say(f"    {mode:7} {len(looks):3} settings, recall up to {best:.4f}")
        seen["working_bytes"] = asked["resident_bytes"]
    bench.journal.put(seen, *key)
    return seen


def _race(bench: Bench, number: int, group: list[str], out: Run) -> None:
    """Time a group in turns, one variant's whole curve a turn."""
    say(f"  group {number + 1} of {len(out.groups)}: {', '.join(group)}")
    with ExitStack() as stack:
        remotes: dict[str, Remote] = {}
        for repetition in range(bench.settings.repetitions):
            for variant in group:
                if variant in out.failures:
                    continue
                index = bench.index(variant).name
                key = ("turn", *bench.key, group, repetition, index)
                noted = bench.journal.get(*key)
                if noted is None:
                    try:
                        if variant not in remotes:
                            remotes[variant] = stack.enter_context(bench.start(variant))
                            bench.open(variant, remotes[variant])
                        noted = _turn(bench, remotes[variant], out.scouted[variant])
                    except WorkerFailed as error:
                        out.failures[variant] = str(error)
                        say(f"  {variant}: left out: {error}")
                        continue
                    bench.journal.put(noted, *key)
                for mode, place, wall, cpu in noted:
                    for clock, seconds in (("wall", wall), ("cpu", cpu)):
                        turn = Turn(number, repetition, variant, mode, place, seconds)
                        out.turns[clock].append(turn)
            say(f"    repetition {repetition + 1} of {bench.settings.repetitions} done")


def _turn(bench: Bench, remote: Remote, seen: Json) -> list[tuple[str, int, float, float]]:
    """Time all settings of a variant that are worth it."""
    noted = []
    for mode in bench.settings.modes:
        for place in places(seen, mode):
            took = _time(bench, remote, mode, seen["settings"][place])
            noted.append((mode, place, took["wall_seconds"], took["cpu_seconds"]))
    return noted


def _time(bench: Bench, remote: Remote, mode: str, setting: Json) -> Json:
    s = bench.settings
    return remote.order("time", mode=mode, setting=setting, k=s.k, seconds=s.min_seconds)


def _pairs(bench: Bench, out: Run) -> tuple[list[float], list[float]]:
    """Ask single calls and batches on one and on two threads, back to back, at the first past .95.

    Gives the speed of batches by that of single calls, and that on two threads by that on one.
    """
    modes = ("single", "batch1", "batch2")
    if SUBJECT not in out.scouted or not {"batch1", "batch2"} <= set(bench.settings.modes):
        return [], []
    known = bench.journal.get("pairs", modes, *bench.key)
    if known is not None:
        return list(known[0]), list(known[1])
    seen = out.scouted[SUBJECT]
    right = [p for p in places(seen, "batch1") if look_of(seen, "batch1", p).recall >= _PAIR_RECALL]
    if not right:
        return [], []
    setting = seen["settings"][right[0]]
    interleaved, pairs = [], []
    with bench.start(SUBJECT) as remote:
        bench.open(SUBJECT, remote)
        for _ in range(bench.settings.pairs):
            took = [_time(bench, remote, mode, setting)["wall_seconds"] for mode in modes]
            interleaved.append(took[0] / took[1])
            pairs.append(took[1] / took[2])
    bench.journal.put((interleaved, pairs), "pairs", modes, *bench.key)
    return interleaved, pairs


def hits_at_equal_ef(out: Run, k: int) -> dict[str, dict[int, NDArray[np.float64]]]:
    """Give the recall of each query in single calls by reference and ef."""
    found: dict[str, dict[int, NDArray[np.float64]]] = {}
    for name in REFERENCES:
        seen = out.scouted.get(name, {"hits": [], "settings": []})
        for setting, hits in zip(seen["settings"], seen["hits"], strict=False):
            found.setdefault(name, {})[int(setting["ef"])] = np.asarray(hits) / k
    return found
