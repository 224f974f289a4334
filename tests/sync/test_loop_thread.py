"""The thread that all clients share: what ends it, and what keeps it from starting."""

import asyncio
import threading
from functools import partial
from typing import Any

import pytest

from capillary_interactions.sync._call import Call, ClosedLoopError
from capillary_interactions.sync._loop_thread import LoopThread, hold_loop_thread
from tests.fakes import Server, customer

from .clients import InThread, client_of


async def _slow(answer: str) -> str:
    await asyncio.sleep(0.02)
    return answer


def test_ends_after_the_calls_that_have_begun() -> None:
    """What was started before the last release returns as ever; what comes later is refused."""
    holder = object()
    thread = hold_loop_thread(holder)
    call = thread.new_call(partial(_slow, "an answer"))
    thread.schedule(call)
    thread.release(holder)
    call.wait()
    assert call.ended() == "an answer"
    with pytest.raises(ClosedLoopError):
        thread.run(_slow, "another")


def test_raises_in_the_caller_where_it_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many threads, or too many open files, now; the next call tries again."""
    with client_of(Server()) as client:
        client.close()

        def refuse(*_: object) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            for _ in range(2):
                with pytest.raises(RuntimeError, match="can't start new thread"):
                    client.__enter__()
        with client:
            assert client.lookup(customer()).ending == "found"


def test_is_interrupted_before_a_call_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C just before the call is scheduled, or just after: it does not run on, nor wait."""
    server = Server(takes=60.0)

    def before(*_: object) -> None:
        raise KeyboardInterrupt

    def after(thread: LoopThread, call: Call[Any]) -> None:
        schedule(thread, call)
        raise KeyboardInterrupt

    schedule = LoopThread.schedule
    with client_of(server) as client:
        for interrupt in (before, after):
            for look_up in (client.lookup, lambda who: next(client.stream([who]))):
                with monkeypatch.context() as patched:
                    patched.setattr(LoopThread, "schedule", interrupt)
                    with pytest.raises(KeyboardInterrupt):
                        look_up(customer())
                assert server.under_way == 0
        server.takes = 0.0
        assert client.lookup(customer()).ending == "found"


def test_is_interrupted_as_a_call_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """When its end is all that there was to wait for."""
    interrupts = [KeyboardInterrupt()]

    def wait_and_interrupt(call: Call[Any], on_message: Any = None) -> None:
        wait(call, on_message)
        if interrupts:
            raise interrupts.pop()

    wait = Call.wait
    monkeypatch.setattr(Call, "wait", wait_and_interrupt)
    client = client_of(Server())
    looking_up = InThread(lambda: client.lookup(customer()))
    with pytest.raises(KeyboardInterrupt):
        looking_up.result()
    client.close()
