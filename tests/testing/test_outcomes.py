"""Outcomes built by hand: each is what a lookup would have given."""

from typing import Any

import pytest

from capillary_interactions import (
    Found,
    Identifier,
    LookupFailedError,
    NotFound,
    Outcome,
    Query,
    Rejected,
    Unavailable,
    Unreadable,
    to_jsonable,
)
from capillary_interactions.testing import (
    found,
    interactions,
    message,
    not_found,
    rejected,
    unavailable,
    unreadable,
)

WHO = Identifier.mobile("919738522695")


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (found(), Found),
        (not_found(), NotFound),
        (rejected(), Rejected),
        (unreadable(), Unreadable),
        (unavailable(), Unavailable),
    ],
)
def test_builds_each_ending(outcome: Outcome, kind: type) -> None:
    """With what every outcome tells, and nothing to be filled in."""
    assert type(outcome) is kind
    assert outcome.attempts == 1
    assert outcome.item is outcome.query
    assert to_jsonable(outcome)["outcome"] == outcome.ending


def test_reads_a_body_as_the_client_does() -> None:
    """And gives it back as it was sent."""
    body = interactions(email=[message(7)], sms=[])
    outcome = found(body)
    assert [each.id for _, each in outcome.customer.messages()] == [7]
    assert to_jsonable(outcome.customer) == body
    assert found(outcome.customer).customer is outcome.customer


def test_refuses_a_body_that_is_none() -> None:
    """A test's own mistake is not to look like a customer without interactions."""
    with pytest.raises(ValueError, match="interaction"):
        found({"interaction": 5})


@pytest.mark.parametrize("asked", [WHO, Query(WHO)])
def test_takes_whatever_an_outcome_tells(asked: Any) -> None:
    """The query, as an identifier too, and the item that it was made from."""
    outcome = unavailable("busy", query=asked, retry_after=7.0, attempts=3, elapsed=2.0)
    assert outcome.query == Query(WHO)
    assert outcome.item == Query(WHO)
    assert (outcome.reason, outcome.retry_after, outcome.attempts) == ("busy", 7.0, 3)
    assert not_found(item="row 5").item == "row 5"


@pytest.mark.parametrize("make", [not_found, rejected, unreadable, unavailable])
def test_fails_when_it_is_unwrapped(make: Any) -> None:
    """As the real one does."""
    outcome = make()
    with pytest.raises(LookupFailedError) as failed:
        outcome.unwrap()
    assert failed.value.outcome is outcome
