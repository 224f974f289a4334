"""Answers to judge, and what the rules say of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from capillary_interactions import CustomerInteractions, Identifier, Query
from capillary_interactions._json.reader import Reader
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.classify import classify
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.messages import Response

NOW: Final = datetime(2025, 1, 1, 12, tzinfo=UTC)
MOBILE: Final = "919738522695"
QUERY: Final = Query(Identifier.mobile(MOBILE))
READER: Final = Reader(UTC)
SAMPLES: Final = Path(__file__).parents[1] / "samples"


def sample(name: str) -> bytes:
    """The content of a file of samples."""
    return (SAMPLES / f"{name}.json").read_bytes()


def judged(
    body: object,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    query: Query = QUERY,
    reader: Reader = READER,
) -> AttemptResult:
    """What an answer means, from JSON or from bytes as they are."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return classify(
        Response(status=status, headers=headers or {}, body=content), query, reader, NOW
    )


def read(body: object, *, reader: Reader = READER) -> CustomerInteractions:
    """The model of an answer that is one."""
    result = judged(body, reader=reader)
    assert result.customer is not None, result
    return result.customer


def mismatch(body: object) -> AttemptResult:
    """What is wrong with an answer that is none."""
    result = judged(body)
    assert result.kind is ResultKind.UNREADABLE, result
    return result


def ending(result: AttemptResult) -> str:
    """The kind of a result in words, with what decides its consequences."""
    match result.kind:
        case ResultKind.CREDENTIALS_REFUSED:
            return "denied" if result.conclusive else "forbidden"
        case ResultKind.RETRYABLE:
            return "throttled" if result.throttled else "again"
        case _:
            return str(result.kind.value).replace("_", " ")


def reason(result: AttemptResult) -> str:
    """Why an answer is none."""
    assert result.kind is not ResultKind.ANSWER
    return result.reason


def flat(*interactions: object, **more: object) -> dict[str, Any]:
    """An answer in the flat shape."""
    return {"name": "capillary", "interaction": list(interactions), **more}


def flat_messages(*messages: object) -> dict[str, Any]:
    """A flat answer with one interaction that holds these messages."""
    return flat({"name": "email", "count": len(messages), "messageList": list(messages)})


def envelope(*interactions: object, **customer: object) -> dict[str, Any]:
    """An answer in the envelope, with one network."""
    networks = {"network": [{"name": "capillary", "interaction": list(interactions)}]}
    return enveloped(networks, **customer)


def enveloped(interactions: object, **customer: object) -> dict[str, Any]:
    """An answer in the envelope, with anything for `interactions`."""
    status = {"success": "true", "code": 200, "message": "Success"}
    return {"response": {"status": status, "customer": {"interactions": interactions, **customer}}}


def envelope_message(**fields: object) -> dict[str, Any]:
    """An answer in the envelope with one message."""
    return envelope({"type": "email", "count": 1, "messages": {"message": [fields]}})
