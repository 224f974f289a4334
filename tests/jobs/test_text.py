"""How bytes become lines."""

import codecs
import io
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from encodings.aliases import aliases
from itertools import pairwise

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from capillary_interactions.jobs import ListError
from capillary_interactions.jobs._lists.compression import read_chunks as unpacked_chunks
from capillary_interactions.jobs._lists.text import check_encoding, lines
from tests.tables import table


@given(
    text=st.text(alphabet='ab,é€😀\u2028\n\r"\x0b', max_size=40),
    cuts=st.lists(st.integers(0, 80), max_size=6),
    marked=st.booleans(),
)
@example(text="a\r\nb", cuts=[2], marked=False)
def test_gives_the_lines_that_python_reads(text: str, cuts: list[int], marked: bool) -> None:
    """However the bytes are cut, the lines are those of a file opened with newline=""."""
    content = text.encode("utf-8-sig" if marked else "utf-8")
    cut_at = [0, *sorted(cuts), len(content)]
    chunks = [content[a:b] for a, b in pairwise(cut_at)]

    assert list(lines(chunks)) == io.StringIO(text, newline="").readlines()


@table(
    ("chunks", "message"),
    [
        ([b"\0\1\2mobile"[:5]], "a binary file"),
        (["mobile\n919\n".encode("utf-16-le")], "UTF-16 without a mark"),
        ([b"Jos\xe9\n"], "no UTF-8 text (at byte 4)"),
        ([b"ab\n", b"Jos\xe9\n"], "at byte 7)"),
        ([b"ab\xe2\x82", b"\xe2"], "at byte 3)"),
        ([b"caf\xc3"], "at byte 4)"),
        ([b"9" * (1 << 21)] * 3, "line 1 is longer"),
    ],
)
def test_refuses_what_is_no_list_in_one_line(chunks: list[bytes], message: str) -> None:
    """Bytes that are no text, and lines that are no lines, are named."""
    with pytest.raises(ListError) as refused:
        list(lines(chunks))

    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_asks_for_bytes_only_when_the_lines_before_are_taken() -> None:
    """A slow pipe's lines are there before the next read of it."""
    asked = []

    def chunks() -> Iterator[bytes]:
        for number in range(3):
            asked.append(number)
            yield b"a\nb\n"

    taken = lines(chunks())
    next(taken)
    next(taken)

    assert asked == [0]


@table(
    ("encoding", "written"),
    [
        (None, "utf-8-sig"),
        (None, "utf-16"),
        (None, "utf-32"),
        ("utf-8", "utf-8-sig"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32-le", "utf-32-le"),
        ("utf-32", "utf-32"),
        ("gb18030", "gb18030"),
    ],
)
@table("size", [1, 3, 1 << 16])
def test_has_no_mark_in_its_first_line(encoding: str | None, written: str, size: int) -> None:
    """A byte-order mark is no part of a column's name, in any encoding, however slowly it comes."""
    mark = "" if written in {"utf-8-sig", "utf-16", "utf-32"} else "\ufeff"
    content = f"{mark}mobile\n9\ufeff19\n".encode(written)

    class Slow(io.BytesIO):
        """A few bytes at a time."""

        def read(self, most: int | None = -1) -> bytes:
            return super().read(min(size, most or size))

    found = lines(unpacked_chunks(Slow(content), lambda: None), encoding)
    assert list(found) == ["mobile\n", "9\ufeff19\n"]


def test_knows_big_ends() -> None:
    """A mark of either order."""
    for mark, encoding in ((b"\xfe\xff", "utf-16-be"), (b"\0\0\xfe\xff", "utf-32-be")):
        assert list(lines([mark + "a\nb".encode(encoding)])) == ["a\n", "b"]


@table(
    ("encoding", "content", "position"),
    [
        (None, b"a\nb\nJos\xe9\nc\n", 8),
        (None, "é\nb\nJos".encode() + b"\xe9\nc\n", 9),
        ("ascii", b"a\nb\nJos\xe9\nc\n", 8),
        ("utf-16-le", "a\nb\n".encode("utf-16-le") + b"\x00\xdc", 9),
        ("cp932", b"a\nb\n\x81\xff\nc\n", 5),
        ("cp1252", b"a\nb\nx\x81\n", 6),
    ],
)
@table("size", [1, 2, 5, 1 << 16])
def test_gives_the_lines_before_what_is_no_text(
    encoding: str | None, content: bytes, position: int, size: int
) -> None:
    """However the bytes are cut, whole lines before the first wrong byte, and then its position."""
    found: list[str] = []
    cut = [content[at : at + size] for at in range(0, len(content), size)]
    with pytest.raises(ListError, match=rf"at byte {position}\)"):
        found.extend(lines(cut, encoding))
    assert found[1:] == ["b\n"]


@table(
    "name",
    [
        "no-such",
        "unicode_escape",
        "raw_unicode_escape",
        "raw-unicode-escape",
        "punycode",
        "idna",
        "undefined",
        "rot13",
        "hex",
        "a\0b",
        "\udce9",
        "",
        "x" * 5000,
    ],
)
def test_refuses_an_encoding_that_no_text_is_in(name: str) -> None:
    """Python's names for other things, too."""
    with pytest.raises(ListError, match="is no encoding"):
        check_encoding(name)


@table("name", ["utf-7", "cp037", "iso2022_jp", "latin-1", "UTF8", "utf-8-sig"])
def test_takes_every_encoding_of_text(name: str) -> None:
    """Also old ones."""
    assert list(lines(["mobile\n1\n".encode(name)], check_encoding(name))) == ["mobile\n", "1\n"]


_TEXT_ENCODINGS = sorted(set(aliases.values()))


def _checked(name: str) -> str | None:
    try:
        return check_encoding(name)
    except ListError:
        return None


@table("name", sorted(filter(None, map(_checked, {*_TEXT_ENCODINGS, "hz"}))))
def test_reads_every_encoding_of_pythons_or_says_why_not(name: str) -> None:
    """However the bytes are cut, and whatever they are: lines, or one error of the list."""
    text, end = "mobile\n919\n".encode(name), "\n".encode(name)
    for size in (1, 3, 100):
        assert list(lines(_cut(text, size), name)) == ["mobile\n", "919\n"]
        for wrong in (b"\xff\xff~{\x81\n", b"\x80~{x\n", b"+-\xd8", b"\x1b$B\xff"):
            with suppress(ListError):
                list(lines(_cut(text + wrong + end, size), name))


def _cut(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


@table("name", ["utf-16", "UTF16", "utf_16", "utf-32", "U32"])
@table("order", ["le", "be"])
@table("marked", [False, True])
@table("size", [1, 3, 1000])
def test_finds_the_order_of_bytes_where_no_mark_says_it(
    name: str, order: str, marked: bool, size: int
) -> None:
    """By where the zero bytes stand; a mark that is there counts."""
    text = "mobile\r\n\u0416\u00e9919\r\n"
    family = codecs.lookup(name).name
    mark = "\ufeff" if marked else ""
    content = (mark + text).encode(f"{family}-{order}")
    assert "".join(lines(_cut(content, size), name)) == text


@table("name", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_names_the_order_of_bytes_that_it_sees(name: str) -> None:
    """The message for UTF-16 or UTF-32 without a mark says which name will do."""
    with pytest.raises(ListError, match=f"without a mark; then give the encoding: {name},"):
        list(lines(["mobile\n919\n".encode(name)]))


def test_ignores_the_mark_for_the_end_of_a_file() -> None:
    """DOS put one there; in the middle it is a character like others."""
    assert list(lines([b"a\n\x1ab\n\x1a"])) == ["a\n", "\x1ab\n"]


def test_takes_no_quadratic_time_for_a_line_in_small_pieces() -> None:
    """Each piece is looked at once, however long the line has become."""
    pieces = [b"9" * 16] * 100_000
    assert list(lines([*pieces, b"\n"])) == ["9" * 1_600_000 + "\n"]


@table("content", [bytes(1 << 26), b"9\n" * (1 << 25)])
def test_unpacks_zstandard_a_little_at_a_time(content: bytes) -> None:
    """A few kilobytes that stand for hundreds of megabytes take no such memory."""
    packed = io.BytesIO(zstandard.compress(content))
    tracemalloc.start()
    try:
        sizes = [len(chunk) for chunk in unpacked_chunks(packed, lambda: None)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(sizes) == len(content)
    assert max(sizes) <= 1 << 16
    assert peak < 1 << 23
