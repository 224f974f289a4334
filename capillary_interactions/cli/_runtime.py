"""On which event loop does a command run? uvloop's where it is installed."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from capillary_interactions.cli._garbage import relaxed_gc
from capillary_interactions.cli._heap import keep_freed_memory

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


def run_async(coroutine: "Coroutine[Any, Any, T]") -> T:
    """Run a coroutine to its end."""
    import asyncio  # noqa: PLC0415 - help and completion need none of it

    keep_freed_memory()
    with relaxed_gc(), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(coroutine)


def _loop_factory() -> "Callable[[], asyncio.AbstractEventLoop] | None":
    try:
        uvloop = import_module("uvloop")
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
