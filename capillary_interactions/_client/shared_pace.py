"""The pace of a credential whose quota is shared: made from the settings, its outages emitted."""

import asyncio
from urllib.parse import urlsplit

from attrs import define, field

from capillary_interactions._client.observers import Observers
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.credentials import BasicAuth, Credential
from capillary_interactions._config.endpoint import port_of
from capillary_interactions._config.shared_quota import FILE
from capillary_interactions._pacing.shared.key import quota_key
from capillary_interactions._pacing.shared.local_part import part_of
from capillary_interactions._pacing.shared.pace import SharedPace
from capillary_interactions._pacing.shared.schedule import SharedQuota
from capillary_interactions._pacing.shared.store import SlotStore
from capillary_interactions.events import SharedQuotaLost, SharedQuotaRestored


def build_shared_pace(
    config: ClientConfig, index: int, max_pause: float, observers: Observers
) -> SharedPace:
    """The pace of one credential, by `config.shared`.

    Args:
        config: The settings.
        index: Which credential.
        max_pause: No cool-down is longer than this many seconds.
        observers: Where the events of an outage go.

    Raises:
        ConfigurationError: The file cannot be used.
    """
    workers = config.expected_workers if config.shared_fallback == "local" else None
    part = None if workers is None else part_of(config.rate, workers)
    outages = _Outages(index, 0.0 if part is None else part.requests / part.per, observers)
    return SharedPace(
        config.rate,
        config.in_flight,
        _store(config, config.credentials[index], max_pause),
        max_pause=max_pause,
        timeout=config.shared_timeout,
        fallback=config.shared_fallback,
        expected_workers=workers or 1,
        on_outage=outages.on_change,
    )


def _store(config: ClientConfig, credential: Credential, max_pause: float) -> SlotStore:
    key = quota_key(_identity(credential), _endpoint(config.base_url), config.rate)
    quota, address = SharedQuota.of(config.rate, max_pause), config.shared or ""
    if address.startswith(FILE):
        from capillary_interactions._pacing.shared.file_store import FileStore  # noqa: PLC0415

        return FileStore(address.removeprefix(FILE), key, quota)
    from capillary_interactions._pacing.shared.redis_store import RedisStore  # noqa: PLC0415

    return RedisStore(address, key, quota, config.shared_timeout)


def _identity(credential: Credential) -> str:
    if isinstance(credential, BasicAuth):
        return f"basic:{credential.username}:{credential.md5()}"
    return f"oauth:{credential.key}:{credential.secret}"


def _endpoint(base_url: str) -> str:
    """A base URL, the same however it is written."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.hostname}:{port_of(parts)}{parts.path}"


@define
class _Outages:
    credential: int
    rate: float
    observers: Observers
    _began_at: float = field(default=0.0, init=False)

    def on_change(self, reason: str | None) -> None:
        now, credential = asyncio.get_running_loop().time(), self.credential
        if reason is None:
            outage = max(0.0, now - self._began_at)
            self.observers.emit(SharedQuotaRestored(credential=credential, outage=outage))
            return
        self._began_at = now
        self.observers.emit(SharedQuotaLost(credential=credential, reason=reason, rate=self.rate))
