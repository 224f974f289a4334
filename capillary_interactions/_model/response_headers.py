"""Which headers of an answer does an outcome keep? A bounded number, of bounded length."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from capillary_interactions._model.frozen_mapping import FrozenMapping

MAX_HEADERS: Final = 100
MAX_VALUE: Final = 4096


class ResponseHeaders(FrozenMapping[str]):
    """The headers of an answer, found by name in any case; its repr shows the names only.

    Values of several fields with one name are joined with a comma. Fields after the hundredth, and
    values of more than 4,096 characters, are left out.

    Args:
        content: All headers of the answer.
    """

    __slots__ = ()

    def __init__(self, content: Mapping[str, str]) -> None:
        fields = dict[str, str]()
        for name, text in islice(_fields(content), MAX_HEADERS):
            fields[name] = f"{fields[name]}, {text}" if name in fields else text
        super().__init__({name: text for name, text in fields.items() if len(text) <= MAX_VALUE})

    def __getitem__(self, key: str) -> str:
        return super().__getitem__(key.lower())


def without_surrogates(text: str) -> str:
    """The text of a header, with a replacement for what JSON cannot hold.

    aiohttp decodes bytes that are not UTF-8 to lone surrogates.
    """
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _fields(content: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, text in content.items():
        yield name.lower(), without_surrogates(text)


NO_HEADERS: Final = ResponseHeaders({})
