"""Querysets of products, variants and listed SKUs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q

from channels.contract.registry import specs
from oms.kit.bulk import among_texts

if TYPE_CHECKING:
    from catalogue.models import ListingVariant, Product, Variant  # noqa: F401


class ProductQuerySet(models.QuerySet["Product"]):
    def current(self) -> Self:
        """Return the products that are not archived."""
        return self.filter(is_archived=False)


class VariantQuerySet(models.QuerySet["Variant"]):
    def current(self) -> Self:
        """Return the variants that are not merged into another one."""
        return self.filter(merged_into=None)

    def by_key(self, keys: Iterable[str]) -> Self:
        """Return the variants whose `sku_key` is in `keys`."""
        return self.filter(sku_key__in=among_texts(list(keys)))


class ListingVariantQuerySet(models.QuerySet["ListingVariant"]):
    def live(self) -> Self:
        """Return the SKUs of listings that exist on a connected store."""
        return self.filter(listing__state__in=["active", "inactive"]).exclude(
            connection__state="disconnected"
        )

    def pushable(self) -> Self:
        """Return the live SKUs whose stock is sent."""
        return self.live().filter(listing__stock_blocked="")

    def differing(self) -> Self:
        """Return the SKUs whose store showed another quantity than was sent, when the sent one had time to show."""
        is_visible = Q()
        for key, spec in specs().items():
            seen_from = F("sent_at") + timedelta(seconds=spec.shown_after)
            is_visible |= Q(connection__channel=key, read_at__gte=seen_from)
        return self.filter(is_visible, remote_quantity__isnull=False, sent_quantity__isnull=False).exclude(
            remote_quantity=F("sent_quantity")
        )
