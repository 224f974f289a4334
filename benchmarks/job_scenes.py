"""Does a job keep its promises however it is disturbed? Random scenes, for minutes or for hours.

Half of the scenes disturb a job within its process (`_job_scenes.py`). In the others a process
gets SIGKILL, or SIGINT or SIGTERM once or twice, at random moments, and is started again. In the
end every row has one outcome, the results are those of an undisturbed job, and no customer with a
recorded outcome has been looked up again. Usage:

    python -m benchmarks.job_scenes [--minutes 10] [--seed 1] [--scene N]
"""

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from benchmarks._job_scenes import Scene
from benchmarks._job_scenes import play as play_scene
from benchmarks._scenes import SceneError, expect, play_scenes
from capillary_interactions.jobs import JobError

# Each with the signals that a process gets, one after the other.
_SIGNALS: Final = (
    (signal.SIGKILL,),
    (signal.SIGKILL,),
    (signal.SIGINT,),
    (signal.SIGINT, signal.SIGINT),
    (signal.SIGINT, signal.SIGINT, signal.SIGINT),
    (signal.SIGINT, signal.SIGTERM),
)


def _forked(call: Callable[[], None], *, quiet: bool = False) -> int:
    """Fork a process that calls a function; return its number.

    This process has one thread for as long as it lives, so that its copies are complete.
    """
    # Until it is within the `try`, where it cannot go on as its parent.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return child
    code = 1
    try:
        if quiet:  # Python complains of what a signal breaks off at its start
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        call()
        code = 0
    except (SceneError, AssertionError):
        traceback.print_exc()
        code = 2
    except KeyboardInterrupt:
        code = 3
    except BaseException:  # noqa: BLE001 - it must not go on as its parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)
    return 0


def _code(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _play_inside(seed: int, folder: Path) -> Iterator[str]:
    happened = folder / "happened"

    def played() -> None:
        happened.write_text(asyncio.run(play_scene(seed, folder)))

    expect(_code(_forked(played)) == 0, "the scene comes to its end")
    yield from happened.read_text().split(", ")


def _play_killed(seed: int, folder: Path) -> Iterator[str]:
    scene = Scene(seed, folder)
    asked = folder / "asked"
    asked.touch()
    signals: tuple[signal.Signals, ...] | None
    for signals in (*scene.rng.choices(_SIGNALS, k=scene.rng.randint(1, 5)), None):
        child = _forked(lambda: asyncio.run(_run(scene, asked)), quiet=bool(signals))
        for number in signals or ():
            time.sleep(scene.rng.uniform(0, 0.08 if number != signal.SIGTERM else 0.005))
            os.kill(child, number)
        code = _code(child)
        allowed = {0, 3} if signals is None else {0, 1, 3, *(-number for number in signals)}
        expect(code in allowed, f"a run ends in good order, not with {code}")
        scene.endpoint.asked = Counter(asked.read_text().split())
        scene.remember()
        scene.check_repeats()
        yield "+".join(number.name for number in signals or ())
    expect(
        _code(_forked(lambda: _compare(scene))) == 0, "the results are those of an undisturbed job"
    )


async def _run(scene: Scene, asked: Path) -> None:
    number = os.open(asked, os.O_WRONLY | os.O_APPEND)
    scene.endpoint.note = lambda value: _noted(number, value)
    async with scene.opened(scene.job) as (client, job):
        await scene.run(client, job)


def _noted(number: int, value: str) -> None:
    os.write(number, f"{value}\n".encode())


def _compare(scene: Scene) -> None:
    before = scene.endpoint.asked.total()
    disturbed = asyncio.run(scene.result(scene.job))
    expect(scene.endpoint.asked.total() == before, "a complete job sends no request")
    expect(
        disturbed == asyncio.run(scene.result(scene.folder / "undisturbed.job")), "equal results"
    )


def _play(number: int) -> Counter[str]:
    play = _play_killed if random.Random(number).random() < 0.5 else _play_inside
    with tempfile.TemporaryDirectory() as name:
        return Counter(happened for happened in play(number, Path(name)) if happened)


def main() -> None:
    """Play scenes until the time is up, and print what was seen."""
    play_scenes(__doc__.partition("\n")[0], _play, JobError)


if __name__ == "__main__":
    main()
