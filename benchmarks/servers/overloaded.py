"""A server with a capacity: above it, it sheds load, and even that costs it something."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import orjson
from attrs import define, frozen

from benchmarks.servers.canned_http import Answer, Reply, ask, running, serve

# A refusal takes a fifth of the work of an answer.
_REFUSAL: Final = 0.2
_BACKLOG: Final = 0.5
_QUICK: Final = 0.02
_NOTHING: Final = b"{}"


@define
class _Capacity:
    """Work that is done at a steady speed; what is asked beyond half a second of it is refused.

    Attributes:
        speed: Answers a second.
        status: Of a refusal.
        hint: Its Retry-After, or None.
    """

    speed: float
    status: int
    hint: int | None
    received: int = 0
    _backlog: float = 0.0
    _at: float = 0.0

    def reply(self, now: float) -> Reply:
        """An answer when its turn comes, or a refusal at once."""
        self.received += 1
        self._backlog = max(0.0, self._backlog - (now - self._at) * self.speed)
        self._at = now
        if self._backlog > _BACKLOG * self.speed:
            # Refusals alone can keep it busy, but not for longer than a second.
            self._backlog = min(self._backlog + _REFUSAL, 1.5 * self.speed)
            return Reply(status=self.status, body=_NOTHING, retry_after=self.hint)
        self._backlog += 1
        return Reply(takes=_QUICK + self._backlog / self.speed)


def _answer(settings: dict[str, Any]) -> Answer:
    capacity = _Capacity(**settings)

    def answer(target: str, now: float) -> Reply:
        parts = urlsplit(target)
        if parts.path == "/received":
            return Reply(body=orjson.dumps(capacity.received))
        if parts.path == "/speed":
            capacity.speed = float(dict(parse_qsl(parts.query))["to"])
            return Reply(body=_NOTHING)
        return capacity.reply(now)

    return answer


@frozen
class Shedding:
    """A server with a capacity that runs.

    Attributes:
        base_url: Where it listens.
    """

    base_url: str

    def received(self) -> int:
        """How many requests have come in."""
        return int(ask(self.base_url, "/received"))

    def change(self, speed: float) -> None:
        """Give it another capacity."""
        ask(self.base_url, f"/speed?to={speed}")


@contextmanager
def shedding(speed: float, status: int, hint: int | None) -> Iterator[Shedding]:
    """A server in another process that answers `speed` requests a second."""
    settings = {"speed": speed, "status": status, "hint": hint}
    with running("benchmarks.servers.overloaded", settings) as base_url:
        yield Shedding(base_url)


if __name__ == "__main__":
    serve(_answer)
