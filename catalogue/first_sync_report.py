"""The section about products of the first sync report (R-CAT-02, R-CAT-14): counts, with some examples of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from catalogue.inbound import import_problems
from catalogue.models import Listing, ListingVariant, ProductImage
from catalogue.models.price_rule import rule_of
from channels.models import Connection
from oms.kit.models import Problem

EXAMPLES = 20


def section(connection: Connection) -> dict[str, Any]:
    """Return `{"lines": [{"code", "title", "count", "examples"}]}`; lines with a count of 0 are left out."""
    lines = [_problems(connection, code.code, str(code.title)) for code in import_problems.CODES]
    for code, title, rows in _about_products(connection):
        examples = list(rows.order_by("pk").values_list("product__title", flat=True)[:EXAMPLES])
        lines.append(_line(code, title, rows.count(), examples))
    for code, title, skus in _about_skus(connection):
        examples = list(skus.order_by("pk").values_list("external_sku", flat=True)[:EXAMPLES])
        lines.append(_line(code, title, skus.count(), examples))
    return {"lines": [line for line in lines if line["count"]]}


def stores_with_other_tax_setting(connection: Connection) -> list[str]:
    """Return the names of connected stores whose prices include tax while this store's do not, or the reverse."""
    with_tax = connection.prices_with_tax
    if with_tax is None:
        return []
    others = Connection.objects.stores().connected().exclude(pk=connection.pk).order_by("name")
    return [other.name for other in others if other.prices_with_tax not in (None, with_tax)]


def _line(code: str, title: str, count: int, examples: Iterable[str]) -> dict[str, Any]:
    return {"code": code, "title": title, "count": count, "examples": list(examples)}


def _problems(connection: Connection, code: str, title: str) -> dict[str, Any]:
    rows = Problem.objects.filter(
        code=code, subject_kind="connection", subject_id=connection.pk, resolved_at=None
    )
    return _line(code, title, rows.count(), rows.order_by("pk").values_list("message", flat=True)[:EXAMPLES])


def _about_products(connection: Connection) -> list[tuple[str, str, QuerySet[Listing]]]:
    listed = Listing.objects.filter(connection=connection).exclude(external_id="")
    has_image = Exists(ProductImage.objects.filter(product=OuterRef("product")))
    return [
        ("no_description", _("products without a description"), listed.filter(product__description="")),
        ("no_attributes", _("products without attributes"), listed.filter(product__attributes={})),
        ("no_image", _("products without a picture"), listed.filter(~has_image)),
        ("stock_not_sent", _("products whose stock is not sent"), listed.exclude(stock_blocked="")),
        (
            "split_product",
            _("products whose SKUs belong to several products in Manifold"),
            listed.annotate(owners=Count("variants__variant__product", distinct=True)).filter(owners__gt=1),
        ),
    ]


def _about_skus(connection: Connection) -> list[tuple[str, str, QuerySet[ListingVariant]]]:
    listed = ListingVariant.objects.filter(connection=connection).exclude(external_id="")
    priced = listed.filter(remote_price__gt=0)
    own = Q(price__isnull=False) & ~Q(remote_price=F("price"))
    default = Q(price=None, variant__price__isnull=False) & ~Q(remote_price=F("variant__price"))
    other = ~Q(variant__currency="") & ~Q(variant__currency=connection.currency)
    return [
        (
            "no_stock",
            _("SKUs without stock in the store"),
            listed.filter(Q(remote_quantity=None) | Q(remote_quantity__lte=0)),
        ),
        ("no_price", _("SKUs without a price in the store"), listed.filter(remote_price=None)),
        ("zero_price", _("SKUs with a price of 0 in the store"), listed.filter(remote_price=0)),
        (
            "price_differs",
            _("SKUs whose price in the store is not Manifold's"),
            # A price rule changes default prices; the tab Reconcile compares those.
            priced.filter(own if rule_of(connection) is not None else own | default).exclude(
                other, price=None
            ),
        ),
        (
            "other_currency",
            _("SKUs whose price in Manifold is in another currency"),
            listed.filter(other) if connection.currency else listed.none(),
        ),
    ]
