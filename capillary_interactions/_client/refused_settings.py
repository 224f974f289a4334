"""Does the API refuse a setting of the program, or one customer?

A code about a setting (source, account id, organisation, till, API version) comes for every
customer when that setting is wrong. No one has seen whether it may also come for single customers,
so a few different ones in a row, with no answer in between, are needed to stop what looks up many.
"""

from typing import Final, TypeGuard

from attrs import define, field

from capillary_interactions._client.circuit_breaker import BreakerState, CircuitBreaker
from capillary_interactions._client.refusal_evidence import SEVERAL
from capillary_interactions._errors import (
    AuthenticationError,
    CapillaryError,
    PageReason,
    SettingsReason,
    SettingsRefusedError,
)
from capillary_interactions._model.outcome import Found, NotFound, Outcome, Rejected
from capillary_interactions._model.query import Query
from capillary_interactions._protocol.codes import CodeMeaning, ResultKind, meaning_of_rejection

# Before the first answer of a client so few customers are enough.
MAX_BEFORE_ANSWER: Final = 5
# A setting that was right once is seldom wrong later, and customers of one kind stand together in
# many lists. As many are needed of a bare status (404, 405): it may be how one customer is unknown.
MAX_AFTER_ANSWER: Final = 50
# Where no other customer can follow, at the end of a list.
_MIN_AT_END: Final = 2


def is_refused_setting(outcome: Outcome) -> TypeGuard[Rejected]:
    """Whether the API refuses a setting, or what the credentials may do, and not the query.

    Pages of a proxy or firewall are judged elsewhere; see `ProxyPages`.
    """
    if not isinstance(outcome, Rejected) or isinstance(outcome.reason, PageReason):
        return False
    if isinstance(outcome.reason, SettingsReason):
        return True
    return _meaning(outcome).kind is ResultKind.CREDENTIALS_REFUSED


def _meaning(outcome: Rejected) -> CodeMeaning:
    return meaning_of_rejection(outcome) or CodeMeaning(ResultKind.REJECTED)


def _customer(outcome: Outcome) -> tuple[str, str]:
    identifier = outcome.query.identifier
    return identifier.name, outcome.sent_value or identifier.value


@define(eq=False)
class RefusedSettings:
    """The customers in a row for whom the API has refused a setting; of one client.

    `Found` and `NotFound` end the row, unless their query has a value of its own in place of the
    setting. All other endings neither count nor end it: they are about their own customers, or
    come from no answer at all.

    Attributes:
        answered: Whether the client has ever had an answer.
        customers: Those of the row, up to a bound, by kind and value of their identifiers as sent.
        watching: Whether an answer may change anything; endings are recorded only then.
    """

    answered: bool = field(default=False, init=False)
    customers: set[tuple[str, str]] = field(factory=set, init=False, repr=False)
    watching: bool = field(default=True, init=False)
    _overridden_by: tuple[str, ...] = field(default=(), init=False)
    _breaker: CircuitBreaker = field(
        factory=lambda: CircuitBreaker(MAX_BEFORE_ANSWER), init=False, repr=False
    )

    def record(self, outcome: Outcome) -> None:
        """Take in how a lookup has ended."""
        if isinstance(outcome, Found | NotFound):
            self._record_answer(outcome.query)
        elif len(self.customers) < MAX_AFTER_ANSWER and is_refused_setting(outcome):
            self._record_refusal(outcome)

    def _record_answer(self, query: Query) -> None:
        self.answered = True
        self._breaker.max_failures = MAX_AFTER_ANSWER
        if all(getattr(query, name) is None for name in self._overridden_by):
            self.customers.clear()
            self._breaker.record_answer(0.0)
            self.watching = False

    def _record_refusal(self, outcome: Rejected) -> None:
        customer = _customer(outcome)
        if customer not in self.customers:
            self.customers.add(customer)
            self._overridden_by = _meaning(outcome).query_fields
            if outcome.code is None:
                self._breaker.max_failures = MAX_AFTER_ANSWER
            self._breaker.record_failure(0.0)
            self.watching = True

    @property
    def is_certain(self) -> bool:
        """Whether there are enough of them for a setting to be wrong."""
        return self._breaker.state is BreakerState.OPEN

    def doubts(self, outcome: Outcome) -> bool:
        """Whether it may yet turn out that a setting is refused, and not this customer."""
        return _customer(outcome) in self.customers and is_refused_setting(outcome)

    def stop_error(self, outcome: Outcome) -> CapillaryError | None:
        """The error for an outcome that shows, with those before it, that a setting is wrong."""
        return self._error(outcome) if self.is_certain and is_refused_setting(outcome) else None

    def error_at_end(self, outcome: Outcome) -> CapillaryError | None:
        """The same, where no further customer follows: two are enough if none was answered."""
        few = self.answered or len(self.customers) < _MIN_AT_END
        return None if few or not is_refused_setting(outcome) else self._error(outcome)

    def _error(self, last: Rejected) -> CapillaryError:
        meaning = _meaning(last)
        if meaning.kind is ResultKind.CREDENTIALS_REFUSED and not meaning.misconfigured:
            return AuthenticationError(f"{last.reason}, {SEVERAL}", last.status, last.code)
        return SettingsRefusedError(
            meaning.settings or "base_url (--base-url)",
            self._breaker.failures,
            str(last.reason),
            last.code,
        )
