"""How do many rows get into a table at one step of one statement?

SQLite's module gives Python's lock away at each step and, beside a busy event loop, may wait five
milliseconds to get it back; what takes a step for each row takes for ever, and costs the loop too.
So rows go in as two values: JSON with what is small, and one block with the texts, in which
whatever stands there keeps every byte. Until then they are strings in flat lists, which Python's
garbage collector need not look through.
"""

import orjson


class Pack:
    """Rows on their way into a table."""

    def __init__(self) -> None:
        self._rows: list[bytes] = []
        self._block: list[bytes] = []
        self._end = 1

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, small: tuple[object, ...], *texts: str | bytes | None) -> None:
        """Take a row.

        Args:
            small: What goes as JSON; no text of it may hold a NUL.
            texts: What goes as it is, or None.
        """
        row = orjson.dumps(small)[:-1]
        for text in texts:
            if text is None:
                row += b",null,null"
                continue
            encoded = text.encode() if isinstance(text, str) else text
            self._block.append(encoded)
            row += b",%d,%d" % (self._end, len(encoded))
            self._end += len(encoded)
        self._rows.append(row + b"]")

    def parameters(self) -> tuple[str, bytes]:
        """The parameters of a statement over `json_each(?1) AS each`."""
        return f"[{b','.join(self._rows).decode()}]", b"".join(self._block)


def small_at(place: int) -> str:
    """What stands at a place of each row, in SQL."""
    return f"json_extract(each.value, '$[{place}]')"


def text_at(place: int) -> str:
    """The text whose begin and length stand at a place and the next one of each row, in SQL."""
    return f"CAST(substr(?2, {small_at(place)}, {small_at(place + 1)}) AS TEXT)"
