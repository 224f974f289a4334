"""How is an answer of the API read into the models? The flat shape, and the choice of a shape.

Either version of the call may answer in either shape, so the body decides (`_envelope.py` has the
other one).
"""

from datetime import tzinfo
from functools import lru_cache
from typing import Any, Final

from capillary_interactions._json.dates import DateParser, make_date_parser
from capillary_interactions._json.envelope import envelope_reader
from capillary_interactions._json.fields import (
    ObjectReader,
    SchemaMismatch,
    boolean,
    date,
    integer,
    json_type_name,
    list_of,
    nested,
    nullable_id,
    number,
    required,
    string,
    with_default,
)
from capillary_interactions._json.structure import checked_depth, make_structure_fn, set_frozen
from capillary_interactions._model.interactions import (
    Customer,
    CustomerInteractions,
    Interaction,
    Location,
    Message,
    Survey,
)
from capillary_interactions._model.vocabulary import Network

__all__ = ["Reader", "SchemaMismatch"]

_NETWORKS: Final = frozenset(network.value for network in Network)


class Reader:
    """Reads answers.

    Args:
        timezone: The zone of dates that name none, and of every date that is read.
    """

    __slots__ = ("_envelope", "_flat")

    def __init__(self, timezone: tzinfo) -> None:
        self._flat, self._envelope = _readers(timezone)

    def read(self, body: Any) -> CustomerInteractions:
        """An answer in whichever shape it has.

        Raises:
            Mismatch: It has neither, or something in it is not as it should be.
        """
        if isinstance(body, dict):
            if "interaction" in body:
                return self._flat(body)
            if "response" in body:
                return self._envelope(body)
        found = "an object with neither" if isinstance(body, dict) else json_type_name(body)
        raise SchemaMismatch("", 'an object with "interaction" or "response"', found)


# Writing the functions takes some milliseconds, and there are as many clients as there are fields
# of use, but hardly ever more than one time zone.
@lru_cache(maxsize=8)
def _readers(
    timezone: tzinfo,
) -> tuple[ObjectReader[CustomerInteractions], ObjectReader[CustomerInteractions]]:
    parse = make_date_parser(timezone)
    return _flat_in(parse), envelope_reader(parse)


def _flat_in(parse: DateParser) -> ObjectReader[CustomerInteractions]:
    read = make_structure_fn(
        CustomerInteractions,
        {
            "name": ("name", string),
            "interactions": ("interaction", required(list_of(_interaction_in(parse)))),
            "warnings": ("warnings", with_default((), list_of(checked_depth))),
            "customer": ("customer", nested(_CUSTOMER)),
            "truncated": ("truncated", with_default(False, boolean)),
        },
        keep=True,
    )

    def flat(body: Any) -> CustomerInteractions:
        answer = read(body)
        # Here, and only here, the answer's name is its network's.
        if answer.name in _NETWORKS:
            for interaction in answer.interactions:
                if interaction.network is None:
                    set_frozen(interaction, network=answer.name)
        return answer

    return flat


def _interaction_in(parse: DateParser) -> ObjectReader[Interaction]:
    read = make_structure_fn(
        Interaction,
        {
            "name": ("name", required(string)),
            "count": ("count", required(integer)),
            "network": ("network", string),
            "messages": ("messageList", with_default((), list_of(_message_in(parse)))),
            "surveys": ("surveys", with_default((), list_of(_survey_in(parse)))),
            "locations": ("locations", with_default((), list_of(_location_in(parse)))),
            "used": ("usedStatus", boolean),
            "last_interaction_at": ("lastInteractionTime", date(parse)),
        },
        keep=True,
    )

    def interaction(sent: Any) -> Interaction:
        found = read(sent)
        if sent.get("messageList") is not None:
            set_frozen(found, _lists_messages=True)
        return found

    return interaction


def _message_in(parse: DateParser) -> ObjectReader[Message]:
    return make_structure_fn(
        Message,
        {
            "id": ("id", integer),
            "receiver": ("receiver", string),
            "sender": ("sender", string),
            "subject": ("subject", string),
            "campaign_id": ("campaignId", nullable_id),
            "status": ("status", string),
            "sent_at": ("sentDate", date(parse)),
            "delivered_at": ("deliveredTime", date(parse)),
            "user_id": ("userId", nullable_id),
        },
        keep=True,
    )


def _survey_in(parse: DateParser) -> ObjectReader[Survey]:
    return make_structure_fn(
        Survey,
        {
            "name": ("name", string),
            "nps_score": ("npsScore", integer),
            "sent_by": ("sentBy", string),
            "response_url": ("responseUrl", string),
            "sent_at": ("sentTime", date(parse)),
            "completed_at": ("completionTime", date(parse)),
        },
        keep=True,
    )


def _location_in(parse: DateParser) -> ObjectReader[Location]:
    return make_structure_fn(
        Location,
        {"lat": ("lat", number), "long": ("long", number), "time": ("time", date(parse))},
        keep=True,
    )


_CUSTOMER: Final = make_structure_fn(
    Customer,
    {
        "id": ("id", integer),
        "mobile": ("mobile", string),
        "email": ("email", string),
        "external_id": ("externalId", string),
    },
    keep=True,
)
