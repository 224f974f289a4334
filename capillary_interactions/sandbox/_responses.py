"""What is an answer before it is on the wire?"""

from collections.abc import Mapping
from typing import Any, Final, Self

import orjson
from attrs import evolve, field, frozen

JSON: Final = "application/json"


@frozen(kw_only=True)
class Answer:
    """A status, headers and a body.

    Attributes:
        body: The bytes of the body.
        status: The HTTP status.
        content_type: Its media type.
        headers: Further headers.
        identifier: Whom it is about, where the request told.
    """

    body: bytes = field(kw_only=False)
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(factory=dict)
    identifier: str | None = field(default=None, repr=False)

    def about(self, identifier: str | None) -> Self:
        """The same answer, about this identifier."""
        return evolve(self, identifier=identifier)


def error_answer(
    status: int,
    code: int,
    message: str,
    *,
    retry_after: int | None = None,
    identifier: str | None = None,
    **beside: object,
) -> Answer:
    """An error in the published list form, `{"errors": [{status, code, message}]}`.

    Args:
        status: The HTTP status.
        code: The code in the body.
        message: The text in the body.
        retry_after: Seconds for the Retry-After header; None leaves it out.
        identifier: Whom it is about.
        beside: Further members of the body.
    """
    body = {**beside, "errors": [{"status": False, "code": code, "message": message}]}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Answer(orjson.dumps(body), status=status, headers=headers, identifier=identifier)


def to_answers(value: Mapping[str, Any] | None) -> dict[str, Answer]:
    """Canned answers by identifier: a JSON-able body, bytes, or (status, headers, body).

    Raises:
        ValueError: A body cannot be written as JSON.
    """
    return {identifier: _canned(canned) for identifier, canned in (value or {}).items()}


def _canned(value: Any) -> Answer:
    if isinstance(value, Answer):
        return value
    status: int = 200
    given: Mapping[str, str] = {}
    if isinstance(value, tuple):
        status, given, value = value
    headers = {name.title(): text for name, text in given.items()}
    try:
        body = value if isinstance(value, bytes) else orjson.dumps(value)
    except TypeError as unwritable:
        raise ValueError(f"a canned answer must be JSON or bytes: {unwritable}") from None
    return Answer(
        body, status=status, content_type=headers.pop("Content-Type", JSON), headers=headers
    )
