"""Models of real limiters on the moved clock, with the headers that they send."""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final, NamedTuple, Protocol

import orjson
from attrs import define, field

from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions.testing import interactions

BODY: Final = orjson.dumps(interactions())
# Not a whole second, as no server's start is.
EPOCH: Final = datetime(2026, 11, 28, 17, 0, 0, 300_000, tzinfo=UTC).timestamp()


class Count(NamedTuple):
    """What a limiter makes of a request.

    Attributes:
        admitted: Whether it is within the quota.
        remaining: Requests left.
        reset: Seconds until the limiter's reset.
    """

    admitted: bool
    remaining: int
    reset: float


class Limiter(Protocol):
    """Counts a request that arrives now."""

    def hit(self, now: float) -> Count:
        """Count it, if it is within the quota."""
        ...


@define
class FixedWindow:
    """As express-rate-limit and rate-limiter-flexible count: from the first request on."""

    limit: int
    window: float
    end: float = -math.inf
    count: int = 0

    def hit(self, now: float) -> Count:
        """See `Limiter.hit`."""
        if now >= self.end:
            self.end, self.count = now + self.window, 0
        admitted = self.count < self.limit
        self.count += admitted
        return Count(admitted, self.limit - self.count, self.end - now)


@define
class MovingWindow:
    """As Flask-Limiter's moving window counts; its reset is when the oldest request drops out."""

    limit: int
    window: float
    log: deque[float] = field(factory=deque)

    def hit(self, now: float) -> Count:
        """See `Limiter.hit`."""
        while self.log and now - self.log[0] >= self.window:
            self.log.popleft()
        admitted = len(self.log) < self.limit
        if admitted:
            self.log.append(now)
        return Count(admitted, self.limit - len(self.log), self.log[0] + self.window - now)


@define
class SlidingCounter:
    """As Flask-Limiter's sliding counter: the last window counts by the part that is still in."""

    limit: int
    window: float
    place: int = 0
    before: int = 0
    count: int = 0

    def hit(self, now: float) -> Count:
        """See `Limiter.hit`."""
        place = math.floor(now / self.window)
        if place != self.place:
            self.before = self.count if place == self.place + 1 else 0
            self.place, self.count = place, 0
        left = (place + 1) * self.window - now
        admitted = math.floor(self.before * left / self.window + self.count) < self.limit
        self.count += admitted
        used = math.floor(self.before * left / self.window + self.count)
        reset = left % (self.window / self.before) if self.before else left
        return Count(admitted, max(0, self.limit - used), reset)


@define
class TokenBucket:
    """A full quota at once and then its rate; its reset is when the bucket is full again."""

    limit: int
    window: float
    tokens: float = -1.0
    at: float = 0.0

    def hit(self, now: float) -> Count:
        """See `Limiter.hit`."""
        rate = self.limit / self.window
        before = self.limit if self.tokens < 0 else self.tokens
        self.tokens = min(self.limit, before + (now - self.at) * rate)
        self.at = now
        admitted = self.tokens >= 1
        self.tokens -= admitted
        return Count(admitted, int(self.tokens), (self.limit - self.tokens) / rate)


Spelling = Callable[[Limiter, Count, float], Mapping[str, str]]


def _figures(limiter: Limiter) -> tuple[int, float]:
    return limiter.limit, limiter.window  # type: ignore[attr-defined]


def silent(limiter: Limiter, count: Count, now: float) -> Mapping[str, str]:
    """No headers at all."""
    return {}


def draft_6(limiter: Limiter, count: Count, now: float) -> Mapping[str, str]:
    """express-rate-limit's RateLimit-Policy, -Limit, -Remaining and -Reset."""
    limit, window = _figures(limiter)
    return {
        "ratelimit-policy": f"{limit};w={window:.0f}",
        "ratelimit-limit": str(limit),
        "ratelimit-remaining": str(count.remaining),
        "ratelimit-reset": str(math.ceil(count.reset)),
    }


def draft_7(limiter: Limiter, count: Count, now: float) -> Mapping[str, str]:
    """express-rate-limit's one RateLimit header."""
    limit, window = _figures(limiter)
    left = f"limit={limit}, remaining={count.remaining}, reset={math.ceil(count.reset)}"
    return {"ratelimit-policy": f"{limit};w={window:.0f}", "ratelimit": left}


def draft_8(limiter: Limiter, count: Count, now: float) -> Mapping[str, str]:
    """express-rate-limit's named policies."""
    limit, window = _figures(limiter)
    name = f'"{limit}-in-{window:.0f}sec"'
    return {
        "ratelimit-policy": f"{name}; q={limit}; w={window:.0f}; pk=:NzY4Mzg0YTU=:",
        "ratelimit": f"{name}; r={count.remaining}; t={math.ceil(count.reset)}",
    }


def _legacy(limiter: Limiter, count: Count, reset: str) -> Mapping[str, str]:
    return {
        "x-ratelimit-limit": str(_figures(limiter)[0]),
        "x-ratelimit-remaining": str(count.remaining),
        "x-ratelimit-reset": reset,
    }


def epoch(limiter: Limiter, count: Count, now: float) -> Mapping[str, str]:
    """express-rate-limit's legacy headers, and GitHub's."""
    return _legacy(limiter, count, str(math.ceil(now + count.reset)))


def flask(limiter: Limiter, count: Count, now: float) -> Mapping[str, str]:
    """Flask-Limiter's: a second is added."""
    return _legacy(limiter, count, str(int(1 + now + count.reset)))


def milliseconds(limiter: Limiter, count: Count, now: float) -> Mapping[str, str]:
    """rate-limiter-flexible's example, as a number."""
    return _legacy(limiter, count, str(int(1000 * (now + count.reset))))


def script_date(limiter: Limiter, count: Count, now: float) -> Mapping[str, str]:
    """rate-limiter-flexible's example, as a Date."""
    then = datetime.fromtimestamp(now + count.reset, UTC)
    written = then.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)")
    return _legacy(limiter, count, written)


def fraction(limiter: Limiter, count: Count, now: float) -> Mapping[str, str]:
    """rate-limiter-flexible's example, in seconds."""
    return _legacy(limiter, count, f"{count.reset:.3f}")


def constant(limiter: Limiter, count: Count, now: float) -> Mapping[str, str]:
    """The window's length as the reset, as configurations of HAProxy send it."""
    return _legacy(limiter, count, f"{_figures(limiter)[1]:.0f}")


def in_milliseconds(limiter: Limiter, count: Count, now: float) -> Mapping[str, str]:
    """The time that is left, as programs in JavaScript have it."""
    return _legacy(limiter, count, f"{1000 * count.reset:.0f}")


def unlimited(limiter: Limiter, count: Count, now: float) -> Mapping[str, str]:
    """Milliseconds again, and no limit beside them."""
    headers = in_milliseconds(limiter, count, now)
    return {name: text for name, text in headers.items() if name != "x-ratelimit-limit"}


def constant_milliseconds(limiter: Limiter, count: Count, now: float) -> Mapping[str, str]:
    """A configured windowMs as the reset."""
    return _legacy(limiter, count, f"{1000 * _figures(limiter)[1]:.0f}")


def constant_alone(limiter: Limiter, count: Count, now: float) -> Mapping[str, str]:
    """The window's length, and no limit beside it."""
    headers = constant(limiter, count, now)
    return {name: text for name, text in headers.items() if name != "x-ratelimit-limit"}


def constant_moment(limiter: Limiter, count: Count, now: float) -> Mapping[str, str]:
    """The window's length from now on, as a moment."""
    return _legacy(limiter, count, f"{int(now) + _figures(limiter)[1]:.0f}")


class Limited:
    """A transport to a server with one or several limiters.

    Args:
        limiters: Each counts; their headers are merged, as proxies merge lines.
        spelling: Of the headers.
        skew: By how many seconds the server's clock is ahead of this machine's.

    Attributes:
        admitted: When requests within the quota arrived.
        refused: When others did.
    """

    def __init__(self, *limiters: Limiter, spelling: Spelling, skew: float = 0.0) -> None:
        self._limiters = limiters
        self._spelling = spelling
        self._skew = skew
        self.admitted: list[float] = []
        self.refused: list[float] = []

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109 - protocol
        """Count it, and answer after 10 ms, with a Date of whole seconds."""
        await asyncio.sleep(0.005)
        now = asyncio.get_running_loop().time()
        counts = [limiter.hit(now) for limiter in self._limiters]
        headers = self._headers(counts, EPOCH + self._skew + now)
        await asyncio.sleep(0.005)
        if all(count.admitted for count in counts):
            self.admitted.append(now)
            return Response(status=200, headers=headers, body=BODY)
        self.refused.append(now)
        wait = max(count.reset for count in counts if not count.admitted)
        asking = {**headers, "retry-after": str(math.ceil(wait))}
        return Response(status=429, headers=asking, body=b"{}")

    def _headers(self, counts: list[Count], now: float) -> dict[str, str]:
        date = datetime.fromtimestamp(math.floor(now), UTC)
        headers = {"date": format_datetime(date, usegmt=True)}
        for limiter, count in zip(self._limiters, counts, strict=True):
            for name, text in self._spelling(limiter, count, now).items():
                headers[name] = f"{headers[name]}, {text}" if name in headers else text
        return headers

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def share(self, rate: float, until: float = math.inf) -> float:
        """The part of a rate that was used, from the second second on."""
        late = [moment for moment in self.admitted if 1 <= moment <= until]
        return (len(late) - 1) / (late[-1] - late[0]) / rate
