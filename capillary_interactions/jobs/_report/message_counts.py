"""What messages are there in the answers: by channel, by status, by month? Pure."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final, TypeVar

from attrs import field, frozen

from capillary_interactions._json.dates import make_date_parser
from capillary_interactions._model.vocabulary import Network

OTHERS: Final = "others"
UNKNOWN: Final = "not told"

_NETWORKS: Final = frozenset(Network)
_MOST: Final = 500
_MOST_MONTHS: Final = 48
_MONTHS: Final = 12

_Key = TypeVar("_Key", bound=Hashable)
Channel = tuple[str, str]


@frozen
class Month:
    """A month.

    Attributes:
        year: Of which year.
        month: From 1 to 12.
        messages: How many were sent in it.
    """

    year: int
    month: int
    messages: int


@frozen(kw_only=True)
class MonthRange:
    """Months, one after the other.

    Attributes:
        months: The months, those without messages too.
        earlier: Messages of earlier months.
        later: Messages of later months.
    """

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
        statuses: By the server's word for the state of delivery.
        months: By year and month of sending.
        undated: How many have no date, or one that cannot be read.
    """

    total: int = 0
    customers: int = 0
    channels: Mapping[Channel, int] = field(factory=dict)
    statuses: Mapping[str, int] = field(factory=dict)
    months: Mapping[tuple[int, int], int] = field(factory=dict)
    undated: int = 0


class MessageCounter:
    """Counts the messages of one answer after the other.

    Args:
        zone: In which the months are told.
    """

    def __init__(self, zone: tzinfo) -> None:
        self._parse = make_date_parser(zone)
        self._channels: Counter[Channel] = Counter()
        self._statuses: Counter[str] = Counter()
        self._months: Counter[tuple[int, int]] = Counter()
        self._total = 0
        self._customers = 0
        self._undated = 0

    def add(self, answer: Mapping[str, Any]) -> None:
        """Take an answer as the job keeps it: as `to_jsonable` gives it, but for the nulls."""
        before = self._total
        for interaction in answer["interaction"]:
            listed = interaction.get("messageList")
            if listed:
                network = interaction.get("network") or _network(answer) or UNKNOWN
                channel = (network, interaction["name"])
                _count(self._channels, channel, (OTHERS, OTHERS), len(listed))
                self._total += len(listed)
                for message in listed:
                    self._add(message)
        self._customers += self._total > before

    def _add(self, message: Mapping[str, Any]) -> None:
        _count(self._statuses, message.get("status") or UNKNOWN, OTHERS)
        sent = message.get("sentDate")
        moment = None if sent is None else self._parse(sent)
        if moment is None:
            self._undated += 1
        else:
            self._months[moment.year, moment.month] += 1

    def counted(self) -> Messages:
        """What has come so far."""
        return Messages(
            total=self._total,
            customers=self._customers,
            channels=dict(self._channels.most_common()),
            statuses=dict(self._statuses.most_common()),
            months=dict(sorted(self._months.items())),
            undated=self._undated,
        )


def _network(answer: Mapping[str, Any]) -> str | None:
    # As the answers are read: only then is the answer's name its network's.
    name = answer.get("name")
    return name if name in _NETWORKS else None


def _count(counts: Counter[_Key], key: _Key, others: _Key, number: int = 1) -> None:
    """Count, but not more kinds than anybody could look at: the words are the server's."""
    counts[key if key in counts or len(counts) < _MOST else others] += number


def window(months: Mapping[tuple[int, int], int]) -> MonthRange:
    """The months that can be shown at once: those years with the most messages, without a gap."""
    if not months:
        return MonthRange()
    held = sorted((year * _MONTHS + month - 1, count) for (year, month), count in months.items())
    first, last = _fullest(held)
    shown = dict(held)
    return MonthRange(
        months=tuple(
            Month(number // _MONTHS, number % _MONTHS + 1, shown.get(number, 0))
            for number in range(first, last + 1)
        ),
        earlier=sum(count for number, count in held if number < first),
        later=sum(count for number, count in held if number > last),
    )


def _fullest(held: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The first and the last month of the years with the most messages, the latest of such."""
    best, begin, total = (0, 0, 0), 0, 0
    for last, count in held:
        total += count
        while held[begin][0] <= last - _MOST_MONTHS:
            total -= held[begin][1]
            begin += 1
        best = max(best, (total, last, held[begin][0]))
    return best[2], best[1]
