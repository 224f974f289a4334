"""How did one attempt end? One value for every ending, made by `classify` and read by retries."""

from typing import Final

from attrs import evolve, field, frozen

from capillary_interactions._errors import PageReason
from capillary_interactions._model.interactions import CustomerInteractions
from capillary_interactions._model.quick_init import make_quick_init
from capillary_interactions._protocol.codes import ResultKind


@frozen(weakref_slot=False)
class AttemptResult:
    """How an attempt ended, or a whole lookup.

    Attributes:
        kind: Which ending it is.
        reason: Why there is no answer; "" where there is one.
        status: The HTTP status, or None without a response.
        code: The code in the body, or None.
        customer: The answer; None for every kind but `ANSWER`.
        path: Where an answer is unreadable, or None for all of it.
        body: The beginning of an unreadable answer.
        retry_after: Seconds that the server asks to wait, up to a bound, or None.
        retry_after_capped: Whether it asks for more than that bound.
        throttled: Whether the request was refused for its rate.
        stale: Whether only a kept-alive connection had been closed meanwhile.
        shortage: Whether this machine lacked something, and nothing was sent.
        conclusive: Whether refused credentials are wrong for sure; otherwise only while they were
            never accepted.
        remedy: What to do once retries are spent, for the end of the reason; or "".
        from_api: Whether the API itself refuses, and not a page of a proxy or firewall.
    """

    kind: ResultKind
    reason: str = ""
    status: int | None = None
    code: int | None = None
    customer: CustomerInteractions | None = None
    path: str | None = None
    body: bytes = field(default=b"", repr=lambda value: f"<{len(value)} bytes>")
    retry_after: float | None = None
    retry_after_capped: bool = False
    throttled: bool = False
    stale: bool = False
    shortage: bool = False
    conclusive: bool = True
    remedy: str = ""
    from_api: bool = field(default=True, eq=False)

    @property
    def final_reason(self) -> str:
        """The reason once no further attempt follows."""
        return f"{self.reason}; {self.remedy}" if self.remedy else self.reason

    def as_rejected(self) -> "AttemptResult":
        """The same refusal, taken to be about this request and not about the credentials."""
        reason = self.reason if self.from_api else PageReason(self.reason)
        return evolve(self, kind=ResultKind.REJECTED, reason=reason)


_quick_init: Final = make_quick_init(AttemptResult)


def answer_result(customer: CustomerInteractions) -> AttemptResult:
    """The ending of an attempt that was answered."""
    return _quick_init(kind=ResultKind.ANSWER, customer=customer)
