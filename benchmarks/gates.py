"""What a release must show, and whether a result shows it. What was not measured has failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from curves import RECALLS, SUBJECT

Json = dict[str, Any]
Verdict = tuple[str, bool]

_HNSW = "hnswlib"
_SETS = ("debian-minilm", "mnist", "synthetic-1m")
_INNER = "lastfm"
_MODES = ("single", "batch1", "batch2")
# Speed by the best peer's and by hnswlib's better setting, at every recall, by k.
_SPEED = {10: (1.5, 3.5), 100: (1.2, 2.0)}
_INNER_SPEED = 1.2  # of batches, by the best peer's
_TWO_THREADS = 1.8  # speed of batches by that on one thread
_INTERLEAVING = 1.3  # speed of batches on one thread by that of single calls
_FAR = ("synthetic-1m",)  # where rows come from memory: taking turns is for nothing else
_BUILD = {"debian-minilm": 3.0, "synthetic-1m": 2.0}  # by hnswlib's, at equal threads
_RECALL_DIFFERENCE = -0.002  # to hnswlib's at equal ef, at worst: the error of 1,000 queries


def verdicts(result: Json) -> list[Verdict]:
    """Judge a result by the gates of its k."""
    k = result["settings"]["k"]
    out: list[Verdict] = []
    for name, run in result["runs"].items():
        if name in _SETS and k in _SPEED:
            peer, hnsw = _SPEED[k]
            for mode in _MODES:
                out += _speed(name, run, mode, peer, hnsw)
        if k != 10:
            continue
        if name in _SETS:
            out.append(_pairs(name, run, "two_threads", "on two threads by one", _TWO_THREADS))
        if name in _FAR:
            turns = "on one thread by single calls"
            out.append(_pairs(name, run, "interleaving", turns, _INTERLEAVING))
        if name == _INNER:
            out.append(_reached(name, run))
            for mode in _MODES[1:]:
                out += _speed(name, run, mode, _INNER_SPEED, None)
        if name in _BUILD:
            out.append(_build(name, run, result["settings"]["clock"]))
        out += _recall(name, run)
    return out or [("no set that is judged was measured", False)]


def _speed(name: str, run: Json, mode: str, peer: float, hnsw: float | None) -> Iterator[Verdict]:
    for recall in (f"{recall:.2f}" for recall in RECALLS):
        row = run["at_recall"].get(mode, {}).get(recall)
        begin = f"{name}, {mode}, recall {recall}: "
        if row is None or not row["qps"].get(SUBJECT):
            yield f"{begin}not measured or not reached", False
            continue
        best = row.get("best_peer")
        if best:
            yield at_least(f"{begin}by the best peer's ({best})", _value(row, best), peer)
        else:
            yield f"{begin}no peer was measured", False
        if hnsw is not None:
            if row["qps"].get(_HNSW, 0) is None:
                yield f"{begin}hnswlib never reaches it", True
            else:
                yield at_least(f"{begin}by hnswlib's", _value(row, _HNSW), hnsw)


def _value(row: Json, peer: str) -> float:
    ratio = row["ratio"].get(peer)
    return float(ratio["value"]) if ratio else 0.0


def _pairs(name: str, run: Json, key: str, what: str, least: float) -> Verdict:
    pairs: Sequence[float] = run.get(key, [])
    text = f"{name}, batches {what}, median of {len(pairs)} pairs"
    return at_least(text, median(pairs) if len(pairs) >= 5 else 0.0, least)


def _reached(name: str, run: Json) -> Verdict:
    modes = run["at_recall"].values()
    reached = bool(modes) and all(rows["0.99"]["qps"].get(SUBJECT) for rows in modes)
    return f"{name}: recall 0.99 is {'' if reached else 'not '}reached", reached


def _build(name: str, run: Json, clock: str) -> Verdict:
    builds = run["builds"]
    text = f"{name}: speed of building by hnswlib's"
    if not {SUBJECT, _HNSW} <= builds.keys():
        return f"{text}: not measured", False
    ours, theirs = builds[SUBJECT], builds[_HNSW]
    equal = ours.get("threads") == theirs.get("threads")
    if not equal or ours.get("earlier") or theirs.get("earlier"):
        return f"{text}: not built in one run on equal threads", False
    seconds = f"{clock}_seconds"
    return at_least(text, median(theirs[seconds]) / median(ours[seconds]), _BUILD[name])


def _recall(name: str, run: Json) -> Iterator[Verdict]:
    if not run["recall_difference"]:
        yield f"{name}: recall was not compared with hnswlib's", False
        return
    ef, worst = min(run["recall_difference"].items(), key=lambda item: float(item[1]["value"]))
    text = f"{name}: recall minus hnswlib's at equal ef, the worst (ef={ef}): {worst['value']:+.4f}"
    passed = worst["value"] >= _RECALL_DIFFERENCE
    yield f"{text} (s.e. {worst['standard_error']:.4f}), least {_RECALL_DIFFERENCE}", passed


def at_least(text: str, value: float, least: float) -> Verdict:
    """Judge a ratio that ought to be large."""
    return f"{text}: {value:.2f}x, least {least}x", value >= least


def at_most(text: str, value: float, most: float, unit: str = "x") -> Verdict:
    """Judge a figure that ought to be small."""
    return f"{text}: {value:.3g}{unit}, most {most:g}{unit}", value <= most
