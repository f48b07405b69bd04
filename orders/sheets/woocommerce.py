"""Orders of WooCommerce, which has no export of its own: the file of the extension “Advanced Order Export”.

Its headings were found in several public programs that read it. One row is one line; the facts of the order repeat.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.kit.sheets.cells.results import say
from oms.kit.sheets.cells.text import one_line
from oms.kit.sheets.formats import KnownFormat, Line, Passed, Source, SourceRow
from orders.sheets.moments import moment_of

_COLUMNS = (
    ("order", ("Order Number",)),
    ("email", ("Email (Billing)",)),
    ("phone", ("Phone (Shipping)", "Phone (Billing)")),
    ("sku", ("SKU",)),
    ("title", ("Item Name", "Name")),
    ("options", ("Product Variation",)),
    ("quantity", ("Quantity (- Refund)", "Quantity")),
    ("price", ("Item Cost",)),
    ("shipping", ("Order Shipping Amount",)),
    ("tax", ("Order Total Tax Amount",)),
    ("discount", ("Cart Discount Amount",)),
    ("total", ("Order Total Amount",)),
    ("currency", ("Currency",)),
    ("carrier", ("Shipping Method Title",)),
    ("note", ("Customer Note",)),
)
_ADDRESS = (
    ("company", ("Company",)),
    ("address", ("Address 1&2", "Address 1")),
    ("address2", ("Address 2",)),
    ("city", ("City",)),
    ("state", ("State Code", "State Name")),
    ("postcode", ("Postcode",)),
    ("country", ("Country Code", "Country Name")),
)
_PAID = ("processing", "completed", "refunded")
_CANCELLED = ("cancelled", "refunded", "failed", "trash")


def _lines(source: Source) -> Iterator[Line | Passed]:
    """One row a line. A completed order is history; its units that were refunded do not count."""
    for row in source.rows():
        day = moment_of(row, "Order Date")
        if day is None:
            reason = say(_("“%(text)s” is no date and time."), text=row.text("Order Date"))
            yield Passed(row.number, reason, "date-unreadable", "Order Date")
            continue
        if row.text("Quantity (- Refund)") == "0":
            yield Passed(row.number, _("All units of the line were refunded."))
            continue
        line = Line(row.number)
        for key, headings in _COLUMNS:
            line.put(key, row, row.first(*headings))
        _put_address(line, row)
        line.set("date", day.date(), "Order Date")
        status = row.text("Order Status").lower().removeprefix("wc-").replace(" ", "-")
        line.set("paid", status in _PAID, "Order Status")
        line.set("cancelled", status in _CANCELLED, "Order Status")
        if status == "completed":
            line.set("shipped", (moment_of(row, "Completed Date") or day).date(), "Completed Date")
        yield line


def _put_address(line: Line, row: SourceRow) -> None:
    """Use the shipping address; the billing address of orders that have no other."""
    parts = ("Address 1&2", "Address 1", "City", "Postcode")
    side = "Shipping" if any(row.text(f"{name} (Shipping)") for name in parts) else "Billing"
    for key, names in _ADDRESS:
        line.put(key, row, row.first(*(f"{name} ({side})" for name in names)))
    first, last = row.text(f"First Name ({side})"), row.text(f"Last Name ({side})")
    name = one_line(row.text(f"Full Name ({side})") or f"{first} {last}")
    line.set("name", name[:200] or None, f"Last Name ({side})")


WOOCOMMERCE = KnownFormat(
    "woocommerce orders",
    gettext_lazy("WooCommerce orders (Advanced Order Export)"),
    "orders",
    ("Order Number", "Order Status", "Order Date", "Item Cost"),
    translate=_lines,
)
