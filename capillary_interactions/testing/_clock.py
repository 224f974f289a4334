"""An event loop whose clock jumps: a wait of an hour takes no time, and its order holds."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits for a timer: it moves the clock by as much as the loop would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready and timeout > 0:
            self.now += timeout
        return ready


class JumpingEventLoop(asyncio.SelectorEventLoop):
    """An event loop in which nobody waits; its time begins at 0 and moves as timers need it.

    Not for code that uses sockets: their answers take real time, which this clock jumps over.
    """

    def __init__(self) -> None:
        selector = _JumpingSelector()
        super().__init__(selector)
        self._jumping = selector

    def time(self) -> float:
        """Seconds that would have passed."""
        return self._jumping.now


def run_without_waiting(main: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine like `asyncio.run`, on a clock that jumps over every wait.

    Back-off, cool-down, pacing and timeouts all happen, in their order and with their durations
    by the loop's clock; none of them takes time.
    """
    with asyncio.Runner(loop_factory=JumpingEventLoop) as runner:
        return runner.run(main)
