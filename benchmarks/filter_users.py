"""Many users, each with a set of their own that they have heard, in one call.

What a set for each costs is seen beside a call in which all share one set of the same size. Sets of
random rows leave a walk nothing more to do than the shared one does; sets of what lies near to the
user make it go through all of that, so that speeds are compared by the distance as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import filter_rows
import numpy as np
from bench import SUBJECT
from filter_field import Contest
from filter_rows import Groups, Plane, Users
from filter_run import Plan, Site
from filter_truth import Truth
from filter_worker import give
from filtering import Sets, sets_of
from measure import say

Json = dict[str, Any]
NEAR, RANDOM, SHARED = "near", "random", "shared"
HNSWLIB = "hnswlib"
THREADS = {"batch": 1, "batch2": 2}
_SAMPLE = 300  # users whose recall is counted
_PASS_SECONDS = 0.3


def measured(site: Site, within: Plane, groups: Groups, count: int) -> Json:
    """Give seconds a user of each kind of sets, by round, and what hnswlib takes for the same."""
    bench = site.field.bench
    key = ("users", *bench.key, asdict(site.plan), site.field.variants, count)
    known = bench.journal.get(*key)
    if known is None:
        users = filter_rows.users(within, groups, count, site.plan.seed)
        known = _measured(site, within, users)
        bench.journal.put(known, *key)
    say(f"W5: {known['users']:,} users")
    return dict(known)


def _measured(site: Site, within: Plane, users: Users) -> Json:
    plan, field = site.plan, site.field
    kinds = _kinds(users, len(within.rows), plan)
    few = min(_SAMPLE, len(users.profiles))
    asked = replace(site.data, queries=users.profiles[:few])
    truth = Truth(asked, within, plan.k)
    contest = Contest(field, truth, asked, users.profiles[:few], users.heard.first(few))
    ef = None
    if HNSWLIB in field.variants:
        with contest.failing(HNSWLIB):
            ef = contest.smallest(HNSWLIB, plan.target, mode="looped")
    sizes = np.diff(users.heard.ends.astype(np.int64))
    out: Json = {"users": len(users.profiles), "heard": float(sizes.mean()), "kinds": {}}
    with contest.failing(SUBJECT):
        out["recall"] = contest.ask(SUBJECT, {})
    # The processor's clock counts what all threads do.
    modes = [mode for mode, threads in THREADS.items() if plan.clock == "wall" or threads == 1]
    for name, sets in kinds.items():
        give(str(field.folder / f"users-{name}.npz"), users.profiles, sets)
        out["kinds"][name] = {mode: [] for mode in modes}
    out[HNSWLIB] = {"ef": ef, "seconds": []} | (contest.looks(HNSWLIB).get(ef or 0, {}))
    out[HNSWLIB]["seconds"] = []
    _race(contest, kinds, plan, out)
    out["failed"] = dict(contest.failures)
    return out


def _kinds(users: Users, rows: int, plan: Plan) -> dict[str, Sets]:
    rng = np.random.default_rng([plan.seed, 19])
    sizes = np.diff(users.heard.ends.astype(np.int64))
    each = [rng.choice(rows, size, replace=False, shuffle=False) for size in sizes]
    shared = rng.choice(rows, int(sizes.mean()), replace=False)
    return {
        NEAR: users.heard,
        RANDOM: sets_of(each, False, False, rows),
        SHARED: sets_of([shared], False, True, rows),
    }


def _race(contest: Contest, kinds: Mapping[str, Sets], plan: Plan, out: Json) -> None:
    """Time all kinds in turns; the beam is that of nearfield's defaults, the same for all."""
    field, count = contest.field, out["users"]
    more = {"k": plan.k, "seconds": _PASS_SECONDS}
    for _ in range(plan.rounds):
        with contest.failing(SUBJECT):
            for name in kinds:
                field.take(SUBJECT, field.folder / f"users-{name}.npz")
                seen = out["kinds"][name]
                for mode in [mode for mode in THREADS if mode in seen]:
                    timed = field.order(SUBJECT, "time", mode=mode, setting={}, **more)
                    seen[mode].append(timed[field.clock] / count)
                if "distances" not in seen:
                    seen |= field.order(SUBJECT, "told", what="distances", setting={}, k=plan.k)
        if out[HNSWLIB]["ef"]:
            with contest.failing(HNSWLIB):
                field.take(HNSWLIB, field.folder / f"users-{NEAR}.npz")
                setting = {"ef": out[HNSWLIB]["ef"]}
                timed = field.order(HNSWLIB, "time", mode="looped", setting=setting, **more)
                out[HNSWLIB]["seconds"].append(timed[field.clock] / count)
