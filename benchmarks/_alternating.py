"""Which of two programs takes longer? Each runs while the other is stopped, in short turns.

A machine with neighbours may be a third slower from one moment to the next. In turns of half a
second both programs have the same moments, and each is alone on the machine all the same. Nothing
that a program does is left out: its time is that of its turns, from its start signal to its end.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

_TURN: Final = 0.5


class Program:
    """A program that says when it is ready; its work is between `wait_for_start` and `over`.

    Args:
        process: It, with pipes.

    Attributes:
        seconds: How long its turns have been.
        cpu: Seconds of CPU time that its work took, once it is over.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None  # noqa: S101 - they are pipes
        assert process.stdout is not None  # noqa: S101
        self._process, self._told, self._said = process, process.stdin, process.stdout
        self.seconds = 0.0
        self.cpu = 0.0

    def get_ready(self) -> None:
        """Wait until it is ready, and let it begin at its first turn.

        Raises:
            RuntimeError: It has ended instead.
        """
        self._line()
        self._process.send_signal(signal.SIGSTOP)
        self._told.write(b"\n")

    def turn(self) -> bool:
        """Let it run for a while; whether there is more to do.

        Raises:
            RuntimeError: It has ended before its work was done.
        """
        self._process.send_signal(signal.SIGCONT)
        began = time.perf_counter()
        if select.select([self._said], [], [], _TURN)[0]:
            self.seconds += time.perf_counter() - began
            self.cpu = float(self._line())
            return False
        self._process.send_signal(signal.SIGSTOP)
        self.seconds += time.perf_counter() - began
        return True

    def _line(self) -> bytes:
        line = self._said.readline()
        if not line:
            raise RuntimeError("a program has ended before its work was done")
        return line


@contextmanager
def _program(command: Sequence[str], seed: int) -> Iterator[Program]:
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, bufsize=0, stdin=pipe, stdout=pipe, env=environment) as process:
        try:
            yield Program(process)
        finally:
            # Even a stopped one is ended by this.
            process.kill()


def in_turns(commands: Sequence[Sequence[str]], seed: int) -> list[Program]:
    """Run programs in turns until each is over.

    Args:
        commands: What to start.
        seed: Of the programs' hashes, the same for all; and now the first begins, now the last.

    Returns:
        The programs, in the order of the commands.

    Raises:
        RuntimeError: One of them could not do its work.
    """
    with ExitStack() as stack:
        programs = [stack.enter_context(_program(command, seed)) for command in commands]
        for program in programs:
            program.get_ready()
        left = programs if seed % 2 else programs[::-1]
        while left:
            left = [program for program in left if program.turn()]
    return programs


def wait_for_start() -> Callable[[], None]:
    """In such a program: say that it is ready, and wait for the first turn.

    Returns:
        To be called when the work is over.
    """
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.process_time()

    def over() -> None:
        print(time.process_time() - began, flush=True)
        # What comes after the work is no part of it: wait to be ended.
        sys.stdin.read()

    return over
