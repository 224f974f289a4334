"""Runs a command until the process that started this has gone, even by SIGKILL.

Usage:

    python kill_with_parent.py COMMAND...

Its standard input is a pipe whose other end only the starter holds. When that closes, or the
command ends, everything that is left of the command's session is killed.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading


def main() -> None:
    """Run the command to its end."""
    command = subprocess.Popen(
        sys.argv[1:],
        stdin=subprocess.PIPE,
        # What it starts itself belongs to it, and is ended with it.
        start_new_session=True,
    )

    def end() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command.pid, signal.SIGKILL)

    def end_with_starter() -> None:
        sys.stdin.buffer.read()
        end()

    threading.Thread(target=end_with_starter, daemon=True).start()
    command.wait()
    end()
    # At once, for the thread may still read, and Python would wait for its hold on stdin.
    os._exit(0)


if __name__ == "__main__":
    main()
