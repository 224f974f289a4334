"""Every customer's interactions from Capillary, as fast as the quota allows.

A typed asyncio client for the *Get Customer Interactions* API: one lookup inside a request
handler, or millions over days, paced, retried, and each tied to exactly one outcome.
"""

from capillary_interactions._client import InteractionsClient
from capillary_interactions._config import ClientConfig
from capillary_interactions._credentials import BasicAuth, OAuth
from capillary_interactions._endpoint import Cluster
from capillary_interactions._errors import (
    AuthenticationError,
    CapillaryError,
    ConfigurationError,
    EndpointDownError,
)
from capillary_interactions._jsonable import to_jsonable
from capillary_interactions._limits import RateLimit, RetryPolicy, Timeouts
from capillary_interactions._models import (
    Customer,
    CustomerInteractions,
    Interaction,
    Location,
    Message,
    Survey,
)
from capillary_interactions._names import ApiVersion, IdentifierName, InteractionType, Network
from capillary_interactions._outcome import (
    Found,
    LookupFailedError,
    NotFound,
    Outcome,
    Rejected,
    Unavailable,
    Unreadable,
)
from capillary_interactions._query import Identifier, Query
from capillary_interactions._snapshot import CredentialSnapshot, Snapshot

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
