"""The five ways a channel can fail, and nothing else.

    ChannelError
    ├── TemporaryError   time-out, connection, 408, 5xx, maintenance page: try again later
    │   └── Uncertain    the request may have been carried out: look before repeating it
    ├── RateLimited      429, or the rate limit is used up: the store waits until `retry_after`
    ├── AuthError        401, a refused refresh, 403 for a missing scope: the store needs its seller
    ├── Rejected         the channel understood and said no: this record or message, not its neighbours
    └── NotSupported     the channel cannot do it at all, and the code called it anyway

`str(error)` is one sentence for the operator; `detail` is for the log. Neither ever holds a secret.
"""

from __future__ import annotations


class ChannelError(Exception):
    """Base of every failure of a call to a channel."""

    def __init__(self, message: str, *, detail: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.code = code


class TemporaryError(ChannelError):
    """The call itself is right; the same call may succeed later.

    `maintenance` marks a shop that says it is closed for maintenance: wait for the next interval and
    raise no alarm within the first hour (`opencart.md` §5.2). `retry_after`: seconds the channel asked for.
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
    """No answer came: the channel may or may not have done the work."""


class RateLimited(ChannelError):
    """The channel, or Manifold's own rate limit of the store, requires a wait of `retry_after` seconds.

    `scope` names the kind of request that must wait (an HTTP method with a quota of its own, or work of lower rank:
    `budget.RANK`); empty = all of the store's. What has another scope goes on.
    """

    def __init__(
        self, message: str, *, retry_after: float, detail: str = "", code: str = "", scope: str = ""
    ) -> None:
        super().__init__(message, detail=detail, code=code)
        self.retry_after = retry_after
        self.scope = scope


class AuthError(ChannelError):
    """The store's credentials no longer work; the seller must act."""


class Rejected(ChannelError):
    """The channel refused this one thing; `field` names the guilty field where it is known."""

    def __init__(self, message: str, *, detail: str = "", code: str = "", field: str = "") -> None:
        super().__init__(message, detail=detail, code=code)
        self.field = field


class NotSupported(ChannelError):
    """The channel has no such capability (`ChannelSpec.capabilities` says why)."""
