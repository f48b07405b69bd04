"""Read orders of the shop and map them to records (`contrib/opencart/CONTRACT.md` §4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, cast

from channels.connectors.opencart import payloads
from channels.connectors.opencart.client import OpenCartClient
from channels.connectors.opencart.payloads import FOUR_PLACES, child_sku, instant, parent_sku, utc
from channels.connectors.opencart.reference_data import read_by_ids, read_list
from channels.connectors.opencart.statuses import PAID, PENDING, STATUSES
from channels.contract.errors import Rejected
from channels.contract.record_limits import MOST_AMOUNT, Unreadable
from channels.contract.records.orders import (
    AddressRecord,
    OrderLineRecord,
    OrderRecord,
    PaymentState,
    RemoteState,
)
from channels.contract.records.pages import Page, PullQuery
from channels.contract.schema import Notes, conform
from channels.contract.translation import gettext as _
from channels.contract.values import money, ordered_units, text


def pull_orders(
    client: OpenCartClient,
    query: PullQuery,
    page: str | None,
    *,
    rule: str,
    pending_as_unpaid: bool,
    holding: Collection[str],
) -> Page[OrderRecord]:
    """Read orders by the time of their last change, or those with these ids.

    The API has no end date, so a scan ends when the end of the window is passed. `rule` is the store's SKU rule, `holding`
    are the status ids in which the shop has deducted the stock.
    """

    def read(row: Any) -> OrderRecord:
        return order(row, rule=rule, pending_as_unpaid=pending_as_unpaid, holding=holding)

    if query.ids:
        return read_by_ids(client, "orders", read, "order_id", query.ids, page)
    start, end = query.window.start, query.window.end
    params = {"status_ids": ",".join(query.statuses)} if query.statuses else {}
    if start:
        params["created_since" if query.created else "modified_since"] = utc(start)
    if query.by_person and page is None:
        params["compare"] = "1"
    found = _read_list(client, read, page, params)
    if end is None:
        return found
    if query.created:
        records = [record for record in found.records if record.placed_at < end]
        return Page(records, found.next_page, found.refused)
    is_past = bool(found.records) and found.records[-1].changed_at >= end
    return Page(found.records, None if is_past else found.next_page, found.refused)


def _read_list(
    client: OpenCartClient, read: Callable[[Any], OrderRecord], page: str | None, params: dict[str, str]
) -> Page[OrderRecord]:
    """Read a page of orders. An extension before version 1.1 knows no `compare`: then it is left out."""
    try:
        return read_list(client, "orders", read, "order_id", page, params)
    except Rejected as error:
        if error.field != "compare":
            raise
        return read_list(
            client, "orders", read, "order_id", page, {k: v for k, v in params.items() if k != "compare"}
        )


def order_row(client: OpenCartClient, external_id: str) -> Any:
    """Read the present state of one order, with its history."""
    return client.get("order", order_id=external_id).data


def order(
    row: payloads.Order, *, rule: str, pending_as_unpaid: bool, holding: Collection[str] | None
) -> OrderRecord:
    """Map an order with the figures as the buyer saw them.

    OpenCart stores amounts in the shop's currency and the order's rate: amounts are multiplied by it and rounded to 4 places.
    Fees (handling, low order) are added to the postage; what lowers the total (coupon, voucher, credit, reward) is the
    discount, so that the parts add up to the total. `holding` are the status ids in which the shop has deducted the stock;
    None: not known. Raises `Unreadable` for a row without what an order needs.
    """
    native, notes = row, Notes()
    row = conform(payloads.Order, row, notes)
    added, changed = (notes.time(row[name], instant, name) for name in ("date_added", "changed_at"))
    if added is None and changed is None:
        raise Unreadable(_("the order has no date that can be read"))
    rate, state = money(row["currency_value"] or 1), str(row["status"]["id"] or "")
    payment, shipping, shop = row["payment"], row["shipping"], row.get("store")
    sums = _sums(row, rate, notes)
    refs = [entry["ref"] for entry in row.get("history", ())] or [row["last_ref"]]
    return OrderRecord(
        external_id=str(row["order_id"]),
        number=str(row["order_id"]),
        status_id=state,
        status_name=text(row["status"]["name"]),
        remote_state=remote_state(state, pending_as_unpaid=pending_as_unpaid),
        placed_at=added or cast(datetime, changed),
        changed_at=changed or cast(datetime, added),
        currency=row["currency"],
        total=_shown(row["total"], rate, notes, "total"),
        lines=tuple(_line(line, row, rule, rate, notes) for line in row["lines"]),
        items_total=sums["items"],
        shipping_total=sums["shipping"],
        tax_total=sums["tax"],
        discount_total=sums["discount"],
        prices_include_tax=False,
        payment=payment_state(row),
        storefront=text(shop["name"]) if shop else "",
        stock_deducted=True if holding is None else state in holding,
        customer_name=text(f"{row['firstname']} {row['lastname']}"),
        customer_email=text(row["email"]),
        customer_phone=text(row["telephone"]),
        customer_external_id=str(row["customer_id"]) if row["customer_id"] else "",
        ship_to=address(shipping["address"], phone=text(row["telephone"])),
        bill_to=address(payment["address"], phone=text(row["telephone"])),
        payment_method=text(payment["name"]),
        shipping_method=text(shipping["name"]),
        carrier=text(shipping["name"]),  # §7 C4: the shop's shipping method is the carrier
        buyer_note=text(row["comment"]),
        own_refs=tuple(ref for ref in refs if ref),
        notes=tuple(notes),
        native=cast(Mapping[str, Any], native),
    )


def remote_state(status_id: str, *, pending_as_unpaid: bool) -> RemoteState:
    """Return the meaning of a native status; `UNKNOWN` for one that is not in the table."""
    if status_id == PENDING and pending_as_unpaid:
        return RemoteState.UNPAID
    return STATUSES.get(status_id, RemoteState.UNKNOWN)


#: Payment methods of OpenCart itself, by the first part of their code.
_ON_DELIVERY = frozenset({"cod"})
_BY_TRANSFER = frozenset({"bank_transfer", "cheque"})


def payment_state(row: payloads.Order) -> PaymentState:
    """Return whether an order is paid. OpenCart has no field for it: method, amount and status together say it.

    An order that is Processing or further was accepted as paid, by its payment module or by the staff. Before, a bank
    transfer or cheque is unpaid, and of an online payment nothing is known.
    """
    method = text(row["payment"].get("code")).partition(".")[0]
    if method in _ON_DELIVERY:
        return PaymentState.ON_DELIVERY
    if method == "free_checkout" or not money(row["total"]) or str(row["status"]["id"]) in PAID:
        return PaymentState.PAID
    return PaymentState.UNPAID if method in _BY_TRANSFER else PaymentState.UNKNOWN


def address(row: payloads.Address | None, *, phone: str = "") -> AddressRecord:
    """Map an address of an order; an order of downloads has none."""
    if not row:
        return AddressRecord()
    return AddressRecord(
        name=text(f"{row['firstname']} {row['lastname']}"),
        company=text(row["company"]),
        line1=text(row["address_1"]),
        line2=text(row["address_2"]),
        city=text(row["city"]),
        region=text(row["zone"]),
        postcode=text(row["postcode"]),
        country=text(row["iso2"]).upper(),
        phone=phone,
    )


def _line(
    line: payloads.Line, row: payloads.Order, rule: str, rate: Decimal, notes: Notes
) -> OrderLineRecord:
    """Map a line. Its SKU is named by `child_key` or `product_id`; the text is used when the product was deleted."""
    key, quantity = line["child_key"], ordered_units(line["quantity"], text(line["name"]))
    if key:
        sku = child_sku(rule, sku=line["sku"], model=line["model"], key=key, given=line["child_sku"] or "")
    else:
        sku = parent_sku(rule, line["sku"], line["model"])
    chosen, typed = _options(line)
    # Since version 1.1 of the extension; null for a deleted product. Before, an order without an address has no parcel.
    is_shipped, is_subtracted = line.get("shipping"), line.get("subtract")
    needs_parcel = row["shipping"]["address"] is not None if is_shipped is None else is_shipped
    return OrderLineRecord(
        external_id=str(line["order_product_id"]),
        title=text(line["name"]),
        quantity=quantity,
        unit_price=_shown(line["price"], rate, notes, "lines.price"),
        total=_shown(line["total"], rate, notes, "lines.total"),
        tax=_shown(money(line["tax"]) * quantity, rate, notes, "lines.tax"),  # native tax is for each unit
        sku=sku,
        variant_external_id=key or str(line["product_id"]),
        product_external_id=str(line["master_id"] or line["product_id"]),
        options=chosen,
        personalisation="\n".join(typed),
        needs_stock=needs_parcel or is_subtracted is not False,
        needs_parcel=needs_parcel,
    )


def _options(line: payloads.Line) -> tuple[dict[str, str], list[str]]:
    """Return the chosen options (values of a repeated name are joined), and the texts that the buyer typed."""
    chosen: dict[str, str] = {}
    typed = []
    for option in line["options"]:
        name, value = text(option["name"]), text(option["value"])
        if file := option.get("file"):
            value = text(file["name"])
            typed.append(f"{name}: {value} {text(file['url'])}".strip())
        chosen[name] = f"{chosen[name]}, {value}" if name in chosen else value
        if option["type"] in ("text", "textarea"):
            typed.append(f"{name}: {value}")
    return chosen, typed


def _sums(row: payloads.Order, rate: Decimal, notes: Notes) -> dict[str, Decimal]:
    sums = dict.fromkeys(("items", "shipping", "tax", "discount"), Decimal(0))
    for entry in row["totals"]:
        value, code = _shown(entry["value"], rate, notes, "totals.value"), entry["code"]
        if code == "total":
            continue
        if code == "sub_total":
            sums["items"] += value
        elif code == "tax":
            sums["tax"] += value
        elif value < 0:
            sums["discount"] -= value
        else:
            sums["shipping"] += value
    if not any(entry["code"] == "sub_total" for entry in row["totals"]):
        totals = (_shown(line["total"], rate, notes, "lines.total") for line in row["lines"])
        sums["items"] = sum(totals, Decimal(0))
    return sums


def _shown(value: object, rate: Decimal, notes: Notes, name: str) -> Decimal:
    """Return the amount that the buyer saw: multiplied by the rate and rounded to 4 places, unless the rate is 1.

    0 with a note (`name`: the field) where the result is too large.
    """
    amount = money(value)
    shown = amount if rate == 1 else amount * rate
    if abs(shown) >= MOST_AMOUNT:
        notes.add(name, shown)
        return Decimal(0)
    return amount if rate == 1 else shown.quantize(FOUR_PLACES, ROUND_HALF_UP)
