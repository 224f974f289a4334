"""An event loop whose clock jumps: a wait of an hour takes no time, and its order holds."""

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, Final, TypeVar

_T = TypeVar("_T")
_NANOSECOND: Final = 1e-9
# After this many iterations in which no time passes, what keeps the loop busy is a timer that waits
# for less than a float can express; a real clock would have moved.
_MAX_ITERATIONS: Final = 100
# Seconds for which the clock stands at most when nothing but a thread runs: that may itself wait
# for a timer.
_MAX_THREAD_WAIT: Final = 5.0


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits for a timer: it moves the clock by as much as the loop would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.working = 0
        self._iterations = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        # The clock stands while a thread computes, or a timeout would come before its result.
        ready = super().select(_MAX_THREAD_WAIT if self.working and timeout > 0 else 0)
        if not ready and timeout > 0:
            self.now = _moved(self.now, timeout)
            self._iterations = 0
        else:
            self._iterations += 1
            if self._iterations > _MAX_ITERATIONS:
                self.now = _moved(self.now, _NANOSECOND)
        return ready


def _moved(now: float, seconds: float) -> float:
    # asyncio runs what is due within a nanosecond. After half a year of seconds a float has none,
    # and without this step a timer would be due for ever and never run.
    later = now + seconds
    return later if later + _NANOSECOND > later else math.nextafter(later, math.inf)


class JumpingEventLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits for a timer: its clock begins at 0 and jumps to the next one.

    Not for code that uses sockets: their answers take real time, which this clock jumps over.
    """

    def __init__(self) -> None:
        selector = _JumpingSelector()
        super().__init__(selector)
        self._jumping = selector

    def time(self) -> float:
        """Seconds that would have passed."""
        return self._jumping.now

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - asyncio's own signature
        """Wait for the threads that still run, however long they take.

        From Python 3.12 on `asyncio.Runner` allows 300 seconds for it, which this clock jumps over.
        """
        await super().shutdown_default_executor()

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., _T], *args: Any
    ) -> asyncio.Future[_T]:
        """Run a function in a thread; the clock waits for it, but not for ever."""
        work = super().run_in_executor(executor, func, *args)
        self._jumping.working += 1
        work.add_done_callback(self._worked)
        return work

    def _worked(self, _: asyncio.Future[Any]) -> None:
        self._jumping.working -= 1


def run_without_waiting(main: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine like `asyncio.run`, on a clock that jumps over every wait.

    Back-off, cool-down, pacing and timeouts all happen, in their order and with their durations
    by the loop's clock; none of them takes time.
    """
    with asyncio.Runner(loop_factory=JumpingEventLoop) as runner:
        return runner.run(main)
