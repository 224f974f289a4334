"""Counts the messages in the answers: by channel, by status, by month."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final, TypeVar

from attrs import field, frozen

from capillary_interactions._json.reader import Reader, SchemaMismatch

OTHERS: Final = "others"
UNKNOWN: Final = "not given"

_MAX_KEYS: Final = 500
_MAX_MONTHS: Final = 48
_MONTHS_A_YEAR: Final = 12

_Key = TypeVar("_Key", bound=Hashable)
Channel = tuple[str, str]


@frozen
class Month:
    """A month of a year, from 1 to 12, and the number of messages sent in it."""

    year: int
    month: int
    messages: int


@frozen(kw_only=True)
class MonthRange:
    """Consecutive months, also those without messages; and the messages before and after."""

    months: tuple[Month, ...] = ()
    earlier: int = 0
    later: int = 0


@frozen(kw_only=True)
class Messages:
    """Messages, counted.

    Attributes:
        total: How many there are.
        customers: How many customers have any.
        channels: By network and channel.
        statuses: By the server's name for the state of delivery.
        months: By year and month of sending.
        undated: How many have no date, or one that cannot be parsed.
    """

    total: int = 0
    customers: int = 0
    channels: Mapping[Channel, int] = field(factory=dict)
    statuses: Mapping[str, int] = field(factory=dict)
    months: Mapping[tuple[int, int], int] = field(factory=dict)
    undated: int = 0


class MessageCounter:
    """Counts the messages of one answer after the other; months are in the given time zone."""

    def __init__(self, zone: tzinfo) -> None:
        self._reader = Reader(zone)
        self._channels: Counter[Channel] = Counter()
        self._statuses: Counter[str] = Counter()
        self._months: Counter[tuple[int, int]] = Counter()
        self._total = 0
        self._customers = 0
        self._undated = 0

    def add(self, answer: Mapping[str, Any]) -> None:
        """Count an answer as a job stores it; a `ValueError` if it is none."""
        try:
            customer = self._reader.read(answer)
        except SchemaMismatch:
            raise ValueError("an answer cannot be read") from None
        before = self._total
        for interaction, message in customer.messages():
            channel = (interaction.network or UNKNOWN, interaction.name)
            _count(self._channels, channel, (OTHERS, OTHERS))
            _count(self._statuses, message.status or UNKNOWN, OTHERS)
            self._total += 1
            moment = message.sent_at
            if moment is None:
                self._undated += 1
            else:
                self._months[moment.year, moment.month] += 1
        self._customers += self._total > before

    def counted(self) -> Messages:
        return Messages(
            total=self._total,
            customers=self._customers,
            channels=dict(self._channels.most_common()),
            statuses=dict(self._statuses.most_common()),
            months=dict(sorted(self._months.items())),
            undated=self._undated,
        )


def _count(counts: Counter[_Key], key: _Key, others: _Key) -> None:
    """Count, with a bound on the keys, which are the server's."""
    counts[key if key in counts or len(counts) < _MAX_KEYS else others] += 1


def densest_months(months: Mapping[tuple[int, int], int]) -> MonthRange:
    """The range of at most four years with the most messages."""
    if not months:
        return MonthRange()
    counts = {
        year * _MONTHS_A_YEAR + month - 1: count for (year, month), count in sorted(months.items())
    }
    first, last = _densest_range(list(counts.items()))
    return MonthRange(
        months=tuple(
            Month(number // _MONTHS_A_YEAR, number % _MONTHS_A_YEAR + 1, counts.get(number, 0))
            for number in range(first, last + 1)
        ),
        earlier=sum(count for number, count in counts.items() if number < first),
        later=sum(count for number, count in counts.items() if number > last),
    )


def _densest_range(counts: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The first and the last month of the densest range, the latest one of equals."""
    best, start, total = (0, 0, 0), 0, 0
    for last, count in counts:
        total += count
        while counts[start][0] <= last - _MAX_MONTHS:
            total -= counts[start][1]
            start += 1
        best = max(best, (total, last, counts[start][0]))
    return best[2], best[1]
