"""What may be said of many lookups: the optional arguments of a stream and of a list, as types."""

from typing import TypeAlias, TypedDict

from capillary_interactions._model.query import Identifier, Query

# What is looked up as it is, without a key.
Asked: TypeAlias = Query | Identifier


class ListOptions(TypedDict, total=False):
    """Those of `lookup_all`; see `stream`."""

    in_flight: int | None
    timeout: float | None
    give_up_after: int | None
    share: float | None


class StreamOptions(ListOptions, total=False):
    """Those of `stream`."""

    ordered: bool
