"""FastAPI: what `starlette` beside it has, and the client as a dependency."""

from typing import Annotated, TypeAlias

from fastapi import Depends

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions.integrations.starlette import (
    answer_failures,
    client_of,
    identified,
    lifespan,
    response_to,
)

__all__ = [
    "InteractionsDependency",
    "answer_failures",
    "client_of",
    "identified",
    "lifespan",
    "response_to",
]

# The application's client, as the type of an endpoint's argument. A test replaces it with
# `app.dependency_overrides[client_of]`.
InteractionsDependency: TypeAlias = Annotated[InteractionsClient, Depends(client_of)]
