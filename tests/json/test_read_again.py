"""What is written of an answer is read again: as a job does for its tables."""

from typing import Any, Final

import orjson
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from capillary_interactions import CustomerInteractions, to_jsonable
from capillary_interactions._json.fields import SchemaMismatch
from tests.tables import table

from .bodies import READER, envelope, envelope_message

# The words of both shapes, each of which may stand anywhere.
FLAT: Final = (
    *("name", "interaction", "warnings", "customer", "truncated", "count", "network"),
    *("messageList", "surveys", "locations", "usedStatus", "lastInteractionTime", "id"),
    *("receiver", "subject", "campaignId", "status", "sentDate", "deliveredTime", "userId"),
    *("npsScore", "sentBy", "responseUrl", "sentTime", "completionTime", "lat", "long", "time"),
    *("mobile", "email", "externalId", "_surveys", "_id"),
)
ENVELOPE: Final = (
    *("type", "messages", "message", "survey", "locs", "loc", "used_status", "total"),
    *("last_interaction_time", "reciever", "sender", "campaign_id", "sent_time", "user_id"),
    *("delivered_time", "nps_score", "completion_time", "external_id", "item_status"),
)
DATE: Final = st.sampled_from(["01-02-2024 10:00:00", "2024-02-01T10:00:00Z", "45837-06-15", "x"])
VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 99) | st.floats(0, 1) | st.just("null") | DATE,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FLAT), inner, max_size=2)
    ),
    max_leaves=4,
)
UNKNOWN: Final = st.dictionaries(st.sampled_from(FLAT + ENVELOPE), VALUES, max_size=4)


def _with(known: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with what it is known by, and any words of both shapes beside it."""
    return UNKNOWN.map(lambda more: {**more, **known})


@st.composite
def envelopes(draw: st.DrawFn) -> dict[str, Any]:
    """Envelopes with one message, in which anything may stand beside what is known."""
    message = draw(_with({"id": 7, "reciever": "someone"}))
    surveys = {**draw(UNKNOWN), **draw(st.sampled_from([{}, {"survey": []}]))}
    interaction = draw(
        _with({"type": "email", "messages": {**draw(UNKNOWN), "message": [message]}})
    )
    if draw(st.booleans()):
        interaction["surveys"] = surveys
    network = draw(_with({"name": "capillary", "interaction": [interaction]}))
    customer = draw(_with({"interactions": {**draw(UNKNOWN), "network": [network]}}))
    return {**draw(UNKNOWN), "response": draw(_with({"customer": customer}))}


def _again(found: CustomerInteractions) -> CustomerInteractions:
    return READER.read(orjson.loads(orjson.dumps(to_jsonable(found))))


@settings(max_examples=16, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(envelopes())
@example(
    envelope(
        {
            "type": "email",
            "messages": {"message": [{"id": 7}]},
            "surveys": {"survey": [], "total": "0"},
        }
    )
)
def test_is_the_same_answer(body: dict[str, Any]) -> None:
    """Whatever stands in an envelope under a word of the flat answer's own is none of that."""
    body.pop("interaction", None)
    try:
        found = READER.read(body)
    except SchemaMismatch:
        return
    again = _again(found)
    assert [message.id for _, message in again.messages()] == [
        message.id for _, message in found.messages()
    ]
    for (_, second), (_, first) in zip(again.messages(), found.messages(), strict=True):
        assert (second.receiver, second.sent_at, second.user_id) == (
            first.receiver,
            first.sent_at,
            first.user_id,
        )
    assert again.truncated is found.truncated
    assert to_jsonable(again) == to_jsonable(found)


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"x": value}
    return value


@table("levels", range(58, 66))
def test_is_an_answer_however_deep_its_unknown_fields_are(levels: int) -> None:
    """What is read from an envelope at all is not too deep where a flat answer has it."""
    for body in (
        envelope_message(id=7, x=_nested(levels)),
        envelope({"type": "email", "messages": {"message": [{"id": 7}], "x": _nested(levels)}}),
        envelope({"type": "email", "messages": {"message": [{"id": 7}]}}, x=_nested(levels)),
        {**envelope_message(id=7), "x": _nested(levels)},
    ):
        for where in ("network", "interactions"):
            customer = body["response"]["customer"]
            if where == "interactions":
                customer["interactions"]["x"] = _nested(levels)
            else:
                customer["interactions"]["network"][0]["x"] = _nested(levels)
            try:
                found = READER.read(body)
            except SchemaMismatch:
                continue
            assert [message.id for _, message in _again(found).messages()] == [7]


def test_keeps_an_odd_date_under_its_own_name() -> None:
    """The text of a date that cannot be read is no other thing than that date."""
    found = READER.read(envelope_message(id=7, sent_time="x", sentDate="y"))
    ((_, message),) = found.messages()
    assert message.extra == {"sent_time": "x", "sentDate": "y"}
    ((_, again),) = _again(found).messages()
    assert again.extra == message.extra
