"""How long does reading an answer take, compared with parsing its JSON alone?

python -m benchmarks.reading takes turns in one process, and counts instructions where valgrind is.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson

from capillary_interactions import Identifier, Query
from capillary_interactions._json.reader import Reader
from capillary_interactions._protocol.classify import classify
from capillary_interactions._protocol.messages import Response

_SAMPLES: Final = Path(__file__).parents[1] / "tests" / "samples"
_SHAPES: Final = {"flat, 8 messages": "documented", "envelope, 2 messages": "envelope"}
_QUERY: Final = Query(Identifier.mobile("919000000001"))
_NOW: Final = datetime(2025, 1, 1, tzinfo=UTC)
_ROUNDS: Final = 200
_CALLS: Final = 100

Work = Callable[[], object]


def _works(sample: str) -> Mapping[str, Work]:
    """What is compared, from the same bytes, as servers send them: without white space."""
    body = orjson.dumps(orjson.loads((_SAMPLES / f"{sample}.json").read_bytes()))
    response = Response(
        status=200, headers={"content-type": "application/json;charset=utf-8"}, body=body
    )
    reader = Reader(UTC)
    return {
        "orjson.loads": lambda: orjson.loads(body),
        "loads and read": lambda: reader.read(orjson.loads(body)),
        "classify": lambda: classify(response, _QUERY, reader, _NOW),
    }


def _measure(works: Mapping[str, Work]) -> dict[str, list[float]]:
    """Microseconds of CPU time for each call of each, in every round."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(_ROUNDS):
        for name, work in works.items():
            began = time.process_time()
            for _ in range(_CALLS):
                work()
            spent[name].append((time.process_time() - began) / _CALLS * 1e6)
    return spent


def _instructions(sample: str, name: str) -> float:
    """Thousands of instructions for each call: those of a longer run less those of a shorter."""
    # Starting Python takes two billion, and not always the same number.
    few, many = (_count(sample, name, calls) for calls in (200, 5200))
    return (many - few) / 5000 / 1000


def _count(sample: str, name: str, calls: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable]
    run = ["-m", "benchmarks.reading", "--sample", sample, "--work", name, "--calls", str(calls)]
    log = subprocess.run(
        [*command, *run], capture_output=True, check=True, text=True, env={"PYTHONHASHSEED": "0"}
    ).stderr
    return int(log.partition("Collected :")[2].split()[0])


def _print_table() -> None:
    has_valgrind = shutil.which("valgrind") is not None
    print("| answer | | µs, least | times orjson.loads | thousand instructions |")
    print("|---|---|---|---|---|")
    for label, sample in _SHAPES.items():
        spent = _measure(_works(sample))
        alone = spent["orjson.loads"]
        for name, times in spent.items():
            ratio = statistics.median(a / b for a, b in zip(times, alone, strict=True))
            count = f"{_instructions(sample, name):.0f}" if has_valgrind else "-"
            print(f"| {label} | {name} | {min(times):.1f} | {ratio:.1f} | {count} |", flush=True)


def main() -> None:
    """Print the table, or do one kind of work some times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--calls", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.sample is None:
        _print_table()
        return
    work = _works(arguments.sample)[arguments.work]
    for _ in range(arguments.calls):
        work()


if __name__ == "__main__":
    main()
