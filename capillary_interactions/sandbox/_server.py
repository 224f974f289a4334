"""The sandbox itself: when it runs, and what it has received."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Self

import orjson
from aiohttp import web
from attrs import asdict, define, field, fields

from capillary_interactions.sandbox._control import answer_control, is_control
from capillary_interactions.sandbox._counters import Counts
from capillary_interactions.sandbox._faults import check_name
from capillary_interactions.sandbox._handler import RequestHandler, answer_format, population
from capillary_interactions.sandbox._responses import complete_body
from capillary_interactions.sandbox._settings import SandboxSettings, client_config, read_json

if TYPE_CHECKING:
    from capillary_interactions._config.client_config import ClientConfig

_SETTINGS: Final = frozenset(field.name for field in fields(SandboxSettings))
# aiohttp logs request lines that it cannot read, and those may hold phone numbers.
_SILENT: Final = logging.getLogger(__name__)
_SILENT.setLevel(logging.CRITICAL + 1)


class _ConnectionServer(web.Server):
    """A server of aiohttp that counts its connections and logs nothing.

    Attributes:
        accepted: TCP connections accepted, those of the control path left out.
    """

    def __init__(self, receive: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        # Cancellation frees a request that hangs as soon as its caller disconnects.
        super().__init__(receive, handler_cancellation=True, access_log=None, logger=_SILENT)
        self.accepted = 0
        self._used: set[web.RequestHandler] = set()

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        self.accepted += 1
        super().connection_made(handler, transport)

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        self._used.discard(handler)
        super().connection_lost(handler, exc)

    def is_reused(self, connection: web.RequestHandler) -> bool:
        """Whether a connection has carried a request before this one."""
        if connection in self._used:
            return True
        self._used.add(connection)
        return False

    def uncount(self, connection: web.RequestHandler) -> None:
        if not self.is_reused(connection):
            self.accepted -= 1


@define(kw_only=True, slots=False, eq=False, repr=False)
class Sandbox(SandboxSettings):
    """A real HTTP server that behaves like Capillary's API, for tests and trials.

    Each setting can be changed while it runs, but for `host`, `port`, `accounts` and `oauth`.

    Args:
        host: The address to listen on.
        port: The port; 0 for any free one.
        rate: The quota of each credential, in a strict sliding window: a pair, a `RateLimit`, text
            such as "1000/60", or None for no quota.
        latency: Seconds before an answer; a pair is drawn from uniformly.
        faults: The probability of one of `MIXED_FAULTS`, or a probability for each name.
        script: Faults for the next requests that pass credentials and quota, in order; None means
            a right answer. After that faults are drawn again.
        seed: Another seed, other customers and other draws.
        accounts: Plain passwords by user name.
        oauth: Secrets by client key.
        token_ttl: Seconds for which a token is good.
        token_status: The HTTP status (200, 401 or 498) of the published body that reports an
            expired or revoked token (`"success": "true", "code": "498"`), or one never issued
            ("401"); None for 401 with a list of errors, as for wrong passwords.
        token_script: Faults for the next requests of the token endpoint, as in `script`.
        shape: "flat", "envelope" or "envelope_old".
        customers: None for the envelope's customer at `response.customer`; "object" or "list" (of
            one) for `response.customers.customer`, not-found answers included.
        warnings: Warnings of the request, each any JSON: the envelope has them at
            `response.status.warnings.warning`, the flat shape at `warnings`.
        item_warnings: Warnings of the customer: at `item_status.warnings.warning`, and in the flat
            shape after the others.
        timezone: The cluster's time zone, such as "Asia/Kolkata": dates without an offset are
            written in it.
        iso_fields: Whether each such date has an ISO 8601 copy with the offset beside it
            (`sentDateISO`, `sent_timeISO`, `deliveredTimeISO`, `delivered_timeISO`).
        delivered_offset: Whether `deliveredTime` is written with the zone's offset, not with Z.
        phone_mirrors_sms: Whether SMS are also listed as `phone`, with the same ids.
        unknown: The share of identifiers without a customer.
        messages: If given, each customer has exactly this many e-mails and nothing else.
        page_size: Messages a page where a request does not say.
        ignore_offset: Whether every page is the first one.
        retry_after: With 429: by default the whole seconds until a slot is free, at least 1; a
            number is sent instead (rounded up), None leaves the header out. Of the fault
            throttle_429, too.
        fault_retry_after: Seconds that the fault error_503_retry_after asks for, rounded up.
        slow_body: Seconds that the fault slow_body takes.
        drop_keepalive: The probability that a request on a reused connection is answered by
            closing it without a byte.
        answers: Canned answers by identifier: a JSON-able body or bytes for a 200, or a triple of
            status, headers and body. Credentials, quota and faults come before them.
        request_id_headers: The response headers that have the request's id, all the same one.

    Raises:
        ValueError: A setting cannot be; the message names it.
    """

    _handler: RequestHandler = field(init=False)
    _connections: _ConnectionServer | None = field(init=False, default=None)
    _runner: web.ServerRunner | None = field(init=False, default=None)
    _base_url: str | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._handler = RequestHandler(self)

    def __repr__(self) -> str:
        """Its address; the settings hold secrets."""
        return f"<Sandbox {self._base_url or 'not running'}>"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen.

        Raises:
            RuntimeError: It is listening already.
            OSError: The port is taken.
        """
        if self._runner is not None:
            raise RuntimeError("this sandbox is running already")
        self._connections = _ConnectionServer(self._receive)
        # What still runs when the sandbox stops is cancelled first, so nothing needs the time.
        runner = web.ServerRunner(self._connections, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port, backlog=1024).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        port = runner.addresses[0][1]
        self._base_url = f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{port}"

    async def stop(self) -> None:
        """Close the port and every connection, whatever is still being answered."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        await self._handler.cancel_pending()
        await runner.cleanup()
        # Once more, for what came in while the port was closing.
        await self._handler.cancel_pending()

    @property
    def base_url(self) -> str:
        """Where it listens; of use to `ClientConfig` as it is.

        Raises:
            RuntimeError: It has never been started.
        """
        if self._base_url is None:
            raise RuntimeError("this sandbox has not been started: use `async with Sandbox(...)`")
        return self._base_url

    def client_config(self, **overrides: Any) -> "ClientConfig":
        """A configuration with this sandbox's address, first account and quota."""
        return client_config(self, self.base_url, overrides)

    def inject(self, *names: str | None) -> None:
        """Append faults to the script; None is a right answer."""
        self.script.extend([name if name is None else check_name(name) for name in names])

    def inject_token(self, *names: str | None) -> None:
        """Append faults to the script of the token endpoint; None is a right answer."""
        self.token_script.extend([name if name is None else check_name(name) for name in names])

    def revoke_tokens(self) -> None:
        """Invalidate every token issued so far, as if it had expired."""
        self._handler.revoke_tokens()

    @property
    def counts(self) -> Counts:
        """Requests since it was made, or since `reset_counts`."""
        return self._handler.counters.counts(
            0 if self._connections is None else self._connections.accepted
        )

    def reset_counts(self) -> None:
        """Set every count to zero; the quota is free again."""
        self._handler.reset()
        if self._connections is not None:
            self._connections.accepted = 0

    def received_for(self, identifier: str) -> int:
        """How many requests asked for this identifier."""
        return self._handler.counters.received_for(identifier)

    def arrivals(self, credential: str | None = None) -> tuple[float, ...]:
        """Monotonic times of arrival, of one user name or client key, or of all."""
        return self._handler.counters.arrivals(credential)

    def most_in_any_window(self, per: float, credential: str | None = None) -> int:
        """The most requests received in any half-open window of `per` seconds.

        Every request counts, those answered with 429 included.

        Args:
            per: Seconds.
            credential: A user name or client key; None for the one with the most.
        """
        return self._handler.counters.most_in_any_window(per, credential)

    def expected(self, identifier: str) -> dict[str, Any] | None:
        """All that it serves for an identifier, in the flat shape and on one page.

        None for an unknown customer. A canned answer is given as it is if it is a JSON object, and
        is None otherwise.
        """
        canned = self.answers.get(identifier)
        if canned is not None:
            try:
                body = orjson.loads(canned.body)
            except orjson.JSONDecodeError:
                return None
            return body if isinstance(body, dict) else None
        history = population(self).find(identifier)
        if history is None:
            return None
        return complete_body(history, identifier, answer_format(self))

    async def _receive(self, request: web.BaseRequest) -> web.StreamResponse:
        connections = self._connections
        if connections is None:
            raise RuntimeError("a request arrived before the sandbox was started")
        if is_control(request):
            connections.uncount(request.protocol)
            return await answer_control(request, self._control_calls())
        reused = connections.is_reused(request.protocol)
        return await self._handler.receive(request, reused=reused)

    def _control_calls(self) -> dict[str, Callable[..., Any]]:
        """What `SandboxProcess` may call, by name; arguments and results are JSON."""
        return {
            "counts": lambda: asdict(self.counts),
            "most_in_any_window": self.most_in_any_window,
            "arrivals": self.arrivals,
            "received_for": self.received_for,
            "expected": self.expected,
            "inject": lambda names: self.inject(*names),
            "inject_token": lambda names: self.inject_token(*names),
            "revoke_tokens": self.revoke_tokens,
            "reset_counts": self.reset_counts,
            "change": self._change,
        }

    def _change(self, **settings: Any) -> None:
        if unknown := settings.keys() - _SETTINGS:
            raise KeyError(f"{', '.join(sorted(unknown))}: there is no such setting")
        for name, value in read_json(settings).items():
            setattr(self, name, value)
