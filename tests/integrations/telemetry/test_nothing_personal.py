"""No phone number, no address and no secret is in anything that leaves through telemetry."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from capillary_interactions import AuthenticationError, Identifier, Query, RetryPolicy
from capillary_interactions.testing import (
    Answer,
    Response,
    TransportError,
    interactions,
    message,
    run_without_waiting,
)

from .recorded_telemetry import MOBILE, UNKNOWN, RecordedTelemetry

SECRETS = (MOBILE, MOBILE[-10:], "a.person@example.com", "a.person", "pass-word-91", "till")
PAGE = interactions(email=[message(1)])
ENVELOPE = {"errors": [{"status": False, "code": 1001, "message": f"bad mobile {MOBILE}"}]}


def everything(recorded: RecordedTelemetry) -> Iterator[str]:
    """Every name, attribute, event, status and label, whole."""
    for span in recorded.spans:
        yield span.to_json()
        yield repr((span.name, span.attributes, span.events, span.links, span.status.description))
    for metric in recorded.metrics().values():
        yield metric.to_json()


@pytest.mark.parametrize(
    "who",
    [
        Identifier.mobile(MOBILE),
        Identifier.mobile(f"+{MOBILE}"),
        Identifier.email("a.person@example.com"),
        # A caller may exchange the two.
        Identifier.custom(MOBILE, "a.person@example.com"),
    ],
)
@pytest.mark.parametrize("api", ["v1.1", "v2"])
@pytest.mark.parametrize(
    "script",
    [
        [PAGE],
        [503, Response(status=429, headers={"retry-after": "0"}), PAGE],
        [UNKNOWN],
        [ENVELOPE],
        [{"interaction": MOBILE}],
        [Response(status=500, body=f"<p>{MOBILE} a.person@example.com</p>".encode())] * 9,
        [TransportError(f"cannot reach ?mobile={MOBILE}")] * 9,
        [Response(status=302, headers={"location": f"https://x.example/?mobile={MOBILE}"})],
        [401, 401],
        [Response(status=500, headers={"x-cap-requestid": f"{MOBILE} a.person@example.com"})] * 9,
    ],
)
def test_holds_nothing_personal(script: list[Answer], api: str, who: Identifier) -> None:
    """However a lookup ends, and whatever the server says about it."""
    recorded = RecordedTelemetry()
    query = Query(who, source="a-source", extra={"note": MOBILE})
    retry = RetryPolicy(wait_initial=0.0, throttled_initial=0.0)

    async def main() -> None:
        async with recorded.client(script, api=api, retry=retry) as client:
            with suppress(AuthenticationError):
                await client.lookup(query)

    run_without_waiting(main())
    texts = list(everything(recorded))
    assert any("/customer" in text for text in texts)
    assert any("capillary.lookup.endings" in text for text in texts)
    assert [text for text in texts if any(secret in text for secret in SECRETS)] == []
