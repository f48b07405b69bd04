"""Send stock to stores: absolute figures, calculated at the moment of sending."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.models import ListingVariant, sku_key
from catalogue.push import price_with_stock
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import Rejected
from channels.contract.records.updates import Outcome, StockUpdate
from channels.models import Connection, OutboxMessage
from channels.pull.single_records import request_products
from channels.push.outbox import PlanLine
from inventory.errors import NotListed
from inventory.offers import exposure_log, locations
from inventory.offers.compute import Offer, offers
from inventory.offers.limits import steps
from oms.kit.bulk import among, set_to


class StockHandler:
    """The outbox handler of the topic `stock`. The subject of a message is a listing variant."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        """Send the present offers of these SKUs in one call; return one `Outcome` per message, in their order."""
        sending = self.begin(connection, messages)
        try:
            return sending.send(messages, adapter)
        finally:
            sending.close()

    def begin(self, connection: Connection, messages: Sequence[OutboxMessage]) -> StockSending:
        """Read the present offers of these SKUs, for one call or many."""
        return StockSending(connection, [message.subject for message in messages])

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        """Return what would be sent: for each SKU the figure that the store shows now, if known, and the new one."""
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
                    what=_("Stock of %s") % offer.sku,
                    old="" if old is None else str(old),
                    new="" if offer.blocked else str(offer.quantity),
                    why=offer.blocked or _why(offer),
                )
            )
        return lines


class StockSending:
    """The offers of some SKUs at one moment, sent in as many calls as the channel needs.

    A figure that the store has accepted is not sent again, unless the store deducts orders itself: then it may show
    another figure by now.
    """

    def __init__(self, connection: Connection, listing_variant_ids: Sequence[int]) -> None:
        self.offers = offers(connection, listing_variant_ids)
        self.may_skip = not connection.spec.orders_deduct_stock
        self.places = locations.locations_of_store(connection)
        self.free = locations.available_at(connection, list(self.offers.values())) if self.places else {}
        self.prices = (
            price_with_stock.Prices(connection, list(self.offers))
            if price_with_stock.sends_both(connection)
            else None
        )
        self.accepted: dict[int, tuple[int, str]] = {}
        self.refused: dict[int, tuple[str]] = {}
        self.gone: set[str] = set()  # products that the channel says it does not have
        self.connection = connection

    def send(self, messages: Sequence[OutboxMessage], adapter: ChannelAdapter) -> Sequence[Outcome]:
        """Send these messages in one call; return one `Outcome` for each, in their order."""
        outcomes: dict[str, Outcome] = {}
        updates: list[StockUpdate] = []
        sent_offers: dict[str, Offer] = {}
        by_ref = {str(message.pk): message for message in messages}
        for message in messages:
            ref, offer = str(message.pk), self.offers.get(message.subject)
            if offer is None or not offer.external_id:
                outcomes[ref] = Outcome(ref, note=_("No longer listed in the store."))
            elif offer.blocked:
                outcomes[ref] = Outcome(ref, note=offer.blocked)
            elif self.may_skip and _is_shown(offer):
                outcomes[ref] = Outcome(ref, note=_("The store already shows it."))
            else:
                sent_offers[ref] = offer
                updates += self._updates(ref, offer)
        if updates:
            answers = {outcome.ref: outcome for outcome in adapter.push_stock(updates)}
            for update in updates:
                ref = update.ref.partition("@")[0]
                answer = answers.get(update.ref)
                if answer and answer.is_price_told and self.prices is not None:
                    self.prices.note(sent_offers[ref].listing_variant_id)
                error = answer.error if answer else Rejected(_("The store did not answer for this SKU."))
                if error is not None or ref not in outcomes:  # rejected by one location means rejected
                    outcomes[ref] = Outcome(ref, error, note=answer.note if answer else "")
            self._record(sent_offers, outcomes, by_ref)
        return [outcomes[str(message.pk)] for message in messages]

    def _updates(self, ref: str, offer: Offer) -> list[StockUpdate]:
        """Return one update for the store, or one for each location of the channel (`ref` is then `ref@location`)."""
        ids = (offer.listing_external_id, offer.external_id, offer.sku)
        if not self.places:
            price = self.prices.updates.get(offer.listing_variant_id) if self.prices else None
            is_new = self.prices is not None and offer.listing_variant_id in self.prices.new
            return [StockUpdate(ref, *ids, offer.quantity, price=price, is_price_new=is_new)]
        parts = locations.split_by_location(offer.quantity, self.places, self.free.get(offer.variant_id, {}))
        return [StockUpdate(f"{ref}@{place}", *ids, units, place) for place, units in parts]

    def _record(
        self,
        sent_offers: Mapping[str, Offer],
        outcomes: Mapping[str, Outcome],
        messages: Mapping[str, OutboxMessage],
    ) -> None:
        """Remember for `close` which figures were accepted and which were rejected."""
        now = timezone.now()
        for ref, offer in sent_offers.items():
            error = outcomes[ref].error
            if error is None:
                shown = offer.sent_quantity if offer.is_sent else offer.remote_quantity
                log = exposure_log.added(
                    offer.exposure_log, messages[ref], self.connection, shown=shown, offer=offer, now=now
                )
                self.accepted[offer.listing_variant_id] = (offer.quantity, log)
            else:
                self.refused[offer.listing_variant_id] = (str(error)[:300],)
                if isinstance(error, Rejected) and error.is_gone:
                    by_id = self.connection.spec.variants_by_id
                    self.gone.add(offer.external_id if by_id else offer.listing_external_id)

    def close(self) -> None:
        """Store on each listed SKU what was sent and what the channel answered."""
        accepted = {"sent_at": timezone.now(), "answer": ""}
        set_to(ListingVariant, ("sent_quantity", "exposure_log"), self.accepted, also=accepted)
        set_to(ListingVariant, ("answer",), self.refused)
        request_products(self.connection, sorted(self.gone))
        if self.prices is not None:
            self.prices.close()


def _is_shown(offer: Offer) -> bool:
    """Return whether the store was sent this figure last and has accepted it."""
    return offer.is_sent and offer.sent_quantity == offer.quantity and not offer.answer


def _why(offer: Offer) -> str:
    """Return the calculation of an offer in a few words, for the preview."""
    words = {
        "available": _("%(on_hand)d on hand, %(allocated)d allocated"),
        "stopped": _("stopped"),
        "holiday": _("holiday"),
        "buffer": _("buffer %(buffer)s"),
        "percentage": _("%(percentage)s%%"),
        "cap": _("cap %(cap)s"),
        "most": _("the channel shows at most %(most)s"),
    }
    if offer.parts:
        words["available"] = _("%(on_hand)d kits can be made")
    figures = {"on_hand": offer.on_hand, "allocated": offer.allocated, **offer.limits._asdict()}
    return ", ".join(words[name] % figures for name, _units in steps(offer.available, offer.limits))


def subjects_of(connection: Connection, skus: Sequence[str] | None = None) -> Iterable[int]:
    """Return the listing variants (ids) whose stock “Sync Stock” sends: all that the store accepts, or these SKUs.

    Raises `NotListed` with the name of a SKU that the store does not have.
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
    return list(shown.order_by("pk").values_list("pk", flat=True))


def forget_sent(connection: Connection, listing_variant_ids: Sequence[int]) -> None:
    """Make all these figures be sent, also those that the store has already accepted."""
    if not connection.spec.orders_deduct_stock:
        ListingVariant.objects.filter(pk__in=among(listing_variant_ids)).update(sent_at=None)
