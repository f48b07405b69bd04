"""Activate and deactivate listings (R-CAT-10): the state is set in Manifold and sent through the outbox."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import Listing, ListingVariant
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import ChannelError
from channels.contract.records.updates import Outcome
from channels.contract.spec import Capability
from channels.models import Connection, OutboxMessage
from channels.push import outbox
from channels.push.outbox import PlanLine
from channels.push.topics import Topic
from oms.kit.authors import audit

_SHOWN = (Listing.State.ACTIVE, Listing.State.INACTIVE)


@transaction.atomic
def set_listing_active(listing: Listing, *, active: bool) -> Listing:
    """Activate or deactivate a listing and send it to the store. Raise `CatalogueError` with the reason if that is impossible."""
    connection = listing.connection
    if not outbox.can_send(connection, Topic.LISTING_ACTIVE):
        offered = connection.account.get("offered", {})
        reason = offered.get(Capability.SET_LISTING_ACTIVE) or connection.spec.reason(
            Capability.SET_LISTING_ACTIVE
        )
        raise CatalogueError(str(reason))
    row = Listing.objects.select_for_update(of=("self",)).get(pk=listing.pk)
    if not row.external_id or row.state not in _SHOWN:
        raise CatalogueError(_("“%s” is not on the store.") % row)
    wanted = Listing.State.ACTIVE if active else Listing.State.INACTIVE
    if row.state != wanted:
        with audit.watch(row, "state", what="listing.state"):
            row.state = wanted
            row.save(update_fields=["state"])
        outbox.touch(Topic.LISTING_ACTIVE, [(row.connection_id, row.pk)])
    return row


class ActiveHandler:
    """Topic `listing.active`; the subject of a message is a listing."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        rows = _rows(messages)
        outcomes = [self._one(message, rows.get(message.subject), adapter) for message in messages]
        accepted = {message.subject for message, one in zip(messages, outcomes, strict=True) if one.ok}
        _resend_stock(connection, [rows[pk] for pk in accepted & rows.keys()])
        return outcomes

    def _one(self, message: OutboxMessage, listing: Listing | None, adapter: ChannelAdapter) -> Outcome:
        ref = str(message.pk)
        if listing is None or not listing.external_id or listing.state not in _SHOWN:
            return Outcome(ref, note=_("No longer on the store."))
        try:
            adapter.set_listing_active(listing.external_id, active=listing.state == Listing.State.ACTIVE)
        except ChannelError as error:
            return Outcome(ref, error)
        return Outcome(ref)

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        rows = _rows(messages)
        return [
            PlanLine(message.pk, str(listing), "", listing.get_state_display(), _("changed in Manifold"))
            for message in messages
            if (listing := rows.get(message.subject)) is not None
        ]


def _resend_stock(connection: Connection, listings: Sequence[Listing]) -> None:
    """Send the stock of activated listings again: the store may show a quantity from before the deactivation."""
    on = [listing.pk for listing in listings if listing.state == Listing.State.ACTIVE]
    if on:
        listed = ListingVariant.objects.filter(listing__in=on).exclude(external_id="")
        outbox.touch(Topic.STOCK, [(connection.pk, pk) for pk in listed.values_list("pk", flat=True)])


def _rows(messages: Sequence[OutboxMessage]) -> dict[int, Listing]:
    rows = Listing.objects.filter(pk__in=[message.subject for message in messages])
    return {row.pk: row for row in rows.select_related("product", "connection")}
