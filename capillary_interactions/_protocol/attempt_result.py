"""In which ways can one attempt end? The closed union that `classify` gives."""

from attrs import field, frozen

from capillary_interactions._errors import PageReason
from capillary_interactions._model.interactions import CustomerInteractions
from capillary_interactions._protocol.headers import Wait


@frozen
class Answered:
    """An answer to the question."""

    customer: CustomerInteractions


@frozen
class Missing:
    """The API does not know this customer."""

    reason: str
    code: int | None = None


@frozen
class Refused:
    """The request is wrong, and stays wrong.

    Attributes:
        own_word: Whether the API itself says so, and not a page of a proxy or firewall.
    """

    reason: str
    status: int | None = None
    code: int | None = None
    own_word: bool = field(default=True, eq=False)


@frozen
class Garbled:
    """The answer is not what this version understands.

    Attributes:
        path: Where in the answer, or None for the whole.
        body: The beginning of it.
    """

    reason: str
    path: str | None
    body: bytes = field(repr=lambda value: f"<{len(value)} bytes>")


@frozen
class Denied:
    """The credentials are refused.

    Attributes:
        conclusive: Whether it is them for sure; otherwise only while they were never accepted.
        own_word: Whether the API itself says so, and not a page of a proxy or firewall.
    """

    reason: str
    status: int | None = None
    code: int | None = None
    conclusive: bool = True
    own_word: bool = True

    def as_refused(self) -> Refused:
        """The same, taken to be about this request and not about the credentials."""
        reason = self.reason if self.own_word else PageReason(self.reason)
        return Refused(reason, self.status, self.code, own_word=self.own_word)


@frozen
class Trouble:
    """No answer this time; another attempt may bring one.

    Attributes:
        throttled: Whether the quota is why.
        retry_after: Seconds that the server asks to wait, as far as it is believed, or None.
        beyond: Whether it asks for more than is believed.
        stale: Whether only a kept-alive connection had been closed meanwhile.
        shortage: Whether this machine lacked something, and nothing was sent.
    """

    reason: str
    status: int | None = None
    code: int | None = None
    throttled: bool = False
    retry_after: float | None = None
    stale: bool = False
    shortage: bool = False
    beyond: bool = False


def trouble(
    reason: str,
    status: int,
    code: int | None = None,
    *,
    throttled: bool,
    wait: Wait | None,
) -> Trouble:
    """Trouble with the wait that its headers ask for."""
    if wait is None:
        return Trouble(reason, status, code, throttled=throttled)
    seconds, beyond = wait.seconds, wait.beyond
    return Trouble(reason, status, code, throttled=throttled, retry_after=seconds, beyond=beyond)


Verdict = Answered | Missing | Refused | Garbled | Denied | Trouble


def is_answer(verdict: Verdict) -> bool:
    """Whether it is the API's own, so that the credential is good."""
    if isinstance(verdict, Refused):
        return verdict.own_word
    return not isinstance(verdict, Denied | Trouble)
