"""The shapes of an answer by name; their fields, order and oddities are those published."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal

from capillary_interactions.sandbox._customers import CustomerHistory
from capillary_interactions.sandbox._envelope import envelope, envelope_old
from capillary_interactions.sandbox._flat import flat
from capillary_interactions.sandbox._requests import ParsedRequest
from capillary_interactions.sandbox._spelling import Json, Spelling

Shape = Literal["flat", "envelope", "envelope_old"]
Writer = Callable[[CustomerHistory, ParsedRequest, slice, Spelling], Json]

SHAPES: Final[Mapping[Shape, Writer]] = MappingProxyType(
    {"flat": flat, "envelope": envelope, "envelope_old": envelope_old}
)
