"""Spreadsheets of stock and of prices."""

from __future__ import annotations

from decimal import Decimal

import pytest

from catalogue.models import ListingVariant, Variant
from channels.models import OutboxMessage
from inventory.models import StockItem, StockMovement
from tests import factories
from tests.imports.flow import applied, checked, confirm, reasons, undone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("var_dir")]


def on_hand(sku: str, code: str) -> int:
    return StockItem.objects.get(variant__sku=sku, warehouse__code=code).on_hand


@pytest.mark.req("R-USE-02")
def test_a_count_is_set_recorded_and_sent() -> None:
    store = factories.store()
    factories.stocked("MUG", connection=store, leeds=4)
    factories.stocked("MUG", lyon=7)

    found = applied("stock", ["SKU", "Warehouse", "Quantity"], ["MUG", "Leeds", "9"], ["MUG", "lyon", "7"])

    assert found.counts == {"created": 0, "updated": 1, "unchanged": 1, "rejected": 0}
    assert (on_hand("MUG", "leeds"), on_hand("MUG", "lyon")) == (9, 7)
    moved = StockMovement.objects.order_by("-pk")[0]
    assert (moved.quantity, moved.kind, moved.reference_kind, moved.reference_id) == (
        5,
        "count",
        "import",
        found.pk,
    )
    assert OutboxMessage.objects.filter(topic="stock").count() == 1


@pytest.mark.req("R-USE-02")
def test_a_row_that_cannot_be_placed_is_rejected() -> None:
    factories.stocked("MUG", leeds=4, lyon=7)
    factories.variant("FREE", is_counted=False)

    found = checked(
        "stock",
        ["SKU", "Warehouse", "Quantity"],
        ["MUG", "", "9"],
        ["MUG", "Mars", "9"],
        ["NONE", "Leeds", "9"],
        ["FREE", "Leeds", "9"],
        ["MUG", "Leeds", "-1"],
    )

    assert {row: codes[0] for row, codes in reasons(found).items() if row < 6} == {
        2: "warehouse-missing",
        3: "warehouse-unknown",
        4: "sku-unknown",
        5: "stock-not-tracked",
    }
    assert found.counts["rejected"] == 5


@pytest.mark.req("R-USE-02")
def test_a_row_whose_stock_was_changed_since_the_check_is_not_applied() -> None:
    factories.stocked("MUG", leeds=4)
    factories.stocked("CUP", leeds=4)
    found = checked("stock", ["SKU", "Quantity"], ["MUG", "9"], ["CUP", "9"])
    factories.shelf(factories.variant("MUG"), "leeds", 3)

    confirm(found)

    assert found.counts == {"created": 0, "updated": 1, "unchanged": 0, "rejected": 1}
    assert (on_hand("MUG", "leeds"), on_hand("CUP", "leeds")) == (3, 9)
    assert found.staged.get(name="MUG").reason == "The stock was changed since: 3 on hand now."


@pytest.mark.req("R-PRICE-01")
def test_a_price_is_for_all_stores_or_for_the_one_that_is_named() -> None:
    shop = factories.store("UK Shop")
    variant = factories.stocked("MUG", connection=shop, leeds=1)
    found = applied(
        "prices",
        ["SKU", "Price", "Selling price", "Store"],
        ["MUG", "12", "", ""],
        ["MUG", "14", "13.50", "uk shop"],
        ["MUG", "14", "", "Nowhere"],
    )

    assert reasons(found) == {4: ["store-unknown"]}
    assert found.counts == {"created": 0, "updated": 2, "unchanged": 0, "rejected": 1}
    assert Variant.objects.get(pk=variant.pk).price == Decimal(12)
    own = ListingVariant.objects.get()
    assert (own.price, own.selling_price) == (Decimal(14), Decimal("13.50"))
    assert OutboxMessage.objects.filter(topic="price", subject=own.pk).count() == 1


@pytest.mark.req("R-PLUS-15")
def test_undo_writes_the_old_values_and_sends_them() -> None:
    shop = factories.store("UK Shop")
    factories.stocked("MUG", connection=shop, leeds=4)
    found = applied("stock", ["SKU", "Quantity"], ["MUG", "9"])
    prices = applied("prices", ["SKU", "Price"], ["MUG", "12"])
    wanted = dict(OutboxMessage.objects.values_list("topic", "wanted"))

    undone(found)
    undone(prices)

    assert on_hand("MUG", "leeds") == 4
    assert Variant.objects.get().price == Decimal(10)
    assert StockMovement.objects.order_by("-pk")[0].reason == "Import undone: file.csv"
    assert {
        topic: n - wanted[topic] for topic, n in OutboxMessage.objects.values_list("topic", "wanted")
    } == {
        "stock": 1,
        "price": 1,
    }
    assert found.change_set.state == "undone"


@pytest.mark.req("R-PLUS-15")
def test_undo_leaves_what_somebody_changed_since() -> None:
    for sku in ("MUG", "CUP"):
        factories.stocked(sku, leeds=4)
    found = applied("stock", ["SKU", "Quantity"], ["MUG", "9"], ["CUP", "9"])
    factories.shelf(factories.variant("MUG"), "leeds", 8)

    undone(found)

    assert (on_hand("MUG", "leeds"), on_hand("CUP", "leeds")) == (8, 4)
    assert found.change_set.state == "partly"
    kept = found.staged.get(state="kept")
    assert (kept.name, kept.reason) == ("MUG", "The stock was changed since: 8 on hand now.")


@pytest.mark.req("R-PRICE-01")
def test_sale_days_of_a_store_are_set_sent_and_undone() -> None:
    row = factories.listed("MUG", factories.store("Paris", time_zone="Europe/Paris"))
    headings = ["SKU", "Store", "Price", "Selling price", "Sale from", "Sale until"]

    found = applied("prices", headings, ["MUG", "Paris", "10", "8", "2030-12-01", "2030-12-24"])

    assert found.counts == {"created": 0, "updated": 1, "unchanged": 0, "rejected": 0}
    row.refresh_from_db()
    assert (str(row.sale_from), str(row.sale_until)) == (
        "2030-11-30 23:00:00+00:00",
        "2030-12-24 23:00:00+00:00",
    )
    assert OutboxMessage.objects.filter(topic="price", subject=row.pk).count() == 1
    undone(found)
    row.refresh_from_db()
    assert (row.sale_from, row.sale_until, row.price) == (None, None, None)


@pytest.mark.req("R-PRICE-01")
def test_sale_days_without_a_store_are_left_out_with_a_remark_and_reversed_ones_rejected() -> None:
    factories.listed("MUG", factories.store("Paris"))
    headings = ["SKU", "Store", "Price", "Selling price", "Sale from", "Sale until"]

    found = checked(
        "prices",
        headings,
        ["MUG", "", "10", "8", "2030-12-01", "2030-12-24"],
        ["MUG", "Paris", "10", "8", "2030-12-24", "2030-12-01"],
    )

    assert reasons(found) == {3: ["dates-reversed"]}
    [remark] = found.staged.get(row=2).remarks
    assert remark[1] == "sale-days-need-store"
    assert ListingVariant.objects.exclude(sale_from=None).count() == 0
