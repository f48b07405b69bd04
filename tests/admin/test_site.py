"""The frame: landmarks, menu, icons, long lists, error pages, and no script in the page."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.admin.sites import site
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalogue.models import Brand, Category
from oms.accounts.roles import ROLES
from oms.admin.site import ManifoldAdminSite
from oms.kit.admin.base import ModelAdmin
from oms.kit.admin.paging import CappedCount, CappedPaginator, capped_count
from oms.kit.models import Problem
from tests import factories
from tests.admin import desk_data
from tests.admin.pages import pages

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def body(response) -> str:
    return response.content.decode()


PAGES_WITHOUT_ID = [name for route, name in pages() if "<" not in route]


@pytest.mark.parametrize("name", ["index", *PAGES_WITHOUT_ID])
def test_every_page_has_landmarks_one_heading_and_no_script(owner, name):
    text = body(owner.get(reverse(f"admin:{name}")))

    assert text.count("<main ") == 1
    assert text.count("<h1") == 1
    assert 'href="#main"' in text
    assert '<nav class="oms-menu"' in text
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"\son(click|load|change|submit)=", text) == []
    assert re.findall(r'<span(?![^>]*aria-hidden)[^>]*class="material-symbols-outlined', text) == []


def test_icons_of_the_themes_own_pages_are_not_read_aloud(owner):
    text = body(owner.get(reverse("admin:auth_user_changelist")))

    assert "material-symbols-outlined" in text
    assert re.findall(r'<span(?![^>]*aria-hidden)[^>]*class="material-symbols-outlined', text) == []
    assert '<label class="oms-sr" for="searchbar">' in text


def test_no_page_asks_for_anything_from_another_host(owner):
    text = body(owner.get(reverse("admin:index")))

    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]+"', text) == []


def test_the_menu_names_what_exists_and_where_we_are(owner):
    response = owner.get(reverse("admin:stores"))

    groups = {
        str(group["title"]): [str(e["title"]) for e in group["entries"]] for group in response.context["menu"]
    }
    assert groups["Integrations"] == [
        "Ecommerce Sales Channels",
        "Carrier accounts",
        "Warehouse systems",
        "Outgoing webhooks",
        "Jobs",
        "Failed messages",
        "Rejected records",
    ]
    assert list(groups) == ["", "Orders", "Catalogue", "Inventory", "Reports", "Integrations", "Settings"]
    for group in response.context["menu"]:
        for entry in group["entries"]:
            assert owner.get(entry["url"]).status_code == 200, entry["title"]
    current = [e["title"] for g in response.context["menu"] for e in g["entries"] if e["is_current"]]
    assert [str(title) for title in current] == ["Ecommerce Sales Channels"]


def test_every_list_searches_by_index_and_deletes_only_where_it_says_so():
    for model, model_admin in site._registry.items():
        if not isinstance(model_admin, ModelAdmin):
            continue
        for field in model_admin.search_fields:
            assert field[0] in "=^", f"{model.__name__} searches {field} by reading every row"
        if model.__name__ in {
            "Order",
            "Variant",
            "Product",
            "StockItem",
            "StockMovement",
            "Warehouse",
            "Connection",
        }:
            assert not model_admin.may_delete, f"money or stock hangs on {model.__name__}"


def test_counting_stops(django_assert_num_queries):
    Brand.objects.bulk_create([Brand(name=f"b{i}", key=f"b{i}") for i in range(30)])

    with django_assert_num_queries(1):
        few = capped_count(Brand.objects.all(), cap=20)

    assert (int(few), str(few), few.is_capped) == (20, "20+", True)
    assert str(capped_count(Brand.objects.all(), cap=30)) == "30"
    assert str(CappedCount(12_345)) == "10,000+"
    assert render_to_string(
        "unfold/helpers/pagination_default.html", {"cl": {"result_count": CappedCount(12_345)}}
    ).count("10,000+")
    assert CappedPaginator(Brand.objects.order_by("pk"), 7).num_pages == 5


def test_a_page_beyond_the_end_leads_to_the_last_one(owner):
    Group.objects.bulk_create([Group(name=f"b{i:03}") for i in range(120)])

    response = owner.get("/admin/auth/group/?p=999&q=b")

    assert response.status_code == 302
    assert response.url == "/admin/auth/group/?p=3&q=b"


def test_a_list_counts_its_rows_once(owner):
    Group.objects.bulk_create([Group(name=f"b{i:03}") for i in range(60)])

    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert owner.get("/admin/auth/group/").status_code == 200

    counts = [q["sql"] for q in queries if "COUNT(" in q["sql"] and "auth_group" in q["sql"]]
    assert len(counts) == 1
    assert "LIMIT 10001" in counts[0]


@pytest.mark.parametrize(
    "name", ["orders_order", "catalogue_product", "inventory_stockitem", "channels_outboxmessage", "kit_job"]
)
def test_a_list_takes_eight_statements_at_most_for_a_person_with_a_role(client, name):
    store = desk_data.shop()
    for number in range(3):
        desk_data.order(store, buyer=number)
    person = factories.user("desk")
    person.groups.set(Group.objects.filter(name__in=["Order desk", "Warehouse"]))
    client.force_login(person)
    url = reverse(f"admin:{name}_changelist")
    client.get(url)

    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200

    statements = [query["sql"] for query in queries]
    assert len(statements) <= 8, "\n".join(sql[:150] for sql in statements)
    assert len([sql for sql in statements if "auth_permission" in sql]) == 1


def test_a_person_may_what_roles_and_own_permissions_allow_read_once(django_assert_num_queries):
    person = factories.user("both")
    person.groups.set(Group.objects.filter(name__in=["Warehouse", "Read-only"]))
    person.user_permissions.set(Permission.objects.filter(codename="export_order"))
    gone = factories.user("gone", is_active=False)
    gone.groups.set(Group.objects.filter(name="Owner"))

    with django_assert_num_queries(1):
        allowed = person.get_all_permissions()
        assert person.has_perm("orders.export_order")
        assert person.has_perm("channels.view_connection")
        assert not person.has_perm("orders.work_order")

    assert allowed == {*ROLES["Warehouse"], *ROLES["Read-only"], "orders.export_order"}
    assert gone.get_all_permissions() == set()
    assert not gone.has_perm("orders.view_order")
    assert not person.has_perm("orders.view_order", obj=person)


def test_a_count_of_the_menu_is_read_once_in_ten_seconds(owner):
    owner.get(reverse("admin:index"))
    Problem.objects.create(code="duplicate_sku", subject_kind="listing", subject_id=1, message="x")

    with CaptureQueriesContext(connection) as queries:
        owner.get(reverse("admin:stores"))
    assert [q["sql"] for q in queries if "kit_problem" in q["sql"] and "duplicate_sku" in q["sql"]] == []

    cache.clear()
    menu = owner.get(reverse("admin:stores")).context["menu"]
    assert {str(e["title"]): e["count"] for group in menu for e in group["entries"] if e["count"]} == {
        "SKU inbox": 1
    }


def test_what_is_not_found_is_said_inside_the_frame(client, settings):
    settings.DEBUG = False
    client.force_login(factories.user("nobody", is_superuser=True))

    order = client.get("/admin/orders/order/999999/")
    page = client.get(
        "/admin/nothing/like/this/", headers={"referer": "http://testserver/admin/orders/order/?tab=new"}
    )

    assert (order.status_code, page.status_code) == (404, 404)
    assert '<nav class="oms-menu"' in body(order)
    assert "Page not found" in body(page)
    assert 'href="/admin/orders/order/?tab=new"' in body(page)
    assert "Check the address, or use the menu." in body(page)


def test_a_page_that_a_person_came_from_elsewhere_is_no_way_back(client, settings):
    settings.DEBUG = False
    client.force_login(factories.user("nobody"))

    page = client.get("/admin/nothing/", headers={"referer": "https://evil.example/admin/"})

    assert "evil.example" not in body(page)


def test_a_row_that_does_not_exist_is_named(client, settings):
    settings.DEBUG = False
    client.force_login(factories.user("nobody", is_superuser=True))

    assert "Order 999999 was not found." in body(client.get("/admin/orders/order/999999/"))
    assert "Store 999999 was not found." in body(client.get(reverse("admin:store", args=[999999])))
    assert "Manifest 999999 was not found." in body(client.get("/admin/orders/manifest/999999/"))


def test_the_history_of_a_user_is_in_our_words(owner):
    somebody = factories.user("anna")
    url = reverse("admin:auth_user_history", args=[somebody.pk])
    assert "No changes." in body(owner.get(url))

    owner.post(
        reverse("admin:auth_user_change", args=[somebody.pk]),
        {"username": "anna", "first_name": "Anna", "is_active": "on"},
    )

    assert "First name: – → Anna" in body(owner.get(url))
    assert "No changes." not in body(owner.get(url))


def test_the_form_of_a_user_shows_no_hash_of_the_password(owner):
    somebody = factories.user("anna")
    somebody.set_password("correct horse battery")
    somebody.save()

    text = body(owner.get(reverse("admin:auth_user_change", args=[somebody.pk])))

    assert reverse("admin:auth_user_password_change", args=[somebody.pk]) in text
    assert "argon2" not in text
    assert "algorithm" not in text
    assert "usable_password" not in body(owner.get(reverse("admin:auth_user_add")))


def test_only_admin_classes_of_our_own_are_taken():
    raw = ManifoldAdminSite(name="raw")

    raw.register(Brand, admin.ModelAdmin)
    raw.register(Group)
    raw.register(Category, ModelAdmin)

    assert list(raw._registry) == [Category]


def test_what_is_missing_is_said_in_plain_words(client, django_user_model, settings):
    settings.DEBUG = False
    factories.user("nobody")
    client.force_login(django_user_model.objects.get(username="nobody"))

    missing = client.get("/admin-of-nothing/")
    refused = client.get(reverse("admin:stores"))

    assert (missing.status_code, "Page not found" in body(missing)) == (404, True)
    assert (refused.status_code, "Your role does not allow this." in body(refused)) == (403, True)


def test_the_sign_in_page_has_a_main_and_says_what_it_is(client):
    text = body(client.get(reverse("admin:login")))

    assert "Manifold OMS" in text
    assert "<main" in text


def test_people_and_roles_are_under_our_own_site():
    assert admin.site.__class__.__name__ == "ManifoldAdminSite"
