"""The ways in which servers count, each in front of one canned answer, in another process.

The first step of a request's path names the limiter that judges it, so one server holds many.
"""

import math
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, urlsplit

import orjson
from attrs import asdict, define, field, frozen

from benchmarks.servers.canned_http import Answer, Reply, ask, running, serve

_PHASES: Final = 50
# A slot is free once what it waits for is over, whatever floats make of that.
_DUST: Final = 1e-9
_NOTHING: Final = b"{}"


class Limiter(Protocol):
    """Says whether a request that arrives now is within the quota, and counts it if it is."""

    def admits(self, now: float) -> bool:
        """Whether it is; `now` never falls."""
        ...


class SlidingLog:
    """At most N in any window of T: the strictest of those that count requests in time."""

    def __init__(self, requests: int, per: float) -> None:
        self._requests = requests
        self._per = per
        self._admitted = deque[float]()

    def admits(self, now: float) -> bool:
        """See `Limiter.admits`."""
        while self._admitted and now - self._admitted[0] >= self._per:
            self._admitted.popleft()
        if len(self._admitted) >= self._requests:
            return False
        self._admitted.append(now)
        return True


class FixedWindow:
    """N in each window of T, begun at fifty different moments: refused where any phase refuses.

    Whichever phase a real server has, it refuses no more.
    """

    def __init__(self, requests: int, per: float) -> None:
        self._requests = requests
        self._per = per
        self._windows = [(-1, 0)] * _PHASES

    def admits(self, now: float) -> bool:
        """See `Limiter.admits`."""
        counted = []
        for phase, (last, count) in enumerate(self._windows):
            window = math.floor(now / self._per + phase / _PHASES)
            counted.append((window, 1 + (count if window == last else 0)))
        if any(count > self._requests for _, count in counted):
            return False
        self._windows = counted
        return True


class TokenBucket:
    """`burst` tokens, refilled at N in T."""

    def __init__(self, requests: int, per: float, burst: int) -> None:
        self._rate = requests / per
        self._burst = burst
        self._tokens = float(burst)
        self._at = -math.inf

    def admits(self, now: float) -> bool:
        """See `Limiter.admits`."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1 - _DUST:
            return False
        self._tokens -= 1
        return True


class Gcra:
    """A theoretical time of arrival, `burst` of which may be early: Redis' throttles and others."""

    def __init__(self, requests: int, per: float, burst: int) -> None:
        self._interval = per / requests
        self._early = (burst - 1) * self._interval
        self._expected = -math.inf

    def admits(self, now: float) -> bool:
        """See `Limiter.admits`."""
        expected = max(now, self._expected)
        if expected - now > self._early + _DUST:
            return False
        self._expected = expected + self._interval
        return True


@frozen(kw_only=True)
class Rule:
    """How a server counts.

    Attributes:
        kind: "sliding log", "fixed window", "token bucket" or "GCRA".
        requests: The quota.
        per: Its seconds.
        burst: For the last two: how many at once.
        takes: Seconds for an answer.
    """

    kind: str
    requests: int
    per: float
    burst: int = 1
    takes: float = 0.0

    def limiter(self) -> Limiter:
        """A limiter that follows it."""
        match self.kind:
            case "sliding log":
                return SlidingLog(self.requests, self.per)
            case "fixed window":
                return FixedWindow(self.requests, self.per)
            case "token bucket":
                return TokenBucket(self.requests, self.per, self.burst)
            case "GCRA":
                return Gcra(self.requests, self.per, self.burst)
        raise ValueError(f"no such kind of limiter: {self.kind}")


@define
class _Judged:
    """One limiter, and what came of it."""

    rule: Rule
    limiter: Limiter = field(init=False)
    admitted: list[float] = field(factory=list)
    rejected: list[float] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        """Begin to count."""
        self.limiter = self.rule.limiter()

    def reply(self, now: float) -> Reply:
        """The canned answer, or a refusal that says nothing of when."""
        if self.limiter.admits(now):
            self.admitted.append(now)
            return Reply(takes=self.rule.takes)
        self.rejected.append(now)
        return Reply(status=429, body=_NOTHING)


def _answer(rules: dict[str, Any]) -> Answer:
    judged = {name: _Judged(Rule(**rule)) for name, rule in rules.items()}

    def answer(target: str, now: float) -> Reply:
        parts = urlsplit(target)
        _, name, *further = parts.path.split("/")
        one = judged[name]
        if further == ["counts"]:
            return Reply(body=orjson.dumps([one.admitted, one.rejected]))
        if further == ["change"]:
            asked = dict(parse_qsl(parts.query))
            one.rule = Rule(
                kind=one.rule.kind, requests=int(asked["requests"]), per=float(asked["per"])
            )
            one.limiter = one.rule.limiter()
            return Reply(body=_NOTHING)
        return one.reply(now)

    return answer


@frozen
class Limited:
    """A server with limiters that runs.

    Attributes:
        base_url: Where it listens.
    """

    base_url: str

    def url(self, name: str) -> str:
        """A client's base URL for one of the limiters."""
        return f"{self.base_url}/{name}"

    def counts(self, name: str) -> tuple[list[float], list[float]]:
        """When requests were admitted, and when refused, by the machine's monotonic clock."""
        admitted, rejected = ask(self.base_url, f"/{name}/counts")
        return admitted, rejected

    def change(self, name: str, requests: int, per: float) -> None:
        """Give a limiter another quota, and let it forget what it has counted."""
        ask(self.base_url, f"/{name}/change?requests={requests}&per={per}")


@contextmanager
def limited(rules: dict[str, Rule]) -> Iterator[Limited]:
    """A server in another process, with one limiter for each name."""
    settings = {name: asdict(rule) for name, rule in rules.items()}
    with running("benchmarks.servers.rate_limited", settings) as base_url:
        yield Limited(base_url)


if __name__ == "__main__":
    serve(_answer)
