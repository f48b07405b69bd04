# long because: one page is one unit of work; its steps share what was loaded.
"""Products of a store become ours, a page at a time in a constant number of queries (R-CAT-01 to 03, 05).

A channel's SKU finds its variant by mapping (`SkuAlias`), then by our own SKUs; else a new product is made. What a
re-pull brings changes the `remote_*` columns alone. Several products of one store with one SKU: the first by
channel id is synced, the others, and those without SKU, are problems that a person sees.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db import connection as database
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue import callbacks, search_text
from catalogue.inbound import import_problems
from catalogue.inbound.reference_data import brand_key, brands_by_name
from catalogue.inbound.tracked_fields import FieldTracker, first_image
from catalogue.models import (
    Attribute,
    Listing,
    ListingVariant,
    Product,
    ProductImage,
    SkuAlias,
    Variant,
    sku_key,
)
from channels.contract.records.pages import RefusedRow
from channels.contract.records.products import ProductKind, ProductRecord, VariantRecord
from channels.contract.spec import Capability
from channels.models import Connection, OutboxMessage, SyncRun
from channels.pull.streams import Counts
from channels.push.topics import Topic
from oms.kit.bulk import give_keys, insert, make, set_to
from oms.kit.models import Problem
from oms.kit.problems import Fault, open_problems

_LOCK = 7_202_611
_SHOWN = (Listing.State.ACTIVE, Listing.State.INACTIVE)
_LIVE = (Listing.State.ACTIVE, Listing.State.INACTIVE, Listing.State.PENDING)
_LISTING_FIELDS = (
    "external_id", "state", "remote_kind", "remote_title", "remote_image", "remote_hash", "url", "stock_blocked",
    "category_external_ids", "read_at", "search_text",
)  # fmt: skip
_LISTED_FIELDS = (
    "listing_id", "external_id", "external_sku", "sku_key", "remote_price", "remote_selling_price",
    "remote_quantity", "read_at", "answer",
)  # fmt: skip


def store_products(connection: Connection, records: Sequence[ProductRecord], run: SyncRun) -> Counts:
    """Sink of the stream `store_products`.

    By hand, a channel that cannot pull groups again (R-CAT-06) refuses those that were asked for by their id, with
    its reason; in a pull of everything they stay as they are.
    """
    taken, left_out = records, Counts()
    spec = connection.spec
    if run.trigger == SyncRun.Trigger.MANUAL and not spec.supports(Capability.PULL_GROUP_PRODUCT):
        taken = [record for record in records if record.kind == ProductKind.SINGLE]
        groups = [record for record in records if record.kind != ProductKind.SINGLE]
        if run.query.get("ids"):
            reason = str(spec.reason(Capability.PULL_GROUP_PRODUCT))
            refused = [RefusedRow(record.external_id, reason, record.native) for record in groups]
            left_out = Counts(refused=refused)
        else:
            left_out = Counts(same=len(groups))
    return left_out + store_page(connection, taken, read_from=run.started_at, read_at=timezone.now())


def lock() -> None:
    """One writer of new SKUs at a time, so that two stores never make one SKU twice; until the transaction ends."""
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


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

    `hashes` are content hashes by external id where the native document is not at hand. `is_part`: the records
    name only some of their product's variants, so those that are missing are not gone.
    """
    lock()
    page = _Page(connection, read_from, read_at, is_part)
    page.load(records, hashes or {})
    for record in page.records:
        page.take(record)
    return page.write()


@dataclass(slots=True)
class _Accepted:
    """One SKU of a record that comes in: the row of the store that it is or was, and its variant, where known."""

    record: VariantRecord
    key: str
    listed: ListingVariant | None
    variant: Variant | None
    position: int
    is_adopted: bool = False


@dataclass
class _Page:
    connection: Connection
    read_from: datetime
    read_at: datetime
    is_part: bool
    records: list[ProductRecord] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    listings: dict[str, Listing] = field(default_factory=dict)
    by_id: dict[str, ListingVariant] = field(default_factory=dict)
    by_key: dict[str, ListingVariant] = field(default_factory=dict)
    of_listing: dict[int, list[ListingVariant]] = field(default_factory=lambda: defaultdict(list))
    variants: dict[int, Variant] = field(default_factory=dict)
    targets: dict[str, Variant] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    problems: dict[tuple[str, str], Problem] = field(default_factory=dict)
    faults: dict[tuple[str, str], Fault] = field(default_factory=dict)
    refused: list[RefusedRow] = field(default_factory=list)
    new_products: list[Product] = field(default_factory=list)
    brand_names: dict[int, str] = field(default_factory=dict)
    new_variants: list[Variant] = field(default_factory=list)
    new_images: list[ProductImage] = field(default_factory=list)
    new_listings: list[Listing] = field(default_factory=list)
    old_listings: dict[int, Listing] = field(default_factory=dict)
    new_listed: list[ListingVariant] = field(default_factory=list)
    old_listed: dict[int, ListingVariant] = field(default_factory=dict)
    adopted: set[int] = field(default_factory=set)
    emptied: set[int] = field(default_factory=set)
    grown: set[int] = field(default_factory=set)
    follower: FieldTracker | None = None
    new: int = 0
    changed: int = 0
    same: int = 0

    # ------------------------------------------------------------ read

    def load(self, records: Sequence[ProductRecord], hashes: dict[str, str]) -> None:
        """Everything that the page can meet: five questions, one when nothing has changed."""
        unique = {record.external_id: record for record in records}
        self.follower = FieldTracker(self.connection)
        listings = Listing.objects.filter(connection=self.connection, external_id__in=unique)
        listings = listings.select_related("product__brand").defer(
            "product__description", "product__warranty"
        )
        self.listings = {row.external_id: row for row in listings}
        self.hashes = {pk: hashes.get(pk) or record.content_hash() for pk, record in unique.items()}
        for external_id, record in sorted(
            unique.items(), key=lambda item: import_problems.natural_key(item[0])
        ):
            listing = self.listings.get(external_id)
            is_same = (
                listing is not None
                and listing.remote_hash == self.hashes[external_id]
                and listing.state != Listing.State.REMOVED
                and listing.stock_blocked == _blocked(record)  # a setting of the store may have changed it
            )
            if is_same and not (self.is_part or record.is_part):
                self.same += 1
            else:
                self.records.append(record)
        if self.records:
            self._load_skus()

    def _load_skus(self) -> None:
        parts = [variant for record in self.records for variant in record.variants]
        ids = {variant.external_id for variant in parts}
        keys = {sku_key(variant.sku) for variant in parts} - {""}
        found = (self.listings.get(record.external_id) for record in self.records)
        known = [row.pk for row in found if row is not None]
        listed = ListingVariant.objects.filter(
            Q(external_id__in=ids) | Q(sku_key__in=keys) | Q(listing__in=known), connection=self.connection
        ).select_related("listing")
        for row in listed:
            if row.external_id:
                self.by_id[row.external_id] = row
            self.by_key[row.sku_key] = row
            self.of_listing[row.listing_id].append(row)
        mapped = SkuAlias.objects.filter(
            Q(connection=self.connection) | Q(connection=None), sku_key__in=keys
        ).values_list("connection_id", "sku_key", "variant_id")
        aliases = {key: pk for _store, key, pk in sorted(mapped, key=lambda row: row[0] is not None)}
        wanted = {row.variant_id for row in self.by_key.values()} | set(aliases.values())
        for variant in Variant.objects.filter(Q(sku_key__in=keys) | Q(pk__in=wanted)).select_related(
            "product__brand"
        ):
            self.variants[variant.pk] = variant
            self.targets[variant.sku_key] = variant
        self.targets.update({key: self.variants[pk] for key, pk in aliases.items()})
        named = {key for record in self.records for key in record.attributes}
        if named:  # a product has its attributes by name: each store has ids of its own for them
            rows = Attribute.objects.filter(connection=self.connection, external_id__in=named)
            self.attributes = dict(rows.values_list("external_id", "name"))
        problems = Problem.objects.open().filter(
            code__in=[code.code for code in import_problems.CODES],
            subject_kind="connection",
            subject_id=self.connection.pk,
            key__in=[external_id[:120] for external_id in ids],
        )
        self.problems = {(row.code, row.key): row for row in problems}

    @cached_property
    def switched(self) -> set[int]:
        """Listings switched on or off here of which the store has not heard, or only after this page was read: they
        keep our state. Asked only where a state differs."""
        unheard = Q(wanted__gt=F("sent"), skipped_at=None) | Q(sent_at__gte=self.read_from)
        told = OutboxMessage.objects.filter(unheard, connection=self.connection, topic=Topic.LISTING_ACTIVE)
        known = [row.pk for row in self.listings.values() if row.pk]
        return set(told.filter(subject__in=known).values_list("subject", flat=True))

    # ------------------------------------------------------------ decide

    def take(self, record: ProductRecord) -> None:
        """Decide about one product; nothing is written yet."""
        before = len(self.faults)
        accepted = self._accept(record)
        listing = self.listings.get(record.external_id)
        if not accepted:
            if listing is None:
                found = list(self.faults.values())[before:]
                reason = found[0].message if found else _("It has nothing that could be sold.")
                self.refused.append(RefusedRow(record.external_id, reason, record.native))
            return
        if listing is None:
            self.new += 1
            listing = self._listing_for(record, accepted)
        else:
            self.changed += 1
        self._fill(listing, record)
        for one in accepted:
            self._list(listing, record, one)
        if listing.pk and not (self.is_part or record.is_part):
            kept = {one.listed.pk for one in accepted if one.listed}
            for row in self.of_listing[listing.pk]:
                if row.pk not in kept and row.external_id:
                    row.external_id, row.answer = "", _("No longer on the store.")
                    self.old_listed[row.pk] = row

    def _accept(self, record: ProductRecord) -> list[_Accepted]:
        """The variants that come in, the first by channel id winning a SKU; faults for the others."""
        positions = {id(variant): place for place, variant in enumerate(record.variants)}
        accepted = []
        for variant in sorted(
            record.variants, key=lambda each: import_problems.natural_key(each.external_id)
        ):
            one = self._judge(record, variant, positions[id(variant)])
            if one is not None:
                accepted.append(one)
                if one.listed is None:  # taken from here on, in this page too
                    self.by_key[one.key] = make(
                        ListingVariant,
                        connection=self.connection,
                        listing=make(Listing, external_id=record.external_id, state=Listing.State.ACTIVE),
                        external_id=variant.external_id,
                        external_sku=variant.sku,
                        sku_key=one.key,
                    )
        return sorted(accepted, key=lambda one: one.position)

    def _judge(self, record: ProductRecord, variant: VariantRecord, position: int) -> _Accepted | None:
        listed, key = self.by_id.get(variant.external_id), sku_key(variant.sku)
        if not key:
            if listed is None:
                self._fault(import_problems.missing_sku(self.connection, record, variant))
                return None
            key = listed.sku_key  # it was given one here
        holder = self.by_key.get(key)
        is_adopted = False
        if holder is not None and holder is not listed:
            mine = (
                import_problems.natural_key(record.external_id),
                import_problems.natural_key(variant.external_id),
            )
            theirs = (
                import_problems.natural_key(holder.listing.external_id),
                import_problems.natural_key(holder.external_id),
            )
            is_live = bool(holder.external_id) and holder.listing.state in _LIVE
            if listed is not None or (is_live and theirs <= mine):
                self._fault(import_problems.duplicate_sku(self.connection, record, variant, holder))
                if listed is None:
                    return None
                key = listed.sku_key  # keeps the SKU that it came with
            else:
                if is_live:
                    self._fault(import_problems.sku_moved(self.connection, holder, variant.external_id))
                    self.by_id.pop(holder.external_id, None)
                    self.emptied.add(holder.listing_id)
                listed, is_adopted = holder, True
        known = self.variants.get(listed.variant_id) if listed is not None else self.targets.get(key)
        return _Accepted(variant, key, listed, known, position, is_adopted)

    def _fault(self, fault: Fault) -> None:
        self.faults[fault.code, fault.key] = fault

    def _listing_for(self, record: ProductRecord, accepted: Sequence[_Accepted]) -> Listing:
        """A row for a listing that is new here: one that we meant to make, or had deleted, is used again."""
        for one in accepted:
            row = one.listed.listing if one.listed is not None else None
            is_free = row is not None and (not row.external_id or row.state == Listing.State.REMOVED)
            if row is not None and is_free and row.pk not in self.old_listings:
                self.listings[record.external_id] = row
                return row
        listing = make(Listing, connection=self.connection, product=self._product_for(record, accepted))
        self.listings[record.external_id] = listing
        self.new_listings.append(listing)
        return listing

    def _product_for(self, record: ProductRecord, accepted: Sequence[_Accepted]) -> Product:
        """The product that owns most of the SKUs that we know; a new one when none does, or it cannot grow."""
        owners = Counter(one.variant.product for one in accepted if one.variant is not None)
        is_group = record.kind == ProductKind.GROUP
        if owners:
            most = max(owners.values())
            owner = min(
                (each for each, count in owners.items() if count == most), key=lambda each: each.pk or 0
            )
            all_known = all(one.variant is not None for one in accepted)
            if all_known or (is_group and owner.kind == Product.Kind.GROUP):
                return owner
        product = make(
            Product,
            title=(record.title or accepted[0].record.sku)[:300],
            kind=Product.Kind.GROUP if is_group else Product.Kind.SINGLE,
            description=record.description,
            warranty=record.warranty,
            attributes={self.attributes.get(key, key): value for key, value in record.attributes.items()},
            option_names=list(dict.fromkeys(name for one in accepted for name in one.record.options)),
        )
        self.new_products.append(product)
        if brand_key(record.brand):
            self.brand_names[id(product)] = record.brand
        urls = dict.fromkeys(url for url in record.image_urls if url)
        if not urls:
            urls = dict.fromkeys(one.record.image_url for one in accepted[:1] if one.record.image_url)
        self.new_images += [
            make(ProductImage, product=product, url=url[:1000], position=place)
            for place, url in enumerate(urls)
        ]
        return product

    def _fill(self, listing: Listing, record: ProductRecord) -> None:
        """The columns of a listing that belong to the channel."""
        if self.follower is not None:
            self.follower.look(listing, record)
        listing.external_id = record.external_id
        state = Listing.State.ACTIVE if record.is_active else Listing.State.INACTIVE
        is_ours = listing.state in _SHOWN and listing.state != state and listing.pk in self.switched
        if not is_ours:
            listing.state = state
        listing.remote_kind = str(record.kind)
        listing.remote_title = record.title[:300]
        listing.remote_image = first_image(record)
        listing.remote_hash = "" if is_ours else self.hashes[record.external_id]  # to be looked at again
        listing.url = record.url[:500]
        listing.stock_blocked = _blocked(record)
        listing.category_external_ids = list(record.category_external_ids)
        listing.read_at = self.read_at
        if listing.pk:
            self.old_listings[listing.pk] = listing

    def _list(self, listing: Listing, record: ProductRecord, one: _Accepted) -> None:
        """The row of one SKU on the store, new or read again."""
        row = one.listed
        if row is None:
            variant = one.variant or self._variant_for(listing, record, one)
            row = make(ListingVariant, connection=self.connection, variant=variant)
            if (
                one.variant is not None
                and _currency(record, self.connection) != variant.currency
                and variant.currency
            ):
                # Our price is in another currency: the store keeps its own until somebody says otherwise.
                row.price, row.selling_price = one.record.price, one.record.selling_price
            self.new_listed.append(row)
        else:
            self.old_listed[row.pk] = row
            if one.is_adopted:
                self.adopted.add(row.pk)
        row.listing = listing
        row.external_id = one.record.external_id
        if one.record.sku and sku_key(one.record.sku) == one.key:
            row.external_sku = one.record.sku
        row.sku_key = one.key
        row.remote_price, row.remote_selling_price = one.record.price, one.record.selling_price
        row.remote_quantity, row.read_at = one.record.quantity, self.read_at
        if row.answer and row.answer == _("No longer on the store."):
            row.answer = ""

    def _variant_for(self, listing: Listing, record: ProductRecord, one: _Accepted) -> Variant:
        """A SKU that the house did not know: its price, options and image are the store's."""
        product = listing.product
        if product.pk and product.kind == Product.Kind.SINGLE:
            self.grown.add(product.pk)
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
        self.targets[one.key] = variant
        if one.record.image_url and record.kind == ProductKind.GROUP:
            self.new_images.append(
                make(ProductImage, product=product, variant=variant, url=one.record.image_url[:1000])
            )
        return variant

    # ------------------------------------------------------------ write

    def write(self) -> Counts:
        """Write what was decided: one statement per table, then tell the layers above."""
        if self.brand_names:
            made = brands_by_name(list(self.brand_names.values()))
            for product in self.new_products:
                if name := self.brand_names.get(id(product)):
                    product.brand = made[brand_key(name)]
        self._write_texts()
        give_keys(self.new_products, self.new_variants, self.new_listings, self.new_listed)
        insert(self.new_products)
        insert(self.new_variants)
        insert(self.new_images, keys=False)
        insert(self.new_listings)
        for row in (*self.new_listed, *self.old_listed.values()):
            row.listing = row.listing  # the listing has its id now
        set_to(Listing, _LISTING_FIELDS, _values(self.old_listings, _LISTING_FIELDS))
        set_to(ListingVariant, _LISTED_FIELDS, _values(self.old_listed, _LISTED_FIELDS))
        insert(self.new_listed)
        if self.follower is not None:
            self.follower.write()
        self._tidy()
        if self.follower is not None and self.follower.titles:
            search_text.refresh_after(products=self.follower.titles)
        self._settle_problems()
        self._tell()
        return Counts(new=self.new, changed=self.changed, same=self.same, refused=tuple(self.refused))

    def _write_texts(self) -> None:
        """Give new SKUs, and listings that are new or changed, the text that they are found by; asks nothing."""
        for variant in self.new_variants:
            variant.search_text = search_text.variant_text(variant)
        rows: dict[int, list[ListingVariant]] = defaultdict(list)
        for row in (*self.new_listed, *self.old_listed.values()):
            rows[row.listing.pk or id(row.listing)].append(row)
        for listing in (*self.new_listings, *self.old_listings.values()):
            mine = rows[listing.pk or id(listing)]
            mine += [row for row in self.of_listing.get(listing.pk, ()) if row.pk not in self.old_listed]
            for row in mine:
                row.variant = self.variants.get(row.variant_id, None) or row.variant
            listing.search_text = search_text.listing_text(listing, mine)

    def _tidy(self) -> None:
        if self.grown:
            Product.objects.filter(pk__in=self.grown).update(kind=Product.Kind.GROUP)
        if self.emptied:
            Listing.objects.filter(pk__in=self.emptied, variants=None).delete()
            search_text.refresh_listings(self.emptied)

    def _settle_problems(self) -> None:
        # With the time of this reading: what is let in later opens its stock by the figure that was read last.
        read = {"read_from": self.read_from.isoformat(), "read_at": self.read_at.isoformat()}
        open_problems(replace(fault, data={**read, **fault.data}) for fault in self.faults.values())
        done = [row.pk for key, row in self.problems.items() if key not in self.faults]
        if done:
            Problem.objects.filter(pk__in=done).update(
                resolved_at=self.read_at, resolution=_("it has a SKU now")
            )

    def _tell(self) -> None:
        made = {id(variant) for variant in self.new_variants}
        rows = [
            callbacks.Imported(row.variant.pk, row.pk, row.remote_quantity, id(row.variant) in made, True)
            for row in self.new_listed
        ]
        rows += [
            callbacks.Imported(row.variant_id, pk, row.remote_quantity, False, pk in self.adopted)
            for pk, row in self.old_listed.items()
            if row.external_id
        ]
        callbacks.call_imported(self.connection, rows, self.read_from, self.read_at)
        callbacks.call_mapped(None, [variant.sku_key for variant in self.new_variants])
        theirs = {row.sku_key for row in self.new_listed} - {variant.sku_key for variant in self.new_variants}
        callbacks.call_mapped(self.connection.pk, theirs)


def _blocked(record: ProductRecord) -> str:
    """Why the store is not told the stock of this product; empty when it is."""
    is_uncounted = all(variant.quantity is None for variant in record.variants) and not record.takes_stock
    return (record.stock_blocked or (_("The store keeps no count of it.") if is_uncounted else ""))[:300]


def _price(price: Decimal | None) -> Decimal | None:
    return price if price is None or price >= 0 else None


def _currency(record: ProductRecord, connection: Connection) -> str:
    return (record.currency or connection.currency).upper()[:3]


def _values(rows: dict[int, Any], names: Sequence[str]) -> dict[int, tuple[Any, ...]]:
    return {pk: tuple(getattr(row, name) for name in names) for pk, row in rows.items()}
