"""How bytes become lines."""

import io
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capillary_interactions.jobs import ListError
from capillary_interactions.jobs._text import lines


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
        ([b"9" * (1 << 19)] * 3, "line 1 is longer"),
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
