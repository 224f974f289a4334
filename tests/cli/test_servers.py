"""The commands that run a server: `sandbox` and `demo`."""

import io
import re
import signal
import socket

import orjson
import pytest

from capillary_interactions.cli._demo import sample_list, server_summary
from capillary_interactions.cli._summaries import StreamSummary
from capillary_interactions.sandbox import Counts
from tests.tables import table

from .program import Ran, ended, invoke, started


def _looked_up_at(*options: str, lines: int) -> tuple[dict[str, str], Ran, Ran]:
    """Serve one lookup with the variables that the first lines of `sandbox` name; then Ctrl-C."""
    with started("sandbox", *options) as process:
        assert process.stdout is not None
        printed = [process.stdout.readline().decode() for _ in range(lines)]
        env = dict(re.findall(r"export (CAPILLARY_\w+)=(\S+)\n", "".join(printed)))

        ran = invoke("lookup", "mobile", "919738522695", env=env)

        process.send_signal(signal.SIGINT)
        return env, ran, ended(process)


def test_serves_until_it_is_interrupted() -> None:
    """Its standard output is what a shell needs, and another run finds its way with it."""
    env, ran, server = _looked_up_at("--rate", "5/1", "--latency", "0.001", lines=4)

    assert list(env) == [
        "CAPILLARY_BASE_URL",
        "CAPILLARY_USERNAME",
        "CAPILLARY_PASSWORD",
        "CAPILLARY_RATE",
    ]
    assert orjson.loads(ran.out)["outcome"] == "found"
    assert server.code == 0
    assert env["CAPILLARY_BASE_URL"] in server.err
    assert "sandbox-key" in server.err
    assert "1 request: 1 answered" in server.err


def test_serves_what_an_asian_cluster_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its settings reach the answers, and the zone the environment; no proxy is asked for it."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    options = ["--shape", "envelope", "--timezone", "Asia/Kolkata", "--iso-fields"]
    options += ["--phone-mirrors-sms", "--token-ttl", "60", "--token-status", "498"]
    env, ran, server = _looked_up_at(*options, "--fault", "code_8109_200=1", lines=6)

    assert env["CAPILLARY_PROXY"] == "none"
    assert env["CAPILLARY_TIMEZONE"] == "Asia/Kolkata"
    assert "8109" in orjson.loads(ran.out)["reason"]
    assert "1 failed on purpose" in server.err


def test_says_that_a_port_is_taken() -> None:
    """One line, in place of a server that cannot be reached."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = invoke("sandbox", "--port", str(port))

    assert ran.code == 2
    assert ran.err.startswith(f"error: --port {port}: ")
    assert ran.err.count("\n") == 1


@table(
    "arguments",
    [
        ("sandbox", "--port", "70000"),
        ("sandbox", "--port", "x"),
        ("sandbox", "--rate", "0/1"),
        ("sandbox", "--faults", "1.5"),
        ("sandbox", "--faults", "nan"),
        ("sandbox", "--latency", "-1"),
        ("sandbox", "--latency", "inf"),
        ("sandbox", "--shape", "round"),
        ("sandbox", "--timezone", "Mars/Olympus"),
        ("sandbox", "--token-ttl", "0"),
        ("sandbox", "--token-status", "404"),
        ("sandbox", "--fault", "hang"),
        ("sandbox", "--fault", "hang=1.5"),
        ("sandbox", "--fault", "fire=0.5"),
        ("sandbox", "--fault", "hang=0.5", "--faults", "0.5"),
        ("demo", "--customers", "0"),
        ("demo", "--customers", "x"),
    ],
)
def test_refuses_figures_that_cannot_be(arguments: tuple[str, ...]) -> None:
    """Each is named in one line."""
    ran = invoke(*arguments)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err


def test_shows_all_of_it_at_work() -> None:
    """Every customer has an outcome, the quota holds, and there is something to try next."""
    ran = invoke("demo", "--customers", "40")

    assert (ran.code, ran.out) == (0, "")
    assert re.search(r"^40 rows in .*: [345]\d found", ran.err, re.MULTILINE)
    most = re.search(r"at most (\d+) in any 1 s of 100 allowed", ran.err)
    assert most is not None
    assert int(most[1]) <= 100
    assert "; 0 over the quota" in ran.err
    assert "lookup mobile 919000000001 --sandbox" in ran.err


def test_makes_customers_up() -> None:
    """Each is another one."""
    lines = io.BytesIO(sample_list(1000)).read().split()

    assert lines[0] == b"mobile"
    assert len(set(lines[1:])) == 1000


def test_tells_what_the_server_saw() -> None:
    """The figures are the server's, for it is the one that counts."""
    report = StreamSummary(seconds=10.0)
    seen = Counts(received=1040, answered=1000, faulted=40)

    received, failed = server_summary(report, seen, 99)

    assert received == (
        "the server received 1,040 requests: at most 99 in any 1 s of 100 allowed, "
        "104 on average; 0 over the quota"
    )
    assert failed == "40 requests failed on purpose and were sent again, paced like all others"
