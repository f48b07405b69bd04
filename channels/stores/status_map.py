"""The Manifold status of each native status of a store, and the native status that is sent for each event.

The map starts from the channel's own table and the store's list of statuses. A later import never resets what the
seller edited; a status that is new on the channel is added as unknown, unless the table has its id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent, RemoteState, StatusRecord
from channels.models import Connection, StatusMapEntry, SyncRun
from channels.pull.streams import Counts
from oms.kit.authors import audit
from oms.kit.authors.actors import Author

if TYPE_CHECKING:
    from channels.contract.spec import ChannelSpec


class StatusMapError(Exception):
    """The map cannot be edited in this way; the text says why."""


#: Applies an edited map to the rows that wait for it: (connection_id=, by=) -> (how many it updated, whether more follow).
Appliers = Callable[..., tuple[int, bool]]
_appliers: list[Appliers] = []


def register_applier(applier: Appliers) -> None:
    """Register what is updated after a person has edited a map (orders with an unknown status)."""
    _appliers.append(applier)


def apply_to_orders(*, connection_id: int, by: Author) -> tuple[int, bool]:
    """Update the orders of a store after its map was edited; return how many, and whether more follow as a job."""
    found = [applier(connection_id=connection_id, by=by) for applier in _appliers]
    return sum(done for done, _more in found), any(more for _done, more in found)


@dataclass(frozen=True, slots=True)
class Entry:
    """One status as sinks and handlers use it."""

    external_id: str
    name: str
    remote_state: RemoteState
    is_edited: bool
    holds_stock: bool | None
    events: tuple[FulfilmentEvent, ...]


def status_map(connection: Connection) -> dict[str, Entry]:
    """Return the store's map by native status id. Makes one query."""
    rows = StatusMapEntry.objects.filter(connection=connection)
    return {row["external_id"]: entry(row) for row in rows.values(*COLUMNS)}


#: The columns of an entry.
COLUMNS = ("external_id", "name", "remote_state", "is_edited", "holds_stock", "events")


def entry(row: Mapping[str, Any]) -> Entry:
    """Return the entry of a row with `COLUMNS`."""
    holds_stock = row["holds_stock"]
    return Entry(
        external_id=row["external_id"],
        name=row["name"],
        remote_state=RemoteState(row["remote_state"]),
        is_edited=bool(row["is_edited"]),
        holds_stock=None if holds_stock is None else bool(holds_stock),
        events=tuple(FulfilmentEvent(event) for event in row["events"]),
    )


def native_for(entries: Iterable[Entry], event: FulfilmentEvent) -> str:
    """Return the status id that is sent for an event; "" when there is none."""
    return next((each.external_id for each in entries if event in each.events), "")


def _default_events(spec: ChannelSpec, external_id: str) -> list[str]:
    return [str(event) for event, native in spec.events.items() if native and native == external_id]


def merge(*, connection: Connection, records: Sequence[StatusRecord]) -> Counts:
    """Store the store's list of statuses: names always, meanings only for new statuses.

    A status that was deleted on the channel keeps its row: orders still have it. Without a list, the channel's own
    table is the list.
    """
    spec = connection.spec
    listed = list(records) or [StatusRecord(external_id, external_id) for external_id in spec.statuses]
    new: list[StatusMapEntry] = []
    changed: list[StatusMapEntry] = []
    with transaction.atomic():
        Connection.objects.select_for_update(no_key=True).get(
            pk=connection.pk
        )  # two imports at the same time merge one after the other
        have = {row.external_id: row for row in StatusMapEntry.objects.filter(connection=connection)}
        taken = {event for row in have.values() for event in row.events}
        for record in listed:
            row = have.get(record.external_id)
            name = (record.name or record.external_id)[:120]
            if row is None:
                events = [e for e in _default_events(spec, record.external_id) if e not in taken]
                state = spec.statuses.get(record.external_id, RemoteState.UNKNOWN)
                new.append(
                    StatusMapEntry(
                        connection=connection,
                        external_id=record.external_id,
                        name=name,
                        remote_state=state,
                        holds_stock=record.holds_stock,
                        events=events,
                    )
                )
            elif (row.name, row.holds_stock) != (name, record.holds_stock):
                row.name, row.holds_stock = name, record.holds_stock
                changed.append(row)
        StatusMapEntry.objects.bulk_create(new)
        if changed:
            StatusMapEntry.objects.bulk_update(changed, ["name", "holds_stock"])
    return Counts(new=len(new), changed=len(changed), same=len(listed) - len(new) - len(changed))


def add_unknown(*, connection: Connection, names: Mapping[str, str]) -> None:
    """Add statuses (id -> name) of orders that no list has to the map, as unknown: a person can then map them."""
    StatusMapEntry.objects.bulk_create(
        [
            StatusMapEntry(connection=connection, external_id=external_id, name=(name or external_id)[:120])
            for external_id, name in sorted(names.items())
        ],
        ignore_conflicts=True,
    )


def store_statuses(connection: Connection, records: Sequence[Any], run: SyncRun) -> Counts:
    """Store the records of the statuses stream (its sink)."""
    return merge(connection=connection, records=records)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one status: its new Manifold status, and the events for which it is sent (None: as before).

    `shown` are the events that the person saw on it: an event that is new here moves here from another status.
    """

    external_id: str
    remote_state: str
    events: Sequence[str] | None = None
    shown: Sequence[str] = ()


@transaction.atomic
def edit_all(*, connection: Connection, changes: Sequence[Change]) -> list[StatusMapEntry]:
    """Change several statuses, or none of them; return their rows. Raises `StatusMapError` like `edit`.

    An event that one change adds is taken from the events of the other changes.
    """
    added = {
        event: change.external_id
        for change in changes
        for event in change.events or ()
        if event not in change.shown
    }
    return [
        edit(
            connection=connection,
            external_id=change.external_id,
            remote_state=change.remote_state,
            events=None
            if change.events is None
            else [
                event for event in change.events if added.get(event, change.external_id) == change.external_id
            ],
        )
        for change in changes
    ]


@transaction.atomic
def edit(
    *,
    connection: Connection,
    external_id: str,
    remote_state: str | None = None,
    events: Sequence[str] | None = None,
) -> StatusMapEntry:
    """Change what a status means, or for which events it is sent; an event is removed from the status that had it.

    Raises `StatusMapError` for a status, a meaning or an event that does not exist, and for an event that cannot be
    sent to the channel.
    """
    rows = {
        row.external_id: row
        for row in StatusMapEntry.objects.select_for_update().filter(connection=connection).order_by("pk")
    }
    row = rows.get(external_id)
    if row is None:
        raise StatusMapError(
            _("%(store)s has no status %(id)s. It has: %(known)s.")
            % {"store": connection.name, "id": external_id, "known": ", ".join(sorted(rows)) or "–"}
        )
    before = audit.snapshot(row, ("remote_state", "events"))
    if remote_state is not None:
        if remote_state not in list(RemoteState):
            raise StatusMapError(
                _("“%(state)s” is not a Manifold status. Use one of: %(known)s.")
                % {"state": remote_state, "known": ", ".join(RemoteState)}
            )
        row.remote_state = remote_state
    if events is not None:
        spec = connection.spec
        if not spec.writes_statuses:
            raise StatusMapError(
                _("%(channel)s sets the status of an order itself. You cannot choose one.")
                % {"channel": spec.label}
            )
        for event in events:
            if event not in list(FulfilmentEvent):
                raise StatusMapError(
                    _("“%(event)s” is not an event. Use one of: %(known)s.")
                    % {"event": event, "known": ", ".join(FulfilmentEvent)}
                )
            if FulfilmentEvent(event) not in spec.events:
                raise StatusMapError(
                    _("“%(event)s” cannot be sent to %(channel)s.") % {"channel": spec.label, "event": event}
                )
        for other in rows.values():
            left = [event for event in other.events if event not in events]
            if other.pk != row.pk and left != other.events:
                with audit.watch(other, "events", what="store.status_map"):
                    other.events = left
                    other.save(update_fields=["events"])
        row.events = list(dict.fromkeys(events))
    row.is_edited = True
    row.save()
    if changes := audit.difference(before, audit.snapshot(row, ("remote_state", "events"))):
        audit.record("store.status_map", row, changes)
    return row
