"""Reads compressed lists and writes compressed results: gzip, and Zstandard."""

import gzip
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from types import ModuleType
from typing import IO, Any, Final, cast

from capillary_interactions.jobs._errors import ExportError, JobError, ListError
from capillary_interactions.jobs._lists.text import BYTE_ORDER_MARKS

_CHUNK: Final = 1 << 16
_COMPRESSED_CHUNK: Final = 1 << 13
# Zstandard's smallest blocks expand four bytes to 128 KiB: this gives two megabytes at a time.
_COMPRESSED_PIECE: Final = 64
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
PARQUET: Final = b"PAR1"
"""The first bytes of a Parquet file."""
ARROW: Final = b"ARROW1"
"""The first bytes of an Arrow file; an Arrow stream has no such mark."""
_MAGIC: Final = (_GZIP, _ZSTD, PARQUET, ARROW, *BYTE_ORDER_MARKS)
COMPRESSED_SUFFIXES: Final = frozenset({".gz", ".zst"})
_LEVEL: Final = 6
_POLL_INTERVAL: Final = 0.01
_NOT_INSTALLED: Final = (
    "zstandard is not installed; .zst needs the extra zstd: "
    "pip install 'capillary_interactions[zstd]'"
)


def uncompressed_suffix(name: str) -> str:
    """The suffix of a name, or the one before .gz or .zst, in lower case."""
    path = PurePath(name.lower())
    return (path.with_suffix("") if path.suffix in COMPRESSED_SUFFIXES else path).suffix


def _import_zstandard(error: type[JobError]) -> ModuleType:
    try:
        import zstandard  # noqa: PLC0415 - an extra
    except ImportError:
        raise error(_NOT_INSTALLED) from None
    return zstandard


class PeekableFile:
    """A binary file, which may be a pipe, whose first bytes can be looked at."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._head = b""

    def peek(self) -> bytes:
        """The bytes of one read, and enough to identify the format."""
        while any(magic.startswith(self._head) for magic in _MAGIC):
            more = self._read(_CHUNK)
            if not more:
                break
            self._head += more
        return self._head

    @property
    def closed(self) -> bool:
        return self._file.closed

    @contextmanager
    def as_seekable(self) -> Iterator[IO[bytes]]:
        """The whole file with seek(); a pipe is copied to disk."""
        if self._file.seekable() and self._file.tell() == len(self._head):
            self._file.seek(0)
            self._head = b""
            yield self._file
            return
        # Without a name, so that it is removed even if this process is killed.
        with tempfile.TemporaryFile() as copy:
            while chunk := self.read(_CHUNK):
                copy.write(chunk)
            copy.seek(0)
            yield copy

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; b"" at the end."""
        if not self._head:
            return self._read(size)
        end = size if size >= 0 else len(self._head)
        head, self._head = self._head[:end], self._head[end:]
        return head if size >= 0 else head + b"".join(iter(lambda: self._read(_CHUNK), b""))

    def read_full(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end of the file."""
        content = self.read(size)
        while len(content) < size and (more := self.read(size - len(content))):
            content += more
        return content

    def _read(self, size: int) -> bytes:
        # None: another process has made the pipe non-blocking, and it is empty for now.
        while (content := self._file.read(size)) is None:
            time.sleep(_POLL_INTERVAL)
        return content


def read_chunks(file: IO[bytes] | PeekableFile, before_read: Callable[[], None]) -> Iterator[bytes]:
    """The decompressed content of a file in chunks; `before_read` is called before each read.

    Raises:
        ListError: It is compressed, and broken or truncated.
    """
    before_read()
    peekable = file if isinstance(file, PeekableFile) else PeekableFile(file)
    opening = peekable.peek()
    read: Callable[[int], bytes]
    if opening.startswith(_GZIP):
        read = gzip.GzipFile(fileobj=cast("IO[bytes]", peekable)).read
    elif opening.startswith(_ZSTD):
        read = _ZstdReader(peekable).read
    else:
        read = peekable.read
    while True:
        try:
            chunk = read(_CHUNK)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ListError(f"its compression is broken: {error}") from None
        if not chunk:
            return
        yield chunk
        before_read()


class _ZstdReader:
    """Decompresses Zstandard; raises, unlike that library's own reader, where a file is cut."""

    def __init__(self, file: PeekableFile) -> None:
        zstandard = _import_zstandard(ListError)
        self._file = file
        self._error = zstandard.ZstdError
        self._new_decompressor = zstandard.ZstdDecompressor
        self._frame: Any = None
        self._compressed = b""
        self._content = b""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; b"" at the end."""
        if not self._content:
            self._content = self._decompress(size)
        content, self._content = self._content[:size], self._content[size:]
        return content

    def _decompress(self, size: int) -> bytes:
        """About `size` bytes, or what is available without another read; b"" at the end."""
        parts: list[bytes] = []
        count = 0
        while count < size:
            if not self._compressed:
                if count:
                    break  # the next read may block for long
                self._compressed = self._file.read(_COMPRESSED_CHUNK)
            if not self._compressed:
                if self._frame is not None:
                    raise EOFError("the file ends in the middle")
                break
            piece = self._compressed[:_COMPRESSED_PIECE]
            self._compressed = self._compressed[_COMPRESSED_PIECE:]
            parts.append(self._decompress_piece(piece))
            count += len(parts[-1])
        return b"".join(parts)

    def _decompress_piece(self, piece: bytes) -> bytes:
        if self._frame is None:
            self._frame = self._new_decompressor().decompressobj()
        try:
            content: bytes = self._frame.decompress(piece)
        except self._error as error:
            raise EOFError(str(error)) from None
        if self._frame.eof:
            self._compressed, self._frame = self._frame.unused_data + self._compressed, None
        return content


def open_compressor(file: IO[bytes], name: str) -> IO[bytes]:
    """A file that compresses what is written to it, as the suffix of the name asks for.

    Closing it leaves the underlying file open. An `ExportError` if zstandard is not installed.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix == ".gz":
        # No name and no time inside: equal results are equal files.
        return cast("IO[bytes]", gzip.GzipFile("", "wb", _LEVEL, file, mtime=0))
    if suffix == ".zst":
        zstandard = _import_zstandard(ExportError)
        return cast("IO[bytes]", zstandard.ZstdCompressor().stream_writer(file, closefd=False))
    return file
