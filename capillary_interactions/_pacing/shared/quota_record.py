"""How the state of a shared quota is written into a file: a record of fixed size."""

import struct
import zlib
from operator import attrgetter
from typing import Final

from attrs import fields, frozen

from capillary_interactions._pacing.shared.schedule import Schedule

_MAGIC: Final = b"capillary quota\n"
# The kind of the file, the key, the boot of the machine, the state, and a checksum.
_HEADER: Final = struct.Struct("<16s40s40s")
_STATE: Final = struct.Struct("<dqdddddddd")
_VALUES: Final = attrgetter(*(field.name for field in fields(Schedule)))
_CHECKSUM: Final = struct.Struct("<I")
SIZE: Final = _HEADER.size + _STATE.size + _CHECKSUM.size


class ForeignFileError(Exception):
    """A file that something else has written, or that is another quota's."""


@frozen
class Owner:
    """Whose record it is.

    Attributes:
        key: The key of the quota.
        boot: The boot of the machine, for its clock begins anew with each.
    """

    key: str
    boot: str


def encode_record(owner: Owner, schedule: Schedule) -> bytes:
    """The record of a state."""
    header = _HEADER.pack(_MAGIC, owner.key.encode(), owner.boot.encode())
    record = header + _STATE.pack(*_VALUES(schedule))
    return record + _CHECKSUM.pack(zlib.crc32(record))


def decode_record(record: bytes, key: str) -> tuple[str, Schedule | None]:
    """The boot and the state of a record; None where it was cut off or damaged.

    Raises:
        ForeignFileError: It is not a record of this quota.
    """
    if record[: len(_MAGIC)] != _MAGIC[: len(record)]:
        raise ForeignFileError("is not a file of shared quotas")
    if len(record) < SIZE:
        return "", None
    _, found, boot = _HEADER.unpack_from(record)
    if found != key.encode():
        raise ForeignFileError("belongs to another quota")
    (checksum,) = _CHECKSUM.unpack_from(record, SIZE - _CHECKSUM.size)
    if checksum != zlib.crc32(record[: SIZE - _CHECKSUM.size]):
        return "", None
    return boot.rstrip(b"\0").decode(), Schedule(*_STATE.unpack_from(record, _HEADER.size))
