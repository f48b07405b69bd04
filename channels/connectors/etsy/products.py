"""Products of Etsy, which calls them listings: which are read and the record that each becomes (`etsy.md` §2, §5).

They are read state by state, the oldest first, then from the newest. Etsy pages by offset, and the list moves while it
is read: a listing that is made or renewed goes to its end, one that is sold out leaves it, and the rows behind move up.
So each page begins with the last row of the page before; where that is not found, half a page is read again. Etsy
refuses an offset above 12,000: rows behind it are read from the newest end. Etsy's document says that the order may be
ignored; then the other end cannot be read, and the rows that are left are counted.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast

from django.utils.translation import gettext as _

from channels.connectors.etsy import payloads
from channels.connectors.etsy.payloads import LABEL, instant, live, money, variant_id
from channels.connectors.etsy.reference_data import ShopFacts
from channels.contract.errors import Rejected
from channels.contract.offset_scan import AnchoredOffsetScan
from channels.contract.reading import absent, id_slice, list_in, mappings, read_rows
from channels.contract.record_limits import Unreadable
from channels.contract.records.pages import Page, PullQuery, RefusedRow
from channels.contract.records.products import ProductKind, ProductRecord, VariantRecord
from channels.contract.schema import Notes, conform, whole
from channels.contract.values import optional_money, text
from oms.kit.numbers import is_whole_number

BATCH = 100
MOST_OFFSET = 12_000
STATES = ("active", "inactive", "draft", "sold_out", "expired")
OLDEST, NEWEST = "asc", "desc"
GRAMS = {"g": Decimal(1), "kg": Decimal(1000), "oz": Decimal("28.349523125"), "lb": Decimal("453.59237")}

BEGINNING = AnchoredOffsetScan()

Rows = Sequence[Mapping[str, Any]]


def reach() -> int:
    """Return how many rows of a list can be read from one end."""
    return MOST_OFFSET + BATCH


def _key(row: Any) -> str:
    number = whole(row.get("listing_id")) if isinstance(row, Mapping) else None
    return "" if number is None else str(number)


def _made(row: Any) -> int:
    """Return the second in which a listing was made; 0 where Etsy does not say."""
    return (whole(row.get("created_timestamp")) or 0) if isinstance(row, Mapping) else 0


@dataclass(frozen=True, slots=True)
class Place:
    """Position of a scan: the state, the end from which it is read, the page, and the age of its first row.

    `since`: the second in which the first row of the list was made, by which its order is checked.
    """

    state: int = 0
    end: str = OLDEST
    scan: AnchoredOffsetScan = BEGINNING
    since: int = 0

    @classmethod
    def read(cls, page: str | None) -> Place:
        """Return the position of a page token; None is the beginning."""
        if not page:
            return cls()
        state, end, scan, since = json.loads(page)
        return cls(state, end, AnchoredOffsetScan.parse(scan), since)

    def write(self) -> str:
        """Return this position as a page token."""
        return json.dumps([self.state, self.end, str(self.scan), self.since])

    @property
    def name(self) -> str:
        """The state that is read."""
        return STATES[self.state]

    def params(self) -> dict[str, Any]:
        """Return the query of this page."""
        return {
            "state": self.name,
            "limit": BATCH,
            "offset": self.scan.start,
            "sort_on": "created",
            "sort_order": self.end,
        }

    def back(self, rows: Rows) -> Place | None:
        """Return from where to read again because rows have moved since the page before; None = they have not."""
        if not self.scan.has_moved(rows, _key):
            return None
        return replace(self, scan=self.scan.back(BATCH // 2 + 1))

    def fresh(self, rows: Rows, total: int) -> Rows:
        """Return those rows that were not read before."""
        rows = rows if self.end == OLDEST else rows[: max(total - reach() - self.scan.start, 0)]
        return self.scan.fresh(rows)

    def after(self, rows: Rows, total: int) -> Place | None:
        """Return the position after this page: further, from the other end, in the next state; None at the end of all."""
        start = self.scan.start
        to_read = total if self.end == OLDEST else total - reach()
        if rows and start + BATCH < to_read:
            if start < MOST_OFFSET:
                since = self.since or _made(rows[0])
                offset = min(start + BATCH - 1, MOST_OFFSET)
                is_known = offset - start < len(rows)
                anchor = AnchoredOffsetScan(offset + 1, _key(rows[offset - start])) if is_known else None
                return Place(self.state, self.end, anchor or AnchoredOffsetScan(offset), since)
            if self.end == OLDEST and self._is_in_order(rows):
                return Place(self.state, NEWEST)
        return Place(self.state + 1) if self.state + 1 < len(STATES) else None

    def _is_in_order(self, rows: Rows) -> bool:
        return _made(rows[-1]) >= self.since

    def unread(self, total: int) -> RefusedRow | None:
        """Return the rejected record that names the listings behind Etsy's last offset, at the end of a state."""
        most = reach() if self.end == OLDEST else 2 * reach()
        if total <= most:
            return None
        return RefusedRow(
            f"state:{self.name}",
            _(
                "Etsy lists %(most)d listings of one state at most: %(unread)d of %(total)d %(state)s ones were not "
                "read. Import those by their numbers (Sync Products), or change the state of some at Etsy."
            )
            % {"most": most, "unread": total - most, "total": total, "state": self.name},
            {"state": self.name, "count": total, "unread": total - most},
        )


class ProductReader:
    """Reads pages of products of one shop, each with its pictures and its inventory."""

    def __init__(self, facts: ShopFacts) -> None:
        self.facts = facts
        self.client = facts.client

    def pull(self, query: PullQuery, page: str | None) -> Page[ProductRecord]:
        """Return listings of all five states, one state after the other; what cannot be read is refused by number."""
        if query.ids:
            return self._by_id(query.ids, page)
        place: Place | None = Place.read(page)
        settled: list[str] = []
        while place is not None:
            answer = self.client.get(self.facts.path("listings"), **place.params(), includes="Images")
            rows = list_in(answer, "results", LABEL)
            total = whole(answer.get("count")) or len(rows)
            if (again := place.back(rows)) is not None:
                place = again
                continue
            after = place.after(rows, total)
            is_end = after is None or after.state != place.state
            unread = place.unread(total) if is_end else None
            settled += [f"state:{place.name}"] if is_end and unread is None else []
            fresh = place.fresh(rows, total)
            if fresh or unread or after is None:
                found = self._with_inventory(fresh, after.write() if after else None)
                refused = [*found.refused, *([unread] if unread else ())]
                return replace(found, refused=refused, settled=settled)
            place = after
        return Page([], None)

    def _by_id(self, ids: Sequence[str], page: str | None) -> Page[ProductRecord]:
        wanted = list(dict.fromkeys(external_id.partition("-")[0] for external_id in ids))
        part = id_slice(wanted, page, BATCH)
        known = [external_id for external_id in part.ids if is_whole_number(external_id)]
        rows = self._batch("/listings/batch", known, includes="Images")
        return absent(self._with_inventory(rows, part.next_page), known, map(_key, rows))

    def _batch(self, path: str, ids: Sequence[str], **params: object) -> list[Any]:
        """Return up to 100 listings; one id that Etsy does not know fails them all, so the rest is found by halves."""
        if not ids:
            return []
        try:
            return list_in(self.client.get(path, listing_ids=list(ids), **params), "results", LABEL)
        except Rejected as error:
            if error.code != "not_found":
                raise
            if len(ids) == 1:
                return []
        middle = len(ids) // 2
        return self._batch(path, ids[:middle], **params) + self._batch(path, ids[middle:], **params)

    def _with_inventory(self, rows: Sequence[Any], next_page: str | None) -> Page[ProductRecord]:
        ids = [key for row in rows if (key := _key(row))]
        found = mappings(self._batch("/listings/batch/inventory", ids))
        inventories = {_key(row): row.get("inventory") for row in found}
        off_sale = self.facts.off_sale(ids)
        complete = [
            {**row, "inventory": inventories.get(_key(row))} if isinstance(row, Mapping) else row
            for row in rows
        ]
        return read_rows(
            complete,
            lambda row: product(row, ours_at_zero=_key(row) in off_sale),
            "listing_id",
            LABEL,
            next_page=next_page,
        )


# ---------------------------------------------------------------- mapping


def product(row: payloads.Listing, *, ours_at_zero: bool = False) -> ProductRecord:
    """Return a listing with all its SKUs.

    `ours_at_zero`: Manifold took it off sale because its stock was 0, so it has none and counts as on sale. Etsy has one
    price, which is read as the price. The first picture is that of the lowest rank.
    """
    native, notes = row, Notes()
    row = conform(payloads.Listing, row, notes)
    listing_id = row["listing_id"]
    products = live(row["inventory"])
    if not products:
        raise Unreadable(_("Etsy gave no inventory for this listing"))
    is_group = any(one["property_values"] for one in products)
    images = sorted(row["images"] or (), key=lambda image: image["rank"])
    urls = tuple(image["url_fullxfull"] for image in images if image["url_fullxfull"])
    return ProductRecord(
        external_id=str(listing_id),
        kind=ProductKind.GROUP if is_group else ProductKind.SINGLE,
        title=text(row["title"]),
        variants=tuple(_variant(one, row, urls, ours_at_zero, notes) for one in products),
        currency=row["price"]["currency_code"],
        description=html.unescape(row["description"] or ""),
        category_external_ids=(str(row["taxonomy_id"]),) if row["taxonomy_id"] else (),
        attributes=_attributes(row),
        image_urls=urls,
        is_active=row["state"] == "active" or (ours_at_zero and row["state"] == "inactive"),
        url=row["url"],
        changed_at=notes.time(row["updated_timestamp"], instant, "updated_timestamp"),
        notes=tuple(notes),
        native=cast(Mapping[str, Any], native),
    )


def _variant(
    one: payloads.Product, row: payloads.Listing, urls: tuple[str, ...], is_zero: bool, notes: Notes
) -> VariantRecord:
    offerings = [offering for offering in one["offerings"] if not offering["is_deleted"]]
    if not offerings:
        raise Unreadable(_("the product %s has no offering") % one["product_id"])
    given = offerings[0]["price"]
    shown = sum(offering["quantity"] for offering in offerings if offering["is_enabled"])
    return VariantRecord(
        external_id=variant_id(row["listing_id"], one),
        sku=text(one["sku"]),
        quantity=0 if is_zero else shown,
        price=_price(given, notes),
        options={text(v["property_name"]): ", ".join(map(text, v["values"])) for v in one["property_values"]},
        image_url=urls[0] if urls else "",
        weight_grams=_grams(row, notes),
    )


def _price(given: payloads.Money | None, notes: Notes) -> Decimal | None:
    """Return a price; None for one that cannot be read: 0 would be a price too."""
    try:
        return None if given is None else money(given)
    except ValueError:
        notes.add("price", given)
        return None


def _grams(row: payloads.Listing, notes: Notes) -> int | None:
    weight, unit = row.get("item_weight"), row.get("item_weight_unit")
    if unit not in GRAMS:
        return None
    return int(optional_money(weight, notes, "item_weight") * GRAMS[unit]) or None


def _attributes(row: payloads.Listing) -> dict[str, str]:
    plain: dict[str, str] = {}
    for name in ("who_made", "when_made"):
        if row.get(name):
            plain[name] = str(row[name])
    for name in ("tags", "materials"):
        if row.get(name):
            plain[name] = ", ".join(row[name])  # type: ignore[literal-required]
    if row["is_supply"] is not None:
        plain["is_supply"] = "true" if row["is_supply"] else "false"
    return plain
