# long because: storing a page of products is one unit of work: read, collected, then written together.
"""Store the products of a store, a page at a time in a constant number of queries (R-CAT-01 to 03, 05).

`matching` finds the variant of each SKU; a SKU that Manifold does not have becomes a new product. Importing a listing
again changes its `remote_*` columns only, and the fields that `tracked_fields` follows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue import callbacks, search_text
from catalogue.inbound import import_problems
from catalogue.inbound.import_problems import natural_key
from catalogue.inbound.matching import Match, SkuMatcher, lock_new_skus
from catalogue.inbound.reference_data import brand_key, brands_by_name
from catalogue.inbound.tracked_fields import FieldTracker, first_image
from catalogue.models import Listing, ListingVariant, Product, ProductImage, Variant, sku_key
from catalogue.models.keys import text_hash
from catalogue.pictures import copies
from channels.contract.records.pages import RefusedRow
from channels.contract.records.products import ProductKind, ProductRecord
from channels.contract.spec import Capability
from channels.models import Connection, SyncRun
from channels.pull.single_records import request_products
from channels.pull.streams import Counts
from oms.kit.bulk import among, give_keys, insert, make, set_to
from oms.kit.models import Problem
from oms.kit.problems import open_problems

_SHOWN = (Listing.State.ACTIVE, Listing.State.INACTIVE)
_LISTING_FIELDS = (
    "external_id", "state", "remote_kind", "remote_title", "remote_image", "remote_text", "remote_hash", "url", "stock_blocked",
    "category_external_ids", "import_notes", "read_at", "search_text",
)  # fmt: skip
_LISTED_FIELDS = (
    "listing_id", "external_id", "external_sku", "sku_key", "remote_price", "remote_selling_price",
    "remote_quantity", "read_at", "answer",
)  # fmt: skip


def store_products(connection: Connection, records: Sequence[ProductRecord], run: SyncRun) -> Counts:
    """Store one page of the stream `products`.

    Some channels cannot import group products again (R-CAT-06). In a manual run, groups that were named by id are
    rejected with the channel's reason; in a manual run of all products they are left out with that reason.
    """
    accepted, left_out = records, Counts()
    spec = connection.spec
    if run.trigger == SyncRun.Trigger.MANUAL and not spec.supports(Capability.PULL_GROUP_PRODUCT):
        accepted = [record for record in records if record.kind == ProductKind.SINGLE]
        groups = [record for record in records if record.kind != ProductKind.SINGLE]
        reason = str(spec.reason(Capability.PULL_GROUP_PRODUCT))
        if run.query.get("ids"):
            rejected = [RefusedRow(record.external_id, reason, record.native) for record in groups]
            left_out = Counts(refused=rejected)
        elif groups:
            left_out = Counts(left_out={reason: len(groups)})
    return left_out + store_page(connection, accepted, read_from=run.started_at, read_at=timezone.now())


def store_page(
    connection: Connection,
    records: Sequence[ProductRecord],
    *,
    read_from: datetime,
    read_at: datetime,
    hashes: dict[str, str] | None = None,
    is_part: bool = False,
) -> Counts:
    """Store these products, read from the channel between the two instants, in the caller's transaction.

    `hashes` are content hashes by external id, where the native document is missing. `is_part`: the records have
    only some variants of their products, so variants that are not in them stay listed.
    """
    lock_new_skus()
    page = _Page(connection, read_from, read_at, is_part)
    page.load(records, hashes or {})
    for record in page.records:
        page.add(record)
    return page.write()


class _Page:
    """One page: what is to be created and changed for it, collected first and then written together."""

    def __init__(self, connection: Connection, read_from: datetime, read_at: datetime, is_part: bool) -> None:
        self.connection = connection
        self.read_from = read_from
        self.read_at = read_at
        self.is_part = is_part
        self.matcher = SkuMatcher(connection)
        self.tracker = FieldTracker(connection)
        self.records: list[ProductRecord] = []
        self.hashes: dict[str, str] = {}
        self.rejected: list[RefusedRow] = []
        self.new_products: list[Product] = []
        self.brand_names: dict[int, str] = {}
        self.new_variants: list[Variant] = []
        self.new_images: list[ProductImage] = []
        self.new_listings: list[Listing] = []
        self.old_listings: dict[int, Listing] = {}
        self.new_listed: list[ListingVariant] = []
        self.old_listed: dict[int, ListingVariant] = {}
        self.moved: set[int] = set()
        self.new_groups: set[int] = set()
        self.unchanged: list[int] = []
        self.counts: Counter[str] = Counter()

    # ------------------------------------------------------------ read

    def load(self, records: Sequence[ProductRecord], hashes: dict[str, str]) -> None:
        """Read what the page is compared with: six queries at most, one when nothing has changed."""
        unique = {record.external_id: record for record in records}
        self.matcher.load_listings(unique)
        self.hashes = {pk: hashes.get(pk) or record.content_hash() for pk, record in unique.items()}
        for _external_id, record in sorted(unique.items(), key=lambda item: natural_key(item[0])):
            if self._is_unchanged(record) and not (self.is_part or record.is_part):
                self.unchanged.append(self.matcher.listings[record.external_id].pk)
            else:
                self.records.append(record)
        if self.records:
            self.matcher.load_skus(self.records)

    def _is_unchanged(self, record: ProductRecord) -> bool:
        listing = self.matcher.listings.get(record.external_id)
        return (
            listing is not None
            and listing.remote_hash == self.hashes[record.external_id]
            and listing.state != Listing.State.REMOVED
            and listing.stock_blocked == _stock_blocked(record)  # a setting of the store may have changed it
        )

    @cached_property
    def changed_in_manifold(self) -> set[int]:
        """Listings whose state was changed in Manifold and may not show in the store yet; read only when a state differs."""
        return self.matcher.listings_changed_in_manifold(self.read_from)

    # ------------------------------------------------------------ collect

    def add(self, record: ProductRecord) -> None:
        """Collect what one product creates and changes; nothing is written yet."""
        before = len(self.matcher.faults)
        matches = self.matcher.match(record)
        listing = self.matcher.listings.get(record.external_id)
        if not matches:
            if listing is None:
                found = list(self.matcher.faults.values())[before:]
                reason = found[0].message if found else _("The product has no variant that can be sold.")
                self.rejected.append(RefusedRow(record.external_id, reason, record.native))
            return
        if listing is None:
            self.counts["new"] += 1
            listing = self._listing_for(record, matches)
        else:
            self.counts["changed"] += 1
        self._update_listing(listing, record)
        for one in matches:
            self._update_listed_sku(listing, record, one)
        if listing.pk and not (self.is_part or record.is_part):
            matched = {one.listed.pk for one in matches if one.listed}
            for row in self.matcher.listed_by_listing[listing.pk]:
                if row.pk not in matched and row.external_id:
                    row.external_id, row.answer = "", _("No longer on the store.")
                    self.old_listed[row.pk] = row

    def _listing_for(self, record: ProductRecord, matches: Sequence[Match]) -> Listing:
        """Return the row of a listing that is new to Manifold: a draft or a deleted listing with its SKU, else a new row."""
        for one in matches:
            row = one.listed.listing if one.listed is not None else None
            is_free = row is not None and (not row.external_id or row.state == Listing.State.REMOVED)
            if row is not None and is_free and row.pk not in self.old_listings:
                self.matcher.listings[record.external_id] = row
                return row
        listing = make(Listing, connection=self.connection, product=self._product_for(record, matches))
        self.matcher.listings[record.external_id] = listing
        self.new_listings.append(listing)
        return listing

    def _product_for(self, record: ProductRecord, matches: Sequence[Match]) -> Product:
        """Return the product that has most of the SKUs; a new one when there is none, or when it cannot take the others."""
        owners = Counter(one.variant.product for one in matches if one.variant is not None)
        is_group = record.kind == ProductKind.GROUP
        if owners:
            most = max(owners.values())
            owner = min(
                (each for each, count in owners.items() if count == most), key=lambda each: each.pk or 0
            )
            all_known = all(one.variant is not None for one in matches)
            if all_known or (is_group and owner.kind == Product.Kind.GROUP):
                return owner
        names = self.matcher.attribute_names
        product = make(
            Product,
            title=(record.title or matches[0].record.sku)[:300],
            kind=Product.Kind.GROUP if is_group else Product.Kind.SINGLE,
            description=record.description,
            warranty=record.warranty,
            attributes={names.get(key, key): value for key, value in record.attributes.items()},
            option_names=list(dict.fromkeys(name for one in matches for name in one.record.options)),
        )
        self.new_products.append(product)
        if brand_key(record.brand):
            self.brand_names[id(product)] = record.brand
        urls = dict.fromkeys(url for url in record.image_urls if url)
        if not urls:
            urls = dict.fromkeys(one.record.image_url for one in matches[:1] if one.record.image_url)
        self.new_images += [
            make(ProductImage, product=product, url=url[:1000], position=place)
            for place, url in enumerate(urls)
        ]
        return product

    def _update_listing(self, listing: Listing, record: ProductRecord) -> None:
        """Set the columns of a listing that the channel decides."""
        self.tracker.compare(listing, record)
        listing.external_id = record.external_id
        state = Listing.State.ACTIVE if record.is_active else Listing.State.INACTIVE
        keeps_state = (
            listing.state in _SHOWN and listing.state != state and listing.pk in self.changed_in_manifold
        )
        if not keeps_state:
            listing.state = state
        listing.remote_kind = str(record.kind)
        listing.remote_title = record.title[:300]
        listing.remote_image = first_image(record)
        if not record.is_part:
            listing.remote_text = text_hash(record.description)
        # Without a hash the next import compares the listing again.
        listing.remote_hash = "" if keeps_state else self.hashes[record.external_id]
        listing.url = record.url[:500]
        listing.stock_blocked = _stock_blocked(record)
        listing.category_external_ids = list(record.category_external_ids)
        listing.import_notes = "; ".join(record.notes)
        listing.read_at = self.read_at
        if listing.pk:
            self.old_listings[listing.pk] = listing

    def _update_listed_sku(self, listing: Listing, record: ProductRecord, one: Match) -> None:
        """Set the columns of one SKU in the store, on its row or on a new one."""
        row = one.listed
        if row is None:
            variant = one.variant or self._variant_for(listing, record, one)
            row = make(ListingVariant, connection=self.connection, variant=variant)
            if (
                one.variant is not None
                and _currency(record, self.connection) != variant.currency
                and variant.currency
            ):
                # Manifold's price is in another currency: the store's price applies until a person sets one.
                row.price, row.selling_price = one.record.price, one.record.selling_price
            self.new_listed.append(row)
        else:
            self.old_listed[row.pk] = row
            if one.is_moved:
                self.moved.add(row.pk)
        row.listing = listing
        row.external_id = one.record.external_id
        if one.record.sku and sku_key(one.record.sku) == one.key:
            row.external_sku = one.record.sku
        row.sku_key = one.key
        row.remote_price, row.remote_selling_price = one.record.price, one.record.selling_price
        row.remote_quantity, row.read_at = one.record.quantity, self.read_at
        if row.answer and row.answer == _("No longer on the store."):
            row.answer = ""

    def _variant_for(self, listing: Listing, record: ProductRecord, one: Match) -> Variant:
        """Return a new variant for a SKU that Manifold does not have, with the store's price, options and picture."""
        product = listing.product
        if product.pk and product.kind == Product.Kind.SINGLE:
            self.new_groups.add(product.pk)
        variant = make(
            Variant,
            product=product,
            sku=one.record.sku,
            sku_key=one.key,
            options=dict(one.record.options),
            barcode=one.record.barcode[:64],
            price=_price(one.record.price),
            selling_price=one.record.selling_price,
            currency=_currency(record, self.connection),
            weight_grams=one.record.weight_grams,
            position=one.position,
            is_counted=one.record.quantity is not None,
        )
        self.new_variants.append(variant)
        self.matcher.variant_by_key[one.key] = variant
        if one.record.image_url and record.kind == ProductKind.GROUP:
            self.new_images.append(
                make(ProductImage, product=product, variant=variant, url=one.record.image_url[:1000])
            )
        return variant

    # ------------------------------------------------------------ write

    def write(self) -> Counts:
        """Write what was collected, one statement per table, then call the apps above."""
        if self.unchanged:  # the same figures as before, shown later than what was sent since
            rows = ListingVariant.objects.filter(listing__in=among(self.unchanged), read_at__lt=self.read_at)
            rows.exclude(external_id="").update(read_at=self.read_at)
        if self.brand_names:
            brands = brands_by_name(list(self.brand_names.values()))
            for product in self.new_products:
                if name := self.brand_names.get(id(product)):
                    product.brand = brands[brand_key(name)]
        self._write_texts()
        give_keys(self.new_products, self.new_variants, self.new_listings, self.new_listed)
        insert(self.new_products)
        insert(self.new_variants)
        insert(self.new_images, keys=False)
        insert(self.new_listings)
        for row in (*self.new_listed, *self.old_listed.values()):
            row.listing = row.listing  # sets `listing_id`: the listing has its id now
        set_to(Listing, _LISTING_FIELDS, _values(self.old_listings, _LISTING_FIELDS))
        set_to(ListingVariant, _LISTED_FIELDS, _values(self.old_listed, _LISTED_FIELDS))
        insert(self.new_listed)
        self.tracker.write()
        addresses = (*self.tracker.addresses(), *import_problems.pictures_of(self.matcher.faults.values()))
        copies.want_all(self.new_images, addresses, self.new_listings, self.old_listings)
        if self.new_groups:
            Product.objects.filter(pk__in=self.new_groups).update(kind=Product.Kind.GROUP)
        if self.matcher.emptied_listings:
            Listing.objects.filter(pk__in=self.matcher.emptied_listings, variants=None).delete()
            search_text.refresh_listings(self.matcher.emptied_listings)
        search_text.refresh_after(products=self.tracker.titles)
        self._write_problems()
        self._call_registered()
        return Counts(
            new=self.counts["new"],
            changed=self.counts["changed"],
            same=len(self.unchanged),
            refused=tuple(self.rejected),
        )

    def _write_texts(self) -> None:
        """Set the search text of new variants, and of listings that are new or changed. No query."""
        for variant in self.new_variants:
            variant.search_text = search_text.variant_text(variant)
        rows: dict[int, list[ListingVariant]] = defaultdict(list)
        for row in (*self.new_listed, *self.old_listed.values()):
            rows[row.listing.pk or id(row.listing)].append(row)
        for listing in (*self.new_listings, *self.old_listings.values()):
            skus = rows[listing.pk or id(listing)]
            others = self.matcher.listed_by_listing.get(listing.pk, ())
            skus += [row for row in others if row.pk not in self.old_listed]
            for row in skus:
                row.variant = self.matcher.variants.get(row.variant_id) or row.variant
            listing.search_text = search_text.listing_text(listing, skus)

    def _write_problems(self) -> None:
        # With the time of this import: a product that is imported later opens its stock by the latest figure.
        faults = self.matcher.faults
        times = {"read_from": self.read_from.isoformat(), "read_at": self.read_at.isoformat()}
        open_problems(replace(fault, data={**times, **fault.data}) for fault in faults.values())
        if any(key not in self.matcher.problems for key in faults):  # one may have got a new id
            request_products(self.connection, sorted(self.matcher.doubted))
        resolved = [row.pk for key, row in self.matcher.problems.items() if key not in faults]
        if resolved:
            Problem.objects.filter(pk__in=resolved).update(
                resolved_at=self.read_at, resolution=_("it has its own SKU now")
            )

    def _call_registered(self) -> None:
        """Call what other apps registered for imported products and for SKUs that have a variant now."""
        new_variants = {id(variant) for variant in self.new_variants}
        rows = [
            callbacks.Imported(
                row.variant.pk, row.pk, row.remote_quantity, id(row.variant) in new_variants, True
            )
            for row in self.new_listed
        ]
        rows += [
            callbacks.Imported(row.variant_id, pk, row.remote_quantity, False, pk in self.moved)
            for pk, row in self.old_listed.items()
            if row.external_id
        ]
        callbacks.call_imported(self.connection, rows, self.read_from, self.read_at)
        new_keys = [variant.sku_key for variant in self.new_variants]
        callbacks.call_mapped(None, new_keys)
        callbacks.call_mapped(self.connection.pk, {row.sku_key for row in self.new_listed} - set(new_keys))


def _stock_blocked(record: ProductRecord) -> str:
    """Return why stock of this product is not sent to the store; "" when it is sent."""
    is_untracked = all(variant.quantity is None for variant in record.variants) and not record.takes_stock
    reason = record.stock_blocked or (_("The store does not track its stock.") if is_untracked else "")
    return reason[:300]


def _price(price: Decimal | None) -> Decimal | None:
    return price if price is None or price >= 0 else None


def _currency(record: ProductRecord, connection: Connection) -> str:
    return (record.currency or connection.currency).upper()[:3]


def _values(rows: dict[int, Any], names: Sequence[str]) -> dict[int, tuple[Any, ...]]:
    return {pk: tuple(getattr(row, name) for name in names) for pk, row in rows.items()}
