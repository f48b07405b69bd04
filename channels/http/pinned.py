"""HTTP connections to the address that was checked, within the deadline."""

from __future__ import annotations

import socket
import time
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util import connection as urllib3_connection

from channels.http.deadline import Deadline
from channels.http.ssrf import resolve

CONNECT_SECONDS = 5.0  # where the call names no time
ADDRESSES_TRIED = 3  # addresses that may use up their time: a host with many dead ones does not use more


def _open(conn: HTTPConnection) -> socket.socket:
    """Connect to a checked address of the connection's host; raises the same errors as urllib3."""
    try:
        addresses = resolve(conn.host, conn.port)
    except socket.gaierror as error:
        raise NameResolutionError(conn.host, conn, error) from error
    failure: OSError | None = None
    each = conn.timeout if isinstance(conn.timeout, (int, float)) else CONNECT_SECONDS
    until = time.monotonic() + min(each * ADDRESSES_TRIED, Deadline.left())
    for address in addresses:
        left = until - time.monotonic()
        if left <= 0:
            raise ConnectTimeoutError(conn, f"{conn.host} did not answer in time") from failure
        try:
            return urllib3_connection.create_connection(
                (address, conn.port),
                min(each, left),
                source_address=conn.source_address,
                socket_options=conn.socket_options,
            )
        except OSError as error:
            failure = error
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(conn, f"{conn.host} did not answer in time") from failure
    raise NewConnectionError(conn, f"{conn.host} cannot be reached: {failure}") from failure


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
