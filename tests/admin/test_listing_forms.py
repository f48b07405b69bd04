"""A product is listed from its page on every channel: form, checks, preview, publishing, refusals (R-CAT-08)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.test import Client

from catalogue.inbound.reference_data import brands_by_name, store_attributes, store_categories
from catalogue.models import (
    Attribute,
    Category,
    Listing,
    ListingDefaults,
    Product,
    ProductCategory,
)
from catalogue.push.listing_drafts import draft_of
from catalogue.services.listing import categories, checks, drafts
from catalogue.services.listing.drafts import ListingForm
from channels.contract.records.pages import PullQuery
from channels.contract.registry import specs
from channels.models import Budget, Connection, OutboxMessage
from channels.pull import runner
from channels.push import dispatcher
from channels.push.topics import Topic
from channels.sandbox.server import Request, Response, Running
from channels.stores import connect
from oms.kit.background import jobs
from oms.kit.models import AuditEntry, Job
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-CAT-08")]

#: What is entered for each channel: words of a category, and attributes by name.
ENTERED: dict[str, tuple[str, dict[str, str]]] = {
    "bigcommerce": ("", {"Care": "Wash by hand"}),
    "etsy": ("Kitchen & Dining", {"Primary color": "Moss"}),
    "onbuy": ("Tea & Coffee", {"Colour": "Moss"}),
    "opencart": ("", {}),
}
CHANNELS = sorted(ENTERED)


@pytest.fixture
def serve() -> Iterator[Any]:
    contexts: list[Any] = []

    def start(channel: str) -> Running:
        context = specs()[channel].make_sandbox(seed="demo").serve()
        contexts.append(context)
        running: Running = context.__enter__()
        return running

    yield start
    for context in reversed(contexts):
        context.__exit__(None, None, None)


def connected(running: Running, channel: str, name: str = "") -> Connection:
    """A live store with the channel's categories and (where they do not depend on one) attributes."""
    store = connect.connect(channel=channel, name=name or channel.title(), credentials=running.credentials)
    Job.objects.all().delete()
    Connection.objects.filter(pk=store.pk).update(is_read_only=False)
    Budget.objects.filter(pk=store.pk).update(capacity=10_000, per_second=10_000, tokens=10_000)
    store.refresh_from_db()
    adapter = runner.adapter_of(store)
    run: Any = None
    store_categories(store, adapter.pull_categories(PullQuery()).records, run)
    if channel == "opencart":
        store_attributes(store, adapter.pull_attributes(PullQuery()).records, run)
    return store


def pot(currency: str, **attributes: str) -> Product:
    product = factories.product("POT-1", title="Clay teapot", barcode="", price=25, currency=currency)
    Product.objects.filter(pk=product.pk).update(
        description="<p>Holds a litre.</p>",
        attributes=attributes,
        brand=brands_by_name(["Kiln Street"])["kiln street"],
    )
    return Product.objects.get(pk=product.pk)


@pytest.fixture
def owner(client: Client, django_user_model: Any) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def address(product: Product, store: Connection) -> str:
    return f"/admin/catalogue/product/{product.pk}/list/{store.pk}/"


def said(response: Any) -> str:
    found: str = response.content.decode()
    return found.replace("&#x27;", "'").replace("&quot;", '"').replace("&amp;", "&").replace("&gt;", ">")


def saved(owner: Client, product: Product, store: Connection, **more: str) -> Listing:
    """The draft of a product after its form was filled as a person does: the category first, then its attributes."""
    words, attributes = ENTERED[store.channel]
    path = address(product, store)
    shown = owner.get(path)
    assert shown.status_code == 200
    if words:
        shown = owner.post(path, {"category": words, "of_category": ""})
        assert shown.status_code == 200, shown
    form = shown.context["form"]
    data = {name: form.initial.get(name, "") or "" for name in form.fields} | {
        "of_category": shown.context["of_category"]
    }
    if "lines" in form.fields:
        data["lines"] = "\n".join(f"{name}: {value}" for name, value in attributes.items())
    else:
        data |= {form.field_of(f"attribute:{name}"): value for name, value in attributes.items()}
    answer = owner.post(path, {**data, **more})
    assert answer.status_code == 302, said(answer)
    return Listing.objects.get(product=product, connection=store)


def writes_of(running: Running) -> list[tuple[str, str, Any]]:
    """Record what the sandbox is sent from now on: (method, path, body), without reads."""
    found: list[tuple[str, str, Any]] = []
    respond = running.sandbox.respond

    def recorded(request: Request) -> Response:
        if request.method != "GET" and "token" not in request.path:
            kind = {name.lower(): value for name, value in request.headers.items()}.get("content-type", "")
            if "json" in kind:
                body: Any = json.loads(request.body)
            else:
                body = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
            found.append((request.method, request.target, body))
        answer: Response = respond(request)
        return answer

    running.sandbox.respond = recorded
    return found


def send(store: Connection, topic: str = Topic.LISTING_CREATE) -> OutboxMessage:
    message = OutboxMessage.objects.get(connection=store, topic=topic)
    OutboxMessage.objects.filter(pk=message.pk).update(not_before=None)
    dispatcher.dispatch(store.pk, message.lane)
    message.refresh_from_db()
    return message


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


@pytest.mark.req("R-CAT-12")
def test_a_tree_of_ten_thousand_categories_is_searched_and_never_rendered(
    owner, django_assert_max_num_queries
):
    store = factories.store("Shop", channel="onbuy")
    Category.objects.bulk_create(
        Category(
            connection=store, external_id=str(n), name=f"Shelf {n}", path=f"Home > Room {n % 90} > Shelf {n}"
        )
        for n in range(10_000)
    )
    with django_assert_max_num_queries(12):
        found = owner.get(
            f"/admin/catalogue/categories/{store.pk}/names.json", {"q": "room 7 shelf 97"}
        ).json()
    assert len(found["names"]) == 20
    assert all("Room " in name and "97" in name for name in found["names"])
    product = factories.product("POT-1")
    page = owner.get(address(product, store))
    assert len(page.content) < 120_000
    assert said(page).count("Shelf ") == 0
    wrong = owner.post(address(product, store), {"category": "Shelf", "of_category": ""})
    assert "Several categories match “Shelf”" in said(wrong)
    none = owner.post(address(product, store), {"category": "Attic", "of_category": ""})
    assert "has no category “Attic”" in said(none)
    assert not Listing.objects.exists()


def test_a_child_category_has_its_parents_mapping_until_it_has_its_own(owner):
    store = factories.store("Shop", channel="onbuy")
    for n, name in ((1, "Home"), (2, "Mugs")):
        Category.objects.create(connection=store, external_id=str(n), name=name, path=name)
    answer = owner.post("/admin/catalogue/productcategory/add/", {"paths": "Kitchen > Cups > Mugs"})
    assert answer.status_code == 302
    top, cups, mugs = ProductCategory.objects.order_by("path")
    assert [each.path for each in (top, cups, mugs)] == ["Kitchen", "Kitchen > Cups", "Kitchen > Cups > Mugs"]
    page = f"/admin/catalogue/productcategory/{top.pk}/"
    owner.post(page, {"name": "Kitchenware", f"store-{store.pk}": "Home"})
    mapped = categories.Mappings(store)
    assert mapped.of(mugs.pk) == (["1"], top.pk)
    mugs.refresh_from_db()
    assert mugs.path == "Kitchenware > Cups > Mugs"
    shown = owner.get(f"/admin/catalogue/productcategory/{mugs.pk}/")
    assert "Empty: Home [1], as for Kitchenware." in said(shown)

    owner.post(
        f"/admin/catalogue/productcategory/{mugs.pk}/", {"name": "Mugs", f"store-{store.pk}": "Mugs [2]"}
    )
    assert categories.Mappings(store).of(mugs.pk) == (["2"], mugs.pk)
    assert categories.Mappings(store).of(cups.pk) == (["1"], top.pk)
    wrong = owner.post(
        f"/admin/catalogue/productcategory/{mugs.pk}/", {"name": "Cups", f"store-{store.pk}": "Spoons"}
    )
    assert "has no category “Spoons”" in said(wrong)
    mugs.refresh_from_db()
    assert mugs.name == "Mugs"

    product = factories.product("POT-1")
    owner.post(
        f"/admin/catalogue/product/{product.pk}/attributes/",
        {"category": mugs.path, "attributes": "Colour: Red"},
    )
    product.refresh_from_db()
    assert (product.category_id, product.attributes) == (mugs.pk, {"Colour": "Red"})
    assert drafts.suggested_categories(product, store) == ["2"]
    owner.post(f"/admin/catalogue/productcategory/{mugs.pk}/", {"delete": "1"})
    assert ProductCategory.objects.filter(pk=mugs.pk).exists()  # it has a product


@pytest.mark.parametrize("channel", ["onbuy", "opencart"])
def test_many_products_are_listed_by_one_page_with_one_outcome_each(owner, serve, channel):
    running = serve(channel)
    store = connected(running, channel)
    kitchen = categories.category_at("Kitchen")
    brand = brands_by_name(["Kiln Street"])["kiln street"]
    rows = [factories.product(f"POT-{n}", title=f"Pot {n}", currency=store.currency) for n in range(4)]
    Product.objects.update(description="<p>x</p>", brand=brand, category=kitchen)
    Product.objects.filter(pk=rows[3].pk).update(title="x" * 300)
    wanted = Category.objects.filter(connection=store, is_active=True).order_by("path").first()
    assert wanted is not None
    ids = ",".join(str(row.pk) for row in rows)
    chosen = owner.post(
        "/admin/catalogue/product/", {"action": "list_on_store", "_selected_action": [row.pk for row in rows]}
    )
    assert chosen["Location"] == f"/admin/catalogue/list-on-store/?ids={ids}"
    assert store.name in said(owner.get(chosen["Location"]))
    shown = owner.post("/admin/catalogue/list-on-store/", {"ids": ids, "store": store.pk})
    [part] = shown.context["parts"]
    assert (part.category, len(part.products)) == (kitchen, 4)
    data = {
        "ids": ids,
        "store": store.pk,
        "step": "publish",
        "remembers": "1",
        "token": "t" * 32,
        f"{part.key}-category": wanted.external_id,
        f"{part.key}-of": "",
    }
    answer = owner.post("/admin/catalogue/list-on-store/", data)
    if channel == "onbuy":  # the attributes of the category are shown first
        assert answer.status_code == 200
        [part] = answer.context["parts"]
        data |= {f"{part.key}-of": wanted.external_id, f"{part.key}a-attribute-0": "Cream"}
        answer = owner.post("/admin/catalogue/list-on-store/", data)
    job = Job.objects.get(kind="catalogue.list_products")
    assert answer["Location"] == f"/admin/integrations/jobs/{job.pk}/"
    owner.post("/admin/catalogue/list-on-store/", data)  # the same form again
    assert Job.objects.filter(kind="catalogue.list_products").count() == 1
    while jobs.work(job.pk):
        pass
    job.refresh_from_db()
    assert (job.state, job.done, job.refused) == ("done", 4, 1)
    assert job.message == "3 products are being listed."
    [refused] = job.result["outcomes"]
    assert "Title:" in refused
    assert OutboxMessage.objects.filter(topic=Topic.LISTING_CREATE).count() == 3
    assert Listing.objects.filter(state="draft").count() == 4
    assert categories.Mappings(store).of(kitchen.pk) == ([wanted.external_id], kitchen.pk)
    if channel == "onbuy":
        assert Listing.objects.filter(own_attributes__Colour="Cream").count() == 4
    page = owner.get(f"/admin/integrations/jobs/{job.pk}/")
    assert "Title:" in said(page)


def test_a_job_that_is_worked_again_lists_nothing_twice(owner, serve):
    running = serve("opencart")
    store = connected(running, "opencart")
    product = pot(store.currency)
    data = {"ids": str(product.pk), "store": store.pk, "step": "publish", "token": "u" * 32}
    owner.post("/admin/catalogue/list-on-store/", data)
    job = Job.objects.get(kind="catalogue.list_products")
    jobs.work(job.pk)
    send(store)
    Job.objects.filter(pk=job.pk).update(state="waiting", done=0, finished_at=None, lease_until=None)
    jobs.work(job.pk)
    job.refresh_from_db()
    assert (job.done, job.refused) == (1, 0)
    assert Listing.objects.count() == 1
    assert Listing.objects.get().external_id


def test_drafts_are_published_in_part_from_the_list(owner):
    store = factories.store("Shop")
    good, bad = factories.product("A"), factories.product("B", title="x" * 300)
    one, two = (drafts.save_draft(each, store, ListingForm()) for each in (good, bad))
    shown = owner.get("/admin/catalogue/listing/?tab=drafts")
    assert f"/admin/catalogue/listing/{one.pk}/" in said(shown)
    answer = owner.post(
        "/admin/catalogue/listing/?tab=drafts",
        {"action": "publish", "_selected_action": [one.pk, two.pk]},
        follow=True,
    )
    assert "A title has 1 to 255 characters in OpenCart." in said(answer)
    assert list(OutboxMessage.objects.values_list("topic", "subject")) == [("listing.create", one.pk)]


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
