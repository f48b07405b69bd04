"""What was sent and accepted is shown as the store's state, with its time; an import that is newer decides again."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from catalogue.models import ListingVariant
from catalogue.push.prices import PriceHandler
from channels.models import OutboxMessage
from tests.factories import listed, store, user, variant, warehouse

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> ListingVariant:
    warehouse()
    now = timezone.now()
    made = listed(variant("MUG", price=Decimal("12.90")), store("Shop", maps={"leeds": 1}))
    made.remote_price, made.remote_quantity, made.read_at = Decimal(12), 3, now - timedelta(minutes=20)
    made.sent_price, made.price_sent_at = Decimal("12.90"), now - timedelta(minutes=19)
    made.sent_quantity, made.sent_at = 5, now - timedelta(minutes=19)
    made.save()
    return made


def quantity(page: Any) -> str:
    """Return the text of the column “Quantity in store” of the first row."""
    cell = re.search(r'data-label="Quantity in store"[^>]*>(.*?)</td>', page.content.decode(), re.DOTALL)
    assert cell is not None
    return re.sub(r"<[^>]*>", "", cell[1]).strip()


@pytest.mark.fault("F-47")
def test_a_sent_price_is_the_stores_price_until_a_newer_import(client: Any, row: ListingVariant) -> None:
    client.force_login(user(is_superuser=True))
    pages = [
        reverse("admin:catalogue_product_change", args=[row.variant.product_id]),
        reverse("admin:catalogue_listing_changelist"),
    ]
    texts = [client.get(page).content.decode() for page in pages]
    assert ["12.90" in text for text in texts] == [True, True]
    assert ["12.00" in text for text in texts] == [False, False]
    assert "sent " in texts[0]

    ListingVariant.objects.update(read_at=timezone.now())
    assert ["12.00" in client.get(page).content.decode() for page in pages] == [True, True]


@pytest.mark.fault("F-47")
def test_the_quantity_in_the_store_and_the_plan_follow_the_same_rule(
    client: Any, row: ListingVariant
) -> None:
    client.force_login(user(is_superuser=True))
    page = reverse("admin:store_listings", args=[row.connection_id])
    assert quantity(client.get(page)) == "5"
    message = OutboxMessage(connection=row.connection, kind="state", topic="price", subject=row.pk)
    [line] = PriceHandler().plan(row.connection, [message])
    assert (line.old, line.new) == ("12.90", "12.90")

    ListingVariant.objects.update(read_at=timezone.now())

    assert quantity(client.get(page)) == "3"
    [line] = PriceHandler().plan(row.connection, [message])
    assert (line.old, line.new) == ("12.00", "12.90")
