"""What becomes of candidates after retrieval: copies, boosts, caps, quotas, diversity, impressions.

A `Policy` is declared once, of small parts, and applied to an index with each request. It pulls
candidates until all places are filled, and explains every hit, everything that it dropped, and
every place that it had to leave empty.

>>> from nearfield.policy import Cap, Duplicates, Policy, Quota, Recency
>>> page = Policy(
...     duplicates=Duplicates(column="recording", min_cosine=0.995),
...     boosts=(Recency("released", half_life_days=30, weight=0.05),),
...     caps=(Cap("artist", most=2),),
...     quotas=(Quota("interest", {"jazz": 0.5, "folk": 0.3}),),
... )

and then ``page.apply(index, taste, 20, now=now, exclude=heard)``.
"""

from __future__ import annotations

from nearfield.policy.parts import (
    Boost,
    Cap,
    Diversity,
    Duplicates,
    Impressions,
    MinDistinct,
    Popularity,
    Quota,
    Recency,
)
from nearfield.policy.policy import Policy
from nearfield.policy.result import (
    Counts,
    Dropped,
    Effect,
    Explanation,
    PolicyResult,
    Reason,
)
from nearfield.policy.retrieval import Retriever

__all__ = [
    "Boost",
    "Cap",
    "Counts",
    "Diversity",
    "Dropped",
    "Duplicates",
    "Effect",
    "Explanation",
    "Impressions",
    "MinDistinct",
    "Policy",
    "PolicyResult",
    "Popularity",
    "Quota",
    "Reason",
    "Recency",
    "Retriever",
]
