"""The causes of alerts of channels: keys, faults, stale imports, failed messages, silent workers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from channels.models import Connection, LaneBeat, OutboxMessage
from channels.stores import alert_kinds as kinds
from channels.stores.alert_kinds import AlertKind, Cause
from channels.stores.health import freshness
from channels.stores.health.alarms import alarm, grant_warning
from channels.workers import heartbeat
from oms.kit.admin.badges import span_text
from oms.kit.admin.pages import address
from oms.kit.numbers import grouped

VIEW: Final = "channels.view_connection"
#: How much later than its target an import is before it is an alert: workers may be busy for some minutes.
STALE: Final = timedelta(minutes=10)


def _cause(store: Connection, text: str, page: str = "store") -> Cause:
    return Cause(f"store:{store.pk}", f"{store}: {text}", address(page, store.pk), store.pk)


def dead_keys() -> Iterator[Cause]:
    """Return the stores that must be reconnected."""
    for store in Connection.objects.filter(state=Connection.State.NEEDS_SELLER).order_by("pk"):
        text = store.state_reason or _("The channel refused the keys. Reconnect the store.")
        yield _cause(store, text, "store_reconnect")


def expiring_keys() -> Iterator[Cause]:
    """Return the paused stores whose unused sign-in ends within two weeks, or has ended."""
    for store in Connection.objects.filter(state=Connection.State.PAUSED).order_by("pk"):
        if text := grant_warning(store):
            yield _cause(store, text)


def faults() -> Iterator[Cause]:
    """Return the active stores that do not work for ten minutes (in maintenance: for an hour)."""
    rows = Connection.objects.active().filter(failing_since__isnull=False)
    for store in rows.order_by("pk"):
        if text := alarm(store):
            yield _cause(store, text)


def stale_streams() -> Iterator[Cause]:
    """Return the imports, and the stock that is not sent, that are ten minutes later than their target.

    A store with a fault has an alert of that: it is the first cause, and its imports are late because of it.
    """
    for store, line in freshness.late_lines():
        if alarm(store) or line.target is None:
            continue
        since = line.since or store.created_at
        age = timezone.now() - since
        if age > line.target + STALE:
            text = _("%(store)s: %(what)s is late (last: %(age)s ago, target: %(target)s).") % {
                "store": store,
                "what": line.title,
                "age": span_text(age.total_seconds()),
                "target": span_text(line.target.total_seconds()),
            }
            yield Cause(f"store:{store.pk}:{line.name}", text, address("store", store.pk), store.pk)


def failed_messages() -> Iterator[Cause]:
    """Return the stores with messages that the channel refused."""
    rows = OutboxMessage.objects.parked().order_by().values_list("connection_id").annotate(n=Count("pk"))
    counts = dict(rows)
    for store in Connection.objects.filter(pk__in=counts).order_by("pk"):
        count = counts[store.pk]
        text = ngettext("%s failed message", "%s failed messages", count) % grouped(count)
        yield Cause(f"store:{store.pk}", f"{store}: {text}", address("parked", store=store.pk), store.pk)


def silent_workers() -> Iterator[Cause]:
    """Return the lanes whose workers have not reported for three minutes. A lane that never ran is not an alert."""
    since = timezone.now() - heartbeat.ALIVE
    for lane in LaneBeat.objects.filter(beat_at__lt=since).order_by("lane").values_list("lane", flat=True):
        yield Cause(f"lane:{lane}", _("The worker of the lane “%s” has stopped. Restart it.") % lane)


def declare() -> None:
    """Declare the kinds; called at start-up."""
    kinds.declare(
        AlertKind(
            "dead_key",
            gettext_lazy("Keys refused"),
            gettext_lazy("A channel no longer accepts the keys of a store: nothing is imported or sent."),
            VIEW,
            dead_keys,
            is_on_home=False,
        ),
        AlertKind(
            "expiring_key",
            gettext_lazy("Sign-in ends"),
            gettext_lazy("The sign-in of a paused store ends within two weeks."),
            VIEW,
            expiring_keys,
            every=timedelta(hours=1),
            is_urgent=False,
            is_on_home=False,
        ),
        AlertKind(
            "store_fault",
            gettext_lazy("Store does not work"),
            gettext_lazy("A store has not answered, or answered with a fault, for ten minutes."),
            VIEW,
            faults,
            is_on_home=False,
        ),
        AlertKind(
            "stale_stream",
            gettext_lazy("Sync is late"),
            gettext_lazy("An import, or stock to be sent, is ten minutes later than its target."),
            VIEW,
            stale_streams,
        ),
        AlertKind(
            "failed_messages",
            gettext_lazy("Failed messages"),
            gettext_lazy("A channel refused an update of an order, stock, a price or a listing."),
            VIEW,
            failed_messages,
            is_on_home=False,
        ),
        AlertKind(
            "silent_worker",
            gettext_lazy("Worker has stopped"),
            gettext_lazy("The workers of a lane have not reported for three minutes."),
            VIEW,
            silent_workers,
            is_on_home=False,
        ),
    )
