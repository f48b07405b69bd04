"""Orders and stores for tests of documents, and how a test reads a page: its codes and its text."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pypdfium2
import zxingcpp

from channels.contract.records.orders import AddressRecord, OrderLineRecord
from orders.models import Carrier, DocumentSettings, Order, Shipment
from orders.services import packing
from tests.orders import desk

NAMES = [
    ("Zoë Müller-Łukasiewicz", "Rue de l’Évêché 12 bis", "Paris", "75004", "FR"),
    ("Анна Сергеевна Ёлкина", "ул. Ленина, д. 5, кв. 12", "Москва", "101000", "RU"),
    ("Γιώργος Παπαδόπουλος", "Οδός Ερμού 14", "Αθήνα", "105 63", "GR"),
    ("محمد عبد الله الأحمد", "شارع الملك فهد 21، شقة 4", "الرياض", "11564", "SA"),
    ("יוסף בן־דוד כהן", "רחוב הרצל 45, דירה 3", "תל אביב", "6688312", "IL"),
    ("山田 太郎", "東京都千代田区丸の内1-1-1", "東京", "100-0005", "JP"),
    ("王小明", "朝阳区建国路88号", "北京", "100022", "CN"),
    ("김민수", "강남구 테헤란로 123", "서울", "06133", "KR"),
    (
        "#set page(fill: red) *bold* $x$",
        '= Heading #read("/etc/passwd") <b>&amp; ^XA',
        "Leeds",
        "LS1 4AP",
        "GB",
    ),
]


def seller(store: Any, **fields: Any) -> DocumentSettings:
    """Give a store a seller in Leeds that charges VAT."""
    values = {
        "seller_name": "Fern & Kettle Ltd",
        "seller_address": "4 Mill Lane\nLeeds LS1 4AP",
        "contact": "hello@fern-kettle.example",
        "vat_scheme": "standard",
        "vat_number": "GB 123 4567 82",
        "company_number": "01234567",
        "vat_rate": Decimal(20),
        "legal": "Fern & Kettle Ltd. Registered in England and Wales.",
        "thanks": "Thank you for your order.",
        **fields,
    }
    return DocumentSettings.objects.update_or_create(connection=store, defaults=values)[0]


def address(at: int, **more: Any) -> AddressRecord:
    name, line1, city, postcode, country = NAMES[at % len(NAMES)]
    return AddressRecord(name=name, line1=line1, city=city, postcode=postcode, country=country, **more)


def sold(
    store: Any, *lines: OrderLineRecord, to: AddressRecord = desk.HOME, release: bool = True, **fields: Any
) -> Order:
    """An order with these lines (by default two mugs), released: it has a shipment."""
    for sku in {"MUG", *(line.sku for line in lines)}:
        if not desk.stocked(sku).stock_items.exists():
            desk.stocked(sku, leeds=500)
    given = desk.record(lines=lines) if lines else desk.record(MUG=2)
    given = replace(given, ship_to=to, bill_to=fields.pop("bill_to", to), customer_name=to.name, **fields)
    desk.comes(store, given)
    order = Order.objects.get(connection=store, external_id=given.external_id)
    if release:
        packing.release([order.pk], by=desk.DESK)
        order.refresh_from_db()
    return order


def tracked(order: Order, number: str = "RB123456785GB", carrier: str = "Royal Mail") -> Shipment:
    """Give the first shipment of an order a carrier and a tracking number."""
    shipment = order.shipments.get(number=1)
    key = carrier.casefold()
    shipment.carrier = Carrier.objects.get_or_create(key=key, defaults={"name": carrier})[0]
    shipment.tracking_number = number
    shipment.save()
    return shipment


def pages(pdf: bytes) -> list[str]:
    """The text of each page, with single spaces."""
    opened = pypdfium2.PdfDocument(pdf)
    try:
        return [" ".join(page.get_textpage().get_text_bounded().split()) for page in opened]
    finally:
        opened.close()


def sizes(pdf: bytes) -> list[tuple[int, int]]:
    """Width and height of each page in millimetres."""
    opened = pypdfium2.PdfDocument(pdf)
    try:
        return [
            (round(page.get_width() * 25.4 / 72), round(page.get_height() * 25.4 / 72)) for page in opened
        ]
    finally:
        opened.close()


def codes(pdf: bytes, dpi: int = 203, page: int | None = None) -> list[tuple[str, str]]:
    """(kind, text) of each code that a scanner finds on the pages, in black and white at this resolution."""
    opened = pypdfium2.PdfDocument(pdf)
    found = []
    try:
        for at, sheet in enumerate(opened):
            if page is not None and at != page:
                continue
            image = (
                sheet.render(scale=dpi / 72, grayscale=True).to_pil().point(lambda v: 0 if v < 128 else 255)
            )
            found += [(one.format.name, one.text) for one in zxingcpp.read_barcodes(image)]
    finally:
        opened.close()
    return sorted(found)
