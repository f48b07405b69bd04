"""Lists of OnBuy's own: statuses, categories, attributes, brands, carriers (`onbuy.md` §5); and how any list is read."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from channels.connectors.onbuy import mapping
from channels.connectors.onbuy.client import PAGE_SIZE, SITE, OnBuyClient
from channels.connectors.onbuy.scans import Cut, Place, cut
from channels.connectors.onbuy.statuses import NAMES, STATUSES
from channels.contract import used_values
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import Rejected
from channels.contract.records.orders import CarrierRecord, RemoteState, StatusRecord
from channels.contract.records.pages import Page, PullQuery, RefusedRow
from channels.contract.records.products import AttributeRecord, BrandRecord, CategoryRecord
from channels.http.session import ChannelSession

FEW = 50  # categories whose attributes are all read
FEW_BRANDS = 300  # with one letter, up to which all brands are read
PREFIXES = string.ascii_lowercase + string.digits
USED = "used:"
BRAND_PAGES = 3
T = TypeVar("T")


class OnBuyLists(ChannelAdapter):
    """The verbs that read lists."""

    @cached_property
    def client(self) -> OnBuyClient:
        return OnBuyClient(self.connection, self.session or ChannelSession(self.connection))

    def pull_statuses(self) -> Sequence[StatusRecord]:
        gone = (RemoteState.CANCELLED, RemoteState.RETURNED)
        return [StatusRecord(key, NAMES[key], state not in gone) for key, state in STATUSES.items()]

    def pull_categories(self, query: PullQuery, page: str | None = None) -> Page[CategoryRecord]:
        found = self._cut("/categories", {}, page, lambda row: mapping.text(row["category_id"]))
        return self._page(found, mapping.category, "category_id")

    def pull_attributes(self, query: PullQuery, page: str | None = None) -> Page[AttributeRecord]:
        """Features and technical details, one category a page: those asked for, those in use, or all of few."""
        ids = [each for each in (query.ids or self._attribute_categories()) if each.isdigit()]
        place = int(page or 0)
        if place >= len(ids):
            return Page([])
        features = self.client.all_rows(f"/categories/{ids[place]}/features", site_id=SITE)
        records = [mapping.feature(row, ids[place]) for row in features]
        for group in self.client.all_rows(f"/categories/{ids[place]}/technical-details", site_id=SITE):
            records += mapping.technical(group, ids[place])
        return Page(records, str(place + 1) if place + 1 < len(ids) else None)

    def _attribute_categories(self) -> Sequence[str]:
        text = str(self.connection.option("attribute_categories") or "")
        chosen = [part.strip() for part in text.split(",") if part.strip()]
        if ids := list(
            dict.fromkeys([*chosen, *used_values.used_values(self.connection, used_values.CATEGORIES)])
        ):
            return ids
        found = self.client.rows("/categories", site_id=SITE, limit=FEW, **{"filter[can_list_in]": 1})
        if found.total is not None and found.total > FEW:
            return []
        return [mapping.text(row["category_id"]) for row in found.rows]

    def pull_brands(self, query: PullQuery, page: str | None = None) -> Page[BrandRecord]:
        """Brands by name: those asked for (`ids` are names), else all by their first letter, a letter at a time.

        OnBuy has no list without a name. All are read only where they are few, or the store wants them; else those
        that the store's products have.
        """
        if not query.ids and not self.connection.option("all_brands"):
            if page is not None and page.startswith(USED):
                return self._used_brands(int(page.removeprefix(USED)))
            if page is None:
                some = self.client.rows("/brands", limit=1, **{"filter[name]": PREFIXES[0]})
                if some.total is None or some.total > FEW_BRANDS:
                    return self._used_brands(0)
        names = query.ids or tuple(PREFIXES)
        first, _, offset = (page or "0~0").partition("~")
        for place in range(int(first), len(names)):
            found = self._cut(
                "/brands",
                {"filter[name]": names[place], "sort[name]": "asc"},
                offset if place == int(first) else None,
                lambda row: mapping.text(row["brand_id"]),
                site_id=None,
            )
            begins = names[place].casefold()
            rows = [row for row in found.rows if mapping.text(row["name"]).casefold().startswith(begins)]
            rest = (
                f"{place}~{found.after}"
                if found.after
                else f"{place + 1}~0"
                if place + 1 < len(names)
                else None
            )
            if rows or found.after:
                return self._page(Cut(rows, None, None), mapping.brand, "brand_id", next_page=rest)
        return Page([])

    def _used_brands(self, place: int) -> Page[BrandRecord]:
        """The brands in use, one by one; a name that is part of very many others is looked for in their first pages."""
        names = used_values.used_values(self.connection, used_values.BRANDS)
        if place >= len(names):
            return Page([])
        wanted = names[place].casefold()
        token: str | None = None
        rows: list[Any] = []
        for _page in range(BRAND_PAGES):
            params = {"filter[name]": names[place], "sort[name]": "asc"}
            found = self._cut(
                "/brands", params, token, lambda row: mapping.text(row["brand_id"]), site_id=None
            )
            rows = [row for row in found.rows if mapping.text(row["name"]).casefold() == wanted]
            token = str(found.after) if found.after else None
            if rows or token is None:
                break
        rest = f"{USED}{place + 1}" if place + 1 < len(names) else None
        return self._page(Cut(rows, None, None), mapping.brand, "brand_id", next_page=rest)

    def find_brands(self, text: str) -> Page[BrandRecord]:
        """Brands whose name contains this text, the first hundred by name."""
        found = self.client.rows("/brands", **{"filter[name]": text, "sort[name]": "asc"})
        is_more = found.total is None or found.total > len(found.rows)
        return self._page(
            Cut(found.rows, None, found.total), mapping.brand, "brand_id", "more" if is_more else None
        )

    def pull_carriers(self) -> Sequence[CarrierRecord]:
        """Carriers with their tracking numbers; where OnBuy has taken that list away, the newer one."""
        try:
            rows = self.client.all_rows("/orders/tracking-providers", site_id=SITE)
        except Rejected as error:
            if error.code not in ("403", "404"):
                raise
            rows = self.client.get("/carriers", site_id=SITE)  # a bare array, without pages
        return [mapping.provider(row) for row in rows]

    def pull_choices(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """The seller's delivery templates; OnBuy gives a row for each region of each."""
        rows = self.client.all_rows("/sellers/deliveries", site_id=SITE)
        found: dict[str, str] = {}
        for row in rows:
            name = mapping.text(row.get("template_name"))
            found.setdefault(mapping.text(row["seller_delivery_template_id"]), name)
        return {"delivery_template": [(key, name or key) for key, name in found.items()]}

    # ------------------------------------------------ reading
    def _cut(
        self,
        path: str,
        params: Mapping[str, Any],
        page: str | None,
        key: Callable[[Any], str],
        *,
        site_id: int | None = SITE,
    ) -> Cut:
        site = {} if site_id is None else {"site_id": site_id}
        return cut(self.client, path, {**site, "limit": PAGE_SIZE, **params}, Place.parse(page), key)

    def _page(self, found: Cut, read: Callable[[Any], T], key: str, next_page: str | None = None) -> Page[T]:
        records: list[T] = []
        refused: list[RefusedRow] = []
        for row in found.rows:
            try:
                records.append(read(row))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                refused.append(mapping.refused(row, key, error))
        return Page(records, str(found.after) if found.after else next_page, tuple(refused), found.total)
