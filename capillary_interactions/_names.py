"""The documented words: versions, identifiers, networks and types.

Enums for what is sent; what is received stays strings, for the server invents new ones.
Source: the page of the call and its siblings (docs.capillarytech.com,
reference/get-customer-interactions).
"""

import enum
from typing import Self, TypeVar

_E = TypeVar("_E", bound=enum.StrEnum)


def one_of(kind: type[_E], value: object, what: str) -> _E:
    """The member that a value means.

    Raises:
        ValueError: It means none; the message names the accepted ones.
    """
    if isinstance(value, kind):
        return value
    accepted = ", ".join(kind)
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - one kind of error for whatever cannot be asked
            f"{what} must be one of {accepted}, not a {type(value).__name__}"
        )
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"{what} must be one of {accepted}, not {value!r}") from None


def check_text(value: object, what: str) -> None:
    """Whether a text can be sent.

    Raises:
        ValueError: It is no string, blank, or holds what no URL should.
    """
    # The value itself stays out of the messages: it may be a phone number with a typing error.
    if not isinstance(value, str):
        raise ValueError(f"{what} must be a string, not a {type(value).__name__}")  # noqa: TRY004
    if not value.strip():
        raise ValueError(f"{what} must not be blank")
    if any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in value):  # noqa: PLR2004 - C0, DEL, C1
        raise ValueError(f"{what} must not hold control characters (line breaks, tabs, NUL)")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} must be valid Unicode (it holds a lone surrogate)") from None


class ApiVersion(enum.StrEnum):
    """Which of the two published forms of the call is asked."""

    V1_1 = "v1.1"
    V2 = "v2"


class IdentifierName(enum.StrEnum):
    """The kinds of identifier by which the API finds a customer."""

    MOBILE = "mobile"
    EMAIL = "email"
    EXTERNAL_ID = "external_id"
    CARD_NUMBER = "card_number"
    CARD_EXTERNAL_ID = "card_external_id"


class Network(enum.StrEnum):
    """The communication networks an answer can be narrowed to."""

    FACEBOOK = "facebook"
    TWITTER = "twitter"
    FOURSQUARE = "foursquare"
    CAPILLARY = "capillary"


class InteractionType(enum.StrEnum):
    """The interaction types an answer can be narrowed to.

    `InteractionType.custom("new-type")` sends a type that this version does not know yet.
    """

    EMAIL = "email"
    EMAILBULK = "emailbulk"
    CHECKIN = "checkin"
    LIKE = "like"
    COMMENT = "comment"
    MENTION = "mention"
    RETWEET = "retweet"
    TWEET = "tweet"
    FEEDBACK = "feedback"
    WHATSAPP = "whatsapp"
    ZALO = "zalo"
    LINE = "line"
    VIBER = "viber"

    @classmethod
    def custom(cls, name: str) -> Self:
        """A type by any name; the known member where there is one.

        Raises:
            ValueError: The name is blank or holds control characters.
        """
        check_text(name, "an interaction type")
        if name in cls._value2member_map_:
            return cls(name)
        member = str.__new__(cls, name)
        member._name_ = name
        member._value_ = name
        return member

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        # A custom type is no member, so the enum's own way back from a pickle would refuse it.
        return (type(self).custom, (self.value,))
