"""How long does an answer ask to wait before the next request? The Retry-After header."""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import frozen

from capillary_interactions._protocol.timestamps import (
    LONGEST,
    Clock,
    clock,
    duration,
    header,
    wait,
)

# Two proxies in a row each add a line of their own, and a third makes one of them: "6, 6".
# A date has a comma too, after its weekday.
_FIRST: Final = re.compile(r"((?:[A-Za-z]{3,9}, )?[^,]{1,60}),(?=\s)")


def retry_after(
    text: str | None,
    now: datetime,
    *,
    date: datetime | None = None,
    longest: float = LONGEST,
) -> float | None:
    """Seconds to wait, from a Retry-After header in any of its forms; None if it has none.

    Seconds, with a unit too, or a moment: an HTTP date, ISO 8601, or a number since the epoch. It
    is bounded here and nowhere else: a moment in place of seconds is a common mistake, and must
    not stop anything for decades.

    Args:
        text: The header.
        now: The time, by this machine's clock.
        date: The time by the server's, which a moment is read by; this machine's if not given.
        longest: Seconds that it is believed at most.

    >>> from datetime import UTC
    >>> retry_after("120", datetime(2025, 1, 1, tzinfo=UTC))
    120.0
    """
    if text is None:
        return None
    seconds = _seconds(text[:200], Clock(now, date))
    return None if seconds is None else min(max(0.0, seconds), longest)


@frozen
class Wait:
    """What an answer asks to wait.

    Attributes:
        seconds: For how long, up to a bound, or None where it does not ask.
        capped: Whether it asked for more than the bound.
    """

    seconds: float | None = None
    capped: bool = False


def asked_wait(headers: Mapping[str, str], now: datetime, longest: float = LONGEST) -> Wait:
    """The wait that an answer's headers ask for, by the clock that wrote them.

    They are believed up to `longest` seconds.
    """
    text = header(headers, "retry-after")
    if text is None:
        return Wait()
    seconds = retry_after(text, now, date=clock(headers, now).date, longest=math.inf)
    return Wait() if seconds is None else Wait(min(seconds, longest), seconds > longest)


def _seconds(text: str, now: Clock) -> float | None:
    seconds = _read(text, now)
    if seconds is not None:
        return seconds
    first = _FIRST.match(text.strip())
    if first is not None:
        return _read(first[1], now)
    # "6,6" is a list; "1,5" may be a fraction.
    parts = {part.strip() for part in text.split(",")}
    return _read(parts.pop(), now) if len(parts) == 1 else None


def _read(text: str, now: Clock) -> float | None:
    seconds = duration(text)
    return wait(text, now) if seconds is None else seconds
