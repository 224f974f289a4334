"""What you need to test code that looks interactions up: no network, no waiting.

- `FakeTransport` answers from a script and records what was asked.
- `run_without_waiting` runs a coroutine on a clock that jumps over every wait.
- `interactions` builds a customer's history in the shape that Capillary sends.
- The pytest fixture `capillary_sandbox` (on by installing this package) is a real server.
"""

from capillary_interactions._exchange import TransportError
from capillary_interactions.testing._bodies import interactions, message
from capillary_interactions.testing._clock import JumpingEventLoop, run_without_waiting
from capillary_interactions.testing._transport import Answer, Asked, FakeTransport

__all__ = [
    "Answer",
    "Asked",
    "FakeTransport",
    "JumpingEventLoop",
    "TransportError",
    "interactions",
    "message",
    "run_without_waiting",
]
