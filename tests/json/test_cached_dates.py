"""A date whose hour was read before is read as if it had not been."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final
from unittest.mock import patch
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from capillary_interactions._json import cached_dates
from capillary_interactions._json.cached_dates import CachedDateParser
from capillary_interactions._json.dates import ZoneInDoubtError, make_date_parser

from .test_dates import nearly_dates

ADELAIDE: Final = ZoneInfo("Australia/Adelaide")
# Changes by half an hour.
LORD_HOWE: Final = ZoneInfo("Australia/Lord_Howe")
# Changed one minute after midnight, until 2011.
ST_JOHNS: Final = ZoneInfo("America/St_Johns")
BERLIN: Final = ZoneInfo("Europe/Berlin")
NEPAL: Final = timezone(timedelta(hours=5, minutes=45))
ZONES: Final = (UTC, ZoneInfo("Asia/Kolkata"), BERLIN, ADELAIDE, LORD_HOWE, ST_JOHNS, NEPAL)
# In each of these hours a zone changes its offset, in UTC.
CHANGES: Final = (
    datetime(2024, 3, 31, 1, tzinfo=UTC),
    datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2024, 4, 6, 15, tzinfo=UTC),
    datetime(2024, 10, 5, 15, tzinfo=UTC),
    datetime(2010, 3, 14, 3, 31, tzinfo=UTC),
    datetime(2010, 11, 7, 2, 31, tzinfo=UTC),
)
SPELLINGS: Final = (
    "%d-%m-%Y %H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%d-%m-%Y %H:%M:%SZ",
)
uncached = make_date_parser.__wrapped__


def outcome(parse: Callable[[str], datetime | None], text: str) -> Any:
    """What is read, with its zone's offset, or that it is in doubt."""
    try:
        moment = parse(text)
    except ZoneInDoubtError:
        return "doubt"
    if moment is None:
        return None
    return moment.isoformat(), moment.fold, id(moment.tzinfo), moment.utcoffset()


@st.composite
def texts(draw: st.DrawFn) -> list[str]:
    """Dates of few hours, many of them where a zone changes its offset."""
    change = draw(st.sampled_from(CHANGES))
    zone, seconds = draw(st.sampled_from(ZONES)), st.integers(-2 * 3600, 2 * 3600)
    spelled = st.builds(
        lambda spelling, second: (change.astimezone(zone) + timedelta(seconds=second)).strftime(
            spelling
        ),
        st.sampled_from(SPELLINGS),
        seconds,
    )
    return draw(st.lists(spelled | nearly_dates(), max_size=12))


@given(texts=texts(), zone=st.sampled_from(ZONES), doubting=st.booleans())
@example(texts=["2024-10-27 02:00:00", "2024-10-27 02:59:59"], zone=BERLIN, doubting=False)
@example(texts=["2024-03-31T00:00:00Z", "2024-03-31T01:00:00Z"], zone=BERLIN, doubting=False)
@example(texts=["01-01-0001 05:50:00", "01-01-0001 05:30:00"], zone=NEPAL, doubting=False)
@example(texts=["01-01-0001 00:00:00", "31-12-9999 23:59:59"], zone=NEPAL, doubting=False)
@example(texts=["9999-12-31T18:00:00Z", "9999-12-31T18:20:00Z"], zone=NEPAL, doubting=False)
@example(texts=["07-11-2010 00:00:30", "07-11-2010 00:30:00"], zone=ST_JOHNS, doubting=True)
@example(texts=["2024-04-06T14:30:00Z", "2024-04-06T15:29:00Z"], zone=LORD_HOWE, doubting=True)
def test_reads_what_is_read_without_a_memory(
    texts: list[str], zone: tzinfo, *, doubting: bool
) -> None:
    """Whatever was read before, and each time."""
    remembering = uncached(zone, doubting=doubting)
    for text in (*texts, *reversed(texts), *texts):
        assert outcome(remembering, text) == outcome(uncached(zone, doubting=doubting), text)


def test_most_hours_are_remembered() -> None:
    """Were they not, each date would take five times as long."""
    for zone in ZONES:
        parse = uncached(zone)
        for spelling in SPELLINGS:
            for minute in range(60):
                parse(f"{datetime(2024, 5, 6, 7, minute, tzinfo=UTC):{spelling}}")
        assert len(parse.hours | parse.hours_z) == 3
        assert len(parse.after) == 120


def test_remembers_a_bounded_number_of_hours() -> None:
    """What comes after them begins anew, and is read as before."""
    parse, start = uncached(BERLIN), datetime(2024, 1, 1, tzinfo=UTC)
    with patch.object(cached_dates, "MAX_HOURS", 10):
        for _ in range(2):
            for hours in range(25):
                text = f"{start + timedelta(hours=hours):%Y-%m-%d %H:%M:%S}"
                assert outcome(parse, text) == outcome(uncached(BERLIN), text)
                assert len(parse.hours) <= 10
    assert isinstance(parse, CachedDateParser)
