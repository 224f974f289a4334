"""How is an answer of the API read into the models? Either version may answer in either shape."""

from datetime import tzinfo
from functools import lru_cache
from typing import Any, Final

from capillary_interactions._json.dates import ZoneInDoubtError
from capillary_interactions._json.envelope import envelope_reader
from capillary_interactions._json.fields import ObjectReader, SchemaMismatch, json_type_name
from capillary_interactions._json.flat import flat_reader
from capillary_interactions._json.structure import set_frozen
from capillary_interactions._json.unstructure import to_jsonable
from capillary_interactions._json.zones import DateReader, answer_offset, read_with_offset
from capillary_interactions._model.interactions import CustomerInteractions

__all__ = ["Reader", "SchemaMismatch"]


class Reader:
    """Reads answers.

    Args:
        timezone: The zone of dates that name none, and of every date that is read.

    Attributes:
        read: Reads an answer in either shape, or raises `SchemaMismatch`.
    """

    __slots__ = ("read",)

    def __init__(self, timezone: tzinfo) -> None:
        self.read: Final = _make_reader(timezone)

    def read_merged(self, answer: CustomerInteractions) -> CustomerInteractions:
        """An answer of several pages, with the dates of all pages read as those of one answer."""
        try:
            return self.read(to_jsonable(answer))
        except SchemaMismatch:  # pragma: no cover - what is written can be read
            return answer


def _make_reader(timezone: tzinfo) -> ObjectReader[CustomerInteractions]:
    read_quickly = _answer_reader(DateReader(timezone, doubting=True))

    def read(body: Any) -> CustomerInteractions:
        try:
            return read_quickly(body)
        except SchemaMismatch:
            offset = None
        except ZoneInDoubtError:
            offset = answer_offset(body, timezone)
        # Outside of that block, so that a mismatch has no other cause.
        with read_with_offset(offset):
            answer = _answer_reader(DateReader(timezone))(body)
        set_frozen(answer, "_shows_offset", True)
        return answer

    return read


# Writing the functions takes some milliseconds, and clients hardly ever have more than one zone.
@lru_cache(maxsize=16)
def _answer_reader(dates: DateReader) -> ObjectReader[CustomerInteractions]:
    read_envelope = envelope_reader(dates)

    def read_other(body: Any) -> CustomerInteractions:
        if isinstance(body, dict) and "response" in body:
            return read_envelope(body)
        found = "an object with neither" if isinstance(body, dict) else json_type_name(body)
        raise SchemaMismatch("", 'an object with "interaction" or "response"', found)

    return flat_reader(dates, read_other)
