"""Does a consumer keep its promises however it is disturbed? Random scenes, for as long as wanted.

Each scene (`_consumer_scenes.py`) runs on a clock that jumps. Whatever happens, each delivery is
settled exactly once, none is held in the end, and no task or slot is left. Usage:

    python -m benchmarks.consumer_scenes [--minutes 10] [--seed 1] [--scene N]
"""

import logging
from collections import Counter

from benchmarks._consumer_scenes import play
from benchmarks._scenes import play_scenes
from capillary_interactions.testing import run_without_waiting


def _play(number: int) -> Counter[str]:
    return Counter([run_without_waiting(play(number))])


def main() -> None:
    """Play scenes until the time is up, and print what was seen."""
    logging.getLogger("capillary_interactions").setLevel(logging.CRITICAL)
    play_scenes(__doc__.partition("\n")[0], _play)


if __name__ == "__main__":
    main()
