# long because: one table of every page and who may open it.
"""Every address under /admin/ with every role, against one table: nothing is open by mistake (R-USE-01, F-30)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from catalogue.models import Brand, Category, Listing, Product, ProductCategory, Variant
from channels.models import CallLog, OutboxMessage, RejectedRecord
from inventory.models import StockItem, StockMovement, Warehouse
from oms.accounts.roles import ROLES
from oms.kit.imports.models import SheetImport
from oms.kit.models import Job
from orders.models import Manifest, OrderRule, Parcel, Return, Shipment
from tests import factories
from tests.admin import desk_data
from tests.admin.test_roles import (
    EVERYBODY,
    OWNERS,
    READ,
    SYNCERS,
    WITH_STORES,
    as_role,
    may,
)
from tests.security.addresses import every_address
from tests.security.rows import Rows, stock_documents

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-USE-01")]


NOBODY: frozenset[str] = frozenset()
IMPORTERS = may("imports.view_sheetimport")

#: Model -> who may see its list and its rows, add one, delete one, export the list.
LISTS: dict[str, tuple[frozenset[str], frozenset[str], frozenset[str], frozenset[str]]] = {
    "auth_user": (OWNERS, OWNERS, NOBODY, NOBODY),
    "auth_group": (OWNERS, OWNERS, OWNERS, NOBODY),
    "channels_alert": (EVERYBODY, NOBODY, NOBODY, NOBODY),
    "channels_calllog": (OWNERS, NOBODY, NOBODY, OWNERS),
    "channels_connection": (WITH_STORES, OWNERS, NOBODY, NOBODY),
    "channels_outboxmessage": (WITH_STORES, NOBODY, NOBODY, SYNCERS),
    "channels_rejectedrecord": (WITH_STORES, NOBODY, NOBODY, SYNCERS),
    "kit_auditentry": (may("kit.view_auditentry"), NOBODY, NOBODY, may("kit.export_auditentry")),
    "kit_job": (EVERYBODY, NOBODY, NOBODY, SYNCERS),
    "catalogue_brand": (EVERYBODY, NOBODY, NOBODY, NOBODY),
    "catalogue_category": (EVERYBODY, NOBODY, NOBODY, NOBODY),
    "catalogue_listing": (EVERYBODY, NOBODY, NOBODY, may("catalogue.export_listing")),
    "catalogue_productcategory": (EVERYBODY, may("catalogue.add_productcategory"), NOBODY, NOBODY),
    "catalogue_product": (
        EVERYBODY,
        may("catalogue.add_product"),
        NOBODY,
        may("catalogue.export_product"),
    ),
    "catalogue_variant": (EVERYBODY, NOBODY, NOBODY, may("catalogue.export_variant")),
    "imports_sheetimport": (IMPORTERS, IMPORTERS, NOBODY, NOBODY),
    "inventory_stockitem": (EVERYBODY, NOBODY, NOBODY, may("inventory.export_stockitem")),
    "inventory_delivery": (EVERYBODY, NOBODY, NOBODY, NOBODY),
    "inventory_stockcount": (EVERYBODY, NOBODY, NOBODY, NOBODY),
    "inventory_supplier": (EVERYBODY, may("inventory.add_supplier"), NOBODY, NOBODY),
    "inventory_transfer": (EVERYBODY, NOBODY, NOBODY, NOBODY),
    "inventory_stockmovement": (EVERYBODY, NOBODY, NOBODY, may("inventory.export_stockmovement")),
    "inventory_warehouse": (EVERYBODY, OWNERS, NOBODY, NOBODY),
    "orders_carrier": (EVERYBODY, may("orders.add_carrier"), NOBODY, NOBODY),
    "orders_manifest": (EVERYBODY, may("orders.add_manifest"), NOBODY, NOBODY),
    "orders_order": (EVERYBODY, NOBODY, NOBODY, may("orders.export_order")),
    "orders_parcel": (EVERYBODY, NOBODY, NOBODY, NOBODY),
    "orders_orderrule": (EVERYBODY, may("orders.add_orderrule"), NOBODY, NOBODY),
    "orders_return": (EVERYBODY, NOBODY, NOBODY, NOBODY),
    "orders_shipment": (EVERYBODY, NOBODY, NOBODY, NOBODY),
}
SEE, ADD, DELETE, EXPORT = range(4)
COLUMN = {
    "changelist": SEE,
    "change": SEE,
    "history": SEE,
    "count": SEE,
    "views": SEE,
    "add": ADD,
    "delete": DELETE,
    "export": EXPORT,
}

#: What a list has beside these: it answers a form alone, or shows a job (which has tests of its own).
OF_LISTS = {"set", "job", "job_progress", "job_file"}

#: Pages that no list owns -> who may open them; None for addresses that need no role, or that answer a form alone.
OTHERS = {
    "brand_names": EVERYBODY,
    "product_category_names": EVERYBODY,
    "category_names": None,
    "product_list_on": None,
    "product_attributes": None,
    "list_many": may("catalogue.change_listing"),
    "set_category": may("catalogue.change_product"),
    "sku_inbox": EVERYBODY,
    "sku_problems": None,
    "stock_adjust": may("inventory.change_stockitem"),
    "stock_unusable": may("inventory.change_stockitem"),
    "delivery_new": may("inventory.change_stockitem"),
    "count_new": may("inventory.change_stockitem"),
    "transfer_new": may("inventory.change_stockitem"),
    "reorder": EVERYBODY,
    "stock_ageing": EVERYBODY,
    "exposure": EVERYBODY,
    "store_differences": EVERYBODY,
    "store_delete": OWNERS,
    "order_native": may("orders.view_nativeorder"),
    "ship_station": may("orders.ship_order"),
    "pack_scan": may("orders.ship_order"),
    "pack_order": None,
    "pack_act": None,
    "pick_waves": may("orders.ship_order"),
    "pick_wave": None,
    "pick_wave_act": None,
    "customers": EVERYBODY,
    "customer": None,
    "order_new": may("orders.enter_order"),
    "order_new_buyers": may("orders.enter_order"),
    "order_new_history": None,
    "order_new_skus": None,
    "order_new_totals": None,
    "auth_user_password_change": OWNERS,
    "account": EVERYBODY,
    "account_alerts": EVERYBODY,
    "reports": may("orders.view_reports"),
    "reports_export": may("orders.export_reports"),
    "low_stock": EVERYBODY,
    "stock_value": EVERYBODY,
    "personal_data": may("orders.erase_buyer"),
    "security": may("auth.change_group"),
    "system": may("auth.change_group"),
    "api_keys": may("api.view_apikey"),
    "api_key_revoke": None,
    "hooks": may("channels.change_connection"),
    "hook_new": may("channels.change_connection"),
    "hook": None,
    "carrier_accounts": may("channels.view_connection"),
    "carrier_names": may("orders.view_carriermap"),
    "carrier_account_new": None,
    "carrier_account": None,
    "carrier_account_state": None,
    "carrier_account_disconnect": None,
    "parcel_said": None,
    "label_buy": None,
    "label_prices": None,
    "label_file": None,
    "label_act": None,
    "label_job": None,
    "label_progress": None,
    "wms_list": may("channels.view_connection"),
    "wms_new": may("channels.change_connection"),
    "wms": None,
    "wms_state": None,
    "wms_disconnect": None,
    "picture": None,
    "search": None,
    "find": EVERYBODY,
    "find_results": EVERYBODY,
    "index": None,
    "login": None,
    "logout": None,
    "password_change": None,
    "password_change_done": None,
    "autocomplete": None,
    "jsi18n": None,
    "view_on_site": None,
    "app_list": None,
    "explain": None,
    "explain_price": None,
    "order_of": None,
    "order_why": None,
    "order_move": None,
    "order_correct": may("orders.work_order"),
    "order_warehouse": may("orders.work_order"),
    "rule_trial": EVERYBODY,
    "rule_act": may("orders.change_orderrule"),
    "order_return": may("orders.decide_return"),
    "return_scan": EVERYBODY,
    "return_without_order": may("orders.decide_return"),
    "order_act": None,
    "sku_kit": None,
    "sku_names": may("catalogue.change_variant"),
    "sku_merge": None,
    "sku_unmerge": None,
    "orders_job": None,
    "product_act": None,
    "print_order": None,
    "print_manifest": None,
    "print_job": None,
    "print_progress": None,
    "print_file": None,
    "credit_note": None,
    "document_file": None,
    "document_preview": None,
    **dict.fromkeys(
        (
            "imports_template",
            "imports_export",
            "imports_export_job",
            "imports_export_progress",
            "imports_export_file",
            "imports_progress",
            "imports_file",
            "imports_columns",
        )
    ),
}

#: Forms of Django's own on these lists -> who may save one.
FORMS = {
    "auth_user_change": OWNERS,
    "auth_group_change": OWNERS,
    "orders_carrier_change": may("orders.change_carrier"),
    "inventory_warehouse_change": OWNERS,
    "inventory_supplier_change": may("inventory.change_supplier"),
}

#: Pages that libraries bring, and that nobody has (F-30).
LIBRARIES = [
    *(f"django_q/{model}/" for model in ("schedule", "schedule/add", "success", "failure", "ormq")),
    *(f"axes/{model}/" for model in ("accessattempt", "accesslog", "accessfailurelog")),
    "otp_totp/totpdevice/",
    "otp_totp/totpdevice/add/",
    "otp_static/staticdevice/",
    "django_q/",
    "axes/",
    "otp_totp/",
    "otp_static/",
]


def who_may(name: str) -> frozenset[str] | None:
    """Who may open the address; None if a GET says nothing about that. Raises KeyError for one that no table has."""
    if name in READ:
        return READ[name]
    if name in OTHERS:
        return OTHERS[name]
    app, model, what = name.split("_", 2)
    return None if what in OF_LISTS else LISTS[f"{app}_{model}"][COLUMN[what]]


def walk(patterns: Sequence[Any], before: str = "") -> Iterator[tuple[str, str]]:
    """(route, name) of every address under admin/."""
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from walk(one.url_patterns, route)
        elif isinstance(one, URLPattern) and one.name:
            yield route, one.name


@pytest.fixture
def rows() -> dict[str, int]:
    """One row of each model that has an admin class: label -> id."""
    store = desk_data.shop()
    order = desk_data.ready(store)
    royal = desk_data.carrier()
    shipment = Shipment.objects.filter(order=order).latest("pk")
    manifest = Manifest.objects.create(carrier=royal, warehouse=Warehouse.objects.latest("pk"))
    brand = Brand.objects.create(name="Fern", key="fern")
    category = Category.objects.create(connection=store, external_id="1", name="Mugs", path="Mugs")
    own = ProductCategory.objects.create(name="Kitchen")
    message = OutboxMessage.objects.create(
        connection=store, kind="state", topic="stock", lane="stock", subject=99_999
    )
    rejected = RejectedRecord.objects.create(
        connection=store, stream="products", external_id="7", reason="no", native=b""
    )
    found = [order, royal, shipment, manifest, brand, category, own, message, rejected, store]
    found += [CallLog.objects.create(connection=store, method="GET", url="/x", status=200)]
    found += [SheetImport.objects.create(kind="stock", file_name="stock.csv", sha256="0")]
    found += [Return.objects.create(number="R1", order=order, reason="faulty")]
    found += stock_documents()
    found += [Parcel.objects.create(shipment=shipment)]
    found += [OrderRule.objects.create(name="Rule", actions=[{"kind": "tag", "value": "x"}])]
    found += [Job.objects.create(kind="channels.pull", title="A job", state=Job.State.DONE)]
    found += [
        m.objects.latest("pk") for m in (Product, Variant, Listing, StockItem, StockMovement, Warehouse)
    ]
    person = factories.user("somebody")
    group = Group.objects.create(name="Our own")
    return {one._meta.label_lower: one.pk for one in [*found, person, group]}


def every_row_addresses(rows: dict[str, int]) -> dict[str, str]:
    """The address of each page of the installation, of rows that exist."""
    return Rows(ids=rows, others={}).named()


@pytest.fixture
def addresses(rows: dict[str, int]) -> dict[str, str]:
    """The address of each page of the tables above, of rows that exist."""
    found = {}
    for route, name in walk(site.get_urls()):
        if name not in READ and who_may(name) is not None:
            of_order = ("order_native", "order_correct", "order_return", "order_warehouse")
            of_rule = ("rule_trial", "rule_act")
            label = (
                "orders.order"
                if name in of_order
                else "orders.orderrule"
                if name in of_rule
                else "channels.connection"
                if name in ("store_differences", "store_delete")
                else ".".join(name.split("_")[:2])
            )
            found[name] = reverse(f"admin:{name}", args=[rows[label]] if "<" in route else [])
    return found


def test_every_address_is_in_a_table():
    unknown = []
    for _route, name in walk(site.get_urls()):
        try:
            who_may(name)
        except (KeyError, ValueError):
            unknown.append(name)
    assert unknown == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_refused_exactly_what_the_table_says(client: Client, addresses, role):
    as_role(client, role)

    answers = {name: client.get(url).status_code for name, url in addresses.items()}

    assert {name for name, status in answers.items() if status == 403} == {
        name for name in answers if role not in (who_may(name) or ())
    }
    assert {status for status in answers.values() if status != 403} <= {200, 302}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_saves_no_form_of_django_that_the_table_refuses(client: Client, addresses, role):
    as_role(client, role)

    refused = {name for name in FORMS if client.post(addresses[name], {}).status_code == 403}

    assert refused == {name for name, who in FORMS.items() if role not in who}


#: Addresses outside admin/ -> why no role is asked: who calls them proves it in another way.
OUTSIDE = {
    "": "leads to Home",
    "healthz": "says only that the process answers",
    "readyz": "says only whether the installation works",
    "metrics": "a token, or a program on this machine",
    "first_run": "a token; there is no such page once somebody has an account",
    "set_language": "changes the language of the visitor",
    "admin_password_reset": "says the same to everybody",
    "admin_password_sent": "says the same to everybody",
    "admin_password_changed": "says the same to everybody",
    "admin_password_new": "a link from a mail",
    "original_picture": "an uploaded picture: stores read it by a name that cannot be guessed",
    "channels:webhook": "signed by the store",
    "channels:etsy:webhook": "signed by Etsy",
    "channels:bigcommerce:auth": "a code of BigCommerce",
    "channels:bigcommerce:load": "a token of BigCommerce",
    "channels:bigcommerce:uninstall": "a token of BigCommerce",
    "channels:bigcommerce:remove_user": "a token of BigCommerce",
}
#: Addresses outside admin/ that ask for a sign-in, and then for the right to connect stores.
INSIDE = {
    "channels:bigcommerce:open",
    "channels:bigcommerce:claim",
    "channels:bigcommerce:people",
    "channels:etsy:start",
    "channels:etsy:callback",
}


def test_every_address_outside_the_admin_is_known(rows):
    found = {name for route, name in every_address() if not route.startswith("admin/")}
    # Operations of the HTTP API need a key: tests/api/test_frame.py calls each without one.
    found = {name for name in found if not name.startswith(("api:", "wms:"))}

    assert found == {*OUTSIDE, *INSIDE}


@pytest.mark.parametrize("role", [None, *ROLES])
def test_addresses_outside_the_admin_give_nothing_to_a_role_without_the_right(client: Client, rows, role):
    if role is not None:
        as_role(client, role)
    named = every_row_addresses(rows)

    answers = {name: client.get(named[name]) for name in INSIDE}

    for name, answer in answers.items():
        if role in OWNERS:
            continue
        refused = answer.status_code in (400, 403, 404, 405)
        sent_away = answer.status_code == 302 and answer["Location"].startswith("/admin/")
        assert refused or sent_away, (name, answer.status_code)


def test_pages_of_libraries_do_not_exist(client: Client, django_user_model):
    people = {role: as_role(Client(), role) for role in ROLES}
    client.force_login(django_user_model.objects.create_superuser("boss"))
    people["superuser"] = client

    answers = {
        (who, page): one.get(f"/admin/{page}").status_code
        for who, one in people.items()
        for page in LIBRARIES
    }

    assert set(answers.values()) == {404}
    assert {model._meta.app_label for model in site._registry} == {
        "auth",
        "imports",
        "kit",
        "channels",
        "catalogue",
        "inventory",
        "orders",
    }
