"""The figure of a store taken over: what its own orders hold counts only where the store has deducted it (R-INV-06)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.utils import timezone

from catalogue.models import Listing, ListingVariant
from channels.contract.records.orders import RemoteState
from channels.models import StatusMapEntry
from inventory.models import StockDifference
from inventory.services import difference_decisions
from orders.models import Order
from tests.orders.desk import DESK, NOW, comes, record, shelf, stocked, store

pytestmark = pytest.mark.django_db


@pytest.mark.req("R-INV-06")
@pytest.mark.parametrize(
    ("at_first", "by_status", "on_hand"),
    [
        (True, None, 12),  # the store shows 10 and has taken 2 off: 12 lie there
        (False, None, 10),  # it takes them off when they are shipped: the 10 that it shows are all
        (False, True, 12),  # it has taken them off since, says the order's status
        (True, False, 10),  # it has put them back since
    ],
)
def test_units_of_its_own_orders_are_added_only_where_the_store_has_deducted_them(
    at_first: bool, by_status: bool | None, on_hand: int
) -> None:
    shop = store()
    mug = stocked("MUG", leeds=20)
    StatusMapEntry.objects.create(
        connection=shop,
        external_id="2",
        name="Processing",
        remote_state=RemoteState.NEW,
        holds_stock=by_status,
    )
    comes(shop, replace(record("1", MUG=2), stock_deducted=at_first))
    assert (Order.objects.get().status, shelf("MUG")) == ("new", (20, 2))
    listing = Listing.objects.create(product=mug.product, connection=shop, external_id="7", state="active")
    listed = ListingVariant.objects.create(
        listing=listing, connection=shop, variant=mug, external_id="7", external_sku="MUG", sku_key="mug"
    )
    difference = StockDifference.objects.create(
        connection=shop, listing_variant=listed, ours=18, theirs=10, seen_at=timezone.now()
    )
    mug.stock_items.get().movements.update(at=NOW)

    difference_decisions.use_store_figure(difference, DESK)

    assert shelf("MUG") == (on_hand, 2)
