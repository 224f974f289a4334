"""What a person sees of requests, answers and verdicts holds nothing personal and no secret."""

import pickle

import pytest

from capillary_interactions import Customer, CustomerInteractions, Interaction, Message, Survey
from capillary_interactions._http.transport import ResponseTooLargeError, TransportError
from capillary_interactions._model.interactions import Location
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.messages import Request, Response
from tests.tables import table

from .bodies import MOBILE, SAMPLES, judged, sample

SECRETS = ("d29yZA", "919738522695", "a.person@example.com")


@table(
    "value",
    [
        Request(
            url=f"https://eu.example/?mobile={SECRETS[1]}",
            headers={"Authorization": f"Basic {SECRETS[0]}"},
            body=SECRETS[0].encode(),
        ),
        Response(status=200, headers={"Set-Cookie": SECRETS[0]}, body=SECRETS[1].encode()),
        AttemptResult(ResultKind.UNREADABLE, "no", body=SECRETS[2].encode()),
        Message(id=1, receiver=SECRETS[2], sender=SECRETS[1], subject=f"For {SECRETS[1]}"),
        Message(id=1, extra={"phone": SECRETS[1]}),
        Survey(name="NPS", sent_by=SECRETS[2], response_url=f"https://x/{SECRETS[0]}"),
        Location(lat=18.5204, long=73.8567),
        Customer(id=919738522695, mobile=SECRETS[1], email=SECRETS[2], external_id=SECRETS[0]),
        CustomerInteractions(name=SECRETS[2], warnings=(SECRETS[1],), extra={"m": SECRETS[1]}),
        AttemptResult(
            ResultKind.ANSWER,
            customer=CustomerInteractions(
                interactions=(
                    Interaction(name="sms", count=1, messages=(Message(receiver=SECRETS[1]),)),
                )
            ),
        ),
    ],
)
def test_shows_no_secret(value: object) -> None:
    """Neither its repr nor its text, alone or inside another value."""
    for text in (repr(value), str(value), f"{[value]}"):
        assert not any(secret in text for secret in (*SECRETS, "18.52", "73.85"))


def test_shows_what_helps() -> None:
    """Names of headers, sizes, and which credential it was."""
    request = Request(url="https://x", headers={"Accept": "application/json"}, credential=2)
    assert repr(request) == "Request(headers={'Accept': ...}, credential=2)"
    response = Response(status=503, headers={"retry-after": "2"}, body=b"abc")
    assert repr(response) == "Response(status=503, headers={'retry-after': ...}, body=<3 bytes>)"


def test_shows_no_one_time_code() -> None:
    """A subject line may hold one."""
    assert "482913" not in repr(judged(sample("flat_channels")))


@table("path", sorted(SAMPLES.glob("*.json")))
def test_shows_nobody_of_a_whole_answer(path: object) -> None:
    """However an answer ends, its verdict shows no address and no number in full."""
    assert hasattr(path, "read_bytes")
    shown = repr(judged(path.read_bytes()))
    personal = (MOBILE, "919000000001", "919000000009", "447000000002", "example.com", "bp42")
    assert not any(each in shown for each in personal)


def test_failures_of_transport_say_why_and_travel() -> None:
    """Their text is the reason, and they can be sent to another process."""
    for kind in (TransportError, ResponseTooLargeError):
        again = pickle.loads(pickle.dumps(kind("connection reset")))  # noqa: S301 - our own bytes
        assert type(again) is kind
        assert (again.reason, str(again)) == ("connection reset", "connection reset")


def test_values_are_frozen_and_equal_by_content() -> None:
    """A verdict is what it says."""
    assert judged(sample("documented")) == judged(sample("documented"))
    with pytest.raises(AttributeError):
        Response(status=200).status = 500  # type: ignore[misc] # that is the test
