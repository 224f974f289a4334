"""The thread whose event loop runs all synchronous clients and jobs of a process.

One for all of them, so that a job and its client share a loop, and any number of clients cost one
thread. It is started by the first call, and ends when the last client is closed.
"""

import asyncio
import atexit
import logging
import os
import queue
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from capillary_interactions._client.loop_factory import loop_factory
from capillary_interactions.sync._call import Call, ClosedLoopError

_LOGGER: Final = logging.getLogger("capillary_interactions")
_P = ParamSpec("_P")
_T = TypeVar("_T")
_EXIT_TIMEOUT: Final = 2.0

Closer = Callable[[], Coroutine[Any, Any, None]]


class LoopThread:
    """An event loop in a daemon thread, until all who hold it have released it.

    As a daemon it does not keep the process from ending: threads that are none are waited for
    before `atexit`, where it is stopped.

    Attributes:
        process: The id of the process that it runs in.
    """

    def __init__(self) -> None:
        self.process: Final = os.getpid()
        # Made here, so that an error, such as too many open files, is the caller's.
        self._runner = asyncio.Runner(loop_factory=loop_factory() or asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        # Reentrant, as `_Shared.lock`: a collected client is released in the middle of anything.
        self._lock = threading.RLock()
        self._ended = False
        self._holders: dict[object, Closer | None] = {}
        self._thread = threading.Thread(
            target=self._run, name="capillary-interactions", daemon=True
        )

    def start_thread(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: There are too many.
        """
        try:
            self._thread.start()
        except RuntimeError:
            self._runner.close()
            raise
        _LOGGER.debug("synchronous clients share %r in thread %s", self._loop, self._thread.name)

    def _run(self) -> None:
        with self._runner:
            self._runner.run(self._serve())

    async def _serve(self) -> None:
        await self._stop.wait()
        while self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def is_current(self) -> bool:
        """Whether this is the thread that calls."""
        return threading.get_ident() == self._thread.ident

    @property
    def can_be_waited_for(self) -> bool:
        """Whether it is another thread of this process."""
        return self.process == os.getpid() and not self.is_current

    def check_process(self) -> None:
        """Raise RuntimeError in a process that was forked from that of the thread."""
        if self.process != os.getpid():
            raise RuntimeError(
                "the client or job was used before this process was forked from its own; make one "
                "in each process, and let them share the quota (ClientConfig.shared), or divide "
                "the rate between them"
            )

    def check_caller(self) -> None:
        """Raise RuntimeError where a call would wait for ever."""
        self.check_process()
        if self.is_current:
            raise RuntimeError(
                "a blocking call in the thread of the event loop that would answer it, as by an "
                "observer, a pace or a transport, would wait for itself; make it in another thread"
            )

    def new_call(
        self,
        function: Callable[[], Coroutine[Any, Any, _T]],
        messages: "queue.SimpleQueue[Any] | None" = None,
    ) -> Call[_T]:
        """A call that is to be scheduled.

        Args:
            function: Makes the coroutine that is to run; called in the loop.
            messages: What it posts for the thread that waits, if it posts anything.
        """
        return Call(function, self._loop, queue.SimpleQueue() if messages is None else messages)

    def schedule(self, call: Call[Any]) -> None:
        """Have a call started, in the context of the thread that calls; do not wait.

        Raises:
            ClosedLoopError: All clients are closed, or the interpreter is ending.
        """
        with self._lock:
            if not self._ended:
                self._loop.call_soon_threadsafe(call.start, self._tasks)
                return
        call.drop()
        raise ClosedLoopError

    def finish(self, call: Call[_T], on_message: Callable[[Any], object] | None = None) -> _T:
        """Schedule a call and wait; an exception in this thread, such as Ctrl-C, cancels it.

        Args:
            call: A new one.
            on_message: Called in this thread with each message.

        Raises:
            ClosedLoopError: All clients are closed, or the interpreter is ending.
        """
        try:
            self.schedule(call)
            call.wait(on_message)
        except BaseException:
            call.abandon()
            raise
        return call.ended()

    def run(
        self,
        function: Callable[_P, Coroutine[Any, Any, _T]],
        *arguments: _P.args,
        **keywords: _P.kwargs,
    ) -> _T:
        """Run a coroutine function to its end, and return its result; see `finish`."""
        self.check_caller()
        return self.finish(self.new_call(partial(function, *arguments, **keywords)))

    def call(self, function: Callable[_P, _T], *arguments: _P.args, **keywords: _P.kwargs) -> _T:
        """Call a function that does not wait in the loop's thread, from any thread."""
        if self.is_current:
            return function(*arguments, **keywords)

        async def called() -> _T:
            return function(*arguments, **keywords)

        return self.run(called)

    def hold(self, holder: object, closer: Closer | None) -> None:
        """Keep it running; see `hold_loop_thread`."""
        self._holders[holder] = closer

    def release(self, holder: object, *, wait: bool = True) -> None:
        """Stop it, if nothing else holds it."""
        if self.process != os.getpid():
            return  # its thread is not in this process
        with _Shared.lock:
            del self._holders[holder]
            if self._holders:
                return
            if _Shared.thread is self:
                _Shared.thread = None
        self._end()
        if wait and not self.is_current:
            self._thread.join()

    def _end(self) -> None:
        with self._lock:
            # Under the lock: what was started before has its place in the loop before the stop.
            if not self._ended:
                self._ended = True
                self._loop.call_soon_threadsafe(self._stop.set)

    def end_at_exit(self) -> None:
        """Close all clients and stop; wait no longer than two seconds."""
        call = self.new_call(self._close_all)
        self.schedule(call)
        try:
            call.messages.get(timeout=_EXIT_TIMEOUT)
        except queue.Empty:
            _LOGGER.warning("synchronous clients could not be closed as the interpreter ended")
            return
        self._end()
        self._thread.join(_EXIT_TIMEOUT)

    async def _close_all(self) -> None:
        closers = [closer() for closer in self._holders.values() if closer is not None]
        await asyncio.gather(*closers, return_exceptions=True)
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()


class _Shared:
    """The thread of this process, and those of processes that it was forked from."""

    lock = threading.RLock()
    thread: LoopThread | None = None
    # Kept: an event loop that is collected closes selectors that the parent still uses.
    inherited: Final[list[LoopThread]] = []

    @classmethod
    def forget(cls) -> None:
        """Start anew in a forked child, where another thread may have held the lock."""
        cls.lock = threading.RLock()
        if cls.thread is not None:
            cls.inherited.append(cls.thread)
            cls.thread = None


def hold_loop_thread(holder: object, closer: Closer | None = None) -> LoopThread:
    """The thread of this process, started if there is none.

    Args:
        holder: Keeps it running until it is released by the same one.
        closer: Run if the interpreter ends before that.
    """
    with _Shared.lock:
        thread = _Shared.thread
        if thread is None:
            # Known before it is started: with gevent another greenlet may come here meanwhile.
            thread = _Shared.thread = LoopThread()
            try:
                thread.start_thread()
            except BaseException:
                _Shared.thread = None
                raise
        thread.hold(holder, closer)
        return thread


@contextmanager
def loop_thread() -> Iterator[LoopThread]:
    """The thread of this process, for a block."""
    holder = object()
    thread = hold_loop_thread(holder)
    try:
        yield thread
    finally:
        thread.release(holder)


@atexit.register
def _end_at_exit() -> None:
    if _Shared.thread is not None:
        _Shared.thread.end_at_exit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Shared.forget)
