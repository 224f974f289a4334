"""How many instructions does a request take? For comparisons between commits, by callgrind.

Only the requests are counted, not the start: user-space instructions, which repeat to 0.3 % on any
machine, however busy; what the kernel does is not in them. Usage (needs valgrind):

    python -m benchmarks.instructions [--requests 300] [--against CHECKOUT]
"""

import argparse
import subprocess
from tempfile import TemporaryFile
from typing import Final

from benchmarks._suite.clients import Contender, checkout_at, running, with_before
from benchmarks._suite.figures import BEFORE, markdown
from benchmarks.servers.fastest_http import fast_server

_UNDER: Final = (
    *("valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=/dev/null"),
)
_BARE: Final = Contender(name="bare aiohttp, bytes", target="bare_aiohttp:reading_bytes")
_LOADS: Final = Contender(name="orjson.loads", target="reading:loads", style="called")
_OVER_HTTP: Final = (
    _BARE,
    Contender(name="lookup", target="this_client:lookup"),
    Contender(name="stream", target="this_client:stream", style="in bulk"),
)
_ALONE: Final = (
    Contender(
        name="stream, instant transport", target="this_client:instant_documented", style="in bulk"
    ),
    Contender(
        name="stream, instant, empty answers", target="this_client:instant_empty", style="in bulk"
    ),
    Contender(name="classify", target="reading:classify", style="called"),
    _LOADS,
)


def count(contender: Contender, address: str, items: int) -> float:
    """Thousands of instructions for each item."""
    with TemporaryFile() as log:
        with running(contender, address, under=_UNDER, errors=log.fileno()) as client:
            client.turn(items)
            _switch("on", client.process_id)
            client.turn(items)
            _switch("off", client.process_id)
        log.seek(0)
        collected = log.read().decode().partition("Collected :")[2]
    return int(collected.split()[0]) / items / 1000


def _switch(state: str, process_id: int) -> None:
    command = ["callgrind_control", "-i", state, str(process_id)]
    subprocess.run(command, check=True, capture_output=True)


def _layers(counts: dict[str, float], suffix: str) -> list[tuple[str, str]]:
    """A stream's request by what it passes, by subtraction."""
    stream, instant, classify = (
        counts[name + suffix] for name in ("stream", "stream, instant transport", "classify")
    )
    layers = {
        "of a stream's: transport and HTTP": stream - instant,
        "of a stream's: reading the answer": classify,
        "of a stream's: client and pace": instant - classify,
    }
    return [(name + suffix, f"{layer:.0f}") for name, layer in layers.items()]


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--against", type=checkout_at, metavar="CHECKOUT")
    options = parser.parse_args()
    counts = {}
    with fast_server() as base_url:
        for one in with_before(_OVER_HTTP, options.against):
            counts[one.name] = count(one, base_url, options.requests)
    for one in with_before(_ALONE, options.against):
        counts[one.name] = count(one, "documented", options.requests)
    rows = [(name, f"{thousands:.0f}") for name, thousands in counts.items()]
    for suffix in ("", BEFORE) if options.against else ("",):
        rows += _layers(counts, suffix)
    print(markdown(("for each request", "thousand instructions"), rows))


if __name__ == "__main__":
    main()
