"""How is an answer of the API read into the models? Either version may answer in either shape."""

from datetime import tzinfo
from functools import lru_cache
from typing import Any

from capillary_interactions._json.dates import make_date_parser
from capillary_interactions._json.envelope import envelope_reader
from capillary_interactions._json.fields import ObjectReader, SchemaMismatch, json_type_name
from capillary_interactions._json.flat import flat_reader
from capillary_interactions._model.interactions import CustomerInteractions

__all__ = ["Reader", "SchemaMismatch"]


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
            SchemaMismatch: It has neither, or something in it is not as it should be.
        """
        if isinstance(body, dict):
            if "interaction" in body:
                return self._flat(body)
            if "response" in body:
                return self._envelope(body)
        found = "an object with neither" if isinstance(body, dict) else json_type_name(body)
        raise SchemaMismatch("", 'an object with "interaction" or "response"', found)


# Writing the functions takes some milliseconds, and clients hardly ever have more than one zone.
@lru_cache(maxsize=8)
def _readers(
    timezone: tzinfo,
) -> tuple[ObjectReader[CustomerInteractions], ObjectReader[CustomerInteractions]]:
    parse = make_date_parser(timezone)
    return flat_reader(parse), envelope_reader(parse)
