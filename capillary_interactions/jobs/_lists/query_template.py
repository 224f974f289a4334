"""What is asked of every row of a list alike?"""

import re
from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

from capillary_interactions._json.unstructure import to_jsonable
from capillary_interactions._model.query import Identifier, Query
from capillary_interactions._model.vocabulary import (
    ApiVersion,
    IdentifierName,
    InteractionType,
    Network,
)
from capillary_interactions._protocol.request_url import check_supported
from capillary_interactions.jobs._lists.clean_text import clean_identifier
from capillary_interactions.jobs._lists.rows import Row, digits_of, escape_unencodable
from capillary_interactions.jobs._lists.unusable_cells import tool_output_reason, wrong_type_reason

__all__ = ["QueryTemplate", "escape_unencodable"]

# What every version can ask, and nearly every list is made of.
_PLAIN: Final = re.compile(r"[\w.@+-]+", re.ASCII)
_is_number: Final = re.compile(r"\+?\d+", re.ASCII).fullmatch
_no_value: Final = re.compile(r"(?!)").fullmatch


@frozen(kw_only=True)
class QueryTemplate:
    """What is asked of every row alike.

    Args:
        name: The kind of identifier.
        api: The version of the call.
        network: Only this network, or None.
        type: Only this type, or None.

    Raises:
        ValueError: That cannot be asked of anybody.
    """

    name: IdentifierName
    api: ApiVersion = ApiVersion.V1_1
    network: Network | None = None
    type: InteractionType | None = None

    def __attrs_post_init__(self) -> None:
        """Ask for nobody, to see whether the rest can be asked."""
        check_supported(self.query("nobody"), self.api)

    def query(self, value: str) -> Query:
        """The query for one customer.

        Raises:
            ValueError: The value is no identifier.
        """
        return Query(Identifier(self.name, value), network=self.network, type=self.type)

    def normalise(self, row: Row) -> tuple[str, str | None]:
        """Whom a row names, as it is asked; and the reason why that cannot be, or None."""
        value = row.value
        if row.reason is not None or self.is_plain(value):
            return value, row.reason
        value = value if _PLAIN.fullmatch(value) else clean_identifier(value)
        if self.name is IdentifierName.MOBILE:
            # Tables with gaps are often written with .0 behind every number.
            value = digits_of(value) or value
        reason = self._refusal(value)
        # What is not asked stays as it is written.
        return (value, None) if reason is None else (row.value, reason)

    @property
    def is_plain(self) -> Callable[[str], object]:
        """Tells whether a value is nothing but digits, and so can be asked as it stands."""
        return _no_value if self.name is IdentifierName.EMAIL else _is_number

    def rejection_reason(self, row: Row) -> str | None:
        """The reason why a row cannot be asked, or None."""
        return self.normalise(row)[1]

    def _refusal(self, value: str) -> str | None:
        reason = tool_output_reason(value, self.name)
        if reason is None and not _PLAIN.fullmatch(value):
            try:
                check_supported(self.query(value), self.api)
            except ValueError as refused:
                return str(refused)
        return reason or wrong_type_reason(value, self.name)

    def to_jsonable(self, value: str) -> dict[str, Any]:
        """A query as it would be written, though the value may be none."""
        query = to_jsonable(self.query("nobody"))
        query["identifierValue"] = value
        return dict(query)
