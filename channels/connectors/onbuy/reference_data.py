"""Lists of OnBuy's own: statuses, categories, attributes, brands, carriers (`onbuy.md` §5); and how any list is read."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from channels.connectors.onbuy import payloads
from channels.connectors.onbuy.client import PAGE_SIZE, SITE, OnBuyClient
from channels.connectors.onbuy.payloads import flag, text
from channels.connectors.onbuy.statuses import NAMES, STATUSES
from channels.contract.errors import Rejected, TemporaryError
from channels.contract.offset_scan import AnchoredOffsetScan
from channels.contract.reading import mappings, read_rows, readable
from channels.contract.record_limits import Unreadable
from channels.contract.records.orders import CarrierRecord, RemoteState, StatusRecord
from channels.contract.records.pages import Page, PullQuery
from channels.contract.records.products import AttributeRecord, BrandRecord, CategoryRecord
from channels.contract.schema import Notes, conform
from channels.contract.translation import gettext as _
from oms.kit.numbers import is_whole_number

LABEL = "OnBuy"
FEW = 50  # categories whose attributes are all read
FEW_BRANDS = 300  # with one letter, up to which all brands are read
PREFIXES = string.ascii_lowercase + string.digits
USED = "used:"
BRAND_PAGES = 3
STEP_BACK = PAGE_SIZE // 2


# ---------------------------------------------------------------- reading any list


@dataclass(frozen=True, slots=True)
class ListPage:
    """The rows of one page, where the next begins (None: the end), OnBuy's count, and whether rows have moved."""

    rows: Sequence[Any]
    after: AnchoredOffsetScan | None
    total: int | None
    is_moved: bool = False

    @property
    def token(self) -> str | None:
        """The page token of the next page; None at the end."""
        return str(self.after) if self.after else None


def read_list(
    client: OnBuyClient,
    path: str,
    params: Mapping[str, Any],
    page: str | None,
    key: Callable[[Any], str],
    *,
    site_id: int | None = SITE,
) -> ListPage:
    """Read one page of a list by offset, while it changes (`onbuy.md` §1); `key` identifies a row.

    A page may be short although more pages follow: the scan ends when OnBuy's count is reached or a page is empty. Raise
    `TemporaryError` when OnBuy counts more rows than it returns.
    """
    scan = AnchoredOffsetScan.parse(page)
    site = {} if site_id is None else {"site_id": site_id}
    found = client.rows(path, offset=scan.start, **{**site, "limit": PAGE_SIZE, **params})
    if scan.has_moved(found.rows, key):
        return ListPage((), scan.back(STEP_BACK), found.total, is_moved=True)
    rows = list(scan.fresh(found.rows))
    end = scan.offset + len(rows)
    is_more = bool(rows) if found.total is None else end < found.total
    if is_more and not rows:
        raise TemporaryError(
            _("OnBuy returned fewer rows than it counts; the rest is imported later."),
            detail=f"{path}: {end} of {found.total}",
        )
    return ListPage(rows, scan.after(rows, key) if is_more else None, found.total)


# ---------------------------------------------------------------- statuses, categories, attributes


def statuses() -> list[StatusRecord]:
    """Return OnBuy's order statuses, which are fixed."""
    released = (RemoteState.CANCELLED, RemoteState.RETURNED)
    return [StatusRecord(key, str(NAMES[key]), state not in released) for key, state in STATUSES.items()]


def pull_categories(client: OnBuyClient, page: str | None) -> Page[CategoryRecord]:
    """Read a page of OnBuy's categories."""
    found = read_list(client, "/categories", {}, page, lambda row: text_in(row, "category_id"))
    return read_rows(found.rows, category, "category_id", LABEL, next_page=found.token, total=found.total)


def pull_attributes(
    client: OnBuyClient, query: PullQuery, page: str | None, *, chosen: str, used: Sequence[str]
) -> Page[AttributeRecord]:
    """Read features and technical details, one category a page.

    Of the categories asked for (`ids`), else of those that the store has `chosen` (numbers with commas) or its
    products have `used`, else of all where OnBuy has few.
    """
    wanted = query.ids or _attribute_categories(client, chosen, used)
    ids = [each for each in wanted if is_whole_number(each)]
    place = int(page or 0)
    if place >= len(ids):
        return Page([])
    features = client.all_rows(f"/categories/{ids[place]}/features", site_id=SITE)
    records = readable(features, lambda row: feature(row, ids[place]))
    for group in mappings(client.all_rows(f"/categories/{ids[place]}/technical-details", site_id=SITE)):
        records += technical(group, ids[place])
    return Page(records, str(place + 1) if place + 1 < len(ids) else None)


def _attribute_categories(client: OnBuyClient, chosen: str, used: Sequence[str]) -> Sequence[str]:
    named = [part.strip() for part in chosen.split(",") if part.strip()]
    if ids := list(dict.fromkeys([*named, *used])):
        return ids
    found = client.rows("/categories", site_id=SITE, limit=FEW, **{"filter[can_list_in]": 1})
    if found.total is not None and found.total > FEW:
        return []
    return [category_id for row in found.rows if (category_id := text_in(row, "category_id"))]


# ---------------------------------------------------------------- brands


def pull_brands(
    client: OnBuyClient, query: PullQuery, page: str | None, *, wants_all: bool, used: Sequence[str]
) -> Page[BrandRecord]:
    """Read brands by name: those asked for (`ids` are names), else all by their first letter, a letter at a time.

    OnBuy has no list without a name. All are read only where they are few, or the store `wants_all`; else those that
    the store's products have (`used`).
    """
    if not query.ids and not wants_all:
        if page is not None and page.startswith(USED):
            return _used_brands(client, used, int(page.removeprefix(USED)))
        if page is None:
            some = client.rows("/brands", limit=1, **{"filter[name]": PREFIXES[0]})
            if some.total is None or some.total > FEW_BRANDS:
                return _used_brands(client, used, 0)
    names = query.ids or tuple(PREFIXES)
    first, _tilde, offset = (page or "0~0").partition("~")
    for place in range(int(first), len(names)):
        found = _brands_named(client, names[place], offset if place == int(first) else None)
        begins = names[place].casefold()
        rows = [row for row in found.rows if text_in(row, "name").casefold().startswith(begins)]
        if found.after:
            rest: str | None = f"{place}~{found.after}"
        else:
            rest = f"{place + 1}~0" if place + 1 < len(names) else None
        if rows or found.after:
            return read_rows(rows, brand, "brand_id", LABEL, next_page=rest)
    return Page([])


def _used_brands(client: OnBuyClient, names: Sequence[str], place: int) -> Page[BrandRecord]:
    """One brand in use; a name that is part of very many others is looked for in their first pages."""
    if place >= len(names):
        return Page([])
    wanted = names[place].casefold()
    token: str | None = None
    rows: list[Any] = []
    for _page in range(BRAND_PAGES):
        found = _brands_named(client, names[place], token)
        rows = [row for row in found.rows if text_in(row, "name").casefold() == wanted]
        token = found.token
        if rows or token is None:
            break
    rest = f"{USED}{place + 1}" if place + 1 < len(names) else None
    return read_rows(rows, brand, "brand_id", LABEL, next_page=rest)


def _brands_named(client: OnBuyClient, name: str, page: str | None) -> ListPage:
    params = {"filter[name]": name, "sort[name]": "asc"}
    return read_list(client, "/brands", params, page, lambda row: text_in(row, "brand_id"), site_id=None)


def find_brands(client: OnBuyClient, words: str) -> Page[BrandRecord]:
    """Read the brands whose name contains these words, the first hundred by name."""
    found = client.rows("/brands", **{"filter[name]": words, "sort[name]": "asc"})
    is_more = found.total is None or found.total > len(found.rows)
    return read_rows(
        found.rows, brand, "brand_id", LABEL, next_page="more" if is_more else None, total=found.total
    )


# ---------------------------------------------------------------- carriers, settings


def pull_carriers(client: OnBuyClient) -> list[CarrierRecord]:
    """Read carriers with their tracking numbers; where OnBuy has removed that list, the newer one."""
    try:
        rows = client.all_rows("/orders/tracking-providers", site_id=SITE)
    except Rejected as error:
        if error.code not in ("403", "404"):
            raise
        rows = client.get("/carriers", site_id=SITE)  # a bare array, without pages
    return readable(rows, provider)


def pull_choices(client: OnBuyClient) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Read the seller's delivery templates; OnBuy gives a row for each region of each."""
    found: dict[str, str] = {}
    for row in client.all_rows("/sellers/deliveries", site_id=SITE):
        found.setdefault(text_in(row, "seller_delivery_template_id"), text_in(row, "template_name"))
    found.pop("", None)
    return {"delivery_template": [(key, name or key) for key, name in found.items()]}


# ---------------------------------------------------------------- mapping


def text_in(row: Any, name: str) -> str:
    """Return a field of a row as text; "" for a row that is none."""
    return text(row.get(name)) if isinstance(row, dict) else ""


def category(row: Any) -> CategoryRecord:
    """Map a category; one that takes no listings is not active."""
    row = conform(payloads.Category, row, Notes())
    name, tree, parent = text(row["name"]), text(row.get("category_tree")), text(row.get("parent_id"))
    return CategoryRecord(
        external_id=text(row["category_id"]),
        name=name,
        path=f"{tree} > {name}" if tree else name,
        parent_external_id="" if parent == "0" else parent,
        is_active=flag(row.get("can_list_in", True)),
    )


def feature(row: Any, category_id: str) -> AttributeRecord:
    """Map a feature of a category; another category may have it too, with other demands."""
    row = conform(payloads.Feature, row, Notes())
    return AttributeRecord(
        external_id=f"{category_id}:{text(row['feature_id'])}",
        name=text(row["name"]),
        values=tuple(text(option["name"]) for option in row.get("options") or ()),
        is_required=flag(row.get("required", False)),
    )


def technical(group: Mapping[str, Any], category_id: str) -> list[AttributeRecord]:
    """Map the technical details of one group of a category."""
    name = text(group.get("group_name"))

    def read(row: Any) -> AttributeRecord:
        row = conform(payloads.Detail, row, Notes())
        return AttributeRecord(
            f"{category_id}:detail:{text(row['detail_id'])}", text(row["name"]), group=name
        )

    return readable(group.get("options"), read)


def brand(row: Any) -> BrandRecord:
    """Map a brand."""
    row = conform(payloads.Brand, row, Notes())
    return BrandRecord(text(row["brand_id"]), text(row["name"]))


def provider(row: Any) -> CarrierRecord:
    """Map a carrier of either list: that with tracking ids, or the newer one with codes."""
    row = conform(payloads.Provider, row, Notes())
    code = text(row.get("tracking_id") or row.get("onbuy_carrier_code"))
    if not code:
        raise Unreadable(_("it has no code"))
    return CarrierRecord(code, text(row.get("name") or row.get("carrier_name")) or code)
