"""From a choice to the result: each hit with what every step did, and why there are too few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from nearfield.policy.choosing import Chosen, Hit
from nearfield.policy.parts import Boost, Popularity, Recency
from nearfield.policy.result import Counts, Dropped, Effect, Explanation, PolicyResult, Reason, Step
from nearfield.policy.retrieval import Candidates, Source, plain_values
from nearfield.policy.rules import RuleStep
from nearfield.policy.scoring import Scores

__all__ = ["result_of"]

_ROUNDING = 1e-12
_RULE_STEPS: tuple[RuleStep, ...] = ("cap", "quota", "distinct")
_STEP_OF: dict[type, Step] = {Boost: "boost", Recency: "recency", Popularity: "popularity"}


def result_of(
    chosen: Chosen,
    source: Source,
    dropped: Sequence[Dropped],
    boosts: Sequence[Boost | Recency | Popularity],
    weight: float,
    k: int,
) -> PolicyResult:
    """Explain a choice.

    Parameters
    ----------
    chosen : Chosen
        The choice.
    source : Source
        Where the candidates came from.
    dropped : sequence of Dropped
        What did not become a candidate.
    boosts : sequence of Boost, Recency or Popularity
        Of the policy.
    weight : float
        Of its diversity.
    k : int
        Hits that were asked for.

    Returns
    -------
    PolicyResult
        With the distances as they were retrieved.
    """
    numbers = [hit.number for hit in chosen.hits]
    hits = chosen.candidates.rows(np.array(numbers, dtype=np.intp))
    scores = Scores(*(array[numbers] for array in chosen.scores))
    ids = chosen.candidates.ids.tolist()
    refused = [Dropped(ids[number], step, words) for number, step, words in chosen.refusals]
    counts = _counted(chosen, source, [*dropped, *refused])
    reason, sentence = _shortfall(chosen, counts, source, k)
    effects = _effects(chosen.hits, hits, scores, boosts, weight, ids)
    return PolicyResult(
        ids=hits.ids,
        distances=hits.distances,
        scores=np.array([hit.worth.value for hit in chosen.hits]),
        explanations=tuple(
            Explanation(
                ids[hit.number],
                place,
                hit.number + 1,
                float(hits.distances[place - 1]),
                hit.worth.value,
                tuple(effects[place - 1]),
            )
            for place, hit in enumerate(chosen.hits, 1)
        ),
        dropped=(*dropped, *refused),
        counts=counts,
        complete=chosen.stopped == "settled" or source.end == "exhausted",
        reason=reason,
        sentence=sentence,
    )


def _counted(chosen: Chosen, source: Source, dropped: Sequence[Dropped]) -> Counts:
    by_step = Counter(each.step for each in dropped)
    hits = len(chosen.hits)
    return Counts(
        batches=source.batches,
        pulled=source.pulled,
        removed=by_step["removed"],
        blocked=by_step["blocked"],
        duplicate=by_step["duplicate"],
        cap=by_step["cap"],
        quota=by_step["quota"],
        distinct=by_step["distinct"],
        left=source.pulled - len(dropped) - hits,
        hits=hits,
    )


def _shortfall(
    chosen: Chosen, counts: Counts, source: Source, k: int
) -> tuple[Reason | None, str | None]:
    """Say why not all places are filled."""
    if counts.hits == k:
        return None, None
    begin = f"k is {k:,}, but there are {counts.hits:,} hits: "
    stopped = f"; rules stopped {len(chosen.refusals):,} of them" if chosen.refusals else ""
    if chosen.stopped == "pool":
        pool = f"the largest pool, {len(chosen.candidates):,} candidates, was looked at{stopped}"
        return "budget", f"{begin}{pool}. Loosen the rules, or ask for fewer"
    if source.end == "budget":
        budget = f"the budget of {source.pulled:,} candidates was used up{stopped}"
        return "budget", f"{begin}{budget}. Give more max_candidates, or loosen the rules"
    if chosen.refusals:
        by_step = Counter(refusal.step for refusal in chosen.refusals)
        step = max(_RULE_STEPS, key=lambda step: by_step[step])
        stopping = max(
            (rule for rule in chosen.rules if rule.step == step), key=lambda rule: rule.refused
        )
        return step, begin + stopping.shortfall()
    lost = ", ".join(
        f"{number:,} were {what}"
        for number, what in (
            (counts.removed, "removed meanwhile"),
            (counts.blocked, "blocked"),
            (counts.duplicate, "copies"),
        )
        if number
    )
    allowed = f"the filters allow {counts.pulled:,} candidates"
    return "exhausted", begin + (f"{allowed}, of which {lost}" if lost else allowed)


def _effects(
    chosen: Sequence[Hit],
    hits: Candidates,
    scores: Scores,
    boosts: Sequence[Boost | Recency | Popularity],
    weight: float,
    ids: Sequence[int | str],
) -> list[list[Effect]]:
    """Give the effects of each hit, in the order of the steps."""
    values = {part.column: plain_values(hits.columns[part.column]) for part in boosts if len(hits)}
    effects = []
    for row, hit in enumerate(chosen):
        similar = float(scores.similarities[row])
        own = [Effect("similarity", similar, f"at distance {hits.distances[row]:.4g}")]
        for number, part in enumerate(boosts):
            gain, strength = float(scores.gains[row, number]), scores.strengths[row, number]
            words = _words_of(part, values[part.column][row], float(strength))
            own.append(Effect(_STEP_OF[type(part)], gain, words))
        total, bounded = float(scores.gains[row].sum()), float(scores.bounded[row])
        if abs(total - bounded) > _ROUNDING:
            words = f"boosts of {total:+.4g} together are held at {bounded:+.4g}"
            own.append(Effect("range", bounded - total, words))
        score, before = float(scores.scores[row]), similar + bounded
        if score != before:
            own.append(Effect("rescore", score - before, f"{before:.4g} became {score:.4g}"))
        own += [Effect(step, 0.0, words) for step, words in hit.said]
        if weight < 1:
            own.append(_diversity(hit, score, weight, ids))
        if hit.worth.value != hit.worth.marginal or scores.shown[row]:
            words = f"impressions = {scores.shown[row]:g}: times {scores.factors[row]:.4g}"
            own.append(Effect("impressions", hit.worth.value - hit.worth.marginal, words))
        effects.append(own)
    return effects


def _diversity(hit: Hit, score: float, weight: float, ids: Sequence[int | str]) -> Effect:
    worth = hit.worth
    words = f"nothing in common with the hits before it, weight {weight:g}"
    if worth.nearest >= 0:
        words = f"cosine {worth.cosine:.4f} to {ids[worth.nearest]!r}, weight {weight:g}"
    return Effect("diversity", worth.marginal - score, words)


def _words_of(part: Boost | Recency | Popularity, value: object, strength: float) -> str:
    if value is None:
        return f"{part.column} is null"
    sign = "-" if isinstance(part, Popularity) else ""
    return f"{part.column} = {value}: {strength:.4g} of {sign}{part.weight:g}"
