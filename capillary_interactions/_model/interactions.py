"""What does Capillary send back, as plain frozen values?

Values only: `_json` reads them from an answer.
What a person sees of them (their repr) is masked; what a program reads is not.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from capillary_interactions._model.quick_init import WeakReferable
from capillary_interactions._text.masking import repr_keys, repr_masked, show_codes_masked

Json = Mapping[str, Any]

# A published answer lists every SMS under both names.
_MIRRORED, _MIRROR = "sms", "phone"


def _extra_field() -> Any:
    return field(factory=dict, repr=repr_keys, hash=False)


def _source_field() -> Any:
    # The object as the server sent it, which to_jsonable() returns unchanged.
    # Not an argument: a changed copy (attrs.evolve) was never sent like this.
    return field(init=False, default=None, repr=False, eq=False)


@frozen(kw_only=True)
class Message(WeakReferable):
    """One message to a customer.

    Attributes:
        id: The server's number for it.
        receiver: The address or number it went to.
        sender: The address or number it came from (envelope answers only).
        subject: Its subject or text; may hold a one-time code.
        campaign_id: The campaign it belongs to, or None.
        status: The state of delivery as the server names it. Documented: DELIVERED, OPENED, SENT,
            FAILED, SOFT_BOUNCED, NOT-DELIVERED, GTW_NOT_FOUND. Sibling calls also name CLICKED,
            DELAYED_DELIVERY, NOT_DELIVERED, HARD_BOUNCED, BLOCKED, DND_BLOCKED, NDNC_BLOCKED,
            CREDIT_LIMIT_EXCEEDED, RATE_LIMIT_EXCEEDED, TIMEOUT, RETRY_TIMEOUT, IN_GTW,
            GTW_PROCESSED, HANDLER_NOT_FOUND, MARKED_SPAM, MARKED_UNSUBSCRIBED and UNKNOWN; there
            may be more.
        sent_at: When it was sent.
        delivered_at: When it was delivered, or None.
        user_id: The user associated with it, or None.
        extra: Fields that this version does not know, dates that could not be read, and the copies
            of dates in ISO 8601 (`sentDateISO`, `sent_timeISO`) that an answer may have.
    """

    id: int | None = None
    receiver: str | None = field(default=None, repr=repr_masked)
    sender: str | None = field(default=None, repr=repr_masked)
    subject: str | None = field(default=None, repr=show_codes_masked)
    campaign_id: int | None = None
    status: str | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    user_id: int | None = None
    extra: Json = _extra_field()
    _source: Json | None = _source_field()


@frozen(kw_only=True)
class Survey(WeakReferable):
    """One survey sent to a customer.

    Attributes:
        name: The survey's name.
        nps_score: The net promoter score the customer gave, or None.
        sent_by: Who sent it.
        response_url: Where its response can be read.
        sent_at: When it was sent.
        completed_at: When the customer completed it, or None.
        extra: Fields that this version does not know, and dates that could not be read.
    """

    name: str | None = None
    nps_score: int | None = None
    sent_by: str | None = field(default=None, repr=repr_masked)
    response_url: str | None = field(default=None, repr=False)
    sent_at: datetime | None = None
    completed_at: datetime | None = None
    extra: Json = _extra_field()
    _source: Json | None = _source_field()


@frozen(kw_only=True)
class Location(WeakReferable):
    """One place where a customer checked in.

    Attributes:
        lat: Latitude in degrees.
        long: Longitude in degrees.
        time: When.
        extra: Fields that this version does not know, and dates that could not be read.
    """

    lat: float | None = field(default=None, repr=False)
    long: float | None = field(default=None, repr=False)
    time: datetime | None = None
    extra: Json = _extra_field()
    _source: Json | None = _source_field()


@frozen(kw_only=True)
class Interaction(WeakReferable):
    """All interactions of one type with a customer.

    Attributes:
        name: The type ("email", "sms", "whatsapp", ...), as the server names it.
        count: How many there are, as the server counts; `messages` may hold fewer.
        network: The network they belong to, where the answer names it.
        messages: The messages, in the server's order.
        surveys: The surveys.
        locations: The check-ins.
        used: Whether the customer has made use of it (missed calls), or None.
        last_interaction_at: When the last one was, or None.
        extra: Fields that this version does not know, and dates that could not be read.
    """

    name: str
    count: int
    network: str | None = None
    messages: tuple[Message, ...] = ()
    surveys: tuple[Survey, ...] = ()
    locations: tuple[Location, ...] = ()
    used: bool | None = None
    last_interaction_at: datetime | None = None
    extra: Json = _extra_field()
    _source: Json | None = _source_field()
    # Whether the answer gave a list of messages, if only an empty one: a tweet with a count of 10
    # and no list is not short of messages.
    _has_message_list: bool = field(init=False, default=False, repr=False, eq=False)


@frozen(kw_only=True)
class Customer(WeakReferable):
    """The customer, as Capillary knows them (envelope answers only)."""

    id: int | None = field(default=None, repr=lambda value: repr_masked(_text(value)))
    mobile: str | None = field(default=None, repr=repr_masked)
    email: str | None = field(default=None, repr=repr_masked)
    external_id: str | None = field(default=None, repr=repr_masked)
    extra: Json = _extra_field()
    _source: Json | None = _source_field()


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


@frozen(kw_only=True)
class CustomerInteractions(WeakReferable):
    """Everything Capillary knows about one customer's interactions.

    Attributes:
        name: The answer's own `name`. Documented as the customer's name; in every published
            example it is the network's ("capillary").
        interactions: One for each type of interaction, in the server's order.
        warnings: What the server warns of, as it sent it: texts, codes, or objects with both. The
            codes 91009 and 8069 mean that the answer is that of another customer, into whom the
            one asked for was merged.
        customer: Who the customer is, where the answer names it.
        truncated: Whether the server counts more than could be fetched.
        extra: Fields that this version does not know.
    """

    name: str | None = field(default=None, repr=repr_masked)
    interactions: tuple[Interaction, ...] = ()
    warnings: tuple[Any, ...] = field(default=(), repr=lambda value: f"<{len(value)}>")
    customer: Customer | None = None
    truncated: bool = False
    extra: Json = _extra_field()
    _source: Json | None = _source_field()
    # Whether the answer shows an offset that is not its reader's, so that dates of other pages may
    # have to be read with it.
    _shows_offset: bool = field(init=False, default=False, repr=False, eq=False)

    def messages(self) -> Iterator[tuple[Interaction, Message]]:
        """Each message once, with the interaction it belongs to.

        A server may list an SMS as `phone`, too, with the same id: it is left out there.
        `interactions` is as the server sent it.
        """
        for interaction in self.interactions:
            if interaction.name == _MIRROR:
                listed = self._identities(_MIRRORED, interaction.network)
                for message in interaction.messages:
                    if _identity(message) not in listed:
                        yield interaction, message
            else:
                for message in interaction.messages:
                    yield interaction, message

    def _identities(self, name: str, network: str | None) -> set[tuple[Any, ...]]:
        return {
            _identity(message)
            for interaction in self.interactions
            if interaction.name == name and interaction.network == network
            for message in interaction.messages
            if message.id is not None
        }


def _identity(message: Message) -> tuple[Any, ...]:
    # The id alone might be that of another message, if each channel counted for itself.
    return str(message.id), message.sent_at, message.subject
