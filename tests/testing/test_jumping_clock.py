"""The clock that jumps: nothing waits, and everything happens in its order."""

import asyncio
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Found,
    Identifier,
    InteractionsClient,
    Outcome,
)
from capillary_interactions.testing import FakeTransport, JumpingEventLoop, run_without_waiting


def test_gives_back_what_the_coroutine_returns() -> None:
    """It is `asyncio.run` otherwise."""

    async def main() -> str:
        await asyncio.sleep(3600)
        return "done"

    assert run_without_waiting(main()) == "done"


def test_lets_errors_out() -> None:
    """What the coroutine raises is raised."""

    async def main() -> None:
        await asyncio.sleep(1)
        raise LookupError("x")

    with pytest.raises(LookupError, match="x"):
        run_without_waiting(main())


def test_skips_a_year_in_no_time() -> None:
    """The loop's clock has moved by what was slept, the real one has not."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(365 * 24 * 3600)
        return loop.time() - began

    began = time.monotonic()
    assert run_without_waiting(main()) == pytest.approx(365 * 24 * 3600)
    assert time.monotonic() - began < 5


@settings(max_examples=50, deadline=None)
@given(waits=st.lists(st.integers(0, 1_000), max_size=30))
def test_wakes_everybody_at_their_time(waits: list[int]) -> None:
    """Each sleeper wakes when its seconds have passed by the clock, the shorter ones first."""
    woken = list[tuple[float, int]]()

    async def sleeper(seconds: int) -> None:
        await asyncio.sleep(seconds)
        woken.append((asyncio.get_running_loop().time(), seconds))

    async def main() -> None:
        await asyncio.gather(*map(sleeper, waits))

    run_without_waiting(main())
    assert [seconds for _, seconds in woken] == sorted(waits)
    for at, seconds in woken:
        assert at == pytest.approx(seconds, abs=1e-6)


def test_lets_timeouts_happen() -> None:
    """A timeout comes at its time, and before what would have taken longer."""

    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.sleep(6)
        async with asyncio.timeout(5):
            await asyncio.sleep(4)
        return asyncio.get_running_loop().time()

    assert run_without_waiting(main()) == pytest.approx(9)


def test_hardly_moves_while_there_is_work() -> None:
    """A task that only lets others run costs next to no time."""

    async def main() -> float:
        for _ in range(1_000):
            await asyncio.sleep(0)
        return asyncio.get_running_loop().time()

    assert 0 <= run_without_waiting(main()) < 1e-4


def test_moves_for_a_task_that_asks_it_again_and_again() -> None:
    """Somebody who waits by looking at the clock gets there, as with a real one."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < 5e-8:
            await asyncio.sleep(0)

    run_without_waiting(main())


def test_waits_for_a_thread_when_nothing_else_is_left() -> None:
    """Where no timer is due, real work in a thread is waited for."""

    async def main() -> str:
        await asyncio.to_thread(time.sleep, 0.01)
        return await asyncio.to_thread(lambda: "from a thread")

    assert run_without_waiting(main()) == "from a thread"


def test_begins_at_zero_each_time() -> None:
    """Two runs do not know of each other."""
    times = list[float]()

    async def main() -> None:
        times.append(asyncio.get_running_loop().time())
        await asyncio.sleep(10)

    for _ in range(2):
        run_without_waiting(main())
    assert times == [0, 0]


def test_is_a_loop_that_can_be_run_by_hand() -> None:
    """With `asyncio.Runner` or pytest-asyncio's own loop factories."""
    with asyncio.Runner(loop_factory=JumpingEventLoop) as runner:
        runner.run(asyncio.sleep(100))
        assert runner.get_loop().time() == pytest.approx(100)


def test_joins_a_thread_that_outlives_the_coroutine() -> None:
    """The 300 seconds that asyncio allows for it are real ones: no warning that it still runs."""
    release, ended = threading.Event(), threading.Event()

    def work() -> None:
        release.wait(5)
        ended.set()

    async def main() -> None:
        asyncio.get_running_loop().run_in_executor(None, work)
        threading.Timer(0.02, release.set).start()

    run_without_waiting(main())

    assert ended.is_set()


def test_waits_for_a_thread_before_it_jumps() -> None:
    """What a thread computes comes before a timeout of an hour, as it would by a real clock."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(3600):
            assert await asyncio.to_thread(_slowly) == "done"
        return loop.time()

    assert run_without_waiting(main()) < 1


def _slowly() -> str:
    time.sleep(0.02)
    return "done"


def test_lets_a_long_answer_be_read_before_a_timeout() -> None:
    """A lookup whose answer is read in a thread ends as found, whatever its timeout."""
    messages = [{"id": number, "subject": "x" * 100} for number in range(2000)]
    listed = {"name": "email", "count": len(messages), "messageList": messages}
    config = ClientConfig("https://example.com", BasicAuth("till", "secret"))

    async def main() -> Outcome:
        transport = FakeTransport(default={"interaction": [listed]})
        async with InteractionsClient(config, transport=transport) as client:
            return await client.lookup(Identifier.mobile("919738522695"), timeout=5)

    assert isinstance(run_without_waiting(main()), Found)
