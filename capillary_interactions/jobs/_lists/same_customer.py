"""Which spellings in a list mean the same customer? Pure."""

import re
import unicodedata
from typing import Final

from capillary_interactions._model.vocabulary import IdentifierName
from capillary_interactions.jobs._lists.clean_text import clean_identifier
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.rows import Row

_MIN_MENTION: Final = 5


def customer_keys(template: QueryTemplate, value: str, sent: str | None) -> frozenset[str]:
    """What spellings of a customer have in common: of a mobile the digits, of others the letters.

    Args:
        template: The query of each row.
        value: The customer as a list spells them.
        sent: The same as it is sent; None for what is rejected.

    >>> email = QueryTemplate(name=IdentifierName.EMAIL)
    >>> sorted(customer_keys(email, " Asha@Example.com", None))
    ['asha@example.com']
    """
    if template.name is IdentifierName.MOBILE:
        digits = _digits(value)
        # Digits that can be sent, but for what stands between them.
        sent = _sent_or_none(template, digits) if sent is None else sent
        return frozenset(filter(None, (digits, sent)))
    cleaned = frozenset(filter(None, map(clean_identifier, (value, sent or value))))
    if template.name is IdentifierName.EMAIL:
        return frozenset(map(str.casefold, cleaned))
    return cleaned


def _sent_or_none(template: QueryTemplate, value: str) -> str | None:
    text, reason = template.normalise(Row(1, value))
    return None if reason is not None else template.sent_value(text)


def _digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(c)) for c in text if c.isdecimal())


class SameCustomer:
    """A customer, to be recognised however a list spells them.

    Args:
        template: The query of each row of the list.
        value: One spelling.

    Attributes:
        keys: Those of this spelling and of what is sent for it; see `customer_keys`.
        mentions: The texts by which others may mention them; too short ones are left out.

    Raises:
        ValueError: It is no identifier of that type in any spelling.
    """

    def __init__(self, template: QueryTemplate, value: str) -> None:
        self._template = template
        self.keys = customer_keys(template, value, _sent_or_none(template, value))
        if not self.keys:
            raise ValueError(f"the value is no {template.name.value}, however it is written")
        words = {clean_identifier(value), *self.keys}
        self.mentions = tuple(sorted(word for word in words if len(word) >= _MIN_MENTION))
        alternatives = "|".join(map(re.escape, self.mentions)) or "(?!)"
        self._word = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE)

    def is_spelled(self, value: str, sent: str | None = None) -> bool:
        """Whether a row's customer is them; see `customer_keys`."""
        return not self.keys.isdisjoint(customer_keys(self._template, value, sent))

    def is_in(self, cells: str) -> bool:
        """Whether they are mentioned in the cells of a row, as a word."""
        return self._word.search(cells) is not None

    def may_stand_elsewhere(self, value: str) -> bool:
        """Whether the identifier of a rejected row is none, so that one may be in another cell."""
        name = self._template.name
        if name is IdentifierName.MOBILE:
            return not _digits(value)
        return "@" not in value if name is IdentifierName.EMAIL else not value.strip()
