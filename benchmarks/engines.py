"""Do workers that are killed, and runs that are killed and stopped, lose or repeat a customer?

A list is looked up by `bulk` first. Then by `cluster`: one worker is killed with SIGKILL after a
fifth of the customers, the command itself after two fifths, and Ctrl-C is pressed after three; each
time the same command is started again, and at last it ends. For Ray and Spark the adapter of the
library is run, too, with one worker killed. All must give what `bulk` has given, but for times.
Usage:

    pip install 'capillary_interactions[ray,spark]'
    python -m benchmarks.engines [--processes] [--ray] [--spark] [--customers 100000]
"""

import argparse
import csv
import tempfile
import time
from pathlib import Path

from benchmarks._engine_scenes import Scene, lost_and_stopped, lost_worker
from capillary_interactions.sandbox import SandboxProcess

_ENGINES = ("processes", "ray", "spark")


def main() -> None:
    """Run the chosen engines, one after the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--processes", action="store_true")
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--spark", action="store_true")
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--in-flight", type=int, default=32)
    parsed = parser.parse_args()
    engines = [name for name in _ENGINES if getattr(parsed, name)] or list(_ENGINES)
    with tempfile.TemporaryDirectory() as folder, SandboxProcess(unknown=0.1, messages=2) as server:
        source = Path(folder) / "list.csv"
        _write(source, parsed.customers)
        scene = Scene(
            server=server,
            source=source,
            customers=parsed.customers,
            in_flight=parsed.in_flight,
        )
        began = time.monotonic()
        scene.look_up_by_bulk()
        print(f"bulk: {_rate(parsed.customers, began)}", flush=True)
        for engine in engines:
            print(f"\n## {engine}", flush=True)
            lost_and_stopped(scene, engine)
            if engine != "processes":
                lost_worker(scene, engine)


def _write(path: Path, customers: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("shop", "mobile"))
        for number in range(customers):
            writer.writerow((f"S{number % 100}", 919_000_000_000 + number))


def _rate(customers: int, began: float) -> str:
    seconds = time.monotonic() - began
    return f"{customers:,} customers in {seconds:.0f} s ({customers / seconds:,.0f}/s)"


if __name__ == "__main__":
    main()
