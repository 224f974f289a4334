"""Which proxy is chosen, by a setting or the environment, and how it is shown."""

import base64
import pickle
from typing import Any, Final

import pytest

from capillary_interactions import ConfigurationError
from capillary_interactions._config.proxy import choose_proxy, to_proxy, unused_proxy
from tests.examples import config
from tests.tables import table

HTTPS: Final = "https://api.example:8443/gateway"
HTTP: Final = "http://api.example"


def chosen(environ: dict[str, str], base_url: str = HTTPS, setting: str | None = "env") -> object:
    """The name of the proxy, or None."""
    proxy = choose_proxy(setting, base_url, environ)
    return None if proxy is None else str(proxy).removeprefix("the proxy ")


@table(
    ("environ", "https", "http"),
    [
        ({}, None, None),
        ({"HTTPS_PROXY": "http://p:1"}, "http://p:1 (HTTPS_PROXY)", None),
        ({"https_proxy": "http://p:1"}, "http://p:1 (https_proxy)", None),
        ({"HTTP_PROXY": "http://p:1"}, None, "http://p:1 (HTTP_PROXY)"),
        ({"http_proxy": "p:1"}, None, "http://p:1 (http_proxy)"),
        ({"https_proxy": "p:1", "HTTPS_PROXY": "q:1"}, "http://p:1 (https_proxy)", None),
        # Switched off for one call of a program, as with requests.
        ({"https_proxy": "", "HTTPS_PROXY": "http://q:1"}, None, None),
        ({"HTTPS_PROXY": ""}, None, None),
        ({"ALL_PROXY": "http://p:1"}, "http://p:1 (ALL_PROXY)", "http://p:1 (ALL_PROXY)"),
        ({"all_proxy": "http://p:1", "https_proxy": "q"}, "http://q (https_proxy)",
         "http://p:1 (all_proxy)"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "api.example"}, None, None),
        ({"HTTPS_PROXY": "p:1", "no_proxy": "x", "NO_PROXY": "*"}, "http://p:1 (HTTPS_PROXY)",
         None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "", "NO_PROXY": "*"}, None, None),
        ({"HTTPS_PROXY": "p", "HTTP_PROXY": "p", "NO_PROXY": "example:443,example:80"},
         "http://p (HTTPS_PROXY)", None),
        # A CGI program gets its caller's header `Proxy:` as HTTP_PROXY.
        ({"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, None, None),
        ({"http_proxy": "http://p:1", "REQUEST_METHOD": "GET"}, None, "http://p:1 (http_proxy)"),
        ({"HTTPS_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, "http://p:1 (HTTPS_PROXY)", None),
    ],
)  # fmt: skip
def test_obeys_the_environment(
    environ: dict[str, str], https: str | None, http: str | None
) -> None:
    """As curl and requests do."""
    assert (chosen(environ), chosen(environ, HTTP)) == (https, http)


@table(
    ("value", "name", "pair"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128", None),
        ("proxy.example:3128", "http://proxy.example:3128", None),
        (" https://proxy.example/ ", "https://proxy.example", None),
        ("http://[::1]:3128", "http://[::1]:3128", None),
        ("http://u:p@proxy.example:3128", "http://proxy.example:3128", "u:p"),
        ("u:p@proxy.example:3128", "http://proxy.example:3128", "u:p"),
        ("http://a%40b:p%3A%2F%23@proxy.example", "http://proxy.example", "a@b:p:/#"),
        ("http://u@proxy.example", "http://proxy.example", "u:"),
        ("http://ü:p@ss@proxy.example", "http://proxy.example", "ü:p@ss"),
    ],
)
def test_reads_a_url(value: str, name: str, pair: str | None) -> None:
    """The scheme may be missing, and credentials are percent-encoded; they are not in its name."""
    proxy = choose_proxy(to_proxy(value), HTTPS, {"HTTPS_PROXY": "http://other:1"})
    basic = None if pair is None else f"Basic {base64.b64encode(pair.encode()).decode()}"

    assert proxy is not None
    assert (proxy.url, proxy.authorization, str(proxy)) == (name, basic, f"the proxy {name}")


@table(
    ("value", "reason"),
    [
        (1, 'must be a URL, "env" or None, not a int'),
        ("", "must be a URL such as"),
        ("none of these", "must be a URL such as"),
        ("http://", "must be a URL such as"),
        ("http://proxy:hush", "must be a URL such as"),
        ("http://proxy:0", "must be a URL such as"),
        ("http://u:hu#sh@proxy:1", "must be a URL such as .* percent-encoded"),
        ("http://u:hu/sh@proxy:1", "must be a URL such as .* percent-encoded"),
        ("ftp://u:hush@proxy", "must be a URL such as"),
        ("socks5://u:hush@proxy:1080", "socks5:// is not supported"),
        ("http://wpad.example/hush.pac", "without a path .* PAC"),
        ("http://proxy:1?hush", "without a path"),
    ],
)
def test_refuses_what_is_no_proxy(value: Any, reason: str) -> None:
    """Where it is set, or where a client is made; without the value, which may hold a password."""
    with pytest.raises(ConfigurationError, match=f"^proxy .*{reason}") as refused:
        config(proxy=value)
    assert "hush" not in f"{refused.value} {refused.value.__context__}"
    if isinstance(value, str) and value:
        ignoring = r"; proxy=None \(--proxy none\) ignores it$"
        with pytest.raises(
            ConfigurationError, match=f"^HTTPS_PROXY .*{reason}.*{ignoring}"
        ) as refused:
            chosen({"HTTPS_PROXY": value})
        assert "hush" not in str(refused.value)


def test_shows_a_setting_without_its_credentials() -> None:
    """They are kept, also in a copy by pickle."""
    url = "http://branch-7:hush@proxy.example:3128"
    made = config(proxy=url)

    assert "proxy='http://***@proxy.example:3128'" in repr(made)
    assert "proxy='http://proxy.example:3128'" in repr(config(proxy="proxy.example:3128"))
    assert "proxy='env'" in repr(config())
    assert "proxy=None" in repr(config(proxy=None))
    assert pickle.loads(pickle.dumps(made)).proxy == url  # noqa: S301 - its own


@table(
    ("environ", "setting", "hint"),
    [
        ({}, None, ""),
        ({"HTTP_PROXY": "x"}, None, ""),
        ({"HTTPS_PROXY": "http://u:hush@p"}, None, " (HTTPS_PROXY is set, but no proxy is used: "),
        (
            {"all_proxy": "x", "NO_PROXY": "*"},
            "env",
            " (all_proxy is set, but NO_PROXY exempts this ",
        ),
        (
            {"https_proxy": "x", "no_proxy": "*"},
            "env",
            " (https_proxy is set, but no_proxy exempts",
        ),
        ({"HTTPS_PROXY": "x"}, "env", ""),
        ({"HTTPS_PROXY": "x", "NO_PROXY": "*"}, "http://p:1", ""),
    ],
)
def test_says_why_a_proxy_is_not_used(
    environ: dict[str, str], setting: str | None, hint: str
) -> None:
    """Where there is no connection, the variable that one would expect to help is named."""
    found = unused_proxy(setting, HTTPS, environ)

    assert found.startswith(hint)
    assert bool(found) is bool(hint)
    assert "hush" not in found
