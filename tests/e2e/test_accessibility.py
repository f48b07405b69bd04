"""axe-core on every page of staff, at the width of a desk and of a phone: nothing critical, serious or moderate."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth import get_user_model
from django.utils import timezone
from playwright.sync_api import Browser, Page, ViewportSize

from catalogue.models import Brand, ListingVariant, Variant
from catalogue.services.listing import drafts
from catalogue.services.listing.categories import category_at
from catalogue.services.listing.drafts import ListingForm
from channels.models import CallLog, Connection, OutboxMessage, RejectedRecord
from channels.ops.hooks import subscriptions
from channels.pull.page_writer import packed
from inventory.models import Warehouse
from inventory.services import wms_setup
from oms.kit.admin.export import resources
from oms.kit.api import keys
from oms.kit.authors.actors import SYSTEM, person
from oms.kit.background import jobs
from oms.kit.imports import services as imports
from oms.kit.models import Job
from orders.documents import printing
from orders.domain.moves import BY_NAME
from orders.models import Order, OrderRule, Parcel, PickWave
from orders.services import decisions, moves, packing
from orders.services.handing_over import manifests
from orders.services.labels import accounts as carrier_accounts
from orders.services.labels import bulk as labels_bulk
from orders.services.returns.requests import request_return
from orders.services.stock import sku_merging
from tests import factories
from tests.admin import desk_data
from tests.e2e.desk import pushing_shop
from tests.e2e.every_page import addresses, routes
from tests.security.rows import stock_documents

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

DESK: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
WRONG = ("critical", "serious", "moderate")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice")
OPTIONS = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": list(RULES)}}


@pytest.fixture(autouse=True)
def _as_in_the_demo(settings):
    """No webhooks."""
    settings.OMS_PUBLIC_URL = ""


@pytest.fixture
def pages(browser: Browser, live_server: Any, django_user_model: Any) -> Any:
    """A page that is signed in as an owner, into which axe may be put past the Content-Security-Policy."""
    django_user_model.objects.create_superuser("owner", password="correct horse battery")
    context = browser.new_context(base_url=live_server.url, viewport=DESK, locale="en-GB", bypass_csp=True)
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto("/admin/login/?next=/admin/")
    page.fill('input[name="username"]', "owner")
    page.fill('input[name="password"]', "correct horse battery")
    page.click('#login-form button[type="submit"]')
    page.wait_for_url("**/admin/")
    yield page
    context.close()


class Findings:
    """What axe says about pages, as lines of width, page, rule and the first elements."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.looked_at = 0

    def look(self, page: Page, name: str, sizes: Sequence[ViewportSize] = (DESK, PHONE)) -> None:
        """Run axe at these widths; the page is loaded once and made narrow for the second."""
        for size in sizes:
            page.set_viewport_size(size)
            self.looked_at += 1
            for rule in Axe().run(page, options=OPTIONS).response["violations"]:
                if rule["impact"] in WRONG:
                    where = [" ".join(map(str, node["target"])) for node in rule["nodes"]]
                    self.lines.append(
                        f"{size['width']} {name}: {rule['impact']} {rule['id']} ×{len(where)}: {where[:3]}"
                    )
        page.set_viewport_size(DESK)


def a_day_of_work(store: Connection) -> dict[str, tuple[Any, ...]]:
    """Fill what a first sync leaves empty: orders in several states, a manifest, what went wrong. Returns samples."""
    harbour = desk_data.shop("Harbour UK")
    made = [desk_data.order(harbour, buyer=number) for number in range(4)]
    unknown = desk_data.order(harbour, desk_data.line("WHO-KNOWS", title="Something that nobody has seen"))
    ready = [desk_data.ready(harbour, desk_data.line("MUG-RED")) for _number in range(2)]
    decisions.hold([made[1].pk], reason="buyer asked to wait", by=SYSTEM)
    packing.release([made[2].pk], by=SYSTEM)
    shipment = ready[0].shipments.get()
    assert shipment.carrier is not None
    assert shipment.warehouse is not None
    manifest = manifests.create_manifest(
        carrier=shipment.carrier, warehouse=shipment.warehouse, shipment_ids=[shipment.pk], by=SYSTEM
    ).manifest
    assert manifest is not None
    request_return(order_id=ready[0].pk, units={ready[0].lines.get().pk: 1}, reason="damaged", by=SYSTEM)
    record = RejectedRecord.objects.create(
        connection=store, stream="products", external_id="7", reason="No SKU.", native=packed({"id": 7})
    )
    call = CallLog.objects.create(connection=store, method="GET", url="/x/7", status=500, milliseconds=7)
    OutboxMessage.objects.create(
        connection=store, kind="event", topic="shipped", lane="orders", group=7, key="7", subject=7,
        attempts=3, parked_at=timezone.now(),
    )  # fmt: skip
    Brand.objects.get_or_create(name="Fern", key="fern")
    owner = get_user_model().objects.get(username="owner")
    moved = moves.start_job(move=BY_NAME["release"], order_ids=[made[3].pk], user=owner)
    exported = jobs.start(
        kind=resources.JOB,
        title="Export orders",
        params={"admin": "orders.order"},
        lane="default",
        author=owner,
    )
    wms, _secret = wms_setup.connect(
        name="Leeds WMS",
        url="https://wms.example/hook",
        secret="",
        warehouse_ids=[shipment.warehouse.pk],
        by=SYSTEM,
    )
    stock_documents()
    hook, _secret = subscriptions.create(
        name="Shop floor", url="https://hooks.example/in", events=["stock.changed"], by=SYSTEM
    )
    van = carrier_accounts.connect(
        key="house", name="Own van", credentials={}, settings={"prefix": "FK"}, by=SYSTEM
    )
    parcel = Parcel.objects.create(shipment=shipment, account=van)
    bought = labels_bulk.start(user=owner, orders=[made[2].pk])
    key, _token = keys.create(name="ERP", scopes=["stock:read"], by=SYSTEM)
    job = Job.objects.order_by("pk").last()
    assert job is not None
    sheet = imports.receive(
        kind="stock", parts=[b"SKU,Quantity\nMUG-RED,1\nNONE,2\n"], file_name="stock.csv", by=person(owner)
    )
    jobs.run_here(imports.check(sheet, by=person(owner)))
    printed = printing.start(kind="packing_slip", user=owner, orders=[ready[0].pk])
    merged = sku_merging.merge(
        Variant.objects.get(sku="MUG-BLUE"), Variant.objects.get(sku="MUG-RED"), by=SYSTEM
    )
    unlisted, kitchen = factories.product("SPADE", title="Garden spade"), category_at("Home > Kitchen")
    draft = drafts.save_draft(unlisted, harbour, ListingForm())
    wave = PickWave.objects.create(warehouse=Warehouse.objects.order_by("pk")[0])
    rule = OrderRule.objects.create(name="Rule", actions=[{"kind": "tag", "value": "x"}])
    return {
        "imports_columns": (sheet.pk,),
        "product_list_on": (unlisted.pk, harbour.pk),
        "product_attributes": (unlisted.pk,),
        "catalogue_productcategory_change": (kitchen.pk,),
        "catalogue_listing_change": (draft.pk,),
        "print_job": (printed.pk,),
        "credit_note": (ready[0].pk,),
        "sku_kit": (merged.target_id,),
        "sku_merge": (merged.target_id,),
        "sku_unmerge": (merged.pk,),
        **{name: (store.pk,) for _route, name in routes() if name.startswith("store")},
        "connect_channel": ("opencart",),
        "channels_connection_change": (store.pk,),
        "store_refused_one": (store.pk, record.pk),
        "store_call": (store.pk, call.pk),
        "order_why": (unknown.pk, unknown.lines.get().pk),
        "order_native": (unknown.pk,),
        "order_correct": (unknown.pk,),
        "order_warehouse": (unknown.pk,),
        "rule_trial": (rule.pk,),
        "order_return": (ready[0].pk,),
        "customer": (unknown.pk,),
        "pack_order": (made[2].pk,),
        "pick_wave": (wave.pk,),
        "orders_order_change": (unknown.pk,),
        "explain": (ListingVariant.objects.filter(connection=store).order_by("pk")[0].pk,),
        "explain_price": (ListingVariant.objects.filter(connection=store).order_by("pk")[0].pk,),
        "job": (job.pk,),
        "kit_job_change": (job.pk,),
        "orders_job": (moved.pk,),
        "orders_order_job": (exported.pk,),
        "wms": (wms.pk,),
        "hook": (hook.pk,),
        "wms_disconnect": (wms.pk,),
        "api_key_revoke": (key.pk,),
        "carrier_account": (van.pk,),
        "carrier_account_new": ("sendcloud",),
        "carrier_account_disconnect": (van.pk,),
        "label_prices": (made[2].shipments.get().pk,),
        "label_job": (bought.pk,),
        "orders_parcel_change": (parcel.pk,),
    }


def test_no_page_has_a_finding_that_is_critical_serious_or_moderate(pages: Page):
    page, findings = pages, Findings()
    with pushing_shop(page) as (_shop, store):
        samples = a_day_of_work(store)
        harbour = Connection.objects.get(name="Harbour UK")
        orders = {order.status: order.pk for order in Order.objects.filter(connection=harbour)}
        table = addresses(samples)
        answers = {}
        for route, address in table.items():
            answer = page.goto(address)
            assert answer is not None
            answers[route] = answer.status
            if answer.ok:
                findings.look(page, route)
        for status, pk in orders.items():
            page.goto(f"/admin/orders/order/{pk}/")
            findings.look(page, f"an order that is {status}")
        for name, act in STATES.items():
            act(page)
            findings.look(page, name)

    assert not findings.lines, "\n".join(findings.lines)
    not_allowed = {route: status for route, status in answers.items() if status != 200}
    assert {route: status for route, status in not_allowed.items() if not NOT_OFFERED.search(route)} == {}
    assert findings.looked_at >= 200


#: How far a page is wider than its window, in pixels.
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.req("R-PLUS-21")
def test_every_page_is_whole_in_french(pages: Page):
    page, findings, wide = pages, Findings(), []
    with pushing_shop(page) as (_shop, store):
        samples = a_day_of_work(store)
        page.goto("/admin/account/")
        page.select_option('select[name="language-language"]', "fr")
        page.locator("form", has=page.locator('select[name="language-language"]')).locator("button").click()
        page.wait_for_selector("text=Langue enregistrée.")
        for route, address in addresses(samples).items():
            answer = page.goto(address)
            if answer is None or not answer.ok:
                continue
            assert page.locator("html").get_attribute("lang") == "fr", route
            findings.look(page, route, sizes=(PHONE,))
            for size in (DESK, PHONE):
                page.set_viewport_size(size)
                if (more := page.evaluate(TOO_WIDE)) > 0:
                    wide.append(f"{size['width']} {route}: {more} px")
            page.set_viewport_size(DESK)

    assert not findings.lines, "\n".join(findings.lines)
    assert wide == []


#: Pages of Django's admin that our classes do not offer: nobody adds or deletes these by hand.
NOT_OFFERED = re.compile(r"/(add/|<path:object_id>/(delete|change|history)/)$")


def chosen_rows(page: Page) -> None:
    page.goto("/admin/orders/order/?tab=new")
    for number in range(2):
        page.locator("input[name=_selected_action]").nth(number).check()


def open_parts(page: Page) -> None:
    page.goto("/admin/orders/order/")
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")


def figure(page: Page) -> None:
    page.goto("/admin/inventory/stockitem/?q=MUG-RED")
    page.locator("[data-edit=on_hand]").first.press("Enter")


def nothing_found(page: Page) -> None:
    page.goto("/admin/orders/order/?q=nothing-like-this")


def wrong_form(page: Page) -> None:
    page.goto("/admin/catalogue/product/add/")
    page.get_by_role("button", name=re.compile("product", re.IGNORECASE)).first.click()


def not_found(page: Page) -> None:
    page.goto("/admin/no-such-page/")


def signed_out(page: Page) -> None:
    page.context.clear_cookies()
    page.goto("/admin/login/?next=/admin/")


#: States that an address alone does not show. The last ones end the session.
STATES: dict[str, Callable[[Page], None]] = {
    "orders with chosen rows": chosen_rows,
    "orders with filters and columns open": open_parts,
    "a figure that is edited": figure,
    "no order found": nothing_found,
    "a form with errors": wrong_form,
    "page not found": not_found,
    "sign-in": signed_out,
}
