"""An answer's dates are the same instants, whatever its cluster writes them like."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

import attrs
import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capillary_interactions import CustomerInteractions, Message, to_jsonable
from capillary_interactions._json.dates import format_day_first, format_iso, make_date_parser
from capillary_interactions._json.reader import Reader
from capillary_interactions._protocol.paging import with_truncated
from tests.tables import table

from .bodies import envelope_message, flat_messages, read
from .generations import as_envelope, as_flat
from .strategies import FLAT_ANSWERS, STORIES, Json

laws = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])

INDIA: Final = ZoneInfo("Asia/Kolkata")
BERLIN: Final = ZoneInfo("Europe/Berlin")
NEPAL: Final = timezone(timedelta(hours=5, minutes=45))
PARSE: Final = make_date_parser(UTC)
ZONES: Final[Sequence[tzinfo]] = (UTC, INDIA, BERLIN, NEPAL)
READERS: Final = {zone: Reader(zone) for zone in ZONES}
# The dates of both shapes.
DATES: Final = (
    *("sentDate", "deliveredTime", "sentTime", "completionTime", "time", "lastInteractionTime"),
    *("sent_time", "delivered_time", "completion_time", "last_interaction_time"),
)


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    """A moment of the fifth of March 2024, in UTC."""
    return datetime(2024, 3, 5, hour, minute, second, tzinfo=UTC)


def message(body: Json, zone: tzinfo = UTC) -> Message:
    """The first message of an answer."""
    return next(message for _, message in read(body, reader=READERS[zone]).messages())


def both_shapes(sent: str, delivered: str | None = None, **more: str) -> Iterator[Json]:
    """A message in both shapes; `more` has copies of its dates, as `sent_copy` and the like."""
    copies = {name.removesuffix("_copy"): text for name, text in more.items()}
    for build, names in (
        (flat_messages, {"sent": "sentDate", "delivered": "deliveredTime"}),
        (envelope_message, {"sent": "sent_time", "delivered": "delivered_time"}),
    ):
        fields = {names["sent"]: sent, **{f"{names[n]}ISO": text for n, text in copies.items()}}
        if delivered is not None:
            fields[names["delivered"]] = delivered
        yield build(fields) if build is flat_messages else build(**fields)


@table(
    ("texts", "zone", "sent_at", "delivered_at"),
    [
        # The copy counts before everything else, in any offset.
        ({"sent": "05-03-2024 10:00:00", "sent_copy": "2024-03-05T10:00:00+05:30"}, UTC,
         at(4, 30), None),
        ({"sent": "05-03-2024 10:00:00", "sent_copy": "2024-03-05T04:30:00Z"}, BERLIN,
         at(4, 30), None),
        ({"sent": "05-03-2024 10:00:00", "sent_copy": "2024-03-05T04:30:00.5+00:00"}, INDIA,
         at(4, 30).replace(microsecond=500_000), None),
        ({"sent": "45837-03-05 10:00:00", "sent_copy": "2024-03-05T10:00:00+05:30"}, UTC,
         at(4, 30), None),
        # One that names no offset, or is no date, is none.
        ({"sent": "05-03-2024 10:00:00", "sent_copy": "2024-03-05T12:00:00"}, INDIA,
         at(4, 30), None),
        ({"sent": "05-03-2024 10:00:00", "sent_copy": "soon"}, INDIA, at(4, 30), None),
        # Then the offset of the other date of the message, or of its copy.
        ({"sent": "05-03-2024 10:00:00", "delivered": "2024-03-05T10:00:05+05:30"}, UTC,
         at(4, 30), at(4, 30, 5)),
        ({"sent": "2024-03-05 10:00:00", "delivered": "2024-03-05T10:00:05+0530"}, BERLIN,
         at(4, 30), at(4, 30, 5)),
        ({"sent": "2024-03-05 10:00:00", "delivered": "2024-03-05T10:00:05+00:00"}, INDIA,
         at(10), at(10, 0, 5)),
        ({"sent": "05-03-2024 10:00:00", "delivered": "2024-03-05 10:00:05",
          "sent_copy": "2024-03-05T10:00:00+05:30"}, UTC, at(4, 30), at(4, 30, 5)),
        # But Z is a spelling that may be any server's.
        ({"sent": "05-03-2024 10:00:00", "delivered": "2024-03-05T04:30:05Z"}, INDIA,
         at(4, 30), at(4, 30, 5)),
        ({"sent": "05-03-2024 10:00:00", "delivered": "2024-03-05T10:00:05Z"}, UTC,
         at(10), at(10, 0, 5)),
        # An offset that no zone has says nothing of others.
        ({"sent": "05-03-2024 10:00:00", "delivered": "2024-03-05T10:00:05+05:31"}, UTC,
         at(10), at(4, 29, 5)),
        ({"sent": "05-03-2024 10:00:00", "delivered": "2024-03-05T10:00:05+19:00"}, UTC,
         at(10), datetime(2024, 3, 4, 15, 0, 5, tzinfo=UTC)),
        # Else the reader's.
        ({"sent": "05-03-2024 10:00:00"}, INDIA, at(4, 30), None),
        ({"sent": "05-03-2024 10:00:00"}, UTC, at(10), None),
    ],
)  # fmt: skip
def test_follows_the_order(
    texts: dict[str, str], zone: tzinfo, sent_at: datetime, delivered_at: datetime | None
) -> None:
    """The copy, the offset of another date, the reader's zone; given in the reader's."""
    for body in both_shapes(**texts):
        found = message(body, zone)

        assert (found.sent_at, found.delivered_at) == (sent_at, delivered_at)
        assert found.sent_at is not None
        assert found.sent_at.tzinfo is zone


def test_takes_the_offset_of_another_message() -> None:
    """Of the same answer, and where it is the only one; also for what is no message."""
    shown = {"id": 1, "deliveredTime": "2024-03-05T10:00:05+05:30"}
    bare = {"id": 2, "sentDate": "05-03-2024 10:00:00"}
    other = {"id": 3, "deliveredTime": "2024-03-05T10:00:05+08:00"}
    survey = {"name": "survey", "count": 1, "surveys": [{"sentTime": "2024-03-05 10:00:00"}]}

    def sent(*messages: Json) -> datetime | None:
        body = flat_messages(*messages)
        body["interaction"].append(survey)
        answer = read(body, reader=READERS[UTC])
        (by_survey,) = answer.interactions[1].surveys
        (by_message,) = (one.sent_at for _, one in answer.messages() if one.id == 2)
        assert by_survey.sent_at == by_message
        return by_message

    assert sent(shown, bare) == sent(bare, shown) == at(4, 30)
    assert sent(shown, bare, other) == sent(bare) == at(10)


def test_believes_a_zone_that_explains_every_offset() -> None:
    """Of a zone with summer time, an offset in summer says nothing of a winter's date."""
    summer = {"id": 1, "deliveredTime": "2024-07-05T10:00:00+02:00"}
    winter = {"id": 2, "sentDate": "05-03-2024 10:00:00"}
    odd = {"id": 3, "deliveredTime": "2024-03-05T10:00:05+05:30"}

    late = {"id": 4, "deliveredTime": "2024-03-05T10:00:05+02:00"}

    for messages in ((summer, winter), (summer, winter, odd), (summer, winter, late)):
        answer = read(flat_messages(*messages), reader=READERS[BERLIN])
        (sent_at,) = (one.sent_at for _, one in answer.messages() if one.id == 2)
        assert sent_at == at(9)


@table(
    ("more", "expected"),
    [
        ({}, "00:30"),
        ({"delivered": "2024-10-27T02:30:05+02:00"}, "00:30"),
        ({"delivered": "2024-10-27T02:30:05+01:00"}, "01:30"),
        ({"delivered": "2024-10-27T01:30:05Z"}, "00:30"),
        ({"sent_copy": "2024-10-27T02:30:00+01:00"}, "01:30"),
        ({"sent_copy": "2024-10-27T01:30:00Z"}, "01:30"),
    ],
)
def test_reads_a_local_time_that_occurs_twice(more: dict[str, str], expected: str) -> None:
    """As the answer shows it, else as the first of the two; written, it is the same again."""
    for body in both_shapes("2024-10-27 02:30:00", **more):
        found = message(body, BERLIN)
        assert found.sent_at is not None
        assert f"{found.sent_at.astimezone(UTC):%H:%M}" == expected
        written = to_jsonable(read(body, reader=READERS[BERLIN]))
        again = message(written, BERLIN).sent_at
        assert again is not None
        assert (again, again.utcoffset()) == (found.sent_at, found.sent_at.utcoffset())


def test_gives_copies_back() -> None:
    """Byte for byte in a flat answer; of an envelope with the other fields, and as sent."""
    sent, enveloped = both_shapes(
        "2024-03-05 10:00:00", sent_copy="2024-03-05T10:00:00+05:30", delivered_copy="soon"
    )

    assert orjson.dumps(to_jsonable(read(sent))) == orjson.dumps(sent)
    ((_, found),) = read(enveloped).messages()
    copies = {"sent_timeISO": "2024-03-05T10:00:00+05:30", "delivered_timeISO": "soon"}
    assert found.extra == copies
    assert to_jsonable(found) == {"sentDate": "05-03-2024 04:30:00", **copies}


def test_a_changed_copy_is_not_read_as_it_was_before() -> None:
    """The copies of its dates stand under names that no reader takes for them."""
    (body, _) = both_shapes("2024-03-05 10:00:00", sent_copy="2024-03-05T10:00:00+05:30")
    changed = attrs.evolve(message(body), sent_at=at(23))
    written = to_jsonable(changed)

    assert written == {
        "sentDate": "05-03-2024 23:00:00",
        "_sentDateISO": "2024-03-05T10:00:00+05:30",
    }
    assert message(flat_messages(written)).sent_at == at(23)


def test_reads_each_answer_by_itself_in_several_threads() -> None:
    """The offset of one is not that of another that is read meanwhile."""
    offsets = [5.5, 8, -5, 0.25] * 25

    def sent_at(hours: float) -> datetime | None:
        zone = timezone(timedelta(hours=hours))
        delivered = format_iso(at(12).astimezone(zone))
        bodies = both_shapes(format_day_first(at(12).astimezone(zone)), delivered)
        return message(next(bodies)).sent_at

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(sent_at, offsets)) == {at(12)}


def instants(answer: CustomerInteractions) -> list[Any]:
    """Everything in an answer but what is unknown, with its dates in UTC."""

    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        if isinstance(value, tuple):
            return [plain(one) for one in value]
        if attrs.has(type(value)):
            fields = (one.name for one in attrs.fields(type(value)) if one.name[0] != "_")
            return [plain(getattr(value, name)) for name in fields if name != "extra"]
        return value

    return [plain(answer)]


def clustered(value: Any, zone: tzinfo, *, copies: bool) -> Any:
    """An answer of Europe, whose dates are in UTC, as a cluster elsewhere writes it."""
    if isinstance(value, list):
        return [clustered(one, zone, copies=copies) for one in value]
    if not isinstance(value, dict):
        return value
    written: Json = {}
    for name, member in value.items():
        moment = PARSE(member) if name in DATES and isinstance(member, str) else None
        if moment is None or name == "deliveredTime":
            written[name] = clustered(member, zone, copies=copies)
            continue
        local = moment.astimezone(zone)
        day = "%d-%m-%Y" if name == "sentDate" else "%Y-%m-%d"
        written[name] = f"{local:{day} %H:%M:%S}"
        if copies:
            written[f"{name}ISO"] = format_iso(local)
    return written


@laws
@given(
    story=STORIES,
    shape=st.sampled_from([as_flat, as_envelope]),
    cluster=st.sampled_from([(INDIA, INDIA, False), (NEPAL, NEPAL, False), (INDIA, UTC, True),
                             (BERLIN, UTC, True), (BERLIN, BERLIN, True), (NEPAL, BERLIN, True)]),
)  # fmt: skip
def test_every_cluster_s_answer_has_the_instants_of_europe_s(
    story: Json, shape: Any, cluster: tuple[tzinfo, tzinfo, bool]
) -> None:
    """Without copies in the reader's zone, with them in any; in both shapes, and written again."""
    zone, reads_in, copies = cluster
    reader = READERS[reads_in]
    europe = instants(read(shape(story)))
    answer = read(clustered(shape(story), zone, copies=copies), reader=reader)

    assert instants(answer) == europe
    assert instants(read(to_jsonable(answer), reader=reader)) == europe


WITH_OFFSETS: Final = st.sampled_from(
    ["2024-10-27T02:30:00+01:00", "2024-03-05T10:00:05+05:30", "2024-03-05T10:00:05Z",
     "27-10-2024 02:30:00", "2024-03-05 10:00:00", "31-03-2024 02:30:00", "soon", "", None]
)  # fmt: skip


@st.composite
def odd_answers(draw: st.DrawFn) -> Json:
    """Flat answers, in which dates and their copies are anything."""
    body: Json = draw(FLAT_ANSWERS)
    for interaction in body["interaction"]:
        for name in ("messageList", "surveys", "locations"):
            for sent in interaction.get(name) or ():
                for key in draw(st.sets(st.sampled_from(DATES), max_size=4)):
                    sent[draw(st.sampled_from([key, f"{key}ISO"]))] = draw(WITH_OFFSETS)
    return body


@laws
@given(sent=odd_answers(), zone=st.sampled_from(ZONES))
def test_is_written_as_it_was_sent_whatever_its_dates(sent: Json, zone: tzinfo) -> None:
    """To the byte; and what is written is read as the same instants."""
    reader = READERS[zone]
    answer = read(_without_nulls(sent), reader=reader)
    written = to_jsonable(answer)

    assert orjson.dumps(written) == orjson.dumps(_without_nulls(sent))
    assert read(written, reader=reader) == answer
    copy = with_truncated(answer, truncated=True)
    assert read(to_jsonable(copy), reader=reader) == copy


def _without_nulls(sent: Any) -> Any:
    if isinstance(sent, dict):
        return {key: _without_nulls(each) for key, each in sent.items() if each is not None}
    return [_without_nulls(each) for each in sent] if isinstance(sent, list) else sent
