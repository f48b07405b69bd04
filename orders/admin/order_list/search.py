"""The search of the order list. This is its single place: a global index replaces `found_by` alone.

What is typed is looked up in several indexes at once: number, e-mail and tracking number by their beginning, buyer's
name by any part (trigrams), postcode as a whole, SKU by its beginning. One OR over these tables could use no index.
"""

from __future__ import annotations

import re
from typing import Any

from django.db.models import Q, QuerySet, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from catalogue.models import Variant, sku_key
from orders.models import Order, OrderLine, Shipment

#: A whole postcode: British, or five digits. It is what the expression index answers.
POSTCODE = re.compile(r"^[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}$|^\d{5}$", re.IGNORECASE)
#: Trigrams answer a part of a name from three letters on.
NAME_LETTERS = 3
#: SKUs that a search may begin.
SKUS = 100


def search_orders(orders: QuerySet[Order], text: str) -> QuerySet[Order]:
    """Return those of `orders` that `text` finds; all of them when it is empty. Tab and filters stay in force."""
    text = text.strip()
    return orders.filter(pk__in=found_by(text)) if text.lstrip("#") else orders


def found_by(text: str) -> QuerySet[Any, Any]:
    """Return the keys of all orders that `text` finds, as a subquery without order.

    “#A10” means the whole order number, if there is an order with it; everything else may be the beginning.
    """
    everything, typed = Order.objects.order_by(), text.strip().lstrip("#").strip()
    if text.strip().startswith("#") and everything.filter(number=typed).exists():
        return everything.filter(number=typed).values("pk")
    parts: list[QuerySet[Any, Any]] = [
        everything.filter(number__startswith=typed).values("pk"),
        everything.filter(customer_email__startswith=typed.lower()).values("pk"),
        Shipment.objects.exclude(tracking_number="")
        .filter(tracking_number__startswith=typed)
        .order_by()
        .values("order_id"),
        *_by_sku(typed),
    ]
    if len(typed) >= NAME_LETTERS and "@" not in typed:
        parts.append(everything.filter(customer_name__icontains=typed).values("pk"))
    if POSTCODE.match(typed):
        postcode = Cast(KT("ship_to__postcode"), TextField())
        parts.append(everything.annotate(postcode=postcode).filter(postcode=typed.upper()).values("pk"))
    return parts[0].union(*parts[1:], all=True)


def _by_sku(typed: str) -> list[QuerySet[Any, Any]]:
    """Return the orders with a SKU that begins with what is typed; [] where no SKU does."""
    key = sku_key(typed)
    if len(key) < NAME_LETTERS:
        return []
    variants = list(Variant.objects.filter(sku_key__startswith=key).values_list("pk", flat=True)[:SKUS])
    lines = OrderLine.objects.order_by()
    unknown = lines.filter(variant=None, sku__istartswith=typed).values("order_id")
    return [unknown, *([lines.filter(Q(variant__in=variants)).values("order_id")] if variants else [])]
