"""Random scenes, one after the other, until the time is up: what jobs and consumers share."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

_SHOWN: Final = 5


class SceneError(Exception):
    """What a scene has shown: a promise that was not kept."""


def expect(kept: object, promise: str) -> None:
    """See that a promise was kept.

    Raises:
        SceneError: It was not.
    """
    if not kept:
        raise SceneError(promise)


def play_scenes(
    description: str, play: Callable[[int], Counter[str]], *failures: type[Exception]
) -> None:
    """Play scenes by the options of the command line, and print what was seen.

    Args:
        description: What the program is for.
        play: Plays the scene of a number; what happened in it.
        failures: What it raises, besides `SceneError`, where a promise was not kept.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1, help="the number of the first scene")
    parser.add_argument("--scene", type=int, help="only this one")
    options = parser.parse_args()
    until = time.monotonic() + 60 * options.minutes
    first = number = options.seed if options.scene is None else options.scene
    happened: Counter[str] = Counter()
    broken: list[int] = []
    expected: tuple[type[Exception], ...] = (SceneError, *failures)
    while number == first or (options.scene is None and time.monotonic() < until):
        try:
            happened += play(number)
        except expected as error:
            broken.append(number)
            print(f"scene {number}: {error}")
        number += 1
    kinds = ", ".join(f"{count} {name}" for name, count in sorted(happened.items()))
    print(f"{number - first} scenes ({kinds}): {len(broken)} broken {broken[:_SHOWN] or ''}")
    if broken:
        sys.exit(f"play one again: --scene {broken[0]}")
