"""The parts of reconcile that the catalogue knows: listings, product details (titles), prices (R-PLUS-05, R-CAT-07).

Descriptions and pictures: `listing.store_texts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Exists, F, OuterRef, Prefetch, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.errors import CatalogueError
from catalogue.inbound import import_problems, products
from catalogue.models import Listing, ListingVariant
from catalogue.models.price_rule import rule_of
from catalogue.pricing import Price, price_for
from catalogue.services.details.store_differences import title_in_store
from catalogue.services.listing.store_texts import TextsPart
from catalogue.services.products import edit_product
from catalogue.services.selling_prices import set_price
from channels.contract.records.products import ProductRecord
from channels.contract.spec import Capability
from channels.models import Connection, Difference, OutboxMessage, ReconcileSeen
from channels.pull.single_records import request_products
from channels.push import outbox
from channels.push.topics import Topic
from channels.reconcile import parts
from channels.reconcile.parts import Found, Kind, Part, Repair
from oms.kit.authors import audit
from oms.kit.authors.actors import Author
from oms.kit.models import Problem

#: Rows that are compared and written together.
BATCH = 1_000
_LIVE = (Listing.State.ACTIVE, Listing.State.INACTIVE)


class ListingsPart(Part):
    """Products of the store that Manifold does not have, and listings that the store does not have."""

    key = "listings"
    position = 30
    title = gettext_lazy("Listings")
    stream = parts.PRODUCTS
    needs = (Capability.PULL_PRODUCTS,)
    repairs = (
        Repair("import", gettext_lazy("Import"), frozenset({Kind.MISSING_HERE})),
        Repair(
            "check", gettext_lazy("Request again and remove the listing"), frozenset({Kind.MISSING_THERE})
        ),
    )

    def compare_page(
        self, connection: Connection, records: Sequence[ProductRecord], read_from: datetime
    ) -> list[Found]:
        """Return the products without a listing; the others are imported, so that their figures are those of now.

        A product that waits in the SKU inbox is no difference: it is shown there.
        """
        if not records:
            return []
        listed = Listing.objects.filter(
            connection=connection, external_id__in=[record.external_id for record in records]
        ).exclude(state=Listing.State.REMOVED)
        known = set(listed.order_by().values_list("external_id", flat=True))
        new = [record for record in records if record.external_id not in known]
        waiting: set[str] = set()
        if new:
            open_rows = Problem.objects.open().filter(
                code__in=[code.code for code in import_problems.CODES],
                subject_kind="connection",
                subject_id=connection.pk,
                key__in=[variant.external_id[:120] for record in new for variant in record.variants],
            )
            waiting = set(open_rows.values_list("key", flat=True))
        stored = [record for record in records if record.external_id in known]
        if stored:
            products.store_page(connection, stored, read_from=read_from, read_at=timezone.now())
        return [
            Found(
                record.external_id,
                Kind.MISSING_HERE,
                record.title,
                theirs=", ".join(variant.sku for variant in record.variants if variant.sku),
            )
            for record in new
            if not any(variant.external_id[:120] in waiting for variant in record.variants)
        ]

    def compare_missing(self, connection: Connection, since: datetime, until: datetime) -> list[Found]:
        """Return the listings that were not read. One statement."""
        seen = ReconcileSeen.objects.filter(
            connection=connection, stream=parts.PRODUCTS, key=OuterRef("external_id")
        )
        rows = (
            Listing.objects.filter(connection=connection, state__in=_LIVE, created_at__lt=until)
            .exclude(external_id="")
            .exclude(Exists(seen))
            .order_by("pk")
            .values_list("external_id", "remote_title", "product__title", "pk")
        )
        return [
            Found(key, Kind.MISSING_THERE, remote or own, ours=own, subject_id=pk)
            for key, remote, own, pk in rows
        ]

    def repair(self, connection: Connection, rows: Sequence[Difference], how: str, by: Author) -> list[str]:
        """Import the products by id: new ones are created, those that do not exist lose their listing."""
        request_products(connection, [row.key for row in rows])
        return []


class DetailsPart(Part):
    """Titles of listings that are not Manifold's, as the last import showed them."""

    key = "details"
    position = 40
    title = gettext_lazy("Product details")
    needs = (Capability.PULL_PRODUCTS,)
    fields = {"title": gettext_lazy("Title")}
    repairs = (
        Repair(
            "send",
            gettext_lazy("Send Manifold's title"),
            frozenset({Kind.DIFFERS}),
            needs=Capability.UPDATE_LISTING,
        ),
        Repair("accept", gettext_lazy("Accept the store's title"), frozenset({Kind.DIFFERS})),
    )

    def compare_stored(self, connection: Connection) -> Iterator[list[Found]]:
        """Return the listings whose title is not the one that they are sent. Two statements for each thousand.

        The statement finds what may differ; the title is composed as it is sent (`title_in_store`).
        """
        rows = (
            Listing.objects.filter(connection=connection, state__in=_LIVE)
            .exclude(external_id="")
            .exclude(remote_title="")
            .exclude(remote_title=F("product__title"), own_title="")
            .exclude(remote_title=F("own_title"))
            .select_related("product")
            .prefetch_related(Prefetch("variants", ListingVariant.objects.select_related("variant")))
            .order_by("pk")
        )
        after = 0
        while batch := list(rows.filter(pk__gt=after)[:BATCH]):
            after = batch[-1].pk
            yield [
                Found(
                    listing.external_id,
                    Kind.LAG if "title" in listing.changed_fields else Kind.DIFFERS,
                    listing.product.title,
                    ours=own,
                    theirs=listing.remote_title,
                    field="title",
                    subject_id=listing.pk,
                )
                for listing in batch
                if (own := _title(listing)).strip() != listing.remote_title.strip()
            ]

    def repair(self, connection: Connection, rows: Sequence[Difference], how: str, by: Author) -> list[str]:
        """Send Manifold's titles, or take the store's as those of the products, which the other stores are sent too.

        A listing with a title of its own, or with the options of its SKU in the title, gets the store's as its own title.
        """
        found = Listing.objects.select_related("product").prefetch_related(
            Prefetch("variants", ListingVariant.objects.select_related("variant"))
        )
        listings = found.in_bulk([row.subject_id for row in rows])
        if how == "send":
            changed = list(listings.values())
            for listing in changed:
                listing.changed_fields = sorted({*listing.changed_fields, "title"})
            Listing.objects.bulk_update(changed, ["changed_fields"])
            outbox.touch(Topic.LISTING_UPDATE, [(connection.pk, listing.pk) for listing in changed])
            return []
        refused = []
        for row in rows:
            shown = listings.get(row.subject_id or 0)
            if shown is None or not shown.remote_title:
                continue
            if _title(shown) != shown.product.title:
                with audit.watch(shown, "own_title", by=by):
                    shown.own_title = shown.remote_title
                    shown.save(update_fields=["own_title"])
                continue
            try:
                edit_product(shown.product, {"title": shown.remote_title})
            except CatalogueError as error:
                refused.append(f"{row}: {error}")
        return refused


class PricesPart(Part):
    """Prices that a store showed at its last import and that are not those of Manifold."""

    key = "prices"
    position = 60
    title = gettext_lazy("Prices")
    needs = (Capability.PULL_PRODUCTS,)
    fields = {"price": gettext_lazy("Price")}
    repairs = (
        Repair(
            "send",
            gettext_lazy("Send Manifold's price"),
            frozenset({Kind.DIFFERS}),
            needs=Capability.PUSH_PRICE,
        ),
        Repair("accept", gettext_lazy("Use the store's price for this store"), frozenset({Kind.DIFFERS})),
    )

    def compare_stored(self, connection: Connection) -> Iterator[list[Found]]:
        """Return the SKUs whose price differs. One statement for each thousand that may differ, and one for messages.

        The statement finds what may differ; `price_for`, which also decides what is sent, says whether it does.
        """
        spec = connection.spec
        visible = Q(price_sent_at=None) | Q(
            read_at__gte=F("price_sent_at") + timedelta(seconds=spec.shown_after)
        )
        rows = (
            ListingVariant.objects.live()
            .filter(visible, connection=connection, remote_price__isnull=False)
            .exclude(external_id="")
            .exclude(price=None, variant__price=None)
            .select_related("variant")
            .order_by("pk")
        )
        may_differ = (
            Q(price__isnull=False) & ~Q(remote_price=F("price"))
            | Q(price=None) & ~Q(remote_price=F("variant__price"))
            | Q(remote_selling_price__isnull=False)
            | Q(selling_price__isnull=False)
            | Q(price=None, variant__selling_price__isnull=False)
        )
        if rule_of(connection) is not None:  # only `price_for` knows what the rule makes of a default price
            may_differ |= Q(price=None)
        rows = rows.filter(may_differ)
        after = 0
        while batch := list(rows.filter(pk__gt=after)[:BATCH]):
            after = batch[-1].pk
            waiting = _waiting(connection, [row.pk for row in batch])
            yield [found for row in batch if (found := _price_found(connection, row, waiting)) is not None]

    def repair(self, connection: Connection, rows: Sequence[Difference], how: str, by: Author) -> list[str]:
        """Send Manifold's prices, or make the store's price the price for this store."""
        if how == "send":
            outbox.touch(Topic.PRICE, [(connection.pk, row.subject_id) for row in rows if row.subject_id])
            return []
        listed = ListingVariant.objects.select_related("variant").in_bulk([row.subject_id for row in rows])
        refused = []
        for row in rows:
            one = listed.get(row.subject_id or 0)
            if one is None or one.remote_price is None:
                continue
            one.connection = connection
            shown = _shown(connection, one)
            try:
                set_price(one, price=shown.price, selling_price=shown.selling_price)
            except CatalogueError as error:
                refused.append(f"{row}: {error}")
        return refused


def _title(listing: Listing) -> str:
    """Return the title that a listing is sent; its product, SKUs and their variants are loaded."""
    return listing.own_title or title_in_store(listing, listing.product, list(listing.variants.all()))


def _waiting(connection: Connection, listed: Sequence[int]) -> set[int]:
    """Return the SKUs whose price waits to be sent."""
    rows = OutboxMessage.objects.filter(
        connection=connection, topic=Topic.PRICE, subject__in=listed, sent__lt=F("wanted"), skipped_at=None
    )
    return set(rows.values_list("subject", flat=True))


def _shown(connection: Connection, row: ListingVariant) -> Price:
    """Return the price that the store showed. A selling price that is not below the price is none."""
    price = row.remote_price or Decimal(0)
    selling = row.remote_selling_price
    return Price(price, selling if selling is not None and selling < price else None)


def _price_found(connection: Connection, row: ListingVariant, waiting: set[int]) -> Found | None:
    row.connection = connection
    try:
        ours = price_for(row)
    except CatalogueError:
        return None
    shown = _shown(connection, row)
    if not connection.spec.sale_price:  # the channel has one price: the lower one (R-PRICE-02)
        ours = Price(ours.selling_price if ours.selling_price is not None else ours.price, None)
        shown = Price(shown.selling_price if shown.selling_price is not None else shown.price, None)
    if ours == shown:
        return None
    return Found(
        row.external_id,
        Kind.LAG if row.pk in waiting else Kind.DIFFERS,
        row.external_sku,
        ours=_words(ours),
        theirs=_words(shown),
        field="price",
        subject_id=row.pk,
    )


def _words(price: Price) -> str:
    if price.selling_price is None:
        return f"{price.price:.2f}"
    return _("%(price)s, sale %(sale)s") % {
        "price": f"{price.price:.2f}",
        "sale": f"{price.selling_price:.2f}",
    }


def register() -> None:
    """Register the parts, and how many products a store lists."""
    for part in (ListingsPart(), DetailsPart(), TextsPart(), PricesPart()):
        parts.register(part)
    parts.register_size(lambda connection: Listing.objects.filter(connection=connection).count())
