"""What is equal by `ordered_by` is handled in its order, though looked up at once."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions.integrations.consume import Consumer
from capillary_interactions.testing import after, interactions, run_without_waiting
from tests.integrations.consuming.fake_events import (
    Handler,
    Message,
    answers_by_prefix,
    asked,
    client_of,
    consumed,
    endless,
    key,
)


def _order(message: Message) -> str:
    return message.order


def _in(order: str, *names: str) -> list[Message]:
    return [Message(name, order=order) for name in names]


async def test_keeps_the_order_of_each_order() -> None:
    """The first is slow, so the second waits for it; another order does not."""
    sent = [*_in("x", "slow-1", "a-2"), *_in("y", "b-1")]
    transport, handler = answers_by_prefix(), Handler()
    await consumed(sent, handler, transport=transport, ordered_by=_order)
    assert handler.ended == ["b-1", "slow-1", "a-2"]
    assert asked(transport) == ["slow-1", "a-2", "b-1"]


async def test_asks_again_in_its_place() -> None:
    """A message without an answer is not given back, for the next would overtake it."""
    answers = iter([500, 500])
    transport = answers_by_prefix(sick=lambda _: next(answers, interactions()))
    sent = _in("x", "sick-1", "a-2")
    handler = Handler(fails={"a-2": 1})
    report = await consumed(sent, handler, transport=transport, ordered_by=_order)
    assert handler.ended == ["sick-1", "a-2"]
    assert [message.settlements for message in sent] == [["ack"], ["ack"]]
    assert report.failures == 1
    assert report.redelivered == 0


async def test_gives_back_all_behind_what_it_gives_back() -> None:
    """Stopped while one waits to be asked again, none behind it is handled before it."""
    sent, handler = [*_in("x", "down-1", "a-2", "a-3"), *_in("y", "b-1")], Handler()
    async with client_of(answers_by_prefix()) as client:
        consumer = Consumer(client, endless(sent), key=key, handle=handler, ordered_by=_order)
        running = asyncio.create_task(consumer.run())
        await asyncio.sleep(5.0)
        consumer.stop()
        await running
    assert handler.ended == ["b-1"]
    assert [message.settlements for message in sent] == [[("nack", 0.0)]] * 3 + [["ack"]]


async def test_goes_on_behind_a_dead_letter() -> None:
    """It is out of the way for good."""
    sent, handler = _in("x", "wrong-1", "anonymous", "a-2"), Handler()
    await consumed(sent, handler, ordered_by=_order)
    assert handler.ended == ["a-2"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("xyz"), st.sampled_from(["quick", "slow", "down", "wrong"])),
        max_size=25,
    ),
    st.integers(1, 6),
    st.floats(0.0, 4.0),
)
def test_handles_a_prefix_of_each_order(
    plan: list[tuple[str, str]], in_flight: int, seconds: float
) -> None:
    """Whenever it is stopped: what was acknowledged or put aside of an order is its beginning."""

    async def main() -> None:
        sent = [
            Message(f"{prefix}-{number}", order=order)
            for number, (order, prefix) in enumerate(plan)
        ]
        handler = Handler(seconds=0.3)
        transport = answers_by_prefix(slow=after(0.7, interactions()))
        async with client_of(transport) as client:
            consumer = Consumer(
                client,
                endless(sent),
                key=key,
                handle=handler,
                in_flight=in_flight,
                ordered_by=_order,
                redelivery_delay=0.5,
                drain=0.4,
            )
            running = asyncio.create_task(consumer.run())
            await asyncio.sleep(seconds)
            consumer.stop()
            await running
        for order in "xyz":
            settlements = [message.settlements for message in sent if message.order == order]
            done = [bool(settled) and settled != [("nack", 0.0)] for settled in settlements]
            assert done == sorted(done, reverse=True)
        for message in sent:
            assert (message.settlements == ["ack"]) == (message.name in handler.ended)

    run_without_waiting(main())
