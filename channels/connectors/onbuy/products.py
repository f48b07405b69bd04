"""Read the seller's listings and OnBuy's catalogue, and map listings to records (`onbuy.md` §1, §7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from channels.connectors.onbuy import payloads
from channels.connectors.onbuy.client import PAGE_SIZE, SITE, OnBuyClient
from channels.connectors.onbuy.payloads import (
    CURRENCY,
    GROUP,
    NO_SKU,
    external_id,
    instant,
    number,
    opaque,
    text,
)
from channels.connectors.onbuy.reference_data import LABEL, read_list
from channels.contract.errors import Rejected
from channels.contract.reading import UNREADABLE, absent, id_slice, unreadable
from channels.contract.record_limits import Unreadable
from channels.contract.records.pages import Page, PullQuery, RefusedRow
from channels.contract.records.products import ProductKind, ProductRecord, VariantRecord
from channels.contract.records.updates import ListingDraft
from channels.contract.schema import Notes, conform
from channels.contract.translation import gettext as _
from channels.contract.values import money

AT_ONCE = 50  # queue numbers in one call
NEWEST = 5  # pages of the queue that are searched
SINGLES = 10  # SKUs that are read one by one in one page

_SEPARATOR = " - "


def pull_products(
    client: OnBuyClient, query: PullQuery, page: str | None, now: datetime
) -> Page[ProductRecord]:
    """Read all listings of the seller (OnBuy cannot say which have changed), or those with these ids.

    `now` is the present on the clock by which OnBuy's times are read: it decides whether a sale is in force.
    """
    if query.ids:
        return _by_id(client, query.ids, page, now)
    return _sweep(client, page, now)


def _sweep(
    client: OnBuyClient, page: str | None, now: datetime, only: frozenset[str] | None = None
) -> Page[ProductRecord]:
    found = read_list(client, "/listings", {"sort[last_created]": "asc"}, page, external_id)
    records, bad = products(found.rows, now)
    if only is not None:
        records, bad = [record for record in records if record.external_id in only], []
    return Page(records, found.token, tuple(bad), found.total)


def _by_id(client: OnBuyClient, ids: Sequence[str], page: str | None, now: datetime) -> Page[ProductRecord]:
    """Read SKUs one by one; groups, for which OnBuy has no filter, are searched among all listings."""
    skus = [each for each in ids if not each.startswith((GROUP, NO_SKU))]
    rest = frozenset(ids) - frozenset(skus)
    if page is None or page.startswith("sku:"):
        part, more = id_slice(skus, (page or "sku:0").partition(":")[2], SINGLES)
        rows = [row for row in (listing(client, sku) for sku in part) if row]
        records, bad = products(rows, now)
        after = f"sku:{more}" if more else "all:0" if rest else None
        return absent(Page(records, after, tuple(bad)), part, map(external_id, rows))
    found = _sweep(client, page.partition(":")[2], now, rest)
    return Page(found.records, f"all:{found.next_page}" if found.next_page else None)


def listing(client: OnBuyClient, sku: str) -> dict[str, Any] | None:
    """Read the seller's listing with exactly this SKU; None when there is none."""
    found = client.rows("/listings", site_id=SITE, **{"filter[sku]": sku})
    rows = (row for row in found.rows if isinstance(row, dict))
    return next((row for row in rows if opaque(row.get("sku")) == sku), None)


def opc_of(client: OnBuyClient, barcode: str) -> str:
    """Read the number of the catalogue product with exactly this barcode; OnBuy's search is textual and finds longer ones too."""
    params = {"filter[query]": barcode, "filter[field]": "product_code"}
    found = client.rows("/products", site_id=SITE, **params)
    for row in found.rows:
        if barcode in {text(code) for code in row.get("product_codes") or ()}:
            return text(row["opc"])
    return ""


def opcs_of(client: OnBuyClient, draft: ListingDraft) -> dict[str, str]:
    """Read the catalogue products of a draft by `VariantDraft.ref`; empty unless every SKU has one."""
    found: dict[str, str] = {}
    for variant in draft.variants:
        opc = opc_of(client, variant.barcode) if variant.barcode else ""
        if not opc:
            return {}
        found[variant.ref] = opc
    return found


# ---------------------------------------------------------------- the queue


class Queue:
    """Reads OnBuy's queue, which processes new products and changes."""

    def __init__(self, client: OnBuyClient) -> None:
        self.client = client

    def entries(self, queue_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Read queue entries by number: fifty a call, else among the newest (OnBuy may ignore the filter), else one by one.

        An entry that OnBuy does not find (yet) is missing.
        """
        wanted = list(dict.fromkeys(queue_ids))
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(wanted), AT_ONCE):
            part = wanted[start : start + AT_ONCE]
            params = {"filter[queue_ids]": ",".join(part)}
            found |= _by(self.client.rows("/queues", site_id=SITE, **params).rows, "queue_id")
        missing = {each for each in wanted if each not in found}
        if len(missing) > 1:
            found |= {key: row for key, row in self._newest("queue_id", missing).items() if key in missing}
        for each in wanted:
            if each not in found and (row := self._entry(each)) is not None:
                found[each] = row
        return {each: found[each] for each in wanted if each in found}

    def entries_of(self, uids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Read the newest queue entry of each of Manifold's references, among the newest of the queue."""
        return {uid: row for uid, row in self._newest("uid", set(uids)).items() if uid in uids}

    def _newest(self, key: str, wanted: set[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for page in range(NEWEST):
            rows = self.client.rows("/queues", site_id=SITE, offset=page * PAGE_SIZE)
            found = _by(rows.rows, key) | found  # newest first: what was found before is newer
            end = page * PAGE_SIZE + len(rows.rows)
            if wanted <= found.keys() or not rows.rows or (rows.total is not None and end >= rows.total):
                break
        return found

    def _entry(self, queue_id: str) -> dict[str, Any] | None:
        try:
            found = self.client.get(f"/queues/{queue_id}", site_id=SITE).get("results")
        except Rejected as error:
            if error.code == "404":
                return None
            raise
        return found if isinstance(found, dict) else None


def _by(rows: Sequence[Any], key: str) -> dict[str, dict[str, Any]]:
    """Return rows by a field; of several rows with one value the first."""
    return {str(row.get(key)): row for row in reversed(rows) if isinstance(row, dict) and row.get(key)}


# ---------------------------------------------------------------- mapping


def variant(
    row: payloads.Listing,
    now: datetime,
    options: dict[str, str] | None = None,
    *,
    notes: Notes | None = None,
) -> VariantRecord:
    """Map one SKU. A sale price counts while it is below the price and `now`, on OnBuy's clock, lies between its dates.

    `row` has the form of its schema.
    """
    given = row.get("price")
    price = None if given is None else money(given)
    return VariantRecord(
        external_id=external_id(row),
        sku=text(row.get("sku")),
        quantity=number(row.get("stock") or 0),
        price=price,
        selling_price=None if price is None else _sale(row, price, now, notes or Notes()),
        options=options or {},
        barcode=next((text(code) for code in row.get("product_codes") or () if text(code)), ""),
        image_url=text(row.get("image_url")),
    )


def _sale(row: payloads.Listing, price: Decimal, now: datetime, notes: Notes) -> Decimal | None:
    if not row.get("sale_price"):
        return None
    sale = money(row["sale_price"])
    if not 0 < sale < price:
        return None
    zone = now.tzinfo or UTC
    begin, end = (
        notes.time(row.get(name), lambda value: instant(value, zone), name)
        for name in ("sale_start_date", "sale_end_date")
    )
    # Either zone: a sale is not missed for an hour of the summer.
    if begin and begin > now + timedelta(hours=1, seconds=5):
        return None
    return None if end and end <= now else sale


def single(row: payloads.Listing, now: datetime) -> ProductRecord:
    """Map a listing as a product of its own. Raises `Unreadable` for one without SKU and number."""
    native, notes = row, Notes()
    row = conform(payloads.Listing, row, notes)
    if not external_id(row):
        raise Unreadable(_("it has neither a SKU nor a number"))
    image = text(row.get("image_url"))
    return ProductRecord(
        external_id=external_id(row),
        kind=ProductKind.SINGLE,
        title=text(row.get("name")) or text(row.get("sku")) or external_id(row),
        variants=(variant(row, now, notes=notes),),
        currency=CURRENCY,
        image_urls=(image,) if image else (),
        is_active=not text(row.get("suspended_reason")),
        url=text(row.get("product_url")),
        changed_at=_changed([row], notes),
        notes=tuple(notes),
        native=dict(native),
    )


def group(rows: Sequence[payloads.Listing], now: datetime) -> ProductRecord:
    """Map a group's SKUs of one page. Options are not in a listing: they are read from the end of its name."""
    natives, notes = rows, Notes()
    rows = [conform(payloads.Listing, row, notes) for row in rows]
    key = text(rows[0].get("group_sku"))
    variants = tuple(variant(row, now, options_of(row, key), notes=notes) for row in rows)
    image = next((text(row.get("image_url")) for row in rows if row.get("image_url")), "")
    return ProductRecord(
        external_id=GROUP + key,
        kind=ProductKind.GROUP,
        title=text(rows[0].get("name")).partition(_SEPARATOR)[0].strip() or key,
        variants=variants,
        currency=CURRENCY,
        image_urls=(image,) if image else (),
        is_active=not all(text(row.get("suspended_reason")) for row in rows),
        url=text(rows[0].get("product_url")),
        changed_at=_changed(rows, notes),
        is_part=True,
        notes=tuple(notes),
        native={"group_sku": key, "listings": [dict(row) for row in natives]},
    )


def options_of(row: payloads.Listing, group_sku: str) -> dict[str, str]:
    """Return at most two options, from “Hoodie - Red - M”; else the part of the SKU that is its own."""
    parts = [part.strip() for part in text(row.get("name")).split(_SEPARATOR)[1:] if part.strip()]
    if len(parts) == 1:
        return {"Option": parts[0]}
    if parts:
        return {"Option 1": parts[0], "Option 2": _SEPARATOR.join(parts[1:])}
    sku = text(row.get("sku"))
    return {"Option": sku.removeprefix(group_sku).strip("-_ .") or sku or external_id(row)}


def products(rows: Sequence[Any], now: datetime) -> tuple[list[ProductRecord], list[RefusedRow]]:
    """Map the products of a page of listings, groups put together, in the order of their first rows.

    A row that cannot be read is refused alone, whatever group it belongs to.
    """
    found: dict[str, tuple[ProductRecord, list[Any]]] = {}
    bad: list[RefusedRow] = []
    for row in rows:
        try:
            record, key = single(row, now), text(row.get("group_sku"))
        except UNREADABLE as error:
            refused = unreadable(row, "sku", error, LABEL)
            bad.append(replace(refused, external_id=external_id(row) or refused.external_id))
        else:
            found.setdefault(GROUP + key if key else record.external_id, (record, []))[1].append(row)
    records = [
        group(each, now) if text(each[0].get("group_sku")) else record for record, each in found.values()
    ]
    return records, bad


def _changed(rows: Sequence[payloads.Listing], notes: Notes) -> datetime | None:
    stamps = [notes.time(row.get("updated_at"), instant, "updated_at") for row in rows]
    return max((stamp for stamp in stamps if stamp is not None), default=None)
