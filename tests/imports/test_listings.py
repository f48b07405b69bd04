"""Listings by Excel: drafts, changes, publishing, wrong rows, undo (R-CAT-08)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from catalogue.models import Attribute, Category, Listing, Product
from channels.models import Connection, OutboxMessage
from channels.push.topics import Topic
from oms.kit.imports import kinds, workbooks
from oms.kit.sheets.files.opening import open_file
from tests import factories
from tests.imports.flow import applied, checked, confirm, reasons, result, undone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("var_dir"), pytest.mark.req("R-CAT-08")]
HEADINGS = ["SKU", "Store", "Category in store", "Title in store", "Attributes", "Publish"]


@pytest.fixture
def shop() -> Connection:
    """A store whose category *Mugs* takes one of two colours."""
    store = factories.store("Green Shop", channel="onbuy", currency="GBP")
    Category.objects.create(
        connection=store, external_id="77", name="Mugs", path="Kitchen > Mugs", is_active=True
    )
    Attribute.objects.create(
        connection=store, external_id="77:1", name="Colour", values=["Moss", "Sand"], is_required=True
    )
    return store


def only() -> Listing:
    return Listing.objects.exclude(state=Listing.State.REMOVED).get()


def made() -> list[str]:
    return list(OutboxMessage.objects.filter(topic=Topic.LISTING_CREATE).values_list("topic", flat=True))


def test_a_new_row_makes_a_draft_and_the_same_file_changes_nothing(shop: Connection) -> None:
    factories.variant("MUG")
    file: list[list[Any]] = [
        HEADINGS,
        ["MUG", "green shop", "Kitchen > Mugs", "Moss mug", "colour: moss", ""],
    ]
    found = applied("listings", *file)
    assert found.counts == {"created": 1, "updated": 0, "unchanged": 0, "rejected": 0}
    listing = only()
    assert (listing.state, listing.external_id, listing.own_title) == ("draft", "", "Moss mug")
    assert (listing.category_external_ids, listing.own_attributes) == (["77"], {"Colour": "Moss"})
    assert made() == []

    again = checked("listings", *file)
    assert again.counts == {"created": 0, "updated": 0, "unchanged": 1, "rejected": 0}


def test_wrong_rows_come_back_and_good_ones_go_in(shop: Connection) -> None:
    for sku in ("A", "B", "C", "D"):
        factories.variant(sku)
    found = applied(
        "listings",
        HEADINGS,
        ["A", "Green Shop", "77", "", "Colour: Moss", ""],
        ["B", "No Shop", "77", "", "", ""],
        ["C", "Green Shop", "Gardens", "", "", ""],
        ["D", "Green Shop", "77", "", "Colour: Red", ""],
        ["NONE", "Green Shop", "77", "", "", ""],
        ["B", "Green Shop", "77", "", "Moss", ""],
    )
    assert found.counts == {"created": 1, "updated": 0, "unchanged": 0, "rejected": 5}
    assert {row: codes[0] for row, codes in reasons(found).items()} == {
        3: "store-unknown",
        4: "category-wrong",
        5: "attribute-not-allowed",
        6: "sku-unknown",
        7: "category-wrong",
    }
    assert result(found)[4][-2:] == [
        "Rejected",
        "Attributes: “Red” is not allowed for Colour. Allowed: Moss, Sand",
    ]
    assert only().product.variants.get().sku == "A"


def test_a_blank_cell_leaves_alone_and_undo_writes_the_old_values(shop: Connection) -> None:
    factories.variant("MUG")
    first = applied("listings", HEADINGS, ["MUG", "Green Shop", "77", "Mug one", "Colour: Moss", ""])
    second = applied("listings", HEADINGS, ["MUG", "Green Shop", "", "Mug two", "Colour: Sand", ""])
    listing = only()
    assert (listing.category_external_ids, listing.own_title) == (["77"], "Mug two")
    assert listing.own_attributes == {"Colour": "Sand"}
    assert second.counts["updated"] == 1

    undone(second)
    listing.refresh_from_db()
    assert (listing.own_title, listing.own_attributes) == ("Mug one", {"Colour": "Moss"})
    undone(first)
    assert not Listing.objects.exclude(state=Listing.State.REMOVED).exists()


def test_a_listing_that_was_changed_since_the_check_is_not_written(shop: Connection) -> None:
    factories.variant("MUG")
    applied("listings", HEADINGS, ["MUG", "Green Shop", "77", "Mug one", "Colour: Moss", ""])
    found = checked("listings", HEADINGS, ["MUG", "Green Shop", "", "Mug two", "", ""])
    Listing.objects.update(own_title="By hand")
    confirm(found)
    assert only().own_title == "By hand"
    assert found.counts["rejected"] == 1


def test_two_rows_about_one_listing_are_one_and_a_refusal(shop: Connection) -> None:
    product = factories.product("MUG-S", "MUG-L")
    assert Product.objects.count() == 1
    found = applied(
        "listings",
        HEADINGS,
        ["MUG-S", "Green Shop", "77", "", "Colour: Moss", ""],
        ["MUG-L", "Green Shop", "77", "", "Colour: Sand", ""],
    )
    assert reasons(found) == {3: ["listing-twice"]}
    assert (only().product_id, only().own_attributes["Colour"]) == (product.pk, "Moss")


def test_what_is_not_ready_to_publish_comes_back_and_nothing_of_it_is_saved(shop: Connection) -> None:
    factories.variant("MUG")
    found = applied("listings", HEADINGS, ["MUG", "Green Shop", "77", "", "", "yes"])
    assert found.counts == {"created": 0, "updated": 0, "unchanged": 0, "rejected": 1}
    assert not Listing.objects.exists()
    assert made() == []


def test_an_export_is_read_again_as_unchanged(shop: Connection, tmp_path: Path) -> None:
    factories.variant("MUG")
    applied("listings", HEADINGS, ["MUG", "Green Shop", "77", "Moss mug", "Colour: Moss", ""])
    assert workbooks.write_export(kinds.get("listings"), tmp_path / "out.xlsx") == 1
    rows = [list(cells) for cells in open_file(tmp_path / "out.xlsx").sheet("Listings").rows()]
    assert rows[1][:5] == ["MUG", "Green Shop", "Kitchen > Mugs [77]", "Moss mug", "Colour: Moss"]
    again = checked("listings", *rows)
    assert again.counts == {"created": 0, "updated": 0, "unchanged": 1, "rejected": 0}
