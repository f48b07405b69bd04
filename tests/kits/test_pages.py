"""Kits on the pages: the card and the form of a product, lists, the order, what is packed and printed."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from catalogue.models import KitComponent, ListingVariant, Variant
from channels.models import Connection
from inventory.models import StockItem
from oms.kit.models import AuditEntry
from orders.documents.contents import pick_lists, slips
from orders.documents.contents.bills import bill_of
from orders.documents.contents.parts import Frame
from orders.documents.loading import orders_with_lines, settings_of, shipments_of_orders
from orders.models import SkuFigures
from orders.ops.reports.figures import rows_of
from orders.services import packing
from tests import factories
from tests.kits.desk import a_shop, listed, sound
from tests.orders.desk import DESK, NOW, an_order, comes, line, record, status, stocked
from tests.orders.test_moves import ok

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-CAT-05")]


@pytest.fixture
def shop() -> Connection:
    made = a_shop()
    listed("GIFT", made)
    return made


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(factories.user(is_superuser=True))
    return client


def of(sku: str) -> Variant:
    return Variant.objects.get(sku=sku)


def page_of(sku: str) -> str:
    return reverse("admin:sku_kit", args=[of(sku).pk])


def components(sku: str) -> dict[str, int]:
    return dict(KitComponent.objects.filter(kit__sku=sku).values_list("component__sku", "quantity"))


def form(sku: str, **more: Any) -> dict[str, Any]:
    """The form as it is shown, with these fields typed."""
    rows = list(KitComponent.objects.filter(kit__sku=sku))
    seen = json.dumps({row.component_id: row.quantity for row in rows})
    return {"seen": seen, **{f"units-{row.component_id}": str(row.quantity) for row in rows}, **more}


def words(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def read(answer: Any) -> str:
    """The text of a page, without its tags."""
    return " ".join(strip_tags(answer.content.decode()).split())


def test_components_are_added_changed_and_removed_by_the_form_which_acts_once(
    shop: Connection, staff: Client
) -> None:
    stocked("SET")
    typed = form("SET", token="once", **{"add-sku-1": "mug", "add-units-1": "3", "add-sku-2": "BOX"})
    first, second = (staff.post(page_of("SET"), typed, follow=True) for _time in range(2))
    assert "Every store that lists SET is sent how many kits can be made." in words(first)
    assert "already saved" in words(second)
    assert components("SET") == {"MUG": 3, "BOX": 1}
    staff.post(page_of("SET"), form("SET", **{f"units-{of('BOX').pk}": "0", f"units-{of('MUG').pk}": "2"}))
    assert components("SET") == {"MUG": 2}
    author = AuditEntry.objects.filter(action="sku.kit", subject_id=of("SET").pk).values_list(
        "author_name", flat=True
    )
    assert list(author) == ["anna", "anna"]
    ended = staff.post(page_of("SET"), form("SET", **{f"units-{of('MUG').pk}": "0"}), follow=True)
    assert "SET is no kit any more" in words(ended)
    assert (components("SET"), of("SET").is_kit) == ({}, False)


WRONG: list[tuple[dict[str, str], str]] = [
    ({"add-sku-1": "NONE"}, "No product has the SKU “NONE”."),
    ({"add-sku-1": "MUG"}, "MUG is entered twice"),
    ({"add-sku-1": "CUP", "add-units-1": "two"}, "“two” is not a number of units of CUP"),
    ({"add-sku-1": "TRIO"}, "TRIO is a kit. A kit cannot contain another kit"),
    ({"add-sku-1": "GIFT"}, "GIFT cannot be a component of itself"),
    ({"seen": "{}"}, "were changed by somebody else"),
]


def test_a_form_that_is_wrong_says_why_and_keeps_what_was_typed(shop: Connection, staff: Client) -> None:
    stocked("CUP", leeds=2)
    for typed, why in WRONG:
        answer = staff.post(page_of("GIFT"), form("GIFT", **{"add-sku-2": "CUP", **typed}))
        assert why in words(answer)
        assert 'value="CUP"' in words(answer)
        assert components("GIFT") == {"MUG": 2, "BOX": 1}


def test_without_the_right_the_card_is_read_and_the_form_is_closed(shop: Connection, client: Client) -> None:
    reader = factories.user("reader")
    reader.user_permissions.add(Permission.objects.get(codename="view_product"))
    client.force_login(reader)
    shown = words(client.get(reverse("admin:catalogue_product_change", args=[of("GIFT").product_id])))
    assert "Kits that can be made, from all warehouses" in shown
    assert "Change components" not in shown
    assert client.post(page_of("GIFT"), form("GIFT")).status_code == 403


def test_the_card_the_list_and_the_explanation_name_the_components(shop: Connection, staff: Client) -> None:
    card = read(staff.get(reverse("admin:catalogue_product_change", args=[of("GIFT").product_id])))
    assert "10 available ÷ 2" in card
    assert "Kit: no stock of its own" in card
    mug = read(staff.get(reverse("admin:catalogue_product_change", args=[of("MUG").product_id])))
    assert "2 in each kit" in mug
    listing = words(staff.get(reverse("admin:catalogue_variant_changelist") + "?kits=1"))
    assert ("GIFT" in listing, ">BOX<" in listing) == (True, False)
    products = words(staff.get(reverse("admin:catalogue_product_changelist") + "?kits=1"))
    assert ("The GIFT" in products, "The BOX" in products) == (True, False)
    row = ListingVariant.objects.get(external_sku="GIFT")
    why = read(staff.get(reverse("admin:explain", args=[row.pk])))
    assert "2 × MUG in each kit" in why
    assert "Kits that can be made" in why
    found = staff.get(reverse("admin:sku_names") + "?q=m").json()
    assert found == {"names": ["MUG"]}
    assert not StockItem.objects.filter(variant__is_kit=True).exists()


def test_the_order_shows_the_kit_with_its_components_and_cancels_kits(
    shop: Connection, staff: Client
) -> None:
    order = an_order(shop, GIFT=2)
    page = words(staff.get(reverse("admin:orders_order_change", args=[order.pk])))
    text = read(staff.get(reverse("admin:orders_order_change", args=[order.pk])))
    assert "kit: stock of its components" in text
    assert "2 in each GIFT" in text
    assert "allocated 4 · Leeds" in text
    gift = order.lines.get(sku="GIFT")
    mug = order.lines.get(sku="MUG")
    assert (f'name="units-{gift.pk}"' in page, f'name="units-{mug.pk}"' in page) == (True, False)
    correct = words(staff.get(reverse("admin:order_correct", args=[order.pk])))
    assert (f'name="units-{gift.pk}"' in correct, f'name="units-{mug.pk}"' in correct) == (True, False)
    orders = words(staff.get(reverse("admin:orders_order_changelist")))
    assert ("The GIFT" in orders, "The MUG" in orders) == (True, False)


def test_the_station_and_scanning_ask_for_components(shop: Connection, staff: Client) -> None:
    order = an_order(shop, GIFT=1)
    ok(packing.release([order.pk], by=DESK))
    station = words(staff.get(reverse("admin:ship_station")))
    assert ("MUG" in station, "GIFT" in station) == (True, False)
    act = reverse("admin:pack_act", args=[order.pk, "begin"])
    staff.post(act)
    scan = reverse("admin:pack_act", args=[order.pk, "scan"])
    for code in ("MUG", "BOX", "MUG"):
        staff.post(scan, {"code": code})
    assert status(order) == "packed"
    sound()


def test_documents_and_reports_count_the_money_once(shop: Connection) -> None:
    comes(shop, record("1", lines=(line("1-1", "GIFT", 2, "15"), line("1-2", "BOX", 1, "3"))))
    order = shop.orders.get()
    ok(packing.release([order.pk], by=DESK))
    settings = settings_of([shop.pk])[shop.pk]
    settings.slip_prices = True
    (shipment,) = shipments_of_orders([order.pk])
    frame = Frame(settings, "en", NOW)
    slip = slips.packing_slip(frame, shipment)
    assert [(str(row["sku"]), row["quantity"], len(row["more"])) for row in slip["lines"]] == [
        ("GIFT", "2", 0),
        ("MUG", "4", 1),
        ("BOX", "2", 1),
        ("BOX", "1", 0),
    ]
    picked = pick_lists.combined(frame, [shipment])["sections"][0]["rows"]
    assert sorted((str(row["sku"]), row["quantity"]) for row in picked) == [("BOX", "3"), ("MUG", "4")]
    loaded = orders_with_lines([order.pk])[order.pk]
    bill = bill_of(loaded, [one for one in loaded.lines.all() if not one.parent_id], settings)
    assert [charge.what for charge in bill.charges] == ["line", "line"]
    figures = [row for row in rows_of(NOW.date()) if isinstance(row, SkuFigures)]
    assert {(row.variant_id, row.units, row.turnover) for row in figures} == {
        (of("GIFT").pk, 2, Decimal(30)),
        (of("BOX").pk, 1, Decimal(3)),
    }
