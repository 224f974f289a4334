"""Does a consumer keep its promises however it is disturbed? Random scenes, for as long as wanted.

Each scene (`_consumer_scenes.py`) runs on a clock that jumps. Whatever happens, each delivery is
given exactly one word, none is held in the end, and no task or slot is left. Usage:

    python -m benchmarks.consumer_scenes [--minutes 10] [--seed 1] [--scene N]
"""

import argparse
import logging
import sys
import time
from collections import Counter
from typing import Final

from benchmarks._consumer_scenes import SceneError, play
from capillary_interactions.testing import run_without_waiting

_SHOWN: Final = 5


def main() -> None:
    """Play scenes until the time is up, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1, help="the number of the first scene")
    parser.add_argument("--scene", type=int, help="only this one")
    options = parser.parse_args()
    logging.getLogger("capillary_interactions").setLevel(logging.CRITICAL)
    until = time.monotonic() + 60 * options.minutes
    first = options.seed if options.scene is None else options.scene
    happened: Counter[str] = Counter()
    broken: list[int] = []
    number = first
    while number == first or (options.scene is None and time.monotonic() < until):
        try:
            happened[run_without_waiting(play(number))] += 1
        except SceneError as error:
            broken.append(number)
            print(f"scene {number}: {error}")
        number += 1
    kinds = ", ".join(f"{count} {name}" for name, count in sorted(happened.items()))
    print(f"{number - first} scenes ({kinds}): {len(broken)} broken {broken[:_SHOWN] or ''}")
    if broken:
        sys.exit(f"play one again: --scene {broken[0]}")


if __name__ == "__main__":
    main()
