"""What is asked of every row of a list alike?"""

import re
from typing import Any, Final

from attrs import frozen

from capillary_interactions._jsonable import to_jsonable
from capillary_interactions._names import ApiVersion, IdentifierName, InteractionType, Network
from capillary_interactions._query import Identifier, Query, check_spelling
from capillary_interactions.jobs._rows import Row

# What every version can ask, and nearly every list is made of.
_PLAIN: Final = re.compile(r"[\w.@+-]+", re.ASCII)


@frozen(kw_only=True)
class Template:
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
        check_spelling(self.query("nobody"), self.api)

    def query(self, value: str) -> Query:
        """The query for one customer.

        Raises:
            ValueError: The value is no identifier.
        """
        return Query(Identifier(self.name, value), network=self.network, type=self.type)

    def refusal(self, row: Row) -> str | None:
        """The reason why a row cannot be asked, or None."""
        if row.reason is not None or _PLAIN.fullmatch(row.value):
            return row.reason
        try:
            check_spelling(self.query(row.value), self.api)
        except ValueError as refused:
            return str(refused)
        return None

    def written(self, value: str) -> dict[str, Any]:
        """A query as it would be written, though the value may be none."""
        query = to_jsonable(self.query("nobody"))
        query["identifierValue"] = value
        return dict(query)


def storable(value: str) -> str:
    """A text that can be encoded; what cannot is shown by its number."""
    return value.encode(errors="backslashreplace").decode()
