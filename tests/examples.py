"""What the tests of this folder give: identifiers, secrets, and the texts that can be asked."""

import pickle
import unicodedata
from typing import Any, Final, TypeVar

from hypothesis import strategies as st

from capillary_interactions import BasicAuth, ClientConfig, Identifier, IdentifierName

_T = TypeVar("_T")

MOBILE: Final = "919738522695"
EMAIL: Final = "a.person@example.com"
PASSWORD: Final = "correct horse battery"
AUTH: Final = BasicAuth("till.1", PASSWORD)
URL: Final = "https://eu.api.capillarytech.com"
IDENTIFIER: Final = Identifier.mobile(MOBILE)


def config(**settings: Any) -> ClientConfig:
    """A configuration that works, with other settings where they are given."""
    return ClientConfig(**{"base_url": URL, "auth": AUTH, **settings})


def carried(value: _T, protocol: int = pickle.DEFAULT_PROTOCOL) -> _T:
    """The value as it arrives in another process."""
    back: _T = pickle.loads(pickle.dumps(value, protocol))  # noqa: S301 - made one line above
    return back


def _is_visible(text: str) -> bool:
    return bool(text.strip())


# Whatever a caller may send: no control characters, no lone surrogates, not blank.
sendable: Final = st.text(
    st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=30
).filter(_is_visible)

# The same without commas, which v1.1 could read as several customers.
one_value: Final = sendable.map(lambda text: text.replace(",", ";"))

_NAMES: Final = st.sampled_from([name for name in IdentifierName if name != "mobile"])

identifiers: Final = st.builds(Identifier, _NAMES, one_value) | st.builds(
    Identifier.mobile, st.text("0123456789", min_size=1, max_size=20)
)

# Starless: a value of stars is no secret, and its mask is made of stars.
personal: Final = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="*"), min_size=1, max_size=30
).filter(lambda text: any(unicodedata.category(c)[0] in "LN" for c in text))
