"""Forks processes that share a quota in a file, kills them at any moment, and prints their slots.

A program of its own: the process of the tests has threads, and forks badly.
"""

import json
import os
import random
import selectors
import signal
import struct
import sys
import time
from typing import Final

from capillary_interactions import RateLimit
from capillary_interactions._pacing.shared.file_store import FileStore
from capillary_interactions._pacing.shared.schedule import Demand, SharedQuota

LIMIT: Final = RateLimit(200, 0.5)
_WORKERS: Final = 3
_MAX_LIFE: Final = 0.01
_SLOT: Final = struct.Struct("<dd")


def main(path: str, most: int) -> None:
    """Kill as often as wanted; print when slots were free, and how long each waited for one."""
    rng = random.Random(7)
    store = FileStore(path, "ab" * 20, SharedQuota.of(LIMIT))
    store.exchange_now(Demand())
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    ready = selectors.DefaultSelector()
    ready.register(reading, selectors.EVENT_READ)
    workers = {_fork(store, writing): rng.random() * _MAX_LIFE for _ in range(_WORKERS)}
    kills, sent = 0, b""
    while kills < most:
        ready.select(_MAX_LIFE / 10)
        sent += _read(reading)
        for worker, life in list(workers.items()):
            workers[worker] = life - _MAX_LIFE / 10
            if life <= 0:
                os.kill(worker, signal.SIGKILL)
                os.waitpid(worker, 0)
                del workers[worker]
                workers[_fork(store, writing)] = rng.random() * _MAX_LIFE
                kills += 1
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
    sent += _read(reading)
    slots = list(_SLOT.iter_unpack(sent))
    times, waits = zip(*slots, strict=True)
    json.dump({"slots": times, "waits": waits}, sys.stdout)


def _fork(store: FileStore, writing: int) -> int:
    worker = os.fork()
    if worker == 0:
        try:
            while True:
                began = time.monotonic()
                reply = store.exchange_now(Demand(want=1, ahead=0.1))
                now = time.monotonic()
                if reply is not None and reply.granted:
                    os.write(writing, _SLOT.pack(now + max(0.0, reply.delay), now - began))
        finally:
            os._exit(1)
    return worker


def _read(reading: int) -> bytes:
    data = b""
    while True:
        try:
            data += os.read(reading, 65536)
        except BlockingIOError:
            return data


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
