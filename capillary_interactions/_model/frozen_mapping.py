"""A mapping that stays as it is, for values that do."""

from collections.abc import ItemsView, Iterator, Mapping
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from capillary_interactions._text.masking import repr_keys

_V = TypeVar("_V")


class FrozenMapping(Mapping[str, _V], Generic[_V]):
    """An immutable mapping, equal to any other with the same content.

    It can be copied and pickled, which Python's own view of a mapping cannot, and its repr shows
    the keys only.

    Args:
        content: What it holds; later changes of it are not followed.
    """

    __slots__ = ("_data",)

    def __init__(self, content: Mapping[str, _V]) -> None:
        self._data: Final = MappingProxyType(dict(content))

    def __getitem__(self, key: str) -> _V:
        return self._data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def items(self) -> ItemsView[str, _V]:
        """Its pairs, as quickly as a dict gives them."""
        return self._data.items()

    def __repr__(self) -> str:
        return repr_keys(self)

    def __reduce__(self) -> tuple[type["FrozenMapping[_V]"], tuple[dict[str, _V]]]:
        return type(self), (dict(self._data),)
