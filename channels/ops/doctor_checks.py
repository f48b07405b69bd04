"""The engine's checks for `doctor`: configuration, lanes, freshness, and what must hold in its rows."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Exists, F, Min, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.registry import specs
from channels.models import Connection, OutboxMessage, RejectedRecord, SyncRun, SyncStream
from channels.models.fields import UnreadableCredentials, cipher
from channels.stores import freshness, health
from channels.workers import heartbeat
from oms.kit import doctor
from oms.kit.doctor import Finding
from oms.kit.models import Job

SWEPT = timedelta(minutes=5)  # an expired lease this old was seen by several ticks and is still there
SHOWN = 5
DESK_TIME = timedelta(days=1)  # what waits for a person that long is forgotten


def _listed(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (_(" and %d more") % more if more > 0 else "")


def configuration() -> Finding:
    """Keys are there, every channel of the setting loads, every stored credential can be read."""
    if not settings.OMS_CREDENTIAL_KEYS:
        return Finding(False, _("Set OMS_CREDENTIAL_KEYS: no store can be connected without it."))
    cipher()
    known = specs()
    unreadable, unknown = [], []
    for pk, name, channel in Connection.objects.values_list("pk", "name", "channel"):
        if channel not in known:
            unknown.append(name)
        try:
            Connection.objects.only("credentials", "webhook_secret").get(pk=pk)
        except UnreadableCredentials:
            unreadable.append(name)
    if unreadable:
        return Finding(
            False,
            _("No key of OMS_CREDENTIAL_KEYS opens the credentials of: %s.") % _listed(unreadable),
        )
    if unknown:
        return Finding(False, _("OMS_CHANNELS lacks the channel of: %s.") % _listed(unknown))
    return Finding(True, _("%d channels: %s.") % (len(known), ", ".join(known)))


def lanes_alive() -> Finding:
    """A worker of each lane ran within 3 minutes."""
    dead = heartbeat.dead_lanes()
    if dead:
        return Finding(
            False, _("No worker of these lanes ran within 3 minutes: %s. Restart them.") % ", ".join(dead)
        )
    return Finding(True)


def fresh() -> Finding:
    """Every stream of every active store is within its target."""
    late = [f"{store.name}: {line.title}" for store, line in freshness.late_lines()]
    return Finding(not late, _("Late: %s.") % _listed(late) if late else "")


def stores_well() -> Finding:
    """No store needs its seller, or has been failing for long."""
    troubled = [
        f"{store.name}: {words}"
        for store in Connection.objects.connected().order_by("name")
        if (words := health.alarm(store))
    ]
    return Finding(not troubled, _listed(troubled))


def failed_messages_are_handled() -> Finding:
    """No message has been parked for more than a day; younger ones are on somebody's desk."""
    day = timezone.now() - DESK_TIME
    rows = (
        OutboxMessage.objects.filter(connection__in=Connection.objects.connected())
        .parked()
        .order_by()
        .values("connection__name")
        .annotate(n=Count("pk"), first=Min("parked_at"))
        .values_list("connection__name", "n", "first")
    )
    found = list(rows)
    parked = [f"{name}: {number}" for name, number, _first in found]
    return Finding(
        all(first >= day for _name, _number, first in found),
        _("Parked messages wait for a person: %s.") % _listed(parked) if parked else "",
    )


def rejected_records_are_handled() -> Finding:
    """No order has been kept out for more than a day.

    A product without a SKU or with another's is everyday business in a shop, has a problem row of its own, and
    turns nothing red, however long it stays.
    """
    refused = RejectedRecord.objects.open().filter(connection__in=Connection.objects.connected())
    number = refused.count()
    lying = refused.filter(stream__startswith="orders.", first_seen_at__lt=timezone.now() - DESK_TIME)
    old = [f"{row.connection.name} {row.external_id}" for row in lying.select_related("connection")[:SHOWN]]
    if old:
        return Finding(False, _("Orders that could not be stored for more than a day: %s.") % _listed(old))
    return Finding(True, _("%d records of channels could not be stored.") % number if number else "")


def leases_swept() -> Finding:
    """No lease ran out minutes ago without anybody taking the work up again."""
    before = timezone.now() - SWEPT
    active = {"connection__state": Connection.State.ACTIVE}
    streams = SyncStream.objects.filter(lease_until__lt=before, **active).exclude(lease_token="")
    messages = OutboxMessage.objects.waiting().filter(
        lease_until__lt=before, connection__is_read_only=False, **active
    )
    jobs = Job.objects.filter(lease_until__lt=before).live()
    found = [str(stream) for stream in streams[:SHOWN]]
    found += [str(message) for message in messages[:SHOWN]]
    found += [str(job) for job in jobs[:SHOWN]]
    return Finding(not found, _("Begun and left lying: %s.") % _listed(found) if found else "")


def sent_within_wanted() -> Finding:
    bad = OutboxMessage.objects.filter(sent__gt=F("wanted")).count()
    return Finding(bad == 0, _("%d messages were sent more often than wanted.") % bad if bad else "")


def events_in_order() -> Finding:
    """No event of an order was sent while an earlier one of it was not."""
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
    return Finding(bad == 0, _("%d order events went out before an earlier one.") % bad if bad else "")


def runs_have_streams() -> Finding:
    """Every live run belongs to a stream of its store, and none has been lying still for a day."""
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
    twice = (
        Connection.objects.order_by()
        .values("channel", "fingerprint")
        .annotate(n=Count("pk"))
        .filter(Q(n__gt=1) | Q(fingerprint=""))
        .count()
    )
    return Finding(twice == 0, _("%d accounts are connected twice.") % twice if twice else "")


def register_checks() -> None:
    """Declare the checks, in the order they are shown."""
    doctor.register("configuration", configuration)
    doctor.register("lanes", lanes_alive)
    doctor.register("freshness", fresh)
    doctor.register("stores", stores_well)
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
        "Print the lanes whose last sign of life is older than 3 minutes, one a line, and nothing else.",
    )
