"""One client in several event loops, one after the other, with real connections in each."""

import asyncio

from capillary_interactions import Found, InteractionsClient
from capillary_interactions.sandbox import SandboxProcess

from .clients import mobiles


def test_moves_from_a_loop_that_stands_still_to_another() -> None:
    """The connections of the first loop are neither used nor waited for in the second."""
    one, other, again = mobiles(3)
    with SandboxProcess(unknown=0) as sandbox:
        client = InteractionsClient(sandbox.client_config())
        first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
        try:
            assert isinstance(first.run_until_complete(client.lookup(one)), Found)
            assert isinstance(second.run_until_complete(client.lookup(other)), Found)
            assert isinstance(first.run_until_complete(client.lookup(again)), Found)
            first.run_until_complete(client.aclose())
            for loop in (first, second):
                loop.run_until_complete(asyncio.sleep(0.01))
        finally:
            first.close()
            second.close()


def test_closes_in_another_loop_than_it_was_used_in() -> None:
    """Closing waits for nothing that belongs to a loop that stands still."""
    (one,) = mobiles(1)
    with SandboxProcess(unknown=0) as sandbox:
        client = InteractionsClient(sandbox.client_config())
        loop = asyncio.new_event_loop()
        try:
            assert isinstance(loop.run_until_complete(client.lookup(one)), Found)
            asyncio.run(client.aclose())
            loop.run_until_complete(asyncio.sleep(0.01))
        finally:
            loop.close()
