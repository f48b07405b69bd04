"""What each store is told about prices and listings: the truth, read at the moment of sending."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.drafts import draft_of
from catalogue.errors import CatalogueError, NotListed
from catalogue.models import Listing, ListingVariant, sku_key
from catalogue.prices import Price, price_for
from channels import outbox
from channels.base import Capability, ChannelAdapter
from channels.errors import ChannelError, Rejected
from channels.models import Connection, OutboxMessage
from channels.outbox import PlanLine, Topic
from channels.records import ListingResult, Outcome, PriceUpdate
from oms.kit.bulk import set_to


class PriceHandler:
    """Topic `price`; a message's subject is a listing variant."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        """Push the present prices of these SKUs in one call; one `Outcome` per message, in their order."""
        rows = _listed(messages)
        outcomes: dict[str, Outcome] = {}
        updates: list[PriceUpdate] = []
        sent: dict[str, tuple[int, Price]] = {}
        for message in messages:
            ref, row = str(message.pk), rows.get(message.subject)
            if row is None or not row.external_id:
                outcomes[ref] = Outcome(ref, note=_("No longer on the store."))
                continue
            try:
                price = price_for(row)
            except CatalogueError as error:
                outcomes[ref] = Outcome(ref, Rejected(str(error), field="price"))
                continue
            sent[ref] = (row.pk, price)
            updates.append(
                PriceUpdate(
                    ref=ref,
                    listing_external_id=row.listing.external_id,
                    external_id=row.external_id,
                    sku=row.external_sku,
                    price=price.price,
                    selling_price=price.selling_price,
                    currency=connection.currency,
                    sale_from=row.sale_from,
                    sale_until=row.sale_until,
                )
            )
        if updates:
            answers = {outcome.ref: outcome for outcome in adapter.push_prices(updates)}
            for ref in sent:
                outcomes[ref] = answers.get(ref) or Outcome(
                    ref, Rejected(_("The store did not answer for this SKU."))
                )
        now = timezone.now()
        set_to(
            ListingVariant,
            ("sent_price", "sent_selling_price", "price_sent_at"),
            {
                pk: (price.price, price.selling_price, now)
                for ref, (pk, price) in sent.items()
                if outcomes[ref].ok
            },
        )
        return [outcomes[str(message.pk)] for message in messages]

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        """What would be sent: the price the store shows, as far as we know, and the one that it would show."""
        rows = _listed(messages)
        lines = []
        for message in messages:
            row = rows.get(message.subject)
            if row is None or not row.external_id:
                continue
            if row.price_sent_at is None:
                old = _words(row.remote_price, row.remote_selling_price)
            else:
                old = _words(row.sent_price, row.sent_selling_price)
            try:
                new, why = (
                    _words(*price_for(row)),
                    _("price of this store") if row.price is not None else _("price of the SKU"),
                )
            except CatalogueError as error:
                new, why = "", str(error)
            lines.append(PlanLine(message.pk, _("price of %s") % row.external_sku, old, new, why))
        return lines


def _words(price: object, selling_price: object) -> str:
    if price is None:
        return ""
    return f"{price:.2f}" if selling_price is None else f"{price:.2f} / {selling_price:.2f}"


def _listed(messages: Sequence[OutboxMessage]) -> dict[int, ListingVariant]:
    rows = ListingVariant.objects.filter(pk__in=[message.subject for message in messages])
    return {row.pk: row for row in rows.select_related("variant", "listing", "connection")}


def price_subjects(connection: Connection, skus: Sequence[str] | None = None) -> Iterable[int]:
    """Listing variants whose price “Sync Prices” sends: all that the store has, or those of these SKUs.

    Raises `NotListed` naming a SKU that the store does not have.
    """
    shown = ListingVariant.objects.live().filter(connection=connection).exclude(external_id="")
    if skus is not None:
        keys = {sku_key(sku): sku for sku in skus}
        shown = shown.filter(sku_key__in=keys) | shown.filter(variant__sku_key__in=keys)
        found = {key for pair in shown.values_list("sku_key", "variant__sku_key") for key in pair}
        if missing := [sku for key, sku in keys.items() if key not in found]:
            raise NotListed(_("%(store)s has no SKU “%(sku)s”.") % {"store": connection, "sku": missing[0]})
    return list(shown.order_by("pk").values_list("pk", flat=True))


# ------------------------------------------------------------------------------------ listings


class _ListingHandler:
    """One listing at a time; a message's subject is a listing."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        return [self._one(message, adapter) for message in messages]

    def _one(self, message: OutboxMessage, adapter: ChannelAdapter) -> Outcome:
        ref = str(message.pk)
        listing = _listing(message)
        if listing is None:
            return Outcome(ref, note=_("No longer wanted."))
        try:
            return self.tell(listing, message, adapter)
        except CatalogueError as error:
            return Outcome(ref, Rejected(str(error)))
        except ChannelError as error:
            return Outcome(ref, error)

    def tell(self, listing: Listing, message: OutboxMessage, adapter: ChannelAdapter) -> Outcome:
        raise NotImplementedError

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        rows = Listing.objects.filter(pk__in=[message.subject for message in messages]).select_related(
            "product"
        )
        listings = {row.pk: row for row in rows}
        return [
            PlanLine(message.pk, listing.product.title, *self.words(listing))
            for message in messages
            if (listing := listings.get(message.subject)) is not None
        ]

    def words(self, listing: Listing) -> tuple[str, str, str]:
        raise NotImplementedError


def _listing(message: OutboxMessage) -> Listing | None:
    rows = Listing.objects.select_related("product__brand", "connection")
    return rows.filter(pk=message.subject).first()


class CreateHandler(_ListingHandler):
    """Topic `listing.create`."""

    def tell(self, listing: Listing, message: OutboxMessage, adapter: ChannelAdapter) -> Outcome:
        """Make the listing; after an answer that never came, look first whether it is there."""
        ref = str(message.pk)
        if listing.external_id:
            return Outcome(ref, external_id=listing.external_id, note=_("It is there already."))
        if listing.state == Listing.State.REMOVED:
            return Outcome(ref, note=_("No longer wanted."))
        draft, rows = draft_of(listing)
        found = None
        try:
            if message.step:
                result = adapter.listing_progress(draft, message.step)
            else:
                found = adapter.find_listing(draft) if message.is_uncertain else None
                result = found or adapter.create_listing(draft)
        except Rejected as error:
            _not_made(listing, str(error))
            raise
        if result.is_pending:
            Listing.objects.filter(pk=listing.pk, state=Listing.State.DRAFT).update(
                state=Listing.State.PENDING
            )
            return Outcome(ref, note=_("The store is making it."), wait=result.wait, step=result.step)
        units: dict[int, tuple[object, object, object]] = {
            int(each.ref): (each.quantity, each.price, each.selling_price) for each in draft.variants
        }
        _made(listing, rows, result, {} if found else units)
        return Outcome(ref, external_id=result.external_id, note=_("It was there already.") if found else "")

    def words(self, listing: Listing) -> tuple[str, str, str]:
        return "", _("new product"), _("put on the store")


def _not_made(listing: Listing, why: str) -> None:
    """The store refused it, at once or after a while: it may be sent again, and its SKUs say why."""
    Listing.objects.filter(pk=listing.pk, state=Listing.State.PENDING).update(state=Listing.State.DRAFT)
    ListingVariant.objects.filter(listing=listing).update(answer=why[:300])


@transaction.atomic
def _made(
    listing: Listing,
    rows: Sequence[ListingVariant],
    result: ListingResult,
    sent: dict[int, tuple[object, object, object]],
) -> None:
    """The store has it now: ids, what it was told, and a look whether its stock has changed meanwhile.

    A listing that was deleted here while it was being made is deleted there.
    """
    now = timezone.now()
    row = Listing.objects.select_for_update(of=("self",)).get(pk=listing.pk)
    is_unwanted = row.state == Listing.State.REMOVED
    row.external_id, row.url, row.changed_fields = result.external_id, result.url[:500], []
    on_sale = Listing.State.ACTIVE if result.is_active else Listing.State.INACTIVE
    row.state = Listing.State.PENDING if result.is_pending else on_sale
    row.save(update_fields=["external_id", "url", "changed_fields", "state"])
    alone = result.external_id if len(rows) == 1 else ""
    ids = {each.pk: result.variant_external_ids.get(str(each.pk), alone) for each in rows}
    set_to(
        ListingVariant, ("external_id", "answer"), {pk: (external_id, "") for pk, external_id in ids.items()}
    )
    set_to(
        ListingVariant,
        ("sent_quantity", "sent_price", "sent_selling_price", "sent_at", "price_sent_at"),
        {pk: (*values, now, now) for pk, values in sent.items()},
    )
    if is_unwanted:
        outbox.touch(Topic.LISTING_DELETE, [(row.connection_id, row.pk)])
    else:
        outbox.touch(Topic.STOCK, [(row.connection_id, pk) for pk, external_id in ids.items() if external_id])


class UpdateHandler(_ListingHandler):
    """Topic `listing.update`: the fields that were edited here, and no others."""

    def tell(self, listing: Listing, message: OutboxMessage, adapter: ChannelAdapter) -> Outcome:
        ref, fields = str(message.pk), list(listing.changed_fields)
        if not listing.external_id or listing.state == Listing.State.REMOVED:
            return Outcome(ref, note=_("No longer on the store."))
        if not fields:
            return Outcome(ref, note=_("Already shown."))
        draft, _rows = draft_of(listing, changed=fields)
        result = (
            adapter.listing_progress(draft, message.step) if message.step else adapter.update_listing(draft)
        )
        if result.is_pending:
            return Outcome(ref, note=_("The store is taking it in."), wait=result.wait, step=result.step)
        with transaction.atomic():
            row = Listing.objects.select_for_update(of=("self",)).get(pk=listing.pk)
            if self._is_as_sent(row, listing):
                row.changed_fields = [name for name in row.changed_fields if name not in fields]
                row.save(update_fields=["changed_fields"])
        return Outcome(ref)

    @staticmethod
    def _is_as_sent(row: Listing, listing: Listing) -> bool:
        """Whether the product was not edited again while it was being sent; the next message sends it then."""
        return row.product.updated_at == listing.product.updated_at

    def words(self, listing: Listing) -> tuple[str, str, str]:
        return listing.remote_title, ", ".join(listing.changed_fields), _("edited here")


class DeleteHandler(_ListingHandler):
    """Topic `listing.delete`: off the store; the product stays."""

    def tell(self, listing: Listing, message: OutboxMessage, adapter: ChannelAdapter) -> Outcome:
        if listing.external_id and listing.state != Listing.State.REMOVED:
            adapter.delete_listing(listing.external_id)
            Listing.objects.filter(pk=listing.pk).update(state=Listing.State.REMOVED)
        return Outcome(str(message.pk))

    def words(self, listing: Listing) -> tuple[str, str, str]:
        return listing.external_id, "", _("taken off the store")


def connect() -> None:
    """Declare the handlers and what “Sync Prices” is about."""
    outbox.register_handler(Topic.PRICE, PriceHandler())
    outbox.register_subjects(Topic.PRICE, price_subjects)
    outbox.register_handler(
        Topic.LISTING_CREATE, CreateHandler(), capability=Capability.CREATE_LISTING_SINGLE
    )
    outbox.register_handler(Topic.LISTING_UPDATE, UpdateHandler())
    outbox.register_handler(Topic.LISTING_DELETE, DeleteHandler())
