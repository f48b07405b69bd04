"""Many products are listed by one page; product categories with their mappings; large trees of categories."""

from __future__ import annotations

import pytest

from catalogue.inbound.reference_data import brands_by_name
from catalogue.models import (
    Category,
    Listing,
    Product,
    ProductCategory,
)
from catalogue.services.listing import categories, drafts
from catalogue.services.listing.drafts import ListingForm
from channels.models import OutboxMessage
from channels.push.topics import Topic
from oms.kit.background import jobs
from oms.kit.models import Job
from tests import factories
from tests.admin.listing_data import (
    address,
    connected,
    pot,
    said,
    send,
)

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-CAT-08")]


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
    assert f'name="ids" value="{ids}"' in said(chosen)
    assert 'action="/admin/catalogue/list-on-store/"' in said(chosen)
    assert store.name in said(chosen)
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
