"""Is a refusal by a page, not by the API, about the credential or about one customer?

A firewall or proxy in front of the API refuses requests, too, with the same page for refused
credentials and for a customer whose identifier it blocks. The results of other lookups decide.
"""

import asyncio
from typing import Final

from attrs import define, field

from capillary_interactions._errors import NOT_THE_API, AuthenticationError, PageReason
from capillary_interactions._model.outcome import Outcome, Rejected
from capillary_interactions._model.query import Identifier
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind

# As many different customers are enough, even if others may still be answered.
MAX_REFUSED: Final = 5
# For callers that can keep such rejections until it is known what they mean.
MAX_TOLERATED: Final = MAX_REFUSED - 1
SEVERAL: Final = "for different customers, with no answer in between"
_BLOCKED: Final = (
    " (it was answered before: a proxy or firewall may block this machine from now on, for its "
    "address or its number of requests)"
)


def is_believed(refused: int, others: int, tolerated: int = 1) -> bool | None:
    """Whether refusals of different customers are about the credential; None if not known yet.

    Args:
        refused: Different customers refused since the last answer.
        others: Lookups in progress that may have an answer.
        tolerated: The number of customers whose refusal alone says nothing about the credential.
    """
    if refused >= MAX_REFUSED:
        return True
    return None if others else refused > tolerated


def is_page(outcome: Outcome) -> bool:
    """Whether it is a refusal (401 or 403) that is not the API's own word."""
    return isinstance(outcome, Rejected) and isinstance(outcome.reason, PageReason)


def doubted(outcome: Outcome, *, proven: bool = False) -> AuthenticationError:
    """The error for the last of several rejections in a row; `proven` if others were answered."""
    reason = outcome.reason if isinstance(outcome, Rejected) else outcome.ending
    status = outcome.status if isinstance(outcome, Rejected) else None
    blocked = _BLOCKED if proven else ""
    return AuthenticationError(f"{reason.partition(NOT_THE_API)[0]}, {SEVERAL}{blocked}", status)


@define(eq=False)
class ProxyPages:
    """The customers in a row for whom a page of a proxy or firewall came in place of an answer.

    A few may be rejected for what they are. More than that, and it is this machine that is blocked,
    or a deployment that has gone: no customer of a list is to be rejected for it.

    Attributes:
        requests: The number of requests sent.
        customers: The customers since the last answer, with the numbers of their requests.
    """

    requests: int = field(default=0, init=False)
    customers: dict[Identifier, int] = field(factory=dict, init=False, repr=False)

    def record(self, customer: Identifier, result: AttemptResult, request_number: int) -> None:
        """Take in how a lookup has ended, whose last request has this number."""
        page = result.kind is ResultKind.REJECTED and not result.from_api
        if page and len(self.customers) < MAX_REFUSED:
            self.customers[customer] = request_number

    def on_answer(self, request_number: int) -> None:
        """The API has answered a request; only pages that answer earlier ones are forgotten."""
        self.customers = {
            customer: number
            for customer, number in self.customers.items()
            if number > request_number
        }

    def may_be_everywhere(self, customer: Identifier | None = None) -> bool:
        """Whether a page came for this customer, or for any, and no answer since."""
        return bool(self.customers) if customer is None else customer in self.customers

    def are_everywhere(self) -> bool:
        """Whether pages came for enough different customers since the last answer."""
        return len(self.customers) >= MAX_REFUSED


@define(eq=False)
class RefusalEvidence:
    """The refusals of one credential since its last answer.

    `waiters` are of the lookups that wait for the results of others.
    """

    in_flight: int = 0
    refused: set[Identifier] = field(factory=set, init=False, repr=False)
    waiters: set[asyncio.Future[None]] = field(factory=set, init=False, repr=False)
    _answers: int = field(default=0, init=False)

    def on_answer(self) -> None:
        """The API has answered: the credential is good."""
        self._answers += 1
        self.refused.clear()
        self.wake()

    async def is_believed(
        self, customer: Identifier, tolerated: int, left: float | None = None
    ) -> bool:
        """Wait until it is known whether a refusal is about the credential.

        Of the seconds left to the lookup's deadline, half are waited at most.
        """
        loop = asyncio.get_running_loop()
        until = None if left is None else loop.time() + left / 2
        answers = self._answers
        if len(self.refused) < MAX_REFUSED:
            self.refused.add(customer)
        while True:
            others = 0 if until is not None and loop.time() >= until else self.in_flight
            believed = is_believed(len(self.refused), others, tolerated)
            if believed is not None:
                return believed
            await self._wait_for_change(None if until is None else until - loop.time())
            if self._answers != answers:
                return False

    async def _wait_for_change(self, seconds: float | None) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiters.add(waiter)
        try:
            await asyncio.wait({waiter}, timeout=seconds)
        finally:
            self.waiters.discard(waiter)

    def wake(self) -> None:
        """Let the waiters look again at what is known."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
