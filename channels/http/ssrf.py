"""The addresses that may be called: public ones, and those that the installation allows."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress

from django.conf import settings
from urllib3.util import connection as urllib3_connection

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class PrivateAddress(Exception):
    """The host resolves to a private address; `host` is its name."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


def _plain(address: str) -> Address:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        # An IPv4 address inside an IPv6 address is checked as IPv4.
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is not None:
            return inner
        if found in ipaddress.ip_network("64:ff9b::/96"):
            return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found


def is_allowed(host: str, port: int, address: str) -> bool:
    """Whether `host:port`, which resolved to `address`, may be called."""
    found = _plain(address)
    is_public = found.is_global and not found.is_multicast and not found.is_reserved
    if is_public:
        return True
    name = host.strip("[]").lower().rstrip(".")
    for allowed in settings.OMS_ALLOWED_PRIVATE_HOSTS:
        entry = allowed.strip().lower()
        if entry in {name, f"{name}:{port}", f"[{name}]:{port}", str(found)}:
            return True
        with suppress(ValueError):
            if found in ipaddress.ip_network(entry, strict=False):
                return True
    return False


def check_literal(host: str, port: int) -> None:
    """Raise `PrivateAddress` for a private IP address as host; names are checked when they are resolved."""
    try:
        _plain(host.strip("[]"))
    except ValueError:
        return
    if not is_allowed(host, port, host.strip("[]")):
        raise PrivateAddress(host)


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of `host` that may be called; raises `PrivateAddress` when it has none."""
    family = urllib3_connection.allowed_gai_family()
    found = socket.getaddrinfo(host.strip("[]"), port, family, socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    usable = [address for address in addresses if is_allowed(host, port, address)]
    if not usable:
        raise PrivateAddress(host)
    return usable
