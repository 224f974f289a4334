"""The contract's names, and what importing them does not import."""

import subprocess
import sys

import pytest

import capillary_interactions
from capillary_interactions import events, testing

_CONTRACT = {
    "Query",
    "Identifier",
    "IdentifierName",
    "Network",
    "InteractionType",
    "InteractionsClient",
    "ClientConfig",
    "ApiVersion",
    "Cluster",
    "BasicAuth",
    "OAuth",
    "RateLimit",
    "RetryPolicy",
    "Timeouts",
    "Tls",
    "Outcome",
    "Found",
    "NotFound",
    "Rejected",
    "Unreadable",
    "Unavailable",
    "CustomerInteractions",
    "Customer",
    "Interaction",
    "Message",
    "Survey",
    "Location",
    "to_jsonable",
    "CapillaryError",
    "ConfigurationError",
    "AuthenticationError",
    "LookupFailedError",
}
# Beyond the contract: what `snapshot()` and `check()` give, and what a stream's stop rule raises;
# what one needs for a transport, a hook for headers, or a pace of one's own.
_FURTHER = {
    *("Snapshot", "CredentialSnapshot", "CheckReport", "CheckStep", "EndpointDownError"),
    *("Transport", "TransportError", "Request", "Response"),
    *("Pace", "PaceState", "SlotAfterDeadlineError", "WaiterEvictedError"),
}

_NAMES = getattr(capillary_interactions, "__all__")  # noqa: B009 - not for type checkers

_FOREIGN = [
    "click",
    "rich",
    "pytest",
    "_pytest",
    "redis",
    "opentelemetry",
    "prometheus_client",
    "throttled",
    "pyarrow",
    "ray",
    "pyspark",
    "matplotlib",
    "phonenumbers",
    "pandas",
    "hypothesis",
    "uvloop",
    "fastapi",
    "httpx",
]
_OWN = [
    f"capillary_interactions.{name}" for name in ("cli", "engines", "sandbox", "jobs",
                                                  "integrations", "tables", "testing")
]  # fmt: skip


def test_exports_the_contract() -> None:
    """Nothing is missing, and nothing is public by accident."""
    assert set(_NAMES) == _CONTRACT | _FURTHER
    assert list(_NAMES) == sorted(_NAMES, key=lambda name: (not name[0].isupper(), name))


@pytest.mark.parametrize("module", [capillary_interactions, events, testing])
def test_has_every_name_that_it_exports(module: object) -> None:
    """Each name is there, and says of itself what it is."""
    for name in getattr(module, "__all__"):  # noqa: B009 - a module is an object here
        assert getattr(module, name) is not None


def test_exports_nothing_else_that_is_not_private() -> None:
    """Whatever else the package holds begins with an underscore or is a part of its own."""
    parts = {"events", "testing", "sandbox", "cli", "jobs", "integrations", "tables"}
    parts |= {"engines", "sync"}
    tools = {"TYPE_CHECKING", "lazy_names"}
    for name in _NAMES:
        getattr(capillary_interactions, name)
    held = {name for name in vars(capillary_interactions) if name.isidentifier() and name[0] != "_"}

    assert held - parts - tools == set(_NAMES)


def test_imports_neither_its_outer_parts_nor_optional_libraries() -> None:
    """A fresh interpreter that imports the package has none of them, even where installed."""
    code = (
        "import sys, capillary_interactions as c; c.InteractionsClient; "
        "print(*sys.modules, sep='\\n')"
    )
    completed = subprocess.run(  # noqa: S603 - this interpreter, and the line above
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(completed.stdout.split())

    assert "capillary_interactions._client.client" in loaded
    assert loaded.isdisjoint([*_FOREIGN, *_OWN])
    assert not completed.stderr
