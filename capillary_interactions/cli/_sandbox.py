"""The command `sandbox`: a pretend Capillary for other programs on this machine."""

import os
import shlex
from typing import TYPE_CHECKING, Any

import click

from capillary_interactions._text.wording import pluralise
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._exit_codes import CannotStartError, usage_errors
from capillary_interactions.cli._options import FAULT, RATE, SECONDS, Word, console_options
from capillary_interactions.cli._runtime import run_async
from capillary_interactions.cli._sections import SectionedCommand
from capillary_interactions.cli._standard_streams import write_out

if TYPE_CHECKING:
    from capillary_interactions._config.limits import RateLimit
    from capillary_interactions.sandbox import Sandbox


@click.command(cls=SectionedCommand)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="P",
    default=0,
    help="Port to listen on, on 127.0.0.1 (default 0: any free one).",
)
@click.option(
    "--rate",
    type=RATE,
    default="1000/60",
    show_default=True,
    help="Quota of each credential: N requests in any SECONDS, then 429.",
)
@click.option(
    "--faults",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    default=0.0,
    show_default=True,
    help="Share of the requests that fail, from 0 to 1: errors, resets, broken answers.",
)
@click.option(
    "--latency",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=0.0,
    show_default=True,
    help="Seconds before each answer.",
)
@click.option(
    "--fault",
    "named",
    type=FAULT,
    multiple=True,
    help="Share of one fault in place of --faults, such as code_498_200=0.01; may be repeated. A "
    "name that is none lists them all.",
)
@click.option(
    "--shape",
    type=Word(["flat", "envelope", "envelope_old"]),
    default="flat",
    show_default=True,
    help="Shape of the answers.",
)
@click.option(
    "--timezone",
    metavar="ZONE",
    default="UTC",
    show_default=True,
    help="Time zone of dates without an offset, by its IANA name: Asia/Kolkata for an Asian "
    "cluster.",
)
@click.option(
    "--iso-fields", is_flag=True, help="A copy with the offset beside each of these dates."
)
@click.option("--phone-mirrors-sms", is_flag=True, help="List SMS as `phone`, too.")
@click.option(
    "--token-ttl",
    type=SECONDS,
    default=300.0,
    show_default=True,
    help="Seconds for which an OAuth token is good.",
)
@click.option(
    "--token-status",
    type=Word(["200", "401", "498"]),
    help="HTTP status of the published body about an expired token (default: 401 with a list of "
    "errors).",
)
@console_options
def sandbox(
    *,
    rate: "RateLimit",
    faults: float,
    named: tuple[tuple[str, float], ...],
    token_status: str | None,
    console: Console,
    **settings: Any,
) -> int:
    """Run a server that behaves like Capillary's API, until Ctrl-C.

    It prints the environment variables that let this command line, and every other program made
    with this library, use it. Its customers are computed from the identifier: the same one always
    has the same interactions, and about one in twenty is unknown. It serves an OpenAPI description
    at /openapi.json.

    \b
    Example:
      capillary-interactions sandbox --port 8080 --rate 100/1 --faults 0.05 --latency 0.05
    """  # noqa: D301 - click's own mark
    from capillary_interactions.sandbox import Sandbox  # noqa: PLC0415 - no other command waits

    if named and faults:
        raise click.UsageError("--faults mixes faults, --fault names each: use one of them")
    with usage_errors(ValueError):
        server = Sandbox(
            rate=rate,
            faults=dict(named) or faults,
            token_status=None if token_status is None else int(token_status),
            **settings,
        )
    run_async(_serve(server, rate, console))
    return 0


async def _serve(server: "Sandbox", rate: "RateLimit", console: Console) -> None:
    import asyncio  # noqa: PLC0415 - help and completion need none of it

    from capillary_interactions.cli._signals import GracefulStop  # noqa: PLC0415

    stopped = asyncio.Event()
    with GracefulStop(stopped.set).installed():
        try:
            await server.start()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise CannotStartError(f"--port {server.port}: {reason}") from None
        try:
            _print_access(server, rate, console)
            await stopped.wait()
        finally:
            await server.stop()
    counts = server.counts
    console.info(
        f"{pluralise(counts.received, 'request')}: {counts.answered:,} answered, "
        f"{counts.throttled:,} throttled, {counts.faulted:,} failed on purpose, "
        f"{counts.refused:,} refused"
    )


def _print_access(server: "Sandbox", rate: "RateLimit", console: Console) -> None:
    """Print the address and the first account: to stdout for a shell, to stderr for a person."""
    from capillary_interactions._config.proxy import unused_proxy  # noqa: PLC0415 - help and completion need none of it

    (username, password), *_ = server.accounts.items()
    (key, secret), *_ = server.oauth.items()
    settings = {
        "CAPILLARY_BASE_URL": server.base_url,
        "CAPILLARY_USERNAME": username,
        "CAPILLARY_PASSWORD": password,
        "CAPILLARY_RATE": str(rate),
    }
    if unused_proxy(None, server.base_url, os.environ):
        # Which would not reach this machine.
        settings["CAPILLARY_PROXY"] = "none"
    if server.timezone != "UTC":
        settings["CAPILLARY_TIMEZONE"] = server.timezone
    console.info(
        f"a sandbox listens at {server.base_url} until Ctrl-C; its quota is {rate} seconds"
    )
    console.info(f"account: user name {username}, password {password}")
    console.info(
        f"or OAuth: key {key}, secret {secret} (CAPILLARY_OAUTH_KEY, CAPILLARY_OAUTH_SECRET)"
    )
    console.info("to use it, set in another shell:")
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()]
    write_out("".join(lines).encode())
