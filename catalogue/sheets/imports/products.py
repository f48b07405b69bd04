"""The part of a product sheet that creates products with their SKUs, and changes details of those that exist."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import Product, ProductImage, Variant, sku_key
from catalogue.services import bulk_edits, bulk_products
from catalogue.services.bulk_edits import Prices, lock_variants
from catalogue.services.products import edit_product
from catalogue.sheets.imports.groups import NewSkus
from catalogue.sheets.imports.lookup import is_given, key_of, variants_of, wanted
from catalogue.sheets.imports.prices import asked, from_text, text_of
from oms.kit.bulk import among
from oms.kit.imports.kinds import Draft, RowsRefused, Session
from oms.kit.sheets.records import CLEAR

NOTHING = Prices(None, None)
LONGEST_SKU = 120
GRAMS = {"g": Decimal(1), "kg": Decimal(1000), "lb": Decimal("453.59237"), "oz": Decimal("28.349523125")}
#: Field of the sheet → field of the product or of the SKU; and whether it can be emptied.
PRODUCT = {"title": "title", "description": "description", "warranty": "warranty", "brand": "brand"}
VARIANT = {"barcode": "barcode", "weight": "weight_grams", "cost": "cost"}


def value_of(values: Mapping[str, Any], name: str) -> Any:
    """Return the value that a cell asks for, in the form of its column."""
    value = wanted(values, name, None)
    if name == "weight":
        return None if value is None else grams(value, values.get("weight_unit"))
    if name in ("description", "warranty", "brand", "barcode", "title"):
        return str(value or "").strip() if name != "description" else str(value or "")
    return value


def grams(weight: Decimal, unit: Any) -> int:
    """Return a weight in whole grams."""
    return int((weight * GRAMS[str(unit)]).quantize(Decimal(1), ROUND_HALF_UP))


def stored(value: Any) -> Any:
    """Return a value as JSON stores it."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def image_urls(values: Mapping[str, Any]) -> list[str]:
    """Return the addresses of pictures that a row asks for."""
    value = values["images"]
    return [] if value is CLEAR else [str(url)[:1000] for url in value]


class FirstValues:
    """The first value that a file has for a field of a product: the other rows of the product cannot change it again."""

    def __init__(self) -> None:
        self._values: dict[tuple[int, str], Any] = {}

    def use(self, product_id: int, name: str, value: Any) -> tuple[bool, Any]:
        """Return whether this is the first row with the field, and the value that is used."""
        key = (product_id, name)
        is_first = key not in self._values
        return is_first, self._values.setdefault(key, value)


class ProductPart:
    """Products and SKUs: new ones, and the details of known ones. Prices of known SKUs are the part `prices`."""

    name = "product"

    # --- check ---

    def check(self, drafts: Sequence[Draft], session: Session) -> None:
        for draft in drafts:
            draft.name = str(draft.record.values.get("sku") or "").strip()
            if not sku_key(draft.name):
                draft.reject("sku", "sku-empty", _("Enter a SKU."))
            elif len(draft.name) > LONGEST_SKU or len(sku_key(draft.name)) > LONGEST_SKU:
                draft.reject("sku", "sku-too-long", _("The SKU is longer than %d characters.") % LONGEST_SKU)
        good = [draft for draft in drafts if not draft.is_rejected]
        known = variants_of(good, session)
        NewSkus(good, known).settle()
        images = self._images(good, known, session)
        first = session.memory.setdefault("first_values", FirstValues())
        for draft in good:
            if draft.is_rejected:
                continue
            self._without_unit(draft)
            variant = known.get(key_of(draft))
            if variant is not None:
                draft.subject_id = variant.pk
                self._compare(draft, variant, first, images)
            else:
                self._describe(draft, session)

    @staticmethod
    def _without_unit(draft: Draft) -> None:
        """Leave a weight without a unit out: it may be anything."""
        values = draft.record.values
        if isinstance(values.get("weight"), Decimal) and values.get("weight_unit") not in GRAMS:
            draft.warn(
                "weight",
                "weight-unit",
                _("The weight has no unit. It was left out. Add the column Weight unit."),
            )
            draft.record = replace(draft.record, values={**values, "weight": None})

    @staticmethod
    def _images(
        drafts: Sequence[Draft], known: Mapping[str, Variant], session: Session
    ) -> dict[int, list[str]]:
        """Return product → addresses of its pictures, where the sheet has pictures."""
        if not any(is_given(draft.record.values, "images") for draft in drafts):
            return {}
        ids = {row.product_id for draft in drafts if (row := known.get(key_of(draft))) is not None}
        found: dict[int, list[str]] = {pk: [] for pk in ids}
        rows = ProductImage.objects.filter(product__in=among(ids), variant=None).order_by("position", "id")
        for pk, url in rows.values_list("product", "url"):
            found[pk].append(url)
        return found

    @staticmethod
    def _compare(draft: Draft, variant: Variant, first: FirstValues, images: Mapping[int, list[str]]) -> None:
        """Note how a known SKU and its product differ from the row."""
        values, product = draft.record.values, variant.product
        of_variant, of_product = {}, {}
        for name, column in VARIANT.items():
            if is_given(values, name):
                old, new = getattr(variant, column), value_of(values, name)
                if old != new:
                    of_variant[column] = [stored(old), stored(new)]
                    draft.change(name, old, new)
        for name in PRODUCT:
            if not is_given(values, name):
                continue
            new = value_of(values, name)
            if name == "title" and not new:
                draft.reject("title", "title-missing", _("A product needs a title."))
                return
            new = new[:300] if name == "title" else new
            old = getattr(product, name)
            old = (old.name if old is not None else "") if name == "brand" else old
            is_first, used = first.use(product.pk, name, new)
            if used != new:
                draft.warn(
                    name,
                    "differs-in-group",
                    _("An earlier row of the same product says “%s”, which is used.") % str(used)[:60],
                )
            elif old != new and is_first:
                of_product[name] = [old, new]
                draft.change(name, old, new)
        if is_given(values, "images"):
            urls = image_urls(values)
            is_first, used = first.use(product.pk, "images", urls)
            if is_first and urls != images[product.pk]:
                of_product["images"] = [images[product.pk], urls]
                draft.change("images", images[product.pk], urls)
        if of_variant or of_product:
            draft.data["product"] = {"product": product.pk, "sku": of_variant, "details": of_product}

    @staticmethod
    def _describe(draft: Draft, session: Session) -> None:
        """Note what a new SKU will be."""
        values = draft.record.values
        prices = asked(draft, NOTHING)
        if prices is None:
            return
        if prices.price is None and prices.selling_price is not None:
            draft.reject(
                "selling_price",
                "selling-price-alone",
                _("A selling price needs a price. Enter the price too."),
            )
            return
        made = draft.data["product"]
        made["sku"] = draft.name
        made["prices"] = text_of(prices)
        made["currency"] = str(value_of(values, "currency") or "") if is_given(values, "currency") else ""
        made["currency"] = made["currency"] or str(session.options.get("currency", ""))
        for name, column in (*VARIANT.items(), *PRODUCT.items()):
            if name != "title" and is_given(values, name):
                made[column] = stored(value_of(values, name))
        if is_given(values, "images"):
            made["images"] = image_urls(values)
        draft.change("title", None, made["title"])
        if made["options"]:
            draft.change("options", None, made["options"])
        for name, value in zip(("price", "selling_price"), prices, strict=True):
            if value is not None:
                draft.change(name, None, value)

    # --- apply and undo ---

    def verify(self, rows: Sequence[Any], session: Session, *, undo: bool) -> Mapping[int, str]:
        mine = [row for row in rows if "product" in row.data]
        new = [row for row in mine if row.action == "created"]
        locked = lock_variants({row.subject_id for row in mine if row.subject_id is not None})
        session.memory["locked"] = locked
        refusals: dict[int, str] = {}
        if not undo:
            keys = {sku_key(row.data["product"]["sku"]): row.pk for row in new}
            for key in Variant.objects.by_key(keys).values_list("sku_key", flat=True):
                refusals[keys[key]] = _("The SKU was created since the file was checked.")
        else:
            refusals |= self._created_since(new, locked)
        for row in mine:
            if row.action == "created":
                continue
            variant = locked.get(row.subject_id)
            if variant is None:
                refusals[row.pk] = _("The SKU does not exist any more.")
            elif changed := self._changed(row.data["product"], variant, undo=undo):
                refusals[row.pk] = changed
        return refusals

    @staticmethod
    def _changed(data: Mapping[str, Any], variant: Variant, *, undo: bool) -> str:
        """Return which field of a known SKU has another value than the check saw (undo: than the import wrote)."""
        expected, other = (1, 0) if undo else (0, 1)
        for column, pair in data["sku"].items():
            if stored(getattr(variant, column)) != pair[expected]:
                return str(_("It was changed since: %s") % stored(getattr(variant, column)))
        for name, pair in data["details"].items():
            if name == "images":
                continue
            now = getattr(variant.product, name)
            now = (now.name if now is not None else "") if name == "brand" else now
            if now not in (pair[expected], pair[other]):
                return _("It was changed since: %s") % str(now)[:100]
        return ""

    @staticmethod
    def _created_since(rows: Sequence[Any], locked: Mapping[int, Variant]) -> dict[int, str]:
        """Return the refusals of created SKUs that somebody changed or listed."""
        refusals = {}
        for row in rows:
            made, variant = row.data["product"], locked.get(row.subject_id)
            if variant is None:
                refusals[row.pk] = _("The SKU does not exist any more.")
            elif Prices(variant.price, variant.selling_price) != from_text(made["prices"]):
                refusals[row.pk] = _("The price was changed since.")
            elif variant.product.title != made["title"] or variant.barcode != made.get("barcode", ""):
                refusals[row.pk] = _("It was changed since: %s") % variant.product.title[:100]
        return refusals

    def apply(self, rows: Sequence[Any], session: Session) -> None:
        mine = [row for row in rows if "product" in row.data]
        self._create([row for row in mine if row.action == "created"])
        self._write([row for row in mine if row.action != "created"], session, 1)

    def undo(self, rows: Sequence[Any], session: Session) -> None:
        mine = [row for row in rows if "product" in row.data]
        self._write([row for row in mine if row.action != "created"], session, 0)
        created = [row.subject_id for row in mine if row.action == "created"]
        try:
            if created:
                bulk_products.remove_variants(created)
        except CatalogueError as error:
            raise RowsRefused(str(error)) from None

    @staticmethod
    def _create(rows: Sequence[Any]) -> None:
        groups: dict[Any, list[Any]] = defaultdict(list)
        for row in rows:
            groups[row.data.get("together") or row.pk].append(row)
        products, made = [], []
        for members in groups.values():
            first = members[0].data["product"]
            variants = [_bulk_variant(row.data["product"]) for row in members]
            made += list(zip(members, variants, strict=True))

            def text(name: str, members: list[Any] = members) -> str:
                return next((v for row in members if (v := row.data["product"].get(name))), "")

            products.append(
                bulk_products.BulkProduct(
                    title=first["title"],
                    variants=variants,
                    is_group=first["is_group"],
                    description=text("description"),
                    warranty=text("warranty"),
                    brand=text("brand"),
                    image_urls=tuple(
                        next((v for row in members if (v := row.data["product"].get("images"))), ())
                    ),
                    existing=first["existing"],
                )
            )
        try:
            bulk_products.create_products(products)
        except CatalogueError as error:
            raise RowsRefused(str(error)) from None
        for row, variant in made:
            row.subject_id = variant.pk

    @staticmethod
    def _write(rows: Sequence[Any], session: Session, which: int) -> None:
        """Write the new (1) or the old (0) values of known SKUs and their products."""
        locked: dict[int, Variant] = session.memory["locked"]
        skus: dict[int, dict[str, Any]] = {}
        details: dict[int, dict[str, Any]] = defaultdict(dict)
        products: dict[int, Product] = {}
        for row in rows:
            data = row.data["product"]
            variant = locked[row.subject_id]
            if data["sku"]:
                skus[variant.pk] = {
                    column: _typed(column, pair[which]) for column, pair in data["sku"].items()
                }
            for name, pair in data["details"].items():
                details[variant.product_id][name] = pair[which]
            products[variant.product_id] = variant.product
        images = {pk: found.pop("images") for pk, found in details.items() if "images" in found}
        bulk_edits.edit_variants(skus, locked)
        bulk_edits.edit_products({pk: found for pk, found in details.items() if found}, products)
        for pk, urls in images.items():
            edit_product(products[pk], {"images": urls})


def _typed(column: str, value: Any) -> Any:
    return Decimal(value) if column == "cost" and value is not None else value


def _bulk_variant(made: Mapping[str, Any]) -> bulk_products.BulkVariant:
    prices = from_text(made["prices"])
    return bulk_products.BulkVariant(
        sku=made["sku"],
        price=prices.price,
        selling_price=prices.selling_price,
        cost=_typed("cost", made.get("cost")),
        currency=made["currency"].upper()[:3],
        options=dict(made["options"]),
        barcode=str(made.get("barcode") or "")[:64],
        weight_grams=made.get("weight_grams"),
    )
