"""The documented vocabulary: versions, identifiers, networks and types.

Enums for what is sent; what is received stays strings, for the server invents new ones.
Source: the page of the call and its siblings (docs.capillarytech.com,
reference/get-customer-interactions).
"""

import enum
import re
from typing import Final, Self, TypeVar

from capillary_interactions._text.masking import describe_value, mask_text

_E = TypeVar("_E", bound=enum.StrEnum)

PARAMETERS: Final = frozenset(
    {
        "format",
        "source",
        "accountId",
        "identifierName",
        "identifierValue",
        "network",
        "type",
        "limit",
        "offset",
    }
)
"""The query parameters that say something else than whose interactions are asked for."""

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def parse_enum(type_: type[_E], value: object, what: str) -> _E:
    """The member with a value.

    Raises:
        ValueError: There is none; the message names the accepted ones.
    """
    if isinstance(value, type_):
        return value
    accepted = ", ".join(type_)
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - one type of error for every invalid value
            f"{what} must be one of {accepted}, not a {type(value).__name__}"
        )
    # Not by a call that raises: the exception would be the context of this one, with the value.
    member = type_._value2member_map_.get(value)
    if isinstance(member, type_):
        return member
    raise ValueError(
        f"{what} must be one of {accepted}, not {describe_value(value, choices=type_)}"
    )


def _make_member(type_: type[_E], value: str) -> _E:
    """An instance of an enum that is no member of it, for a value that it does not list."""
    made = str.__new__(type_, value)
    made._name_ = value
    made._value_ = value
    return made


def check_text(value: object, what: str, *, blank: bool = False) -> None:
    """Check that a text can be sent.

    Raises:
        ValueError: It is no string, blank where that has no sense, or holds what no URL should.
    """
    # The value itself stays out of the messages: it may be a phone number with a typing error.
    if not isinstance(value, str):
        raise ValueError(f"{what} must be a string, not a {type(value).__name__}")  # noqa: TRY004
    if not blank and not value.strip():
        raise ValueError(f"{what} must not be blank")
    if _CONTROL.search(value):
        raise ValueError(f"{what} must not hold control characters (line breaks, tabs, NUL)")
    if _SURROGATE.search(value):
        raise ValueError(f"{what} must be valid Unicode (it holds a lone surrogate)")


class ApiVersion(enum.StrEnum):
    """Which of the two published forms of the call is asked."""

    V1_1 = "v1.1"
    V2 = "v2"


class IdentifierName(enum.StrEnum):
    """The types of identifier by which the API finds a customer.

    `IdentifierName.custom("wechat")` is a type that this version does not know.
    """

    MOBILE = "mobile"
    EMAIL = "email"
    EXTERNAL_ID = "external_id"
    CARD_NUMBER = "card_number"
    CARD_EXTERNAL_ID = "card_external_id"
    CUSTOMER_ID = "customer_id"

    @classmethod
    def custom(cls, name: str) -> Self:
        """A type by any name, which is sent as it is; also for the name of a known type.

        Raises:
            ValueError: The name is blank, holds control characters, or is that of a parameter of
                another meaning.
        """
        check_text(name, "an identifier's name")
        if name in PARAMETERS:
            raise ValueError(f"an identifier's name must not be {name!r}: that means another thing")
        return _make_member(cls, name)

    @property
    def is_custom(self) -> bool:
        """Whether it is none of the known types, though it may have the name of one."""
        return type(self)._value2member_map_.get(self._value_) is not self

    @property
    def parameter(self) -> str:
        """What the API calls it: a customer's id is spelled `id`, the others as they are named."""
        return "id" if self is _CUSTOMER_ID else self._value_

    @property
    def label(self) -> str:
        """What a person reads; masked where a caller has exchanged a name and a value."""
        return mask_text(self.value) if self.is_custom else self.value

    def __repr__(self) -> str:
        # Enum's own for a member, by the class as ruff and mypy know it.
        return f"<IdentifierName.custom({self.label!r})>" if self.is_custom else super().__repr__()

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        # A custom name is no member, so the enum's own way back from a pickle would refuse it.
        way_back = type(self).custom if self.is_custom else type(self)
        return (way_back, (self.value,))


_CUSTOMER_ID: Final = IdentifierName.CUSTOMER_ID


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
        return _make_member(cls, name)

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        # A custom type is no member, so the enum's own way back from a pickle would refuse it.
        return (type(self).custom, (self.value,))
