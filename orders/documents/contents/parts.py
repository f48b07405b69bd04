"""Parts of all documents: the seller, addresses, the goods of a line, the frame of a page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orders.choices import DocumentLanguage
from orders.documents.typesetting.safe_text import Printer
from orders.documents.wording.countries import country_name
from orders.documents.wording.formats import day
from orders.documents.wording.words import language_of, words
from orders.models import DocumentSettings, Order, OrderLine, Shipment

#: Countries whose names are drawn with the forms of their own language.
_SCRIPTS = {"CN": "zh", "TW": "zh", "HK": "zh", "SG": "zh", "JP": "ja", "KR": "ko"}
#: Width in millimetres of the place of a code: on a label, on a page, in a row of a manifest.
LABEL_CODE, PAGE_CODE, ROW_CODE = 95.0, 88.0, 82.0


@dataclass
class Frame:
    """One document in the making: the settings of its store, its language, its words, the printer of its texts."""

    settings: DocumentSettings
    language: str
    now: datetime
    printer: Printer = field(default_factory=Printer)
    words: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.words = self.words or words(self.language)

    def day(self, at: datetime) -> str:
        """Return a day in the language of the document."""
        return day(at, self.language)


def frame_for(settings: DocumentSettings, country: str, now: datetime) -> Frame:
    """Return the frame of a document for a buyer in `country`."""
    return Frame(settings, language_of(settings.language, country), now)


def staff_frame(settings: DocumentSettings, language: str, now: datetime) -> Frame:
    """Return the frame of a document for staff (a pick list, a manifest): in the language of the person."""
    return Frame(settings, "fr" if language.startswith(DocumentLanguage.FRENCH) else "en", now)


def seller_name(frame: Frame) -> str:
    """Return the name of the seller; of the store where none is set."""
    return frame.printer.clean(frame.settings.seller_name or frame.settings.connection.name)


def seller(frame: Frame) -> dict[str, Any]:
    """Return name, address and numbers of the seller."""
    settings, printer = frame.settings, frame.printer
    lines = printer.paragraphs(settings.seller_address)
    if settings.seller_address:
        lines.append(country_name(settings.country, frame.language))
    if settings.contact:
        lines.append(printer.text(settings.contact))
    return {"name": seller_name(frame), "lines": lines}


def footer(frame: Frame) -> list[Any]:
    """Return the lines at the foot of every page: company line, numbers."""
    settings, found = frame.settings, []
    if settings.legal:
        found.append(frame.printer.text(settings.legal))
    numbers = []
    if settings.company_number:
        numbers.append(f"{frame.words['company_number']} {settings.company_number}")
    if settings.vat_number:
        numbers.append(f"{frame.words['vat_number']} {settings.vat_number}")
    if numbers:
        found.append(frame.printer.text(" · ".join([seller_name(frame), *numbers])))
    return found


def page(frame: Frame, title: str, heading: str) -> dict[str, Any]:
    """Return the frame of a page: title of the file, heading, seller, colour, logo, foot."""
    settings = frame.settings
    logo = ""
    if settings.logo:
        inline = base64.b64encode(bytes(settings.logo)).decode()
        width, height = png_size(bytes(settings.logo))
        logo = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
            f'<image width="{width}" height="{height}" href="data:image/png;base64,{inline}"/></svg>'
        )
    return {
        "title": title,
        "heading": heading,
        "lang": frame.language,
        "words": frame.words,
        "colour": settings.colour,
        "paper": settings.page_size,
        "seller": seller(frame),
        "footer": footer(frame),
        "logo": logo,
        "copy": "",
        "facts": [],
    }


def png_size(content: bytes) -> tuple[int, int]:
    """Return width and height from the header of a PNG."""
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


def address(
    frame: Frame, parts: Mapping[str, Any], name: str = "", *, country: bool = True
) -> dict[str, Any]:
    """Return a postal address line by line; `name` where the address has none."""
    town = " ".join(str(parts[key]) for key in ("postcode", "city") if parts.get(key))
    rows = [parts.get("name") or name, parts.get("company"), parts.get("line1"), parts.get("line2"), town]
    rows.append(parts.get("region"))
    lines = [text for row in rows if row and (text := frame.printer.text(row))]
    code = str(parts.get("country") or "")
    if country and code:
        lines.append(country_name(code, frame.language))
    return {"lines": lines or ["–"], "lang": _SCRIPTS.get(code, frame.language)}


def options_of(line: OrderLine) -> str:
    """Return the options of a line in one text: "Size: M, Colour: navy"."""
    return ", ".join(f"{name}: {value}" for name, value in line.options.items())


def goods(frame: Frame, line: OrderLine, *, of_kit: bool = False) -> dict[str, Any]:
    """Return SKU, title and further lines (options, personalisation) of an order line; with `of_kit` the kit it belongs to."""
    printer = frame.printer
    more: list[Any] = []
    if of_kit and line.parent is not None:
        kit = line.parent.variant.sku if line.parent.variant is not None else line.parent.sku
        more.append(printer.text(f"{frame.words['part_of_kit']} {kit or line.parent.title}", 200))
    if line.options:
        more.append(printer.text(options_of(line)))
    if line.personalisation:
        more.append(printer.text(f"{frame.words['personalisation']}: {line.personalisation}", 600))
    sku = line.variant.sku if line.variant is not None else line.sku
    return {"sku": printer.text(sku, 60) or "–", "title": printer.text(line.title), "more": more}


def parcel_code(shipment: Shipment) -> str:
    """Return what the code of a parcel says where it has no tracking number: "1001-S1"."""
    return f"{shipment.order.number}-S{shipment.number}"


def barcode(text: str, most: float) -> dict[str, Any]:
    """Return the place of a code; the child process draws it."""
    return {"barcode": text, "most": most}


def order_fact(frame: Frame, orders: Sequence[Order]) -> list[Any]:
    """Return the fact “order” of a page."""
    return [[frame.words["order"], frame.printer.text(f"#{order.number}", 60)] for order in orders]
