"""Blocks connections to other machines while tests run, so that no test depends on a real shop."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

attempts: list[str] = []
"""Addresses that the running test tried to reach; checked at its end, because tested code may catch the error."""

_LOCAL_NAMES = {"localhost", "", None, socket.gethostname()}
_allowed: set[str] = set()
_real: dict[str, Any] = {}


class NetworkClosed(AssertionError):
    """A test tried to reach another machine."""


def close(*, also_allowed: str = "") -> None:
    """Refuse connections to other machines; host names other than localhost do not resolve.

    `also_allowed` is a URL whose host is allowed (Redis of `make test-db`).
    """
    if _real:
        return
    if also_allowed:
        _allowed.add(urlsplit(also_allowed).hostname or "")
    _real.update(
        connect=socket.socket.connect,
        connect_ex=socket.socket.connect_ex,
        getaddrinfo=socket.getaddrinfo,
    )

    def connect(self: socket.socket, address: Any) -> None:
        _check(self, address)
        _real["connect"](self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        _check(self, address)
        return int(_real["connect_ex"](self, address))

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in _LOCAL_NAMES and name not in _allowed and _as_ip(name) is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known (no DNS in tests)")
        return _real["getaddrinfo"](host, *args, **kwargs)

    socket.socket.connect = connect  # type: ignore[method-assign, assignment]
    socket.socket.connect_ex = connect_ex  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = getaddrinfo


def reopen() -> None:
    """Restore the real functions."""
    if _real:
        socket.socket.connect = _real["connect"]  # type: ignore[method-assign]
        socket.socket.connect_ex = _real["connect_ex"]  # type: ignore[method-assign]
        socket.getaddrinfo = _real["getaddrinfo"]
        _real.clear()


def _as_ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _check(sock: socket.socket, address: Any) -> None:
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
        return
    host = str(address[0])
    ip = _as_ip(host)
    if host in _LOCAL_NAMES or host in _allowed or (ip is not None and (ip.is_loopback or ip.is_unspecified)):
        return
    attempts.append(f"{host}:{address[1]}")
    raise NetworkClosed(f"Tests may not reach {host}:{address[1]}.")
