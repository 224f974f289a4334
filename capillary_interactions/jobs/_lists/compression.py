"""How are compressed lists read, and compressed results written? By gzip, and Zstandard."""

import gzip
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import IO, Any, Final, cast

from capillary_interactions.jobs._errors import ExportError, ListError
from capillary_interactions.jobs._lists.text import MARKS

_CHUNK: Final = 1 << 16
_PACKED_CHUNK: Final = 1 << 13
# Of Zstandard's smallest blocks, four bytes for 128 KiB, this gives two megabytes at a time.
_PACKED_PIECE: Final = 64
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
PARQUET: Final = b"PAR1"
"""What a Parquet file begins with."""
ARROW: Final = b"ARROW1"
"""What an Arrow file begins with; an Arrow stream has no such mark."""
_OPENINGS: Final = (_GZIP, _ZSTD, PARQUET, ARROW, *MARKS)
_LEVEL: Final = 6
_PAUSE: Final = 0.01
_NO_ZSTD: Final = (
    "zstandard is not installed; .zst needs the extra zstd: "
    "pip install 'capillary_interactions[zstd]'"
)


class PeekableFile:
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
            more = self._next(_CHUNK)
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
                return head + self._rest()
            head, self._head = self._head[:size], self._head[size:]
            return head
        return self._next(size)

    def read_full(self, size: int) -> bytes:
        """The next bytes, as many as are asked for unless the file ends; a pipe gives fewer."""
        found = self.read(size)
        while len(found) < size and (more := self.read(size - len(found))):
            found += more
        return found

    def _rest(self) -> bytes:
        return b"".join(iter(lambda: self._next(_CHUNK), b""))

    def _next(self, size: int) -> bytes:
        # None: another process has made the pipe a non-blocking one, and it is empty for now.
        while (found := self._file.read(size)) is None:
            time.sleep(_PAUSE)
        return found


def read_chunks(file: IO[bytes] | PeekableFile, before_read: Callable[[], None]) -> Iterator[bytes]:
    """What a file holds, unpacked if it is packed, a little at a time.

    Args:
        file: Binary.
        before_read: Called before each read, which may take for ever.

    Raises:
        ListError: It is packed, and broken or cut short.
    """
    before_read()
    peeked = file if isinstance(file, PeekableFile) else PeekableFile(file)
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

    def __init__(self, file: PeekableFile) -> None:
        try:
            import zstandard  # noqa: PLC0415 - an extra
        except ImportError:
            raise ListError(_NO_ZSTD) from None
        self._file = file
        self._error = zstandard.ZstdError
        self._unpacker = zstandard.ZstdDecompressor
        self._frame: Any = None
        self._packed = b""
        self._unpacked = b""

    def read(self, size: int) -> bytes:
        """The next bytes, no more than that; b"" at the end."""
        if not self._unpacked:
            self._unpacked = self._more(size)
        found, self._unpacked = self._unpacked[:size], self._unpacked[size:]
        return found

    def _more(self, size: int) -> bytes:
        """What the packed bytes that are there give, if that is less; b"" at the end."""
        parts: list[bytes] = []
        count = 0
        while count < size:
            if not self._packed:
                if parts:
                    break  # the next read may take for ever
                self._packed = self._file.read(_PACKED_CHUNK)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("the file ends in the middle")
                break
            part, self._packed = self._packed[:_PACKED_PIECE], self._packed[_PACKED_PIECE:]
            parts.append(self._unpack(part))
            count += len(parts[-1])
            if not count:
                parts.clear()
        return b"".join(parts)

    def _unpack(self, packed: bytes) -> bytes:
        if self._frame is None:
            self._frame = self._unpacker().decompressobj()
        try:
            unpacked: bytes = self._frame.decompress(packed)
        except self._error as broken:
            raise EOFError(str(broken)) from None
        if self._frame.eof:
            self._packed, self._frame = self._frame.unused_data + self._packed, None
        return unpacked


def open_compressor(file: IO[bytes], name: str) -> IO[bytes]:
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
