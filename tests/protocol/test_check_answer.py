"""What does an answer prove about credentials, quota and clocks?"""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from capillary_interactions import RateLimit
from capillary_interactions._errors import PageReason, SettingsReason
from capillary_interactions._http.client_errors import DROPPED
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.check_answer import clock_step, credentials_step, quota_step
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.messages import Response
from tests.tables import table

_NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
_RATE = RateLimit(1000, 60.0)
_JSON = Response(status=200, body=b'{"errors": []}')
_PAGE = Response(status=200, body=b"  <html>Log in</html>")


def _ended(kind: ResultKind, reason: str = "why", **more: object) -> AttemptResult:
    return AttemptResult(kind, reason, **more)  # type: ignore[arg-type] # a table's row


@table(
    ("result", "response", "status", "advice"),
    [
        (_ended(ResultKind.ANSWER, ""), _JSON, "ok", ""),
        (_ended(ResultKind.NOT_FOUND), _JSON, "ok", ""),
        (_ended(ResultKind.REJECTED, code=1015), _JSON, "ok", ""),
        (_ended(ResultKind.REJECTED, code=7777), _JSON, "ok", ""),
        (_ended(ResultKind.REJECTED, status=400), _JSON, "failed", "--customer NAME VALUE"),
        (_ended(ResultKind.REJECTED, code=1044), _JSON, "failed", "--customer"),
        (
            _ended(ResultKind.REJECTED, SettingsReason("s"), code=8001),
            _JSON,
            "failed",
            "account_id",
        ),
        (_ended(ResultKind.REJECTED, PageReason("p"), from_api=False), _PAGE, "failed", "firewall"),
        (_ended(ResultKind.UNREADABLE), _JSON, "failed", "cannot read the answer"),
        (_ended(ResultKind.RETRYABLE), _PAGE, "failed", "wants a login"),
        (_ended(ResultKind.RETRYABLE), Response(status=200), "failed", "firewall"),
        (_ended(ResultKind.RETRYABLE), Response(status=503), "failed", "the server fails"),
        (_ended(ResultKind.RETRYABLE, status=503), _JSON, "failed", "the server fails"),
        (_ended(ResultKind.RETRYABLE), None, "failed", "the network"),
        (_ended(ResultKind.RETRYABLE, DROPPED), None, "failed", "--client-cert"),
        (_ended(ResultKind.RETRYABLE, shortage=True), None, "failed", ""),
        (_ended(ResultKind.RETRYABLE, SettingsReason("why; do")), None, "failed", "do"),
        (_ended(ResultKind.RETRYABLE, throttled=True), _JSON, "warning", "--rate"),
        (_ended(ResultKind.CREDENTIALS_REFUSED), _JSON, "failed", "user name and password"),
        (_ended(ResultKind.CREDENTIALS_REFUSED), _PAGE, "failed", "firewall"),
        (_ended(ResultKind.CREDENTIALS_REFUSED), None, "failed", "user name and password"),
    ],
)
def test_tells_what_proves_the_credentials(
    result: AttemptResult, response: Response | None, status: str, advice: str
) -> None:
    """An answer about the customer, and a code of the API's own about the question."""
    step = credentials_step(result, response, 0.1)

    assert (step.name, step.status, step.seconds) == ("credentials", status, 0.1)
    assert result.reason.partition("; ")[0] in step.detail
    assert (advice in step.advice) if advice else step.advice == ""


def test_names_the_other_hosts_of_a_region() -> None:
    """Credentials at another cluster than their own are refused like wrong ones."""
    refused = _ended(ResultKind.CREDENTIALS_REFUSED)

    assert credentials_step(refused, _JSON, 0.1, "see mars").advice.endswith("cluster; see mars")
    assert "mars" not in credentials_step(_ended(ResultKind.ANSWER), _JSON, 0.1, "mars").advice


@table(
    ("headers", "status", "detail"),
    [
        ({}, "ok", "no headers; rate is 1000/60"),
        (
            {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "30"},
            "ok",
            "7 of 100 left, more in 30.0 s; rate is 1000/60",
        ),
        (
            {"RateLimit": '"a";r=7;t=30', "RateLimit-Policy": '"a";q=100;w=60'},
            "warning",
            "7 of 100 left in 60 s, more in 30.0 s; rate is 1000/60",
        ),
        (
            {"RateLimit": '"a";r=7;t=30', "RateLimit-Policy": '"a";q=1000;w=60'},
            "ok",
            "7 of 1,000 left in 60 s, more in 30.0 s; rate is 1000/60",
        ),
    ],
)
def test_shows_the_quota_of_the_headers(headers: dict[str, str], status: str, detail: str) -> None:
    """With the rate that the server allows, where the setting is above it."""
    step = quota_step(headers, _RATE, _NOW)

    assert (step.status, step.detail) == (status, detail)
    assert ("--rate 100/60" in step.advice) == (status == "warning")


@table(
    ("seconds", "status", "detail"),
    [
        (0.0, "ok", "as the server's, to the second"),
        (0.4, "ok", "as the server's, to the second"),
        (5.0, "ok", "this machine's clock is 5.6 s behind the server's"),
        (200.0, "warning", "this machine's clock is 3 min 20 s behind the server's"),
        (-7200.0, "warning", "this machine's clock is 1 h 59 min ahead of the server's"),
    ],
)
def test_compares_the_clocks(seconds: float, status: str, detail: str) -> None:
    """By the answer's Date, whose fraction is cut off."""
    date = format_datetime(_NOW + timedelta(seconds=seconds), usegmt=True)
    step = clock_step({"Date": date}, _NOW, 0.2)

    assert (step.status, step.detail) == (status, detail)
    assert bool(step.advice) == (status == "warning")


@pytest.mark.parametrize("headers", [{}, {"Date": "soon"}])
def test_compares_no_clock_without_a_date(headers: dict[str, str]) -> None:
    """Nothing is said about it."""
    assert clock_step(headers, _NOW, 0.2).status == "skipped"
