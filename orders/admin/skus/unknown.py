"""Unknown SKUs of waiting orders, for the SKU inbox (`catalogue.admin.sku_inbox`)."""

from __future__ import annotations

from collections import defaultdict
from urllib.parse import urlencode

from django.db.models import Count, Max, QuerySet
from django.urls import reverse

from catalogue.services.sku_problems import UnknownSku, register_unknown_skus
from catalogue.sku_resolution import LineKey, resolve_variants
from channels.models import Connection
from orders.models import OrderLine

#: Orders in these statuses wait for their SKUs.
WAITING = ("new", "partial", "draft", "unpaid")


class OrderLines:
    """The unknown SKUs in the lines of orders, by store and SKU."""

    def waiting(self, limit: int, store: int | None = None) -> list[UnknownSku]:
        """Return the SKUs that block most orders first; one statement, and at most three for each store.

        A SKU that was mapped a moment ago is left out, although a worker may still be changing its orders.
        """
        lines = OrderLine.objects.filter(variant=None, order__status__in=WAITING, order__problems_open__gt=0)
        if store is not None:
            lines = lines.filter(order__connection=store)
        return still_unknown(self._gathered(lines, limit))

    def find(self, line: int) -> UnknownSku | None:
        """Return the SKU of this line with all orders of its store that wait for it; None when the line is mapped."""
        row = OrderLine.objects.filter(pk=line, variant=None).select_related("order").first()
        if row is None:
            return None
        store = row.order.connection_id
        same = OrderLine.objects.filter(variant=None, sku=row.sku, order__connection=store)
        found = self._gathered(same.filter(order__status__in=WAITING), 1)
        return found[0] if found else UnknownSku(store, row.sku, row.title, 0, row.pk, "", "")

    @staticmethod
    def _gathered(lines: QuerySet[OrderLine], limit: int) -> list[UnknownSku]:
        rows = list(
            lines.values("order__connection", "sku")
            .annotate(
                orders=Count("order", distinct=True),
                newest_title=Max("title"),
                newest=Max("order"),
                line=Max("id"),
            )
            .order_by("-orders", "sku")[:limit]
        )
        if not rows:
            return []
        base = reverse("admin:orders_order_changelist")
        return [
            UnknownSku(
                connection_id=row["order__connection"],
                sku=row["sku"],
                title=row["newest_title"],
                orders=row["orders"],
                line=row["line"],
                orders_url=f"{base}?{urlencode({'tab': 'problem', 'sku': row['sku']})}",
                order_url=reverse("admin:orders_order_change", args=[row["newest"]]) + "#problems",
            )
            for row in rows
        ]


def still_unknown(rows: list[UnknownSku]) -> list[UnknownSku]:
    """Return the rows whose SKU has no variant yet."""
    by_store: dict[int, set[LineKey]] = defaultdict(set)
    for row in rows:
        by_store[row.connection_id].add(LineKey("", row.sku))
    known = {
        (store, key.sku)
        for store, keys in by_store.items()
        for key in resolve_variants(Connection(pk=store), keys)
    }
    return [row for row in rows if (row.connection_id, row.sku) not in known]


register_unknown_skus(OrderLines())
