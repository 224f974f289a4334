"""The query that is the same for every row of a list, except for the customer."""

import re
from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

from capillary_interactions._json.unstructure import to_jsonable, with_sent_value
from capillary_interactions._model.phone_numbers import is_bare
from capillary_interactions._model.query import Identifier, InvalidMobileError, Query
from capillary_interactions._model.vocabulary import (
    ApiVersion,
    IdentifierName,
    InteractionType,
    Network,
)
from capillary_interactions._protocol.request_url import check_supported, sent_query
from capillary_interactions.jobs._lists.clean_text import clean_identifier
from capillary_interactions.jobs._lists.rows import Row, digits_of
from capillary_interactions.jobs._lists.unusable_cells import tool_output_reason, wrong_type_reason

# Valid in every version of the API, and nearly every list consists of such values.
_SIMPLE: Final = re.compile(r"[\w.@+-]+", re.ASCII)
_is_number: Final = re.compile(r"\+?\d+", re.ASCII).fullmatch
_never: Final = re.compile(r"(?!)").fullmatch
_ANY_VALUE: Final = "0"
_NUMBERS: Final = (IdentifierName.MOBILE, IdentifierName.CUSTOMER_ID)


@frozen(kw_only=True)
class QueryTemplate:
    """The query of every row; `name` is the type of identifier.

    `phone_region` is that of the `ClientConfig`.

    Raises:
        ValueError: No customer can be queried so.
    """

    name: IdentifierName
    api: ApiVersion = ApiVersion.V1_1
    network: Network | None = None
    type: InteractionType | None = None
    phone_region: str | None = None

    def __attrs_post_init__(self) -> None:
        check_supported(self.query(_ANY_VALUE), self.api)

    def query(self, value: str) -> Query:
        """The query for one customer; a `ValueError` if the value is no identifier."""
        return Query(Identifier(self.name, value), network=self.network, type=self.type)

    def sent_value(self, value: str) -> str:
        """A customer that `normalise` has accepted, as it is sent."""
        query = sent_query(self.query(value), self.api, self.phone_region)
        return query.identifier.value

    def sent_query(self, value: str) -> Query:
        """The query for a customer whose value is as `sent_value` returns it."""
        if self.name is not IdentifierName.MOBILE or not is_bare(value):
            return self.query(value)
        # Custom, so that it is not changed again.
        identifier = Identifier.custom(self.name.value, value)
        return Query(identifier, network=self.network, type=self.type)

    def normalise(self, row: Row) -> tuple[str, str | None]:
        """The customer of a row as it is shown, and why it cannot be sent, or None."""
        value = row.value
        if row.reason is not None or self.is_plain(value):
            return value, row.reason
        value = value if _SIMPLE.fullmatch(value) else clean_identifier(value)
        if any(self.name is name for name in _NUMBERS):
            # Tables with gaps are often written with .0 behind every number.
            value = digits_of(value) or value
        reason = self._reason(value)
        # What is rejected stays as it is written.
        return (value, None) if reason is None else (row.value, reason)

    @property
    def is_plain(self) -> Callable[[str], object]:
        """A function that is true for values that can be sent unchecked: nothing but digits."""
        if self.name is IdentifierName.MOBILE:
            return is_bare if self.phone_region is None else _never
        return _never if self.name is IdentifierName.EMAIL else _is_number

    def _reason(self, value: str) -> str | None:
        reason = tool_output_reason(value, self.name)
        if reason is None and (self.name is IdentifierName.MOBILE or not _SIMPLE.fullmatch(value)):
            try:
                self.sent_value(value)
            except InvalidMobileError as error:
                # That a cell holds no digits at all says more than how a number is written.
                return wrong_type_reason(value, self.name) or str(error)
            except ValueError as error:
                return str(error)
        return reason or wrong_type_reason(value, self.name)

    def to_jsonable(self, value: str, sent_value: str | None = None) -> dict[str, Any]:
        """The query for a value as JSON, though the value may be invalid."""
        query = to_jsonable(self.query(_ANY_VALUE))
        query["identifierValue"] = value
        return with_sent_value(dict(query), sent_value)
