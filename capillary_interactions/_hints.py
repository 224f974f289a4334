"""What do an answer's headers say about when to ask again, and about what is left of the quota?"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_SECONDS: Final = re.compile(r"\d{1,18}(?:\.\d{1,18})?", re.ASCII)
_HTTP_DATE: Final = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[A-Za-z]*,? [ -~]{10,40}", re.ASCII)
# Later than any number of seconds to wait, earlier than any moment since the epoch that matters.
_EPOCH: Final = 1e9
_LONGEST_RESET: Final = 31 * 86400.0


def retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds to wait, from a Retry-After header in either of its forms; None if it has neither.

    >>> retry_after("120", datetime(2025, 1, 1, tzinfo=UTC))
    120.0
    """
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    if not _HTTP_DATE.fullmatch(text.strip()):
        return None
    try:
        moment = parsedate_to_datetime(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def quota_left(headers: Mapping[str, str], now: datetime) -> tuple[float, float] | None:
    """Requests left and seconds until there are more, where the headers tell both.

    Three spellings are known: X-RateLimit-*, RateLimit-*, and the one RateLimit header of the
    IETF's drafts. This API documents none of them; gateways in front of such APIs send them.
    """
    for left_name, reset_name in _PAIRS:
        left = _number(headers.get(left_name))
        reset = _reset(_number(headers.get(reset_name)), now)
        if left is not None and reset is not None:
            return left, reset
    text = headers.get("ratelimit")
    return None if text is None else _drafted(text, now)


_PAIRS: Final = tuple(
    (f"{prefix}-remaining", f"{prefix}-reset")
    for prefix in ("x-ratelimit", "ratelimit", "x-rate-limit")
)


def _drafted(text: str, now: datetime) -> tuple[float, float] | None:
    """`limit=100, remaining=50, reset=5`, or the later `"default";r=50;t=5`."""
    told = dict(re.findall(r"(?:^|[\s,;])(remaining|reset|r|t)\s*=\s*([0-9.]{1,40})", text[:200]))
    left = _number(told.get("remaining", told.get("r")))
    reset = _reset(_number(told.get("reset", told.get("t"))), now)
    return None if left is None or reset is None else (left, reset)


def _number(text: str | None) -> float | None:
    # What strip() takes for a space, such as \x1f, float() does not always.
    bare = "" if text is None else text.strip()
    return float(bare) if _SECONDS.fullmatch(bare) else None


def _reset(seconds: float | None, now: datetime) -> float | None:
    if seconds is None:
        return None
    if seconds >= _EPOCH:
        seconds = max(0.0, seconds - now.timestamp())
    return seconds if seconds <= _LONGEST_RESET else None
