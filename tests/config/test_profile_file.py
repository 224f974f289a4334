"""Where is the file of profiles, who may read it, and which TOML is none?"""

import os
import sys
from pathlib import Path

import pytest

from capillary_interactions import ClientConfig, ConfigurationError
from tests.examples import AUTH, URL
from tests.tables import table

from .profiles import BASIC, config_file, from_text, with_settings

_COMMAND = 'auth = { username = "t", password_command = "echo p" }'
_OPEN = f'[profiles.shop]\nbase_url = "eu"\n{_COMMAND}\n'


@table(
    ("text", "mode", "message"),
    [
        (with_settings(""), 0o640, "it holds secrets, and other users can read it: chmod 600 {}"),
        (with_settings(""), 0o604, "it holds secrets, and other users can read it: chmod 600 {}"),
        (f"{_OPEN}headers = {{ K = 'v' }}", 0o644, "it holds secrets"),
        (f"{_OPEN}proxy = 'http://u:hush@host'", 0o644, "it holds secrets"),
        (f"{_OPEN}proxy = 'u:hush@host:1'", 0o644, "it holds secrets"),
        (f"{_OPEN}tls.client_key_password = 'hush'", 0o644, "it holds secrets"),
        (f"{_OPEN}[profiles.b.auth]\nsecret = 'hush'", 0o644, "it holds secrets"),
        (_OPEN, 0o664, "other users can change it: chmod 600 {}"),
        (_OPEN, 0o602, "other users can change it: chmod 600 {}"),
    ],
)
def test_refuses_a_file_of_secrets_that_others_can_read(
    text: str, mode: int, message: str, tmp_path: Path
) -> None:
    """Also for a secret of another profile; and any file that others can write a command into."""
    file = config_file(tmp_path, text, mode)

    with pytest.raises(ConfigurationError) as refused:
        ClientConfig.from_profile("shop", file=file, environ={})

    assert str(refused.value).startswith(f"{file}: {message.format(file)}")
    assert "hush" not in str(refused.value)


@table(("text", "mode"), [(with_settings(""), 0o400), (with_settings(""), 0o600), (_OPEN, 0o644)])
def test_reads_a_file_that_is_safe(text: str, mode: int, tmp_path: Path) -> None:
    """One without a secret may be everybody's to read: a command prints the password."""
    file = config_file(tmp_path, text, mode)

    assert ClientConfig.from_profile("shop", file=file, environ={}).base_url == URL
    file.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to another user")
def test_knows_whose_file_it_is(tmp_path: Path) -> None:
    """Another user's is refused, whatever it holds."""
    file = config_file(tmp_path, _OPEN)
    os.chown(file, 12345, 12345)

    with pytest.raises(ConfigurationError, match="it belongs to another user"):
        ClientConfig.from_profile("shop", file=file, environ={})


@table(
    ("text", "place"),
    [
        ("[profiles.shop]\nbase_url = eu\n", "line 2, column 12"),
        ("[profiles.shop]\npassword = hush", "line 2, column 12"),
        ("[profiles.shop]\n  api = 'hush", "line 2, column 14"),
        ("[profiles.shop]\n\nbase_url 'hush'\n", "line 3, column 10"),
        ("[profiles.shop]\n[profiles.shop]\n", "line 2, column 15"),
        ("[profiles.hush]\nhush = 1\nhush = 2", "line 3, column 9"),
        ("x = 1\nx = [", "line 2, column 6"),
    ],
)
def test_says_where_it_is_no_toml(text: str, place: str, tmp_path: Path) -> None:
    """By line and column, and without what stands there."""
    with pytest.raises(ConfigurationError) as refused:
        from_text(tmp_path, text)

    assert f"config.toml: it is no valid TOML at {place}; " in str(refused.value)
    assert "hush" not in str(refused.value)
    assert refused.value.__context__ is None


@table(
    ("content", "message"),
    [
        (b"\xff\xfe[\x00p\x00", "it is not UTF-8"),
        (b"x = " + b"[" * 20_000, "nested too deeply"),
        (b"#" * (1024 * 1024 + 1), "larger than 1 MiB"),
        (b"x = " + b"9" * 5_000, "it is no valid TOML at line 1, column 5005"),
    ],
)
def test_refuses_what_is_no_text_of_a_person(content: bytes, message: str, tmp_path: Path) -> None:
    """Each with its reason, and none with an error of Python's."""
    file = config_file(tmp_path, "")
    file.write_bytes(content)

    with pytest.raises(ConfigurationError, match=message):
        ClientConfig.from_profile("shop", file=file, environ={})


def test_reads_what_windows_writes(tmp_path: Path) -> None:
    """A mark of UTF-8 at the beginning, and its own line ends."""
    file = config_file(tmp_path, "")
    file.write_bytes(b"\xef\xbb\xbf" + with_settings("").replace("\n", "\r\n").encode())

    assert ClientConfig.from_profile("shop", file=file, environ={}) == ClientConfig(URL, AUTH)


def test_reads_a_pipe_once(tmp_path: Path) -> None:
    """`--config-file <(pass show ...)` keeps the whole file in a password manager."""
    reader, writer = os.pipe()
    os.write(writer, with_settings("").encode())
    os.close(writer)

    made = ClientConfig.from_profile("shop", file=f"/dev/fd/{reader}", environ={})

    os.close(reader)
    assert made == ClientConfig(URL, AUTH)


@table("file", ["nowhere.toml", "."])
def test_names_a_file_that_cannot_be_read(file: str, tmp_path: Path) -> None:
    """Nothing is made up in its place."""
    path = tmp_path / file

    with pytest.raises(ConfigurationError, match=f"^{path}: (there is no such|it cannot be read)"):
        ClientConfig.from_profile("shop", file=path, environ={})


def test_finds_the_file_in_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where platformdirs says that it is; on Linux below XDG_CONFIG_HOME."""
    folder = tmp_path / "capillary-interactions"
    folder.mkdir()
    config_file(folder, with_settings(""))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    assert ClientConfig.from_profile("shop", environ={}) == ClientConfig(URL, AUTH)


def test_names_the_ways_on_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library alone needs the file's name."""
    monkeypatch.setitem(sys.modules, "platformdirs", None)

    with pytest.raises(ConfigurationError, match=r"CAPILLARY_CONFIG_FILE.*interactions\[cli\]"):
        ClientConfig.from_profile("shop", environ={})


def test_finds_a_file_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tilde in a variable is no shell's to replace."""
    config_file(tmp_path, f'[profiles.shop]\nbase_url = "eu"\n{BASIC}')
    monkeypatch.setenv("HOME", str(tmp_path))
    environ = {"CAPILLARY_PROFILE": "shop", "CAPILLARY_CONFIG_FILE": "~/config.toml"}

    assert ClientConfig.from_env(environ) == ClientConfig(URL, AUTH)
