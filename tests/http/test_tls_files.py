"""Files of certificates and keys: what is wrong with one, before anything is sent."""

import pickle
import ssl
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import trustme

from capillary_interactions import ConfigurationError, InteractionsClient, Tls
from capillary_interactions._http.tls_files import load_tls
from tests.examples import config
from tests.tables import table

PASSWORD: Final = "hush-91"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good files and bad ones."""
    home = tmp_path_factory.mktemp("files")
    authority = trustme.CA()
    issued, other = authority.issue_cert("a@till.example"), authority.issue_cert("b@till.example")
    authority.cert_pem.write_to_path(home / "authority.pem")
    issued.cert_chain_pems[0].write_to_path(home / "own.pem")
    issued.private_key_pem.write_to_path(home / "own.key")
    issued.private_key_and_cert_chain_pem.write_to_path(home / "both.pem")
    other.private_key_pem.write_to_path(home / "other.key")
    (home / "text.pem").write_text("hello\n")
    (home / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nhello\n")
    (home / "broken.key").write_text("-----BEGIN PRIVATE KEY-----\nhello\n")
    command = f"openssl pkey -in own.key -aes128 -passout pass:{PASSWORD} -out secret.key"
    subprocess.run(command.split(), cwd=home, check=True)  # noqa: S603 - the line above
    return home


def tls_of(files: Path, **names: str) -> Tls:
    """The settings with the files of these names."""
    password = names.pop("password", None)
    paths: dict[str, Any] = {name: str(files / file) for name, file in names.items()}
    return Tls(**paths, client_key_password=password)


@table(
    ("names", "reason"),
    [
        ({"ca_file": "missing.pem"}, r"ca_file '.*/missing.pem' cannot be read: No such file"),
        ({"ca_file": "."}, "ca_file '.*' cannot be read: Is a directory"),
        ({"ca_file": "text.pem"}, "ca_file '.*' holds no certificate in PEM .* `openssl x509`"),
        ({"ca_file": "own.key"}, "ca_file '.*' holds no certificate in PEM"),
        ({"ca_file": "broken.pem"}, "ca_file '.*/broken.pem' cannot be used"),
        ({"client_cert": "missing.pem"}, "client_cert '.*' cannot be read: No such file"),
        ({"client_cert": "own.key"}, "client_cert '.*' holds no certificate"),
        ({"client_cert": "own.pem"}, "client_cert '.*/own.pem' holds no private key"),
        (
            {"client_cert": "own.pem", "client_key": "missing.key"},
            "client_key '.*/missing.key' cannot be read: No such file",
        ),
        (
            {"client_cert": "own.pem", "client_key": "authority.pem"},
            "client_key '.*/authority.pem' holds no private key",
        ),
        (
            {"client_cert": "own.pem", "client_key": "broken.key"},
            "client_key '.*/broken.key' cannot be used",
        ),
        (
            {"client_cert": "own.pem", "client_key": "other.key"},
            "client_key '.*/other.key' is not the key of the certificate in '.*/own.pem'",
        ),
        (
            {"client_cert": "own.pem", "client_key": "secret.key"},
            "client_key '.*/secret.key' is encrypted: .*CAPILLARY_CLIENT_KEY_PASSWORD",
        ),
        (
            {"client_cert": "own.pem", "client_key": "secret.key", "password": "wrong-77"},
            "client_key_password is not the password of '.*/secret.key'",
        ),
    ],
)
def test_says_what_is_wrong_with_a_file(names: dict[str, str], reason: str, files: Path) -> None:
    """As the client is made; with the setting and the path, and never with a password."""
    settings = config(tls=tls_of(files, **names))
    with pytest.raises(ConfigurationError, match=f"^tls.{reason}") as refused:
        InteractionsClient(settings)
    assert "wrong-77" not in f"{refused.value!r} {settings!r}"


@table(
    "names",
    [
        {"client_cert": "both.pem"},
        {"client_cert": "own.pem", "client_key": "own.key"},
        {"client_cert": "own.pem", "client_key": "secret.key", "password": PASSWORD},
    ],
)
def test_takes_a_certificate_with_its_key(names: dict[str, str], files: Path) -> None:
    """In one file or two, encrypted or not; authorities are those of the system then."""
    context = load_tls(tls_of(files, **names))

    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.get_ca_certs() == ssl.create_default_context().get_ca_certs()


def test_trusts_the_authorities_of_the_file_alone(files: Path) -> None:
    """As curl's `--cacert` and `verify=` of requests, it stands in place of the system's."""
    context = load_tls(tls_of(files, ca_file="authority.pem"))

    assert context is not None
    assert len(context.get_ca_certs()) == 1
    assert context.check_hostname
    assert load_tls(Tls()) is None


@table(
    ("settings", "reason"),
    [
        ({"ca_file": ""}, "tls.ca_file must be the path of a file"),
        ({"ca_file": 3}, "tls.ca_file must be the path of a file, not 3"),
        (
            {"ca_file": "-----BEGIN CERTIFICATE-----\nhush"},
            "tls.ca_file must be .*, not what is in",
        ),
        ({"client_cert": "-----BEGIN hush"}, "tls.client_cert must be .*, not what is in it"),
        ({"client_key": "own.key"}, "tls.client_key needs tls.client_cert"),
        ({"client_key_password": "hush"}, "tls.client_key_password .* needs tls.client_cert"),
        (
            {"client_cert": "own.pem", "client_key_password": 7},
            "tls.client_key_password must be a s",
        ),
    ],
)
def test_refuses_what_is_no_path(settings: dict[str, Any], reason: str) -> None:
    """Where it is set: the content of a file in place of its path, a key alone."""
    with pytest.raises(ConfigurationError, match=f"^{reason}") as refused:
        Tls(**settings)
    assert "hush" not in str(refused.value)


def test_shows_no_value_that_may_be_a_secret() -> None:
    """A password in place of a path is not repeated; a path object is taken."""
    with pytest.raises(
        ConfigurationError, match="a string of 7 characters cannot be read"
    ) as refused:
        load_tls(Tls(client_cert="hush-91"))
    assert "hush" not in str(refused.value)
    made = Tls(client_cert=Path("/etc/till.pem"), client_key_password=PASSWORD)
    assert made.client_cert == "/etc/till.pem"
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301 - its own
    assert PASSWORD not in repr(made)
