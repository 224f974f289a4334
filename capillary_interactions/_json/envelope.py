"""How is the answer with an envelope read: `{"response": {"customer": {"interactions": ...}}}`?

Its habits, all published: numbers and booleans as strings, "null" and "" for nothing, a list of one
collapsed to the object itself, `reciever`, line breaks around an address.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from capillary_interactions._json.answer_fields import (
    CUSTOMER,
    INTERACTION,
    MESSAGE,
    Field,
    ObjectFields,
)
from capillary_interactions._json.fields import (
    MISSING,
    FieldHook,
    ObjectReader,
    SchemaMismatch,
    StructureHook,
    T,
    date,
    is_empty,
    json_type_name,
    lenient,
    list_of,
    required,
    string,
)
from capillary_interactions._json.structure import (
    checked_depth,
    make_structure_fn,
    set_frozen,
    unknown_fields,
)
from capillary_interactions._json.zones import DateReader
from capillary_interactions._model.interactions import Customer, CustomerInteractions, Interaction

_WRAPPERS: Final = {
    field.envelope: frozenset({field.wrapper})
    for field in INTERACTION.fields
    if field.envelope is not None and field.wrapper is not None
}
# Names that are read elsewhere, so that they are not unknown.
_READ_OF_RESPONSE: Final = frozenset({"status", "customer", "warnings"})
_READ_APART: Final = {CUSTOMER: frozenset({"interactions", "item_status"})}

_Network = tuple[dict[str, Any], tuple[Interaction, ...]]


def envelope_reader(dates: DateReader) -> ObjectReader[CustomerInteractions]:
    """A function that reads such answers, with its dates as given."""
    read_networks = _one_or_many(_network_reader(dates))("network")
    read_customer = _structure_fn(CUSTOMER, dates, {})

    def envelope(body: Any) -> CustomerInteractions:
        response = _require_object(body, "response")
        extra = unknown_fields(body, frozenset({"response"}))
        try:
            return _read_answer(response, read_networks, read_customer, extra)
        except SchemaMismatch as error:
            raise error.prefixed("response") from None

    return envelope


def _read_answer(
    response: dict[str, Any],
    read_networks: StructureHook,
    read_customer: ObjectReader[Customer],
    extra: dict[str, Any],
) -> CustomerInteractions:
    path, customer = _only_customer(response)
    try:
        networks = _read_networks(_require_object(customer, "interactions"), read_networks)
        who = read_customer(customer)
    except SchemaMismatch as error:
        raise error.prefixed(path) from None
    unknown_networks = unknown_fields(customer["interactions"], frozenset({"network"}))
    if unknown_networks:
        set_frozen(who, "extra", {**who.extra, "interactions": unknown_networks})
    extra |= _unknown_of_response(response, batch=path != "customer")
    unknown = [rest for rest, _ in networks if rest]
    if unknown:
        extra["network"] = unknown
    return CustomerInteractions(
        interactions=tuple(
            interaction for _, interactions in networks for interaction in interactions
        ),
        warnings=_read_warnings(response, customer),
        customer=who,
        extra=extra,
    )


def _only_customer(response: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The customer and its path; sibling calls for several have it at `customers.customer`."""
    batch = response.get("customers")
    if not (is_empty(response.get("customer")) and isinstance(batch, dict)):
        return "customer", _require_object(response, "customer")
    path, sent = "customers.customer", batch.get("customer", MISSING)
    if isinstance(sent, list):
        if len(sent) != 1:
            raise SchemaMismatch(path, "one customer", f"a list of {len(sent)}")
        path, sent = f"{path}[0]", sent[0]
    if not isinstance(sent, dict):
        raise SchemaMismatch(path, "an object", json_type_name(sent))
    return path, sent


def _unknown_of_response(response: dict[str, Any], *, batch: bool) -> dict[str, Any]:
    if not batch:
        return unknown_fields(response, _READ_OF_RESPONSE)
    unknown = unknown_fields(response, _READ_OF_RESPONSE | {"customers"})
    beside = unknown_fields(response["customers"], frozenset({"customer"}))
    return {**unknown, "customers": beside} if beside else unknown


def _read_warnings(response: dict[str, Any], customer: dict[str, Any]) -> tuple[Any, ...]:
    """What the server warns of: at a place of its own, in the request's status, in the item's."""
    places = (response, response.get("status"), customer.get("item_status"))
    listed = [
        warning
        for place in places
        if isinstance(place, dict) and "warnings" in place
        for warning in _listed_warnings(place["warnings"])
        if warning not in (None, "", "null", [], {})
    ]
    return tuple(map(checked_depth, listed))


def _listed_warnings(warnings: Any) -> list[Any]:
    """The warnings of an object with a `warning`, which may be one without a list."""
    if isinstance(warnings, dict) and "warning" in warnings:
        warnings = warnings["warning"]
    return warnings if isinstance(warnings, list) else [warnings]


def _require_object(parent: Any, key: str) -> dict[str, Any]:
    if not isinstance(parent, dict):
        raise SchemaMismatch("", "an object", json_type_name(parent))
    child = parent.get(key, MISSING)
    if not isinstance(child, dict):
        raise SchemaMismatch(key, "an object", json_type_name(child))
    return child


def _read_networks(interactions: dict[str, Any], read: StructureHook) -> tuple[_Network, ...]:
    """The networks of `customer.interactions`; an answer that may be misread is never empty."""
    if interactions and "network" not in interactions:
        raise SchemaMismatch("interactions.network", "a list", "nothing")
    try:
        return read(interactions.get("network"), None) or ()
    except SchemaMismatch as error:
        raise error.prefixed("interactions") from None


def _network_reader(dates: DateReader) -> ObjectReader[_Network]:
    read_name = lenient(string, "name")
    read_interactions = _one_or_many(_interaction_reader(dates))("interaction")

    def network(sent: Any) -> _Network:
        if not isinstance(sent, dict):
            raise SchemaMismatch("", "an object", json_type_name(sent))
        if "interaction" not in sent:
            raise SchemaMismatch("interaction", "a list", "nothing")
        name = read_name(sent.get("name"), None)
        interactions = read_interactions(sent["interaction"], None) or ()
        for interaction in interactions:
            set_frozen(interaction, "network", name)
        rest = unknown_fields(sent, frozenset({"name", "interaction"}))
        return ({"name": name, **rest} if rest else rest), interactions

    return network


def _interaction_reader(dates: DateReader) -> ObjectReader[Interaction]:
    read = _object_reader(INTERACTION, dates)

    def interaction(sent: Any) -> Interaction:
        counted = not isinstance(sent, dict) or not is_empty(sent.get("count"))
        value: Interaction = read(sent if counted else {**sent, "count": 0})
        if not counted:
            listed = len(value.messages) + len(value.surveys) + len(value.locations)
            set_frozen(value, "count", listed)
        if not is_empty(sent.get("messages")):
            set_frozen(value, "_has_message_list", True)
        unknown = _unknown_in_wrappers(sent)
        if unknown:
            set_frozen(value, "extra", {**value.extra, **unknown})
        return value

    return interaction


def _unknown_in_wrappers(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What stands beside a list in the object around it."""
    unknown = {}
    for key, known in _WRAPPERS.items():
        wrapper = sent.get(key)
        if wrapper.__class__ is dict and (rest := unknown_fields(wrapper, known)):
            unknown[key] = rest
    return unknown


def _object_reader(objects: ObjectFields, dates: DateReader) -> ObjectReader[Any]:
    read = _structure_fn(objects, dates, {})
    if objects is not MESSAGE:
        return read
    read_corrected = _structure_fn(objects, dates, {"reciever": "receiver"})

    def message(sent: Any) -> Any:
        is_corrected = (
            isinstance(sent, dict) and is_empty(sent.get("reciever")) and "receiver" in sent
        )
        return read_corrected(sent) if is_corrected else read(sent)

    return message


def _structure_fn(
    objects: ObjectFields, dates: DateReader, renamed: Mapping[str, str]
) -> ObjectReader[Any]:
    hooks = {
        field.name: (renamed.get(field.envelope, field.envelope), _hook(field, dates))
        for field in objects.fields
        if field.envelope is not None
    }
    return make_structure_fn(
        objects.model,
        hooks,
        also=_READ_APART.get(objects, frozenset()),
        dates=dates.of(objects, envelope=True),
        quick=dates.doubting,
    )


def _hook(field: Field, dates: DateReader) -> FieldHook:
    if field.objects is not None and field.wrapper is not None:
        return _wrapped_list(field.wrapper, _object_reader(field.objects, dates))
    check = field.envelope_check or field.check
    hook = partial(lenient, partial(date, dates.parser()) if check is date else check)
    return partial(required, hook) if field.required else hook


def _one_or_many(read_one: ObjectReader[T]) -> FieldHook:
    """A list that is the object itself where it has one member."""
    listed = list_of(read_one)

    def at(key: str) -> StructureHook:
        strict = lenient(listed, key)

        def read(value: Any, _: Any) -> Any:
            if not isinstance(value, dict):
                return strict(value, _)
            try:
                return (read_one(value),)
            except SchemaMismatch as error:
                raise error.prefixed(key) from None

        return read

    return at


def _wrapped_list(inner: str, read_one: ObjectReader[Any]) -> FieldHook:
    """A list with an object around it."""

    def at(key: str) -> StructureHook:
        strict = _one_or_many(read_one)(inner)

        def read(value: Any, _: Any) -> Any:
            if is_empty(value) or value == []:
                return ()
            if not isinstance(value, dict):
                raise SchemaMismatch(key, "an object", json_type_name(value))
            try:
                return strict(value.get(inner), _) or ()
            except SchemaMismatch as error:
                raise error.prefixed(key) from None

        return read

    return at
