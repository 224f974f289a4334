"""The clock that jumps: no real waiting, and everything in its order."""

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


def test_runs_a_coroutine_like_asyncio() -> None:
    """Its result is returned and its error raised; a year passes on the loop's clock only."""

    async def main(error: Exception | None) -> float:
        loop = asyncio.get_running_loop()
        assert loop.time() == 0
        await asyncio.sleep(365 * 24 * 3600)
        if error is not None:
            raise error
        return loop.time()

    began = time.monotonic()
    assert run_without_waiting(main(None)) == pytest.approx(365 * 24 * 3600)
    with pytest.raises(LookupError, match="x"):
        run_without_waiting(main(LookupError("x")))
    assert time.monotonic() - began < 5


@settings(max_examples=50, deadline=None)
@given(waits=st.lists(st.integers(0, 1_000), max_size=30))
def test_wakes_every_sleeper_at_its_time(waits: list[int]) -> None:
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
    """A task that only yields costs next to no time; one that polls the clock gets there."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        for _ in range(1_000):
            await asyncio.sleep(0)
        while loop.time() < 5e-8:
            await asyncio.sleep(0)
        return loop.time()

    assert 0 <= run_without_waiting(main()) < 1e-4


def test_waits_for_a_thread_when_nothing_else_is_left() -> None:
    """Where no timer is due, real work in a thread is waited for."""

    async def main() -> str:
        await asyncio.to_thread(time.sleep, 0.01)
        return await asyncio.to_thread(lambda: "from a thread")

    assert run_without_waiting(main()) == "from a thread"


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
