"""The part of a quota that each of several workers may use."""

from attrs import evolve

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.validation import check_count
from capillary_interactions._errors import ConfigurationError


def divided(config: ClientConfig, workers: int) -> ClientConfig:
    """The configuration of each of some workers, which together keep the quota.

    One with `shared` is returned as it is: its quota is divided as the workers need it.

    Args:
        config: The configuration, with the quota of the credential.
        workers: How many processes have a client at once.

    Raises:
        ConfigurationError: The quota has fewer requests than there are workers.
    """
    check_count("workers", workers)
    rate = config.rate
    if workers == 1 or config.shared is not None:
        return config
    if rate.requests < workers:
        raise ConfigurationError(
            f"workers must be at most the {rate.requests} requests of rate, not {workers}: each "
            "worker has its part of the quota. Give fewer workers, the same quota in a longer "
            "window, or share it (shared, --shared)"
        )
    burst = None if rate.burst is None else max(1, rate.burst // workers)
    return evolve(config, rate=evolve(rate, requests=rate.requests // workers, burst=burst))
