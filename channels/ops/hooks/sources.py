"""The event of a problem that was raised, and the alert of a webhook that was switched off."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels.models import HookSubscription
from channels.push import hook_kinds as events
from channels.stores import alert_kinds
from channels.stores.alert_kinds import AlertKind, Cause
from oms.kit.admin.pages import address
from oms.kit.models import Problem

PROBLEM: Final = "problem.raised"


def _read(after: int, most: int) -> Sequence[events.Found]:
    rows = Problem.objects.filter(pk__gt=after).order_by("pk").values_list("pk", "opened_at")[:most]
    return [events.Found(pk, at, str(pk), pk) for pk, at in rows]


def _newest() -> int:
    return Problem.objects.aggregate(key=Max("pk"))["key"] or 0


def _payload(ids: Collection[int]) -> dict[int, dict[str, Any]]:
    return {
        row.pk: {
            "id": row.pk,
            "code": row.code,
            "text": row.message,
            "subject_kind": row.subject_kind,
            "subject_id": row.subject_id,
            "store": row.connection_id,
            "is_open": row.resolved_at is None,
        }
        for row in Problem.objects.filter(pk__in=ids)
    }


def switched_off() -> Iterator[Cause]:
    """Return the webhooks that were switched off because they failed."""
    for row in HookSubscription.objects.filter(is_active=False).exclude(off_reason="").order_by("pk"):
        text = _("The outgoing webhook %(name)s was switched off: %(why)s") % {
            "name": row.name,
            "why": row.off_reason,
        }
        yield Cause(f"hook:{row.pk}", text, address("hook", row.pk))


def declare() -> None:
    """Declare the event and the alert; called at start-up."""
    events.declare(
        events.Kind(
            PROBLEM, gettext_lazy("Problem raised"), _payload, [events.Source("problem", _read, _newest)]
        )
    )
    alert_kinds.declare(
        AlertKind(
            "hook_off",
            gettext_lazy("Outgoing webhook switched off"),
            gettext_lazy("Its address refused all calls for three days, or wants no more."),
            "channels.change_connection",
            switched_off,
            is_urgent=False,
        )
    )
