"""The command `lookup`: one customer."""

import sys
from typing import TYPE_CHECKING, Any

import click

from capillary_interactions._errors import AuthenticationError
from capillary_interactions._model.vocabulary import ApiVersion, InteractionType, Network
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._exit_codes import StoppedEarlyError, code_of, usage_errors
from capillary_interactions.cli._network_options import network_options
from capillary_interactions.cli._options import (
    NAME,
    Word,
    console_options,
    custom_identifier_option,
    filter_options,
    identifier_name,
)
from capillary_interactions.cli._prompt import config_of
from capillary_interactions.cli._runtime import run_async
from capillary_interactions.cli._sections import SectionedCommand, section
from capillary_interactions.cli._standard_streams import is_terminal, write_json, write_out

if TYPE_CHECKING:
    from capillary_interactions._config.client_config import ClientConfig
    from capillary_interactions._model.outcome import Outcome
    from capillary_interactions._model.query import Query
    from capillary_interactions.cli._settings import ClientOptions


class _NameOrValue(Word):
    """A kind of identifier; with --custom-identifier, the customer's value."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if ctx is not None and _is_custom(ctx):
            return str(value)
        return super().convert(value, param, ctx)


def _is_custom(ctx: click.Context) -> bool:
    # An option that is not given has no value or a mark of click's own, by its version.
    return isinstance(ctx.params.get("custom_identifier"), str)


def _check_value(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    custom = _is_custom(ctx)
    if value is None and not custom:
        raise click.MissingParameter(ctx=ctx, param=param)
    if value is not None and custom:
        raise click.UsageError("--custom-identifier stands for NAME: give VALUE only")
    return value


@click.command(cls=SectionedCommand)
@click.argument("name", metavar="NAME", type=_NameOrValue(NAME.choices, case_sensitive=False))
@click.argument("value", metavar="VALUE", required=False, callback=_check_value)
@custom_identifier_option
@filter_options
@section(
    "Results",
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="JSON in place of a table; always so when standard output is no terminal.",
    ),
    click.option(
        "--show-codes",
        is_flag=True,
        help="Do not mask what may be one-time codes in the table's subjects (runs of digits, and "
        "letters with digits beside a word such as code).",
    ),
)
@network_options
@console_options
def lookup(
    *,
    name: str,
    value: str | None,
    custom_identifier: str | None,
    type: InteractionType | None,  # noqa: A002 - the option's name
    network: str | None,
    mask_codes: bool,
    as_json: bool,
    show_codes: bool,
    settings: "ClientOptions",
    console: Console,
) -> int:
    """Look up the interactions of one customer.

    NAME is the kind of identifier (mobile, email, external_id, card_number, card_external_id or
    customer_id) and VALUE the identifier itself; --custom-identifier stands for NAME. The table on
    a terminal masks identifiers and codes; JSON gives everything as it came.

    Credentials come from the environment, CAPILLARY_USERNAME and CAPILLARY_PASSWORD (or
    CAPILLARY_PASSWORD_MD5), or CAPILLARY_OAUTH_KEY and CAPILLARY_OAUTH_SECRET, or from a profile;
    on a terminal, what is missing is asked for.

    \b
    Exit codes:
      0    found, or not found: Capillary has answered
      1    rejected, unreadable or unavailable
      2    an argument or a setting is wrong
      3    credentials refused, or the host does not resolve
      130  interrupted

    \b
    Examples:
      capillary-interactions lookup mobile 919738522695 --sandbox
      capillary-interactions lookup email a.person@example.com --type whatsapp --json
      capillary-interactions lookup mobile '097385 22695' --phone-region IN --sandbox
    """  # noqa: D301 - click's own mark
    from capillary_interactions._json.unstructure import mask_codes_in_json, to_jsonable  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions._model.outcome import Found  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.cli._lookup_table import headline  # noqa: PLC0415 - help and completion need none of it

    query = _query(custom_identifier, (name, value), network, type)
    config = config_of(settings)
    outcome = run_async(_ask(query, settings, config))
    if as_json or not is_terminal(sys.stdout):
        result = to_jsonable(outcome)
        write_json(_dump(mask_codes_in_json(result) if mask_codes else result))
        if not isinstance(outcome, Found):
            console.info(headline(outcome))
    else:
        write_out(_table(outcome, show_codes=show_codes))
    return code_of({outcome.ending: 1})


def _query(
    custom: str | None,
    words: tuple[str, str | None],
    network: str | None,
    type_: InteractionType | None,
) -> "Query":
    from capillary_interactions._model.query import Identifier, Query  # noqa: PLC0415 - help and completion need none of it

    known = None if custom is not None else words[0]
    name = identifier_name(known, custom)
    value = words[0] if words[1] is None else words[1]
    with usage_errors(ValueError):
        return Query(
            Identifier(name, value),
            network=None if network is None else Network(network),
            type=type_,
        )


async def _ask(
    query: "Query", settings: "ClientOptions", config: "ClientConfig | None"
) -> "Outcome":
    from capillary_interactions._client.client import InteractionsClient  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions._protocol.request_url import (  # noqa: PLC0415
        check_supported,
        sent_query,
    )
    from capillary_interactions.cli._settings import resolved_config  # noqa: PLC0415 - help and completion need none of it

    with usage_errors(ValueError):
        api = ApiVersion(settings.api or ApiVersion.V1_1) if config is None else config.api
        check_supported(query, api)
        if not (settings.phone_region if config is None else config.phone_region):
            sent_query(query, api)
    async with (
        resolved_config(settings, config) as resolved,
        InteractionsClient(resolved) as client,
    ):
        try:
            return await client.lookup(query)
        except AuthenticationError as error:
            raise StoppedEarlyError(f"the credentials are refused: {error}") from None


def _dump(result: object) -> bytes:
    import orjson  # noqa: PLC0415 - help and completion need none of it

    indent = orjson.OPT_INDENT_2 if is_terminal(sys.stdout) else 0
    return orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE | indent)


def _table(outcome: "Outcome", *, show_codes: bool) -> bytes:
    from rich.console import Console  # noqa: PLC0415 - help and completion need none of it

    from capillary_interactions.cli._lookup_table import outcome_table  # noqa: PLC0415 - help and completion need none of it

    console = Console(highlight=False)
    with console.capture() as captured:
        console.print(outcome_table(outcome, show_codes=show_codes))
    return captured.get().encode(sys.stdout.encoding or "utf-8", "replace")
