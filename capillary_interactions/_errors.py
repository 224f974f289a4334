"""Exceptions about a whole program, not about one customer.

CapillaryError
├── ConfigurationError    a setting is wrong (also a ValueError)
│   └── SettingsRefusedError    the API says so, for one customer after another
├── AuthenticationError   the credentials are refused
├── EndpointDownError     a stream's stop rule: nothing answers any more
└── LookupFailedError     one outcome, unwrapped though it was not Found (`_model/outcome.py`)
"""

from collections.abc import Mapping
from typing import Final

from capillary_interactions._text.wording import pluralise

# In every reason that lies in a forward proxy.
OF_THE_PROXY: Final = "the proxy http"
NOT_THE_API: Final = ", said by a proxy or firewall, not by the API"


class SettingsReason(str):
    """A reason that lies in a setting or the deployment: every lookup ends the same.

    Jobs and consumers look at its type, and stop, where they would else blame every customer of a
    list.
    """

    __slots__ = ()


class SharedQuotaReason(SettingsReason):
    """The reason lies in `ClientConfig.shared`, and says what to do."""

    __slots__ = ()


class PageReason(str):
    """The reason of a refusal (401 or 403) by a proxy or firewall in front of the API.

    It may be about one customer, whose identifier a rule of the firewall dislikes, or about this
    machine: streams, jobs and consumers compare the refusals of different customers.
    """

    __slots__ = ()


class CapillaryError(Exception):
    """The base class of the exceptions of this library."""


class ConfigurationError(CapillaryError, ValueError):
    """A setting that cannot work; the message begins with the setting's name."""


class SettingsRefusedError(ConfigurationError):
    """The API refuses a setting, for one customer after another, so no lookup can succeed.

    Attributes:
        settings: Which settings are to be looked at.
        consecutive: For how many different customers in a row.
        reason: The reason of the last of them.
        code: Its code, or None.
    """

    def __init__(self, settings: str, consecutive: int, reason: str, code: int | None) -> None:
        super().__init__(settings, consecutive, reason, code)
        self.settings = settings
        self.consecutive = consecutive
        self.reason = reason
        self.code = code

    def __str__(self) -> str:
        return (
            f"{self.settings} cannot be right: refused for {self.consecutive} different customers "
            f"in a row, with no answer in between (last: {self.reason})"
        )


class AuthenticationError(CapillaryError):
    """Capillary refuses the credentials, so no lookup can succeed.

    Attributes:
        reason: What was refused; holds no secret.
        status: The HTTP status of the refusal, or None if no answer carried one.
        code: The code in the answer's body, if it named one.
        advice: What else to look at; "" for nothing. Credentials that are sent to another cluster
            than their own are refused like wrong ones.
    """

    def __init__(
        self, reason: str, status: int | None = None, code: int | None = None, advice: str = ""
    ) -> None:
        super().__init__(reason, status, code, advice)
        self.reason = reason
        self.status = status
        self.code = code
        self.advice = advice

    def __str__(self) -> str:
        details = [f"HTTP {self.status}"] if self.status is not None else []
        details += [f"code {self.code}"] if self.code is not None else []
        message = f"{self.reason} ({', '.join(details)})" if details else self.reason
        return f"{message}; {self.advice}" if self.advice else message


class EndpointDownError(CapillaryError):
    """A stream gave up because the endpoint has stopped answering.

    Attributes:
        consecutive: How many lookups in a row had ended as Unavailable when the stream gave up.
        reason: The reason of the last of them.
        counts: All endings of this stream, by their name ("found", "unavailable", ...), those of
            the lookups included that were in flight when it gave up.
    """

    def __init__(self, consecutive: int, reason: str, counts: Mapping[str, int]) -> None:
        super().__init__(consecutive, reason, dict(counts))
        self.consecutive = consecutive
        self.reason = reason
        self.counts = dict(counts)

    def __str__(self) -> str:
        if isinstance(self.reason, SettingsReason):
            message = f"{pluralise(self.consecutive, 'lookup')} and no answer yet: {self.reason}"
            if OF_THE_PROXY in self.reason or isinstance(self.reason, SharedQuotaReason):
                return message  # which says what to look at
            return f"{message}; look at base_url (--base-url) and at what is in front of the server"
        return (
            f"{self.consecutive} lookups in a row had no answer (last: {self.reason}); "
            "is the endpoint up, and are base_url and the network right?"
        )
