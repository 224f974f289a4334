"""How is the answer with an envelope read: `{"response": {"customer": {"interactions": ...}}}`?

Its habits, all published: numbers and booleans as strings, "null" and "" for nothing, a list of one
collapsed to the object itself, `reciever`, line breaks around an address.
"""

from collections.abc import Mapping
from typing import Any, Final

from capillary_interactions._json.dates import DateParser
from capillary_interactions._json.fields import (
    MISSING,
    FieldHook,
    ObjectReader,
    SchemaMismatch,
    StructureHook,
    T,
    address,
    boolean_or_string,
    date,
    integer,
    json_type_name,
    list_of,
    nullable_id,
    number,
    required,
    string,
    with_default,
)
from capillary_interactions._json.structure import (
    Fields,
    checked_depth,
    make_structure_fn,
    set_frozen,
    unknown_fields,
)
from capillary_interactions._model.interactions import (
    Customer,
    CustomerInteractions,
    Interaction,
    Location,
    Message,
    Survey,
)

_LISTS: Final = {"messages": "message", "surveys": "survey", "locs": "loc"}
_NETWORK: Final = frozenset({"name", "interaction"})


def envelope_reader(parse: DateParser) -> ObjectReader[CustomerInteractions]:
    """A function that reads such answers, with the dates that `parse` understands."""
    read_networks = _collapsible(_network_in(parse))("network")

    def envelope(body: Any) -> CustomerInteractions:
        response = _child(body, "response")
        extra = unknown_fields(body, frozenset({"response"}))
        try:
            return _answer(response, read_networks, extra)
        except SchemaMismatch as wrong:
            raise wrong.under("response") from None

    return envelope


_Network = tuple[dict[str, Any], tuple[Interaction, ...]]


def _answer(
    response: dict[str, Any], read_networks: StructureHook, extra: dict[str, Any]
) -> CustomerInteractions:
    customer = _child(response, "customer")
    try:
        networks = _networks(_child(customer, "interactions"), read_networks)
        who = _who(customer)
    except SchemaMismatch as wrong:
        raise wrong.under("customer") from None
    extra |= unknown_fields(response, frozenset({"status", "customer", "warnings"}))
    unknown = [rest for rest, _ in networks if rest]
    if unknown:
        extra["network"] = unknown
    return CustomerInteractions(
        interactions=tuple(each for _, interactions in networks for each in interactions),
        warnings=_WARNINGS(response.get("warnings"), None),
        customer=who,
        extra=extra,
    )


def _who(customer: dict[str, Any]) -> Customer:
    who = _CUSTOMER(customer)
    left = unknown_fields(customer["interactions"], frozenset({"network"}))
    if left:
        set_frozen(who, extra={**who.extra, "interactions": left})
    return who


def _nothing(value: Any) -> bool:
    return value is None or value == "" or value == "null"  # noqa: PLR1714 - it may be unhashable


def _child(parent: Any, key: str) -> dict[str, Any]:
    """An object that must be there.

    Raises:
        Mismatch: It is not.
    """
    if not isinstance(parent, dict):
        raise SchemaMismatch("", "an object", json_type_name(parent))
    found = parent.get(key, MISSING)
    if not isinstance(found, dict):
        raise SchemaMismatch(key, "an object", json_type_name(found))
    return found


def _networks(held: dict[str, Any], read: StructureHook) -> tuple[_Network, ...]:
    """The networks of `customer.interactions`; an answer that may be misread is never empty."""
    if held and "network" not in held:
        raise SchemaMismatch("interactions.network", "a list", "nothing")
    try:
        return read(held.get("network"), None) or ()
    except SchemaMismatch as wrong:
        raise wrong.under("interactions") from None


def _network_in(parse: DateParser) -> ObjectReader[_Network]:
    read_name = _lenient(string)("name")
    read_interactions = _collapsible(_interaction_in(parse))("interaction")

    def network(sent: Any) -> _Network:
        if not isinstance(sent, dict):
            raise SchemaMismatch("", "an object", json_type_name(sent))
        if "interaction" not in sent:
            raise SchemaMismatch("interaction", "a list", "nothing")
        name = read_name(sent.get("name"), None)
        interactions = read_interactions(sent["interaction"], None) or ()
        for interaction in interactions:
            set_frozen(interaction, network=name)
        rest = unknown_fields(sent, _NETWORK)
        return ({"name": name, **rest} if rest else rest), interactions

    return network


def _interaction_in(parse: DateParser) -> ObjectReader[Interaction]:
    read = make_structure_fn(
        Interaction,
        {
            "name": ("type", required(_lenient(string))),
            "count": ("count", with_default(-1, _lenient(integer))),
            "messages": ("messages", _inside("message", _message_in(parse))),
            "surveys": ("surveys", _inside("survey", _survey_in(parse))),
            "locations": ("locs", _inside("loc", _location_in(parse))),
            "used": ("used_status", _lenient(boolean_or_string)),
            "last_interaction_at": ("last_interaction_time", _lenient(date(parse))),
        },
    )

    def interaction(sent: Any) -> Interaction:
        counted = isinstance(sent, dict) and not _nothing(sent.get("count"))
        found = read(sent if counted or not isinstance(sent, dict) else {**sent, "count": 0})
        if not counted:
            held = len(found.messages) + len(found.surveys) + len(found.locations)
            set_frozen(found, count=held)
        if not _nothing(sent.get("messages")):
            set_frozen(found, _lists_messages=True)
        left = _left_in_lists(sent)
        if left:
            set_frozen(found, extra={**found.extra, **left})
        return found

    return interaction


def _left_in_lists(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What stands beside a list in the object around it."""
    left = {}
    for key, inner in _LISTS.items():
        around = sent.get(key)
        if isinstance(around, dict) and not around.keys() <= {inner}:
            left[key] = unknown_fields(around, frozenset({inner}))
    return {key: rest for key, rest in left.items() if rest}


def _message_in(parse: DateParser) -> ObjectReader[Message]:
    def spelled(receiver: str) -> ObjectReader[Message]:
        return make_structure_fn(
            Message,
            {
                "id": ("id", _lenient(integer)),
                "receiver": (receiver, _lenient(address)),
                "sender": ("sender", _lenient(address)),
                "subject": ("subject", _lenient(string)),
                "campaign_id": ("campaign_id", _lenient(nullable_id)),
                "status": ("status", _lenient(string)),
                "sent_at": ("sent_time", _lenient(date(parse))),
                "delivered_at": ("delivered_time", _lenient(date(parse))),
                "user_id": ("user_id", _lenient(nullable_id)),
            },
        )

    today, before = spelled("reciever"), spelled("receiver")

    def message(sent: Any) -> Message:
        older = isinstance(sent, dict) and _nothing(sent.get("reciever")) and "receiver" in sent
        return before(sent) if older else today(sent)

    return message


def _survey_in(parse: DateParser) -> ObjectReader[Survey]:
    return make_structure_fn(
        Survey,
        {
            "name": ("name", _lenient(string)),
            "nps_score": ("nps_score", _lenient(integer)),
            "sent_by": ("sent_by", _lenient(string)),
            "response_url": ("response_url", _lenient(string)),
            "sent_at": ("sent_time", _lenient(date(parse))),
            "completed_at": ("completion_time", _lenient(date(parse))),
        },
    )


def _location_in(parse: DateParser) -> ObjectReader[Location]:
    return make_structure_fn(
        Location,
        {
            "lat": ("lat", _lenient(number)),
            "long": ("long", _lenient(number)),
            "time": ("time", _lenient(date(parse))),
        },
    )


def _lenient(field: FieldHook) -> FieldHook:
    """A field in which "null" and "" mean nothing."""

    def at(key: str) -> StructureHook:
        strict = field(key)
        return lambda value, _: strict(None if _nothing(value) else value, _)

    return at


def _collapsible(read_one: ObjectReader[T]) -> FieldHook:
    """A list that is the object itself where it has one member."""
    listed = list_of(read_one)

    def at(key: str) -> StructureHook:
        strict = _lenient(listed)(key)

        def read(value: Any, _: Any) -> Any:
            if not isinstance(value, dict):
                return strict(value, _)
            try:
                return (read_one(value),)
            except SchemaMismatch as wrong:
                raise wrong.under(key) from None

        return read

    return at


def _inside(inner: str, read_one: ObjectReader[Any]) -> FieldHook:
    """A list with an object around it."""

    def at(key: str) -> StructureHook:
        strict = _collapsible(read_one)(inner)

        def read(value: Any, _: Any) -> Any:
            if _nothing(value) or value == []:
                return ()
            if not isinstance(value, dict):
                raise SchemaMismatch(key, "an object", json_type_name(value))
            try:
                return strict(value.get(inner), _) or ()
            except SchemaMismatch as wrong:
                raise wrong.under(key) from None

        return read

    return at


_FIELDS: Final[Fields] = {
    "id": ("id", _lenient(integer)),
    "mobile": ("mobile", _lenient(address)),
    "email": ("email", _lenient(address)),
    "external_id": ("external_id", _lenient(string)),
}
_CUSTOMER: Final = make_structure_fn(
    Customer, _FIELDS, also=frozenset({"interactions", "item_status"})
)


_WARNINGS: Final = with_default((), _lenient(list_of(checked_depth)))("warnings")
