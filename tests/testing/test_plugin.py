"""The pytest plugin, in runs of pytest on a user's small project."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import pytest_asyncio

from capillary_interactions import testing
from capillary_interactions.testing import plugin

Run = Callable[..., "subprocess.CompletedProcess[str]"]

# Other plugins that happen to be here take longer to import than all of the tests.
_OTHERS = (
    "anyio",
    "cacheprovider",
    "faker",
    "hypothesispytest",
    "pytest_cov",
    "rerunfailures",
    "xdist",
)
_ALONE = tuple(f"-pno:{name}" for name in (*_OTHERS, "xdist.looponfail"))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs pytest on a file of tests, as a user of the package would."""

    def run(tests: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "test_shop.py").write_text(tests, encoding="utf-8")
        if "no:asyncio" not in arguments:
            # Left unset, pytest-asyncio warns, and warnings are errors here.
            arguments = ("-o", "asyncio_default_fixture_loop_scope=function", *arguments)
        return python("-m", "pytest", *_ALONE, "-Werror", *arguments, cwd=tmp_path)

    return run


def python(*arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """This Python in a process of its own, without the settings of this run of pytest."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, *arguments]
    return subprocess.run(  # noqa: S603 - this very Python
        command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


SERVED = """
import asyncio
import pytest
import pytest_asyncio
from capillary_interactions import Found, Identifier, InteractionsClient, Unavailable
from capillary_interactions.sandbox import Sandbox

ports = []

async def test_gives_a_started_sandbox(capillary_sandbox):
    assert isinstance(capillary_sandbox, Sandbox)
    async with InteractionsClient(capillary_sandbox.client_config()) as client:
        await client.lookup(Identifier.mobile("919738522695"))
    assert capillary_sandbox.counts.answered == 1
    ports.append(capillary_sandbox)

async def test_gives_each_test_its_own_and_stops_it(capillary_sandbox):
    assert capillary_sandbox is not ports[0]
    assert ports[0]._runner is None
    assert capillary_sandbox.counts.received == 0

@pytest.mark.capillary_sandbox(rate="50/1", faults=0.1)
async def test_has_the_settings_of_its_marker(capillary_sandbox):
    assert (capillary_sandbox.rate, capillary_sandbox.faults) == ((50, 1.0), 0.1)

@pytest.mark.capillary_sandbox(messages=3, unknown=0)
class TestOfAClass:
    async def test_has_the_settings_of_its_class(self, capillary_sandbox):
        assert capillary_sandbox.messages == 3

    @pytest.mark.capillary_sandbox(messages=4)
    async def test_prefers_the_nearest_marker(self, capillary_sandbox):
        assert (capillary_sandbox.messages, capillary_sandbox.unknown) == (4, 0)

@pytest.fixture
def config(capillary_sandbox):
    return capillary_sandbox.client_config(in_flight=2)

@pytest_asyncio.fixture
async def client(config):
    async with InteractionsClient(config) as client:
        yield client

@pytest.mark.capillary_sandbox(unknown=0)
async def test_serves_fixtures_of_the_users(client, capillary_sandbox):
    assert isinstance(await client.lookup(Identifier.mobile("1")), Found)
    assert capillary_sandbox.counts.answered == 1

@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("number", [1, 2])
async def test_serves_in_the_loop_of_the_session(capillary_sandbox, number):
    async with InteractionsClient(capillary_sandbox.client_config()) as client:
        async with asyncio.timeout(5):
            await client.lookup(Identifier.mobile("1"))
    assert capillary_sandbox.counts.answered == 1
"""


def test_serves_tests(run: Run) -> None:
    """In the automatic mode of pytest-asyncio, with warnings as errors and markers strict."""
    ran = run(SERVED, "--asyncio-mode=auto", "--strict-markers")
    assert "8 passed" in ran.stdout, ran.stdout
    assert ran.returncode == 0


LOOPS = """
import asyncio
import sys
from capillary_interactions import Identifier, InteractionsClient

def test_without_the_fixture():
    assert "capillary_interactions.sandbox" not in sys.modules

async def test_serves(capillary_sandbox):
    async with InteractionsClient(capillary_sandbox.client_config()) as client:
        async with asyncio.timeout(5):
            await client.lookup(Identifier.mobile("1"))
    assert capillary_sandbox.counts.answered == 1
"""


def test_serves_in_the_loop_that_the_project_chose(run: Run) -> None:
    """A project whose tests share a loop is served in that loop, and no sooner than it asks."""
    ran = run(LOOPS, "--asyncio-mode=auto", "-o", "asyncio_default_test_loop_scope=session")
    assert "2 passed" in ran.stdout, ran.stdout


WRONG = """
import pytest

@pytest.mark.asyncio
@pytest.mark.capillary_sandbox(page_size=0)
async def test_of_a_bad_setting(capillary_sandbox): ...

@pytest.mark.asyncio
@pytest.mark.capillary_sandbox(colour="red")
async def test_of_an_unknown_setting(capillary_sandbox): ...

@pytest.mark.asyncio
@pytest.mark.capillary_sandbox("50/1")
async def test_of_a_setting_without_a_name(capillary_sandbox): ...

def test_of_no_coroutine(capillary_sandbox): ...

@pytest.mark.asyncio
@pytest.mark.capillary_sandbox(messages=3)
async def test_that_passes(capillary_sandbox):
    assert capillary_sandbox.messages == 3
    assert capillary_sandbox.base_url
"""


def test_reports_errors_in_one_line(run: Run) -> None:
    """A bad marker and a test that is no coroutine are errors without a traceback.

    In the strict mode of pytest-asyncio, which serves a test that is right.
    """
    ran = run(WRONG, "--asyncio-mode=strict", "-rE")
    assert "1 passed, 4 errors" in ran.stdout, ran.stdout
    for text in (
        "capillary_sandbox: page_size must be from 1 to",
        "unexpected keyword argument 'colour'",
        "settings are given by name, not '50/1'",
        "make this one `async def`",
    ):
        assert text in ran.stdout
    assert "Traceback" not in ran.stdout
    assert "capillary_interactions/testing" not in ran.stdout.replace(os.sep, "/")


WITHOUT = """
import sys

def test_with_the_fixture(capillary_sandbox): ...

def test_without_the_fixture():
    assert "capillary_interactions.sandbox" not in sys.modules
    assert "pytest_asyncio" not in sys.modules
"""


def test_says_what_to_install_without_pytest_asyncio(run: Run) -> None:
    """Only the test with the fixture fails, and says what to install."""
    ran = run(WITHOUT, "-p", "no:asyncio")
    assert "1 passed, 1 error" in ran.stdout, ran.stdout
    assert "pip install 'pytest-asyncio>=1.0'" in ran.stdout


def test_counts_an_old_pytest_asyncio_as_missing(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It breaks nothing where the fixture is not used."""
    for version, expected in (("0.23.8", False), ("1.0.0", True), ("2.1", True)):
        monkeypatch.setattr(pytest_asyncio, "__version__", version)
        assert plugin._can_serve(request.config.pluginmanager) is expected


def test_describes_its_marker(request: pytest.FixtureRequest) -> None:
    """`pytest --markers` shows how to pass settings: this is what it prints."""
    assert 'capillary_sandbox(rate="50/1"' in "".join(request.config.getini("markers"))


def test_costs_a_run_without_the_fixture_nothing() -> None:
    """Beside the package itself, importing the plugin imports two small files."""
    program = (
        "import sys, capillary_interactions; before = set(sys.modules)\n"
        "import capillary_interactions.testing.plugin\n"
        "print(*sorted(set(sys.modules) - before))\n"
        "print('capillary_interactions.sandbox' in sys.modules, 'aiohttp.web' in sys.modules)"
    )
    ran = python("-c", program)
    imported, others = ran.stdout.splitlines()
    assert imported == "capillary_interactions.testing capillary_interactions.testing.plugin"
    assert others == "False False"


def test_has_its_public_names_and_no_others() -> None:
    """Each is imported when it is first used."""
    imported: dict[str, object] = {}
    exec("from capillary_interactions.testing import *", imported)  # noqa: S102 - a text of ours
    public = getattr(testing, "__all__")  # noqa: B009 - not for type checkers
    assert dir(testing) == sorted(public) == sorted(imported.keys() - {"__builtins__"})
    assert not hasattr(testing, "nothing")
