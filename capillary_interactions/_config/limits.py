"""The rate, the retries and the timeouts of a client."""

import re
from typing import Final, Self

from attrs import field, frozen
from attrs.validators import optional

from capillary_interactions._config.validation import valid_count, valid_seconds
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._text.masking import describe_value

# Such as 1000:60, with too few digits for a phone number.
_RATE_LIKE: Final = re.compile(r"(?=(?:\D*\d){0,6}\D*\Z)-?[\d.]*[/:]-?[\d.]*", re.ASCII)


@frozen
class RateLimit:
    """At most `requests` in any window of `per` seconds, counted where they arrive.

    A server that counts windows, fixed or sliding, refuses nothing. Neither does one with a bucket
    (nginx's `limit_req`, GCRA, tokens) that leaks `requests` in `per` and allows one more than
    `burst` at once, as `limit_req zone=... burst=B nodelay` does for a burst of B. For many a
    second, such a bucket is used best by a long window: `RateLimit(60_000, 60.0, burst=300)` for
    1,000 a second.

    Args:
        requests: The quota.
        per: The window, in seconds.
        burst: How many may leave at once after a pause, at most; by default 1 % of the quota, at
            least 1. The rate is that of the rest, (requests + 1 - burst) / per, so a large burst
            costs as much of the quota.

    Raises:
        ConfigurationError: One of them is zero, negative, not finite, or the burst over the quota.
    """

    requests: int = field(default=1000, validator=valid_count("rate."))
    per: float = field(default=60.0, validator=valid_seconds("rate."))
    burst: int | None = field(default=None, validator=optional(valid_count("rate.")))

    def __attrs_post_init__(self) -> None:
        """Check that the burst is within the quota."""
        if self.burst is not None and self.burst > self.requests:
            raise ConfigurationError(
                f"rate.burst must not exceed rate.requests ({describe_value(self.requests)}), "
                f"not {describe_value(self.burst)}"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse "1000/60": requests, a slash, seconds.

        Raises:
            ConfigurationError: The text has another format.
        """
        match = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9}(?:\.\d{1,9})?)\s*", text, re.ASCII)
        if match is None:
            raise ConfigurationError(
                "rate must be written as REQUESTS/SECONDS, such as 1000/60, not "
                + describe_value(text, like=_RATE_LIKE)
            )
        return cls(int(match[1]), float(match[2]))

    def __str__(self) -> str:
        """The format that `parse` reads."""
        return f"{self.requests}/{self.per:g}"


@frozen(kw_only=True)
class RetryPolicy:
    """When and how often a lookup that may still succeed is tried again.

    Args:
        attempts: Requests for one page of one customer at most, the first included.
        wait_initial: The first back-off is drawn from 0 to this, each later one from twice that.
        wait_max: No back-off is drawn above this.
        throttled_initial: As `wait_initial`, after "too many requests".
        budget: Tokens for retries, one bucket a credential. A retry takes 14 (5 after "too many
            requests"), a success at the first try gives 1 back, one after retries what these took.
        retry_after_max: A lookup whose server asks for a longer wait than this is not tried again.
            No hint of a server is followed for more than an hour, or this if it is more: not by the
            cool-down of a credential, not by a consumer, and not in `Unavailable.retry_after`. Then
            one lookup is tried again, for the hint may have been wrong.

    Raises:
        ConfigurationError: A figure is zero, negative, not finite, or contradicts another.
    """

    attempts: int = field(default=5, validator=valid_count("retry."))
    wait_initial: float = field(default=0.5, validator=valid_seconds("retry.", zero=True))
    wait_max: float = field(default=30.0, validator=valid_seconds("retry.", zero=True))
    throttled_initial: float = field(default=1.0, validator=valid_seconds("retry.", zero=True))
    budget: int = field(default=500, validator=valid_count("retry.", minimum=0))
    retry_after_max: float = field(default=3600.0, validator=valid_seconds("retry."))

    def __attrs_post_init__(self) -> None:
        """Check that no first back-off exceeds the longest."""
        initial = {
            "wait_initial": self.wait_initial,
            "throttled_initial": self.throttled_initial,
        }
        for name, wait in initial.items():
            if wait > self.wait_max:
                raise ConfigurationError(
                    f"retry.{name} ({describe_value(wait)}) must not exceed "
                    f"retry.wait_max ({describe_value(self.wait_max)})"
                )


@frozen(kw_only=True)
class Timeouts:
    """How long things may take.

    Args:
        total: One `lookup` from asking to ending: queueing, pacing, retries and all. A stream has
            none unless it is given one.
        attempt: One request, from sending to the last byte of its answer.
        connect: Opening one connection.

    Raises:
        ConfigurationError: One is zero, negative or not finite.
    """

    total: float = field(default=60.0, validator=valid_seconds("timeouts."))
    attempt: float = field(default=20.0, validator=valid_seconds("timeouts."))
    connect: float = field(default=5.0, validator=valid_seconds("timeouts."))
