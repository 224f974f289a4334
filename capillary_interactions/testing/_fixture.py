"""The fixture `capillary_sandbox`, under pytest-asyncio in its strict and its auto mode."""

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from capillary_interactions.sandbox import Sandbox

_MARKER: Final = "capillary_sandbox"
_Scope = Literal["function", "class", "module", "package", "session"]


@pytest.fixture
def capillary_sandbox(request: pytest.FixtureRequest) -> "Sandbox":
    """A started `capillary_interactions.sandbox.Sandbox`, stopped when the test ends.

    The marker `@pytest.mark.capillary_sandbox(rate="50/1", faults=0.1)` on a test, a class or a
    module sets its settings; the nearest one counts where two set the same.
    """
    if not pytest_asyncio.is_async_test(request.node):
        pytest.fail(
            "the fixture capillary_sandbox serves tests that pytest-asyncio runs: make this one "
            "`async def` (in strict mode with @pytest.mark.asyncio), or use "
            "capillary_interactions.sandbox.SandboxProcess",
            pytrace=False,
        )
    # In the loop of the test: a server in any other loop stands still while the test runs.
    sandbox: Sandbox = request.getfixturevalue(_name(_loop_scope(request)))
    return sandbox


def _name(loop_scope: str) -> str:
    return f"_capillary_sandbox_in_{loop_scope}_loop"


def _loop_scope(request: pytest.FixtureRequest) -> str:
    marker = request.node.get_closest_marker("asyncio")
    scope = marker and (marker.kwargs.get("loop_scope") or marker.kwargs.get("scope"))
    return str(scope or request.config.getini("asyncio_default_test_loop_scope"))


def _serving(loop_scope: _Scope) -> Callable[..., AsyncIterator["Sandbox"]]:
    @pytest_asyncio.fixture(loop_scope=loop_scope, name=_name(loop_scope))
    async def serve(request: pytest.FixtureRequest) -> AsyncIterator["Sandbox"]:
        async with _sandbox(request) as sandbox:
            yield sandbox

    return serve


def _sandbox(request: pytest.FixtureRequest) -> "Sandbox":
    # Not at the top: this file is imported by runs that never use a sandbox.
    from capillary_interactions.sandbox import Sandbox  # noqa: PLC0415

    try:
        return Sandbox(**_settings(request))
    except (TypeError, ValueError) as error:
        return pytest.fail(f"@pytest.mark.{_MARKER}: {error}", pytrace=False)


def _settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers(_MARKER))):
        if marker.args:
            raise TypeError(f"settings are given by name, not {marker.args[0]!r}")
        settings |= marker.kwargs
    return settings


_in_function_loop = _serving("function")
_in_class_loop = _serving("class")
_in_module_loop = _serving("module")
_in_package_loop = _serving("package")
_in_session_loop = _serving("session")
