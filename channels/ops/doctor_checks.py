"""The checks of channels for `doctor`: configuration, lanes, freshness, and invariants of its rows."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Exists, F, Min, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.registry import specs, system_specs
from channels.models import Connection, OutboxMessage, RejectedRecord, SyncRun, SyncStream
from channels.models.fields import cipher
from channels.ops import credentials
from channels.stores.health import alarms, freshness
from channels.workers import heartbeat
from oms.kit import doctor
from oms.kit.doctor import Finding
from oms.kit.models import Job

MAX_EXPIRED = timedelta(minutes=5)  # several ticks have seen a lease that expired so long ago
SHOWN = 5
HANDLED_WITHIN = timedelta(days=1)  # faults that people must handle are older only when nobody handles them


def _listed(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (_(" and %d more") % more if more > 0 else "")


def configuration() -> Finding:
    """Check that keys are set, every configured channel loads, and all stored credentials can be decrypted."""
    if not settings.OMS_CREDENTIAL_KEYS:
        return Finding(False, _("Set OMS_CREDENTIAL_KEYS. No store can be connected without it."))
    cipher()
    configured = {**specs(), **system_specs()}
    rows = Connection.objects.values_list("name", "channel")
    unknown = [name for name, channel in rows if channel not in configured]
    if unreadable := credentials.unreadable_stores():
        return Finding(False, credentials.unreadable_text(unreadable.values()))
    if unknown:
        return Finding(False, _("OMS_CHANNELS does not have the channel of: %s.") % _listed(unknown))
    return Finding(True, _("%d channels: %s.") % (len(specs()), ", ".join(specs())))


def lanes_alive() -> Finding:
    """Check that a worker of each lane ran in the last 3 minutes."""
    dead = heartbeat.dead_lanes()
    if dead:
        return Finding(
            False,
            _("No worker of these lanes ran in the last 3 minutes: %s. Restart them.") % ", ".join(dead),
        )
    return Finding(True)


def fresh() -> Finding:
    """Check that every stream of every active store is within its target, and that no store lost its credentials.

    A store that was copied without them (`loaddata`) imports nothing from now on, however fresh its last run looks.
    """
    if lost := credentials.lost_stores():
        return Finding(
            False,
            _("These stores have no credentials: %s. Reconnect them.") % _listed([row.name for row in lost]),
        )
    late = [f"{store.name}: {line.title}" for store, line in freshness.late_lines()]
    return Finding(not late, _("Late: %s.") % _listed(late) if late else "")


def stores_work() -> Finding:
    """Check that no store must be reconnected or has had a fault for long."""
    troubled = [
        f"{store.name}: {words}"
        for store in Connection.objects.connected().order_by("name")
        if (words := alarms.alarm(store))
    ]
    return Finding(not troubled, _listed(troubled))


def failed_messages_are_handled() -> Finding:
    """Check that no message failed more than a day ago; people may still handle newer ones."""
    day = timezone.now() - HANDLED_WITHIN
    rows = (
        OutboxMessage.objects.filter(connection__in=Connection.objects.connected())
        .parked()
        .order_by()
        .values("connection__name")
        .annotate(n=Count("pk"), first=Min("parked_at"))
        .values_list("connection__name", "n", "first")
    )
    found = list(rows)
    failed = [f"{name}: {number}" for name, number, _first in found]
    return Finding(
        all(first >= day for _name, _number, first in found),
        _("Failed messages: %s. Retry or skip them.") % _listed(failed) if failed else "",
    )


def rejected_records_are_handled() -> Finding:
    """Check that no order has been rejected for more than a day.

    Products without a SKU, or with the SKU of another product, are common and have problems of their own: they pass.
    """
    rejected = RejectedRecord.objects.open().filter(connection__in=Connection.objects.connected())
    number = rejected.count()
    waiting = rejected.filter(stream__startswith="orders.", first_seen_at__lt=timezone.now() - HANDLED_WITHIN)
    old = [f"{row.connection.name} {row.external_id}" for row in waiting.select_related("connection")[:SHOWN]]
    if old:
        return Finding(False, _("Orders that were rejected more than a day ago: %s.") % _listed(old))
    return Finding(True, _("%d rejected records.") % number if number else "")


def leases_swept() -> Finding:
    """Check that no lease expired minutes ago without another worker continuing the work."""
    before = timezone.now() - MAX_EXPIRED
    active = {"connection__state": Connection.State.ACTIVE}
    streams = SyncStream.objects.filter(lease_until__lt=before, **active).exclude(lease_token="")
    messages = OutboxMessage.objects.waiting().filter(
        lease_until__lt=before, connection__is_read_only=False, **active
    )
    jobs = Job.objects.filter(lease_until__lt=before).live()
    found = [str(stream) for stream in streams[:SHOWN]]
    found += [str(message) for message in messages[:SHOWN]]
    found += [str(job) for job in jobs[:SHOWN]]
    return Finding(not found, _("Started and not continued: %s.") % _listed(found) if found else "")


def sent_within_wanted() -> Finding:
    """Check that no message has a sent version above the wanted one."""
    bad = OutboxMessage.objects.filter(sent__gt=F("wanted")).count()
    return Finding(bad == 0, _("%d messages have a sent version above the wanted one.") % bad if bad else "")


def events_in_order() -> Finding:
    """Check that no event of an order was sent before an earlier one."""
    earlier = OutboxMessage.objects.filter(
        connection_id=OuterRef("connection_id"),
        kind=OutboxMessage.Kind.EVENT,
        group=OuterRef("group"),
        id__lt=OuterRef("id"),
        wanted__gt=F("sent"),
        skipped_at=None,
    )
    bad = OutboxMessage.objects.filter(
        Exists(earlier), kind=OutboxMessage.Kind.EVENT, group__isnull=False, sent__gte=F("wanted")
    ).count()
    return Finding(bad == 0, _("%d order events were sent before an earlier one.") % bad if bad else "")


def runs_have_streams() -> Finding:
    """Check that every live run has a stream, and that none is older than a day."""
    day = timezone.now() - timedelta(days=1)
    names = SyncStream.objects.values_list("connection_id", "name")
    have = set(names)
    bad = [
        str(run)
        for run in SyncRun.objects.filter(
            state=SyncRun.State.RUNNING, connection__state=Connection.State.ACTIVE
        )
        if (run.connection_id, run.stream) not in have or run.started_at < day
    ]
    return Finding(not bad, _("Runs that do not end: %s.") % _listed(bad) if bad else "")


def one_account_one_store() -> Finding:
    """Check that no account is connected twice."""
    twice = (
        Connection.objects.order_by()
        .values("channel", "fingerprint")
        .annotate(n=Count("pk"))
        .filter(Q(n__gt=1) | Q(fingerprint=""))
        .count()
    )
    return Finding(twice == 0, _("%d accounts are connected twice.") % twice if twice else "")


def register_checks() -> None:
    """Register the checks, in the order of their output."""
    doctor.register("configuration", configuration)
    doctor.register("lanes", lanes_alive)
    doctor.register("freshness", fresh)
    doctor.register("stores", stores_work)
    doctor.register("outbox_parked", failed_messages_are_handled)
    doctor.register("records_refused", rejected_records_are_handled)
    doctor.register("leases_swept", leases_swept)
    doctor.register("outbox_sent_within_wanted", sent_within_wanted)
    doctor.register("outbox_events_in_order", events_in_order)
    doctor.register("runs_end", runs_have_streams)
    doctor.register("one_account_one_store", one_account_one_store)
    doctor.register_list(
        "stale-lanes",
        heartbeat.dead_lanes,
        "Print the lanes whose heartbeat is older than 3 minutes, one in each line, and nothing else.",
    )
