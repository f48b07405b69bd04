# long because: every verb is one short method here.
"""BigCommerce's verbs: V2 for orders and the store, V3 for products, stock and webhooks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings

from channels.connectors.bigcommerce import auth, carriers, mapping
from channels.connectors.bigcommerce.channel import SPEC
from channels.connectors.bigcommerce.client import ID_ALONE, LEAN, STOCK_LIMIT, BigCommerceClient, store_url
from channels.connectors.bigcommerce.fulfilment import Fulfilment
from channels.connectors.bigcommerce.goods import Goods
from channels.connectors.bigcommerce.hooks import Hooks, read_event
from channels.connectors.bigcommerce.listings import Listings
from channels.connectors.bigcommerce.pictures import Pictures
from channels.connectors.bigcommerce.reading import INCLUDE, Orders
from channels.connectors.bigcommerce.statuses import AWAITING_FULFILMENT
from channels.contract import values
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import AuthError, NotSupported, Rejected, TemporaryError
from channels.contract.records.account import AccountRecord, WebhookRecord
from channels.contract.records.orders import CarrierRecord, FulfilmentEvent, OrderRecord, StatusRecord
from channels.contract.records.pages import Page, PullQuery, RefusedRow
from channels.contract.records.products import AttributeRecord, BrandRecord, CategoryRecord, ProductRecord
from channels.contract.records.updates import (
    ListingDraft,
    ListingResult,
    Outcome,
    PriceUpdate,
    ShipmentUpdate,
    StockUpdate,
)
from channels.contract.spec import Capability

T = TypeVar("T")
COUNTRIES = ("GB", "FR")
AT_SHIPPING = "order_completed_or_shipped"
#: What every store reads, for the check of its permissions.
NEEDED: Mapping[str, Mapping[str, str]] = {
    "/v2/orders": INCLUDE,
    "/v3/orders/payment_actions/refunds": {},
    "/v3/catalog/products": ID_ALONE,
    "/v3/inventory/items": {},
}
NOTICEABLE_SKEW = 60  # seconds between the clocks from which the seller is told
WITH_EVERYTHING = "variants,images,custom_fields"


class BigCommerceAdapter(ChannelAdapter):
    """One store. Products go by id, SKUs by variant id, statuses by id."""

    spec = SPEC

    @cached_property
    def client(self) -> BigCommerceClient:
        from channels.http.session import ChannelSession

        given = self.connection.credentials
        api = settings.OMS_APPS["bigcommerce"]["api_url"]
        address = store_url(str(given.get("api_path", "")), settings.OMS_ALLOWED_PRIVATE_HOSTS, api=api)
        token = str(given.get("access_token", "")).strip()
        if not token or not token.isascii():
            raise Rejected("Paste the access token of the API account.", field="access_token")
        return BigCommerceClient(address, token, self.session or ChannelSession(self.connection))

    @cached_property
    def goods(self) -> Goods:
        return Goods(self.client)

    def _known(self, name: str) -> Any:
        """What the store said of itself when it was connected."""
        account = self.connection.account
        extra = account.get("extra")
        return (extra if isinstance(extra, dict) else account).get(name)

    # ------------------------------------------------ connecting
    def verify(self) -> AccountRecord:
        store = self.client.get("/v2/store")
        ours = time.time()
        skew = int(self.client.get("/v2/time")["time"]) - ours
        self._check_permissions()
        locations, offered = [], {}
        try:
            locations = self._locations()
        except AuthError as error:
            if error.code != "403":
                raise
            offered = {
                str(Capability.PUSH_STOCK): error.message,
                str(Capability.STOCK_LOCATIONS): error.message,
            }
        behaviour = self._stock_behaviour
        default = next((row["id"] for row in locations if row.get("is_default")), None)
        default = default or next((row["id"] for row in locations), 1)
        return AccountRecord(
            identity=str(store["id"]),
            name=values.text(store["name"]),
            url=str(store.get("secure_url") or store.get("domain") or ""),
            currency=str(store["currency"]),
            time_zone=_zone(store),
            country=str(store.get("country_code") or ""),
            language=str(store.get("language") or ""),
            currencies=self._currencies(),
            version="V2 + V3",
            offered=offered,
            warnings=tuple(self._warnings(store, skew, behaviour, locations)),
            extra={
                "weight_units": store.get("weight_units") or "",
                "is_price_entered_with_tax": bool(store.get("is_price_entered_with_tax")),
                "decimal_places": _decimals(store),
                "update_stock_behavior": behaviour,
                "default_location": default,
                "locations": [{"id": row["id"], "label": values.text(row.get("label"))} for row in locations],
                "plan": store.get("plan_name") or "",
                "storefront": _storefront(store),
                "secure_url": store.get("secure_url") or "",
                "control_panel": str(store.get("control_panel_base_url") or "").rstrip("/"),
            },
        )

    def _check_permissions(self) -> None:
        """Ask for one row of all that will be read: a permission that is missing is told now, not by a sync that stops."""
        for path, params in NEEDED.items():
            self.client.get(path, {**params, "limit": "1"})

    def _currencies(self) -> tuple[str, ...]:
        """What its shoppers may pay in; others are for show."""
        rows = self.client.get("/v2/currencies") or ()
        return tuple(str(row["currency_code"]) for row in rows if row.get("is_transactional", True))

    def _locations(self) -> list[Any]:
        """The store's locations, the default one marked."""
        rows = self.client.v3_all("/v3/inventory/locations")
        chosen = self.client.v3_all("/v3/inventory/locations", {"is_default": "true"})
        ids = {row["id"] for row in chosen}
        return [{**row, "is_default": row["id"] in ids} for row in rows]

    def _warnings(
        self, store: Mapping[str, Any], skew: float, behaviour: str, locations: Sequence[Any]
    ) -> Iterable[str]:
        if self.connection.credentials.get("app"):
            from channels.connectors.bigcommerce.installs import missing_words

            missing = missing_words(self.client.store_hash)
            if missing:
                yield f"BigCommerce did not grant the app everything; missing: {', '.join(missing)}."
        country = str(store.get("country_code") or "")
        if country and country not in COUNTRIES:
            yield f"The store's country is {country}: BigCommerce is supported for the United Kingdom and France."
        if abs(skew) > NOTICEABLE_SKEW:
            yield f"BigCommerce's clock and ours differ by {abs(round(skew))} seconds: set this machine's clock right."
        if behaviour == AT_SHIPPING and self.connection.option("shipping_mode") != "b":
            yield (
                "BigCommerce deducts stock when an order ships: choose in the store's settings that it gets the shipment "
                "at the manifest, so that the stock is not moved twice."
            )
        wanted = str(self.connection.option("location") or "").strip()
        default = next((str(row["id"]) for row in locations if row.get("is_default")), "")
        if wanted and wanted != default:
            yield (
                "Stock goes to another location than the default one: the storefront sells it only where BigCommerce's "
                "support has switched that on."
            )
        if wanted and wanted not in {str(row["id"]) for row in locations}:
            yield f"The store has no location {wanted}: correct it in the store's settings."

    def register_webhooks(self, url: str, secret: str) -> None:
        Hooks(self.client).keep(url, secret)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> Sequence[WebhookRecord]:
        given = self.connection.credentials
        key = str(given.get("client_secret") or "")
        if not key and given.get("app"):
            key = settings.OMS_APPS["bigcommerce"]["client_secret"]
        auth.check_webhook(headers, body, secret=secret, client_secret=key, now=time.time())
        takes_products = bool(self.connection.option("auto_update_products"))
        record = read_event(body, store_hash=self.client.store_hash, takes_products=takes_products)
        return [record] if record else []

    # ------------------------------------------------ pulling
    def pull_statuses(self) -> Sequence[StatusRecord]:
        """With what BigCommerce says today of when it takes stock off: sellers change that after they connected."""
        late = self._stock_behaviour == AT_SHIPPING
        return [
            mapping.status(row, deducts_at_shipping=late)
            for row in self.client.get("/v2/order_statuses") or ()
        ]

    def pull_categories(self, query: PullQuery, page: str | None = None) -> Page[CategoryRecord]:
        """All categories at once: a path needs every parent."""
        rows = self.client.v3_all("/v3/catalog/trees/categories")
        names = {int(r["category_id"]): (values.text(r["name"]), int(r.get("parent_id") or 0)) for r in rows}
        return Page([mapping.category(row, names) for row in rows])

    def pull_brands(self, query: PullQuery, page: str | None = None) -> Page[BrandRecord]:
        number = int(page or 1)
        answer = self.client.get("/v3/catalog/brands", {"limit": "250", "page": str(number)})
        total = int(answer["meta"]["pagination"].get("total_pages") or 1)
        return Page(
            [mapping.brand(row) for row in answer["data"]], str(number + 1) if number < total else None
        )

    def pull_attributes(self, query: PullQuery, page: str | None = None) -> Page[AttributeRecord]:
        """BigCommerce has no list of attributes: those that products have (custom fields and options) are it."""
        rows, next_page, _total = self._product_rows(page, {"include": "variants,custom_fields"})
        if page is None:
            self._seen_attributes.clear()
        return Page(self._new_attributes(rows), next_page)

    def _new_attributes(self, rows: Sequence[Any]) -> list[AttributeRecord]:
        """The attributes of these products that were not met before."""
        found: dict[str, AttributeRecord] = {}
        for row in rows:
            for item in row.get("custom_fields") or ():
                name = values.text(item["name"])
                found.setdefault(f"field:{name}", AttributeRecord(f"field:{name}", name, "Custom fields"))
            for variant in row.get("variants") or ():
                for value in variant.get("option_values") or ():
                    name = values.text(value["option_display_name"])
                    found.setdefault(f"option:{name}", AttributeRecord(f"option:{name}", name, "Options"))
        fresh = [record for key, record in found.items() if key not in self._seen_attributes]
        self._seen_attributes.update(found)
        return fresh

    @cached_property
    def _seen_attributes(self) -> set[str]:
        return set()

    def pull_carriers(self) -> Sequence[CarrierRecord]:
        return carriers.known()

    def pull_choices(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        rows = [(str(row["id"]), values.text(row.get("label") or row["id"])) for row in self._locations()]
        return {"location": rows}

    def pull_products(self, query: PullQuery, page: str | None = None) -> Page[ProductRecord]:
        """Products by ascending id, so that one that is added or changed meanwhile is never skipped."""
        params = {"include": WITH_EVERYTHING}
        if query.ids:
            return self._products_by_id(query.ids, page)
        if query.window.start and not query.created:
            params["date_modified:min"] = query.window.start.astimezone(UTC).isoformat(timespec="seconds")
        rows, next_page, total = self._product_rows(page, params)
        return self._read_products(rows, next_page, total if page is None else None)

    def _product_rows(
        self, page: str | None, params: Mapping[str, str]
    ) -> tuple[list[Any], str | None, int | None]:
        answer = self.client.get(
            "/v3/catalog/products",
            {
                **params,
                **LEAN,
                "sort": "id",
                "direction": "asc",
                "limit": "250",
                **({"id:greater": page} if page else {}),
            },
        )
        rows, paging = answer["data"], answer["meta"]["pagination"]
        if page and rows and int(rows[0]["id"]) <= int(page):
            raise TemporaryError("BigCommerce gave the same page twice; the pull goes on from there later.")
        is_last = len(rows) >= int(paging["total"]) or not rows
        return rows, None if is_last else str(rows[-1]["id"]), int(paging["total"])

    def _products_by_id(self, ids: Sequence[str], page: str | None) -> Page[ProductRecord]:
        start = int(page or 0)
        wanted = [i for i in dict.fromkeys(ids[start : start + 100]) if i.isascii() and i.isdigit()]
        rest = str(start + 100) if start + 100 < len(ids) else None
        if not wanted:
            return Page([], rest)
        params = {"include": WITH_EVERYTHING, "id:in": ",".join(wanted), **LEAN}
        return self._read_products(self.client.v3_all("/v3/catalog/products", params), rest)

    def _read_products(
        self, rows: Sequence[Any], next_page: str | None, total: int | None = None
    ) -> Page[ProductRecord]:
        stock = self._stock_of(rows)
        self._learn_brands(rows)
        found = self._read(rows, lambda row: self._product(row, stock), "id")
        return Page(found.records, next_page, found.refused, total, attributes=self._new_attributes(rows))

    def _product(self, row: Any, stock: Mapping[int, int]) -> ProductRecord:
        return mapping.product(
            row,
            currency=self._currency,
            brand_name=self._brands.get(int(row.get("brand_id") or 0), ""),
            stock=stock,
            weight_unit=str(self._known("weight_units") or ""),
            base_url=str(self._known("secure_url") or ""),
            may_switch_on=bool(self.connection.option("track_stock")),
        )

    def _stock_of(self, rows: Sequence[Any]) -> dict[int, int]:
        """What is on hand at the store's location, by variant id: the catalogue's own figure is the default's alone.

        It is the figure that we write as well; what BigCommerce keeps back as safety stock comes off it there.
        """
        tracked = [row for row in rows if row.get("inventory_tracking", "none") != "none"]
        if not tracked:
            return {}
        ids = ",".join(str(row["id"]) for row in tracked)
        params = {"product_id:in": ids, "location_id:in": str(self._location)}
        found: dict[int, int] = {}
        if self._location != self._default_location:  # what lies at the default one is not there
            found = {int(variant["id"]): 0 for row in tracked for variant in row.get("variants") or ()}
        for item in self.client.v3_all("/v3/inventory/items", params, limit=STOCK_LIMIT):
            for place in item.get("locations") or ():
                if int(place["location_id"]) == self._location:
                    found[int(item["identity"]["variant_id"])] = int(place["total_inventory_onhand"])
        return found

    def _learn_brands(self, rows: Sequence[Any]) -> None:
        ids = {int(row.get("brand_id") or 0) for row in rows} - {0} - set(self._brands)
        if ids:
            params = {"id:in": ",".join(str(number) for number in sorted(ids))}
            for row in self.client.v3_all("/v3/catalog/brands", params):
                self._brands[int(row["id"])] = values.text(row["name"])

    @cached_property
    def _brands(self) -> dict[int, str]:
        return {}

    def pull_orders(self, query: PullQuery, page: str | None = None) -> Page[OrderRecord]:
        rows, next_page, total = self._orders.page(query, page)
        mode_a = self.connection.option("shipping_mode") == "a"
        now = datetime.now(UTC)
        found = self._read(
            rows,
            lambda row: mapping.order(
                self._orders.complete(row, query),
                deducts_at_shipping=self._deducts_at_shipping,
                echo_until=now if mode_a else None,
                birthmark=self.connection.birthmark,
                panel=str(self._known("control_panel") or ""),
            ),
            "id",
        )
        return Page(found.records, next_page, found.refused, total)

    @cached_property
    def _orders(self) -> Orders:
        return Orders(self.client)

    def _read(self, rows: Iterable[Any], read: Callable[[Any], T], key: str) -> Page[T]:
        records: list[T] = []
        refused: list[RefusedRow] = []
        for row in rows:
            try:
                records.append(read(row))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                refused.append(mapping.refused(row, key, error))
        return Page(records, None, refused)

    # ------------------------------------------------ what the store is
    @cached_property
    def _store(self) -> Any:
        return self.client.get("/v2/store")

    @cached_property
    def _currency(self) -> str:
        return self.connection.currency or str(self._store["currency"])

    @cached_property
    def _places(self) -> int:
        known = self._known("decimal_places")
        return int(known) if known is not None else _decimals(self._store)

    @cached_property
    def _deducts_at_shipping(self) -> bool:
        """As the store's statuses say, which are read again every six hours; before that, as it said at connection."""
        if self.connection.pk:
            rows = self.connection.statuses.filter(external_id=AWAITING_FULFILMENT)
            is_held = rows.values_list("holds_stock", flat=True).first()
            if is_held is not None:
                return not is_held
        return (self._known("update_stock_behavior") or self._stock_behaviour) == AT_SHIPPING

    @cached_property
    def _stock_behaviour(self) -> str:
        found = (self.client.get("/v3/settings/inventory") or {}).get("data") or {}
        return str(found.get("update_stock_behavior") or "order_placed")

    @cached_property
    def _location(self) -> int:
        chosen = str(self.connection.option("location") or "").strip()
        if chosen.isdigit():
            return int(chosen)
        return int(self._known("default_location") or self._default_location)

    @cached_property
    def _default_location(self) -> int:
        known = self._known("default_location")
        if known:
            return int(known)
        rows = self.client.v3_all("/v3/inventory/locations", {"is_default": "true"})
        return int(rows[0]["id"]) if rows else 1

    # ------------------------------------------------ stock, prices, listings
    def push_stock(self, updates: Sequence[StockUpdate]) -> Sequence[Outcome]:
        return self.goods.push_stock(
            updates,
            default_location=self._location,
            may_switch_on=bool(self.connection.option("track_stock")),
        )

    def push_prices(self, updates: Sequence[PriceUpdate]) -> Sequence[Outcome]:
        return self.goods.push_prices(updates, currency=self._currency, places=self._places)

    def create_listing(self, draft: ListingDraft) -> ListingResult:
        with_stock = self._location == self._default_location
        return self._listings.create(draft, with_stock=with_stock)

    def find_listing(self, draft: ListingDraft) -> ListingResult | None:
        return self._listings.find(draft)

    def update_listing(self, draft: ListingDraft) -> ListingResult:
        return self._listings.update(draft)

    def set_listing_active(self, external_id: str, *, active: bool) -> None:
        self.client.put(f"/v3/catalog/products/{external_id}", {"is_visible": active}, ID_ALONE)

    @cached_property
    def _listings(self) -> Listings:
        return Listings(
            self.client,
            Pictures(self.connection.name),
            currency=self._currency,
            places=self._places,
            base_url=str(self._known("secure_url") or ""),
            storefront=int(self._known("storefront") or 0),
        )

    # ------------------------------------------------ fulfilment
    def push_fulfilment(self, update: ShipmentUpdate) -> Outcome:
        if update.event == FulfilmentEvent.DELIVERED:
            raise NotSupported(str(self.spec.reason(Capability.PUSH_DELIVERED)))
        if update.event == FulfilmentEvent.COMPLETED and not self.connection.option("push_completed"):
            raise NotSupported("Completing in BigCommerce is off in this store's settings.")
        return self._fulfilment.push(update)

    def look_up(self, update: ShipmentUpdate) -> Outcome | None:
        return self._fulfilment.look_up(update)

    @cached_property
    def _fulfilment(self) -> Fulfilment:
        names = {}
        if self.connection.pk:
            names = dict(self.connection.statuses.values_list("external_id", "name"))
        mode = str(self.connection.option("shipping_mode") or "a")
        return Fulfilment(
            self.client,
            mode=mode,
            names=names,
            deducts_at_shipping=self._deducts_at_shipping,
            country=str(self.connection.account.get("country") or ""),
        )


def _storefront(store: Mapping[str, Any]) -> int:
    """The channel of the store's own storefront where it has several, of which each product names its own; else 0."""
    has_several = bool((store.get("features") or {}).get("multi_storefront_enabled"))
    return int(store.get("default_channel_id") or 1) if has_several else 0


def _decimals(store: Mapping[str, Any]) -> int:
    given = store.get("decimal_places")
    return 2 if given is None else int(given)


def _zone(store: Mapping[str, Any]) -> str:
    """The store's time zone where Python knows its name; else UTC, which moves no instant."""
    name = str((store.get("timezone") or {}).get("name") or "")
    try:
        return ZoneInfo(name).key if name else "UTC"
    except (ZoneInfoNotFoundError, ValueError):
        return "UTC"
