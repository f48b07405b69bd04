"""One search rule for all lists, on both databases: what is found, what is not, and that it stays true."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from django.core.management import call_command
from django.db import connection as database

from catalogue import search_text as catalogue_text
from catalogue.models import Listing, Variant
from catalogue.services import listings, products, sku_mapping, variants
from channels.contract.records.orders import AddressRecord
from oms.kit import doctor
from oms.kit.search import index
from oms.kit.search.query import matching
from orders.models import Order, OrderSearch, Shipment
from orders.ops import search_refresh
from orders.services import carriers, packing, tracking
from orders.unit_of_work.search_text import search_orders
from tests import factories
from tests.catalogue.records import pull, record
from tests.orders.desk import DESK, comes, stocked, store
from tests.orders.desk import record as order_record

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-17"), pytest.mark.fault("F-40")]

#: The tests about the rule run on SQLite in `make test` and again on PostgreSQL in `make test-db`.
BOTH = pytest.mark.parametrize("_database", ["any", pytest.param("postgresql", marks=pytest.mark.db)])


def numbers(text: str) -> list[str]:
    return sorted(search_orders(Order.objects.all(), text).values_list("number", flat=True))


def skus(text: str) -> list[str]:
    found = Variant.objects.filter(pk__in=catalogue_text.found_variants(text).values("pk"))
    return sorted(found.values_list("sku", flat=True))


def index_of_orders(text: str):
    return matching(OrderSearch.objects.order_by(), text, "text").values("order")


def true() -> None:
    """Every text is what its row says."""
    results = doctor.run(["search_texts_are_true", "search_is_indexed"])
    assert [(one.name, one.detail) for one in results if not one.ok or one.detail] == []


def place(**fields: str) -> AddressRecord:
    return AddressRecord(**{"name": "", "line1": "1 High Street", "country": "GB", **fields})


@pytest.fixture
def shop():
    shop = store()
    stocked("MUG-RED", leeds=50)
    stocked("TEE", leeds=50)
    one = replace(
        order_record("A10", **cast(Any, {"MUG-RED": 1})),
        customer_name="José Müller",
        customer_email="jose@example.com",
        customer_phone="+44 7700 900-123",
        ship_to=place(city="Łódź", postcode="LS6 3BJ"),
    )
    two = replace(
        order_record("A101", TEE=1), customer_name="Zoë O’Brien", customer_email="zoe@example.com", customer_phone="",
        ship_to=place(city="Dijon", postcode="21000"),
    )  # fmt: skip
    comes(shop, one, two)
    return shop


@BOTH
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A10", ["A10", "A101"]),
        ("#A10", ["A10"]),
        ("#A1", ["A10", "A101"]),
        ("a101", ["A101"]),
        ("Jose", ["A10"]),
        ("MULLER josé", ["A10"]),
        ("obrien", ["A101"]),
        ("o'brien", ["A101"]),
        ("example.com", ["A10", "A101"]),
        ("@example dijon", ["A101"]),
        ("7700 900123", ["A10"]),
        ("+447700900123", ["A10"]),
        ("ls63bj", ["A10"]),
        ("LS6 3BJ", ["A10"]),
        ("lodz", ["A10"]),
        ("210", ["A101"]),
        ("ug-re", ["A10"]),
        ("the tee", ["A101"]),
        ("te", ["A101"]),
        ("t zo", ["A101"]),
        ("lodz dijon", []),
        ("ee tee", []),
        ("100%", ["A101"]),
        ("_10", []),
        ('"', []),
        ("' OR 1=1", []),
        ("\x00", []),
        ("\ud800", []),
        ("High", []),
        ("NO-SUCH", []),
    ],
)
def test_orders_are_found_by_any_part(shop, text, expected, _database):
    assert numbers(text) == expected


@BOTH
def test_tracking_numbers_find_their_order_also_after_they_were_changed(shop, _database):
    carrier = carriers.save_carrier(name="Royal Mail", by=DESK)
    ids = [Order.objects.get(number="A10").pk]
    for outcomes in (
        packing.release(ids, by=DESK),
        packing.pack(ids, by=DESK),
        packing.mark_ready_to_ship(ids, tracking={ids[0]: (carrier.pk, "RM 77-5GB")}, by=DESK),
    ):
        assert outcomes[0].ok, outcomes[0].message
    assert numbers("RM 77") == numbers("rm775") == numbers("77-5") == ["A10"]
    true()

    tracking.set_tracking(shipment=Shipment.objects.get(), carrier=carrier, number="ZX1234", by=DESK)
    assert numbers("rm775") == []
    assert numbers("zx12") == ["A10"]
    true()


@BOTH
def test_what_the_channel_changes_is_found_and_the_old_is_not(shop, _database):
    before = order_record("A10", minutes=9, TEE=2)
    changed = replace(
        before,
        customer_name="Ann Other",
        ship_to=place(city="Bath"),
        lines=(replace(before.lines[0], title="Shirt"),),
        native={"again": 1},
    )
    comes(shop, changed)
    assert numbers("jose") == numbers("lodz") == []
    assert numbers("ann bath tee shirt") == ["A10"]
    true()


@BOTH
def test_a_sku_that_is_renamed_finds_its_orders(shop, _database, monkeypatch):
    variant = Variant.objects.get(sku="MUG-RED")
    variants.edit_variant(variant, {"sku": "CUP-9", "barcode": "4006381333931"})
    assert numbers("cup-9") == numbers("40063813") == ["A10"]

    monkeypatch.setattr(search_refresh, "AT_ONCE", 0)
    variants.edit_variant(variant, {"barcode": "5000000000012"})
    from oms.kit.background import jobs
    from oms.kit.models import Job

    assert numbers("50000000") == []
    assert jobs.run_here(Job.objects.get(kind=search_refresh.JOB)).done == 1
    assert numbers("50000000") == ["A10"]
    assert numbers("40063813") == []
    true()


@BOTH
def test_products_skus_stock_and_listings_follow_edits_and_imports(_database, admin_client):
    shop = factories.store("Shop", maps={"leeds": 1})
    pull(
        shop, record("7", "CUP-1", title="Crème jug", brand="Müllerwerk"), record("8", "CUP-2", title="Bowl")
    )
    variant = Variant.objects.get(sku="CUP-1")
    factories.shelf(variant, "leeds", 3)

    def rows(address: str, text: str) -> int:
        return len(admin_client.get(f"/admin/{address}/", {"q": text}).context["cl"].result_list)

    def everywhere(text: str) -> tuple[int, ...]:
        lists = ("catalogue/product", "catalogue/variant", "catalogue/listing", "inventory/stockitem")
        return tuple(rows(address, text) for address in lists)

    assert skus("cup") == ["CUP-1", "CUP-2"]
    for text in ("creme", "mullerwerk", "JUG cup-1", "up-1"):
        assert everywhere(text) == (1, 1, 1, 1), text
    assert everywhere("bowl mullerwerk") == (0, 0, 0, 0)
    true()

    products.edit_product(variant.product, {"title": "Teapot", "brand": "Anders"})
    assert everywhere("jug") == (0, 0, 1, 0)  # the store's own title is still so
    assert everywhere("teapot anders") == (1, 1, 1, 1)
    assert skus("mullerwerk") == []
    true()

    variants.edit_variant(variant, {"sku": "POT", "barcode": "4006381333931"})
    assert everywhere("4006381333931") == (1, 1, 1, 1)
    assert skus("cup-1") == ["POT"]  # its old SKU stays mapped
    sku_mapping.map_sku(shop, "OTHER-NAME", variant, DESK)
    assert skus("other-name") == ["POT"]
    true()

    pull(shop, record("7", "CUP-1", title="Renamed there"))
    assert rows("catalogue/listing", "renamed") == 1
    true()
    made = products.create_product(title="Lamp", variants=[products.NewVariant("LAMP", "1")], brand="Lux")
    assert skus("lux lamp") == ["LAMP"]
    listings.list_on_store(made, factories.store("Other", channel="bigcommerce"))
    assert rows("catalogue/listing", "lux lamp") == 1
    true()


def test_a_product_that_is_followed_is_found_by_its_new_title():
    shop = factories.store("Shop", channel="onbuy", maps={"leeds": 1})
    pull(shop, record("7", "CUP-1", title="Jug"))
    pull(shop, record("7", "CUP-1", title="Carafe"))
    assert skus("carafe") == ["CUP-1"]
    assert skus("jug") == []
    true()


@BOTH
def test_rows_that_were_changed_past_the_system_are_found_by_doctor_and_mended(shop, _database, capsys):
    Order.objects.filter(number="A10").update(number="B77")
    assert numbers("b77") == []
    result = doctor.run(["search_texts_are_true"])[0]
    assert not result.ok
    assert "#B77" in result.detail

    call_command("rebuild_search")
    assert numbers("b77") == ["B77"]
    assert numbers("a10") == ["A101"]
    true()


@BOTH
def test_migrate_fills_rows_without_a_text(shop, _database):
    OrderSearch.objects.all().delete()
    Variant.objects.update(search_text="")
    assert not doctor.run(["search_texts_are_true"])[0].ok
    for one in index.indexes():
        index.after_migrate(one.model._meta.app_config, verbosity=0)
    assert numbers("jose") == ["A10"]
    true()


def test_sqlite_triggers_that_are_lost_are_made_again(shop):
    if database.vendor != "sqlite":
        pytest.skip("about SQLite")
    with database.cursor() as cursor:
        cursor.execute("DROP TRIGGER orders_ordersearch_text_fts_u")
    OrderSearch.objects.filter(order__number="A10").update(text=" lost ")
    assert not doctor.run(["search_is_indexed"])[0].ok
    assert numbers("lost") == []

    index.after_migrate(OrderSearch._meta.app_config, verbosity=0)
    assert numbers("lost") == ["A10"]
    assert doctor.run(["search_is_indexed"])[0].ok


@pytest.mark.db
@pytest.mark.parametrize("text", ["rgreav", "LS6 3BJ", "A10", "le", "zoe dijon"])
def test_each_search_has_its_index(shop, text):
    with database.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = index_of_orders(text).explain()
    assert "orders_ordersearch_text_trgm" in plan


@pytest.mark.db
@pytest.mark.parametrize(
    ("rows", "name"), [(Variant.objects, "catalogue_variant"), (Listing.objects, "catalogue_listing")]
)
def test_the_catalogue_has_its_index(rows, name):
    with database.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert f"{name}_search_text_trgm" in matching(rows.order_by(), "enamel").explain()


@pytest.mark.db
@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"tab": "new"}, "order_open"),
        ({"due": "late"}, "order_ship_by"),
        ({"o": "total"}, "order_total"),
        ({"o": "-order"}, "order_number_sorted"),
        ({"country": "GB"}, "order_country"),
    ],
)
def test_each_sorting_of_the_list_has_its_index(admin_client, query, name):
    with database.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
    rows = admin_client.get("/admin/orders/order/", query).context["cl"]
    assert name in rows.queryset.order_by(*rows._order(backwards=False, with_nulls=False))[:50].explain()
