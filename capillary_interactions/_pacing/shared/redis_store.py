"""The state of a shared quota in a Redis or Valkey: for the processes of several machines."""

import asyncio
import contextlib
import hashlib
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from attrs import evolve
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from capillary_interactions._config.shared_quota import show_shared
from capillary_interactions._pacing.shared.redis_errors import FAILURES, reason_of, redirect
from capillary_interactions._pacing.shared.redis_script import arguments, reply_of, script_of
from capillary_interactions._pacing.shared.schedule import Demand, Reply, SharedQuota
from capillary_interactions._pacing.shared.store import SlotStore, StoreError

_PREFIX: Final = "capillary:quota:"
# From a node of a cluster that does not have the key, to one that has just lost it, to its place.
_MAX_REDIRECTS: Final = 3


class RedisStore(SlotStore):
    """Keeps one key of a Redis, and changes it in one step by a script.

    In a cluster it follows the redirect to the node that has the key, until that fails.

    Args:
        address: `ClientConfig.shared`.
        key: The quota's (`quota_key`).
        quota: What all processes agree on.
        timeout: Seconds for a connection, and for a step.
    """

    def __init__(self, address: str, key: str, quota: SharedQuota, timeout: float) -> None:
        self._address = address
        self._place = str(show_shared(address))
        self._name = f"{_PREFIX}{{{key}}}"
        # Of its own for each key, see `_step`.
        self._script = script_of(key)
        self._digest = hashlib.sha1(self._script.encode(), usedforsecurity=False).hexdigest()
        self._quota = quota
        self._timeout = timeout
        self._node: dict[str, Any] = {}
        self._client: Redis | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def exchange_now(self, demand: Demand) -> Reply | None:  # noqa: ARG002 - it always waits
        """Return None: a step takes a round trip."""
        return None

    async def exchange(self, demand: Demand) -> Reply:
        """Do the step, on whichever node of a cluster has the key."""
        try:
            for _ in range(_MAX_REDIRECTS):
                try:
                    return await self._step(demand)
                except ResponseError as error:
                    await self._follow(error)
        except FAILURES as error:
            await self._disconnect()
            # The address may lead to another server by now.
            self._node = {}
            raise StoreError(reason_of(error, self._place)) from None
        except asyncio.CancelledError:
            # Too late; redis-py has closed the connection.
            self._client, self._node = None, {}
            raise
        raise StoreError(f"Redis at {self._place} redirects for ever")

    async def close(self) -> None:
        """Close the connection; another exchange opens one again."""
        await self._disconnect()

    async def _follow(self, error: ResponseError) -> None:
        node = redirect(error)
        if node is None:
            raise error
        host, port = node
        # Without a host it is the one that has redirected.
        self._node |= {"host": host, "port": port} if host else {"port": port}
        await self._disconnect()

    async def _step(self, demand: Demand) -> Reply:
        """Run the script by its digest.

        A server that does not know it has started or has been promoted since this key was used
        there. Its state is gone, or lacks what was not replicated: the bucket begins full.
        """
        client = await self._connected()
        values: Any = arguments(self._quota, demand)
        try:
            reply: Any = await client.evalsha(self._digest, 1, self._name, *values)
        except NoScriptError:
            values = arguments(self._quota, evolve(demand, fill=True))
            reply = await client.eval(self._script, 1, self._name, *values)
        return reply_of(reply)

    async def _connected(self) -> Redis:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            await self._disconnect()
            self._client, self._loop = self._new_client(), loop
        return self._client

    def _new_client(self) -> Redis:
        client = Redis.from_url(
            self._address,
            protocol=2,
            decode_responses=True,
            socket_timeout=self._timeout,
            socket_connect_timeout=self._timeout,
            # Its own retries would wait beyond the timeout, and give a step's slots twice.
            retry=Retry(NoBackoff(), 0),
            **_tls_options(self._address),
        )
        client.connection_pool.connection_kwargs.update(self._node)
        return client

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            # Of a loop that has ended, or of a server that does not answer to the end of TLS.
            with contextlib.suppress(RedisError, OSError, RuntimeError):
                await client.aclose()


def _tls_options(address: str) -> dict[str, Any]:
    """That the certificate must be of this host, which redis-py checks from 6 on only."""
    parts = urlsplit(address)
    unchecked = dict(parse_qsl(parts.query)).get("ssl_cert_reqs", "").lower().endswith("none")
    return {"ssl_check_hostname": not unchecked} if parts.scheme == "rediss" else {}
