"""How often Python looks for garbage while a command runs."""

import gc
from collections.abc import Iterator

import pytest

from capillary_interactions.cli._runtime import run_async


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


async def _threshold() -> tuple[int, int, int]:
    return gc.get_threshold()


@pytest.mark.parametrize(
    ("before", "within"),
    [((700, 10, 10), (50_000, 10, 10)), ((90_000, 5, 7), (90_000, 5, 7)), ((0, 10, 10),) * 2],
    ids=["default", "seldom", "off"],
)
def test_looks_for_garbage_less_often_during_a_command(
    before: tuple[int, int, int], within: tuple[int, int, int]
) -> None:
    """Who has chosen that it be off, or later still, has it so; afterwards all is as before."""
    gc.set_threshold(*before)

    assert run_async(_threshold()) == within
    assert gc.get_threshold() == before


def test_is_as_before_after_a_failure() -> None:
    """A program that calls the command line goes on with its own setting."""
    gc.set_threshold(700, 10, 10)

    async def fail() -> None:
        raise RuntimeError(gc.get_threshold()[0])

    with pytest.raises(RuntimeError, match="50000"):
        run_async(fail())
    assert gc.get_threshold() == (700, 10, 10)
