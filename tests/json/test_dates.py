"""Dates are read in every published spelling, into aware datetimes or not at all."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from capillary_interactions._json.dates import (
    format_day_first,
    format_iso,
    in_zone,
    make_date_parser,
    parse_any_spelling,
)
from capillary_interactions._json.reader import Reader
from tests.tables import table

from .bodies import envelope_message, flat_messages, read

KOLKATA = ZoneInfo("Asia/Kolkata")
MOMENTS = st.timedeltas(timedelta(days=3), timedelta(days=3_652_055)).map(
    lambda since: datetime(1, 1, 1, tzinfo=UTC) + since
)
WHOLE = MOMENTS.map(lambda moment: moment.replace(microsecond=0))
OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m)))
# Spellings with one place changed: what is nearly a date is where a quick way goes wrong.
SEEDS = st.sampled_from(
    [
        "09-06-2023 14:05:20",
        "2023-06-02 09:24:40",
        "2023-06-02T09:24:40Z",
        "2023-06-02T09:24:40+05:30",
        "2023-W23-5T09:24:40Z",
        "2023-06-02T092440.1Z",
        "2023-06-02 09:24+05",
        "2012-3-12 11:33:23",
    ]
)


@st.composite
def nearly_dates(draw: st.DrawFn) -> str:
    """A date with a few of its characters exchanged, left out or doubled."""
    text = draw(SEEDS)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        put = draw(st.sampled_from([*"0123459-:.,TtZzWx +", "²", "\u0661", "\n", ""]))
        text = text[:at] + put + text[at + draw(st.integers(0, 1)) :]
    return text


@table(
    ("text", "expected"),
    [
        ("09-06-2023 14:05:20", datetime(2023, 6, 9, 14, 5, 20, tzinfo=UTC)),
        ("2023-06-02T09:24:40Z", datetime(2023, 6, 2, 9, 24, 40, tzinfo=UTC)),
        ("2025-04-14 14:23:20", datetime(2025, 4, 14, 14, 23, 20, tzinfo=UTC)),
        ("2012-3-12 11:33:23", datetime(2012, 3, 12, 11, 33, 23, tzinfo=UTC)),
        ("2012-3-2 1:33:23", datetime(2012, 3, 2, 1, 33, 23, tzinfo=UTC)),
        ("9-6-2023 14:05:20", datetime(2023, 6, 9, 14, 5, 20, tzinfo=UTC)),
        ("2023-06-02T09:24:40", datetime(2023, 6, 2, 9, 24, 40, tzinfo=UTC)),
        ("2023-06-02T09:24:40+05:30", datetime(2023, 6, 2, 3, 54, 40, tzinfo=UTC)),
        ("2023-06-02T09:24:40+0530", datetime(2023, 6, 2, 3, 54, 40, tzinfo=UTC)),
        ("2023-06-02T09:24:40-08", datetime(2023, 6, 2, 17, 24, 40, tzinfo=UTC)),
        ("2023-06-02T09:24:40.250Z", datetime(2023, 6, 2, 9, 24, 40, 250000, tzinfo=UTC)),
        ("2023-06-02T09:24:40.1234567Z", datetime(2023, 6, 2, 9, 24, 40, 123456, tzinfo=UTC)),
        ("2023-06-02T09:24Z", datetime(2023, 6, 2, 9, 24, tzinfo=UTC)),
        (" 2023-06-02 09:24:40\n", datetime(2023, 6, 2, 9, 24, 40, tzinfo=UTC)),
        ("29-02-2024 00:00:00", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_reads_every_known_spelling(text: str, expected: datetime) -> None:
    """As an aware datetime, in UTC where nothing else is said."""
    found = make_date_parser(UTC)(text)
    assert found == expected
    assert found.tzinfo is UTC


@table(
    "text",
    [
        "45837-06-15 02:56:40",
        "29-02-2023 00:00:00",
        "2023-13-01 00:00:00",
        "2023-06-02 24:00:01",
        "00-00-0000 00:00:00",
        "0000-00-00 00:00:00",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        "2023-06-02T09:24:40+99:00",
        "2023-06-02x09:24:40Z",
        "2023-06-02",
        "06/02/2023 09:24:40",
        "1685581782856",
        "\u0660\u0669-06-2023 14:05:20",
        "²³-06-2023 14:05:20",
        "null",
        "",
        "yesterday",
        "2023-06-02 09:24:40" + " " * 10_000,
    ],
)
@table("zone", [UTC, KOLKATA])
def test_gives_none_for_what_is_no_date(text: str, zone: tzinfo) -> None:
    """A spelling that is not known and a moment that no datetime holds are alike."""
    assert make_date_parser(zone)(text) is None


@table(
    ("text", "zone"),
    [
        ("9999-12-31 23:59:59", ZoneInfo("America/New_York")),
        ("01-01-0001 00:00:00", KOLKATA),
        ("9999-12-31T23:59:59Z", KOLKATA),
    ],
)
def test_gives_none_for_a_moment_that_nobody_could_convert(text: str, zone: tzinfo) -> None:
    """At both ends of what a datetime holds, the zone makes the difference."""
    assert make_date_parser(UTC)(text) is not None
    assert make_date_parser(zone)(text) is None


@given(text=nearly_dates())
@example(text="2023-06-02x09:24:40Z")
@example(text="09-06-2023 14:05.20")
@example(text="2023-06-09 14:05.20")
def test_reads_alike_on_the_quick_way_and_on_the_long_one(text: str) -> None:
    """The shortcuts read nothing else, and nothing in another way."""
    moment = parse_any_spelling(text)
    for zone in (UTC, ZoneInfo("UTC"), KOLKATA):
        expected = None if moment is None else in_zone(moment, zone)
        assert make_date_parser(zone)(text) == expected


@given(text=st.text(max_size=80) | nearly_dates(), zone=st.sampled_from([UTC, KOLKATA]))
def test_gives_an_aware_datetime_or_none(text: str, zone: tzinfo) -> None:
    """Whatever the text, nothing is raised and nothing naive comes out."""
    found = make_date_parser(zone)(text)
    if found is not None:
        assert found.tzinfo is zone
        assert found.astimezone(UTC) == found


@given(moment=WHOLE, zone=st.sampled_from([UTC, KOLKATA, ZoneInfo("Europe/Berlin")]))
@example(moment=datetime(2024, 10, 27, 0, 30, tzinfo=UTC), zone=ZoneInfo("Europe/Berlin"))
@example(moment=datetime(2024, 10, 27, 1, 30, tzinfo=UTC), zone=ZoneInfo("Europe/Berlin"))
def test_reads_back_what_it_spells_day_first(moment: datetime, zone: tzinfo) -> None:
    """`sentDate` is written so that the same zone reads the same moment."""
    found = make_date_parser(zone)(format_day_first(moment.astimezone(zone)))
    # In UTC: where a local time occurs twice, dates of two zones are never equal.
    assert found is not None
    assert found.astimezone(UTC) == moment


@given(moment=MOMENTS, offset=OFFSETS)
def test_reads_back_what_it_spells_as_iso(moment: datetime, offset: timezone) -> None:
    """`deliveredTime` names its zone, so that every zone reads the same moment."""
    there = moment.astimezone(offset)
    assert make_date_parser(UTC)(format_iso(there)) == moment
    assert make_date_parser(KOLKATA)(format_iso(there)) == moment


def test_spells_a_date_as_the_documented_example_does() -> None:
    """Day first without a zone, and ISO 8601 with Z."""
    moment = datetime(2023, 6, 2, 9, 24, 40, tzinfo=UTC)
    assert format_day_first(moment) == "02-06-2023 09:24:40"
    assert format_iso(moment) == "2023-06-02T09:24:40Z"


def test_spells_day_first_without_loss() -> None:
    """Where the published spelling has no room for a part of a second, it is ISO 8601."""
    moment = datetime(2023, 6, 2, 9, 24, 40, 5, tzinfo=UTC)
    assert format_day_first(moment) == "2023-06-02T09:24:40.000005Z"


@table(
    "body",
    [
        flat_messages({"sentDate": "02-06-2023 09:24:40", "deliveredTime": "2023-06-02T09:24:40Z"}),
        envelope_message(sent_time="2023-06-02 09:24:40", delivered_time="2023-06-02T09:24:40Z"),
    ],
)
def test_are_in_the_configured_zone(body: object) -> None:
    """A date without a zone is of that zone; one with a zone keeps its moment and moves there."""
    ((_, message),) = read(body, reader=Reader(KOLKATA)).messages()

    assert message.sent_at == datetime(2023, 6, 2, 9, 24, 40, tzinfo=KOLKATA)
    assert message.delivered_at == datetime(2023, 6, 2, 9, 24, 40, tzinfo=UTC)
    assert message.sent_at.tzinfo is message.delivered_at.tzinfo is KOLKATA
