"""The state of a store in one sentence, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels.models import Connection, OutboxMessage, RejectedRecord
from channels.stores.health.alarms import alarm
from oms.kit.admin.badges import span_text
from oms.kit.numbers import grouped


@dataclass(frozen=True, slots=True)
class Health:
    """One word for the chip, its colour, and the sentence beside it."""

    word: str
    colour: str
    text: str


#: Return how many open things of a kind these stores have, by store.
CountOf = Callable[[Collection[int]], Mapping[int, int]]
#: Say a count in words: "2 failed messages".
Words = Callable[[int], str]

_open_work: dict[str, tuple[CountOf, Words]] = {}


def register_open_work(kind: str, count: CountOf, words: Words) -> None:
    """Register something that waits for a person in the pages of a store: such a store is not simply OK."""
    _open_work[kind] = (count, words)


def healths_of(stores: Iterable[Connection]) -> dict[int, Health]:
    """Return the health of these stores by key; one that would be OK names what is open. One query for each kind of work."""
    found = {store.pk: health_of(store) for store in stores}
    well = [pk for pk, health in found.items() if health.colour == "success"]
    lines: dict[int, list[str]] = {}
    for count, words in _open_work.values() if well else ():
        for pk, number in count(well).items():
            if number:
                lines.setdefault(pk, []).append(words(number))
    for pk, open_work in lines.items():
        what = _("Imports and sending work. Open: %s.") % ", ".join(open_work)
        found[pk] = Health(_("Needs attention"), "warning", what)
    return found


def failed_messages(connection_ids: Collection[int]) -> Mapping[int, int]:
    """Return how many messages of these stores failed, by store."""
    rows = OutboxMessage.objects.parked().filter(connection__in=connection_ids).order_by()
    return dict(rows.values_list("connection_id").annotate(n=Count("pk")))


def failed_words(count: int) -> str:
    """Return "2 failed messages"."""
    return ngettext("%s failed message", "%s failed messages", count) % grouped(count)


def rejected_words(count: int) -> str:
    """Return "1 rejected record"."""
    return ngettext("%s rejected record", "%s rejected records", count) % grouped(count)


def rejected_records(connection_ids: Collection[int]) -> Mapping[int, int]:
    """Return how many records of these stores could not be imported, by store."""
    rows = RejectedRecord.objects.open().filter(connection__in=connection_ids).order_by()
    return dict(rows.values_list("connection_id").annotate(n=Count("pk")))


def health_of(store: Connection) -> Health:
    """Return the most important fact about this store's imports and sending. Makes no database query."""
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
