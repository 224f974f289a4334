"""What do an answer's headers say about the quota, and is it so little that it should slow us?

This API documents no such headers; gateways in front of such APIs send them. Known are
X-RateLimit-*, X-Rate-Limit-* and RateLimit-* (express-rate-limit's legacy form, Flask-Limiter,
rate-limiter-flexible, GitHub, Envoy), RateLimit and RateLimit-Policy of the IETF's drafts, and
durations in place of seconds. What cannot be understood is ignored.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache, lru_cache, partial
from typing import Final

from attrs import frozen

from capillary_interactions._protocol.timestamps import (
    Clock,
    clock,
    duration,
    header_text,
    number,
    wait,
)

_PARTS: Final = ("limit", "remaining", "reset", "reset-after", "policy")
_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "ratelimit": ("ratelimit", "members"),
    **{
        f"{family}-{part}{suffix}": (f"{family}{suffix}", part)
        for family in ("x-ratelimit", "ratelimit", "x-rate-limit")
        for suffix in ("", "-requests")
        for part in _PARTS
    },
}
# A part of each of these names.
_MARK: Final = "rate"
# Envoy sends windows in the limit's header: "20, 20;w=1, 5000;w=3600".
_WINDOWS: Final = frozenset({"policy", "limit"})
_MAX_TEXT: Final = 400
_MAX_LINES: Final = 8
_MAX_RESET: Final = 31 * 86400.0
# `reset` is rounded up to whole seconds. Of a moment, the Date that it is read by has been rounded
# down as well, and Flask-Limiter adds a second.
_ROUNDED: Final = 1.0
_MOMENT_ROUNDED: Final = 2.0

# A window so short that of its end no more is known than "within a second or two".
_SHORT: Final = 10.0
# What a client whose setting is too high uses of a quota: that leaves room for its own burst. It
# keeps to it for some seconds: windows follow one another.
_USED_SHARE: Final = 0.9
_EVEN_SECONDS: Final = 10.0
# "Low" is a tenth of the quota, or what we send in ten seconds, whichever is less; but never less
# than what we send in one second, for that much may be in flight already.
_LOW_SHARE: Final = 0.1
_LOW_SECONDS: Final = 10.0
# Of a window that allows our rate anyway, no more than this is given away.
_MAX_COST: Final = 0.1


@frozen(kw_only=True)
class QuotaPolicy:
    """One of the quotas that a server counts by, as an answer's headers describe it.

    Attributes:
        remaining: Requests left.
        reset: Seconds until there are more.
        rounded: By how many seconds `reset` may be too long.
        limit: Requests in a window, or None if unknown.
        window: Seconds of the window, or None if unknown.
    """

    remaining: float
    reset: float
    rounded: float = _ROUNDED
    limit: float | None = None
    window: float | None = None


@frozen(kw_only=True)
class RemainingQuota:
    """What a server's headers ask to slow down for.

    Attributes:
        remaining: Requests to spread.
        reset: Over how many seconds; with nothing remaining, to wait for.
    """

    remaining: float
    reset: float

    @property
    def reason(self) -> str:
        """A description for the log."""
        return f"the server's headers leave {self.remaining:.0f} requests for {self.reset:.0f} s"


def may_hold_policies(headers: Mapping[str, str]) -> bool:
    """Whether `policies` is worth calling: False of nearly all answers, by a look at the names."""
    return _MARK in " ".join(headers).lower()


def policies(headers: Mapping[str, str], now: datetime) -> tuple[QuotaPolicy, ...]:
    """Every quota that the headers describe, all lines and all members of each.

    Args:
        headers: The answer's.
        now: The time, by this machine's clock; moments are read by the answer's own, if it has one.
    """
    lines = _lines(headers)
    if not lines:
        return ()
    # Most resets are no moments, and then nothing has to read the Date.
    read_clock = cache(partial(clock, headers, now))
    windows = [
        *_windows(line for (_, part), texts in lines.items() if part in _WINDOWS for line in texts)
    ]
    quotas = [*_members(lines.get(("ratelimit", "members"), ()), windows, read_clock)]
    for family in dict.fromkeys(family for family, _ in lines):
        quotas += _counted(family, lines, windows, read_clock)
    return tuple(quotas)


def slowing(
    quotas: Iterable[QuotaPolicy], rate: float, *, slowed: bool = False
) -> RemainingQuota | None:
    """The tightest of the quotas that should slow a client down, or None if none should.

    A client that keeps to a quota sees little of it left, and at the end of each window nothing.
    So what is left counts only where our rate would use it up before the reset, even if that is
    sooner by all that it may be rounded; and only where it is really low: a long
    quota beside a short one must not set the pace from the first answer on.

    Args:
        quotas: What the headers describe.
        rate: Requests a second that our setting allows.
        slowed: Whether headers slow it down by now; then resets are taken as they are.
    """
    asked = (_slowed(policy, rate, slowed=slowed) for policy in quotas)
    return min((left for left in asked if left is not None), key=_tightness, default=None)


def _tightness(left: RemainingQuota) -> tuple[float, float]:
    return left.remaining / left.reset, -left.reset


def _slowed(policy: QuotaPolicy, rate: float, *, slowed: bool) -> RemainingQuota | None:
    allowed = _allowed(policy)
    too_fast = allowed is not None and allowed < rate
    short = (policy.window or policy.reset) <= _SHORT
    counts = policy.remaining <= _low(policy, rate) or (too_fast and short)
    if policy.reset <= 0 or not counts:
        return None
    if allowed is not None and too_fast and (short or policy.window is not None):
        return _evened(policy, _USED_SHARE * allowed, short=short)
    reset = policy.reset - (0.0 if slowed else policy.rounded)
    if policy.remaining + 1 >= rate * reset:
        return None
    if policy.window is None or allowed is None:
        return RemainingQuota(remaining=policy.remaining, reset=policy.reset)
    # It allows our rate: others use it too, or its window slides.
    reset = min(policy.reset, _MAX_COST * policy.window)
    return RemainingQuota(remaining=0.0, reset=reset) if policy.remaining < 1 else None


def _evened(policy: QuotaPolicy, rate: float, *, short: bool) -> RemainingQuota:
    """Of a quota that allows less than our setting: an even pace, or what is left."""
    left = RemainingQuota(remaining=policy.remaining, reset=policy.reset)
    if policy.remaining < 1:
        return left
    even = RemainingQuota(remaining=rate * _EVEN_SECONDS, reset=_EVEN_SECONDS)
    # Little can be concluded from what is left of a short window, whose end is not known.
    return even if short else min(even, left, key=_tightness)


def _allowed(policy: QuotaPolicy) -> float | None:
    """Requests a second that a quota allows in the long run, at most.

    An unknown window is at least a second.
    """
    return None if policy.limit is None else policy.limit / (policy.window or 1.0)


def _low(policy: QuotaPolicy, rate: float) -> float:
    seconds = _LOW_SECONDS * rate
    low = seconds if policy.limit is None else min(seconds, _LOW_SHARE * policy.limit)
    return max(low, rate)


_Lines = dict[tuple[str, str], list[str]]


def _lines(headers: Mapping[str, str]) -> _Lines:
    """The lines of each header that speaks of a quota; one header may come several times."""
    lines: _Lines = {}
    for name, value in headers.items():
        known = _NAMES.get(name.lower())
        text = None if known is None else header_text(value)
        if known is not None and text is not None and len(lines.setdefault(known, [])) < _MAX_LINES:
            lines[known].append(text.strip()[:_MAX_TEXT])
    return lines


def _counted(
    family: str, lines: _Lines, windows: list["_Window"], now: Callable[[], Clock]
) -> Iterator[QuotaPolicy]:
    """Quotas whose figures have a header each."""
    left = [number(part) for part in _parts(lines.get((family, "remaining"), ()))]
    resets = [
        _seconds_until_reset(text, now) for text in lines.get((family, "reset-after"), ())
    ] or [
        _seconds_until_reset(part, now)
        for part in _reset_parts(lines.get((family, "reset"), ()), now)
    ]
    if len(left) != len(resets):
        return
    limits = [number(part.partition(";")[0]) for part in _parts(lines.get((family, "limit"), ()))]
    for index, (remaining, reset) in enumerate(zip(left, resets, strict=True)):
        if remaining is not None and reset is not None:
            limit = limits[index] if index < len(limits) else None
            yield _policy(remaining, reset, _window(windows, None, limit), limit)


def _members(
    lines: Iterable[str], windows: list["_Window"], now: Callable[[], Clock]
) -> Iterator[QuotaPolicy]:
    """Quotas of a RateLimit header: `limit=20, remaining=9, reset=1`, or `"name";r=9;t=1`."""
    for member in (member for line in lines for member in _split(line)):
        for figures in member:
            remaining = number(figures.get("remaining", figures.get("r")))
            reset = _seconds_until_reset(figures.get("reset", figures.get("t", "")), now)
            if remaining is not None and reset is not None:
                limit = number(figures.get("limit"))
                window = _window(windows, figures.get(""), limit)
                yield _policy(remaining, reset, window, limit)


def _split(line: str) -> Iterator[list[dict[str, str]]]:
    yield _parse_early_draft(line) if _EARLY_DRAFT.search(line) else _parse_named(line)


_EARLY_DRAFT: Final = re.compile(r"\b(?:remaining|reset)\s*=", re.IGNORECASE | re.ASCII)
_ASSIGNED: Final = re.compile(
    r"\b(limit|remaining|reset)\s*=\s*([\w.]{1,40})", re.IGNORECASE | re.ASCII
)
_NAMED: Final = re.compile(
    r'\s*("[^"]{0,80}"|[^",;]{1,80})((?:\s*;[^;,"]{0,120}(?:"[^"]{0,80}"|:[^:]{0,80}:)?)*)\s*(?:,|$)'
)
_PARAMETER: Final = re.compile(r";\s*(\w{1,20})\s*=\s*\"?([\w.]{1,40})(?=\"?\s*(?:;|$))", re.ASCII)


def _parse_early_draft(line: str) -> list[dict[str, str]]:
    members: list[dict[str, str]] = [{}]
    for name, value in _ASSIGNED.findall(line):
        if name.lower() in members[-1]:
            members.append({})
        members[-1][name.lower()] = value
    return members


@lru_cache(maxsize=64)
def _parse_named(line: str) -> list[dict[str, str]]:
    """Members of a list with their parameters; a member's own name or number is under "".

    Policies are the same in each answer, so the last ones are kept.
    """
    return [
        {
            "": name.strip(' "'),
            **{key.lower(): value for key, value in _PARAMETER.findall(parameters)},
        }
        for name, parameters in _NAMED.findall(line)
    ]


@frozen
class _Window:
    name: str
    limit: float | None
    seconds: float


def _windows(lines: Iterable[str]) -> Iterator[_Window]:
    """The windows of a policy header: `20;w=1`, or `"name";q=20;w=1`."""
    for figures in (figures for line in lines for figures in _parse_named(line)):
        seconds = number(figures.get("w"))
        if seconds:
            limit = number(figures.get("q", figures[""]))
            yield _Window(figures[""], limit, seconds)


def _window(windows: list[_Window], name: str | None, limit: float | None) -> _Window | None:
    named = [window for window in windows if name is not None and window.name == name]
    counted = [window for window in windows if limit is not None and window.limit == limit]
    if named or counted:
        return (named or counted)[0]
    return windows[0] if len(windows) == 1 and name is None and limit is None else None


def _policy(
    remaining: float, reset: tuple[float, float], window: _Window | None, limit: float | None
) -> QuotaPolicy:
    return QuotaPolicy(
        remaining=remaining,
        reset=reset[0],
        rounded=reset[1],
        limit=window.limit if limit is None and window is not None else limit,
        window=None if window is None else window.seconds,
    )


def _parts(lines: Iterable[str]) -> list[str]:
    return [part for line in lines for part in line.split(",")]


def _reset_parts(lines: Iterable[str], now: Callable[[], Clock]) -> Iterator[str]:
    """A date has a comma of its own, a list of seconds has others."""
    for line in lines:
        yield from [line] if _seconds_until_reset(line, now) is not None else line.split(",")


def _seconds_until_reset(text: str, now: Callable[[], Clock]) -> tuple[float, float] | None:
    """Seconds until a reset, and by how much they may be rounded up."""
    seconds, rounded = duration(text), _ROUNDED
    if seconds is None:
        seconds, rounded = wait(text, now()), _MOMENT_ROUNDED
    if seconds is None or seconds > _MAX_RESET:
        return None
    return max(0.0, seconds), rounded
