"""How bytes become lines."""

import io
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capillary_interactions.jobs import ListError
from capillary_interactions.jobs._text import check_encoding, lines
from capillary_interactions.jobs._unpack import chunks as unpacked_chunks


@given(
    text=st.text(alphabet='ab,é€😀\u2028\n\r"\x0b', max_size=40),
    cuts=st.lists(st.integers(0, 80), max_size=6),
    marked=st.booleans(),
)
@example(text="a\r\nb", cuts=[2], marked=False)
def test_gives_the_lines_that_python_reads(text: str, cuts: list[int], marked: bool) -> None:
    """However the bytes are cut, the lines are those of a file opened with newline=""."""
    content = text.encode("utf-8-sig" if marked else "utf-8")
    places = [0, *sorted(cuts), len(content)]
    chunks = [content[a:b] for a, b in pairwise(places)]

    assert list(lines(chunks)) == io.StringIO(text, newline="").readlines()


@pytest.mark.parametrize(
    ("chunks", "said"),
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
def test_refuses_what_is_no_list_in_one_line(chunks: list[bytes], said: str) -> None:
    """Bytes that are no text, and lines that are no lines, are named."""
    with pytest.raises(ListError) as refused:
        list(lines(chunks))

    assert said in str(refused.value)
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


@pytest.mark.parametrize(
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
@pytest.mark.parametrize("size", [1, 3, 1 << 16])
def test_has_no_mark_in_its_first_line(encoding: str | None, written: str, size: int) -> None:
    """A byte-order mark is no part of a column's name, whoever wrote it, and slow as it comes."""
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


@pytest.mark.parametrize(
    ("encoding", "content", "place"),
    [
        (None, b"a\nb\nJos\xe9\nc\n", 8),
        (None, "é\nb\nJos".encode() + b"\xe9\nc\n", 9),
        ("ascii", b"a\nb\nJos\xe9\nc\n", 8),
        ("utf-16-le", "a\nb\n".encode("utf-16-le") + b"\x00\xdc", 9),
        ("cp932", b"a\nb\n\x81\xff\nc\n", 5),
        ("cp1252", b"a\nb\nx\x81\n", 6),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 5, 1 << 16])
def test_gives_the_lines_before_what_is_no_text(
    encoding: str | None, content: bytes, place: int, size: int
) -> None:
    """However the bytes are cut, whole lines before the first wrong byte, and then its place."""
    found: list[str] = []
    cut = [content[at : at + size] for at in range(0, len(content), size)]
    with pytest.raises(ListError, match=rf"at byte {place}\)"):
        found.extend(lines(cut, encoding))
    assert found[1:] == ["b\n"]


@pytest.mark.parametrize(
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


@pytest.mark.parametrize("name", ["utf-7", "cp037", "iso2022_jp", "latin-1", "UTF8", "utf-8-sig"])
def test_takes_every_encoding_of_text(name: str) -> None:
    """Also those that nobody has used for long."""
    assert list(lines(["mobile\n1\n".encode(name)], check_encoding(name))) == ["mobile\n", "1\n"]
