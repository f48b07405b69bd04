"""The address of a visitor, for throttling and for the list of sessions."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_ip(request: HttpRequest) -> str:
    """Return the visitor's address; "" where it is not known.

    X-Forwarded-For is read only when the call comes from one of our proxies (`OMS_TRUSTED_PROXIES`), from the right: the
    first address there that is no proxy of ours. What a visitor wrote into the header stands left of that, so it changes
    nothing. An entry that is no address ends the reading.
    """
    peer = str(request.META.get("REMOTE_ADDR") or "")
    found = parsed(peer)
    if not is_trusted(peer):
        return str(found or "")
    for entry in reversed(str(request.META.get("HTTP_X_FORWARDED_FOR") or "").split(",")):
        address = parsed(entry)
        if address is None:
            break
        found = address
        if not is_trusted(str(address)):
            break
    return str(found or "")


def parsed(text: str) -> Address | None:
    """Return the address in "192.0.2.1", "192.0.2.1:4711", "2001:db8::1" or "[2001:db8::1]:4711"; None for other text."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def is_trusted(peer: str) -> bool:
    """Whether this is one of our proxies; a Unix socket has no address and is trusted as "unix"."""
    address = parsed(peer)
    if address is None:
        return not peer and "unix" in settings.OMS_TRUSTED_PROXIES
    return any(address in network for network in networks(settings.OMS_TRUSTED_PROXIES))


def networks(texts: Iterable[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return the networks in these texts ("10.0.0.0/8", "127.0.0.1"); raise ValueError for text that is none."""
    return [
        ipaddress.ip_network(text.strip(), strict=False) for text in texts if text.strip() not in ("", "unix")
    ]
