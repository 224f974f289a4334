"""Does anything remain, whatever is cancelled when? Random scenes on a clock that jumps.

Usage:

    python -m benchmarks.cancellation [--minutes 60] [--seed 0]
    python -m benchmarks.cancellation --replay SEED

A scene that fails is printed with its seed, which plays it again.
"""

import argparse
import logging
import sys
import time
from collections.abc import Sequence

from benchmarks._cancellation_scenes import Played, play


def run(minutes: float, seed: int) -> list[Played]:
    """Play scene after scene, and print those that fail."""
    until = time.monotonic() + 60 * minutes
    played: list[Played] = []
    while time.monotonic() < until:
        scene = play(seed + len(played))
        played.append(scene)
        if scene.wrong:
            _tell(scene)
        if len(played) % 500 == 0:
            _sum_up(played)
    return played


def _tell(scene: Played) -> None:
    print(f"seed {scene.seed}, {scene.requests} requests: {'; '.join(scene.wrong)}", flush=True)


def _sum_up(played: list[Played]) -> None:
    requests = sum(scene.requests for scene in played)
    failed = sum(bool(scene.wrong) for scene in played)
    print(f"{len(played)} scenes, {requests} requests, {failed} failing", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", type=int)
    options = parser.parse_args(arguments)
    logging.getLogger("capillary_interactions").setLevel(logging.CRITICAL)
    if options.replay is not None:
        scene = play(options.replay)
        _tell(scene)
        return bool(scene.wrong)
    played = run(options.minutes, options.seed)
    _sum_up(played)
    return any(scene.wrong for scene in played)


if __name__ == "__main__":
    sys.exit(main())
