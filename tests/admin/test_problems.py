"""The SKU inbox: one page for what waits for a decision about a SKU; one decision for all orders that wait (R-PLUS-12)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalogue.models import Listing, ListingVariant, ProductImage, SkuAlias, SkuDecision, Variant
from catalogue.services.sku_inbox import decisions, rows, suggestions
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import AuditEntry, Problem
from orders.models import Order, OrderLine
from tests import factories
from tests.admin import desk_data
from tests.catalogue.records import pull, record, variant_record

pytestmark = pytest.mark.django_db
INBOX = "/admin/catalogue/sku-inbox/"


@pytest.fixture
def store():
    return desk_data.shop()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def shown(owner: Client, query: str = ""):
    return owner.get(INBOX + query).context["lines"]


def said(response) -> list[str]:
    return [str(one) for one in response.context["messages"]]


def offered(line) -> list[tuple[str, str]]:
    return [(one.suggestion.variant.sku, one.suggestion.why) for one in line.offers]


@pytest.mark.req("R-ORD-07", "R-CAT-04", "R-PLUS-12")
def test_accepting_a_suggestion_lets_all_waiting_orders_go_on_at_once(owner, store):
    waiting = [desk_data.order(store, desk_data.line("tee m", 1, title="Tee")) for _ in range(2)]
    desk_data.order(store, desk_data.line("TEA-OLD", 1, title="Loose leaf tea, 250 g"))
    lines = shown(owner)
    assert [(one.row.sku, one.row.orders) for one in lines] == [("tee m", 2), ("TEA-OLD", 1)]
    assert offered(lines[0]) == [("TEE-M", "same but for case, spaces and signs")]
    assert offered(lines[1])[0] == ("TEA-250", "same title")

    first = lines[0].offers[0].suggestion.variant
    page = owner.post(INBOX, {"accept": f"{lines[0].row.name}|{first.pk}"}, follow=True)

    assert said(page) == ["“tee m” of UK Shop was mapped to TEE-M. 2 orders continue."]
    assert SkuAlias.objects.get().connection == store
    now = Order.objects.filter(pk__in=[one.pk for one in waiting])
    assert set(now.values_list("problems_open", "status")) == {(0, "new")}
    assert [one.row.sku for one in page.context["lines"]] == ["TEA-OLD"]


@pytest.mark.req("R-PLUS-12")
def test_undo_makes_the_sku_unknown_again_and_frees_its_stock(owner, store):
    order = desk_data.order(store, desk_data.line("TEE-OLD", 2, title="Tee"))
    row = shown(owner)[0].row
    owner.post(INBOX, {"map": row.name, f"sku-{row.name}": "tee-m"})
    assert OrderLine.objects.get(order=order).allocated == 2
    done = SkuDecision.objects.get()
    assert owner.get(INBOX).context["last"] == done

    page = owner.post(INBOX, {"undo": done.batch}, follow=True)

    line = OrderLine.objects.get(order=order)
    assert said(page) == ["1 decision is undone."]
    assert (line.variant, line.allocated) == (None, 0)
    assert Problem.objects.open().get(subject_kind="order", subject_id=order.pk).code == "unknown_sku"
    assert SkuAlias.objects.count() == 0
    assert [one.row.sku for one in page.context["lines"]] == ["TEE-OLD"]
    assert said(owner.post(INBOX, {"undo": done.batch}, follow=True)) == []
    assert Variant.objects.get(sku="TEE-M").stock_items.get().allocated == 0


@pytest.mark.req("R-PLUS-12")
def test_undo_leaves_an_order_that_is_packed(owner, store):
    ready = desk_data.order(store, desk_data.line("TEE-OLD", 1, title="Tee"))
    row = shown(owner)[0].row
    owner.post(INBOX, {"map": row.name, f"sku-{row.name}": "TEE-M"})
    Order.objects.filter(pk=ready.pk).update(status="packed")

    decisions.undo(SkuDecision.objects.get().batch, by=SYSTEM)

    assert OrderLine.objects.get(order=ready, variant__sku="TEE-M").variant_id


@pytest.mark.req("R-PLUS-12")
def test_many_rows_are_accepted_and_one_that_is_resolved_already_is_named(owner, store):
    for sku, title in (("TEA 250", "Tea"), ("tee_m", "Tee"), ("ZZ-1", "Nothing like it")):
        desk_data.order(store, desk_data.line(sku, 1, title=title))
    lines = {one.row.sku: one for one in shown(owner)}
    form = {"do": "accept", "row": [one.row.name for one in lines.values()]}
    form |= {
        f"first-{one.row.name}": one.offers[0].suggestion.variant.pk for one in lines.values() if one.offers
    }

    page = owner.post(INBOX, form, follow=True)

    assert said(page) == [
        "1 row has no suggestion that can be accepted here.",
        "2 rows are resolved. 2 orders continue.",
    ]
    assert len(set(SkuDecision.objects.values_list("batch", flat=True))) == 1
    again = owner.post(INBOX, form, follow=True)
    assert said(again)[:2] == ["This row is already resolved.", "This row is already resolved."]
    assert SkuDecision.objects.count() == 2


def test_a_sku_that_is_not_here_is_refused_and_what_was_typed_stays(owner, store):
    desk_data.order(store, desk_data.line("WHO"))
    row = shown(owner)[0].row

    page = owner.post(INBOX, {"map": row.name, f"sku-{row.name}": "NOPE"})

    assert said(page) == ["No product has the SKU “NOPE”. Create the product first, or enter another SKU."]
    assert page.context["lines"][0].typed == "NOPE"
    assert SkuAlias.objects.count() == 0


def test_nothing_ticked_is_a_sentence(owner, store):
    desk_data.order(store, desk_data.line("WHO"))
    assert said(owner.post(INBOX, {"do": "accept"})) == ["Select at least one row."]


@pytest.mark.req("R-PLUS-12")
def test_a_product_is_made_from_an_order_and_the_order_goes_on(owner, store):
    order = desk_data.order(store, desk_data.line("LAMP-1", 1, title="Desk lamp"))

    page = owner.post(INBOX, {"create": shown(owner)[0].row.name}, follow=True)

    made = Variant.objects.get(sku="LAMP-1")
    assert said(page) == ["The product LAMP-1 was created. Enter its stock. 1 order continues."]
    assert (made.product.title, OrderLine.objects.get(order=order).variant) == ("Desk lamp", made)
    assert SkuAlias.objects.count() == 0
    assert page.context["last"] is None, "a product is not removed by undo"


@pytest.mark.req("R-PLUS-12", "R-CAT-02")
def test_duplicates_and_products_without_a_sku_show_what_they_are_and_get_a_free_sku(owner):
    store = factories.store("UK Shop", maps={"leeds": 1})
    other = factories.product("LAMP-9", title="Desk lamp, brass", barcode="5012345678900")
    ProductImage.objects.create(product=other, url="https://img.example/lamp.png")
    twin = variant_record("11", "MUG", barcode="5012345678900")
    pull(
        store,
        record("10", "MUG", title="Mug"),
        record("11", title="Lamp", variants=(twin,), image_urls=("https://img.example/l.png",)),
        record("12", "", title="Vase"),
    )

    lines = {one.row.kind: one for one in shown(owner)}

    assert set(lines) == {"duplicate_sku", "missing_sku"}
    duplicate = lines["duplicate_sku"]
    assert (duplicate.row.listings, duplicate.proposed, lines["missing_sku"].proposed) == (1, "MUG-2", "12")
    assert offered(duplicate) == [("LAMP-9", "same barcode")], "MUG is listed in this store already"
    assert duplicate.row.image == "https://img.example/l.png"

    name = lines["missing_sku"].row.name
    owner.post(INBOX, {"create": name, f"new-{name}": "VASE-1"})
    owner.post(INBOX, {"accept": f"{duplicate.row.name}|{other.variants.get().pk}"})

    listed = dict(ListingVariant.objects.values_list("external_id", "variant__sku"))
    assert listed == {"10": "MUG", "11": "LAMP-9", "12": "VASE-1"}
    assert shown(owner) == []


@pytest.mark.req("R-PLUS-12")
def test_a_dismissed_row_stays_away_until_that_is_undone(owner):
    store = factories.store("UK Shop", maps={"leeds": 1})
    pull(store, record("12", "", title="Vase"))
    page = owner.post(INBOX, {"do": "dismiss", "row": shown(owner)[0].row.name}, follow=True)
    assert said(page) == ["“Vase” of UK Shop was dismissed."]
    entry = AuditEntry.objects.get(action="sku.dismissed")
    assert (entry.author_name, entry.connection_id) == ("owner", store.pk)

    pull(store, record("12", "", title="Vase"))
    assert shown(owner) == []
    done = owner.get(f"{INBOX}?code=done").context["decided"]
    assert [(one.title, one.action) for one in done] == [("Vase", "dismissed")]

    owner.post(INBOX, {"undo": done[0].batch})
    assert [one.row.title for one in shown(owner)] == ["Vase"]


@pytest.mark.req("R-PLUS-12")
def test_several_products_that_fit_are_the_suggestions_of_the_order(owner, store):
    mug = factories.variant("MUG-RED").listing_variants.get()
    line = desk_data.line("TEA-250", 1, title="Mug", variant_external_id=mug.external_id)
    order = desk_data.order(store, line)
    found = shown(owner, "?code=which_sku")
    assert sorted(one.suggestion.variant.sku for one in found[0].offers) == ["MUG-RED", "TEA-250"]
    assert shown(owner, "?code=unknown_sku") == []

    owner.post(INBOX, {"accept": f"{found[0].row.name}|{mug.variant_id}"})

    assert OrderLine.objects.get(order=order).variant_id == mug.variant_id
    assert SkuAlias.objects.count() == 0, "a choice for one order is no rule for the next"


@pytest.mark.req("R-PLUS-12")
def test_a_product_that_was_created_again_under_another_sku_is_shown_for_a_merge(owner):
    store = factories.store("UK Shop", maps={"leeds": 1})
    old = factories.listed(factories.variant("LAMP-OLD", title="Desk lamp"), store, external_id="7")
    Listing.objects.filter(pk=old.listing_id).update(state="removed")
    factories.listed(factories.product("LAMP-NEW", title="Desk lamp").variants.get(), store, external_id="8")
    factories.listed(factories.product("CUP", title="Cup").variants.get(), store)

    lines = shown(owner)

    assert [(one.row.kind, one.row.sku, offered(one)) for one in lines] == [
        ("recreated", "LAMP-NEW", [("LAMP-OLD", "same title")])
    ]
    assert lines[0].offers[0].merge_url.endswith("/merge/?into=LAMP-OLD")
    assert owner.get(lines[0].offers[0].merge_url).status_code == 200
    refused = decisions.accept({lines[0].row.name: old.variant_id}, by=SYSTEM)
    assert refused.refused == ["Merge LAMP-NEW on its own page: it shows what moves."]


@pytest.mark.req("R-PLUS-12")
def test_suggestions_of_a_page_cost_a_constant_number_of_statements(store):
    for number in range(12):
        desk_data.order(store, desk_data.line(f"UNKNOWN-{number}", 1, title=f"Enamel mugs, 35{number} ml"))
    found, _more = rows.rows_of("unknown_sku")

    with CaptureQueriesContext(connection) as few:
        one = suggestions.suggest(found[:2])
    with CaptureQueriesContext(connection) as many:
        suggestions.suggest(found)

    assert (len(few), len(many)) == (2, 2)
    assert {each.why[:6] for each in one[found[0].name]} == {"title "}


def test_the_former_address_leads_to_the_inbox_with_its_filters(owner, store):
    page = owner.get("/admin/catalogue/sku-problems/?code=duplicate_sku&store=1")
    assert (page.status_code, page["Location"]) == (302, f"{INBOX}?code=duplicate_sku&store=1")


def test_filters_and_counts_are_those_of_the_rows(owner, store):
    desk_data.order(store, desk_data.line("WHO-1", title="Lamp"))
    desk_data.order(store, desk_data.line("WHO-2", title="Vase"))
    page = owner.get(f"{INBOX}?q=vase")
    assert [one.row.sku for one in page.context["lines"]] == ["WHO-2"]
    assert [tab["count"] for tab in page.context["tabs"][:2]] == ["1", "1"]
    elsewhere = owner.get(f"{INBOX}?store={factories.store('Other').pk}")
    assert "Nothing to resolve." in elsewhere.content.decode()


def test_an_empty_inbox_says_so(owner, store):
    assert "Nothing to resolve." in owner.get(INBOX).content.decode()


def test_a_person_who_may_only_look_changes_nothing(client, store):
    desk_data.order(store, desk_data.line("WHO-1", title="Lamp"))
    reader = factories.user("reader")
    reader.user_permissions.add(Permission.objects.get(codename="view_product"))
    client.force_login(reader)
    page = client.get(INBOX)
    assert 'name="accept"' not in page.content.decode()
    assert client.post(INBOX, {"do": "dismiss", "row": "unknown_sku:1"}).status_code == 403
    assert SkuDecision.objects.count() == 0
