"""Which messages are there in answers?"""

from collections import Counter
from datetime import UTC, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import to_jsonable
from capillary_interactions._json.reader import Reader
from capillary_interactions.jobs._report.message_counts import (
    OTHERS,
    UNKNOWN,
    MessageCounter,
    densest_months,
)
from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import mobile


def counted(*answers: dict[str, Any]) -> Any:
    """Count the messages of some answers."""
    counter = MessageCounter(UTC)
    for answer in answers:
        counter.add(answer)
    return counter.counted()


def answer(*messages: dict[str, Any], name: str = "email", **more: Any) -> dict[str, Any]:
    """An answer with one interaction."""
    interaction = {"name": name, "count": len(messages), "messageList": list(messages), **more}
    return {"name": "capillary", "interaction": [interaction]}


@pytest.mark.parametrize("shape", ["flat", "envelope"])
async def test_agrees_with_the_models(shape: str) -> None:
    """What is counted in the job's own spelling is what the models hold."""
    counter, reader = MessageCounter(UTC), Reader(UTC)
    channels: Counter[tuple[str, str]] = Counter()
    statuses: Counter[str] = Counter()
    months: Counter[tuple[int, int]] = Counter()
    customers = 0
    async with Sandbox(unknown=0) as sandbox:
        served = [sandbox.expected(mobile(number)) for number in range(200)]
    for sent in served:
        assert sent is not None
        read = reader.read(sent)
        kept = orjson.loads(orjson.dumps(to_jsonable(read) if shape == "envelope" else sent))
        counter.add(kept)
        customers += any(True for _ in read.messages())
        for interaction, message in read.messages():
            channels[interaction.network or UNKNOWN, interaction.name] += 1
            statuses[message.status or UNKNOWN] += 1
            assert message.sent_at is not None
            months[message.sent_at.year, message.sent_at.month] += 1
    seen = counter.counted()

    assert seen.channels == channels
    assert seen.statuses == statuses
    assert seen.months == months
    assert (seen.total, seen.customers, seen.undated) == (channels.total(), customers, 0)
    assert list(seen.statuses) == [name for name, _ in statuses.most_common()]


def test_counts_an_sms_that_is_listed_twice_once() -> None:
    """As an SMS, in no matter which order it is listed."""
    sent = {"id": 1, "subject": "Sale", "status": "CLICKED", "sentDate": "05-03-2024 10:00:00"}
    twice = [answer(sent, name=name)["interaction"][0] for name in ("phone", "sms")]
    seen = counted(*({"name": "capillary", "interaction": both} for both in (twice, twice[::-1])))

    assert (seen.total, seen.customers) == (2, 2)
    assert (seen.channels, seen.statuses) == ({("capillary", "sms"): 2}, {"CLICKED": 2})
    assert seen.months == {(2024, 3): 2}


def test_counts_months_as_dates_are_read() -> None:
    """By a copy with an offset, and by the offset of another date of the answer."""
    copy = {"sentDate": "01-04-2024 02:00:00", "sentDateISO": "2024-04-01T02:00:00+05:30"}
    shown = {"deliveredTime": "2024-04-01T02:00:05+05:30", "sentDate": "01-04-2024 02:00:00"}

    assert counted(answer(copy), answer(shown)).months == {(2024, 3): 2}


def test_refuses_what_is_no_answer() -> None:
    """As any other damage of a job's file."""
    with pytest.raises(ValueError, match=r"^an answer cannot be read$"):
        counted({"interaction": 5})


def test_counts_what_is_left_out() -> None:
    """No status, no date, a date in no known spelling, no list, no name of a network."""
    seen = counted(
        answer({}, {"status": None, "sentDate": None}, {"status": "SENT", "sentDate": "soon"}),
        answer(),
        {"name": "Asha", "interaction": [{"name": "like", "count": 2, "messageList": None}]},
        {"interaction": [{"name": "sms", "count": 1, "messageList": [{"status": "SENT"}]}]},
        answer({}, name="tweet", network="twitter"),
    )

    assert (seen.total, seen.customers, seen.undated) == (5, 3, 5)
    assert seen.statuses == {UNKNOWN: 3, "SENT": 2}
    assert seen.channels == {
        ("capillary", "email"): 3, (UNKNOWN, "sms"): 1, ("twitter", "tweet"): 1,
    }  # fmt: skip


def test_tells_months_in_its_zone() -> None:
    """The last evening of a month in London is the next month in Kolkata."""
    counter = MessageCounter(timezone(timedelta(hours=5.5)))
    counter.add(answer({"sentDate": "2024-02-29T23:00:00Z"}, {"sentDate": "29-02-2024 23:00:00"}))

    assert counter.counted().months == {(2024, 3): 1, (2024, 2): 1}


def test_does_not_keep_every_word_that_a_server_invents() -> None:
    """A million kinds are none to look at, and no room is spent on them."""
    seen = counted(*(answer({"status": str(n)}, name=f"n{n}") for n in range(2000)))

    assert sum(seen.statuses.values()) == sum(seen.channels.values()) == seen.total == 2000
    assert len(seen.statuses) == len(seen.channels) == 501
    assert seen.statuses[OTHERS] == 1500


_months = st.dictionaries(
    st.tuples(st.integers(1, 9999), st.integers(1, 12)), st.integers(1, 1000), max_size=60
)


@given(_months)
def test_shows_years_with_most_messages(months: dict[tuple[int, int], int]) -> None:
    """Without a gap, at most four years, and what is left out is counted."""
    seen = densest_months(months)
    shown = {(month.year, month.month): month.messages for month in seen.months if month.messages}
    numbers = [month.year * 12 + month.month for month in seen.months]

    assert len(seen.months) <= 48
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else not months
    assert shown.items() <= months.items()
    assert sum(shown.values()) + seen.earlier + seen.later == sum(months.values())
    if months:
        last = seen.months[-1]
        assert (last.year, last.month) in months


def test_leaves_out_the_odd_date() -> None:
    """One message of 1970 and one of 2099 do not hide two years."""
    months = {(1970, 1): 1, (2024, 1): 5, (2025, 12): 7, (2099, 1): 2}
    seen = densest_months(months)

    assert (seen.earlier, seen.later, len(seen.months)) == (1, 2, 24)
