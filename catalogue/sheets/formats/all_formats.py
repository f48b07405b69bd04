"""All product files of other systems."""

from __future__ import annotations

from catalogue.sheets.formats import bigcommerce, etsy, onbuy, opencart, others, shopify, woocommerce
from oms.kit.sheets.formats import KnownFormat

FORMATS: tuple[KnownFormat, ...] = (
    *bigcommerce.FORMATS,
    *etsy.FORMATS,
    *opencart.FORMATS,
    *onbuy.FORMATS,
    *shopify.FORMATS,
    *woocommerce.FORMATS,
    *others.FORMATS,
)
