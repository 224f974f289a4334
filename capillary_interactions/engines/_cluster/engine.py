"""What is an engine to a run? Something that calls a function for each part, by some workers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Protocol

from capillary_interactions._errors import CapillaryError
from capillary_interactions._text.masking import mask_text

if TYPE_CHECKING:
    from capillary_interactions.engines._cluster.part_work import PartResult

Work = Callable[[int], "PartResult"]

MAX_LOST: Final = 5
"""How many times workers may be lost with the same part, which may be what kills them."""

_MAX_TEXT: Final = 300
_MODULES: Final[Mapping[str, tuple[str, str]]] = {
    "processes": ("multiprocessing", ""),
    "ray": ("ray", "ray"),
    "spark": ("pyspark", "spark"),
}
ENGINES: Final = tuple(_MODULES)


class EngineError(CapillaryError):
    """An engine cannot be used, or has lost too many workers."""


class MissingEngineError(EngineError):
    """An engine is not installed."""


class Engine(Protocol):
    """Workers, as many as it is made for: each has one client, and begins one part at a time."""

    def results(self, work: Work, parts: Sequence[int]) -> "Iterator[PartResult]":
        """Do all parts, and yield their results in any order; those of lost workers again.

        Raises:
            EngineError: Too many workers were lost, or it has failed itself.
        """

    def close(self) -> None:
        """End all workers, at once."""


def first_lines(error: Exception) -> str:
    """The beginning of the text of another program's error, without personal data."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return mask_text(" ".join(lines[:2])[:_MAX_TEXT]) or type(error).__name__


def engine_of(name: str, workers: int, address: str | None) -> Callable[[], Engine]:
    """What starts an engine.

    Raises:
        MissingEngineError: It is not installed; the text says how to.
    """
    module, extra = _MODULES[name]
    if find_spec(module) is None:
        raise MissingEngineError(
            f"{module} is not installed; --engine {name} needs the extra {extra}: "
            f"pip install 'capillary_interactions[{extra}]'"
        )

    def start() -> Engine:
        module = import_module(f"{__package__}.on_{name}")
        engine: Engine = module.start(workers, address)
        return engine

    return start
