"""Which servers are reached without a proxy? The rules of NO_PROXY.

They are those of curl; ports, which curl does not know, are those of requests.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_Address = IPv4Address | IPv6Address


def is_exempt(no_proxy: str, host: str, port: int) -> bool:
    """Whether a server is reached without a proxy.

    Args:
        no_proxy: "*" for all servers, or names, addresses and networks, separated by commas or
            blanks. A name is that of a host or of a domain, with or without a leading dot; a port
            may follow it.
        host: The server's name or address.
        port: The server's port.
    """
    if no_proxy.strip() == "*":
        return True
    address = _address(host)
    entries = filter(None, re.split(r"[\s,]+", no_proxy))
    if address is not None:
        return any(_holds(entry, address, port) for entry in entries)
    name = _name(host)
    return any(_is_of_domain(entry, name, port) for entry in entries)


def _is_of_domain(entry: str, host: str, port: int) -> bool:
    name, colon, own_port = entry.partition(":")
    domain = _name(name)
    same = domain != "" and (host == domain or host.endswith(f".{domain}"))
    return same and (not colon or own_port == str(port))


def _name(text: str) -> str:
    return text.lower().strip(".")


def _holds(entry: str, address: _Address, port: int) -> bool:
    if re.search(r"/\d{1,3}\Z", entry):
        return _is_in(entry, address)
    match = re.fullmatch(r"\[(.*)\](?::(\d+))?|([^:]*):(\d+)", entry)
    if match is None:
        return _address(entry) == address
    own_port = match[2] or match[4]
    return _address(match[1] or match[3]) == address and own_port in {None, str(port)}


def _is_in(entry: str, address: _Address) -> bool:
    try:
        network = ip_network(entry, strict=False)
    except ValueError:
        return False
    # Of a network of all addresses, curl and requests make nothing.
    return network.prefixlen > 0 and address in network


def _address(text: str) -> _Address | None:
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None
