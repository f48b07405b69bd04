"""The API limits of a store in words: its own limit, the channel's windows, the daily limit of the application."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels.http import app_quota, rate_limit
from channels.models import Budget, Connection
from oms.kit.admin.badges import span_text
from oms.kit.numbers import grouped

_WHAT: dict[str, Any] = {
    "": gettext_lazy("requests"),
    "GET": gettext_lazy("read requests"),
    "PUT": gettext_lazy("change requests"),
    "POST": gettext_lazy("create requests"),
    "DELETE": gettext_lazy("delete requests"),
}


@dataclass(frozen=True, slots=True)
class LimitUsed:
    """One API limit: `left` of `size` requests of the kind `what`, in the period `when`."""

    left: int
    size: int
    what: str
    when: str

    @property
    def is_short(self) -> bool:
        """Whether less than a tenth is left: work of lower priority waits then."""
        return self.left < self.low

    @property
    def low(self) -> float:
        return self.size / 10

    @property
    def short(self) -> str:
        """Return "118 of 150 requests left"."""
        return _("%(left)s of %(size)s %(what)s left") % {
            "left": grouped(self.left),
            "size": grouped(self.size),
            "what": self.what,
        }

    @property
    def text(self) -> str:
        """Return "590 of 600 read requests left within 1 h"."""
        return f"{self.short} {self.when}"


def limits_used(connection: Connection) -> Sequence[LimitUsed]:
    """Return every API limit that counts this store's requests, the store's own first. Makes two or three queries.

    Empty for a store without an API.
    """
    spec = connection.spec
    if not spec.has_wire:
        return ()
    left, size = rate_limit.left(connection)
    found = [LimitUsed(int(left), int(size), str(_WHAT[""]), _("now"))]
    row = Budget.objects.filter(pk=connection.pk).only("spent").first()
    moment = timezone.now().timestamp()
    for window in rate_limit.all_windows_of(connection):
        free = rate_limit.window_left(window, row.spent if row else {}, moment)
        when = _("within %s") % span_text(window.seconds)
        found.append(LimitUsed(free, window.limit, str(_WHAT[window.method]), when))
    if (day := app_quota.left(connection)) is not None:
        when = _("within 1 day, shared by all stores of this application")
        found.append(LimitUsed(int(day[0]), int(day[1]), str(_WHAT[""]), when))
    return found


def tightest_limit(found: Sequence[LimitUsed]) -> LimitUsed | None:
    """Return the limit of which the smallest share is left; None for no limits."""
    return min(found, key=lambda each: each.left / max(each.size, 1), default=None)
