"""Every customer's interactions from Capillary, as fast as the quota allows.

A typed asyncio client for the *Get Customer Interactions* API: one lookup inside a request
handler, or millions over days, paced, retried, and each tied to exactly one outcome.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from capillary_interactions._client.client import InteractionsClient
    from capillary_interactions._client.snapshot import CredentialSnapshot, Snapshot
    from capillary_interactions._config.client_config import ClientConfig
    from capillary_interactions._config.credentials import BasicAuth, OAuth
    from capillary_interactions._config.endpoint import Cluster
    from capillary_interactions._config.limits import RateLimit, RetryPolicy, Timeouts
    from capillary_interactions._errors import (
        AuthenticationError,
        CapillaryError,
        ConfigurationError,
        EndpointDownError,
    )
    from capillary_interactions._json.unstructure import to_jsonable
    from capillary_interactions._model.interactions import (
        Customer,
        CustomerInteractions,
        Interaction,
        Location,
        Message,
        Survey,
    )
    from capillary_interactions._model.outcome import (
        Found,
        LookupFailedError,
        NotFound,
        Outcome,
        Rejected,
        Unavailable,
        Unreadable,
    )
    from capillary_interactions._model.query import Identifier, Query
    from capillary_interactions._model.vocabulary import (
        ApiVersion,
        IdentifierName,
        InteractionType,
        Network,
    )

__all__ = [
    "ApiVersion",
    "AuthenticationError",
    "BasicAuth",
    "CapillaryError",
    "ClientConfig",
    "Cluster",
    "ConfigurationError",
    "CredentialSnapshot",
    "Customer",
    "CustomerInteractions",
    "EndpointDownError",
    "Found",
    "Identifier",
    "IdentifierName",
    "Interaction",
    "InteractionType",
    "InteractionsClient",
    "Location",
    "LookupFailedError",
    "Message",
    "Network",
    "NotFound",
    "OAuth",
    "Outcome",
    "Query",
    "RateLimit",
    "Rejected",
    "RetryPolicy",
    "Snapshot",
    "Survey",
    "Timeouts",
    "Unavailable",
    "Unreadable",
    "to_jsonable",
]

_HOMES = {
    name: home
    for home, names in {
        "_client.client": ("InteractionsClient",),
        "_config.client_config": ("ClientConfig",),
        "_config.credentials": ("BasicAuth", "OAuth"),
        "_config.endpoint": ("Cluster",),
        "_errors": (
            "AuthenticationError",
            "CapillaryError",
            "ConfigurationError",
            "EndpointDownError",
        ),
        "_json.unstructure": ("to_jsonable",),
        "_config.limits": ("RateLimit", "RetryPolicy", "Timeouts"),
        "_model.interactions": (
            "Customer",
            "CustomerInteractions",
            "Interaction",
            "Location",
            "Message",
            "Survey",
        ),
        "_model.vocabulary": ("ApiVersion", "IdentifierName", "InteractionType", "Network"),
        "_model.outcome": (
            "Found",
            "LookupFailedError",
            "NotFound",
            "Outcome",
            "Rejected",
            "Unavailable",
            "Unreadable",
        ),
        "_model.query": ("Identifier", "Query"),
        "_client.snapshot": ("CredentialSnapshot", "Snapshot"),
    }.items()
    for name in names
}


# pytest passes through here in every run, on its way to the plugin in `testing/`: nothing, aiohttp
# least of all, is imported before somebody asks for it. Type checkers must not see this: to them
# it would make every misspelt name a valid one.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """One of the public names, imported when it is first asked for."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return __all__
