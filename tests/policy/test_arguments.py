"""What a policy refuses, and in which words."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from nearfield.errors import InvalidInput
from nearfield.policy import (
    Boost,
    Cap,
    Diversity,
    Duplicates,
    Impressions,
    MinDistinct,
    Policy,
    Popularity,
    Quota,
    Recency,
)

from tests.policy.cases import NOW
from tests.policy.retriever import FakeIndex

NAN = float("nan")


def refused(make: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as error:
        make()
    assert str(error.value) == message
    assert isinstance(error.value, (ValueError, TypeError))


COLUMN = "expected the name of a column of the index"


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (
            lambda: Duplicates(), InvalidInput,
            "Duplicates has neither column nor min_cosine; give at least one, such as "
            "Duplicates(min_cosine=0.995)",
        ),
        (
            lambda: Duplicates(min_cosine=0), InvalidInput,
            "min_cosine is 0; expected a finite number above 0 to 1",
        ),
        (
            lambda: Duplicates(min_cosine=1.01), InvalidInput,
            "min_cosine is 1.01; expected a finite number above 0 to 1",
        ),
        (
            lambda: Duplicates(min_cosine="0.9"), TypeError,
            "min_cosine is '0.9'; expected a finite number above 0 to 1",
        ),
        (lambda: Duplicates(column=3), TypeError, f"column is 3; {COLUMN}"),
        (lambda: Duplicates(column=""), InvalidInput, f"column is ''; {COLUMN}"),
        (lambda: Boost(None, 1), TypeError, f"column is None; {COLUMN}"),
        (lambda: Boost("q", NAN), InvalidInput, "weight is nan; expected a finite number"),
        (lambda: Boost("q", True), TypeError, "weight is True; expected a finite number"),
        (
            lambda: Boost("q", 1, between=(2, 2)), InvalidInput,
            "between is (2.0, 2.0); expected two different numbers",
        ),
        (lambda: Boost("q", 1, between=3), TypeError, "between is 3; expected two numbers"),
        (
            lambda: Boost("q", 1, between=(0, float("inf"))), InvalidInput,
            "between is inf; expected a finite number",
        ),
        (
            lambda: Boost("q", 1, values="jazz"), TypeError,
            "values is 'jazz'; expected several values: ('jazz',)",
        ),
        (
            lambda: Boost("q", 1, values=[]), InvalidInput,
            "values is empty; expected at least one value, or None for numbers",
        ),
        (
            lambda: Recency("r", 0, 0.1), InvalidInput,
            "half_life_days is 0; expected a finite number above 0",
        ),
        (
            lambda: Recency("r", 1, -0.1), InvalidInput,
            "weight is -0.1; expected a finite number from 0",
        ),
        (lambda: Recency(1, 1, 1), TypeError, f"column is 1; {COLUMN}"),
        (
            lambda: Popularity("p", -1, 10), InvalidInput,
            "weight is -1; expected a finite number from 0",
        ),
        (
            lambda: Popularity("p", 1, 0), InvalidInput,
            "most is 0; expected a finite number above 0",
        ),
        (
            lambda: Cap("artist"), InvalidInput,
            "Cap('artist') has neither most nor share; give at least one",
        ),
        (lambda: Cap("artist", 0), InvalidInput, "most is 0; expected 1 to 2147483648"),
        (
            lambda: Cap("artist", 1.5), TypeError,
            "most is 1.5; expected a whole number from 1 to 2147483648",
        ),
        (
            lambda: Cap("artist", share=1.5), InvalidInput,
            "share is 1.5; expected a finite number above 0 to 1",
        ),
        (lambda: MinDistinct("artist", 0), InvalidInput, "least is 0; expected 1 to 2147483648"),
        (
            lambda: Quota("i", {}), InvalidInput,
            "shares is (); expected at least one value, each once, none of None",
        ),
        (
            lambda: Quota("i", [("a", 0.1), ("a", 0.2)]), InvalidInput,
            "shares is (('a', 0.1), ('a', 0.2)); expected at least one value, each once, none of "
            "None",
        ),
        (
            lambda: Quota("i", {None: 0.5}), InvalidInput,
            "shares is ((None, 0.5),); expected at least one value, each once, none of None",
        ),
        (
            lambda: Quota("i", {"a": 0}), InvalidInput,
            "shares['a'] is 0; expected a finite number above 0 to 1",
        ),
        (
            lambda: Quota("i", {"a": 0.7, "b": 0.4}), InvalidInput,
            "shares add up to 1.1; expected at most 1",
        ),
        (
            lambda: Quota("i", 3), TypeError,
            "shares is 3; expected a mapping from values to their shares",
        ),
        (
            lambda: Diversity(1.1), InvalidInput,
            "weight is 1.1; expected a finite number from 0 to 1",
        ),
        (
            lambda: Impressions(-1), InvalidInput,
            "gamma is -1; expected a finite number from 0",
        ),
        (
            lambda: Policy(caps=Cap("a", 1)), TypeError,
            "caps is Cap(column='a', most=1, share=None); expected a tuple of Cap; for one, write "
            "(Cap(column='a', most=1, share=None),)",
        ),
        (
            lambda: Policy(boosts=(Diversity(0.5),)), TypeError,
            "boosts[0] is Diversity(weight=0.5); expected Boost or Recency or Popularity",
        ),
        (lambda: Policy(quotas=3), TypeError, "quotas is 3; expected a tuple of Quota"),
        (
            lambda: Policy(min_distinct=(3,)), TypeError,
            "min_distinct[0] is 3; expected MinDistinct",
        ),
        (
            lambda: Policy(diversity=0.5), TypeError,
            "diversity is 0.5; expected Diversity or None",
        ),
        (
            lambda: Policy(duplicates="x"), TypeError,
            "duplicates is 'x'; expected Duplicates or None",
        ),
        (
            lambda: Policy(impressions=1), TypeError,
            "impressions is 1; expected Impressions or None",
        ),
        (lambda: Policy(rescore=3), TypeError, "rescore is 3; expected a function, or None"),
        (
            lambda: Policy(boost_range=0.2), TypeError,
            "boost_range is 0.2; expected two numbers, or None",
        ),
        (
            lambda: Policy(boost_range=(0.2, 0.1)), InvalidInput,
            "boost_range is (0.2, 0.1); expected the lower end first",
        ),
        (lambda: Policy(pool=0), InvalidInput, "pool is 0; expected 1 to 2000"),
        (
            lambda: Policy(pool=501, rescore=len), InvalidInput,
            "pool is 501; expected 1 to 500",
        ),
        (
            lambda: Policy(distance_scale=0), InvalidInput,
            "distance_scale is 0; expected a finite number above 0",
        ),
    ],
)  # fmt: skip
def test_a_part_that_makes_no_sense_is_refused(make: Any, kind: Any, message: str) -> None:
    refused(make, kind, message)


@pytest.mark.parametrize(
    ("policy", "request_", "kind", "message"),
    [
        (Policy(), {"k": -1}, TypeError, "k is -1; expected a whole number, 0 or more"),
        (Policy(), {"k": 2.0}, TypeError, "k is 2.0; expected a whole number, 0 or more"),
        (
            Policy(diversity=Diversity(0.5)), {"k": 2_001}, InvalidInput,
            "k is 2001; expected 0 to 2000",
        ),
        (Policy(rescore=len), {"k": 501}, InvalidInput, "k is 501; expected 0 to 500"),
        (
            Policy(), {"batch_size": 0}, InvalidInput,
            "batch_size is 0; expected 1 to 2147483648",
        ),
        (
            Policy(), {"max_candidates": 0}, InvalidInput,
            "max_candidates is 0; expected 1 to 2147483648",
        ),
        (
            Policy(boosts=(Recency("released", 1, 1),)), {}, InvalidInput,
            "now is None, but the policy has Recency; give the time of the request",
        ),
        (
            Policy(boosts=(Recency("released", 1, 1),)), {"now": 12}, TypeError,
            "now is 12; expected a datetime, or a datetime64 that is a time",
        ),
        (
            Policy(impressions=Impressions(1)), {}, InvalidInput,
            "impressions is None, but the policy discounts them; give a mapping from ids to "
            "counts, {} where nothing was shown",
        ),
        (
            Policy(impressions=Impressions(1)), {"impressions": [1]}, TypeError,
            "impressions is [1]; expected a mapping or a function",
        ),
        (
            Policy(impressions=Impressions(1)), {"impressions": {1: -2}}, InvalidInput,
            "impressions of 1 are -2; expected 0 or more",
        ),
        (
            Policy(), {"blocked": ["artist"]}, TypeError,
            "blocked is ['artist']; expected a mapping from columns to their blocked values",
        ),
        (
            Policy(), {"blocked": {"artist": "X"}}, TypeError,
            "blocked['artist'] is 'X'; expected several values: {'X'}",
        ),
        (Policy(), {"blocked": {3: "X"}}, TypeError, f"a column of blocked is 3; {COLUMN}"),
        (
            Policy(duplicates=Duplicates("tags")), {}, InvalidInput,
            "column 'tags' holds tags, such as ('a', 'b'); Duplicates needs a column with one "
            "value for each item",
        ),
        (
            Policy(quotas=(Quota("tags", {"a": 1}),)), {}, InvalidInput,
            "column 'tags' holds tags, such as ('a', 'b'); Quota needs a column with one value "
            "for each item",
        ),
        (
            Policy(min_distinct=(MinDistinct("tags", 1),)), {}, InvalidInput,
            "column 'tags' holds tags, such as ('a', 'b'); MinDistinct needs a column with one "
            "value for each item",
        ),
        (
            Policy(boosts=(Boost("artist", 1),)), {}, InvalidInput,
            "column 'artist' holds text or tags; Boost needs numbers, or name values=",
        ),
        (
            Policy(boosts=(Popularity("artist", 1, 1),)), {}, InvalidInput,
            "column 'artist' holds text or tags; Popularity needs numbers",
        ),
        (
            Policy(boosts=(Recency("plays", 1, 1),)), {"now": NOW}, InvalidInput,
            "column 'plays' holds int64; Recency needs timestamps",
        ),
    ],
)  # fmt: skip
def test_a_request_that_makes_no_sense_is_refused(
    policy: Policy, request_: dict[str, Any], kind: Any, message: str
) -> None:
    columns = {"artist": ["X", "Y"], "tags": [(), ("a", "b")], "plays": np.array([1, 2])}
    index = FakeIndex([[0.0], [1.0]], columns)
    arguments = {"k": 2, **request_}
    refused(lambda: policy.apply(index, [1.0], **arguments), kind, message)


def test_what_a_policy_does_not_use_is_not_looked_at() -> None:
    """One call serves policies with and without these: the arms of an experiment, say."""
    index = FakeIndex([[0.0], [1.0]])
    result = Policy().apply(index, [1.0], 2, now="whenever", impressions=17)  # type: ignore[arg-type]
    assert len(result) == 2


def test_parts_and_policies_are_frozen_and_equal_by_value() -> None:
    assert Policy(caps=[Cap("a", 1)]) == Policy(caps=(Cap("a", 1),))  # type: ignore[arg-type]
    assert Quota("i", {"a": 0.5}) == Quota("i", (("a", 0.5),))
    assert Quota("i", {"a": 0.5, "b": 0.5}) != Quota("i", {"b": 0.5, "a": 0.5})  # ties differ
    assert len({Policy(), Policy(), Policy(pool=5)}) == 2
    assert repr(Boost("q", 1, values=["a"])) == (
        "Boost(column='q', weight=1.0, between=(0.0, 1.0), values=('a',))"
    )
    for part, name in ((Policy(), "pool"), (Cap("a", 1), "most")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, name, 3)
    assert dataclasses.replace(Policy(pool=5), pool=None) == Policy()
    assert Duplicates(min_cosine=np.float32(0.5)) == Duplicates(min_cosine=0.5)
