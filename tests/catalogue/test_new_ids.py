"""Products and variants that get a new id on their channel, and texts and figures of any size (F-11, F-13, F-22)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from catalogue.inbound.reference_data import brands_by_name, store_attributes
from catalogue.inbound.vanished import products_vanished
from catalogue.models import Attribute, Brand, Listing, ListingVariant
from channels.contract.record_limits import clean_record
from channels.contract.records.products import AttributeRecord, ProductKind
from channels.models import SyncRun, SyncStream
from oms.kit.models import Problem
from tests import factories
from tests.catalogue.records import pull, record, variant_record

pytestmark = pytest.mark.django_db


@pytest.mark.fault("F-13")
def test_a_variant_that_gets_a_new_id_is_the_same_listed_sku() -> None:
    shop = factories.store()
    pull(shop, record("7", variants=[variant_record("10", "MUG-R"), variant_record("11", "MUG-B")]))
    before = {row.external_sku: row.pk for row in ListingVariant.objects.all()}

    pull(shop, record("7", variants=[variant_record("12", "MUG-R"), variant_record("11", "MUG-B")]))

    rows = {row.external_sku: (row.pk, row.external_id) for row in ListingVariant.objects.all()}
    assert rows == {"MUG-R": (before["MUG-R"], "12"), "MUG-B": (before["MUG-B"], "11")}
    assert not Problem.objects.open().exists()


@pytest.mark.fault("F-13")
def test_two_variants_of_one_product_with_one_sku_are_still_a_problem() -> None:
    shop = factories.store()
    pull(shop, record("7", variants=[variant_record("10", "MUG"), variant_record("11", "CUP")]))

    pull(shop, record("7", variants=[variant_record("10", "MUG"), variant_record("12", "MUG")]))

    assert list(Problem.objects.open().values_list("code", "key")) == [("duplicate_sku", "12")]
    assert ListingVariant.objects.get(external_sku="MUG").external_id == "10"


@pytest.mark.fault("F-13")
def test_a_product_whose_sku_another_one_has_makes_the_channel_be_asked_for_both_once() -> None:
    shop = factories.store()
    stream = SyncStream.objects.create(connection=shop, name="products")
    pull(shop, record("7", "MUG"))

    for _again in range(2):
        pull(shop, record("9", "MUG"))

    stream.refresh_from_db()
    assert stream.wanted_ids == ["7", "9"]
    products_vanished(shop, ["7"])
    pull(shop, record("9", "MUG"))
    [listing] = Listing.objects.all()
    assert (listing.external_id, listing.state) == ("9", Listing.State.ACTIVE)
    assert not Problem.objects.open().exists()


@pytest.mark.fault("F-13")
def test_a_deleted_product_that_comes_back_unchanged_is_listed_again() -> None:
    shop = factories.store()
    pull(shop, record("7", "MUG"))
    products_vanished(shop, ["7", "8"])
    assert Listing.objects.get().state == Listing.State.REMOVED

    pull(shop, record("7", "MUG"))

    assert (Listing.objects.get().state, ListingVariant.objects.get().answer) == (Listing.State.ACTIVE, "")


@pytest.mark.fault("F-22")
def test_groups_that_a_manual_import_leaves_out_are_counted_with_the_reason(monkeypatch) -> None:
    shop = factories.store(channel="onbuy")
    group = record("8", kind=ProductKind.GROUP, variants=[variant_record("1", "A"), variant_record("2", "B")])
    monkeypatch.setattr(
        "tests.catalogue.records.SyncRun", lambda **fields: SyncRun(**fields, trigger="manual")
    )
    monkeypatch.setattr(type(shop.spec), "supports", lambda self, capability: False)
    monkeypatch.setattr(type(shop.spec), "reason", lambda self, capability: "OnBuy lists no groups again.")

    counts = pull(shop, group, record("7", "MUG"))

    assert (counts.new, counts.same, counts.left_out) == (1, 0, {"OnBuy lists no groups again.": 1})


@pytest.mark.fault("F-11", "F-24")
def test_long_names_skus_and_large_amounts_are_stored() -> None:
    shop = factories.store()
    name = "o" * 560
    option = clean_record(AttributeRecord(f"option:{name}", name))
    store_attributes(shop, [option], SyncRun())
    assert Attribute.objects.get().external_id == option.external_id
    brands_by_name(["b" * 130 + "1", "b" * 130 + "2"])
    assert Brand.objects.count() == 2

    most = Decimal("99999999999999.0000")
    pull(shop, clean_record(record("7", "ﷺ" * 255, price=str(most), title=name)))
    listed = ListingVariant.objects.get()
    assert (listed.external_sku, len(listed.sku_key), listed.remote_price) == ("ﷺ" * 255, 255, most)
