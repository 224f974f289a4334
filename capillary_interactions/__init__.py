"""Every customer's interactions from Capillary, as fast as the quota allows.

A typed asyncio client for the *Get Customer Interactions* API: one lookup inside a request
handler, or millions over days, paced, retried, and each tied to exactly one outcome.
"""

from typing import TYPE_CHECKING

from capillary_interactions._lazy import lazy_names

if TYPE_CHECKING:
    from capillary_interactions._client.client import InteractionsClient as InteractionsClient
    from capillary_interactions._client.snapshot import CredentialSnapshot as CredentialSnapshot
    from capillary_interactions._client.snapshot import Snapshot as Snapshot
    from capillary_interactions._config.client_config import ClientConfig as ClientConfig
    from capillary_interactions._config.clusters import Cluster as Cluster
    from capillary_interactions._config.credentials import BasicAuth as BasicAuth
    from capillary_interactions._config.credentials import OAuth as OAuth
    from capillary_interactions._config.limits import RateLimit as RateLimit
    from capillary_interactions._config.limits import RetryPolicy as RetryPolicy
    from capillary_interactions._config.limits import Timeouts as Timeouts
    from capillary_interactions._config.tls import Tls as Tls
    from capillary_interactions._errors import AuthenticationError as AuthenticationError
    from capillary_interactions._errors import CapillaryError as CapillaryError
    from capillary_interactions._errors import ConfigurationError as ConfigurationError
    from capillary_interactions._errors import EndpointDownError as EndpointDownError
    from capillary_interactions._http.transport import Transport as Transport
    from capillary_interactions._http.transport import TransportError as TransportError
    from capillary_interactions._json.unstructure import to_jsonable as to_jsonable
    from capillary_interactions._model.check_report import CheckReport as CheckReport
    from capillary_interactions._model.check_report import CheckStep as CheckStep
    from capillary_interactions._model.interactions import Customer as Customer
    from capillary_interactions._model.interactions import (
        CustomerInteractions as CustomerInteractions,
    )
    from capillary_interactions._model.interactions import Interaction as Interaction
    from capillary_interactions._model.interactions import Location as Location
    from capillary_interactions._model.interactions import Message as Message
    from capillary_interactions._model.interactions import Survey as Survey
    from capillary_interactions._model.outcome import Found as Found
    from capillary_interactions._model.outcome import LookupFailedError as LookupFailedError
    from capillary_interactions._model.outcome import NotFound as NotFound
    from capillary_interactions._model.outcome import Outcome as Outcome
    from capillary_interactions._model.outcome import Rejected as Rejected
    from capillary_interactions._model.outcome import Unavailable as Unavailable
    from capillary_interactions._model.outcome import Unreadable as Unreadable
    from capillary_interactions._model.query import Identifier as Identifier
    from capillary_interactions._model.query import Query as Query
    from capillary_interactions._model.vocabulary import ApiVersion as ApiVersion
    from capillary_interactions._model.vocabulary import IdentifierName as IdentifierName
    from capillary_interactions._model.vocabulary import InteractionType as InteractionType
    from capillary_interactions._model.vocabulary import Network as Network
    from capillary_interactions._pacing.deadline import (
        SlotAfterDeadlineError as SlotAfterDeadlineError,
    )
    from capillary_interactions._pacing.pace import Pace as Pace
    from capillary_interactions._pacing.pace import PaceState as PaceState
    from capillary_interactions._pacing.pace import WaiterEvictedError as WaiterEvictedError
    from capillary_interactions._protocol.messages import Request as Request
    from capillary_interactions._protocol.messages import Response as Response
else:
    # pytest imports this in every run, on its way to the plugin in `testing`: not even aiohttp is
    # to be loaded by it.
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "._client.client": "InteractionsClient",
            "._client.snapshot": "CredentialSnapshot Snapshot",
            "._config.client_config": "ClientConfig",
            "._config.credentials": "BasicAuth OAuth",
            "._config.clusters": "Cluster",
            "._config.limits": "RateLimit RetryPolicy Timeouts",
            "._config.tls": "Tls",
            "._errors": "AuthenticationError CapillaryError ConfigurationError EndpointDownError",
            "._http.transport": "Transport TransportError",
            "._json.unstructure": "to_jsonable",
            "._model.check_report": "CheckReport CheckStep",
            "._model.interactions": "Customer CustomerInteractions Interaction Location "
            "Message Survey",
            "._model.outcome": "Found LookupFailedError NotFound Outcome Rejected "
            "Unavailable Unreadable",
            "._model.query": "Identifier Query",
            "._model.vocabulary": "ApiVersion IdentifierName InteractionType Network",
            "._pacing.deadline": "SlotAfterDeadlineError",
            "._pacing.pace": "Pace PaceState WaiterEvictedError",
            "._protocol.messages": "Request Response",
        },
    )
