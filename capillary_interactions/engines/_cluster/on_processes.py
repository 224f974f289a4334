"""Processes of this machine as an engine: nothing has to be installed."""

import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from capillary_interactions.engines._cluster.engine import MAX_LOST, EngineError, Work
from capillary_interactions.engines._cluster.part_work import PartResult


def start(workers: int, address: str | None) -> "ProcessEngine":
    """Processes are started as they are needed; they have no address."""
    assert address is None  # noqa: S101 - the command line sees to it
    return ProcessEngine(workers)


class ProcessEngine:
    """A pool of processes, made anew when one of them is lost."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool = self._new_pool()

    def results(self, work: Work, parts: Sequence[int]) -> Iterator[PartResult]:
        """See `Engine`."""
        open_, lost = dict.fromkeys(parts), Counter[int]()
        while open_:
            try:
                running = {self._pool.submit(work, part): part for part in open_}
                for future in as_completed(running):
                    result = future.result()
                    del open_[running[future]]
                    yield result
            except BrokenProcessPool:
                lost.update(list(open_)[:1])
                if max(lost.values()) >= MAX_LOST:
                    raise EngineError(
                        f"{MAX_LOST} worker processes were lost, killed by something or out of "
                        "memory; the same command goes on"
                    ) from None
                self._pool = self._new_pool()

    def close(self) -> None:
        """See `Engine`."""
        for process in tuple((self._pool._processes or {}).values()):  # noqa: SLF001 - public from 3.14 on
            process.kill()
        self._pool.shutdown(cancel_futures=True)

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._workers,
            # Not forked: this process has threads.
            multiprocessing.get_context("spawn"),
            initializer=_belong_to_parent,
        )


def _belong_to_parent() -> None:
    """Leave Ctrl-C, which comes to all processes of a terminal, to the first; and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
