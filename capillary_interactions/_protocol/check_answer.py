"""What does the answer to a check's question prove: credentials, quota, clocks?"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from capillary_interactions._config.limits import RateLimit
from capillary_interactions._errors import PageReason, SettingsReason
from capillary_interactions._model.check_report import CheckStatus, CheckStep
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import (
    BODY,
    CodeMeaning,
    Level,
    ResultKind,
    meaning_of_status,
)
from capillary_interactions._protocol.messages import Response
from capillary_interactions._protocol.quota_headers import QuotaPolicy, policies
from capillary_interactions._protocol.timestamps import clock
from capillary_interactions._text.wording import format_duration

# A Date has whole seconds, and is that of the beginning of the answer.
_ROUNDED: Final = 1.0
# Tokens and certificates are judged by this machine's clock.
_MAX_SKEW: Final = 30.0
_FIRST_ERROR: Final = 400
_PAGE_ADVICE: Final = (
    "the answer is not the API's: look at base_url (--base-url) and at what is in front of it, "
    "such as a proxy, a firewall or a network that wants a login"
)
_CREDENTIALS_ADVICE: Final = (
    "look at the user name and password (or the key and secret), and whether base_url "
    "(--base-url) is their cluster"
)
_NO_ANSWER_ADVICE: Final = "look at base_url (--base-url) and at the network"
_CLOSED: Final = "connection was closed"
_CLOSED_ADVICE: Final = "; a server that wants a client certificate (--client-cert) closes it, too"
_SHARED_ADVICE: Final = "look at shared (--shared, CAPILLARY_SHARED) and at the network"
_FAILING_ADVICE: Final = "the server fails: try again, then ask Capillary's support"
_ADVICE: Final[Mapping[ResultKind, str]] = {
    ResultKind.CREDENTIALS_REFUSED: _CREDENTIALS_ADVICE,
    ResultKind.REJECTED: "ask for a customer that the API can know (--customer NAME VALUE)",
    ResultKind.UNREADABLE: "look at base_url (--base-url): this version cannot read the answer",
}


def credentials_step(
    result: AttemptResult, response: Response | None, seconds: float, advice: str = ""
) -> CheckStep:
    """Whether the credentials are right, by the answer to one question.

    Args:
        result: How the question has ended.
        response: The last answer, or None without one.
        seconds: How long it took.
        advice: What else to look at where they are refused.
    """
    status, detail, what = _judged(result, response)
    if result.kind is ResultKind.CREDENTIALS_REFUSED and advice:
        what = f"{what}; {advice}"
    return CheckStep(name="credentials", status=status, detail=detail, advice=what, seconds=seconds)


def shared_quota_step(place: str, outage: str | None, *, may_send: bool) -> CheckStep:
    """Whether the quota that processes share is within reach.

    Args:
        place: Where it is, without a password.
        outage: Why it is out of reach, or None.
        may_send: Whether requests are sent all the same.
    """
    if outage is None:
        return CheckStep(name="shared", status="ok", detail=f"the quota is shared by {place}")
    if may_send:
        detail = f"{outage}; this process keeps to its part of the rate"
        return CheckStep(name="shared", status="warning", detail=detail, advice=_SHARED_ADVICE)
    return CheckStep(name="shared", status="failed", detail=outage, advice=_SHARED_ADVICE)


def _judged(result: AttemptResult, response: Response | None) -> tuple[CheckStatus, str, str]:
    reason = result.final_reason
    match result.kind:
        case ResultKind.ANSWER:
            return "ok", "accepted: the API knows this customer", ""
        case ResultKind.NOT_FOUND:
            return "ok", f"accepted: {reason}, says the API", ""
        case ResultKind.REJECTED if _is_read_by_api(result):
            return "ok", f"accepted, but not this question: {reason}", ""
        case _ if result.throttled:
            return "warning", reason, "the quota is used up: wait, or lower rate (--rate)"
        case _ if response is None and isinstance(result.reason, SettingsReason):
            # What is wrong with the connection, and what to do about it.
            detail, _, remedy = reason.partition("; ")
            return "failed", detail, remedy
        case _:
            return "failed", reason, _advice(result, response)


def _is_read_by_api(result: AttemptResult) -> bool:
    """Whether it is the question that is refused, by a code of the API's own."""
    if isinstance(result.reason, SettingsReason | PageReason) or result.code is None:
        return False
    return _meaning(result).kind is not ResultKind.CREDENTIALS_REFUSED


def _meaning(result: AttemptResult) -> CodeMeaning:
    listed = None if result.code is None else BODY[Level.REQUEST].get(result.code)
    return listed or meaning_of_status(result.status or 0)


def _advice(result: AttemptResult, response: Response | None) -> str:
    if isinstance(result.reason, PageReason):
        return f"{_PAGE_ADVICE}; or it refuses the credentials"
    if not result.from_api or (response is not None and _is_page(response)):
        return _PAGE_ADVICE
    advice = _ADVICE.get(result.kind, "")
    if isinstance(result.reason, SettingsReason) and response is not None:
        advice = f"look at {_meaning(result).settings or 'base_url (--base-url)'}"
    elif not advice and response is not None:
        advice = _FAILING_ADVICE
    elif not advice and not result.shortage:
        advice = _NO_ANSWER_ADVICE + (_CLOSED_ADVICE if _CLOSED in result.reason else "")
    return advice


def _is_page(response: Response) -> bool:
    start = response.body.lstrip()[:1]
    return start == b"<" or (response.status < _FIRST_ERROR and start not in {b"{", b"["})


def quota_step(headers: Mapping[str, str], rate: RateLimit, now: datetime) -> CheckStep:
    """What an answer's headers say about the quota, beside the setting."""
    quotas = policies(headers, now)
    if not quotas:
        return CheckStep(name="quota", status="ok", detail=f"no headers; rate is {rate}")
    detail = f"{'; '.join(map(_shown, quotas))}; rate is {rate}"
    tight = [quota for quota in quotas if _is_below(quota, rate)]
    if not tight:
        return CheckStep(name="quota", status="ok", detail=detail)
    limit = f"{tight[0].limit:.0f}/{tight[0].window:g}"
    advice = f"the server allows less than rate: set rate to {limit} (--rate {limit})"
    return CheckStep(name="quota", status="warning", detail=detail, advice=advice)


def _shown(quota: QuotaPolicy) -> str:
    of = "" if quota.limit is None else f" of {quota.limit:,.0f}"
    window = "" if quota.window is None else f" in {quota.window:g} s"
    return f"{quota.remaining:,.0f}{of} left{window}, more in {format_duration(quota.reset)}"


def _is_below(quota: QuotaPolicy, rate: RateLimit) -> bool:
    if quota.limit is None or quota.window is None:
        return False
    return quota.limit / quota.window < rate.requests / rate.per


def clock_step(headers: Mapping[str, str], received: datetime, took: float) -> CheckStep:
    """How far this machine's clock is from the server's.

    Args:
        headers: An answer's.
        received: When it came, by this machine's clock.
        took: Seconds from sending the request to that.
    """
    date = clock(headers, received).date
    if date is None:
        return CheckStep(name="clock", status="skipped", detail="the answer has no Date")
    middle = received - timedelta(seconds=took / 2)
    skew = (date - middle).total_seconds() + _ROUNDED / 2
    if abs(skew) <= _ROUNDED + took / 2:
        return CheckStep(name="clock", status="ok", detail="as the server's, to the second")
    side = "behind" if skew > 0 else "ahead of"
    detail = f"this machine's clock is {format_duration(abs(skew))} {side} the server's"
    if abs(skew) <= _MAX_SKEW:
        return CheckStep(name="clock", status="ok", detail=detail)
    advice = "set this machine's clock (NTP): certificates and tokens are judged by it"
    return CheckStep(name="clock", status="warning", detail=detail, advice=advice)
