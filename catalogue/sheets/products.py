"""The fields of a sheet of products, and the rules that concern several of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.sheets.price_rules import price_problem, price_warnings
from oms.kit.sheets.fields import FieldType, Report, SheetField, SheetKind
from oms.kit.sheets.records import SheetRecord, Value

OPTIONS = 3
WEIGHT_UNITS = ("kg", "g", "lb", "oz")

_SKU = (
    "sku code",
    "seller sku",
    "product sku",
    "variant sku",
    "item sku",
    "item no",
    "item number",
    "item code",
    "article",
    "article number",
    "article no",
    "product code",
    "product code/sku",
    "stock code",
    "custom label",
    "reference",
    "ref",
    "référence",
    "référence article",
    "réf",
    "code article",
    "code produit",
)
_TOTAL = re.compile(r"^(?:(?:sub|sous|grand)[\s-]?)?(?:total|totaux|somme|sum)(?:\s|:|$)", re.IGNORECASE)
_BARE_OPTIONS = {"option_size": "Size", "option_colour": "Colour"}

SKU = SheetField(
    "sku", gettext_lazy("SKU"), FieldType.CODE, required=True, synonyms=_SKU, max_length=255, example="MUG-DUNE-S",
    help=gettext_lazy("Names the product. Letter case does not count. Leading zeros stay."),
)  # fmt: skip
PRICE = SheetField(
    "price", gettext_lazy("Price"), FieldType.MONEY, example="18.00",
    synonyms=("full price", "regular price", "unit price", "prix", "prix ttc", "prix unitaire", "prix de vente"),
    help=gettext_lazy("The full price."),
)  # fmt: skip
SELLING_PRICE = SheetField(
    "selling_price", gettext_lazy("Selling price"), FieldType.MONEY, example="15.00",
    synonyms=("sale price", "special price", "promo price", "discounted price", "prix promo", "prix promotionnel", "prix soldé", "prix remisé"),
    help=gettext_lazy("The lower price that is asked now. Leave it blank when there is none."),
)  # fmt: skip
SELLING_FROM = SheetField(
    "selling_from", gettext_lazy("Sale from"), FieldType.DATE, example="2026-12-01",
    synonyms=("sale start", "sale start date", "date sale price starts", "promo du", "début promo"),
    help=gettext_lazy("The first day of the selling price."),
)  # fmt: skip
SELLING_UNTIL = SheetField(
    "selling_until", gettext_lazy("Sale until"), FieldType.DATE, example="2026-12-31",
    synonyms=("sale to", "sale end", "sale end date", "date sale price ends", "promo au", "fin promo"),
    help=gettext_lazy("The last day of the selling price."),
)  # fmt: skip
CURRENCY = SheetField(
    "currency", gettext_lazy("Currency"), FieldType.CODE, max_length=3, example="GBP",
    synonyms=("currency code", "devise"), help=gettext_lazy("Three letters, such as GBP."),
)  # fmt: skip
QUANTITY = SheetField(
    "quantity", gettext_lazy("Quantity"), FieldType.QUANTITY, example="5",
    synonyms=(
        "qty", "stock", "stock level", "stock quantity", "current stock", "current stock level", "on hand", "qty on hand", "quantity on hand",
        "available", "available quantity", "quantité", "qté", "quantité en stock", "en stock", "niveau de stock",
    ),
    help=gettext_lazy("Units on hand, a whole number. Blank leaves the stock as it is; 0 is zero."),
)  # fmt: skip


def _option_fields() -> Iterator[SheetField]:
    for number in range(1, OPTIONS + 1):
        yield SheetField(
            f"option_{number}_name",
            format_lazy(gettext_lazy("Option {number} name"), number=number),
            synonyms=(f"option name {number}", f"nom option {number}", f"attribute {number} name"),
            max_length=100,
            example="Size" if number == 1 else "",
        )
        yield SheetField(
            f"option_{number}_value",
            format_lazy(gettext_lazy("Option {number} value"), number=number),
            synonyms=(f"option value {number}", f"valeur option {number}", f"attribute {number} value"),
            max_length=200,
            example="Small" if number == 1 else "",
        )


FIELDS = (
    SKU,
    SheetField(
        "group", gettext_lazy("Group"), FieldType.CODE, example="MUG-DUNE", max_length=255,
        synonyms=("group sku", "parent", "parent sku", "parent group", "handle", "product group", "groupe", "produit parent"),
        help=gettext_lazy("The same text in all rows of one product with variants. Blank for a single product."),
    ),
    SheetField(
        "title", gettext_lazy("Title"), FieldType.TEXT, max_length=300, example="Stoneware mug",
        synonyms=("name", "product", "product name", "product title", "item name", "item title", "désignation", "libellé", "nom", "nom du produit", "produit", "titre", "intitulé"),
        stand_ins=("description", "short description", "item description", "product description"),
        help=gettext_lazy("Required for a new product."),
    ),
    *_option_fields(),
    SheetField("option_size", gettext_lazy("Size"), synonyms=("taille", "pointure"), max_length=200),
    SheetField("option_colour", gettext_lazy("Colour"), synonyms=("color", "couleur"), max_length=200),
    PRICE,
    SELLING_PRICE,
    SELLING_FROM,
    SELLING_UNTIL,
    CURRENCY,
    SheetField(
        "cost", gettext_lazy("Cost"), FieldType.MONEY, example="6.20",
        synonyms=("cost price", "unit cost", "cost per item", "purchase price", "prix d'achat", "prix de revient", "coût"),
    ),
    QUANTITY,
    SheetField(
        "barcode", gettext_lazy("Barcode"), FieldType.BARCODE, example="5012345678900",
        synonyms=("ean", "ean13", "ean 13", "upc", "upc/ean", "ean/upc", "ean / upc", "gtin", "isbn", "global trade item number", "code-barres", "code barre", "code ean", "gencod"),
        help=gettext_lazy("8, 12, 13 or 14 digits, as text."),
    ),
    SheetField(
        "weight", gettext_lazy("Weight"), FieldType.NUMBER, unit_key="weight_unit", example="0.31",
        synonyms=("product weight", "item weight", "shipping weight", "poids", "poids brut"),
    ),
    SheetField(
        "weight_unit", gettext_lazy("Weight unit"), FieldType.CHOICE, allowed=WEIGHT_UNITS, example="kg",
        synonyms=("unit of weight", "unité de poids"),
    ),
    SheetField("brand", gettext_lazy("Brand"), max_length=200, synonyms=("brand name", "manufacturer", "vendor", "marque", "fabricant"), example="Atelier Nord"),
    SheetField(
        "categories", gettext_lazy("Categories"), FieldType.PATHS, synonyms=("category", "category path", "catégorie"), example="Kitchen > Mugs",
        help=gettext_lazy("Levels are parted by >, several categories by a semicolon."),
    ),
    SheetField("tags", gettext_lazy("Tags"), FieldType.WORDS, synonyms=("keywords", "mots-clés", "étiquettes"), example="kitchen, gift"),
    SheetField(
        "images", gettext_lazy("Images"), FieldType.LINKS, synonyms=("image", "image url", "image urls", "pictures", "picture", "photos", "image src"),
        example="https://cdn.example.com/mug.jpg", help=gettext_lazy("Addresses that begin with https, parted by blanks or line breaks."),
    ),
    SheetField("description", gettext_lazy("Description"), FieldType.LONG_TEXT, synonyms=("long description", "body html", "description longue", "descriptif"), example="Dishwasher safe."),
    SheetField("warranty", gettext_lazy("Warranty"), FieldType.LONG_TEXT, synonyms=("product warranty", "garantie")),
)  # fmt: skip


def assemble(records: Iterable[SheetRecord], report: Report) -> Iterator[SheetRecord]:
    """Join the option columns to `options`, pass over total lines, and refuse prices that contradict each other."""
    rows: Iterable[SheetRecord] = records
    shared: set[str] = set()
    is_grouped = True
    if any(report.column(key) for key in _BARE_OPTIONS):
        rows = list(records)
        is_grouped = any(row.values.get("group") for row in rows)
        shared = set() if is_grouped else _shared_titles(rows)
    for record in rows:
        passed = _passed(record)
        if passed:
            report.ignore(record.row, passed)
            continue
        problem = price_problem(record.values)
        if problem is not None:
            report.refuse(record.row, *problem)
            continue
        values = _with_options(dict(record.values), shared, is_grouped or bool(shared))
        warnings = (*record.warnings, *price_warnings(record, report))
        if isinstance(currency := values.get("currency"), str):
            values["currency"] = currency.upper()
        yield SheetRecord(record.row, values, warnings, record.rows, record.needs_confirmation)
    if not is_grouped and not shared:
        for key in _BARE_OPTIONS:
            report.not_used(key)


def _passed(record: SheetRecord) -> str:
    """Return why a row is passed over; "" for a row that is used."""
    if record.values.get("title"):
        return ""
    if _is_total(record):
        return _("The row looks like a total: it has no title and no price.")
    return _("The row holds nothing but a SKU.") if _is_bare(record) else ""


def _is_total(record: SheetRecord) -> bool:
    values = record.values
    has_columns = "title" in values and "price" in values
    return (
        has_columns
        and not values["title"]
        and values["price"] is None
        and bool(_TOTAL.match(str(values.get("sku"))))
    )


def _is_bare(record: SheetRecord) -> bool:
    """Whether only the SKU is filled in, and the file has a title: a remark below the table, or a row to leave alone."""
    values = record.values
    return "title" in values and all(value in (None, {}) for key, value in values.items() if key != "sku")


def _shared_titles(rows: list[SheetRecord]) -> set[str]:
    """Return the titles of several rows that differ in a size or colour: they are groups without a column for it."""
    if not any(row.values.get(key) for row in rows for key in _BARE_OPTIONS):
        return set()
    counted = Counter(str(row.values["title"]) for row in rows if row.values.get("title"))
    return {title for title, number in counted.items() if number > 1}


def _with_options(values: dict[str, Value], shared: set[str], is_grouped: bool) -> dict[str, Value]:
    """Join the option columns. A size or colour is an option where the file has groups, or titles that rows share."""
    pairs: dict[str, str] = {}
    found = False
    for number in range(1, OPTIONS + 1):
        found = found or f"option_{number}_value" in values
        name = values.pop(f"option_{number}_name", None)
        value = values.pop(f"option_{number}_value", None)
        if isinstance(value, str) and value:
            pairs[str(name or f"Option {number}")] = value
    in_group = bool(values.get("group")) or values.get("title") in shared
    for key, label in _BARE_OPTIONS.items():
        found = found or (is_grouped and key in values)
        bare = values.pop(key, None)
        if in_group and isinstance(bare, str) and bare:
            pairs.setdefault(label, bare)
    if found:
        values.setdefault("options", pairs)
    if values.get("title") in shared and not values.get("group"):
        values["group"] = str(values["title"])
    return values


PRODUCTS = SheetKind("products", gettext_lazy("Products"), FIELDS, assemble=assemble)
