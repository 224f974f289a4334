"""A certificate authority of the tests' own, and servers and clients that it vouches for."""

import ssl
from pathlib import Path
from typing import Any

import trustme

from capillary_interactions import Tls


class Authority:
    """Signs certificates.

    Args:
        home: Where its own certificate is written, and those of clients.

    Attributes:
        tls: The settings of a client that trusts it alone.
    """

    def __init__(self, home: Path) -> None:
        self._authority = trustme.CA()
        self._home = home
        self._authority.cert_pem.write_to_path(home / "authority.pem")
        self.tls = Tls(ca_file=str(home / "authority.pem"))

    def server(self, **options: Any) -> ssl.SSLContext:
        """The context of a server on a loopback address."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("127.0.0.1", **options).configure_cert(context)
        return context

    def asking_server(self) -> ssl.SSLContext:
        """That of a server that wants a client certificate of this authority's, in TLS 1.2.

        In TLS 1.3, whether a client reads why it was refused depends on how the server closes.
        """
        context = self.server()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        self._authority.configure_trust(context)
        return context

    def write_server(self, home: Path) -> None:
        """Write the files of a server: its certificate with its key, and this authority's."""
        issued = self._authority.issue_cert("127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(home / "server.pem")
        self._authority.cert_pem.write_to_path(home / "authority.pem")

    def certificate(self, name: str, **options: Any) -> Path:
        """The file of a certificate with its key."""
        path = self._home / f"{name}.pem"
        issued = self._authority.issue_cert(f"{name}@till.example", **options)
        issued.private_key_and_cert_chain_pem.write_to_path(path)
        return path
