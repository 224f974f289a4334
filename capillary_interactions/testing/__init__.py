"""What you need to test code that looks interactions up: no network, no waiting.

- `FakeTransport` answers from a script and records what was asked.
- `run_without_waiting` runs a coroutine on a clock that jumps over every wait.
- `interactions` builds a customer's history in the shape that Capillary sends.
- `found`, `not_found`, `rejected`, `unreadable` and `unavailable` build outcomes.
- The pytest fixture `capillary_sandbox` (on by installing this package) is a real server.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from capillary_interactions._protocol.messages import Response, TransportError
    from capillary_interactions.testing._answers import interactions, message
    from capillary_interactions.testing._clock import JumpingEventLoop, run_without_waiting
    from capillary_interactions.testing._fake_transport import Answer, Asked, FakeTransport, after
    from capillary_interactions.testing._outcomes import (
        found,
        not_found,
        rejected,
        unavailable,
        unreadable,
    )

__all__ = [
    "Answer",
    "Asked",
    "FakeTransport",
    "JumpingEventLoop",
    "Response",
    "TransportError",
    "after",
    "found",
    "interactions",
    "message",
    "not_found",
    "rejected",
    "run_without_waiting",
    "unavailable",
    "unreadable",
]

_HOMES = {
    "Answer": "capillary_interactions.testing._fake_transport",
    "Asked": "capillary_interactions.testing._fake_transport",
    "FakeTransport": "capillary_interactions.testing._fake_transport",
    "JumpingEventLoop": "capillary_interactions.testing._clock",
    "Response": "capillary_interactions._protocol.messages",
    "TransportError": "capillary_interactions._protocol.messages",
    "after": "capillary_interactions.testing._fake_transport",
    "found": "capillary_interactions.testing._outcomes",
    "interactions": "capillary_interactions.testing._answers",
    "message": "capillary_interactions.testing._answers",
    "not_found": "capillary_interactions.testing._outcomes",
    "rejected": "capillary_interactions.testing._outcomes",
    "run_without_waiting": "capillary_interactions.testing._clock",
    "unavailable": "capillary_interactions.testing._outcomes",
    "unreadable": "capillary_interactions.testing._outcomes",
}


# Every run of pytest passes through here on its way to the plugin: nothing is imported before it
# is asked for.
def __getattr__(name: str) -> object:
    """One of the public names, imported when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
