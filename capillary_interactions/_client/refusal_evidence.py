"""Is a refusal that is not the API's own word about the credential, or about one customer?

A firewall or proxy in front of the API refuses requests, too, and its page is the same for refused
credentials and for a customer whose identifier it dislikes. What happens to others tells.
"""

import asyncio
from typing import Final

from attrs import define, field

from capillary_interactions._errors import NOT_THE_API, AuthenticationError, PageReason
from capillary_interactions._model.outcome import Outcome, Rejected
from capillary_interactions._model.query import Identifier
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind

# So many different customers are enough, even if others might still be answered.
MAX_REFUSED: Final = 5
# What a caller can get over that keeps such rejections until it is known what they mean.
MAX_TOLERATED: Final = MAX_REFUSED - 1
SEVERAL: Final = "for different customers, with no answer in between"
_BLOCKED: Final = (
    " (it was answered before: a proxy or firewall may block this machine from now on, for its "
    "address or its number of requests)"
)


def is_believed(refused: int, others: int, tolerated: int = 1) -> bool | None:
    """Whether it is about the credential; None where that will be known later.

    Args:
        refused: Different customers refused since the last answer.
        others: Lookups under way that may bring an answer yet.
        tolerated: Different customers whose refusal alone says nothing about the credential.
    """
    if refused >= MAX_REFUSED:
        return True
    return None if others else refused > tolerated


def is_page(outcome: Outcome) -> bool:
    """Whether it is a refusal (401 or 403) that is not the API's own word."""
    return isinstance(outcome, Rejected) and isinstance(outcome.reason, PageReason)


def doubted(outcome: Outcome, *, proven: bool = False) -> AuthenticationError:
    """The error where several customers were refused so, and none was answered in between.

    Args:
        outcome: The last such rejection.
        proven: Whether others were answered before.
    """
    reason = outcome.reason if isinstance(outcome, Rejected) else outcome.ending
    status = outcome.status if isinstance(outcome, Rejected) else None
    blocked = _BLOCKED if proven else ""
    return AuthenticationError(f"{reason.partition(NOT_THE_API)[0]}, {SEVERAL}{blocked}", status)


@define(eq=False)
class Pages:
    """The customers in a row whom pages of a proxy or firewall have met, and no answer of the API.

    A few may be rejected for what they are. More than that, and it is this machine that is blocked,
    or a deployment that has gone: no customer of a list is to be rejected for it.
    """

    _met: dict[Identifier, int] = field(factory=dict, init=False, repr=False)
    _requests: int = field(default=0, init=False)

    def begin(self) -> int:
        """A request leaves; its number."""
        self._requests += 1
        return self._requests

    def ended(self, customer: Identifier, result: AttemptResult, number: int) -> None:
        """A lookup has ended; the number is that of its last request."""
        page = result.kind is ResultKind.REJECTED and not result.from_api
        if page and len(self._met) < MAX_REFUSED:
            self._met[customer] = number

    def answered(self, number: int) -> None:
        """The API has answered a request, which says something of the pages before that only."""
        if self._met:
            self._met = {each: begun for each, begun in self._met.items() if begun > number}

    def may_be_everywhere(self, customer: Identifier | None = None) -> bool:
        """Whether there was no answer since a page that this customer, or anyone, has met."""
        return bool(self._met) if customer is None else customer in self._met

    def are_everywhere(self) -> bool:
        """Whether enough different customers have met one since the last answer."""
        return len(self._met) >= MAX_REFUSED


@define(eq=False)
class Doubt:
    """What is known of one credential's refusals since its last answer.

    Attributes:
        under_way: Lookups under way with this credential whose answer is not yet known.
    """

    under_way: int = 0
    _refused: set[Identifier] = field(factory=set, init=False, repr=False)
    _answers: int = field(default=0, init=False)
    _waiting: set[asyncio.Future[None]] = field(factory=set, init=False, repr=False)

    @property
    def refused(self) -> int:
        """Different customers refused since the last answer."""
        return len(self._refused)

    def begin(self) -> None:
        """A lookup is under way."""
        self.under_way += 1

    def end(self) -> None:
        """It is no longer, however it went."""
        self.under_way -= 1
        self._wake()

    def answered(self) -> None:
        """The credential is good: the API has answered."""
        if self._refused:
            self._answers += 1
            self._refused.clear()
            self._wake()

    async def is_believed(
        self, customer: Identifier, tolerated: int, left: float | None = None
    ) -> bool:
        """Wait until it is known whether a refusal is about the credential.

        Args:
            customer: The customer whose lookup was refused.
            tolerated: See `is_believed`.
            left: Seconds to the lookup's deadline, or None; half of them are waited at most.
        """
        loop = asyncio.get_running_loop()
        until = None if left is None else loop.time() + left / 2
        answers = self._answers
        if len(self._refused) < MAX_REFUSED:
            self._refused.add(customer)
        while True:
            others = 0 if until is not None and loop.time() >= until else self.under_way
            believed = is_believed(len(self._refused), others, tolerated)
            if believed is not None:
                return believed
            await self._change(None if until is None else until - loop.time())
            if self._answers != answers:
                return False

    async def _change(self, patience: float | None) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait({waiter}, timeout=patience)
        finally:
            self._waiting.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
