"""The pytest plugin: `capillary_sandbox`, a real server for one test.

Every run of pytest in an environment with this package loads this file, so it imports nothing;
the sandbox itself is imported by the first test that asks for it.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_MARKER = (
    'capillary_sandbox(rate="50/1", faults=0.1, ...): settings of the fixture capillary_sandbox, '
    "as capillary_interactions.sandbox.Sandbox takes them."
)


def pytest_configure(config: "pytest.Config") -> None:
    """Register the marker and the fixture."""
    config.addinivalue_line("markers", _MARKER)
    config.pluginmanager.register(_fixture(config.pluginmanager), "capillary_sandbox")


def _fixture(plugins: "pytest.PytestPluginManager") -> ModuleType:
    if _can_serve(plugins):
        from capillary_interactions.testing import _fixture  # noqa: PLC0415 - may be missing

        return _fixture
    from capillary_interactions.testing import _fixture_missing  # noqa: PLC0415 - seldom needed

    return _fixture_missing


def _can_serve(plugins: "pytest.PytestPluginManager") -> bool:
    """Whether pytest-asyncio takes part in this run, in a version that has loop scopes."""
    plugin = sys.modules.get("pytest_asyncio.plugin")
    if plugin is None or not plugins.is_registered(plugin):
        return False
    version: str = sys.modules["pytest_asyncio"].__version__
    return int(version.partition(".")[0]) >= 1
