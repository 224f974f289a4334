"""Single-flight, its passengers, and the short-lived cache."""

import asyncio
import gc
import weakref

import pytest

from capillary_interactions._client.single_flight import (
    Cache,
    SharedCallCancelledError,
    SingleFlight,
    WaiterTimeoutError,
)
from capillary_interactions._pacing.deadline import Deadline
from tests.fakes import now, others


class _Result:
    """What can be seen to go."""


class Airline:
    """Flights that take their time, and what became of them."""

    def __init__(self, takes: float = 1.0) -> None:
        self.flights: SingleFlight[str] = SingleFlight()
        self.takes = takes
        self.departed: list[Deadline] = []
        self.landed = 0
        self.error: Exception | None = None

    async def _depart(self, until: Deadline) -> str:
        self.departed.append(until)
        name = f"flight {len(self.departed)}"
        await asyncio.sleep(self.takes)
        self.landed += 1
        if self.error is not None:
            raise self.error
        return name

    def board(
        self, key: str = "key", deadline: float | None = None, *, interactive: bool = True
    ) -> asyncio.Task[str]:
        """One passenger more."""
        return asyncio.ensure_future(
            self.flights.board(key, deadline, self._depart, interactive=interactive)
        )


async def test_shares_one_flight_among_equal_keys() -> None:
    """A hundred that ask the same are one; another key is another."""
    airline = Airline()
    same = [airline.board() for _ in range(100)]
    other = airline.board("other")
    assert set(await asyncio.gather(*same)) == {"flight 1"}
    assert await other == "flight 2"
    assert now() == 1


async def test_departs_anew_after_landing() -> None:
    """What has ended is not shared any more."""
    airline = Airline()
    assert await airline.board() == "flight 1"
    assert await airline.board() == "flight 2"


async def test_flies_on_without_a_passenger_who_left() -> None:
    """A cancelled waiter leaves the others alone, also the one who began."""
    airline = Airline()
    first, second = airline.board(), airline.board()
    await asyncio.sleep(0.5)
    first.cancel()
    assert await second == "flight 1"
    assert first.cancelled()


async def test_is_cancelled_with_its_last_passenger() -> None:
    """When nobody waits any more, nothing is done any more, and the next one begins anew."""
    airline = Airline()
    passengers = [airline.board() for _ in range(3)]
    await asyncio.sleep(0.5)
    for passenger in passengers:
        passenger.cancel()
    await asyncio.wait(passengers)
    assert others() == set()
    assert airline.landed == 0
    assert await airline.board() == "flight 2"


async def test_gives_no_newcomer_the_end_of_a_cancelled_flight() -> None:
    """Who comes while the last passenger takes it down gets one of their own."""
    airline = Airline()
    first = airline.board()
    await asyncio.sleep(0.5)
    first.cancel()
    second = airline.board()
    assert await second == "flight 2"


async def test_shares_an_error() -> None:
    """Whatever it ends in is everybody's."""
    airline = Airline()
    airline.error = LookupError("shared")
    passengers = [airline.board() for _ in range(3)]
    ended = await asyncio.gather(*passengers, return_exceptions=True)
    assert ended == [airline.error] * 3


async def test_complains_of_no_error_that_nobody_was_left_to_see() -> None:
    """All left in the moment of the landing: asyncio has nothing to report."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    airline = Airline(takes=0.0)
    airline.error = LookupError("unseen")
    passenger = airline.board()
    while not airline.landed:
        await asyncio.sleep(0)
    passenger.cancel()
    await asyncio.wait({passenger})
    del passenger
    gc.collect()
    assert complaints == []


async def test_ends_each_passenger_at_its_own_deadline() -> None:
    """The hurried one leaves, the patient one stays, and the flight's deadline is the later."""
    airline = Airline(takes=5.0)
    hurried, patient = airline.board(deadline=1.0), airline.board(deadline=9.0)
    with pytest.raises(WaiterTimeoutError):
        await hurried
    assert now() == 1
    assert airline.departed[0].at == 9
    assert await patient == "flight 1"


async def test_is_taken_down_when_the_last_deadline_passes() -> None:
    """Nothing flies on for nobody."""
    airline = Airline(takes=5.0)
    with pytest.raises(WaiterTimeoutError):
        await airline.board(deadline=1.0)
    assert others() == set()
    assert (now(), airline.landed) == (1.0, 0)


@pytest.mark.parametrize(
    ("first", "second", "later"),
    [(1.0, 2.0, 2.0), (2.0, 1.0, 2.0), (1.0, None, None), (None, 1.0, None), (None, None, None)],
)
def test_extends_a_deadline_and_never_shortens_it(
    first: float | None, second: float | None, later: float | None
) -> None:
    """The most patient counts; None is the most patient of all."""
    deadline = Deadline(first)
    deadline.join(second)
    assert deadline.at == later
    assert deadline.remaining(0.5) == (None if later is None else later - 0.5)


async def test_is_urgent_once_somebody_urgent_is_aboard() -> None:
    """A person who boards a stream's flight makes it interactive, and it stays so."""
    airline = Airline()
    patient = airline.board(interactive=False)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (until,) = airline.departed
    assert not until.interactive
    person = airline.board(interactive=True)
    late = airline.board(interactive=False)
    await asyncio.sleep(0)
    assert until.interactive
    person.cancel()
    await asyncio.gather(patient, late)
    assert until.interactive


async def test_lands_what_is_in_the_air_and_grounds_the_rest() -> None:
    """So long as there is patience flights end; then they are taken down, and say so."""
    airline = Airline(takes=1.0)
    short = airline.board("short")
    await asyncio.sleep(0.25)
    airline.takes = 10.0
    long = airline.board("long")
    await asyncio.sleep(0.25)
    await airline.flights.drain(2.0)
    await airline.flights.ground()
    assert now() == 2.5
    assert await short == "flight 1"
    with pytest.raises(SharedCallCancelledError):
        await long
    await airline.flights.drain(2.0)
    assert (now(), others()) == (2.5, set())


def test_keeps_a_result_for_its_time() -> None:
    """Fresh until the very end of its time, gone from then on."""
    cache: Cache[str] = Cache(10.0)
    cache.put("key", "kept", 100.0)
    assert cache.get("key", 109.9) == "kept"
    assert cache.get("other", 100.0) is None
    assert cache.get("key", 110.0) is None
    assert cache.get("key", 100.0) is None


def test_lets_go_of_what_is_out_of_date() -> None:
    """Nobody asks for it again, so it goes when something else comes."""
    cache: Cache[object] = Cache(10.0)
    kept = [_Result() for _ in range(4)]
    results = [weakref.ref(each) for each in kept]
    for number, at in enumerate([0.0, 1.0, 5.0, 11.0]):
        cache.put(number, kept.pop(0), at)
    assert [result() is None for result in results] == [True, True, False, False]
    cache.put("last", None, 100.0)
    assert all(result() is None for result in results)


def test_keeps_a_result_for_no_time_at_all() -> None:
    """As when its time is less than what the clock can tell."""
    cache: Cache[str] = Cache(1e-12)
    cache.put("key", "kept", 1e6)
    assert cache.get("key", 1e6) is None


def test_keeps_the_latest_ten_thousand() -> None:
    """The oldest makes room, and what is put again is new again."""
    cache: Cache[int] = Cache(10.0)
    for number in range(10_000):
        cache.put(number, number, 0.0)
    cache.put(0, -1, 0.0)
    cache.put(10_000, 10_000, 0.0)
    assert cache.get(0, 1.0) == -1
    assert cache.get(1, 1.0) is None
    assert cache.get(2, 1.0) == 2
