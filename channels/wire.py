"""Where a call may go: public addresses only, looked up once and connected to as looked up.

The check is made where the socket is opened, on the very address that is dialled, so that a name which
answers differently the second time gains nothing. `OMS_ALLOWED_PRIVATE_HOSTS` (host, host:port or network)
opens single private places.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from contextlib import suppress
from typing import Any

from django.conf import settings
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util import connection as urllib3_connection

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class PrivateAddress(Exception):
    """The host resolves to an address inside somebody's network; `host` is what was asked for."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


def _plain(address: str) -> Address:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        # A v4 address in v6 clothes is judged as what it is.
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
    """Refuse an address that is written out, before anything is opened; names are checked when resolved."""
    try:
        _plain(host.strip("[]"))
    except ValueError:
        return
    if not is_allowed(host, port, host.strip("[]")):
        raise PrivateAddress(host)


def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host` that may be dialled; raises `PrivateAddress` when there are only others."""
    family = urllib3_connection.allowed_gai_family()
    found = socket.getaddrinfo(host.strip("[]"), port, family, socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    usable = [address for address in addresses if is_allowed(host, port, address)]
    if not usable:
        raise PrivateAddress(host)
    return usable


def _open(conn: HTTPConnection) -> socket.socket:
    """Dial a checked address of the connection's host; same errors as urllib3's own."""
    try:
        addresses = resolve(conn.host, conn.port)
    except socket.gaierror as error:
        raise NameResolutionError(conn.host, conn, error) from error
    failure: OSError | None = None
    for address in addresses:
        try:
            return urllib3_connection.create_connection(
                (address, conn.port),
                conn.timeout,
                source_address=conn.source_address,
                socket_options=conn.socket_options,
            )
        except OSError as error:
            failure = error
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(conn, f"{conn.host} did not answer in time") from failure
    raise NewConnectionError(conn, f"{conn.host} cannot be reached: {failure}") from failure


class Deadline:
    """Ends an exchange that drips on for longer than `seconds`, wherever it stands, by shutting its socket."""

    _current = threading.local()

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._sock: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._current.value = self
        self._timer.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._timer.cancel()
        self._current.value = None
        self._sock = None

    def _end(self) -> None:
        self.is_over = True
        sock = self._sock
        if sock is not None:
            with suppress(OSError):
                # Not SSLSocket.shutdown, which drops the TLS layer under the reader's feet.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    @classmethod
    def watch(cls, sock: socket.socket | None) -> None:
        current = getattr(cls._current, "value", None)
        if current is not None:
            current._sock = sock
            if current.is_over:
                current._end()


class PinnedHTTP(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        sock = _open(self)
        Deadline.watch(sock)
        return sock

    def getresponse(self) -> Any:
        Deadline.watch(self.sock)
        return super().getresponse()


class PinnedHTTPS(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        sock = _open(self)
        Deadline.watch(sock)
        return sock

    def getresponse(self) -> Any:
        Deadline.watch(self.sock)
        return super().getresponse()


class PinnedHTTPPool(HTTPConnectionPool):
    ConnectionCls = PinnedHTTP


class PinnedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = PinnedHTTPS


POOLS = {"http": PinnedHTTPPool, "https": PinnedHTTPSPool}
