"""Match the SKUs of imported products with what Manifold has (R-CAT-02, R-CAT-03).

A channel's SKU finds its variant by mapping (`SkuAlias`), then by Manifold's own SKUs. When several products of one
store have one SKU, the first by channel id is imported; the others, and those without a SKU, become problems.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection as database
from django.db.models import F, Q

from catalogue.inbound import import_problems
from catalogue.inbound.import_problems import natural_key
from catalogue.models import Attribute, Listing, ListingVariant, SkuAlias, Variant, sku_key
from channels.contract.cleaning import fit
from channels.contract.records.products import ProductRecord, VariantRecord
from channels.models import Connection, OutboxMessage
from channels.push.topics import Topic
from oms.kit.bulk import make
from oms.kit.models import Problem
from oms.kit.problems import Fault

_LOCK = 7_202_611
_LIVE = (Listing.State.ACTIVE, Listing.State.INACTIVE, Listing.State.PENDING)


def lock_new_skus() -> None:
    """Let one transaction at a time create SKUs, so that two stores never create one SKU twice. PostgreSQL only."""
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


@dataclass(slots=True)
class Match:
    """One SKU of a record that is imported.

    `listed` is the store's row for it, `variant` its variant; None for new ones. `is_moved`: the row belonged to another
    product of the store, or to a listing that was not on the store. `position` is its place in the record.
    """

    record: VariantRecord
    key: str
    listed: ListingVariant | None
    variant: Variant | None
    position: int
    is_moved: bool = False


class SkuMatcher:
    """What Manifold has of the products of one page, read in a constant number of queries, and the problems found."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.listings: dict[str, Listing] = {}
        self.listed_by_id: dict[str, ListingVariant] = {}
        self.listed_by_key: dict[str, ListingVariant] = {}
        self.listed_by_listing: dict[int, list[ListingVariant]] = defaultdict(list)
        self.variants: dict[int, Variant] = {}
        self.variant_by_key: dict[str, Variant] = {}
        self.attribute_names: dict[str, str] = {}
        self.problems: dict[tuple[str, str], Problem] = {}
        self.faults: dict[tuple[str, str], Fault] = {}
        self.emptied_listings: set[int] = set()
        self.doubted: set[str] = set()  # products of one SKU, of which one may not exist any more

    def load_listings(self, external_ids: Iterable[str]) -> None:
        """Read the store's listings with these channel ids and their products. One query."""
        listings = Listing.objects.filter(connection=self.connection, external_id__in=external_ids)
        listings = listings.select_related("product__brand").defer(
            "product__description", "product__warranty"
        )
        self.listings = {row.external_id: row for row in listings}

    def load_skus(self, records: Sequence[ProductRecord]) -> None:
        """Read the listed SKUs, mappings, variants, attributes and problems of these records. Five queries at most."""
        parts = [variant for record in records for variant in record.variants]
        ids = {variant.external_id for variant in parts}
        keys = {sku_key(variant.sku) for variant in parts} - {""}
        found = (self.listings.get(record.external_id) for record in records)
        listing_ids = [row.pk for row in found if row is not None]
        listed = ListingVariant.objects.filter(
            Q(external_id__in=ids) | Q(sku_key__in=keys) | Q(listing__in=listing_ids),
            connection=self.connection,
        ).select_related("listing")
        for row in listed:
            if row.external_id:
                self.listed_by_id[row.external_id] = row
            self.listed_by_key[row.sku_key] = row
            self.listed_by_listing[row.listing_id].append(row)
        mapped = SkuAlias.objects.filter(
            Q(connection=self.connection) | Q(connection=None), sku_key__in=keys
        ).values_list("connection_id", "sku_key", "variant_id")
        aliases = {key: pk for _store, key, pk in sorted(mapped, key=lambda row: row[0] is not None)}
        wanted = {row.variant_id for row in self.listed_by_key.values()} | set(aliases.values())
        for variant in Variant.objects.filter(Q(sku_key__in=keys) | Q(pk__in=wanted)).select_related(
            "product__brand"
        ):
            self.variants[variant.pk] = variant
            self.variant_by_key[variant.sku_key] = variant
        self.variant_by_key.update({key: self.variants[pk] for key, pk in aliases.items()})
        attribute_ids = {key for record in records for key in record.attributes}
        if attribute_ids:  # a product has its attributes by name, because each store has its own ids for them
            rows = Attribute.objects.filter(connection=self.connection, external_id__in=attribute_ids)
            self.attribute_names = dict(rows.values_list("external_id", "name"))
        problems = Problem.objects.open().filter(
            code__in=[code.code for code in import_problems.CODES],
            subject_kind="connection",
            subject_id=self.connection.pk,
            key__in=[fit(external_id, 120) for external_id in ids],
        )
        self.problems = {(row.code, row.key): row for row in problems}

    def match(self, record: ProductRecord) -> list[Match]:
        """Return the SKUs of a record that are imported, in its order; a problem is noted for each of the others."""
        positions = {id(variant): place for place, variant in enumerate(record.variants)}
        matches = []
        for variant in sorted(record.variants, key=lambda each: natural_key(each.external_id)):
            one = self._match_variant(record, variant, positions[id(variant)])
            if one is not None:
                matches.append(one)
                if one.listed is None:  # the SKU is taken now, for the rest of this page too
                    self.listed_by_key[one.key] = make(
                        ListingVariant,
                        connection=self.connection,
                        listing=make(
                            Listing,
                            external_id=record.external_id,
                            remote_title=record.title,
                            state=Listing.State.ACTIVE,
                        ),
                        external_id=variant.external_id,
                        external_sku=variant.sku,
                        sku_key=one.key,
                    )
        return sorted(matches, key=lambda one: one.position)

    def _match_variant(self, record: ProductRecord, variant: VariantRecord, position: int) -> Match | None:
        listed, key = self.listed_by_id.get(variant.external_id), sku_key(variant.sku)
        if not key:
            if listed is None:
                self._add_fault(import_problems.missing_sku(self.connection, record, variant))
                return None
            key = listed.sku_key  # the SKU that a person gave it in Manifold
        holder = self.listed_by_key.get(key)
        is_moved = False
        if holder is not None and holder is not listed:
            own_place = (natural_key(record.external_id), natural_key(variant.external_id))
            holder_place = (natural_key(holder.listing.external_id), natural_key(holder.external_id))
            is_live = bool(holder.external_id) and holder.listing.state in _LIVE
            if is_live and holder.listing.external_id == record.external_id:
                # The channel gave the SKU of this product a new id; the old one is not in the record any more.
                is_live = any(one.external_id == holder.external_id for one in record.variants)
            elif is_live:
                self.doubted.update((holder.listing.external_id, record.external_id))
            if listed is not None or (is_live and holder_place <= own_place):
                self._add_fault(import_problems.duplicate_sku(self.connection, record, variant, holder))
                if listed is None:
                    return None
                key = listed.sku_key  # it keeps the SKU that it was imported with
            else:
                if is_live:
                    self._add_fault(import_problems.sku_moved(self.connection, holder, record))
                    self.listed_by_id.pop(holder.external_id, None)
                    self.emptied_listings.add(holder.listing_id)
                listed, is_moved = holder, True
        known = self.variants.get(listed.variant_id) if listed is not None else self.variant_by_key.get(key)
        return Match(variant, key, listed, known, position, is_moved)

    def _add_fault(self, fault: Fault) -> None:
        self.faults[fault.code, fault.key] = fault

    def listings_changed_in_manifold(self, read_from: datetime) -> set[int]:
        """Return the listings that were activated or deactivated in Manifold and whose store may not show it yet.

        The message waits, or was sent after `read_from`, when this page was begun to be read. Their state in Manifold stays.
        """
        is_unseen = Q(wanted__gt=F("sent"), skipped_at=None) | Q(sent_at__gte=read_from)
        messages = OutboxMessage.objects.filter(
            is_unseen, connection=self.connection, topic=Topic.LISTING_ACTIVE
        )
        listing_ids = [row.pk for row in self.listings.values() if row.pk]
        return set(messages.filter(subject__in=listing_ids).values_list("subject", flat=True))
