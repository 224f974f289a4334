"""What does a caller ask, and how is it spelled in the URL?

Frozen values, checked where they are made, and their spelling for both versions of the call.
Source of every name and rule: the page of the call and its siblings (docs.capillarytech.com,
reference/get-customer-interactions).
"""

import re
from collections.abc import Mapping
from typing import Final, Self
from urllib.parse import quote

from attrs import field, frozen

from capillary_interactions._model.frozen_mapping import FrozenMapping
from capillary_interactions._model.vocabulary import (
    ApiVersion,
    IdentifierName,
    InteractionType,
    Network,
    check_text,
    parse_enum,
)
from capillary_interactions._text.masking import describe_value, repr_keys, repr_masked
from capillary_interactions._tracebacks import clears_locals, constructed_bare

_NETWORKS_OF_TYPE: Final[Mapping[InteractionType, tuple[Network, ...]]] = {
    InteractionType.CHECKIN: (Network.FOURSQUARE, Network.FACEBOOK),
    InteractionType.LIKE: (Network.FACEBOOK,),
    InteractionType.COMMENT: (Network.FACEBOOK,),
    InteractionType.MENTION: (Network.TWITTER,),
    InteractionType.RETWEET: (Network.TWITTER,),
    InteractionType.TWEET: (Network.TWITTER,),
    InteractionType.FEEDBACK: (Network.CAPILLARY,),
}

_PLAIN: Final = re.compile("[A-Za-z0-9_.~-]*")

_CARDS: Final = (IdentifierName.CARD_NUMBER, IdentifierName.CARD_EXTERNAL_ID)

_MODELLED: Final = frozenset(
    {
        "format",
        "source",
        "accountId",
        "identifierName",
        "identifierValue",
        *IdentifierName,
        "network",
        "type",
        "limit",
        "offset",
    }
)


def _check_number(value: object, what: str, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(
            f"{what} must be a whole number of {least} or more, not {describe_value(value)}"
        )


# The arguments of converters are what type checkers let a caller give; whatever else comes is
# refused all the same.


def _to_identifier_name(value: IdentifierName | str) -> IdentifierName:
    return parse_enum(IdentifierName, value, "an identifier's name")


@constructed_bare
@frozen
class Identifier:
    """One customer, by one of the identifiers that Capillary knows.

    Args:
        name: The kind of identifier; a string such as "mobile" is accepted.
        value: The identifier itself, sent as it is given. Its repr is masked.

    Raises:
        ValueError: The kind is unknown, or the value is blank or holds control characters.
    """

    name: IdentifierName = field(converter=_to_identifier_name)
    value: str = field(repr=repr_masked)

    @value.validator
    def _check_value(self, _: object, value: str) -> None:
        check_text(value, f"a customer's {self.name.value}")

    @classmethod
    @clears_locals
    def mobile(cls, value: str) -> Self:
        """A customer by mobile number, with the country code and no plus sign."""
        return cls(IdentifierName.MOBILE, value)

    @classmethod
    @clears_locals
    def email(cls, value: str) -> Self:
        """A customer by e-mail address."""
        return cls(IdentifierName.EMAIL, value)

    @classmethod
    @clears_locals
    def external_id(cls, value: str) -> Self:
        """A customer by the identifier that your own systems gave them."""
        return cls(IdentifierName.EXTERNAL_ID, value)

    @classmethod
    @clears_locals
    def card_number(cls, value: str) -> Self:
        """A customer by the number of a loyalty card (v1.1 only)."""
        return cls(IdentifierName.CARD_NUMBER, value)

    @classmethod
    @clears_locals
    def card_external_id(cls, value: str) -> Self:
        """A customer by the external identifier of a loyalty card (v1.1 only)."""
        return cls(IdentifierName.CARD_EXTERNAL_ID, value)


def _to_network(value: Network | str | None) -> Network | None:
    return None if value is None else parse_enum(Network, value, "network")


def _to_type(value: InteractionType | str | None) -> InteractionType | None:
    if value is None:
        return None
    try:
        return parse_enum(InteractionType, value, "type")
    except ValueError as refused:
        raise ValueError(
            f"{refused}; InteractionType.custom(...) sends one that is not listed"
        ) from None


_NOTHING: Final = FrozenMapping[str]({})


def _to_extra(value: Mapping[str, str]) -> FrozenMapping[str]:
    if isinstance(value, FrozenMapping):
        return value  # of a query that is changed into this one
    if not isinstance(value, Mapping):
        raise ValueError(  # noqa: TRY004 - one kind of error for whatever cannot be asked
            f"extra must be a mapping of strings, not a {type(value).__name__}"
        )
    return FrozenMapping(value) if value else _NOTHING


@constructed_bare
@frozen(kw_only=True)
class Query:
    """What is asked of the API about one customer.

    Args:
        identifier: Whose interactions.
        network: Only interactions of this network (the server's default is capillary).
        type: Only interactions of this type.
        limit: Messages a page; with it, or with `offset`, exactly one page is asked for.
        offset: Records to skip.
        source: Overrides the client's `source` (INSTORE, ...).
        account_id: Overrides the client's `account_id`.
        extra: Query parameters that this library does not model, sent last and as they are.

    Raises:
        ValueError: A value is outside what the API documents, or two of them contradict.
    """

    identifier: Identifier = field(kw_only=False)
    network: Network | None = field(default=None, converter=_to_network)
    type: InteractionType | None = field(default=None, converter=_to_type)
    limit: int | None = None
    offset: int | None = None
    source: str | None = None
    account_id: str | None = None
    # Out of the hash only: a mapping has none, and equal queries hash alike without it.
    extra: Mapping[str, str] = field(
        default=_NOTHING, converter=_to_extra, hash=False, repr=repr_keys
    )

    def __attrs_post_init__(self) -> None:
        """Check what the converters have not."""
        if not isinstance(self.identifier, Identifier):
            raise ValueError(  # noqa: TRY004
                f"a query needs an Identifier, such as Identifier.mobile(...), "
                f"not a {type(self.identifier).__name__}"
            )
        if self.limit is not None:
            _check_number(self.limit, "limit", least=1)
        if self.offset is not None:
            _check_number(self.offset, "offset", least=0)
        for name in ("source", "account_id"):
            if getattr(self, name) is not None:
                check_text(getattr(self, name), name)
        self._check_tie()
        self._check_extra()

    def _check_tie(self) -> None:
        if self.network is None or self.type is None:
            return
        networks = _NETWORKS_OF_TYPE.get(self.type, (self.network,))
        if self.network not in networks:
            raise ValueError(
                f"type {self.type.value!r} belongs to network {' or '.join(networks)}, "
                f"not {self.network.value!r}"
            )

    def _check_extra(self) -> None:
        for place, (name, value) in enumerate(self.extra.items(), start=1):
            # By its place: a name may be as personal as a value, where the two are exchanged.
            check_text(name, f"extra: the name of parameter {place}")
            if name in _MODELLED:
                raise ValueError(f"extra must not hold {name!r}: the query has a field for it")
            check_text(value, f"extra: the value of parameter {place}", blank=True)


def request_path(version: ApiVersion) -> str:
    """The path of the call in one of its versions."""
    return "/v1.1/customer/interaction" if version is ApiVersion.V1_1 else _V2_PATH


_V2_PATH: Final = "/v2/customers/interaction"


def encode_query(
    query: Query,
    version: ApiVersion,
    *,
    source: str | None = None,
    account_id: str | None = None,
) -> str:
    """The query string of a query, percent-encoded, in the order that the documentation shows.

    Args:
        query: What is asked.
        version: Which spelling.
        source: Sent where the query has none of its own.
        account_id: Sent where the query has none of its own.

    Raises:
        ValueError: This version of the call cannot ask that.
    """
    check_supported(query, version)
    source = source if query.source is None else query.source
    account_id = account_id if query.account_id is None else query.account_id
    order = _v1_1 if version is ApiVersion.V1_1 else _v2
    pairs = order(query, source, account_id)
    spelled = [f"{name}={_quoted(value)}" for name, value in pairs if value is not None]
    spelled += [f"{_quoted(name)}={_quoted(value)}" for name, value in query.extra.items()]
    return "&".join(spelled)


def _quoted(text: str) -> str:
    # quote() takes ten times as long to find that there is nothing to do.
    return text if _PLAIN.fullmatch(text) else quote(text, safe="")


def check_supported(query: Query, version: ApiVersion) -> None:
    """Whether this version of the call can ask that.

    Raises:
        ValueError: It cannot; the message says why and what to do.
    """
    name = query.identifier.name
    if version is ApiVersion.V2:
        if name in _CARDS:
            accepted = ", ".join(n for n in IdentifierName if n not in _CARDS)
            raise ValueError(f"API v2 has no {name.value}; it accepts {accepted} (or use v1.1)")
        if query.limit is not None or query.offset is not None:
            raise ValueError("API v2 documents no paging: leave out limit and offset, or use v1.1")
    elif "," in query.identifier.value:
        # A sibling of the v1.1 call reads a comma as several customers.
        raise ValueError(
            f"a customer's {name.value} must not hold a comma with API v1.1, "
            "which could read it as several customers"
        )


_Pairs = list[tuple[str, str | None]]


def _v1_1(query: Query, source: str | None, account_id: str | None) -> _Pairs:
    name = query.identifier.name.value
    return [
        ("format", "json"),
        ("source", source),
        ("accountId", account_id),
        ("identifierName", name),
        (name, query.identifier.value),
        ("network", query.network),
        ("type", query.type),
        ("limit", None if query.limit is None else str(query.limit)),
        ("offset", None if query.offset is None else str(query.offset)),
    ]


def _v2(query: Query, source: str | None, account_id: str | None) -> _Pairs:
    return [
        ("identifierName", query.identifier.name.value),
        ("identifierValue", query.identifier.value),
        ("network", query.network),
        ("type", query.type),
        ("source", source),
        ("accountId", account_id),
    ]
