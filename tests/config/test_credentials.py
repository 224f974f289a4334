"""Who asks: what credentials may be, and that they never show."""

from typing import Any

import pytest

from capillary_interactions import BasicAuth, ConfigurationError, OAuth
from tests.examples import carried
from tests.tables import table

_MD5_OF_123 = "202cb962ac59075b964b07152d234b70"


def test_digests_the_password_as_the_api_wants_it() -> None:
    """The vendor's own test vector."""
    assert BasicAuth("till.1", "123").md5() == _MD5_OF_123


@table("digest", [_MD5_OF_123, _MD5_OF_123.upper()])
def test_takes_a_digest_in_place_of_the_password(digest: str) -> None:
    """Who knows only the digest is no worse off."""
    assert BasicAuth.from_md5("till.1", digest).md5() == _MD5_OF_123


def test_digests_a_password_that_looks_like_a_digest() -> None:
    """Only `from_md5` says that it is one."""
    assert BasicAuth("till.1", _MD5_OF_123).md5() != _MD5_OF_123
    assert BasicAuth("till.1", _MD5_OF_123) != BasicAuth.from_md5("till.1", _MD5_OF_123)


def test_digests_the_utf_8_of_a_password() -> None:
    """Passwords are not only ASCII."""
    assert BasicAuth("till.1", "pässwörd").md5() == "12841e4ba5e37d2fbfc78458c6714ade"


@table("digest", ["", "123", _MD5_OF_123[:-1], f"{_MD5_OF_123}0", "g" * 32,
                                    f"{_MD5_OF_123}\n", None, 5])  # fmt: skip
def test_refuses_a_digest_of_another_form(digest: Any) -> None:
    """The message does not repeat what may be a password."""
    with pytest.raises(ConfigurationError, match=r"^BasicAuth\.from_md5 needs 32 hex") as refused:
        BasicAuth.from_md5("till.1", digest)

    assert "202cb" not in str(refused.value)


@table("value", ["", " ", "hush\n", "hush\x00", "hush\udcff", None, 5])
def test_refuses_what_cannot_be_sent(value: Any) -> None:
    """Each part is checked, named and not repeated."""
    for name, make in (
        ("BasicAuth.username", lambda: BasicAuth(value, "x")),
        ("BasicAuth.password", lambda: BasicAuth("x", value)),
        ("OAuth.key", lambda: OAuth(value, "x")),
        ("OAuth.secret", lambda: OAuth("x", value)),
        ("OAuth.attribution", lambda: OAuth("x", "x", ("STORE_CODE", value))),
    ):
        with pytest.raises(ConfigurationError, match=f"^{name} must") as refused:
            make()
        assert "hush" not in str(refused.value)


def test_refuses_a_colon_in_a_user_name() -> None:
    """Basic authentication would end the name there."""
    with pytest.raises(ConfigurationError, match=r"^BasicAuth\.username must not hold a colon"):
        BasicAuth("till:1", "x")


@table("attribution", ["S1", ("S1",), ("A", "B", "C"), ["A", "B"], 5, {}])
def test_refuses_an_attribution_that_is_no_pair(attribution: Any) -> None:
    """The message shows what a pair looks like."""
    with pytest.raises(ConfigurationError, match=r'^OAuth\.attribution .*\("STORE_CODE", "S1"\)'):
        OAuth("key", "secret", attribution)


def test_takes_an_attribution() -> None:
    """A type and a code."""
    assert OAuth("k", "s", ("STORE_CODE", "S1")).attribution == ("STORE_CODE", "S1")
    assert OAuth("k", "s").attribution is None


@table(
    "credential",
    [
        BasicAuth("hush-till", "hush-password"),
        BasicAuth.from_md5("hush-till", _MD5_OF_123),
        OAuth("hush-key", "hush-secret"),
    ],
)
def test_shows_nothing_of_itself_and_travels_whole(credential: BasicAuth | OAuth) -> None:
    """A repr holds no part of a credential; a pickle holds all of it."""
    assert "hush" not in f"{credential!r} {credential}"
    assert "202cb" not in f"{credential!r} {credential}"
    assert carried(credential) == credential
    assert len({credential, carried(credential)}) == 1
