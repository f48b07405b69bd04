"""What each store is told about stock: absolute figures, read at the moment of sending."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.models import ListingVariant, sku_key
from channels.base import ChannelAdapter
from channels.errors import Rejected
from channels.models import Connection, OutboxMessage
from channels.outbox import PlanLine
from channels.records import Outcome, StockUpdate
from inventory import locations
from inventory.errors import NotListed
from inventory.offers import Offer, offers
from inventory.policy import steps
from oms.kit.bulk import set_to


class StockHandler:
    """Topic `stock`; a message's subject is a listing variant."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        """Push the present offers of these SKUs in one call; one `Outcome` per message, in their order.

        A figure that the store accepted last is not sent again, unless the store deducts by itself: then what it
        shows may have moved since, and only sending makes sure.
        """
        now = offers(connection, [message.subject for message in messages])
        places = locations.places_of(connection)
        free = (
            locations.available_at(connection, {offer.variant_id for offer in now.values()}) if places else {}
        )
        outcomes: dict[str, Outcome] = {}
        updates: list[StockUpdate] = []
        told: dict[str, Offer] = {}
        for message in messages:
            ref, offer = str(message.pk), now.get(message.subject)
            if offer is None or not offer.external_id:
                outcomes[ref] = Outcome(ref, note=_("No longer on the store."))
            elif offer.blocked:
                outcomes[ref] = Outcome(ref, note=offer.blocked)
            elif _stands(connection, offer):
                outcomes[ref] = Outcome(ref, note=_("Already shown."))
            else:
                told[ref] = offer
                updates += _updates(
                    ref, offer, locations.lay_out(offer.quantity, places, free.get(offer.variant_id, {}))
                )
        if updates:
            answers = {outcome.ref: outcome for outcome in adapter.push_stock(updates)}
            for update in updates:
                ref = update.ref.partition("@")[0]
                answer = answers.get(update.ref)
                error = answer.error if answer else Rejected(_("The store did not answer for this SKU."))
                if error is not None or ref not in outcomes:  # one location that refuses is a refusal
                    outcomes[ref] = Outcome(ref, error, note=answer.note if answer else "")
            _remember(told, outcomes)
        return [outcomes[str(message.pk)] for message in messages]

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        """What would be sent: the figure the store shows, as far as we know, and the one that it would show."""
        now = offers(connection, [message.subject for message in messages])
        lines = []
        for message in messages:
            offer = now.get(message.subject)
            if offer is None or not offer.external_id:
                continue
            old = offer.remote_quantity if offer.sent_quantity is None else offer.sent_quantity
            lines.append(
                PlanLine(
                    message_id=message.pk,
                    what=_("stock of %s") % offer.sku,
                    old="" if old is None else str(old),
                    new="" if offer.blocked else str(offer.quantity),
                    why=offer.blocked or _why(offer),
                )
            )
        return lines


def _updates(ref: str, offer: Offer, parts: Sequence[tuple[str, int]]) -> list[StockUpdate]:
    """One figure for the whole store, or one for each of the channel's locations (their refs begin alike)."""
    what = (offer.listing_external_id, offer.external_id, offer.sku)
    if not parts:
        return [StockUpdate(ref, *what, offer.quantity)]
    return [StockUpdate(f"{ref}@{place}", *what, units, place) for place, units in parts]


def _stands(connection: Connection, offer: Offer) -> bool:
    return (
        not connection.spec.orders_deduct_stock
        and offer.sent_at is not None
        and offer.sent_quantity == offer.quantity
        and not offer.answer
    )


def _why(offer: Offer) -> str:
    words = {
        "available": _("%(on_hand)d on hand, %(allocated)d held"),
        "stopped": _("stopped"),
        "holiday": _("holiday"),
        "buffer": _("buffer %(buffer)s"),
        "percentage": _("%(percentage)s%%"),
        "cap": _("cap %(cap)s"),
    }
    figures = {"on_hand": offer.on_hand, "allocated": offer.allocated, **offer.limits._asdict()}
    return ", ".join(words[name] % figures for name, _units in steps(offer.available, offer.limits))


def _remember(told: Mapping[str, Offer], outcomes: Mapping[str, Outcome]) -> None:
    """Store on each listed SKU what was sent and what the channel answered."""
    now = timezone.now()
    done: dict[int, tuple[int, object, str]] = {}
    refused: dict[int, tuple[str]] = {}
    for ref, offer in told.items():
        error = outcomes[ref].error
        if error is None:
            done[offer.listing_variant_id] = (offer.quantity, now, "")
        else:
            refused[offer.listing_variant_id] = (str(error)[:300],)
    set_to(ListingVariant, ("sent_quantity", "sent_at", "answer"), done)
    set_to(ListingVariant, ("answer",), refused)


def subjects_of(connection: Connection, skus: Sequence[str] | None = None) -> Iterable[int]:
    """Listing variants whose stock “Sync Stock” sends: all that the store takes, or those of these SKUs.

    Figures that would count as standing are forgotten, so that every one is really sent. Raises `NotListed`
    naming a SKU that the store does not have.
    """
    shown = ListingVariant.objects.pushable().filter(connection=connection)
    if skus is not None:
        keys = {sku_key(sku): sku for sku in skus}
        shown = shown.filter(sku_key__in=keys) | shown.filter(variant__sku_key__in=keys)
        found = set(shown.values_list("sku_key", flat=True)) | set(
            shown.values_list("variant__sku_key", flat=True)
        )
        if missing := [sku for key, sku in keys.items() if key not in found]:
            raise NotListed(
                _("%(store)s has no SKU “%(sku)s” whose stock can be sent.")
                % {"store": connection, "sku": missing[0]}
            )
    ids = list(shown.order_by("pk").values_list("pk", flat=True))
    if not connection.spec.orders_deduct_stock:
        ListingVariant.objects.filter(pk__in=ids).update(sent_at=None)
    return ids
