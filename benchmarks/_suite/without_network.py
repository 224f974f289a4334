"""What does this client cost without a network: to read answers, to stream them, and to wait?"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks._suite.clients import (
    CLIENT_CORE,
    ROOT,
    THIS,
    Checkout,
    Client,
    Contender,
    interleaved,
    running,
    with_before,
)
from benchmarks._suite.figures import BEFORE, Report, Series, Spread, markdown, ratios, spread
from benchmarks._suite.options import Options

_SHAPES: Final = {"flat, 8 messages": "documented", "envelope, 2 messages": "envelope"}
_LOADS: Final = Contender(name="orjson.loads", target="reading:loads", style="called")
READING: Final = (
    _LOADS,
    Contender(name="loads and read", target="reading:loads_and_read", style="called"),
    Contender(name="classify", target="reading:classify", style="called"),
)
INSTANT: Final = (
    Contender(name="empty", target="this_client:instant_empty", style="in bulk"),
    Contender(name="documented", target="this_client:instant_documented", style="in bulk"),
)
_PARTS: Final = 10
_WAITING: Final = 10_000
_RATES: Final = (200, 2_000, 20_000)


def reading(options: Options) -> Report:
    """From bytes to values, beside parsing them alone."""
    rows, figures = [], dict[str, Spread]()
    for label, sample in _SHAPES.items():
        series = interleaved(
            with_before(READING, options.before),
            sample,
            rounds=options.rounds,
            items=options.requests * 2,
        )
        alone = series[_LOADS.name].cpu
        for name, one in series.items():
            times = spread(ratios(one.cpu, alone))
            rows.append((label, name, f"{spread(one.cpu).median * 1e6:.1f}", times))
            figures[f"{sample}: {name}"] = times
    heads = ("answer", "", "CPU µs", "times orjson.loads")
    return Report(title="Reading an answer", text=markdown(heads, rows), figures=figures)


def instant(options: Options) -> Report:
    """`stream` on a transport that answers at once."""
    series = interleaved(
        with_before(INSTANT, options.before),
        "",
        rounds=options.rounds,
        items=options.requests * 2,
    )
    figures = {f"instant, {name}": _per_second(one) for name, one in series.items()}
    heads = ("stream on an instant transport", "items a second of CPU time")
    text = markdown(heads, figures.items())
    growth = _growth(options.memory_items)
    return Report(
        title="An instant transport",
        text=f"{text}\n\n{growth.text}",
        figures={**figures, **growth.figures},
    )


def waiting(options: Options) -> Report:
    """One of 10,000 waiters is woken for its slot, beside a loop of `asyncio.sleep`."""
    rows, figures = [], dict[str, Spread]()
    for suffix, checkout in {"": THIS, BEFORE: options.before}.items():
        if checkout is None:
            continue
        displaced = 0.0
        for rate, wake, sleep, ratio, most in _wakes(checkout, options):
            figures[f"wake at {rate:,}{suffix}"] = Spread(ratio, ratio, ratio)
            displaced = max(displaced, most)
            rows.append((f"{rate:,} a second{suffix}", wake, sleep, ratio, f"{most:.0f}"))
        figures[f"displaced{suffix}"] = Spread(displaced, displaced, displaced)
    heads = (f"{_WAITING:,} waiting", "CPU µs a wake", "a sleep", "ratio", "displaced at most")
    return Report(title="Waiters", text=markdown(heads, rows), figures=figures)


def _wakes(checkout: Checkout, options: Options) -> Iterator[list[float]]:
    """What `benchmarks.waiters` prints, without the number of waiters."""
    rounds = ("--waiting", str(_WAITING), "--rounds", str(max(1, options.rounds // 15)))
    arguments = (*rounds, "--rate", *map(str, _RATES))
    command = checkout.command(CLIENT_CORE, "benchmarks.waiters", *arguments)
    printed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    for line in printed.stdout.splitlines()[2:]:
        rate, _, *figures = (cell.replace(",", "") for cell in line.strip("| ").split("|"))
        yield [int(rate), *map(float, figures)]


def _per_second(one: Series) -> Spread:
    return spread([1 / seconds for seconds in one.cpu])


def _growth(items: int) -> Report:
    """Memory of a long stream, in ten parts."""
    with running(INSTANT[1], "") as client:
        client.turn(min(items, 1000))
        memory = []
        for _ in range(_PARTS):
            client.turn(items // _PARTS)
            memory.append(_resident(client))
    grown = memory[-1] - memory[0]
    text = (
        f"Memory over {items:,} items with the documented answer: {memory[0]:.1f} MiB after a "
        f"tenth, {max(memory):.1f} MiB at most, {memory[-1]:.1f} MiB at the end."
    )
    return Report(title="", text=text, figures={"MiB grown": Spread(grown, grown, grown)})


def _resident(client: Client) -> float:
    """MiB."""
    pages = int(Path(f"/proc/{client.process_id}/statm").read_text("ascii").split()[1])
    return pages * 4096 / (1 << 20)
