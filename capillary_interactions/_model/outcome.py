"""In which ways can a lookup end? The closed union, and the exception for an unwrapped failure.

A `match` over `Outcome` that forgets one of the five endings is a type error.
What is true of the whole program is not an ending; it is raised (`_errors.py`).
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Never

from attrs import Factory, field, fields, frozen

from capillary_interactions._errors import CapillaryError
from capillary_interactions._model.interactions import CustomerInteractions
from capillary_interactions._model.query import Query
from capillary_interactions._model.response_headers import NO_HEADERS, ResponseHeaders
from capillary_interactions._text.masking import repr_masked

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    # The default, which Python knows from 3.13 on, is for those who do not name the item's type.
    ItemT_co = TypeVar("ItemT_co", covariant=True, default=Any)
else:
    from typing import TypeVar

    ItemT_co = TypeVar("ItemT_co", covariant=True)


@frozen(kw_only=True)
class _OutcomeBase(Generic[ItemT_co]):
    """What every outcome has.

    Attributes:
        query: What was asked.
        item: What the source yielded; the query itself where no `key` was given.
        attempts: Requests sent for it, pages and retries included; 0 if none was sent.
        elapsed: Seconds from asking to ending.
        waited: Seconds of it spent waiting for quota or a cool-down.
        request_id: The server's own name for the last request (`X-Cap-Requestid`,
            or `X-CAP-REQUEST-ID`), for support.
        sent_value: The identifier as it was sent, where that differs from the query's (the digits
            of a mobile); else None.
        status: The HTTP status of the last request's answer; None if it had none, or none was sent.
    """

    ending: ClassVar[str]

    query: Query
    item: ItemT_co = field(default=Factory(lambda self: self.query, takes_self=True), repr=False)
    attempts: int = 0
    elapsed: float = 0.0
    waited: float = 0.0
    request_id: str | None = None
    sent_value: str | None = field(default=None, repr=repr_masked)
    status: int | None = None
    # The answer's own, and not a copy: few callers look at them.
    _headers: Mapping[str, str] = field(default=NO_HEADERS, repr=False, eq=False, alias="headers")

    @property
    def headers(self) -> Mapping[str, str]:
        """Those of the last request's answer, by name in any case; see `ResponseHeaders`.

        Empty if it had none, or none was sent. They do not count when outcomes are compared.
        """
        return ResponseHeaders(self._headers)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[type[Any], dict[str, Any]]]:
        values = {field.alias: getattr(self, field.name) for field in fields(type(self))}
        return _restore, (type(self), {**values, "headers": self.headers})


def _restore(kind: type[_OutcomeBase[Any]], values: dict[str, Any]) -> _OutcomeBase[Any]:
    return kind(**values)


@frozen(kw_only=True)
class _Failed(_OutcomeBase[ItemT_co]):
    reason: str

    def unwrap(self) -> Never:
        """Raise, for there is nothing to unwrap.

        Raises:
            LookupFailedError: Always; its `outcome` is this.
        """
        raise LookupFailedError(self)  # type: ignore[arg-type] # every subclass is in the union


@frozen(kw_only=True)
class Found(_OutcomeBase[ItemT_co]):
    """Capillary knows the customer; there may be no interactions at all."""

    ending: ClassVar[str] = "found"

    customer: CustomerInteractions

    def unwrap(self) -> CustomerInteractions:
        """The customer's interactions."""
        return self.customer


@frozen(kw_only=True)
class NotFound(_Failed[ItemT_co]):
    """Capillary does not know this customer."""

    ending: ClassVar[str] = "not_found"

    code: int | None = None


@frozen(kw_only=True)
class Rejected(_Failed[ItemT_co]):
    """The request is wrong, and stays wrong until it is changed."""

    ending: ClassVar[str] = "rejected"

    code: int | None = None


@frozen(kw_only=True)
class Unreadable(_Failed[ItemT_co]):
    """The answer is not what this version understands.

    Attributes:
        path: Where in the answer ("interaction[0].messageList[3].id"), or None for the whole.
        body: The beginning of the answer, as it came; it holds personal data.
    """

    ending: ClassVar[str] = "unreadable"

    path: str | None = None
    body: bytes = field(default=b"", repr=lambda value: f"<{len(value)} bytes>")


@frozen(kw_only=True)
class Unavailable(_Failed[ItemT_co]):
    """No answer in time, or retries or their budget spent; asking again later may succeed.

    Attributes:
        retry_after: Seconds after which asking again makes sense, or None if unknown.
    """

    ending: ClassVar[str] = "unavailable"

    retry_after: float | None = None


if TYPE_CHECKING:
    # `Outcome[T]` is one whose item is a T, and `Outcome` one of any item.
    Outcome = (
        Found[ItemT_co]
        | NotFound[ItemT_co]
        | Rejected[ItemT_co]
        | Unreadable[ItemT_co]
        | Unavailable[ItemT_co]
    )
else:
    # `isinstance` takes no union of generic classes.
    Outcome = _OutcomeBase
    Outcome.__name__ = Outcome.__qualname__ = "Outcome"

ENDINGS: Final[tuple[str, ...]] = tuple(
    outcome.ending for outcome in (Found, NotFound, Rejected, Unreadable, Unavailable)
)


class LookupFailedError(CapillaryError):
    """An outcome was unwrapped that is not Found.

    Attributes:
        outcome: What happened instead.
    """

    def __init__(self, outcome: NotFound | Rejected | Unreadable | Unavailable) -> None:
        super().__init__(outcome)
        self.outcome = outcome

    def __str__(self) -> str:
        asked = self.outcome.query.identifier
        return f"{self.outcome.ending}: {self.outcome.reason} ({asked!r})"


def with_all_endings(endings: Mapping[str, int]) -> dict[str, int]:
    """Every ending with its count, in the order of the union, those that never came included."""
    return {name: endings.get(name, 0) for name in ENDINGS}
