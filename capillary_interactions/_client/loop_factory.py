"""Which event loop runs what is ours to run? uvloop's, where it is installed and can wait."""

import _thread
import asyncio
from collections.abc import Callable
from importlib import import_module
from types import BuiltinFunctionType


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes uvloop's event loops, or None where asyncio's own is the one to use."""
    if not isinstance(_thread.start_new_thread, BuiltinFunctionType):
        # gevent has replaced threads and sockets: uvloop, which has its own, would block them all.
        return None
    try:
        uvloop = import_module("uvloop")
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
