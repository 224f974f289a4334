"""Calls in a child that was forked from this process."""

import os
from collections.abc import Callable

import pytest

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")


def in_a_fork(work: Callable[[], str]) -> str:
    """What a call returns, or raises, in a child of this process."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - seen by the parent
        try:
            text = work()
        except BaseException as error:  # noqa: BLE001 - sent to the parent
            text = f"{type(error).__name__}: {error}"
        os.write(write, text.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text
