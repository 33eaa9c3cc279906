"""`Policy`: what becomes of candidates after retrieval, as one value that is declared once."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np

from nearfield._numbers import as_count, as_whole
from nearfield.errors import InvalidInput
from nearfield.policy.checks import as_blocked, as_parts, as_real
from nearfield.policy.choosing import choose_from_pools, choose_in_stream
from nearfield.policy.explaining import result_of
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
from nearfield.policy.result import Dropped, PolicyResult
from nearfield.policy.retrieval import Candidates, Retriever, Source, read
from nearfield.policy.rules import rules_for
from nearfield.policy.scoring import Impressed, Rescore, Scorer
from nearfield.policy.sieve import Sieve
from nearfield.spaces import Space
from nearfield.typing import VectorLike

__all__ = ["Policy"]

# Diversity compares each of k hits with the whole pool; a caller's function may be slow.
_MOST_DIVERSE, _MOST_RESCORED = 2_000, 500
_BUDGET = 2_000
_LEAST_BATCH = _LEAST_POOL = 100
_MOST = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What becomes of candidates after retrieval: which are dropped, and who gets which place.

    A policy is what a product decides, once; who asks, and when, is given to `apply`. It never
    changes, can be compared, hashed and pickled (as far as ``rescore`` can), and serves any number
    of threads. An empty policy gives what a plain query gives.

    Parameters
    ----------
    duplicates : Duplicates or None, default None
        What a copy is; of copies the nearest stays. None keeps them.
    boosts : tuple of Boost, Recency or Popularity, default ()
        What is added to the similarity.
    boost_range : tuple of two floats, or None, default None
        The sum of all boosts is brought into it. None: the weights are the only bounds.
    rescore : callable or None, default None
        Gets ids, distances and scores of the pool, each of shape (n,), n at most 500, and gives n
        scores in their place. Called again where the pool has to grow. None keeps the scores.
    caps : tuple of Cap, default ()
        How many hits one group may have.
    quotas : tuple of Quota, default ()
        How the hits are divided among groups.
    min_distinct : tuple of MinDistinct, default ()
        How many groups there must be among the hits.
    diversity : Diversity or None, default None
        How much hits should differ. None, and a weight of 1, compare no vectors.
    impressions : Impressions or None, default None
        How what was shown before is discounted. None discounts nothing.
    pool : int or None, default None
        From how many candidates, the nearest that are neither blocked nor copies, diversity and
        ``rescore`` choose; raised to ``k``. None: ten times ``k``, at least 100. A pool that cannot
        fill all places is doubled, up to 2,000 with diversity and 500 with ``rescore``. Without
        effect where there is neither.
    distance_scale : float, default 1
        The distance of similarity one half in Euclidean space, and the product of similarity three
        quarters in that of inner products; above 0. Set it to a common distance (or product) of
        neighbours, or boosts will outweigh similarities, or be outweighed. Without effect in cosine
        space.

    Raises
    ------
    InvalidInput
        A number out of its bounds.
    TypeError
        An argument of a wrong type.

    Notes
    -----
    The steps, in this order:

    1. The filters of the search, and what is ``blocked``.
    2. Copies.
    3. Scores: similarity, plus boosts within their range; then ``rescore``. The similarity is
       ``1 / (1 + distance / distance_scale)`` in Euclidean space, ``1 - distance / 2``, which is
       ``(1 + cosine) / 2``, in cosine space, and for an inner product p, with s for
       ``distance_scale``, ``1 - s / (s + p) / 2``, below 0 ``s / (s - p) / 2``. So it lies between
       0 and 1, and falls with the distance.
    4. One place after another is given away. A candidate that would break a cap, a quota or a
       minimum (asked in this order) is dropped.
    5. Of the others, the one worth most gets it: by its score, or with diversity by its score and
       by how it differs from the hits before it,
    6. discounted by its impressions. Of equals the nearest gets it.

    What is taken is never taken back, so two rules that are hard to meet together may leave places
    empty which another choice had filled. No rule is ever broken to fill a place.

    Examples
    --------
    >>> from nearfield.policy import Cap, Diversity, Policy
    >>> page = Policy(caps=(Cap("artist", most=2),), diversity=Diversity(0.7))
    >>> page == Policy(caps=(Cap("artist", most=2),), diversity=Diversity(0.7))
    True
    """

    duplicates: Duplicates | None = None
    boosts: tuple[Boost | Recency | Popularity, ...] = ()
    boost_range: tuple[float, float] | None = None
    rescore: Rescore | None = None
    caps: tuple[Cap, ...] = ()
    quotas: tuple[Quota, ...] = ()
    min_distinct: tuple[MinDistinct, ...] = ()
    diversity: Diversity | None = None
    impressions: Impressions | None = None
    pool: int | None = None
    distance_scale: float = 1.0

    def __post_init__(self) -> None:
        """Check the arguments."""
        keep = object.__setattr__
        for name, kind in (
            ("duplicates", Duplicates),
            ("diversity", Diversity),
            ("impressions", Impressions),
        ):
            part = getattr(self, name)
            if part is not None and not isinstance(part, kind):
                message = f"{name} is {part!r}; expected {kind.__name__} or None"
                raise TypeError(message)
        boosts: tuple[type[Any], ...] = (Boost, Recency, Popularity)
        keep(self, "boosts", as_parts(self.boosts, boosts, "boosts"))
        keep(self, "caps", as_parts(self.caps, Cap, "caps"))
        keep(self, "quotas", as_parts(self.quotas, Quota, "quotas"))
        keep(self, "min_distinct", as_parts(self.min_distinct, MinDistinct, "min_distinct"))
        if self.boost_range is not None:
            keep(self, "boost_range", _as_range(self.boost_range))
        if self.rescore is not None and not callable(self.rescore):
            message = f"rescore is {self.rescore!r}; expected a function, or None"
            raise TypeError(message)
        if self.pool is not None:
            keep(self, "pool", as_whole(self.pool, "pool", 1, self._most_in_pool))
        scale = as_real(self.distance_scale, "distance_scale", 0, above=True)
        keep(self, "distance_scale", scale)

    def apply(
        self,
        index: Retriever,
        vector: VectorLike,
        k: int,
        *,
        now: datetime | np.datetime64 | None = None,
        impressions: Impressed | None = None,
        blocked: Mapping[str, Iterable[Hashable]] | None = None,
        batch_size: int | None = None,
        max_candidates: int | None = None,
        **filters: Any,
    ) -> PolicyResult:
        """Choose ``k`` items near a vector.

        Parameters
        ----------
        index : Retriever
            `nearfield.Index`, `nearfield.StringIndex`, or what else has ``query_iter``,
            ``get_vectors``, ``get_columns`` and ``space``.
        vector : array-like of shape (num_dimensions,)
            The query.
        k : int
            Hits that are wanted; 0 gives none, and pulls nothing.
        now : datetime or datetime64, or None, default None
            The time of the request, which `Recency` needs. Without a time zone it is UTC.
        impressions : mapping or callable, or None, default None
            How often items were shown, which `Impressions` needs: a mapping of id (or key) to
            count, in which those that are missing were never shown, or a function of n ids that
            gives n counts.
        blocked : mapping of str to iterable of values, or None, default None
            Columns, and values that no hit may have: artists that a listener does not want. Of an
            item's tags none may be blocked. Null is never blocked.
        batch_size : int or None, default None
            Candidates that are pulled at a time. The hits do not depend on it. None: ``k`` for a
            policy that drops and moves nothing, the pool for one that chooses from a pool, else
            twice ``k`` and at least 100.
        max_candidates : int or None, default None
            The most candidates that are pulled, at least 1. None: 2,000, or four times ``k`` if
            that is more.
        **filters
            Passed to ``query_iter``: ``exclude``, ``allow``, ``where``, ``params``, ``query_ef``.

        Returns
        -------
        PolicyResult
            At most ``k`` hits, each explained; with fewer, ``reason`` and ``sentence`` say why.

        Raises
        ------
        InvalidInput
            A column of a type that a part cannot use; what is missing that the policy needs; a
            number out of its bounds; ``k`` above 2,000 with diversity, above 500 with ``rescore``.
        TypeError
            An argument of a wrong type.

        Notes
        -----
        Pulls batch after batch and no more than are needed: without boosts until all places are
        filled; with boosts until nothing that is to come could still take a place, even with all
        boosts in full; with diversity or ``rescore`` until the pool is full. Columns are read once
        for each candidate, vectors only for diversity and ``min_cosine``. Diversity takes time in
        proportion to ``k`` times the pool, ``min_cosine`` to the square of what is pulled; both are
        matrix products of numpy, whose threads hinder each other in a service that has threads of
        its own (OPENBLAS_NUM_THREADS=1 and the like). Equal input gives equal output. An item that
        another thread removes meanwhile is dropped.
        """
        wanted = as_count(k, "k")
        if self._chooses_from_pool:
            as_whole(wanted, "k", 0, self._most_in_pool)
        limit = max(_BUDGET, 4 * wanted)
        if max_candidates is not None:
            limit = as_whole(max_candidates, "max_candidates", 1, _MOST)
        hidden = as_blocked(blocked)
        size = self._batch_size(wanted, drops=bool(hidden))
        if batch_size is not None:
            size = as_whole(batch_size, "batch_size", 1, _MOST)
        scorer = self._scorer(index.space, now, impressions)
        weight = 1.0 if self.diversity is None else self.diversity.weight

        source = Source((), limit)
        if wanted:
            found = index.query_iter(vector, batch_size=min(size, limit), **filters)
            source = Source(found, limit)
        sieve = Sieve(hidden, self.duplicates)
        batches = self._sieved(index, source, sieve, [column for column, _ in hidden])
        make_rules = partial(rules_for, self.caps, self.quotas, self.min_distinct, wanted)
        if self._chooses_from_pool:
            sizes = self._pool_sizes(wanted)
            chosen = choose_from_pools(
                batches, scorer, wanted, make_rules, sizes, weight, self.rescore
            )
        else:
            chosen = choose_in_stream(batches, scorer, wanted, make_rules)
        return result_of(chosen, source, sieve.dropped, self.boosts, weight, wanted)

    @property
    def _compares(self) -> bool:
        """Whether diversity compares vectors."""
        return self.diversity is not None and self.diversity.weight < 1

    @property
    def _chooses_from_pool(self) -> bool:
        return self._compares or self.rescore is not None

    @property
    def _most_in_pool(self) -> int:
        return _MOST_DIVERSE if self.rescore is None else _MOST_RESCORED

    def _pool_sizes(self, k: int) -> list[int]:
        first = max(_LEAST_POOL, 10 * k) if self.pool is None else max(self.pool, k)
        sizes = [min(first, self._most_in_pool)]
        while sizes[-1] < self._most_in_pool:
            sizes.append(min(2 * sizes[-1], self._most_in_pool))
        return sizes

    def _batch_size(self, k: int, *, drops: bool) -> int:
        if self._chooses_from_pool:
            return self._pool_sizes(k)[0]
        rules = self.duplicates or self.caps or self.quotas or self.min_distinct
        moves = self.boosts or self.impressions
        return max(_LEAST_BATCH, 2 * k) if drops or rules or moves else max(k, 1)

    def _columns(self) -> list[str]:
        parts = (*self.boosts, *self.caps, *self.quotas, *self.min_distinct)
        columns = [part.column for part in parts]
        if self.duplicates is not None and self.duplicates.column is not None:
            columns.append(self.duplicates.column)
        return columns

    def _scorer(
        self,
        space: Space,
        now: datetime | np.datetime64 | None,
        impressions: Impressed | None,
    ) -> Scorer:
        gamma = 0.0
        if self.impressions is not None:
            gamma = self.impressions.gamma
            if impressions is None:
                message = (
                    "impressions is None, but the policy discounts them; give a mapping from ids "
                    "to counts, {} where nothing was shown"
                )
                raise InvalidInput(message)
            if not (isinstance(impressions, Mapping) or callable(impressions)):
                message = f"impressions is {impressions!r}; expected a mapping or a function"
                raise TypeError(message)
        counts = {} if self.impressions is None or impressions is None else impressions
        needs_time = any(isinstance(part, Recency) for part in self.boosts)
        if needs_time and now is None:
            message = "now is None, but the policy has Recency; give the time of the request"
            raise InvalidInput(message)
        moment = _as_moment(now) if needs_time else np.datetime64("NaT", "us")
        bounds = self.boost_range
        return Scorer(space, self.distance_scale, self.boosts, bounds, moment, gamma, counts)

    def _sieved(
        self, index: Retriever, source: Source, sieve: Sieve, hidden: list[str]
    ) -> Iterator[tuple[Candidates, np.float32]]:
        """Give what steps 1 and 2 leave of each batch, and how far away its last was."""
        names = list(dict.fromkeys([*hidden, *self._columns()]))
        by_vector = self.duplicates is not None and self.duplicates.min_cosine is not None
        for ids, distances in source:
            candidates, removed = read(
                index, ids, distances, names, vectors=by_vector or self._compares
            )
            words = "left the index after it had been found"
            sieve.dropped += [Dropped(id, "removed", words) for id in removed]
            yield sieve(candidates), distances[-1]


def _as_range(given: object) -> tuple[float, float]:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        message = f"boost_range is {given!r}; expected two numbers, or None"
        raise TypeError(message)
    low, high = (as_real(end, "boost_range", -math.inf) for end in given)
    if low > high:
        message = f"boost_range is {given!r}; expected the lower end first"
        raise InvalidInput(message)
    return low, high


def _as_moment(given: object) -> np.datetime64:
    if isinstance(given, datetime):
        plain = given if given.tzinfo is None else given.astimezone(UTC).replace(tzinfo=None)
        return np.datetime64(plain, "us")
    if isinstance(given, np.datetime64) and not np.isnat(given):
        moment: np.datetime64 = given.astype("datetime64[us]")
        return moment
    message = f"now is {given!r}; expected a datetime, or a datetime64 that is a time"
    raise TypeError(message)
