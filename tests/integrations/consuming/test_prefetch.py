"""Fetching in batches: only when wanted, and nothing lost in between."""

import asyncio

import pytest

from capillary_interactions.integrations._consuming.prefetch import (
    Heartbeat,
    PrefetchBuffer,
    PrefetchingSource,
)
from capillary_interactions.testing import run_without_waiting


class Shop:
    """Gives numbers, three at a time, after a second."""

    def __init__(self) -> None:
        self.fetches = 0
        self.back: list[int] = []

    async def fetch(self) -> list[int]:
        """Three more."""
        self.fetches += 1
        first = 3 * self.fetches
        await asyncio.sleep(1.0)
        return [first, first + 1, first + 2]

    async def give_back(self, number: int) -> None:
        """One that nobody took."""
        self.back.append(number)


def test_fetches_only_when_wanted() -> None:
    """One batch serves three readers; the fourth needs another."""

    async def main() -> None:
        shop = Shop()
        batches = PrefetchBuffer(shop.fetch, shop.give_back)
        assert [await batches.next() for _ in range(3)] == [3, 4, 5]
        await asyncio.sleep(10.0)
        assert shop.fetches == 1
        assert await batches.next() == 6

    run_without_waiting(main())


def test_gives_back_what_nobody_took() -> None:
    """At the end, what is still being fetched included."""

    async def main() -> None:
        shop = Shop()
        batches = PrefetchBuffer(shop.fetch, shop.give_back)
        for _ in range(3):
            await batches.next()
        reader = asyncio.create_task(batches.next())
        await asyncio.sleep(0.5)
        reader.cancel()
        await asyncio.wait([reader])
        assert reader.cancelled()
        await batches.aclose()
        assert shop.back == [6, 7, 8]

    run_without_waiting(main())


def test_raises_what_fetching_raised() -> None:
    """And tries anew after that."""

    async def main() -> None:
        results: list[list[int] | Exception] = [OSError("gone"), [1]]

        async def fetch() -> list[int]:
            result = results.pop(0)
            if isinstance(result, Exception):
                raise result
            return result

        batches = PrefetchBuffer(fetch, Shop().give_back)
        with pytest.raises(OSError, match="gone"):
            await batches.next()
        assert await batches.next() == 1

    run_without_waiting(main())


def test_gives_out_again_and_forgets() -> None:
    """What is put back comes again; what has gone to others does not."""

    async def main() -> None:
        shop = Shop()
        batches = PrefetchBuffer(shop.fetch, shop.give_back)
        batches.put_back(await batches.next())
        assert [await batches.next() for _ in range(2)] == [4, 5]
        batches.put_back(9)
        batches.drop(lambda number: number == 3)
        assert await batches.next() == 9

    run_without_waiting(main())


def test_tells_the_broker_every_so_often(caplog: pytest.LogCaptureFixture) -> None:
    """An error of the broker's is logged, and the next word is said all the same."""

    async def main() -> int:
        told = 0

        async def tell() -> None:
            nonlocal told
            told += 1
            raise OSError("secret")

        keeper = Heartbeat(10.0, tell)
        keeper.start()
        await asyncio.sleep(35.0)
        await keeper.aclose()
        await asyncio.sleep(100.0)
        return told

    assert run_without_waiting(main()) == 3
    assert "OSError" in caplog.text
    assert "secret" not in caplog.text


class Stall(PrefetchingSource[int]):
    """A source whose broker is told everything; it fetches three at a time, or fails."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__(keep_every=1.0)
        self.told: list[str] = []
        self._fails = fails

    async def _enter(self) -> None:
        self.told.append("entered")

    async def _fetch(self) -> list[int]:
        await asyncio.sleep(1.5)
        if self._fails:
            raise OSError("gone")
        return [1, 2, 3]

    async def _give_back(self, message: int) -> None:
        await asyncio.sleep(1.0)
        self.told.append(f"{message} back")

    async def _keep(self) -> None:
        self.told.append("kept")

    async def _leave(self) -> None:
        self.told.append("left")


def test_is_entered_iterated_over_and_left() -> None:
    """What nobody took is given back before it leaves, and is kept until then."""

    async def main() -> list[str]:
        async with Stall() as stall:
            async for number in stall:
                if number == 2:
                    break
        left = list(stall.told)
        await asyncio.sleep(10.0)
        assert stall.told == left
        return left

    assert run_without_waiting(main()) == ["entered", "kept", "kept", "3 back", "left"]


def test_leaves_though_fetching_fails() -> None:
    """Nothing is told to the broker after that, and the error comes out."""

    async def break_off(stall: Stall) -> None:
        async with stall:
            reader = asyncio.create_task(anext(stall))
            await asyncio.sleep(0.1)
            reader.cancel()

    async def main() -> list[str]:
        stall = Stall(fails=True)
        with pytest.raises(OSError, match="gone"):
            await break_off(stall)
        await asyncio.sleep(10.0)
        return stall.told

    assert run_without_waiting(main()) == ["entered", "kept", "left"]
