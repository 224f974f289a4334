"""A transport of the caller's own, on another HTTP library, against the sandbox."""

from collections import Counter

import httpx2

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    InteractionsClient,
    OAuth,
    Request,
    Response,
    Transport,
    TransportError,
    Unavailable,
)
from capillary_interactions.sandbox import Sandbox
from tests.fakes import customer, customers


class HttpxTransport:
    """As a user would write it."""

    def __init__(self) -> None:
        self._client = httpx2.AsyncClient(follow_redirects=False)

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109
        """Send one request."""
        try:
            response = await self._client.request(
                "GET" if request.body is None else "POST",
                request.url,
                headers=dict(request.headers),
                content=request.body,
                timeout=timeout,
            )
        except httpx2.TransportError as error:
            raise TransportError(type(error).__name__) from error
        # Spelled as a server may, in a plain dict.
        headers = {name.title(): text for name, text in response.headers.items()}
        return Response(status=response.status_code, headers=headers, body=response.content)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()


async def test_looks_up_by_another_library() -> None:
    """Tokens, faults, retries and the server's waits included; the quota holds as ever."""
    transport: Transport = HttpxTransport()
    async with Sandbox(rate="40/1", unknown=0) as sandbox:
        config = ClientConfig(sandbox.base_url, OAuth("sandbox-key", "sandbox-secret"), rate="40/1")
        async with InteractionsClient(config, transport=transport) as client:
            sandbox.inject("error_503", "reset_mid_body")
            view = client.with_options(headers={"X-A": "b"})
            outcomes = await view.lookup_all(customers(20))
    assert Counter(outcome.ending for outcome in outcomes) == {"found": 20}
    assert all(outcome.request_id for outcome in outcomes)
    assert sum(outcome.attempts for outcome in outcomes) == 22


async def test_ends_unavailable_where_it_reports_no_answer() -> None:
    """With its reason, after retries; the cause is the caller's own."""
    config = ClientConfig("http://127.0.0.1:9", BasicAuth("till", "x"))
    async with InteractionsClient(config, transport=HttpxTransport()) as client:
        outcome = await client.lookup(customer(), timeout=0.3)
    assert isinstance(outcome, Unavailable)
    assert "ConnectError" in outcome.reason
