"""A shared quota's state in a Redis: where it is found, and what is said where it is not."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import trustme
from redis.asyncio import Redis

from benchmarks.servers.brokers import free_port, missing, program
from benchmarks.servers.redis_servers import redis_server
from capillary_interactions import RateLimit
from capillary_interactions._errors import SettingsReason, SharedQuotaReason
from capillary_interactions._pacing.shared.redis_store import RedisStore
from capillary_interactions._pacing.shared.schedule import Demand, Reply, SharedQuota
from capillary_interactions._pacing.shared.store import StoreError
from tests.integrations.brokers.conftest import Address

# The bucket of a state that begins is full: its first slot comes after an interval.
_LIMIT: Final = RateLimit(100, 1.0, burst=10)
_QUOTA: Final = SharedQuota.of(_LIMIT)
_RIGHTS: Final = "~capillary:* +eval +evalsha +time +get +set"
_USERS: Final = {
    "quota": _RIGHTS,
    "no-script": "~* +get +set +time",
    "no-set": "~* +eval +evalsha +get +time",
    "no-key": "~other:* +@all",
}


def _store(address: str, key: str = "test", seconds: float = 5.0) -> RedisStore:
    return RedisStore(address, key, _QUOTA, seconds)


async def _once(address: str, key: str = "test", seconds: float = 5.0) -> Reply:
    store = _store(address, key, seconds)
    try:
        return await store.exchange(Demand(want=1, ahead=0.1))
    finally:
        await store.close()


async def _refusal(address: str, seconds: float = 5.0) -> str:
    with pytest.raises(StoreError) as refused:
        await _once(address, seconds=seconds)
    assert refused.value.__cause__ is None
    assert "hush" not in f"{refused.value.reason} {refused.value!r}"
    return refused.value.reason


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int, Path]]:
    """A Redis with users and a TLS port: its ports, and the file of its authority."""
    if program("redis") is None:
        pytest.skip(missing("redis"))
    home, authority = tmp_path_factory.mktemp("quota"), trustme.CA()
    authority.cert_pem.write_to_path(str(home / "ca.pem"))
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(home / "server.pem"))
    port, tls = free_port(), free_port()
    options = f"--tls-port {tls} --tls-auth-clients no --tls-ca-cert-file ca.pem"
    options += " --tls-cert-file server.pem --tls-key-file server.pem"
    for name, rights in _USERS.items():
        options += f" --user {name} on >hush {rights}"
    with redis_server(home, port, *options.split()):
        yield port, tls, home / "ca.pem"


async def test_serves_a_user_with_few_rights_over_tls(server: tuple[int, int, Path]) -> None:
    """Of all commands it needs five, and of all keys those that begin with capillary."""
    _, tls, authority = server
    reply = await _once(f"rediss://quota:hush@localhost:{tls}/0?ssl_ca_certs={authority}")
    assert reply.granted == 1
    await _once(f"rediss://quota:hush@127.0.0.1:{tls}?ssl_cert_reqs=none")


async def test_says_which_setting_is_wrong(server: tuple[int, int, Path]) -> None:
    """What waiting does not help against is a setting's fault, and says what to do."""
    port, tls, authority = server
    reasons = {
        f"redis://:hush@127.0.0.1:{port}": "refuses the user or the password: correct shared",
        f"redis://hush:hush@127.0.0.1:{port}": "refuses the user or the password",
        f"redis://no-script:hush@127.0.0.1:{port}": f"ACL SETUSER name {_RIGHTS}",
        f"redis://no-set:hush@127.0.0.1:{port}": "ACL SETUSER",
        f"redis://no-key:hush@127.0.0.1:{port}": "ACL SETUSER",
        f"redis://127.0.0.1:{port}/99": "no such database",
        f"rediss://localhost:{tls}": "ssl_ca_certs=FILE",
        f"rediss://127.0.0.1:{tls}?ssl_ca_certs={authority}": "HOST as the certificate does",
        f"rediss://localhost:{tls}?ssl_ca_certs=/hush": "a file that shared names",
    }
    for address, text in reasons.items():
        reason = await _refusal(address)
        assert isinstance(reason, SharedQuotaReason), address
        assert text in reason, address
        assert address.partition("?")[0].rpartition("@")[2] in reason


async def test_asks_for_a_password_where_there_must_be_one(address: Address) -> None:
    """A Redis that wants one says so in other words to a long command."""
    async with Redis.from_url(f"redis://{address('redis')}") as client:
        await client.config_set("requirepass", "hush")
        try:
            reason = await _refusal(f"redis://{address('redis')}")
        finally:
            await client.config_set("requirepass", "")
    assert isinstance(reason, SharedQuotaReason)
    assert "refuses the user or the password" in reason


async def test_says_what_may_pass(address: Address) -> None:
    """A replica, a full memory, nothing that listens, and a server that does not answer."""
    url = f"redis://{address('redis')}"
    async with Redis.from_url(url) as client, _silent() as silent:
        await client.replicaof("127.0.0.1", "1")
        reasons = {"is a replica": await _refusal(url)}
        await client.replicaof("NO", "ONE")
        await client.config_set("maxmemory", "1")
        reasons["no memory left"] = await _refusal(url)
        await client.config_set("maxmemory", "0")
        reasons["Connection refused"] = await _refusal("redis://localhost:1")
        reasons["does not resolve"] = await _refusal("redis://host.invalid")
        reasons["does not answer in time"] = await _refusal(silent, seconds=0.05)
    for text, reason in reasons.items():
        assert text in reason
        assert not isinstance(reason, SettingsReason)


@asynccontextmanager
async def _silent() -> AsyncIterator[str]:
    """The address of a server that takes connections, and says nothing."""
    done = asyncio.Event()

    async def wait(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.1", 0) as listening:
        yield f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        done.set()


async def test_finds_the_node_of_a_cluster(cluster: Sequence[int]) -> None:
    """From either node, whichever has the key; all processes have one state."""
    for key in ("a", "b", "c"):
        births = {(await _once(f"redis://127.0.0.1:{port}", key)).born for port in cluster}
        assert len(births) == 1
    places = set[int]()
    for port in cluster:
        async with Redis(port=port) as node:
            places.add(len(await node.keys("capillary:*")))
    assert 0 not in places


async def test_begins_full_where_a_server_has_not_seen_the_key(address: Address) -> None:
    """A server that has just been promoted lacks what was not replicated, as one without a script.

    With what it has, ten would be free at once.
    """
    store, url = _store(f"redis://{address('redis')}"), f"redis://{address('redis')}"
    async with Redis.from_url(url) as client:
        await client.flushall()
        await store.exchange(Demand())
        await asyncio.sleep(0.02)
        assert (await store.exchange(Demand())).delay < 0
        await client.script_flush()
        assert (await store.exchange(Demand())).delay > 0
        await client.flushall()
        assert (await store.exchange(Demand())).delay > 0
    await store.close()


# A connection of a loop that has ended is closed by the garbage collector, which warns.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_serves_one_event_loop_after_the_other(address: Address) -> None:
    """Whether the last one closed it or not; no connection is left."""
    store = _store(f"redis://{address('redis')}")
    for last in (False, False, True):
        asyncio.run(_use(store, close=last))
    assert asyncio.run(_use(store, close=True)).granted == 1
    gc.collect()
    assert asyncio.run(_connections(address)) == 1


async def _use(store: RedisStore, *, close: bool) -> Reply:
    reply = await store.exchange(Demand(want=1, ahead=0.1))
    if close:
        await store.close()
    return reply


async def _connections(address: Address) -> int:
    async with Redis.from_url(f"redis://{address('redis')}") as client:
        connections: Any = await client.client_list(_type="normal")
        return len(connections)
