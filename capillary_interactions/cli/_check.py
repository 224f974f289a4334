"""The command `check`: settings, the way to the API, and credentials."""

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from capillary_interactions.cli._console import Console
from capillary_interactions.cli._exit_codes import OK, STOPPED_EARLY, USAGE, usage_errors
from capillary_interactions.cli._network_options import network_options, option_origins
from capillary_interactions.cli._options import console_options
from capillary_interactions.cli._prompt import network_config_of
from capillary_interactions.cli._runtime import run_async
from capillary_interactions.cli._sections import SectionedCommand, section
from capillary_interactions.cli._standard_streams import write_json, write_out

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from capillary_interactions._config.client_config import ClientConfig
    from capillary_interactions._model.check_report import CheckStep
    from capillary_interactions._model.query import Query
    from capillary_interactions.cli._check_settings import ShownSetting
    from capillary_interactions.cli._settings import ClientOptions, NetworkConfig

_CREDENTIALS: Final = "credentials"


@click.command(cls=SectionedCommand)
@section(
    "Which customers",
    click.option(
        "--customer",
        nargs=2,
        metavar="NAME VALUE",
        help="Ask for this customer, such as mobile 919738522695 (default: for an external_id that "
        "no customer has, as its absence proves the credentials, too).",
    ),
)
@section(
    "Results",
    click.option("--json", "as_json", is_flag=True, help="JSON in place of text."),
)
@network_options
@console_options
def check(
    *,
    customer: tuple[str, str] | None,
    as_json: bool,
    settings: "ClientOptions",
    console: Console,  # noqa: ARG001 - its options set logging up
) -> int:
    """See whether settings, network and credentials work.

    Shows every setting and where it comes from (an option, a variable, a profile or its default),
    with secrets masked. Then it looks the host up, connects, negotiates TLS, and asks one question
    with each of the credentials, without retries. The first step that fails is explained.

    \b
    Exit codes:
      0    the API has answered each of the credentials
      2    an argument or a setting is wrong or missing
      3    the API is not reached, refuses, or has answered nothing that proves the credentials
      130  interrupted

    \b
    Examples:
      capillary-interactions check --profile production
      capillary-interactions check --json --customer mobile 919738522695
    """  # noqa: D301 - click's own mark
    from capillary_interactions._errors import ConfigurationError  # noqa: PLC0415 - help and completion need none of it

    query = None if customer is None else _query(*customer)
    try:
        found = network_config_of(settings)
        print_settings = None if as_json else partial(_print_settings, found)
        # A file of `tls` is read when a client is made.
        shown, steps = run_async(_check(settings, found, query, print_settings))
    except ConfigurationError as error:
        if not as_json:
            raise
        _print_json((), (_settings_step(error),))
        return USAGE
    if as_json:
        _print_json(shown, steps)
    else:
        _print_steps(steps)
    return OK if _is_proven(steps) else STOPPED_EARLY


def _query(name: str, value: str) -> "Query":
    from capillary_interactions._model.query import Identifier, Query  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions._model.vocabulary import IdentifierName  # noqa: PLC0415 - help and completion need none of it

    with usage_errors(ValueError, prefix="--customer: "):
        return Query(Identifier(IdentifierName(name.lower()), value))


def _settings_step(error: Exception) -> "CheckStep":
    from capillary_interactions._model.check_report import CheckStep  # noqa: PLC0415 - help and completion need none of it

    return CheckStep(name="settings", status="failed", detail=str(error))


async def _check(
    settings: "ClientOptions",
    found: "NetworkConfig | None",
    query: "Query | None",
    print_settings: "Callable[[Sequence[ShownSetting]], None] | None",
) -> tuple["Sequence[ShownSetting]", "tuple[CheckStep, ...]"]:
    from capillary_interactions.cli._check_settings import shown_settings  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.cli._settings import sandbox_config  # noqa: PLC0415 - help and completion need none of it

    origins = option_origins()
    async with AsyncExitStack() as stack:
        if found is None:
            config = await stack.enter_async_context(sandbox_config(settings))
            made_by = dict.fromkeys(("base_url", "auth", "rate"), "--sandbox")
            origins = {**made_by, **origins, "base_url": "--sandbox"}
        else:
            config, origins = found.config, {**found.origins, **origins}
        shown = shown_settings(config, origins)
        # Before the network, which may take its time.
        if print_settings is not None:
            print_settings(shown)
        return shown, tuple([step async for step in _steps(config, query)])


async def _steps(config: "ClientConfig", query: "Query | None") -> "AsyncIterator[CheckStep]":
    """The way there once, and a question with each credential: one of them may be wrong."""
    from attrs import evolve  # noqa: PLC0415 - help and completion need none of it

    from capillary_interactions._client.client import InteractionsClient  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions._protocol.request_url import sent_query  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.cli._check_settings import show_credential  # noqa: PLC0415 - help and completion need none of it

    if query is not None:
        with usage_errors(ValueError, prefix="--customer: "):
            sent_query(query, config.api, config.phone_region)
    for number, credential in enumerate(config.credentials):
        lone = evolve(config, auth=credential)
        async with InteractionsClient(lone) as client:
            timeout = min(config.timeouts.total, config.timeouts.attempt)
            report = await client.check(query, timeout=timeout, connection=number == 0)
        for step in report.steps:
            if step.name == _CREDENTIALS:
                detail = f"{show_credential(credential)}: {step.detail}"
                yield evolve(step, detail=detail)
            else:
                yield step
        if report.failed is not None and report.failed.name != _CREDENTIALS:
            return


def _is_proven(steps: "Sequence[CheckStep]") -> bool:
    credentials = [step for step in steps if step.name == _CREDENTIALS]
    failed = any(step.status == "failed" for step in steps)
    return bool(credentials) and not failed and all(step.status == "ok" for step in credentials)


def _print_json(shown: "Sequence[ShownSetting]", steps: "Sequence[CheckStep]") -> None:
    import orjson  # noqa: PLC0415 - help and completion need none of it

    from capillary_interactions._model.check_report import step_to_json  # noqa: PLC0415 - help and completion need none of it

    result: dict[str, Any] = {
        "ok": _is_proven(steps),
        "settings": [
            {"name": setting.path, "value": setting.value, "origin": setting.origin}
            for setting in shown
        ],
        "steps": [step_to_json(step) for step in steps],
    }
    write_json(orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_INDENT_2))


def _print_settings(found: "NetworkConfig | None", shown: "Sequence[ShownSetting]") -> None:
    from capillary_interactions.cli._check_lines import setting_lines  # noqa: PLC0415 - help and completion need none of it

    _print_lines(setting_lines(shown, None if found is None else found.profile))


def _print_steps(steps: "Sequence[CheckStep]") -> None:
    from capillary_interactions.cli._check_lines import step_lines  # noqa: PLC0415 - help and completion need none of it

    _print_lines(step_lines(steps))


def _print_lines(lines: "Iterable[str]") -> None:
    from capillary_interactions._text.printable import printable  # noqa: PLC0415 - help and completion need none of it

    write_out("".join(f"{printable(line)}\n" for line in lines).encode())
