"""Spreadsheets of products: created, changed, unchanged and rejected rows."""

from __future__ import annotations

from decimal import Decimal

import pytest

from catalogue.models import Product, Variant
from channels.models import OutboxMessage
from inventory.models import StockItem, StockMovement
from oms.kit.models import AuditEntry
from tests import factories
from tests.imports.flow import applied, checked, reasons, result

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("var_dir")]


@pytest.mark.req("R-USE-02")
def test_a_new_row_makes_a_product_with_its_stock() -> None:
    factories.warehouse("leeds")
    found = applied("products", ["SKU", "Title", "Price", "Quantity"], ["0017", "Blue mug", "9.50", "4"])

    assert found.counts == {"created": 1, "updated": 0, "unchanged": 0, "rejected": 0}
    variant = Variant.objects.select_related("product").get(sku="0017")
    assert (variant.product.title, variant.price) == ("Blue mug", Decimal("9.50"))
    assert variant.product.kind == Product.Kind.SINGLE
    item = StockItem.objects.get(variant=variant)
    assert item.on_hand == 4
    movement = StockMovement.objects.get()
    assert (movement.kind, movement.reason) == ("opening", "Excel: file.csv")
    assert movement.actor == "manage.py import_excel (test)"
    assert AuditEntry.objects.get(action="added").subject_name == "Blue mug"
    assert result(found) == [
        ["SKU", "Title", "Price", "Quantity", "Status", "Reason"],
        ["0017", "Blue mug", "9.50", "4", "Created", None],
    ]


@pytest.mark.req("R-USE-02")
def test_an_unchanged_file_writes_nothing() -> None:
    variant = factories.stocked("MUG", leeds=4)
    before = Variant.objects.filter(pk=variant.pk).values().get()
    entries = AuditEntry.objects.count()

    found = checked("products", ["SKU", "Title", "Price", "Quantity"], ["mug", "Mug", "10", "4"])

    assert found.counts == {"created": 0, "updated": 0, "unchanged": 1, "rejected": 0}
    assert not found.staged.exists()
    assert Variant.objects.filter(pk=variant.pk).values().get() == before
    assert AuditEntry.objects.count() == entries + 1  # the file was uploaded
    assert not OutboxMessage.objects.exists()


@pytest.mark.req("R-USE-02", "R-PRICE-01")
def test_changes_are_written_recorded_and_sent_to_the_stores() -> None:
    store = factories.store()
    variant = factories.stocked("MUG", connection=store, leeds=4)
    found = applied(
        "products",
        ["SKU", "Title", "Price", "Selling price", "Quantity", "Barcode", "Brand"],
        ["MUG", "Large mug", "12.00", "11.00", "3", "5012345678900", "Fern"],
    )

    assert found.counts == {"created": 0, "updated": 1, "unchanged": 0, "rejected": 0}
    variant.refresh_from_db()
    assert (variant.price, variant.selling_price, variant.barcode) == (
        Decimal("12.00"),
        Decimal("11.00"),
        "5012345678900",
    )
    assert (variant.product.title, str(variant.product.brand)) == ("Large mug", "Fern")
    assert variant.product.edited_fields == ["brand", "title"]
    assert " large " in variant.search_text
    assert StockItem.objects.get().on_hand == 3
    topics = set(OutboxMessage.objects.filter(connection=store).values_list("topic", flat=True))
    assert topics == {"price", "stock", "listing.update"}
    assert sorted(
        AuditEntry.objects.filter(subject_kind="catalogue.variant").values_list("action", flat=True)
    ) == [
        "changed",
        "sku.price",
    ]


@pytest.mark.req("R-USE-02")
def test_a_blank_cell_changes_nothing_and_the_word_empties() -> None:
    variant = factories.stocked("MUG", leeds=4)
    Variant.objects.filter(pk=variant.pk).update(barcode="5012345678900", selling_price=Decimal(9))

    applied(
        "products",
        ["SKU", "Title", "Price", "Selling price", "Quantity", "Barcode"],
        ["MUG", "", "", "(empty)", "", ""],
    )

    variant.refresh_from_db()
    assert (variant.price, variant.selling_price, variant.barcode) == (
        Decimal("10.00"),
        None,
        "5012345678900",
    )
    assert StockItem.objects.get().on_hand == 4


@pytest.mark.req("R-USE-02")
def test_good_rows_go_in_and_bad_rows_come_back() -> None:
    found = applied(
        "products",
        ["SKU", "Title", "Price"],
        ["A-1", "Mug", "9"],
        ["A-2", "", "9"],
        ["A-3", "Cup", "many"],
        ["a-1", "Twin", "9"],
    )

    assert found.counts == {"created": 1, "updated": 0, "unchanged": 0, "rejected": 3}
    assert list(Variant.objects.values_list("sku", flat=True)) == ["A-1"]
    assert sorted(reasons(found)) == [3, 4, 5]
    assert reasons(found)[3] == ["title-missing"]
    rows = result(found)
    assert [row[3] for row in rows] == ["Status", "Created", "Rejected", "Rejected", "Rejected"]
    assert rows[2][4] == "Title: A new product needs a title."


@pytest.mark.req("R-USE-02")
def test_rows_of_a_group_make_one_product() -> None:
    found = applied(
        "products",
        ["SKU", "Group", "Title", "Option 1 name", "Option 1 value", "Price"],
        ["TEE-S", "TEE", "Tee", "Size", "S", "20"],
        ["MUG", "", "Mug", "", "", "9"],
        ["TEE-M", "TEE", "", "Size", "M", "20"],
        ["TEE-M2", "TEE", "", "Size", "M", "20"],
        ["TEE-X", "TEE", "", "", "", "20"],
    )

    assert found.counts == {"created": 3, "updated": 0, "unchanged": 0, "rejected": 2}
    assert reasons(found) == {5: ["options-twice"], 6: ["options-missing"]}
    tee = Product.objects.get(kind=Product.Kind.GROUP)
    assert (tee.title, tee.option_names) == ("Tee", ["Size"])
    assert list(tee.variants.values_list("sku", "options", "position")) == [
        ("TEE-S", {"Size": "S"}, 0),
        ("TEE-M", {"Size": "M"}, 1),
    ]


@pytest.mark.req("R-USE-02")
def test_a_new_row_joins_the_product_of_its_group() -> None:
    applied(
        "products",
        ["SKU", "Group", "Title", "Option 1 name", "Option 1 value"],
        ["TEE-S", "TEE-S", "Tee", "Size", "S"],
        ["TEE-M", "TEE-S", "Tee", "Size", "M"],
    )
    applied("products", ["SKU", "Group", "Option 1 name", "Option 1 value"], ["TEE-L", "TEE-S", "Size", "L"])

    tee = Product.objects.get()
    assert list(tee.variants.values_list("sku", "position")) == [("TEE-S", 0), ("TEE-M", 1), ("TEE-L", 2)]


@pytest.mark.req("R-USE-02")
def test_a_selling_price_above_the_stored_price_is_rejected() -> None:
    variant = factories.variant("MUG")
    found = applied("products", ["SKU", "Selling price", "Barcode"], ["MUG", "10.01", "5012345678900"])

    assert reasons(found) == {2: ["selling-price-above-price"]}
    variant.refresh_from_db()
    assert (variant.selling_price, variant.barcode) == (None, "")


@pytest.mark.req("R-USE-02")
def test_a_weight_is_stored_in_grams_and_never_without_a_unit() -> None:
    factories.variant("MUG")
    factories.variant("CUP")
    applied("products", ["SKU", "Weight (kg)"], ["MUG", "0.31"])
    found = checked("products", ["SKU", "Weight"], ["CUP", "0.31"])

    assert Variant.objects.get(sku="MUG").weight_grams == 310
    assert found.counts["updated"] == 0
    assert [row.remarks[0][1] for row in found.staged.all()] == ["weight-unit"]
