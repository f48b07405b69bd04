"""What a carrier is sent about a shipment: addresses, weight, goods, customs data."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from channels.contract.carriers.records import LabelFormat, LabelRequest, ParcelItem, PostalAddress
from channels.contract.carriers.spec import CarrierCapability
from oms.kit.numbers import quantise
from orders.documents import loading
from orders.errors import OrderError
from orders.models import CarrierAccount, LabelPurchase, OrderLine, Shipment

#: Countries of the European Union: between them there is no customs border.
EUROPEAN_UNION = frozenset(
    "AT BE BG HR CY CZ DE DK EE ES FI FR GR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
)


class NotReady(OrderError):
    """A label cannot be bought yet; the sentence says what is missing."""


def loaded(shipment_id: int) -> Shipment:
    """Return a shipment with its order, lines and warehouse. Raises `NotReady` for one that Manifold does not ship."""
    rows = loading.shipments_by_id([shipment_id])
    if not rows:
        raise NotReady(_("The shipment was cancelled, or was shipped on the channel."))
    return rows[0]


def needs_customs(sender: str, recipient: str) -> bool:
    """Return whether a border for customs is between two countries (two letters)."""
    return sender != recipient and not (sender in EUROPEAN_UNION and recipient in EUROPEAN_UNION)


def grams_of(shipment: Shipment, account: CarrierAccount | None) -> int | None:
    """Return the weight of a shipment: of its SKUs, else the account's default; None where neither is known."""
    total = 0
    for row in shipment.lines.all():
        grams = row.line.variant.weight_grams if row.line.variant else None
        if grams is None:
            return account.default_grams if account else None
        total += grams * row.quantity
    return total or (account.default_grams if account else None)


def _postal(data: dict[str, Any], name: str = "") -> PostalAddress:
    def part(key: str) -> str:
        return str(data.get(key) or "").strip()

    return PostalAddress(
        name=part("name") or name,
        company=part("company"),
        line1=part("line1"),
        line2=part("line2"),
        city=part("city"),
        postcode=part("postcode"),
        region=part("region"),
        country=part("country").upper(),
        phone=part("phone"),
        email=part("email"),
    )


def sender_of(shipment: Shipment, account: CarrierAccount) -> PostalAddress:
    """Return who sends: the account's sender, else the address of the warehouse."""
    if account.sender.get("line1"):
        return _postal(account.sender)
    warehouse = shipment.warehouse
    data = dict(warehouse.address) if warehouse else {}
    if warehouse and warehouse.country and not data.get("country"):
        data["country"] = warehouse.country
    return _postal(data, warehouse.name if warehouse else "")


def request_for(
    shipment: Shipment,
    account: CarrierAccount,
    *,
    service: str,
    reference: str,
    number: str = "",
    is_return: bool = False,
) -> LabelRequest:
    """Return the request for the label of a shipment. Raises `NotReady` with what is missing.

    A return label has sender and recipient exchanged.
    """
    order = shipment.order
    grams = grams_of(shipment, account)
    own = account.spec.own_numbers
    if grams is None and not own:
        raise NotReady(
            _("A SKU of this shipment has no weight. Enter it, or a default weight for the account.")
        )
    sender = sender_of(shipment, account)
    contact = {"phone": order.customer_phone, "email": order.customer_email}
    recipient = _postal({**contact, **{k: v for k, v in order.ship_to.items() if v}}, order.customer_name)
    if not own and not (sender.line1 and sender.country):
        raise NotReady(_("The sender has no address. Enter it on the page of the carrier account."))
    if not own and not (recipient.line1 and recipient.country):
        raise NotReady(_("The order has no address to ship to."))
    items = tuple(_items(shipment, account))
    is_customs = account.spec.can(CarrierCapability.CUSTOMS) and needs_customs(
        sender.country, recipient.country
    )
    if is_customs and not all(row.hs_code and row.origin for row in items):
        raise NotReady(
            _(
                "The parcel crosses a customs border. Enter HS code and country of origin for the carrier account."
            )
        )
    return LabelRequest(
        reference=reference,
        order_number=order.number,
        service=service,
        sender=recipient if is_return else sender,
        recipient=sender if is_return else recipient,
        grams=grams or 0,
        items=items,
        value=sum((row.value * row.quantity for row in items), Decimal(0)),
        currency=order.currency,
        label_format=LabelFormat(account.label_format),
        is_customs=is_customs,
        is_return=is_return,
        number=number,
    )


def request_of(purchase: LabelPurchase) -> LabelRequest:
    """Return the request of a purchase. Raises `NotReady`."""
    return request_for(
        loaded(purchase.shipment_id),
        purchase.account,
        service=purchase.service,
        reference=str(purchase.reference),
        number=purchase.tracking_number,
        is_return=purchase.is_return,
    )


def _value_of_one(line: OrderLine, currency: str) -> Decimal:
    """Return the value of one unit for customs; the price of a kit is divided evenly among the units of its components."""
    if line.parent is None:
        return line.unit_price
    units = sum(line.parent.components.values_list("kit_units", flat=True))
    return quantise(line.parent.unit_price / units, currency) if units else line.unit_price


def _items(shipment: Shipment, account: CarrierAccount) -> list[ParcelItem]:
    found = []
    for row in shipment.lines.all():
        variant = row.line.variant
        found.append(
            ParcelItem(
                description=row.line.title,
                quantity=row.quantity,
                grams=(variant.weight_grams if variant else None) or 0,
                value=_value_of_one(row.line, shipment.order.currency),
                currency=shipment.order.currency,
                sku=variant.sku if variant else row.line.sku,
                hs_code=account.hs_code,
                origin=account.origin,
            )
        )
    return found
