"""Order files of other systems: Etsy's sold order items, Etsy's sold orders (refused), Shopify's and WooCommerce's orders."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.kit.sheets.cells.results import say
from oms.kit.sheets.cells.text import one_line
from oms.kit.sheets.formats import KnownFormat, Line, Passed, Source
from orders.sheets.moments import moment_of
from orders.sheets.woocommerce import WOOCOMMERCE

_ETSY = (
    ("date", ("Sale Date",)),
    ("name", ("Ship Name", "Delivery Name", "Full Name")),
    ("address", ("Ship Address1", "Delivery Address1", "Street 1")),
    ("address2", ("Ship Address2", "Delivery Address2", "Street 2")),
    ("city", ("Ship City", "Delivery City")),
    ("state", ("Ship State", "Delivery State", "Delivery County")),
    ("postcode", ("Ship Zipcode", "Delivery Zipcode", "Delivery Postcode")),
    ("country", ("Ship Country", "Delivery Country")),
    ("sku", ("SKU",)),
    ("title", ("Item Name",)),
    ("options", ("Variations",)),
    ("quantity", ("Quantity",)),
    ("price", ("Price",)),
    ("shipping", ("Order Shipping", "Order Delivery")),
    ("tax", ("Order Sales Tax",)),
    ("currency", ("Currency",)),
    ("shipped", ("Date Shipped", "Date Posted")),
)
_PAID = ("paid", "partially_refunded", "refunded")
_SHOPIFY = (
    ("email", "Email"),
    ("name", "Shipping Name"),
    ("company", "Shipping Company"),
    ("address2", "Shipping Address2"),
    ("city", "Shipping City"),
    ("state", "Shipping Province"),
    ("postcode", "Shipping Zip"),
    ("country", "Shipping Country"),
    ("phone", "Shipping Phone"),
    ("sku", "Lineitem sku"),
    ("title", "Lineitem name"),
    ("quantity", "Lineitem quantity"),
    ("price", "Lineitem price"),
    ("shipping", "Shipping"),
    ("tax", "Taxes"),
    ("discount", "Discount Amount"),
    ("total", "Total"),
    ("currency", "Currency"),
    ("note", "Notes"),
)


def _etsy_items(source: Source) -> Iterator[Line]:
    """One row a line; shipping and tax repeat on each line of an order and count once."""
    for row in source.rows():
        line = Line(row.number)
        line.cells["order"] = (row.text("Order ID").lstrip("#") or None, "Order ID")
        for key, headings in _ETSY:
            line.put(key, row, row.first(*headings))
        if row.text("Date Paid"):
            line.set("paid", True, "Date Paid")
        yield line


def _shopify(source: Source) -> Iterator[Line | Passed]:
    """Only the first row of an order has its facts; the others have a line each."""
    seen: set[str] = set()
    for row in source.rows():
        number = row.text("Name")
        line = Line(row.number)
        line.put("order", row, "Name")
        for key, heading in _SHOPIFY:
            line.put(key, row, heading)
        line.put("address", row, row.first("Shipping Address1", "Shipping Street"))
        if number not in seen:
            seen.add(number)
            moment = moment_of(row, "Created at")
            if moment is None:
                reason = say(_("“%(text)s” is no date and time."), text=row.text("Created at"))
                yield Passed(row.number, reason, "date-unreadable", "Created at")
                continue
            line.set("date_utc", moment, "Created at")
            line.set("paid", row.text("Financial Status").lower() in _PAID, "Financial Status")
            line.set("cancelled", bool(row.text("Cancelled at")), "Cancelled at")
            shipped = (
                moment_of(row, "Fulfilled at")
                if row.text("Fulfillment Status").lower() == "fulfilled"
                else None
            )
            line.set("shipped", shipped.date() if shipped else None, "Fulfilled at")
            method = one_line(row.text("Shipping Method"))
            line.set("carrier", method or None, "Shipping Method")
        yield line


ETSY_ITEMS = KnownFormat(
    "etsy sold order items",
    gettext_lazy("Etsy sold order items"),
    "orders",
    ("Sale Date", "Item Name", "Transaction ID", "Order ID", "Quantity"),
    translate=_etsy_items,
    date_order="mdy",
)
ETSY_ORDERS = KnownFormat(
    "etsy sold orders",
    gettext_lazy("Etsy sold orders"),
    "orders",
    ("Sale Date", "Order ID", "Number of Items", "Order Value"),
    refusal=gettext_lazy(
        "This is Etsy's file of sold orders: it has no quantity for each SKU. Download “Order Items” from Etsy and upload that file."
    ),
    refusal_code="orders-without-lines",
)
SHOPIFY = KnownFormat(
    "shopify orders",
    gettext_lazy("Shopify order export"),
    "orders",
    ("Name", "Financial Status", "Lineitem quantity", "Lineitem sku"),
    translate=_shopify,
)
FORMATS = (ETSY_ITEMS, ETSY_ORDERS, SHOPIFY, WOOCOMMERCE)
