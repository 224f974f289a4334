"""The command `demo`: a run of made-up customers against a sandbox in another process."""

import io
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from capillary_interactions._model.vocabulary import IdentifierName
from capillary_interactions._text.wording import pluralise
from capillary_interactions.cli._bulk import print_result
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._options import console_options
from capillary_interactions.cli._runtime import run_async
from capillary_interactions.cli._sections import SectionedCommand

if TYPE_CHECKING:
    from capillary_interactions.cli._bulk_stream import RunResult
    from capillary_interactions.cli._summaries import StreamSummary
    from capillary_interactions.sandbox import Counts, SandboxProcess

_REQUESTS: Final = 100
_PER: Final = 1.0
_FAULTS: Final = 0.03
_LATENCY: Final = 0.05
_FIRST: Final = 919_000_000_000
_OUT: Final = "the output"


@click.command(cls=SectionedCommand)
@click.option(
    "--customers",
    type=click.IntRange(1, 100_000),
    metavar="N",
    default=1000,
    show_default=True,
    help="How many made-up customers to look up, 100 a second.",
)
@console_options
def demo(*, customers: int, console: Console) -> int:
    """Look made-up customers up through the whole client, at the quota of a pretend Capillary.

    The server runs in another process, allows 100 requests in any second and fails 3 in a hundred
    on purpose. Needs no network and no credentials, and leaves nothing behind.

    \b
    Example:
      capillary-interactions demo --customers 1000
    """  # noqa: D301 - click's own mark
    from capillary_interactions._config.limits import RateLimit  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.sandbox import SandboxProcess  # noqa: PLC0415 - no other waits

    rate = RateLimit(_REQUESTS, _PER)
    with SandboxProcess(rate=rate, faults=_FAULTS, latency=_LATENCY) as server:
        console.info(
            f"a pretend Capillary in another process: {_REQUESTS} requests allowed in any "
            f"{_PER:g} s, {100 * _FAULTS:.0f} % fail on purpose, {1000 * _LATENCY:.0f} ms each"
        )
        console.info(f"looking up {pluralise(customers, 'made-up customer')} at that quota ...")
        result = run_async(_look_up(server, customers, console))
        most = server.most_in_any_window(_PER)
        counts = server.counts()
    code = print_result(result, _OUT, console)
    for line in (*server_summary(result.summary, counts, most), *_NEXT):
        console.info(line)
    return code


async def _look_up(server: "SandboxProcess", customers: int, console: Console) -> "RunResult":
    from tempfile import TemporaryDirectory  # noqa: PLC0415 - help and completion need none of it

    from capillary_interactions.cli._bulk_stream import StreamOptions, run  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.cli._output import open_out  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.cli._progress import has_bar  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.jobs import CustomerList, QueryTemplate  # noqa: PLC0415 - help and completion need none of it

    with TemporaryDirectory(prefix="capillary-demo-") as folder:
        return await run(
            StreamOptions(
                customers=CustomerList(
                    io.BytesIO(sample_list(customers)),
                    identifier=IdentifierName.MOBILE,
                    format="csv",
                ),
                template=QueryTemplate(name=IdentifierName.MOBILE),
                open_out=partial(open_out, str(Path(folder, "answers.jsonl"))),
                out=_OUT,
                config=lambda: nullcontext(server.client_config()),
                bar=has_bar(data_on_stdout=False),
            ),
            console,
        )


def sample_list(customers: int) -> bytes:
    numbers = "".join(f"{_FIRST + number}\n" for number in range(customers))
    return f"mobile\n{numbers}".encode()


def server_summary(figures: "StreamSummary", counts: "Counts", most: int) -> tuple[str, ...]:
    """What the server has received."""
    mean = counts.received * _PER / figures.seconds if figures.seconds else 0.0
    received = f"the server received {pluralise(counts.received, 'request')}"
    window = f"at most {most} in any {_PER:g} s of {_REQUESTS} allowed, {mean:.0f} on average"
    failed = f"{pluralise(counts.faulted, 'request')} failed on purpose"
    return (
        f"{received}: {window}; {counts.throttled:,} over the quota",
        f"{failed} and were sent again, paced like all others",
    )


_PROGRAM: Final = "capillary-interactions"
_NEXT: Final = (
    "what to try next:",
    f"  {_PROGRAM} lookup mobile {_FIRST + 1} --sandbox",
    f"  {_PROGRAM} bulk LIST.csv --identifier mobile --out answers.jsonl --sandbox",
    f"  {_PROGRAM} bulk --help   (with CAPILLARY_BASE_URL and credentials: the real API)",
)
