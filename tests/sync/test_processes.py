"""Forks, the end of the interpreter, and real signals: each in a process of its own."""

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from capillary_interactions.sync import InteractionsClient, Job
from tests.fakes import Server, customer
from tests.forks import forks, in_a_fork
from tests.tables import table

from .clients import client_of

_ROOT = Path(__file__).parents[2]


@forks
def test_serves_in_a_fork_where_it_was_not_used_before() -> None:
    """A client made at import time, first used in each worker, beside others of the parent."""
    lazy = client_of(Server())
    with client_of(Server()) as used:
        used.lookup(customer())

        def work() -> str:
            with client_of(Server()) as own:
                return f"{lazy.lookup(customer()).ending}, {own.lookup(customer()).ending}"

        assert [in_a_fork(work) for _ in range(2)] == ["found, found"] * 2
        # The parent's loop is as it was.
        assert used.lookup(customer(1)).ending == "found"


def _lookup_and_leave(client: InteractionsClient) -> str:
    with client:
        return client.lookup(customer()).ending


@forks
@table(
    "use",
    [
        lambda client, _: client.lookup(customer()).ending,
        lambda client, _: client.lookup_all([customer()])[0].ending,
        lambda client, _: next(client.stream([customer()])).ending,
        lambda client, _: _lookup_and_leave(client),
        lambda _, job: str(job.status()),
    ],
)
def test_says_why_it_cannot_serve_in_a_fork_where_it_was_used_before(
    use: Callable[[InteractionsClient, Job], str], tmp_path: Path
) -> None:
    """Connections, waiters and threads of the parent are not the child's; it never hangs."""
    with client_of(Server()) as client, Job.open(tmp_path / "a.job") as job:
        client.lookup(customer())
        refusal = "RuntimeError: the client or job was used before this process was forked"
        assert in_a_fork(lambda: use(client, job)).startswith(refusal)

        def leave() -> str:
            job.__exit__()
            client.close()
            return f"left, {client.snapshot().endings['found']}"

        assert in_a_fork(leave) == "left, 1"


@forks
def test_lets_a_stream_of_the_parent_go_in_a_fork() -> None:
    """It is refused, closed and collected there, and goes on in the parent."""
    with client_of(Server()) as client:
        streams = [client.stream([customer(n) for n in range(9)])]
        next(streams[0])

        def work() -> str:
            try:
                next(streams[0])
            except RuntimeError:
                streams[0].close()
                streams.clear()
            return f"{len(streams)} left"

        assert in_a_fork(work) == "0 left"
        assert len(list(streams[0])) == 8


_PREAMBLE = """
import threading, time
from capillary_interactions.sync import InteractionsClient
from tests.fakes import Server, customer, customers, settings
server = Server()
client = InteractionsClient(settings(), transport=server)
first = client.lookup(customer()).ending
"""


@contextmanager
def _program(script: str) -> Iterator[subprocess.Popen[str]]:
    """A program that has looked up a customer, and then does something."""
    command = (sys.executable, "-W", "default", "-c", _PREAMBLE + textwrap.dedent(script))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=_ROOT, stdout=pipe, stderr=pipe, text=True) as process:  # noqa: S603 - this interpreter
        try:
            yield process
        finally:
            process.kill()


@table(
    "script, printed",
    [
        # Nothing is closed, and a stream is under way.
        (
            """
            import atexit
            stream = client.stream(customers(50))
            print(first, next(stream).ending)
            atexit.register(lambda: print(client.snapshot().endings["found"] > 0))
            """,
            "found found\nTrue\n",
        ),
        # A thread that is no daemon goes on after the last line; one that is, waits for an answer.
        (
            """
            def work():
                threading.main_thread().join()
                print(client.lookup(customer(1)).ending)
            threading.Thread(target=work).start()
            server.takes = 0.01
            slow = InteractionsClient(settings(), transport=Server(takes=60.0))
            threading.Thread(target=slow.lookup, args=(customer(),), daemon=True).start()
            """,
            "found\n",
        ),
        # An observer blocks the loop's thread for ever.
        (
            """
            blocked = threading.Event()
            def block(_):
                blocked.set()
                threading.Event().wait()
            from capillary_interactions.sync import _loop_thread
            _loop_thread._EXIT_TIMEOUT = 0.05
            stuck = InteractionsClient(settings(), transport=server, observers=[block])
            threading.Thread(target=stuck.lookup, args=(customer(),), daemon=True).start()
            blocked.wait()
            """,
            "",
        ),
    ],
)
def test_ends_with_the_interpreter(script: str, printed: str) -> None:
    """At once, in whatever state its clients are, and without a word of its own."""
    with _program(script) as process:
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, printed)
    assert "Traceback" not in err


def test_is_cancelled_by_a_signal() -> None:
    """Ctrl-C from a terminal, in the middle of a lookup: a traceback of the caller, and no hang."""
    script = """
    server.takes = 60.0
    print("waits", flush=True)
    client.lookup(customer(1), timeout=120)
    """
    with _program(script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waits\n"
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    assert "unclosed" not in err
    assert "never retrieved" not in err
