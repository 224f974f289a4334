"""A flat answer comes back as it was sent, and every other in the same vocabulary, whole."""

from datetime import UTC, datetime
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capillary_interactions import (
    Customer,
    CustomerInteractions,
    Found,
    Identifier,
    Interaction,
    Message,
    Network,
    NotFound,
    Query,
    Rejected,
    Survey,
    Unavailable,
    Unreadable,
    to_jsonable,
)
from capillary_interactions._model.interactions import Location
from capillary_interactions._protocol.paging import with_truncated
from tests.tables import table

from .bodies import QUERY, envelope, flat, flat_messages, read
from .generations import as_envelope, as_flat, as_old_envelope
from .strategies import FLAT_ANSWERS, STORIES, Json

laws = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _without_nulls(sent: Any) -> Any:
    if isinstance(sent, dict):
        return {key: _without_nulls(each) for key, each in sent.items() if each is not None}
    return [_without_nulls(each) for each in sent] if isinstance(sent, list) else sent


@laws
@given(sent=FLAT_ANSWERS)
def test_gives_a_flat_answer_back_as_it_was_sent(sent: Json) -> None:
    """To the byte, the order of its fields included; only nulls are left out.

    It reads as the same model, as it was sent and from the fields of a changed copy.
    """
    written = to_jsonable(read(sent))
    assert orjson.dumps(written) == orjson.dumps(_without_nulls(sent))
    answer = read(_without_nulls(sent))
    copy = with_truncated(answer, truncated=True)
    assert read(to_jsonable(answer)) == answer
    assert read(to_jsonable(copy)) == copy
    assert to_jsonable(copy)["truncated"] is True


@laws
@given(story=STORIES, nothing=st.sampled_from(["", "null"]))
def test_one_history_is_one_model_and_written_in_one_way(story: Json, nothing: str) -> None:
    """Flat, in the envelope, and in the old envelope with all its habits."""
    whole = read(as_flat(story))
    answer = read(as_envelope(story))
    assert answer == whole
    assert read(as_old_envelope(story, nothing)) == whole
    # In the flat vocabulary, which reads as the same model again.
    written = to_jsonable(answer)
    assert written["customer"] == as_flat(story)["customer"]
    for interaction, flat_one in zip(
        written["interaction"], as_flat(story)["interaction"], strict=True
    ):
        assert interaction["network"] == flat_one["network"]
        assert interaction.get("messageList") == flat_one["messageList"]
    assert to_jsonable(read(as_old_envelope(story, nothing)))["customer"] == written["customer"]
    assert read(written) == answer


def test_drops_nothing_of_an_envelope() -> None:
    """What is unknown at any level is written, even where its name is taken."""
    body = envelope(
        {
            "type": "email",
            "count": "1",
            "name": "kept-1",
            "network": "kept-2",
            "colour": "kept-3",
            "latest_nps_score": "kept-4",
            "messages": {
                "message": [{"id": 1, "tags": ["kept-5"], "campaignId": "kept-6"}],
                "x": "kept-7",
            },
            "surveys": {
                "survey": {"name": "s", "x": "kept-8", "npsScore": "kept-9"},
                "x": "kept-10",
            },
            "locs": {"loc": {"lat": "1.5", "city": "kept-11"}, "x": "kept-12"},
            "last_interaction_time": "kept-13",
        },
        tier="kept-14",
        externalId="kept-15",
        external_id="x",
    )
    body["response"]["customer"]["interactions"]["network"][0]["x"] = "kept-16"
    body["response"]["customer"]["interactions"]["x"] = "kept-17"
    body["response"]["page"] = "kept-18"
    body["response"]["warnings"] = ["kept-19"]
    body["more"] = "kept-20"
    text = orjson.dumps(to_jsonable(read(body))).decode()
    assert [n for n in range(1, 21) if f'"kept-{n}"' not in text] == []


def test_writes_a_name_that_is_taken_beside_the_other() -> None:
    """The model's field keeps its name; the unknown one steps aside."""
    answer = read(envelope({"type": "email", "count": 0, "name": "Newsletter", "_name": "x"}))
    (interaction,) = to_jsonable(answer)["interaction"]
    assert interaction["name"] == "email"
    assert {interaction["_name"], interaction["__name"]} == {"Newsletter", "x"}


def test_writes_an_answer_that_nobody_sent() -> None:
    """From its fields, in the server's names, without what is not given."""
    moment = datetime(2023, 6, 2, 9, 24, 40, tzinfo=UTC)
    answer = CustomerInteractions(
        interactions=(
            Interaction(
                name="email",
                count=1,
                network="capillary",
                messages=(Message(id=1, campaign_id=5, sent_at=moment, delivered_at=moment),),
                surveys=(Survey(name="NPS", nps_score=9),),
                locations=(Location(lat=1.5, time=moment),),
                used=False,
                last_interaction_at=moment,
                extra={"x": None, "y": 1},
            ),
        ),
        customer=Customer(external_id="X1"),
    )
    assert to_jsonable(answer) == {
        "customer": {"externalId": "X1"},
        "interaction": [
            {
                "name": "email",
                "network": "capillary",
                "count": 1,
                "messageList": [
                    {
                        "id": 1,
                        "campaignId": 5,
                        "deliveredTime": "2023-06-02T09:24:40Z",
                        "sentDate": "02-06-2023 09:24:40",
                    }
                ],
                "surveys": [{"name": "NPS", "npsScore": 9}],
                "locations": [{"lat": 1.5, "time": "2023-06-02T09:24:40Z"}],
                "usedStatus": False,
                "lastInteractionTime": "2023-06-02T09:24:40Z",
                "y": 1,
            }
        ],
        "warnings": [],
    }


def test_writes_a_changed_copy_as_it_is_now() -> None:
    """What was sent is forgotten by a copy that says something else."""
    ((_, message),) = read(flat_messages({"id": 1, "status": "SENT"})).messages()
    assert to_jsonable(attrs.evolve(message, status="OPENED")) == {"id": 1, "status": "OPENED"}


def test_gives_copies_away() -> None:
    """Changing what was written changes nothing here."""
    answer = read(flat_messages({"id": 1, "tags": ["a"]}))
    written = to_jsonable(answer)
    written["interaction"][0]["messageList"][0]["tags"].append("b")
    assert to_jsonable(answer) == flat_messages({"id": 1, "tags": ["a"]})


COMMON: dict[str, Any] = {
    "query": QUERY,
    "item": object(),
    "attempts": 2,
    "elapsed": 0.5,
    "waited": 0.1,
}
ASKED = {"identifierName": "mobile", "identifierValue": "919738522695"}
TIMES = {"attempts": 2, "elapsed": 0.5, "waited": 0.1}


@table(
    ("outcome", "expected"),
    [
        (Found(customer=read(flat()), **COMMON), {"outcome": "found", "answer": flat()}),
        (
            NotFound(reason="no", code=1012, **COMMON),
            {"outcome": "not_found", "reason": "no", "code": 1012},
        ),
        (
            Rejected(reason="no", status=400, **COMMON),
            {"outcome": "rejected", "reason": "no", "status": 400},
        ),
        (
            Unreadable(reason="no", path="name", body=b"secret", **COMMON),
            {"outcome": "unreadable", "reason": "no", "path": "name"},
        ),
        (
            Unavailable(reason="no", status=503, retry_after=2.0, **COMMON),
            {"outcome": "unavailable", "reason": "no", "status": 503, "retryAfter": 2.0},
        ),
    ],
)
def test_writes_each_outcome(outcome: object, expected: dict[str, Any]) -> None:
    """With what was asked, how it ended, and what it took; never the body."""
    assert to_jsonable(outcome) == {**expected, "query": ASKED, **TIMES}


def test_writes_durations_without_the_last_digits_of_a_float() -> None:
    """To the microsecond: what lies beyond is only what subtracting two clocks' readings leaves."""
    took = {"elapsed": 0.015000000000327418, "waited": 1e-9}
    written = to_jsonable(Unavailable(reason="no", retry_after=0.1 + 0.2, **COMMON | took))
    assert (written["elapsed"], written["waited"], written["retryAfter"]) == (0.015, 0.0, 0.3)


def test_writes_the_servers_name_for_a_request() -> None:
    """For a question to the vendor's support."""
    written = to_jsonable(NotFound(reason="no", request_id="r-1", **COMMON))
    assert written["requestId"] == "r-1"


def test_writes_all_of_a_query() -> None:
    """As it was given, with the extra parameters."""
    query = Query(
        Identifier.email("a@b.co"),
        network="facebook",
        type="like",
        limit=5,
        offset=0,
        source="INSTORE",
        account_id="1",
        extra={"fetch_type": "x"},
    )
    assert to_jsonable(query) == {
        "identifierName": "email",
        "identifierValue": "a@b.co",
        "network": "facebook",
        "type": "like",
        "limit": 5,
        "offset": 0,
        "source": "INSTORE",
        "accountId": "1",
        "fetch_type": "x",
    }


def test_writes_plain_values_as_they_are() -> None:
    """Sequences and mappings of them too, enums by their value, and datetimes as ISO 8601."""
    moment = datetime(2023, 6, 2, tzinfo=UTC)
    assert to_jsonable((1, [2.5, None], {Network.TWITTER: Network.FACEBOOK, 3: moment})) == [
        1,
        [2.5, None],
        {"twitter": "facebook", "3": "2023-06-02T00:00:00Z"},
    ]


@table("value", [object(), b"bytes", {1, 2}, QUERY.identifier.__class__])
def test_refuses_what_has_no_json_form(value: object) -> None:
    """With its type, and without what is in it."""
    with pytest.raises(TypeError, match=f"a {type(value).__name__} has no JSON form here"):
        to_jsonable([value])
