"""Usual answers are read by functions of their own, and exactly as the careful functions read."""

import copy
import pickle
import random
import sys
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any, Final
from unittest.mock import patch

import attrs
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from capillary_interactions._json import reader as reader_module
from capillary_interactions._json import structure
from capillary_interactions._json.answer_fields import ALL_OBJECTS
from capillary_interactions._json.reader import Reader, SchemaMismatch
from capillary_interactions._json.usual import make_usual_reader

from .bodies import READER, envelope_message, flat_messages, sample
from .strategies import JSON, Json
from .test_any_answer import nearly_answers
from .test_zones import BERLIN, INDIA, WITH_OFFSETS, odd_answers


def _careful_reader(zone: tzinfo) -> Reader:
    """A reader that has cattrs' functions only."""

    def careful(_model: Any, _fields: Any, careful: Any, *_: Any, **__: Any) -> Any:
        return careful

    uncached = reader_module._answer_reader.__wrapped__
    with (
        patch.object(structure, "make_usual_reader", careful),
        patch.object(reader_module, "_answer_reader", uncached),
    ):
        return Reader(zone)


ZONES: Final = st.sampled_from([UTC, INDIA, BERLIN])
QUICK: Final[dict[tzinfo, Reader]] = {zone: Reader(zone) for zone in (UTC, INDIA, BERLIN)}
CAREFUL: Final[dict[tzinfo, Reader]] = {
    zone: _careful_reader(zone) for zone in (UTC, INDIA, BERLIN)
}
ODD: Final = WITH_OFFSETS | st.sampled_from(
    [True, False, -1, "-1", 7, "7", 7.0, 2**70, "null", " ", [], {}, [[]], {"id": 1}, "²"]
)


# One odd value in ten, so that most objects are usual and the others nearly so.
TEXTS: Final = st.sampled_from(["DELIVERED", " a@b.example ", "null", ""])
NUMBERS: Final = st.sampled_from([-1, 1685581782856, "7"])
DATES: Final = st.sampled_from(["09-06-2023 14:05:20", "2023-06-02T09:24:40Z", "soon"])
SENT: Final = {
    **dict.fromkeys(("receiver", "reciever", "sender", "subject", "status"), TEXTS),
    **dict.fromkeys(("id", "campaignId", "campaign_id", "userId", "user_id"), NUMBERS),
    **dict.fromkeys(("sentDate", "deliveredTime", "sent_time", "delivered_time"), DATES),
}
FLAT: Final = {"receiver", "subject", "status", "id", "campaignId", "userId", "sentDate"}


@st.composite
def usual_bodies(draw: st.DrawFn) -> Any:
    """Messages in either shape whose fields are the shape's own."""
    is_flat = draw(st.booleans())
    names = FLAT | {"deliveredTime"} if is_flat else set(SENT) - FLAT | {"id", "status", "subject"}
    sent = {
        name: draw(ODD if draw(st.integers(0, 9)) == 0 else SENT[name])
        for name in draw(st.permutations(sorted(names)))
        if draw(st.integers(0, 4))
    }
    return flat_messages(sent) if is_flat else envelope_message(**sent)


def described(value: Any) -> Any:
    """All of a value: types, private attributes, and which object it was read from."""
    if attrs.has(type(value)):
        members = {name: getattr(value, name) for name in value.__slots__ if name[0] != "_"}
        private = {name: getattr(value, name) for name in value.__slots__ if name[:2] != "__"}
        source = private.pop("_source")
        return type(value), id(source), *map(described, (members, private))
    if isinstance(value, dict):
        return [(key, described(member)) for key, member in value.items()]
    if isinstance(value, tuple | list):
        return type(value), [described(member) for member in value]
    if isinstance(value, datetime):
        return value.isoformat(), value.fold, id(value.tzinfo)
    return type(value), repr(value)


def outcome(read: Any, body: Any) -> Any:
    """What is read, or what is named as wrong."""
    try:
        return described(read(body))
    except SchemaMismatch as error:
        return error.path, error.expected, error.found, repr(error.__context__)


def _objects(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from _objects(member)


@st.composite
def odd_bodies(draw: st.DrawFn) -> Any:
    """Answers and other JSON, some with odd values, and with their names in any order."""
    body = copy.deepcopy(draw(odd_answers() | nearly_answers() | JSON))
    dice = random.Random(draw(st.integers(0, 2**16)))
    for sent in list(_objects(body)):
        names = list(sent)
        if names and draw(st.integers(0, 3)) == 0:
            sent[dice.choice([*names, "id", "count", "sentDate", "status"])] = draw(ODD)
        dice.shuffle(names)
        for name in names:
            sent[name] = sent.pop(name)
    return body


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=usual_bodies() | odd_bodies(), zone=ZONES)
@example(body=flat_messages({"id": True}), zone=UTC)
@example(body=flat_messages({"campaignId": -1, "userId": -1}, {"status": 1}), zone=UTC)
@example(body=flat_messages({"campaignId": 1, "userId": -1}), zone=UTC)
@example(body=flat_messages([]), zone=UTC)
@example(body=envelope_message(id="7", sent_time="2024-03-05 10:00:00"), zone=UTC)
@example(body=envelope_message(id=7, sent_time="soon"), zone=UTC)
@example(body=flat_messages({"status": 1}), zone=UTC)
@example(body=flat_messages({"sentDate": "soon", "id": None}, {"id": 1.5}), zone=UTC)
@example(body=envelope_message(sent_time="2024-10-27 02:30:00", id="x"), zone=BERLIN)
@example(body=flat_messages({"sentDate": "27-10-2024 02:30:00"}), zone=BERLIN)
def test_gives_what_is_read_with_care(body: Any, zone: tzinfo) -> None:
    """Values, types, time zones, what is kept of the answer, and mismatches with their paths."""
    assert outcome(QUICK[zone].read, body) == outcome(CAREFUL[zone].read, body)


def test_published_answers_are_usual() -> None:
    """Were they left to the careful functions, reading would take twice the time."""
    left: list[type] = []

    def counting(model: type, fields: Any, careful: Any, *known: Any, **more: Any) -> Any:
        def read(sent: Any) -> Any:
            left.append(model)
            return careful(sent)

        return make_usual_reader(model, fields, read, *known, **more)

    with (
        patch.object(structure, "make_usual_reader", counting),
        patch.object(reader_module, "_answer_reader", reader_module._answer_reader.__wrapped__),
    ):
        reader = Reader(UTC)
    for name in ("documented", "flat_phone_mirrors_sms", "envelope"):
        reader.read(orjson.loads(sample(name)))
    assert left == []


def _read_values() -> Iterator[Any]:
    """A value of each model, as it was read."""
    body = flat_messages({"id": 1, "sentDate": "05-03-2024 10:00:00"})
    body["customer"] = {"id": 7}
    body["interaction"][0] |= {"surveys": [{"npsScore": 9}], "locations": [{"lat": 1}]}
    answer = READER.read(body)
    (interaction,) = answer.interactions
    yield from (answer, answer.customer, interaction)
    yield from (*interaction.messages, *interaction.surveys, *interaction.locations)


def test_a_value_is_like_one_that_was_made() -> None:
    """It is equal to it, has its hash, is as large, can be pickled and copied, and is frozen."""
    values: list[Any] = list(_read_values())
    assert {type(value) for value in values} == {objects.model for objects in ALL_OBJECTS}
    for value in values:
        public = [name for name in value.__slots__ if name[0] != "_"]
        made = type(value)(**{name: getattr(value, name) for name in public})
        assert (made, hash(made), repr(made)) == (value, hash(value), repr(value))
        assert attrs.fields(type(made)) == attrs.fields(type(value))
        assert sys.getsizeof(made) == sys.getsizeof(value)
        again = pickle.loads(pickle.dumps(value))  # noqa: S301 - our own
        assert again == copy.deepcopy(value) == value
        assert attrs.evolve(value, extra={"more": 1}) != value
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            value.extra = {}
        assert weakref.ref(value)() is value
