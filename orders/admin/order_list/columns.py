"""The columns of the order list. A new column is one method here and its name in `OrderAdmin`.

A cell reads only the order, and what `with_related` of the list has set on it: `order.beside` and `order.words`.
`escape` is Python's: Django's looks for lazy texts first, and a page escapes a thousand texts.
"""

from __future__ import annotations

from html import escape
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.badges import NOTHING, ago, badge, due, money_text, thumb
from oms.kit.admin.rows import cell
from orders.choices import OPEN_STATUSES, STATUS_COLOURS, OrderStatus


class Words:
    """Badges and words that every row repeats, made once per request."""

    def __init__(self) -> None:
        self.status = {status.value: badge(status.label, STATUS_COLOURS[status]) for status in OrderStatus}
        self.problem = badge(gettext("Problem"), "danger")
        self.held = badge(gettext("On hold"), "warning")
        self.shipped = str(gettext("shipped"))


class OrderColumns:
    """Cells by the name of their column; mixed into `OrderAdmin`."""

    @cell("lead", description=_("order"), ordering="number")
    def order(self, order: Any) -> SafeString:
        return SafeString(
            f'<a class="strong nowrap" href="{order.pk}/">#{escape(order.number)}</a>'
            f'<div class="small quiet nowrap d-second" title="{escape(order.connection.name)}">'
            f'<span class="d-store oms-c{order.connection_id % 5}"></span> {escape(order.connection.name)}</div>'
        )

    @cell("nowrap due", description=_("ship by"), ordering="ship_by_at")
    def ship_by(self, order: Any) -> SafeString:
        """The time left, coloured while the order may be shipped; the day while it waits for something else; afterwards when it was shipped."""
        if order.can_be_late:
            return due(order.ship_by_at)
        if order.status in OPEN_STATUSES:
            return (
                SafeString(f'<span class="quiet">{ago(order.ship_by_at)}</span>')
                if order.ship_by_at
                else NOTHING
            )
        if order.shipped_at is None:
            return NOTHING
        return SafeString(f'<span class="quiet small">{order.words.shipped} {ago(order.shipped_at)}</span>')

    @cell("buyer", description=_("buyer"))
    def buyer(self, order: Any) -> SafeString:
        country = f' <span class="quiet small">{escape(order.country)}</span>' if order.country else ""
        return SafeString(f"<span>{escape(order.customer_name or '–')}{country}</span>")

    @cell("items", description=_("items"))
    def items(self, order: Any) -> SafeString:
        out = []
        for line in order.beside.lines:
            title = escape(line.title)
            name = escape(line.own_sku) or f'<span class="wrong">{escape(line.sku) or title}</span>'
            many = " strong" if line.quantity > 1 else ""
            out.append(
                f'<div class="d-items">{thumb(line.thumb, line.title)}'
                f'<span class="d-cut" title="{title}">{name}</span>'
                f' <span class="nowrap{many}">× {line.quantity}</span></div>'
            )
        if order.beside.more:
            out.append(f'<span class="quiet small">+{order.beside.more}</span>')
        return SafeString(f"<div>{''.join(out)}</div>")

    @cell("num", description=_("total"), ordering="total")
    def total(self, order: Any) -> str:
        return money_text(order.total, order.currency)

    @cell("warehouse", description=_("warehouse"))
    def warehouse(self, order: Any) -> Any:
        return ", ".join(order.beside.warehouses) or NOTHING

    @cell("carrier", description=_("carrier and tracking"))
    def carrier(self, order: Any) -> SafeString:
        if not order.beside.shipments:
            return NOTHING
        return SafeString(
            "".join(
                f'<div class="small">{escape(carrier or "–")}'
                f' <span class="quiet nowrap">{escape(tracking)}</span></div>'
                for carrier, tracking in order.beside.shipments
            )
        )

    @cell("state", description=_("status"))
    def state(self, order: Any) -> SafeString:
        words = order.words
        return SafeString(
            f'<span class="d-row">{words.status[order.status]}{words.problem if order.problems_open else ""}'
            f"{words.held if order.holds_open else ''}</span>"
        )

    # --- columns that a person can add ---

    @cell("nowrap", description=_("placed"), ordering="placed_at")
    def placed(self, order: Any) -> SafeString:
        return ago(order.placed_at)

    @cell(description=_("store"))
    def store(self, order: Any) -> str:
        return str(order.connection.name)

    @cell(description=_("country"))
    def country(self, order: Any) -> Any:
        return order.country or NOTHING

    @cell(description=_("postcode and town"))
    def town(self, order: Any) -> Any:
        parts = (str(order.ship_to.get(key) or "") for key in ("postcode", "city"))
        return " ".join(filter(None, parts)) or NOTHING

    @cell(description=_("e-mail"))
    def email(self, order: Any) -> Any:
        return order.customer_email or NOTHING

    @cell("nowrap", description=_("phone"))
    def phone(self, order: Any) -> Any:
        return order.customer_phone or NOTHING

    @cell("num", description=_("units"))
    def units(self, order: Any) -> int:
        return int(order.units)

    @cell(description=_("shipping method"))
    def shipping_method(self, order: Any) -> Any:
        return order.shipping_method or NOTHING

    @cell(description=_("payment"))
    def payment(self, order: Any) -> Any:
        return order.payment_method or NOTHING

    @cell(description=_("channel status"))
    def channel_status(self, order: Any) -> Any:
        """What was sent and accepted since the last import, else the imported status; each with its time."""
        if getattr(order, "sent_event", None) is not None:
            what, at = order.sent_event
            return SafeString(
                f'{escape(str(what))}<div class="small quiet nowrap">{gettext("sent")} {ago(at)}</div>'
            )
        return order.remote_status_name or order.remote_status_id or NOTHING
