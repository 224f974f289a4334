"""The table from outcome to HTTP answer, which every framework shares."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import Identifier, Outcome, Query
from capillary_interactions.integrations import aiohttp_web, litestar, starlette
from capillary_interactions.integrations.web import (
    MalformedIdentifierError,
    answer_to,
    answer_to_failure,
    identified,
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

MOBILE = "919738522695"
SERVER_TEXT = f"the mobile {MOBILE} of a.person@example.com is wrong"
PERSON = Query(Identifier.mobile(MOBILE))


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (found(), 200),
        (found(interactions(email=[message(1)])), 200),
        (not_found(), 404),
        (rejected("card identifiers need v1.1", status=None, attempts=0), 400),
        (rejected(status=400), 400),
        (rejected(status=200, code=1001), 400),
        (rejected(status=500, code=1104), 400),
        (rejected(status=403), 502),
        (rejected(status=404), 502),
        (rejected(status=200, code=404), 502),
        (rejected(status=302), 502),
        (rejected(status=200, code=1999), 502),
        (unreadable(), 502),
        (unavailable(), 503),
        (unavailable(status=None, attempts=0, retry_after=3.0), 503),
    ],
)
def test_has_a_status_for_each_ending(outcome: Outcome, status: int) -> None:
    """A question that is wrong is the asker's fault; other refusals are the application's."""
    answer = answer_to(outcome)
    assert answer.status == status
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_gives_the_answer_as_it_came() -> None:
    """In the server's own field names."""
    sent = interactions(email=[message(1)], sms=[])
    answer = answer_to(found(sent))
    assert orjson.loads(answer.body) == sent
    assert answer.headers == {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("seconds", "header"),
    [(None, "1"), (0.0, "1"), (0.2, "1"), (1.0, "1"), (1.01, "2"), (7.0, "7"), (3600.0, "3600")],
)
def test_asks_for_integer_seconds(seconds: float | None, header: str) -> None:
    """Never fewer than the server asked for, and never none at all."""
    assert answer_to(unavailable(retry_after=seconds)).headers["Retry-After"] == header


@pytest.mark.parametrize("make", [not_found, rejected, unreadable, unavailable])
def test_tells_a_problem_without_anything_personal(make: Any) -> None:
    """Neither the customer nor any of the server's text."""
    answer = answer_to(make(SERVER_TEXT, query=PERSON))
    problem = orjson.loads(answer.body)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail", "outcome"}
    assert problem["status"] == answer.status
    assert problem["outcome"] == make.__name__
    for part in (SERVER_TEXT, MOBILE, "a.person"):
        assert part not in f"{answer.body!r} {answer}"


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("mobile", "", "mobile must not be blank"),
        ("mobile", " \t", "mobile must not be blank"),
        ("email", f"a.person@example.com\n{MOBILE}", "email must not hold control characters"),
        ("external_id", f"{MOBILE}\x00", "external_id must not hold control characters"),
        ("mobile", f"{MOBILE}\ud800", "must be valid Unicode"),
        ("mobile", f"{MOBILE}x1", "mobile must be digits with the country code"),
        ("phone", MOBILE, "an identifier's name must be one of mobile, email"),
        (MOBILE, "mobile", "an identifier's name must be one of mobile, email"),
    ],
)
def test_answers_what_cannot_be_asked_for(name: str, value: str, part: str) -> None:
    """422, what is wrong with it and what was given, masked; the application catches nothing."""
    with pytest.raises(MalformedIdentifierError, match=part) as caught:
        identified(name, value)
    answer = answer_to_failure(caught.value)
    problem = orjson.loads(answer.body)
    assert answer.status == problem["status"] == 422
    assert answer.headers == {"Content-Type": "application/problem+json"}
    assert part in problem["detail"]
    assert "***" in problem["given"]
    for personal in (MOBILE, "a.person", "example"):
        assert personal not in f"{answer.body!r} {caught.value!r} {caught.value}"


@given(name=st.sampled_from(["mobile", "email"]) | st.text(max_size=5), value=st.text(max_size=20))
def test_answers_any_name_and_value(name: str, value: str) -> None:
    """It is an identifier, or has an answer in JSON; no other error comes out."""
    became: tuple[str, str] | int
    try:
        who = identified(name, value)
        became = (who.name.value, who.value)
    except MalformedIdentifierError as error:
        became = orjson.loads(answer_to_failure(error).body)["status"]
    assert became in {422, (name, value)}


@given(
    status=st.none() | st.integers(100, 599),
    code=st.none() | st.integers(0, 9999),
    attempts=st.integers(0, 5),
)
def test_blames_somebody_for_whatever_is_rejected(
    status: int | None, code: int | None, attempts: int
) -> None:
    """It is the asker or the application, whatever Capillary comes up with."""
    outcome = rejected(status=status, code=code, attempts=attempts)
    assert answer_to(outcome).status in {400, 502}


@pytest.mark.parametrize("outcome", [found(), not_found(), unavailable(retry_after=7.0)])
def test_is_the_same_in_every_framework(outcome: Outcome) -> None:
    """Status, body and headers, in each framework's own response."""
    answer = answer_to(outcome)
    of_starlette = starlette.response_to(outcome)
    of_aiohttp = aiohttp_web.response_to(outcome)
    of_litestar = litestar.response_to(outcome)
    statuses = (of_starlette.status_code, of_aiohttp.status, of_litestar.status_code)
    assert set(statuses) == {answer.status}
    assert {bytes(of_starlette.body), of_aiohttp.body, of_litestar.content} == {answer.body}
    retry = answer.headers.get("Retry-After")
    assert of_starlette.headers.get("Retry-After") == retry
    assert of_aiohttp.headers.get("Retry-After") == retry
    assert of_litestar.headers.get("Retry-After") == retry
    kinds = (of_starlette.media_type or of_starlette.headers["Content-Type"],
             of_aiohttp.content_type, of_litestar.media_type)  # fmt: skip
    assert {str(kind) for kind in kinds} == {answer.headers["Content-Type"]}
