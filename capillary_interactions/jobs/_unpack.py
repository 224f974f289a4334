"""How are compressed lists read, and compressed results written? By gzip, and Zstandard."""

import gzip
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import IO, Any, Final, cast

from capillary_interactions.jobs._errors import ExportError, ListError
from capillary_interactions.jobs._text import MARKS

_CHUNK: Final = 1 << 16
_PACKED_CHUNK: Final = 1 << 13
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
PARQUET: Final = b"PAR1"
"""What a Parquet file begins with."""
ARROW: Final = b"ARROW1"
"""What an Arrow file begins with; an Arrow stream has no such mark."""
_OPENINGS: Final = (_GZIP, _ZSTD, PARQUET, ARROW, *MARKS)
_LEVEL: Final = 6
_NO_ZSTD: Final = (
    "zstandard is not installed; .zst needs the extra zstd: "
    "pip install 'capillary_interactions[zstd]'"
)


class Peeked:
    """A file whose first bytes have been looked at.

    Args:
        file: Binary; may be a pipe.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._head = b""

    def peek(self) -> bytes:
        """What comes first: as much as there is at once, and enough to tell what it is."""
        while any(each.startswith(self._head) for each in _OPENINGS):
            more = self._file.read(_CHUNK)
            if not more:
                break
            self._head += more
        return self._head

    @property
    def closed(self) -> bool:
        """Whether nothing can be read any more."""
        return self._file.closed

    @contextmanager
    def whole(self) -> Iterator[IO[bytes]]:
        """All of it, as a file to go to and fro in; what comes through a pipe is copied to disk."""
        if self._file.seekable() and self._file.tell() == len(self._head):
            self._file.seek(0)
            self._head = b""
            yield self._file
            return
        # Without a name, so that it is gone with this program whatever becomes of it.
        with tempfile.TemporaryFile() as copy:
            while chunk := self.read(_CHUNK):
                copy.write(chunk)
            copy.seek(0)
            yield copy

    def read(self, size: int = -1) -> bytes:
        """The next bytes, no more than that; b"" at the end."""
        if self._head:
            if size < 0:
                head, self._head = self._head, b""
                return head + self._file.read()
            head, self._head = self._head[:size], self._head[size:]
            return head
        return self._file.read(size) or b""


def chunks(file: IO[bytes] | Peeked, before_read: Callable[[], None]) -> Iterator[bytes]:
    """What a file holds, unpacked if it is packed, a little at a time.

    Args:
        file: Binary.
        before_read: Called before each read, which may take for ever.

    Raises:
        ListError: It is packed, and broken or cut short.
    """
    before_read()
    peeked = file if isinstance(file, Peeked) else Peeked(file)
    opening = peeked.peek()
    read: Callable[[int], bytes]
    if opening.startswith(_GZIP):
        read = gzip.GzipFile(fileobj=cast("IO[bytes]", peeked)).read
    elif opening.startswith(_ZSTD):
        read = _Unzstd(peeked).read
    else:
        read = peeked.read
    while True:
        try:
            chunk = read(_CHUNK)
        except (EOFError, zlib.error, gzip.BadGzipFile) as broken:
            raise ListError(f"its compression is broken: {broken}") from None
        if not chunk:
            return
        yield chunk
        before_read()


class _Unzstd:
    """What is packed by Zstandard, unpacked; notices, unlike that library's own reader, a cut.

    Args:
        file: Packed.
    """

    def __init__(self, file: Peeked) -> None:
        try:
            import zstandard  # noqa: PLC0415 - an extra
        except ImportError:
            raise ListError(_NO_ZSTD) from None
        self._file = file
        self._error = zstandard.ZstdError
        self._unpacker = zstandard.ZstdDecompressor
        self._frame: Any = None
        self._rest = b""

    def read(self, _: int) -> bytes:
        """The next bytes, however many; b"" at the end."""
        while True:
            packed, self._rest = self._rest or self._file.read(_PACKED_CHUNK), b""
            if not packed:
                if self._frame is not None:
                    raise EOFError("the file ends in the middle")
                return b""
            unpacked = self._unpack(packed)
            if unpacked:
                return unpacked

    def _unpack(self, packed: bytes) -> bytes:
        if self._frame is None:
            self._frame = self._unpacker().decompressobj()
        try:
            unpacked: bytes = self._frame.decompress(packed)
        except self._error as broken:
            raise EOFError(str(broken)) from None
        if self._frame.eof:
            self._rest, self._frame = self._frame.unused_data, None
        return unpacked


def packing(file: IO[bytes], name: str) -> IO[bytes]:
    """A file that packs what is written to it as its name's ending says.

    Closing it leaves the file beneath open.

    Raises:
        ExportError: The packer is not installed.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix == ".gz":
        # No name and no time inside: equal results are equal files.
        return cast("IO[bytes]", gzip.GzipFile("", "wb", _LEVEL, file, mtime=0))
    if suffix == ".zst":
        try:
            import zstandard  # noqa: PLC0415 - an extra
        except ImportError:
            raise ExportError(_NO_ZSTD) from None
        return cast("IO[bytes]", zstandard.ZstdCompressor().stream_writer(file, closefd=False))
    return file
