"""Tracebacks without local variables of ours, where an error leaves the package.

Error trackers and consoles that show local variables (Sentry, structlog with rich, pytest -l) read
them from the frames of a traceback: plain numbers, URLs, headers and passwords among them.
The lines stay, and the frames of the caller's own code are the caller's.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from types import TracebackType
from typing import Final, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")
_C = TypeVar("_C", bound=type)
# The core, and the libraries that it passes URLs and headers to. Not what is around the core: its
# coroutines may hold an error while they wait, and emptying a frame that waits would end it.
_LIBRARIES: Final = ("attr.", "aiohttp.", "yarl.", "tenacity.", "multidict.")
_EMPTIED: Final = ("capillary_interactions._", *_LIBRARIES)
# attrs compiles the constructors it writes under a name of their own.
_WRITTEN: Final = "<attrs "


def clear(error: BaseException, ended: tuple[str, ...] = ()) -> None:
    """Empty the frames of an error's traceback, and of those that it came from, that are ours.

    `ended` has further modules of which nothing runs or waits any more.
    """
    emptied = (*_EMPTIED, *(f"{module}." for module in ended))
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is not None and id(current) not in seen:
            seen.add(id(current))
            _clear(current.__traceback__, emptied)
            pending += (current.__cause__, current.__context__)


def _clear(trace: TracebackType | None, emptied: tuple[str, ...]) -> None:
    while trace is not None:
        frame = trace.tb_frame
        name = f"{frame.f_globals.get('__name__', '')}."
        if name.startswith(emptied) or frame.f_code.co_filename.startswith(_WRITTEN):
            with suppress(RuntimeError):  # it still runs: the caller drops what it holds
                frame.clear()
        trace = trace.tb_next


def clears_locals(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """A function whose errors show none of its arguments."""

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            del args, kwargs
            clear(error)
            raise

    return call


def constructed_bare(type_: _C) -> _C:
    """A class whose constructor's errors show none of its arguments."""
    made: Callable[..., None] = vars(type_)["__init__"]
    setattr(type_, "__init__", clears_locals(made))  # noqa: B010 - typed as what no one may set
    return type_
