"""How large is a job, before it is run? For code without an event loop."""

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._model.vocabulary import InteractionType, Network
from capillary_interactions.jobs import CustomerList, Plan, StopRules
from capillary_interactions.jobs import plan_job as plan_job_async
from capillary_interactions.sync._loop_thread import loop_thread


def plan_job(
    customers: CustomerList,
    config: ClientConfig,
    *,
    network: Network | str | None = None,
    type: InteractionType | str | None = None,  # noqa: A002 - the API's word
    latency: float = 0.2,
    stops: StopRules | None = None,
) -> Plan:
    """Read a list as a job would, and say what running it would take; nothing is sent.

    Args:
        customers: The list; one that comes through a pipe is read up.
        config: The client's configuration; its credentials count, but are not used.
        network: See `Job.open`.
        type: See there.
        latency: Seconds in which the API is expected to answer.
        stops: The rules of the run; the defaults of `StopRules` by default.

    Raises:
        ValueError: The network, the type or the latency is invalid.
        ListError: The list cannot be read, or not to its end.
    """
    with loop_thread() as thread:
        return thread.run(
            plan_job_async,
            customers,
            config,
            network=network,
            type=type,
            latency=latency,
            stops=stops,
        )
