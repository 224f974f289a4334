"""The customer behind an identifier, and the messages that were sent to them.

A customer is computed from a hash of the identifier, so that there are as many as anyone asks
for, each the same every time, and none is stored.
"""

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NamedTuple, Self

from attrs import evolve, field, frozen

LISTED: Final = ("survey", "missed_call", "email", "sms")
"""Interactions that an answer lists even when there are none."""

_CHANNELS: Final = ("email", "sms", "whatsapp", "zalo", "line", "viber", "emailbulk", "feedback")
_BY_ADDRESS: Final = frozenset({"email", "emailbulk"})

# Half of the customers have little, a few have much: what is drawn is the most for the channel.
_FEW: Final = (0, 0, 1, 2, 3, 5, 8, 24)
# The statuses of this call's own page and examples, then those of its siblings (an open set).
_DELIVERED: Final = (*(("DELIVERED",) * 5), "OPENED", "OPENED", "CLICKED")
_UNDELIVERED: Final = (
    *(("SOFT_BOUNCED", "NOT-DELIVERED", "SENT", "FAILED", "GTW_NOT_FOUND") * 4),
    *("DELAYED_DELIVERY", "NOT_DELIVERED", "HARD_BOUNCED", "BLOCKED", "DND_BLOCKED"),
    *("NDNC_BLOCKED", "CREDIT_LIMIT_EXCEEDED", "RATE_LIMIT_EXCEEDED", "TIMEOUT"),
    *("RETRY_TIMEOUT", "IN_GTW", "GTW_PROCESSED", "HANDLER_NOT_FOUND", "MARKED_SPAM"),
    *("MARKED_UNSUBSCRIBED", "UNKNOWN"),
)
_TRANSACTIONS: Final = (
    "Rewards redeemed",
    "Account merge confirmation",
    "Email change OTP",
    "One Time Password (OTP) for points redemption request.",
    "Points expire soon",
)
# A code is numeric, alphanumeric or grouped, and stands before or behind its name.
_CODES: Final = (
    "{0} is your code",
    "{0} is your OTP",
    "Your code is {1}",
    "OTP: {2}",
    "{1} is your verification code",
)
_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_CAMPAIGNS: Final = ("Spring news", "Sale ends tonight", "A voucher for you", "We miss you")
_NEWEST: Final = datetime(2025, 6, 1, tzinfo=UTC)
_WHOLE: Final = float(1 << 64)


class SentMessage(NamedTuple):
    """One message; a named tuple because ten of them are made for each request."""

    id: int
    receiver: str
    subject: str
    campaign_id: int
    status: str
    sent_at: datetime
    delivered_at: datetime | None
    user_id: int

    def in_zone(self, zone: tzinfo) -> Self:
        delivered_at = self.delivered_at
        return self._replace(
            sent_at=self.sent_at.astimezone(zone),
            delivered_at=None if delivered_at is None else delivered_at.astimezone(zone),
        )


@frozen(kw_only=True)
class CustomerHistory:
    """One customer and everything that was sent to them.

    Attributes:
        id: The server's number for the customer.
        mobile: The mobile number.
        email: The address.
        external_id: The number in other systems, or nothing.
        channels: The messages of each channel that has any, newest first.
        social: How many interactions of which type on which network: (network, type, count).
        scores: The net promoter score of each survey that was answered.
    """

    id: int
    mobile: str = field(repr=False)
    email: str = field(repr=False)
    external_id: str = field(repr=False)
    channels: tuple[tuple[str, tuple[SentMessage, ...]], ...]
    social: tuple[tuple[str, str, int], ...]
    scores: tuple[int, ...]

    def in_zone(self, zone: tzinfo) -> Self:
        """The same history with its dates in another zone."""
        channels = tuple(
            (name, tuple(sent.in_zone(zone) for sent in messages))
            for name, messages in self.channels
        )
        return evolve(self, channels=channels)

    def with_phone(self) -> Self:
        """The same history with each SMS listed as `phone`, too."""
        sms = dict(self.channels).get("sms")
        return self if sms is None else evolve(self, channels=(("phone", sms), *self.channels))


@frozen(kw_only=True)
class Population:
    """Which customers there are.

    Attributes:
        seed: Another seed, other histories.
        unknown: The share of identifiers without a customer.
        messages: The number of e-mails (and of all messages) of each customer; None for some.
    """

    seed: int
    unknown: float
    messages: int | None

    def find(self, identifier: str) -> CustomerHistory | None:
        """The customer with this identifier, or None for an unknown one."""
        text = identifier.encode(errors="backslashreplace")
        digest = hashlib.blake2b(text, digest_size=24, key=str(self.seed).encode()[:64]).digest()
        # The share has bytes of its own: changing it changes no history.
        if int.from_bytes(digest[:8]) / _WHOLE < self.unknown:
            return None
        return _history(identifier, random.Random(int.from_bytes(digest[8:])), self.messages)  # noqa: S311


def _history(identifier: str, rng: random.Random, messages: int | None) -> CustomerHistory:
    number = rng.randrange(1, 100_000)
    mobile = identifier if identifier.lstrip("+").isdecimal() else f"9190000{number:05d}"
    email = identifier if "@" in identifier else f"customer.{number}@example.com"
    user_id = rng.randrange(100_000_000, 200_000_000)
    # In steps of two hundred thousand: no two customers of a test are likely to share a number.
    first = 1_600_000_000_000 + rng.randrange(1_000_000) * 200_000
    ids = iter(range(first, first + 200_000_000))
    counts = _counts(rng) if messages is None else [("email", messages)]
    channels = tuple(
        (name, tuple(_messages(rng, ids, email if name in _BY_ADDRESS else mobile, user_id, count)))
        for name, count in counts
        if count
    )
    return CustomerHistory(
        id=user_id % 1_000_000,
        mobile=mobile,
        email=email,
        external_id="" if number % 2 else f"EXT{number}",
        channels=channels,
        social=_social(rng) if number % 5 == 0 else (),
        scores=tuple(rng.choices(range(11), k=number % 3)) if number % 7 == 0 else (),
    )


def _counts(rng: random.Random) -> list[tuple[str, int]]:
    used = rng.sample(_CHANNELS, rng.choice((0, 1, 1, 2, 3)))
    return [(name, rng.randint(0, rng.choice(_FEW))) for name in _CHANNELS if name in used]


def _social(rng: random.Random) -> tuple[tuple[str, str, int], ...]:
    return (
        ("facebook", "checkin", rng.randint(1, 3)),
        ("twitter", "tweet", rng.randint(1, 20)),
        ("twitter", "retweet", rng.randint(1, 9)),
    )


def _messages(
    rng: random.Random, ids: Iterator[int], receiver: str, user_id: int, count: int
) -> Iterator[SentMessage]:
    draw = rng.random
    sent_at = _NEWEST - timedelta(seconds=int(draw() * 1_000_000))
    for _ in range(count):
        delivered = draw() < 0.7  # noqa: PLR2004 - most messages arrive
        statuses = _DELIVERED if delivered else _UNDELIVERED
        delay = timedelta(seconds=int(draw() * 20))
        campaign = int(draw() * 500) if draw() < 0.5 else -1  # noqa: PLR2004 - every second
        yield SentMessage(
            id=next(ids),
            receiver=receiver,
            subject=_subject(draw(), campaign),
            campaign_id=campaign,
            status=statuses[int(draw() * len(statuses))],
            sent_at=sent_at,
            delivered_at=sent_at + delay if delivered else None,
            user_id=user_id if draw() < 0.8 else -1,  # noqa: PLR2004 - some have no user
        )
        sent_at -= timedelta(seconds=int(draw() * 400_000) + 1)


def _subject(draw: float, campaign: int) -> str:
    if campaign != -1:
        return _CAMPAIGNS[int(draw * len(_CAMPAIGNS))]
    if draw < 0.2:  # noqa: PLR2004 - one in five carries a code
        return _code(100_000 + int(draw * 4_000_000))
    return _TRANSACTIONS[int(draw * len(_TRANSACTIONS))]


def _code(number: int) -> str:
    digits = str(number)
    letters = "".join(_ALPHABET[int(digit)] for digit in digits[::2])
    mixed = "".join(a + b for a, b in zip(letters, digits[1::2], strict=True))
    grouped = "-".join((digits[:2], digits[2:4], digits[4:]))
    return _CODES[number % len(_CODES)].format(digits, mixed, grouped)
