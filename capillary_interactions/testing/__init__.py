"""What you need to test code that looks interactions up: no network, no waiting.

- `FakeTransport` answers from a script and records what was asked.
- `run_without_waiting` runs a coroutine on a clock that jumps over every wait.
- `interactions` builds a customer's history in the shape that Capillary sends.
- `found`, `not_found`, `rejected`, `unreadable` and `unavailable` build outcomes.
- The pytest fixture `capillary_sandbox` (on by installing this package) is a real server.
"""

from typing import TYPE_CHECKING

from capillary_interactions._lazy import lazy_names

if TYPE_CHECKING:
    from capillary_interactions._http.transport import TransportError as TransportError
    from capillary_interactions._protocol.messages import Response as Response
    from capillary_interactions.testing._answers import interactions as interactions
    from capillary_interactions.testing._answers import message as message
    from capillary_interactions.testing._clock import JumpingEventLoop as JumpingEventLoop
    from capillary_interactions.testing._clock import run_without_waiting as run_without_waiting
    from capillary_interactions.testing._fake_transport import Answer as Answer
    from capillary_interactions.testing._fake_transport import Asked as Asked
    from capillary_interactions.testing._fake_transport import FakeTransport as FakeTransport
    from capillary_interactions.testing._fake_transport import after as after
    from capillary_interactions.testing._outcomes import found as found
    from capillary_interactions.testing._outcomes import not_found as not_found
    from capillary_interactions.testing._outcomes import rejected as rejected
    from capillary_interactions.testing._outcomes import unavailable as unavailable
    from capillary_interactions.testing._outcomes import unreadable as unreadable
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            ".._http.transport": "TransportError",
            ".._protocol.messages": "Response",
            "._answers": "interactions message",
            "._clock": "JumpingEventLoop run_without_waiting",
            "._fake_transport": "Answer Asked FakeTransport after",
            "._outcomes": "found not_found rejected unavailable unreadable",
        },
    )
