"""All comparisons of speed in one run, and the table of goals: `python -m benchmarks`.

Each client runs in a process of its own on one CPU and its server on another; the clients take
turns, in reverse order every other round. A figure is the median of what pairs of turns of one
round give, with its quartiles. Clients whose packages are not installed are left out. Usage:

    python -m benchmarks [GROUP ...] [--quick] [--rounds N] [--requests N] [--million]
        [--against CHECKOUT]

--against is the root of another checkout with an environment in its `.venv`: its library takes part
in the same run, as what was before. --million watches memory over a million items.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from typing import Final

from benchmarks._suite import over_http, start_up, web, without_network
from benchmarks._suite.clients import checkout_at
from benchmarks._suite.figures import Report, Spread
from benchmarks._suite.goals import table
from benchmarks._suite.options import Options

GROUPS: Final[Mapping[str, Callable[[Options], Report]]] = {
    "overhead": over_http.overhead,
    "production": over_http.production,
    "single": over_http.single,
    "reading": without_network.reading,
    "instant": without_network.instant,
    "waiting": without_network.waiting,
    "start": start_up.start_up,
    "web": web.web,
}


def main() -> None:
    """Measure and print."""
    options = _parsed()
    figures: dict[str, Spread] = {}
    for group in options.groups or GROUPS:
        began = time.monotonic()
        report = GROUPS[group](_options(options))
        figures |= report.figures
        print(f"## {report.title}\n\n{report.text}\n")
        print(f"`python -m benchmarks {group}`: {time.monotonic() - began:.0f} s\n", flush=True)
    print(f"## Goals\n\n{table(figures)}")


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], metavar="GROUP")
    parser.add_argument("--quick", action="store_true", help="two minutes instead of ten")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--requests", type=int)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--against", type=checkout_at, metavar="CHECKOUT")
    return parser.parse_args()


def _options(parsed: argparse.Namespace) -> Options:
    return Options(
        rounds=parsed.rounds or (5 if parsed.quick else 61),
        requests=parsed.requests or (200 if parsed.quick else 250),
        memory_items=1_000_000 if parsed.million else 10_000 if parsed.quick else 100_000,
        before=parsed.against,
    )


if __name__ == "__main__":
    main()
