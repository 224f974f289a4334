"""The options of a company's own network: a proxy, an authority, a client certificate."""

from typing import Final

import click

from capillary_interactions.cli._options import Read
from capillary_interactions.cli._sections import section

CONNECTION_SETTINGS: Final = ("proxy", "ca_file", "client_cert", "client_key")


def _proxy(value: str) -> str:
    from capillary_interactions._config.proxy import to_proxy  # noqa: PLC0415 - help and completion need none of it

    # As it is written: "none" would be the same as no option.
    to_proxy(value)
    return value


def check_typed_proxy(value: str) -> None:
    """A usage error for a password in an argument, which other users of the machine can read."""
    if "@" in value:
        raise click.UsageError(
            "--proxy must not hold a user name and password, which other users can see: set "
            "CAPILLARY_PROXY, or proxy in a profile"
        )


CONNECTION_OPTIONS: Final = section(
    "Network",
    click.option(
        "--proxy",
        type=Read("URL", _proxy),
        envvar="CAPILLARY_PROXY",
        show_envvar=True,
        help="Forward proxy, such as http://proxy.example:3128, or none (default env: what "
        "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY say).",
    ),
    click.option(
        "--ca-file",
        metavar="FILE",
        envvar="CAPILLARY_CA_FILE",
        show_envvar=True,
        help="Trust the certificate authorities in this file (PEM) in place of the system's.",
    ),
    click.option(
        "--client-cert",
        metavar="FILE",
        envvar="CAPILLARY_CLIENT_CERT",
        show_envvar=True,
        help="Certificate (PEM) to show to a server that asks for one (mTLS).",
    ),
    click.option(
        "--client-key",
        metavar="FILE",
        envvar="CAPILLARY_CLIENT_KEY",
        show_envvar=True,
        help="Its private key, if that is not in the same file; CAPILLARY_CLIENT_KEY_PASSWORD is "
        "the password of an encrypted one.",
    ),
)
