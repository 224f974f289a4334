"""The key of a shared quota: what processes must have in common to share it."""

import hashlib
from typing import Final

from capillary_interactions._config.limits import RateLimit

_SALT: Final = b"capillary_interactions: shared quota 1"
# The key is readable where the credential is not: guessing a weak password from it is made slow.
_ROUNDS: Final = 20_000


def quota_key(credential: str, base_url: str, limit: RateLimit) -> str:
    """40 hexadecimal digits that are the same in every process with these settings, and no other.

    Args:
        credential: What names the credential and its secret, the same in each process.
        base_url: The endpoint.
        limit: The quota.
    """
    parts = (credential, base_url, str(limit.requests), repr(float(limit.per)), str(limit.burst))
    # Lengths keep ("ab", "c") apart from ("a", "bc").
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.pbkdf2_hmac("sha256", text.encode(), _SALT, _ROUNDS, 20).hex()
