"""How is an answer of the API read into the models? The flat shape, and the choice of a shape.

Either version of the call may answer in either shape, so the body decides (`_envelope.py` has the
other one).
"""

from datetime import tzinfo
from functools import lru_cache
from typing import Any, Final

from capillary_interactions._json.dates import Parse, dates_in
from capillary_interactions._json.envelope import envelope_in
from capillary_interactions._json.fields import (
    Mismatch,
    Read,
    date,
    flag,
    integer,
    kind,
    many,
    needed,
    number,
    one,
    otherwise,
    reference,
    text,
)
from capillary_interactions._json.structure import attach, shallow, structurer
from capillary_interactions._model.interactions import (
    Customer,
    CustomerInteractions,
    Interaction,
    Location,
    Message,
    Survey,
)
from capillary_interactions._model.vocabulary import Network

__all__ = ["Mismatch", "Reader"]

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
        found = "an object with neither" if isinstance(body, dict) else kind(body)
        raise Mismatch("", 'an object with "interaction" or "response"', found)


# Writing the functions takes some milliseconds, and there are as many clients as there are fields
# of use, but hardly ever more than one time zone.
@lru_cache(maxsize=8)
def _readers(
    timezone: tzinfo,
) -> tuple[Read[CustomerInteractions], Read[CustomerInteractions]]:
    parse = dates_in(timezone)
    return _flat_in(parse), envelope_in(parse)


def _flat_in(parse: Parse) -> Read[CustomerInteractions]:
    read = structurer(
        CustomerInteractions,
        {
            "name": ("name", text),
            "interactions": ("interaction", needed(many(_interaction_in(parse)))),
            "warnings": ("warnings", otherwise((), many(shallow))),
            "customer": ("customer", one(_CUSTOMER)),
            "truncated": ("truncated", otherwise(False, flag)),
        },
        keep=True,
    )

    def flat(body: Any) -> CustomerInteractions:
        answer = read(body)
        # Here, and only here, the answer's name is its network's.
        if answer.name in _NETWORKS:
            for interaction in answer.interactions:
                if interaction.network is None:
                    attach(interaction, network=answer.name)
        return answer

    return flat


def _interaction_in(parse: Parse) -> Read[Interaction]:
    read = structurer(
        Interaction,
        {
            "name": ("name", needed(text)),
            "count": ("count", needed(integer)),
            "network": ("network", text),
            "messages": ("messageList", otherwise((), many(_message_in(parse)))),
            "surveys": ("surveys", otherwise((), many(_survey_in(parse)))),
            "locations": ("locations", otherwise((), many(_location_in(parse)))),
            "used": ("usedStatus", flag),
            "last_interaction_at": ("lastInteractionTime", date(parse)),
        },
        keep=True,
    )

    def interaction(sent: Any) -> Interaction:
        found = read(sent)
        if sent.get("messageList") is not None:
            attach(found, _lists_messages=True)
        return found

    return interaction


def _message_in(parse: Parse) -> Read[Message]:
    return structurer(
        Message,
        {
            "id": ("id", integer),
            "receiver": ("receiver", text),
            "sender": ("sender", text),
            "subject": ("subject", text),
            "campaign_id": ("campaignId", reference),
            "status": ("status", text),
            "sent_at": ("sentDate", date(parse)),
            "delivered_at": ("deliveredTime", date(parse)),
            "user_id": ("userId", reference),
        },
        keep=True,
    )


def _survey_in(parse: Parse) -> Read[Survey]:
    return structurer(
        Survey,
        {
            "name": ("name", text),
            "nps_score": ("npsScore", integer),
            "sent_by": ("sentBy", text),
            "response_url": ("responseUrl", text),
            "sent_at": ("sentTime", date(parse)),
            "completed_at": ("completionTime", date(parse)),
        },
        keep=True,
    )


def _location_in(parse: Parse) -> Read[Location]:
    return structurer(
        Location,
        {"lat": ("lat", number), "long": ("long", number), "time": ("time", date(parse))},
        keep=True,
    )


_CUSTOMER: Final = structurer(
    Customer,
    {
        "id": ("id", integer),
        "mobile": ("mobile", text),
        "email": ("email", text),
        "external_id": ("externalId", text),
    },
    keep=True,
)
