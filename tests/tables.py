"""Many rows in one test: an item costs pytest, its plugins and each worker more than most rows."""

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from reprlib import Repr
from typing import Any, Final

import pytest

_SHORT: Final = Repr()
_SHORT.maxstring = _SHORT.maxother = 80

Test = Callable[..., Any]


class FailedRows(BaseExceptionGroup):
    """Every row of a table that has failed, each with its values in a note."""


_FAILURES: Final = (Exception, pytest.fail.Exception, FailedRows)


def table(
    names: str | Sequence[str], rows: Iterable[Any], *, ids: Callable[[Any], str] = _SHORT.repr
) -> Callable[[Test], Test]:
    """Call a test for each row, as `pytest.mark.parametrize` does, but in one item.

    All rows are tried, one after the other, with the same fixtures and in the same event loop.

    Args:
        names: The parameters that a row has values for.
        rows: A tuple of values each, or the value itself where there is one parameter.
        ids: What a report calls a row.

    Raises:
        FailedRows: Some have failed.
    """
    named = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
    # More than once where tables are stacked.
    labelled = [(ids(row), _values(named, row)) for row in rows]

    def decorate(test: Test) -> Test:
        run = _awaiting(test, labelled) if _is_async(test) else _calling(test, labelled)
        signature = inspect.signature(test)
        fixtures = [part for name, part in signature.parameters.items() if name not in named]
        run.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
        return run

    return decorate


def _is_async(test: Test) -> bool:
    return asyncio.iscoroutinefunction(test)


def _values(names: Sequence[str], row: Any) -> dict[str, Any]:
    return {names[0]: row} if len(names) == 1 else dict(zip(names, row, strict=True))


def _calling(test: Test, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Test:
    @wraps(test)
    def run(*self: Any, **fixtures: Any) -> None:
        failed = []
        for label, values in rows:
            try:
                test(*self, **fixtures, **values)
            except _FAILURES as error:
                failed.append(_noted(error, label))
        _raise(failed, len(rows))

    return run


def _awaiting(test: Test, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Test:
    @wraps(test)
    async def run(*self: Any, **fixtures: Any) -> None:
        failed = []
        for label, values in rows:
            try:
                await test(*self, **fixtures, **values)
            except _FAILURES as error:
                failed.append(_noted(error, label))
        _raise(failed, len(rows))

    return run


def _noted(error: BaseException, label: str) -> BaseException:
    error.add_note(f"in the row {label}")
    return error


def _raise(failed: Sequence[BaseException], rows: int) -> None:
    assert rows, "the table is empty"
    if failed:
        raise FailedRows(f"{len(failed)} of {rows} rows", failed)
