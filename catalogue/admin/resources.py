"""Columns of the exports of products, variants and listings. Headings are the labels of the screens."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from catalogue.models import Listing, Product, Variant
from oms.kit.admin.export.resources import ExportField, ExportResource


class ProductResource(ExportResource):
    """One row for each product. A group has its lowest and its highest price."""

    id = ExportField(attribute="pk", column_name=_("product ID"))
    sku = ExportField(attribute="first_sku", column_name=_("SKU"))
    barcode = ExportField(attribute="first_barcode", column_name=_("barcode"))
    skus = ExportField(attribute="sku_count", column_name=_("SKUs"))
    brand = ExportField(attribute="brand__name", column_name=_("brand"))
    price = ExportField(attribute="lowest_price", column_name=_("price"))
    highest_price = ExportField(attribute="highest_price", column_name=_("highest price"))
    selling_price = ExportField(attribute="lowest_selling_price", column_name=_("selling price"))
    currency = ExportField(attribute="first_currency", column_name=_("currency"))
    picture = ExportField(attribute="picture", column_name=_("picture"))

    class Meta:
        model = Product
        fields = (
            "id",
            "title",
            "kind",
            "brand",
            "sku",
            "barcode",
            "skus",
            "price",
            "highest_price",
            "selling_price",
            "currency",
            "description",
            "warranty",
            "picture",
            "is_archived",
        )
        export_order = fields


class VariantResource(ExportResource):
    """One row for each SKU."""

    product = ExportField(attribute="product__title", column_name=_("product"))
    brand = ExportField(attribute="product__brand__name", column_name=_("brand"))

    class Meta:
        model = Variant
        fields = (
            "sku",
            "product",
            "options",
            "barcode",
            "brand",
            "price",
            "selling_price",
            "currency",
            "cost",
            "weight_grams",
            "reorder_point",
            "is_stopped",
            "is_counted",
        )
        export_order = fields


class ListingResource(ExportResource):
    """One row for each listing; `sku` is its first SKU."""

    store = ExportField(attribute="connection__name", column_name=_("store"))
    product = ExportField(attribute="product__title", column_name=_("product"))
    sku = ExportField(attribute="first_sku", column_name=_("SKU"))
    skus = ExportField(attribute="sku_count", column_name=_("SKUs"))
    url = ExportField(attribute="url", column_name=_("address in store"))

    class Meta:
        model = Listing
        fields = (
            "store",
            "external_id",
            "product",
            "remote_title",
            "sku",
            "skus",
            "state",
            "url",
            "stock_blocked",
            "read_at",
        )
        export_order = fields
