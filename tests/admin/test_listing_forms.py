"""A product is listed from its page on every channel: form, checks, preview, publishing, refusals (R-CAT-08)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from catalogue.inbound.reference_data import brands_by_name
from catalogue.models import (
    Attribute,
    Listing,
    ListingDefaults,
    Product,
)
from catalogue.push.listing_drafts import draft_of
from catalogue.services.listing import checks, drafts
from catalogue.services.listing.drafts import ListingForm
from channels.contract.records.pages import PullQuery
from channels.models import Connection, OutboxMessage
from channels.pull import runner
from channels.push.topics import Topic
from oms.kit.models import AuditEntry
from tests import factories
from tests.admin.listing_data import (
    CHANNELS,
    ENTERED,
    address,
    connected,
    pot,
    said,
    saved,
    send,
    writes_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-CAT-08")]


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_the_preview_shows_is_what_is_sent_and_the_listing_is_made_once(owner, serve, channel):
    running = serve(channel)
    store = connected(running, channel)
    product = pot(store.currency)
    writes = writes_of(running)
    listing = saved(owner, product, store)
    assert writes == []
    assert not OutboxMessage.objects.filter(topic=Topic.LISTING_CREATE).exists()
    assert (listing.state, listing.own_attributes) == ("draft", listing.own_attributes | ENTERED[channel][1])

    page = owner.get(f"/admin/catalogue/listing/{listing.pk}/?preview=1")
    assert page.context["problems"] == []
    planned = page.context["planned"]
    assert planned, said(page)
    assert "What will be sent" in said(page)
    assert writes == []

    owner.post(f"/admin/catalogue/listing/{listing.pk}/", {"do": "publish"})
    owner.post(f"/admin/catalogue/listing/{listing.pk}/", {"do": "publish"})  # sent twice
    for _step in range(4):
        send(store)
        if channel == "onbuy":
            running.sandbox.settle()
            running.sandbox.configure(queue_seconds=0, listing_seconds=0)
    listing.refresh_from_db()
    assert listing.external_id
    assert listing.state in ("active", "inactive")  # Etsy creates a draft
    first = planned[0][0]
    made = [body for method, target, body in writes if method == "POST"]
    if channel == "etsy":
        sent_form = {name: str(value) for name, value in first.body.items()}
        assert made[0] == {name: value for name, value in sent_form.items() if value}
    else:
        sent = {name: value for name, value in made[0].items() if name != "site_id"}
        assert sent == json.loads(json.dumps(first.body, default=str))
    creating = [
        target
        for method, target, _body in writes
        if (method == "POST" and target.partition("?")[0].rstrip("/").endswith(("products", "listings")))
        or "product_create" in target
    ]
    assert len(creating) == 1
    assert Listing.objects.count() == 1
    assert AuditEntry.objects.filter(action="listing.listed", subject_id=listing.pk).exists()


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_group_whose_answer_was_lost_is_resumed_and_made_once(owner, serve, channel):
    running = serve(channel)
    store = connected(running, channel)
    product = factories.product("CUP-S", "CUP-L", title="Cup for tea", price=9, currency=store.currency)
    brand = brands_by_name(["Kiln Street"])["kiln street"]
    Product.objects.filter(pk=product.pk).update(description="<p>x</p>", brand=brand)
    for variant, size in zip(product.variants.all(), ("Small", "Large"), strict=True):
        variant.options = {"Size": size}
        variant.save()
    listing = saved(owner, Product.objects.get(pk=product.pk), store)
    owner.post(f"/admin/catalogue/listing/{listing.pk}/", {"do": "publish"})
    match = {"opencart": "product_create", "etsy": "/listings"}.get(channel, "/products")
    running.sandbox.inject("no_answer", match=match, method="POST")
    message = send(store)
    assert message.sent == 0
    for _step in range(4):
        send(store)
        if channel == "onbuy":
            running.sandbox.settle()
            running.sandbox.configure(queue_seconds=0, listing_seconds=0)
    listing.refresh_from_db()
    assert listing.external_id
    assert (listing.state, listing.refusal) != ("draft", "")
    assert all(listing.variants.values_list("external_id", flat=True))
    rows = [
        record
        for record in every_product(store)
        if {variant.sku for variant in record.variants} & {"CUP-S", "CUP-L"}
    ]
    assert len(rows) == (2 if channel == "onbuy" and len(rows[0].variants) == 1 else 1)


def every_product(store: Connection) -> list[Any]:
    """All products of the store, as an import reads them."""
    adapter, page = runner.adapter_of(store), None
    found: list[Any] = []
    while True:
        answer = adapter.pull_products(PullQuery(), page)
        found += answer.records
        page = answer.next_page
        if page is None:
            return found


@pytest.mark.parametrize("channel", CHANNELS)
def test_each_problem_names_its_field_and_nothing_is_sent(owner, serve, channel):
    running = serve(channel)
    store = connected(running, channel)
    product = pot(store.currency)
    most = store.spec.listing_rules.title_length
    Product.objects.filter(pk=product.pk).update(title="x" * 300, brand=None, description="")
    product.variants.update(price=None)
    listing = drafts.save_draft(product, store, ListingForm())
    page = owner.get(f"/admin/catalogue/listing/{listing.pk}/")
    found = {problem.label for problem in page.context["problems"]}
    expected = {
        "bigcommerce": {"Title", "Price"},
        "opencart": {"Title", "Price"},
        "onbuy": {"Title", "Price", "Brand", "Description", "Category"},
        "etsy": {"Title", "Price", "Category", "shipping_profile_id", "readiness_state_id"},
    }[channel]
    assert found == expected
    assert str(most) in said(page)
    assert all(problem.url for problem in page.context["problems"])

    answer = owner.post(f"/admin/catalogue/listing/{listing.pk}/", {"do": "publish"}, follow=True)
    assert "Title: " in said(answer)
    assert not OutboxMessage.objects.filter(topic=Topic.LISTING_CREATE).exists()


def test_the_form_has_the_categorys_attributes_with_allowed_values_and_begins_with_the_products(owner, serve):
    running = serve("onbuy")
    running.sandbox.market.features["2102"]["rows"][0]["required"] = True
    store = connected(running, "onbuy")
    product = pot("GBP", colour="moss", Material="Steel")
    shown = owner.post(address(product, store), {"category": "Tea & Coffee", "of_category": ""})
    form = shown.context["form"]
    colour = form.fields[form.field_of("attribute:Colour")]
    assert (colour.label, colour.widget.choices) == (
        "Colour *",
        [("", "–"), ("Cream", "Cream"), ("Moss", "Moss"), ("Oak", "Oak")],
    )
    assert form.initial[form.field_of("attribute:Colour")] == "Moss"
    assert form.initial["category"] == "Home & Garden > Tea & Coffee [2102]"
    listing = drafts.save_draft(product, store, ListingForm(["2102"], attributes={"Colour": "Moss"}))
    assert checks.problems_of(listing) == []
    assert listing.own_attributes == {"Colour": "Moss"}

    Product.objects.filter(pk=product.pk).update(attributes={})
    drafts.save_draft(Product.objects.get(pk=product.pk), store, ListingForm(["2102"]))
    listing = Listing.objects.select_related("connection", "product").get()
    [problem] = checks.problems_of(listing)
    assert (problem.field, problem.message) == (
        "attribute:Colour",
        "OnBuy needs a value for Colour in this category.",
    )
    listing.own_attributes = {"Colour": "Puce"}
    listing.save()
    [problem] = checks.problems_of(listing)
    assert problem.message == "“Puce” is not allowed for Colour. Allowed: Cream, Moss, Oak"


def test_a_refusal_is_shown_with_its_field_and_mended(owner, serve):
    running = serve("onbuy")
    store = connected(running, "onbuy")
    product = pot("GBP")
    listing = saved(owner, product, store)
    running.sandbox.market.features["2102"]["rows"][1]["required"] = (
        True  # since the attributes were imported
    )
    owner.post(f"/admin/catalogue/listing/{listing.pk}/", {"do": "publish"})
    message = send(store)
    assert message.parked_at is not None
    listing.refresh_from_db()
    assert (listing.state, listing.refusal_field) == ("draft", "category_external_ids")
    page = said(owner.get(f"/admin/catalogue/listing/{listing.pk}/"))
    assert "Refused by Onbuy: Category" in page
    assert "Feature Material is required for this category" in page
    assert address(product, store) in page
    assert "Feature Material is required" in said(owner.get(f"/admin/catalogue/product/{product.pk}/"))
    listed = owner.get("/admin/catalogue/listing/?tab=refused")
    assert "Feature Material is required" in said(listed)

    drafts.save_draft(
        product, store, ListingForm(["2102"], attributes={"Colour": "Moss", "Material": "Steel"})
    )
    owner.post(f"/admin/catalogue/listing/{listing.pk}/", {"do": "publish"})
    message = send(store)
    assert message.step.startswith("queue:")
    listing.refresh_from_db()
    assert (listing.state, listing.refusal, listing.refusal_field) == ("pending", "", "")
    assert len(running.sandbox.market.queues) == 1


def test_values_are_remembered_for_the_category_without_those_of_the_product(owner, serve):
    running = serve("onbuy")
    store = connected(running, "onbuy")
    saved(owner, pot("GBP", Material="Steel"), store, remembers="on")
    defaults = ListingDefaults.objects.get(connection=store)
    assert (defaults.category_external_id, defaults.attributes) == ("2102", {"Colour": "Moss"})
    other = factories.product("POT-2", title="Iron teapot")
    shown = owner.post(address(other, store), {"category": "2102", "of_category": ""})
    form = shown.context["form"]
    assert form.initial[form.field_of("attribute:Colour")] == "Moss"
    assert form.initial[form.field_of("attribute:Material")] == ""


def test_a_listing_on_the_store_is_changed_and_only_the_changed_fields_are_sent(owner, serve):
    running = serve("onbuy")
    store = connected(running, "onbuy")
    product = pot("GBP")
    listing = saved(owner, product, store)
    drafts.publish(listing)
    for _step in range(3):
        send(store)
        running.sandbox.settle()
        running.sandbox.configure(queue_seconds=0, listing_seconds=0)
    listing.refresh_from_db()
    assert listing.state == "active"
    shown = owner.get(address(product, store))
    assert "Save and send" in said(shown)
    form = shown.context["form"]
    data = {name: form.initial.get(name, "") or "" for name in form.fields}
    data |= {"of_category": "2102", form.field_of("attribute:Colour"): "Oak", "title": "Teapot of clay"}
    owner.post(address(product, store), data)
    listing.refresh_from_db()
    assert listing.changed_fields == ["attributes", "title"]
    writes = writes_of(running)
    send(store, Topic.LISTING_UPDATE)
    [(method, _target, body)] = writes
    [row] = body["products"]
    assert (method, row["product_name"]) == ("PUT", "Teapot of clay")
    assert row["features"] == [{"option_id": 18137156, "name": "Oak"}]
    assert "description" not in row


def test_a_role_without_listings_changes_none(client):
    store = factories.store("Shop")
    product = factories.product("A")
    listing = drafts.save_draft(product, store, ListingForm())
    reader = factories.user("reader")
    reader.user_permissions.add(*_permissions("view_listing", "view_product"))
    client.force_login(reader)
    assert client.get(address(product, store)).status_code == 403
    assert client.post(address(product, store), {"category": ""}).status_code == 403
    page = client.get(f"/admin/catalogue/listing/{listing.pk}/")
    assert page.status_code == 200
    assert "Your role does not allow this." in said(page)
    assert client.post(f"/admin/catalogue/listing/{listing.pk}/", {"do": "publish"}).status_code == 403
    assert client.post("/admin/catalogue/list-on-store/", {"ids": "1"}).status_code == 403
    assert not OutboxMessage.objects.exists()


def _permissions(*names: str) -> Any:
    from django.contrib.auth.models import Permission

    return Permission.objects.filter(codename__in=names)


def test_attributes_of_one_category_do_not_reach_a_listing_in_another(owner):
    store = factories.store("Shop", channel="onbuy")
    for external_id, name in (("1:5", "Colour"), ("2:6", "Size")):
        Attribute.objects.create(connection=store, external_id=external_id, name=name)
    product = factories.product("A")
    Product.objects.filter(pk=product.pk).update(attributes={"Colour": "Red", "Size": "M"})
    listing = drafts.save_draft(Product.objects.get(pk=product.pk), store, ListingForm(["2"]))
    assert draft_of(listing)[0].attributes == {"Size": "M"}


def test_a_sku_that_the_product_got_after_the_draft_was_saved_is_listed_too():
    store = factories.store("Shop")
    product = factories.product("CUP-S", "CUP-M")
    for variant in product.variants.all():
        variant.options = {"Size": variant.sku[-1]}
        variant.save()
    listing = drafts.save_draft(product, store, ListingForm())
    product.variants.create(sku="CUP-L", options={"Size": "L"}, price=10, currency="GBP", position=2)
    drafts.publish(listing)
    assert [each.sku for each in draft_of(listing)[0].variants] == ["CUP-S", "CUP-M", "CUP-L"]
