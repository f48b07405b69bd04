"""What a store is and the lists that it has: currency, locations, statuses, categories, brands (`bigcommerce.md` §10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from channels.connectors.bigcommerce import payloads
from channels.connectors.bigcommerce.client import BigCommerceClient
from channels.connectors.bigcommerce.payloads import LABEL
from channels.connectors.bigcommerce.statuses import AWAITING_FULFILMENT, holds_stock
from channels.contract.reading import mappings, read_rows, readable
from channels.contract.records.orders import StatusRecord
from channels.contract.records.pages import Page
from channels.contract.records.products import BrandRecord, CategoryRecord
from channels.contract.schema import Notes, conform, whole
from channels.contract.values import text
from oms.kit.numbers import is_whole_number

if TYPE_CHECKING:
    from channels.models import Connection

AT_SHIPPING = "order_completed_or_shipped"
BRANDS_A_PAGE = 250


class StoreFacts:
    """Facts of one store: as it was when it was connected, else asked once."""

    def __init__(self, connection: Connection, client: BigCommerceClient) -> None:
        self.connection = connection
        self.client = client

    def known(self, name: str) -> Any:
        """Return a fact that was saved when the store was connected, or None."""
        account = self.connection.account
        extra = account.get("extra")
        return (extra if isinstance(extra, dict) else account).get(name)

    @cached_property
    def native(self) -> Any:
        """The store's own document."""
        return self.client.get("/v2/store")

    @cached_property
    def currency(self) -> str:
        return self.connection.currency or str(self.native["currency"])

    @cached_property
    def places(self) -> int:
        """Decimals of the store's currency."""
        known = self.known("decimal_places")
        return int(known) if known is not None else decimals(self.native)

    @property
    def base_url(self) -> str:
        """Address of the storefront, or ""."""
        return str(self.known("secure_url") or "")

    @property
    def control_panel(self) -> str:
        """Address of the control panel, or ""."""
        return str(self.known("control_panel") or "")

    @property
    def country(self) -> str:
        return str(self.connection.account.get("country") or "")

    @cached_property
    def status_names(self) -> dict[str, str]:
        """The seller's own names of statuses, by id."""
        if not self.connection.pk:
            return {}
        return dict(self.connection.statuses.values_list("external_id", "name"))

    @cached_property
    def deducts_at_shipping(self) -> bool:
        """Whether BigCommerce deducts stock when an order ships.

        The saved statuses decide, which are read every six hours; before that, the store's answer at connection.
        """
        if self.connection.pk:
            rows = self.connection.statuses.filter(external_id=AWAITING_FULFILMENT)
            is_deducted = rows.values_list("holds_stock", flat=True).first()
            if is_deducted is not None:
                return not is_deducted
        return (self.known("update_stock_behavior") or self.stock_behaviour) == AT_SHIPPING

    @cached_property
    def stock_behaviour(self) -> str:
        """BigCommerce's own setting of when stock is deducted, asked now: sellers change it."""
        found = (self.client.get("/v3/settings/inventory") or {}).get("data") or {}
        return str(found.get("update_stock_behavior") or "order_placed")

    @cached_property
    def location(self) -> int:
        """Id of the location that gets the stock: the store's setting, else the default one."""
        chosen = str(self.connection.option("location") or "").strip()
        if is_whole_number(chosen):
            return int(chosen)
        return int(self.known("default_location") or self.default_location)

    @cached_property
    def default_location(self) -> int:
        known = self.known("default_location")
        if known:
            return int(known)
        rows = self.client.v3_all("/v3/inventory/locations", {"is_default": "true"})
        return next((number for row in mappings(rows) if (number := whole(row.get("id")))), 1)


def decimals(store: Mapping[str, Any]) -> int:
    """Return the decimals of the store's currency."""
    given = store.get("decimal_places")
    return 2 if given is None else int(given)


def locations(client: BigCommerceClient) -> list[Any]:
    """Return the store's locations; `is_default` marks the default one."""
    rows = mappings(client.v3_all("/v3/inventory/locations"))
    chosen = mappings(client.v3_all("/v3/inventory/locations", {"is_default": "true"}))
    ids = {whole(row.get("id")) for row in chosen}
    known = [row for row in rows if whole(row.get("id")) is not None]
    return [{**row, "is_default": whole(row["id"]) in ids} for row in known]


def location_names(client: BigCommerceClient) -> Sequence[tuple[str, str]]:
    """Return (id, name) of each location."""
    return [(str(row["id"]), text(row.get("label") or row["id"])) for row in locations(client)]


def statuses(facts: StoreFacts) -> Sequence[StatusRecord]:
    """Return the statuses, each with whether its orders' stock is deducted as BigCommerce is set today."""
    is_late = facts.stock_behaviour == AT_SHIPPING
    return readable(
        facts.client.get("/v2/order_statuses"), lambda row: status(row, deducts_at_shipping=is_late)
    )


def status(row: Any, *, deducts_at_shipping: bool) -> StatusRecord:
    """Return a status under the name that the seller gave it."""
    row = conform(payloads.OrderStatus, row, Notes())
    status_id = str(row["id"])
    name = text(row.get("custom_label")) or text(row.get("name"))
    return StatusRecord(
        status_id, name, holds_stock=holds_stock(status_id, deducts_at_shipping=deducts_at_shipping)
    )


def categories(client: BigCommerceClient) -> Page[CategoryRecord]:
    """Return all categories at once: a path needs every parent."""
    rows = client.v3_all("/v3/catalog/trees/categories")
    names = {
        whole(r.get("category_id")) or 0: (text(r.get("name")), whole(r.get("parent_id")) or 0)
        for r in mappings(rows)
    }
    return read_rows(rows, lambda row: category(row, names), "category_id", LABEL)


def category(row: Any, names: Mapping[int, tuple[str, int]]) -> CategoryRecord:
    """Return a category; `names` has (name, parent id) of every category, for the path."""
    row = conform(payloads.Category, row, Notes())
    path, at, seen = [], row["category_id"], set()
    while at and at in names and at not in seen:
        seen.add(at)
        name, parent = names[at]
        path.append(name)
        at = parent
    return CategoryRecord(
        external_id=str(row["category_id"]),
        name=text(row["name"]),
        path=" > ".join(reversed(path)),
        parent_external_id=str(row["parent_id"]) if row.get("parent_id") else "",
        is_active=bool(row.get("is_visible", True)),
    )


def brands(client: BigCommerceClient, page: str | None) -> Page[BrandRecord]:
    """Return one page of brands."""
    number = int(page or 1)
    answer = client.get("/v3/catalog/brands", {"limit": str(BRANDS_A_PAGE), "page": str(number)})
    rows, total = client.v3_rows(answer)
    next_page = str(number + 1) if rows and number * BRANDS_A_PAGE < (total or 0) else None
    return read_rows(rows, brand, "id", LABEL, next_page=next_page)


def brand(row: Any) -> BrandRecord:
    """Return a brand."""
    row = conform(payloads.Brand, row, Notes())
    return BrandRecord(str(row["id"]), text(row["name"]))
