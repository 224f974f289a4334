"""The program behind a company's proxy, and with files of certificates."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from capillary_interactions.sandbox import SandboxProcess
from tests.end_to_end.forward_proxies import PASSWORD, USER, ForwardProxy, tinyproxy
from tests.tables import table

from .program import invoke
from .workspace import Workspace

LOOKUP = ("lookup", "mobile", "919000000001")
TILL = {"CAPILLARY_USERNAME": "sandbox", "CAPILLARY_PASSWORD": "sandbox"}
AWAY = {**TILL, "CAPILLARY_BASE_URL": "https://api.example"}


@pytest.fixture(scope="module")
def proxy() -> Iterator[ForwardProxy]:
    """One that wants credentials."""
    with tinyproxy() as running:
        yield running


def test_looks_up_through_the_proxy_that_is_named(proxy: ForwardProxy) -> None:
    """By the environment, by a variable, or none; the sandbox of the program needs none."""
    names = [proxy.known_url, proxy.known_url, "http://127.0.0.1:1"]
    with SandboxProcess(unknown=0) as sandbox:
        env = {**TILL, "CAPILLARY_BASE_URL": sandbox.base_url}
        by_environment = invoke(*LOOKUP, env={**env, "http_proxy": names[0]})
        by_variable = invoke(
            *LOOKUP, env={**env, "CAPILLARY_PROXY": names[1], "http_proxy": names[2]}
        )
        direct = invoke(*LOOKUP, "--proxy", "none", env={**env, "CAPILLARY_PROXY": names[2]})
    own = invoke(*LOOKUP, "--sandbox", env={"CAPILLARY_PROXY": names[2], "http_proxy": names[2]})

    assert [ran.code for ran in (by_environment, by_variable, direct, own)] == [0, 0, 0, 0]
    assert proxy.log.read_text().count(f"GET {sandbox.base_url}/") == 2


def test_stops_a_list_at_once_where_the_proxy_refuses(proxy: ForwardProxy, tmp_path: Path) -> None:
    """Exit 3 with what to do; every row is still open, and the password is not shown."""
    workspace = Workspace(tmp_path, AWAY)
    refused = workspace.bulk(HTTPS_PROXY=proxy.known_url.replace(PASSWORD, "wrong-77"))
    missing = workspace.bulk("--proxy", proxy.url)

    refuses = (
        f"the proxy {proxy.url} (HTTPS_PROXY) refuses to connect (HTTP 401): it does not accept"
    )
    assert refuses in refused.err
    assert (
        f"the proxy {proxy.url} refuses to connect (HTTP 407): it wants credentials" in missing.err
    )
    assert (refused.code, missing.code) == (3, 3)
    assert "wrong-77" not in refused.err + refused.out
    assert "--base-url" not in refused.err
    assert "0 of 10 rows done" in workspace.jobs("status").err


def test_asks_the_proxys_name_and_not_the_servers() -> None:
    """Behind a proxy, only that has to know the server's name."""
    ran = invoke(
        *LOOKUP, env={**AWAY, "HTTPS_PROXY": f"http://{USER}:{PASSWORD}@no-such.invalid:1"}
    )

    assert ran.code == 3
    assert ran.err == (
        "error: the host name of the proxy http://no-such.invalid:1 (HTTPS_PROXY) does not "
        "resolve; look at --proxy (CAPILLARY_PROXY) and at the network\n"
    )


@table(
    ("arguments", "env", "error"),
    [
        (["--proxy", "http://u:hush@x"], {}, "--proxy must not hold a user name and password"),
        (["--proxy", "socks5://x:1"], {}, "): proxy must be an http:// or https:// proxy; socks5"),
        ([], {"CAPILLARY_PROXY": "http://u:hush@x:y"}, "CAPILLARY_PROXY'): proxy must be a URL"),
        ([], {"HTTPS_PROXY": "socks5://u:hush@x"}, "HTTPS_PROXY must be an http:// or https://"),
        (["--sandbox", "--proxy", "x:1"], {}, "--sandbox and --proxy contradict each other"),
        (["--sandbox", "--ca-file", "x"], {}, "--sandbox and --ca-file contradict each other"),
        (["--client-key", "x.key"], {}, "tls.client_key needs tls.client_cert"),
        ([], {"CAPILLARY_CLIENT_KEY_PASSWORD": "hush"}, "needs tls.client_cert"),
        (["--ca-file", "/no/such.pem"], {}, "tls.ca_file '/no/such.pem' cannot be read: No such"),
        ([], {"CAPILLARY_CA_FILE": "/no/such.pem"}, "tls.ca_file '/no/such.pem' cannot be read"),
    ],
)
def test_refuses_what_cannot_work(arguments: list[str], env: dict[str, str], error: str) -> None:
    """Exit 2 before anything is sent, with the setting and without what may be a secret."""
    ran = invoke(
        *LOOKUP, *arguments, env={**AWAY, "CAPILLARY_BASE_URL": "https://127.0.0.1", **env}
    )

    assert (ran.code, ran.out) == (2, "")
    assert error in " ".join(ran.err.split())
    assert "hush" not in ran.err
