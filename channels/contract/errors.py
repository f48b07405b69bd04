"""The five errors of a call to a channel.

    ChannelError
    ├── TemporaryError   time-out, connection, 408, 5xx, maintenance page: try again later
    │   └── Uncertain    the request may have been carried out: check the channel before repeating it
    ├── RateLimited      429, or the rate limit is used up: the store waits until `retry_after`
    ├── AuthError        401, a refused refresh, 403 for a missing scope: a person must reconnect the store
    ├── Rejected         the channel refused this record or message; others are not affected
    └── NotSupported     the channel does not have this capability, and the code called it anyway

`str(error)` is one sentence for a person; `detail` is for the log. Neither has a secret in it.
"""

from __future__ import annotations

#: Codes of refusals with which the channels say that they do not have a record.
GONE = frozenset(
    {
        "404",
        "not_found",
        "no_such_order",
        "no_such_product",
        "no_such_sku",
        "no_such_variant",
        "no_such_listing",
    }
)


class ChannelError(Exception):
    """Base of every failure of a call to a channel."""

    def __init__(self, message: str, *, detail: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.code = code


class TemporaryError(ChannelError):
    """A temporary fault: the same call may succeed later.

    `maintenance`: the shop reports that it is closed for maintenance; wait for the next interval and raise no alarm
    within the first hour (`opencart.md` §5.2). `retry_after`: seconds that the channel asked to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        detail: str = "",
        code: str = "",
        maintenance: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, detail=detail, code=code)
        self.maintenance = maintenance
        self.retry_after = retry_after


class Uncertain(TemporaryError):
    """No answer came: the channel may have carried out the request."""


class RateLimited(ChannelError):
    """The channel, or Manifold's own rate limit of the store, requires a wait of `retry_after` seconds.

    `scope` names the kind of request that must wait (an HTTP method with a limit of its own, or work of lower priority:
    `rate_limit.RANK`); empty = all requests of the store. Requests of another scope do not wait.
    """

    def __init__(
        self, message: str, *, retry_after: float, detail: str = "", code: str = "", scope: str = ""
    ) -> None:
        super().__init__(message, detail=detail, code=code)
        self.retry_after = retry_after
        self.scope = scope


class AuthError(ChannelError):
    """The store's credentials are no longer valid; a person must reconnect the store."""


class Rejected(ChannelError):
    """The channel refused this record or message; `field` names the wrong field where it is known."""

    def __init__(self, message: str, *, detail: str = "", code: str = "", field: str = "") -> None:
        super().__init__(message, detail=detail, code=code)
        self.field = field

    @property
    def is_gone(self) -> bool:
        """Whether the channel says that it does not have the record (any more)."""
        return self.code in GONE


class NotSupported(ChannelError):
    """The channel does not have this capability (`ChannelSpec.capabilities` has the reason)."""
