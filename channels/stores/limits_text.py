"""What a store may still ask of its channel, in words: its bucket, the channel's windows, the application's day."""

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

_WHAT: dict[str, Any] = {
    "": gettext_lazy("requests"),
    "GET": gettext_lazy("reads"),
    "PUT": gettext_lazy("changes"),
    "POST": gettext_lazy("new things"),
    "DELETE": gettext_lazy("deletions"),
}


@dataclass(frozen=True, slots=True)
class LimitUsed:
    """One limit: `left` of `size`, of `what`, `when`."""

    left: int
    size: int
    what: str
    when: str

    @property
    def is_short(self) -> bool:
        """Less than a tenth is left: work of lower rank waits by then."""
        return self.left < self.low

    @property
    def low(self) -> float:
        return self.size / 10

    @property
    def short(self) -> str:
        """ "118 of 150 requests left"."""
        return _("%(left)s of %(size)s %(what)s left") % {
            "left": f"{self.left:,}",
            "size": f"{self.size:,}",
            "what": self.what,
        }

    @property
    def text(self) -> str:
        """ "590 of 600 reads left within 1 h"."""
        return f"{self.short} {self.when}"


def limits_used(connection: Connection) -> Sequence[LimitUsed]:
    """Every limit that this store's requests are counted against, its own bucket first; two queries or three.

    Empty for a store without a wire. Windows that only spread the requests are ours, and are not shown.
    """
    spec = connection.spec
    if not spec.has_wire:
        return ()
    left, size = rate_limit.left(connection)
    found = [LimitUsed(int(left), int(size), str(_WHAT[""]), _("now"))]
    row = Budget.objects.filter(pk=connection.pk).only("spent").first()
    moment = timezone.now().timestamp()
    for window in rate_limit.all_windows_of(connection):
        if not window.is_pace:
            free = rate_limit.window_left(window, row.spent if row else {}, moment)
            when = _("within %s") % span_text(window.seconds)
            found.append(LimitUsed(free, window.limit, str(_WHAT[window.method]), when))
    if (day := app_quota.left(connection)) is not None:
        when = _("within 24 h, shared by all stores of this application")
        found.append(LimitUsed(int(day[0]), int(day[1]), str(_WHAT[""]), when))
    return found


def tightest_limit(found: Sequence[LimitUsed]) -> LimitUsed | None:
    """The limit of which the smallest part is left."""
    return min(found, key=lambda each: each.left / max(each.size, 1), default=None)
