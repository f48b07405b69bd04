"""What stores are offered of kits, and when they are sent it (R-INV-01, R-INV-03, R-INV-04, R-INV-07)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from catalogue import callbacks
from catalogue.callbacks import Imported
from catalogue.errors import CatalogueError
from catalogue.models import KitComponent, ListingVariant, Variant
from catalogue.services.kits import set_components, set_kits
from catalogue.services.listings import stop_selling
from channels.models import Connection, OutboxMessage
from inventory.errors import StockError
from inventory.models import StockItem, StockPolicy, Warehouse
from inventory.offers.compute import offers
from inventory.offers.explain import explain
from inventory.offers.locations import available_at
from inventory.services import adjust, opening_stock
from oms.kit.models import AuditEntry
from tests.kits.desk import a_shop, kit, listed, sound
from tests.orders.desk import DESK, NOW, an_order, serves, stocked

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-INV-01", "R-INV-04")]


@pytest.fixture
def shop() -> Connection:
    made = a_shop(mugs=7, boxes=5)
    for sku in ("GIFT", "TRIO", "MUG", "BOX"):
        listed(sku, made)
    return made


def offered(connection: Connection) -> dict[str, int]:
    return {offer.sku: offer.quantity for offer in offers(connection).values()}


def to_send() -> set[str]:
    """The SKUs of the stock messages, which are removed."""
    rows = OutboxMessage.objects.filter(topic="stock")
    found = set(
        ListingVariant.objects.filter(pk__in=rows.values("subject")).values_list("external_sku", flat=True)
    )
    rows.delete()
    return found


def of(sku: str) -> Variant:
    return Variant.objects.get(sku=sku)


def leeds() -> Warehouse:
    return Warehouse.objects.get(name="Leeds")


def test_the_scarcest_component_decides_and_shared_ones_are_counted_once(shop: Connection) -> None:
    assert offered(shop) == {"GIFT": 3, "TRIO": 5, "MUG": 7, "BOX": 5}
    an_order(shop, GIFT=2)
    assert offered(shop) == {"GIFT": 1, "TRIO": 3, "MUG": 3, "BOX": 3}
    an_order(shop, MUG=2)
    assert offered(shop) == {"GIFT": 0, "TRIO": 1, "MUG": 1, "BOX": 3}


def test_limits_are_those_of_the_kit_and_a_stopped_component_stops_it(shop: Connection) -> None:
    StockPolicy.objects.create(connection=shop, buffer=1)
    row = ListingVariant.objects.get(external_sku="TRIO")
    StockPolicy.objects.create(connection=shop, listing_variant=row, cap=2)
    assert (offered(shop)["GIFT"], offered(shop)["TRIO"]) == (2, 2)
    to_send()
    stop_selling(variants=[of("MUG")], stopped=True)
    assert (offered(shop)["GIFT"], offered(shop)["TRIO"], offered(shop)["BOX"]) == (0, 0, 4)
    assert to_send() == {"GIFT", "TRIO", "MUG"}


def test_a_component_without_tracking_never_runs_out(shop: Connection) -> None:
    callbacks.set_tracking([of("BOX").pk], is_counted=False, by=DESK)
    assert to_send() == {"GIFT", "TRIO", "BOX"}
    assert (offered(shop)["GIFT"], offered(shop)["TRIO"]) == (3, 7)
    callbacks.set_tracking([of("MUG").pk, of("GIFT").pk], is_counted=False, by=DESK)
    assert of("GIFT").is_counted
    assert {one.sku: bool(one.blocked) for one in offers(shop).values()} == dict.fromkeys(
        ("GIFT", "TRIO", "MUG", "BOX"), True
    )


def test_only_warehouses_of_the_store_count_and_a_location_needs_all_components(shop: Connection) -> None:
    stocked("CUP", york=9)
    kit("MIX", CUP=1, BOX=1)
    listed("MIX", shop)
    assert offered(shop)["MIX"] == 0
    serves(shop, "Leeds", "York")
    assert offered(shop)["MIX"] == 5
    shop.warehouse_mappings.filter(warehouse__name="York").update(remote_location="2")
    free = available_at(shop, list(offers(shop).values()))
    assert (free[of("MIX").pk], free[of("GIFT").pk]) == ({"": 0, "2": 0}, {"": 3, "2": 0})


def test_a_change_of_a_component_is_sent_for_it_and_every_kit_of_it(shop: Connection) -> None:
    adjust.adjust(variant=of("MUG"), warehouse=leeds(), delta=1, reason="found", by=DESK)
    assert to_send() == {"GIFT", "TRIO", "MUG"}
    stocked("CUP", leeds=3)
    listed("CUP", shop)
    adjust.adjust(variant=of("CUP"), warehouse=leeds(), delta=1, reason="found", by=DESK)
    assert to_send() == {"CUP"}


def test_a_change_of_a_component_takes_one_statement_more_than_of_another_sku(shop: Connection) -> None:
    stocked("CUP", leeds=3)
    listed("CUP", shop)

    def change(sku: str) -> int:
        with CaptureQueriesContext(database) as asked:
            adjust.adjust(variant=of(sku), warehouse=leeds(), delta=1, reason="found", by=DESK)
        return len(asked)

    change("CUP")
    assert change("MUG") == change("CUP") + 1


def test_offers_of_many_kits_take_two_statements_more_than_of_other_skus(shop: Connection) -> None:
    def statements(*skus: str) -> int:
        rows = ListingVariant.objects.filter(external_sku__in=skus).values_list("pk", flat=True)
        ids = list(rows)
        with CaptureQueriesContext(database) as asked:
            offers(shop, ids)
        return len(asked)

    assert statements("MUG", "BOX") == 2
    for number in range(8):
        kit(f"KIT-{number}", MUG=number + 1, BOX=1)
        listed(f"KIT-{number}", shop)
    assert statements("KIT-0") == statements(*(f"KIT-{number}" for number in range(8))) == 4


def test_a_kit_has_no_stock_of_its_own(shop: Connection) -> None:
    for act in (
        lambda: adjust.adjust(variant=of("GIFT"), warehouse=leeds(), set_to=4, reason="count", by=DESK),
        lambda: adjust.receive(variant=of("GIFT"), warehouse=leeds(), quantity=4, reason="came", by=DESK),
    ):
        with pytest.raises(StockError, match="GIFT is a kit and has no stock of its own"):
            act()
    opening_stock.opening_stock(shop, {of("GIFT").pk: 9})
    row = ListingVariant.objects.get(external_sku="GIFT")
    opening_stock.on_imported(shop, [Imported(of("GIFT").pk, row.pk, 9, False, True)], NOW, NOW)
    assert not StockItem.objects.filter(variant=of("GIFT")).exists()
    assert (offered(shop)["GIFT"], offered(shop)["MUG"]) == (3, 7)
    sound()


def test_a_sku_with_stock_becomes_a_kit_only_when_it_has_none(shop: Connection) -> None:
    stocked("SET", leeds=2)
    with pytest.raises(CatalogueError, match="SET has 2 units in Leeds"):
        kit("SET", MUG=1)
    assert (of("SET").is_kit, KitComponent.objects.filter(kit=of("SET")).count()) == (False, 0)
    adjust.adjust(variant=of("SET"), warehouse=leeds(), set_to=0, reason="count", by=DESK)
    kit("SET", MUG=1)
    with pytest.raises(StockError, match="is a kit"):
        adjust.adjust(variant=of("SET"), warehouse=leeds(), set_to=1, reason="count", by=DESK)
    kit("SET")
    adjust.adjust(variant=of("SET"), warehouse=leeds(), set_to=1, reason="count", by=DESK)
    assert (of("SET").is_kit, AuditEntry.objects.filter(action="sku.kit").count()) == (False, 4)
    sound()


@pytest.mark.parametrize(
    ("sku", "components", "why"),
    [
        ("GIFT", {"GIFT": 1}, "cannot be a component of itself"),
        ("NEW", {"GIFT": 1}, "A kit cannot contain another kit"),
        ("MUG", {"CUP": 1}, "MUG is a component of the kit GIFT"),
        ("NEW", {"CUP": 0}, "Enter from 1 to 10,000 units of CUP"),
        ("NEW", {"CUP": 10_001}, "Enter from 1 to 10,000 units of CUP"),
    ],
)
def test_what_cannot_be_a_kit_is_refused_with_a_sentence(
    shop: Connection, sku: str, components: dict[str, int], why: str
) -> None:
    stocked("CUP", leeds=1)
    stocked("NEW")
    before = list(KitComponent.objects.order_by("pk").values())
    with pytest.raises(CatalogueError, match=why):
        kit(sku, **components)
    assert list(KitComponent.objects.order_by("pk").values()) == before


def test_two_kits_of_one_change_cannot_contain_each_other_and_many_take_as_many_statements_as_one(
    shop: Connection,
) -> None:
    kits = [stocked(f"K{number}").pk for number in range(6)]
    mug = of("MUG").pk
    with pytest.raises(CatalogueError, match="A kit cannot contain another kit"):
        set_kits({kits[0]: {mug: 1}, kits[1]: {kits[0]: 1}}, by=DESK)

    def statements(wanted: dict[int, dict[int, int]]) -> int:
        with CaptureQueriesContext(database) as asked:
            set_kits(wanted, by=DESK)
        return len(asked)

    one = statements({kits[0]: {mug: 1}})
    assert statements({pk: {mug: 2} for pk in kits[1:]}) == one


def test_components_that_somebody_else_changed_are_not_overwritten(shop: Connection) -> None:
    seen = {of("MUG").pk: 2, of("BOX").pk: 1}
    kit("GIFT", MUG=3)
    with pytest.raises(CatalogueError, match="changed by somebody else"):
        set_components(of("GIFT"), {of("BOX").pk: 1}, by=DESK, was=seen)
    assert set_components(of("GIFT"), {of("MUG").pk: 3}, by=DESK, was={of("MUG").pk: 3}) is False


def test_the_explanation_names_the_components(shop: Connection) -> None:
    found: Any = explain(ListingVariant.objects.get(external_sku="GIFT"))
    assert [(part.sku, part.units_in_kit, part.available, part.kits) for part in found.offer.parts] == [
        ("MUG", 2, 7, 3),
        ("BOX", 1, 5, 5),
    ]
    assert found.steps[0].label == "3 kits can be made: MUG is the scarcest component"
