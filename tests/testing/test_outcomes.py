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
from tests.tables import table

CUSTOMER = Identifier.mobile("919738522695")


@table(
    ("outcome", "type_"),
    [
        (found(), Found),
        (not_found(), NotFound),
        (rejected(), Rejected),
        (unreadable(), Unreadable),
        (unavailable(), Unavailable),
    ],
)
def test_builds_each_ending(outcome: Outcome, type_: type) -> None:
    """With what every outcome has; all but the first raise what a lookup's outcome raises."""
    assert type(outcome) is type_
    assert outcome.attempts == 1
    assert outcome.item is outcome.query
    assert to_jsonable(outcome)["outcome"] == outcome.ending
    if type_ is not Found:
        with pytest.raises(LookupFailedError) as caught:
            outcome.unwrap()
        assert caught.value.outcome is outcome


def test_reads_a_body_as_the_client_does() -> None:
    """And returns it as it was sent."""
    body = interactions(email=[message(7)], sms=[])
    outcome = found(body)
    assert [item.id for _, item in outcome.customer.messages()] == [7]
    assert to_jsonable(outcome.customer) == body
    assert found(outcome.customer).customer is outcome.customer


def test_refuses_a_body_that_is_none() -> None:
    """A test's own mistake is not to look like a customer without interactions."""
    with pytest.raises(ValueError, match="interaction"):
        found({"interaction": 5})


@table("query", [CUSTOMER, Query(CUSTOMER)])
def test_takes_the_fields_of_an_outcome(query: Any) -> None:
    """The query, as an identifier too, and the item that it was made from."""
    outcome = unavailable("busy", query=query, retry_after=7.0, attempts=3, elapsed=2.0)
    assert outcome.query == Query(CUSTOMER)
    assert outcome.item == Query(CUSTOMER)
    assert (outcome.reason, outcome.retry_after, outcome.attempts) == ("busy", 7.0, 3)
    assert not_found(item="row 5").item == "row 5"
