"""The frame: landmarks, menu, icons, long lists, error pages, and no script in the page."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.admin.sites import site
from django.contrib.auth.models import Group
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalogue.models import Brand
from oms.kit.admin.base import ModelAdmin
from oms.kit.admin.paging import CappedCount, CappedPaginator, capped_count
from tests import factories
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
    assert groups["Integrations"] == ["Ecommerce Sales Channels", "Jobs", "Failed messages"]
    assert list(groups) == ["", "Orders", "Catalogue", "Inventory", "Integrations", "Settings"]
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
