"""The state of a store in one sentence, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from channels.models import Connection
from channels.stores.health import alarm
from oms.kit.admin.badges import span_text


@dataclass(frozen=True, slots=True)
class Health:
    """One word for the chip, its colour, and the sentence beside it."""

    word: str
    colour: str
    text: str


def health_of(store: Connection) -> Health:
    """Return the most important fact about this store. Makes no database query."""
    now = timezone.now()
    if store.state == Connection.State.DISCONNECTED:
        stays = _("Its history stays in Manifold. Nothing is imported or sent.")
        return Health(_("Disconnected"), "default", f"{store.state_reason} {stays}".strip())
    if store.state == Connection.State.NEEDS_SELLER:
        why = store.state_reason or _("The channel refused the keys. Reconnect the store.")
        return Health(_("Needs reconnecting"), "danger", why)
    if store.state == Connection.State.PAUSED:
        since = span_text((now - store.state_since).total_seconds())
        paused = _("Nothing is imported or sent until it is resumed (paused for %s).") % since
        if trouble := alarm(store):
            return Health(_("Paused"), "danger", f"{paused} {trouble}")
        return Health(_("Paused"), "warning", paused)
    if trouble := alarm(store):
        return Health(_("Needs attention"), "danger", trouble)
    if store.failing_since:
        return Health(_("Retrying"), "warning", store.failure)
    if store.blocked_until and store.blocked_until > now:
        wait = span_text((store.blocked_until - now).total_seconds())
        return Health(
            _("Waiting"), "warning", _("The channel asked Manifold to wait. It continues in %s.") % wait
        )
    if not store.has_wire:
        return Health(
            _("Manual"), "success", _("This store has no web shop. It sells stock from your warehouses.")
        )
    if store.is_read_only:
        return Health(_("Read-only"), "info", _("Data is imported. Nothing is sent yet."))
    return Health(_("OK"), "success", _("Orders, stock and prices are in sync."))
