"""In which zone is a date that names none, of an answer that shows an offset elsewhere?

In this order: that of the date's own copy in ISO 8601 (`sentDateISO`, `sent_timeISO`), which the
vendor adds to dates of older calls; that of another date of the same object, and of the same
answer, that is written with an offset; the reader's zone, which is the cluster's.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, tzinfo
from typing import Any, Final

from attrs import frozen

from capillary_interactions._json.answer_fields import ALL_OBJECTS, ObjectFields
from capillary_interactions._json.cached_dates import CachedDateParser
from capillary_interactions._json.dates import (
    ZoneInDoubtError,
    agrees,
    in_zone,
    make_date_parser,
    parse_date,
    shows_offset,
)
from capillary_interactions._json.fields import date
from capillary_interactions._json.structure import set_frozen

# An envelope's messages are nested fourteen levels deep.
_MAX_DEPTH: Final = 20
# The offset of the answer that is being read; a reader is shared by threads and tasks.
_answer_offset: ContextVar[tzinfo | None] = ContextVar("answer_offset", default=None)


@frozen
class DateField:
    """A date of an object: the model's name of it, the server's, and that of its copy."""

    attribute: str
    name: str
    copy: str


def date_fields(objects: ObjectFields, *, envelope: bool) -> tuple[DateField, ...]:
    """The dates of one type of object, by the names of one shape."""
    names = (
        (field.name, field.envelope if envelope else field.flat)
        for field in objects.fields
        if field.check is date
    )
    return tuple(
        DateField(attribute, name, iso_copy(name)) for attribute, name in names if name is not None
    )


def iso_copy(name: str) -> str:
    """The server's name for the copy of a date in ISO 8601."""
    return f"{name}ISO"


class ObjectDates:
    """Completes the dates of an object that was read.

    Args:
        fields: Its dates.
        zone: The reader's zone.
        doubting: Whether an offset that is not the zone's is a `ZoneInDoubtError`; else other
            dates of the object and the answer are read with it.

    Attributes:
        copies: The server's names of the copies, none of which is a field of the model.
        doubting: As given.
    """

    def __init__(self, fields: tuple[DateField, ...], zone: tzinfo, *, doubting: bool) -> None:
        self.copies = frozenset(field.copy for field in fields)
        self.doubting = doubting
        self._fields = fields
        self._zone = zone
        self._names = (*(field.copy for field in fields), *(field.name for field in fields))

    def complete(self, value: Any, sent: Mapping[str, Any]) -> None:
        """Set the dates of a model to what the rules make of the object it was read from."""
        shown = next(_shown_offsets(sent, self._names), None)
        if self.doubting and shown is not None and not agrees(shown, self._zone):
            raise ZoneInDoubtError
        for field in self._fields:
            moment = self._moment(sent, field, shown)
            if moment is not None:
                set_frozen(value, field.attribute, moment)

    def _moment(
        self, sent: Mapping[str, Any], field: DateField, shown: datetime | None
    ) -> datetime | None:
        copy, moment = (_parsed(sent.get(name)) for name in (field.copy, field.name))
        if copy is not None and copy.tzinfo is not None:
            return in_zone(copy, self._zone)
        if moment is not None and moment.tzinfo is None:
            moment = self._localised(moment, shown)
        return None if moment is None else in_zone(moment, self._zone)

    def _localised(self, local: datetime, shown: datetime | None) -> datetime:
        if shown is None:
            return local.replace(tzinfo=_answer_offset.get() or self._zone)
        if not agrees(shown, self._zone):
            return local.replace(tzinfo=shown.tzinfo)
        # Of a local time that occurs twice, the one with the offset that is shown.
        first = local.replace(tzinfo=self._zone)
        second = first.replace(fold=1)
        return second if second.utcoffset() == shown.utcoffset() else first


def _parsed(value: Any) -> datetime | None:
    return parse_date(value) if value.__class__ is str else None


def _shown_offsets(sent: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[datetime]:
    """The dates of an object that are written with an offset."""
    for name in names:
        text = sent.get(name)
        if isinstance(text, str):
            moment = parse_date(text)
            if moment is not None and shows_offset(text, moment):
                yield moment


@frozen
class DateReader:
    """How dates are read: in which zone, and whether one that does not fit it is an error.

    Attributes:
        zone: The zone of dates that name none, and of all dates that are read.
        doubting: Whether a `ZoneInDoubtError` is raised where the answer shows another zone.
    """

    zone: tzinfo
    doubting: bool = False

    def parser(self) -> CachedDateParser:
        """A function that reads a date from a text alone."""
        return make_date_parser(self.zone, doubting=self.doubting)

    def of(self, objects: ObjectFields, *, envelope: bool = False) -> ObjectDates | None:
        """What completes the dates of one type of object; None if it has none."""
        fields = date_fields(objects, envelope=envelope)
        return ObjectDates(fields, self.zone, doubting=self.doubting) if fields else None


def answer_offset(body: Any, zone: tzinfo) -> tzinfo | None:
    """The one offset that the dates of an answer are written with; None where it is not one.

    That is none either: the zone's own offset, and several (a zone with summer time has two).
    """
    names = _FLAT_DATES if "interaction" in body else _ENVELOPE_DATES
    shown = [moment for sent in _objects(body) for moment in _shown_offsets(sent, names)]
    is_one = len({moment.utcoffset() for moment in shown}) == 1
    return shown[0].tzinfo if is_one and not any(agrees(each, zone) for each in shown) else None


def _objects(value: Any, depth: int = _MAX_DEPTH) -> Iterator[Mapping[str, Any]]:
    """A JSON object and the objects in it."""
    if isinstance(value, dict):
        yield value
        value = value.values()
    if depth and not isinstance(value, str | int | float | None):
        for member in value:
            yield from _objects(member, depth - 1)


@contextmanager
def read_with_offset(offset: tzinfo | None) -> Iterator[None]:
    """The offset counts, here and now, for all dates of answers whose objects show none."""
    token = _answer_offset.set(offset)
    try:
        yield
    finally:
        _answer_offset.reset(token)


def _names(*, envelope: bool) -> tuple[str, ...]:
    fields = [field for objects in ALL_OBJECTS for field in date_fields(objects, envelope=envelope)]
    return tuple({name for field in fields for name in (field.name, field.copy)})


_FLAT_DATES: Final = _names(envelope=False)
_ENVELOPE_DATES: Final = _names(envelope=True)
