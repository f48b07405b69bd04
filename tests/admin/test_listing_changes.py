"""What a change sends to each store is shown before it is saved; new and removed SKUs reach the listings (R-CAT-05, R-CAT-09)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from catalogue.inbound.reference_data import brands_by_name
from catalogue.models import Listing, ListingVariant, Product, Variant
from catalogue.services.listings import stop_selling
from channels.contract.records.pages import PullQuery
from channels.models import Connection, OutboxMessage
from channels.pull import runner
from channels.push.topics import Topic
from tests import factories
from tests.admin.listing_data import CHANNELS, connected, said, saved, send, writes_of

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-CAT-08"), pytest.mark.req("R-CAT-09")]


def cup(currency: str) -> Product:
    product = factories.product("CUP-S", "CUP-L", title="Cup for tea", price=9, currency=currency)
    brand = brands_by_name(["Kiln Street"])["kiln street"]
    Product.objects.filter(pk=product.pk).update(
        description="<p>Holds tea.</p>", brand=brand, option_names=["Size"]
    )
    for variant, size in zip(product.variants.all(), ("Small", "Large"), strict=True):
        variant.options = {"Size": size}
        variant.save()
    return Product.objects.get(pk=product.pk)


def listed(owner: Any, running: Any, store: Connection, product: Product) -> Listing:
    """The group after it was published and its store has it."""
    listing = saved(owner, product, store)
    owner.post(f"/admin/catalogue/listing/{listing.pk}/", {"do": "publish"})
    for _step in range(3):
        send(store)
        settle(running, store.channel)
    listing.refresh_from_db()
    assert listing.external_id
    stock = dict.fromkeys(listing.variants.values_list("pk", flat=True), 5)
    ListingVariant.objects.filter(pk__in=stock).update(sent_quantity=5)
    if store.channel == "etsy":  # Etsy takes no document without stock
        for row in running.sandbox.shop.listings.values():
            for one in row["inventory"]["products"]:
                one["offerings"][0]["quantity"] = 5
    return listing


def settle(running: Any, channel: str) -> None:
    if channel == "onbuy":
        running.sandbox.settle()
        running.sandbox.configure(queue_seconds=0, listing_seconds=0)


def in_store(store: Connection) -> dict[str, dict[str, str]]:
    """The SKUs of the store with their options, as an import reads them; a SKU that is there twice fails."""
    adapter, page = runner.adapter_of(store), None
    found: dict[str, dict[str, str]] = {}
    while True:
        answer = adapter.pull_products(PullQuery(), page)
        for record in answer.records:
            for variant in record.variants:
                assert variant.sku not in found or "CUP" not in variant.sku
                found[variant.sku] = dict(variant.options)
        page = answer.next_page
        if page is None:
            return found


def change(owner: Any, product: Product, **values: str) -> Any:
    page = owner.get(f"/admin/catalogue/product/{product.pk}/")
    form = page.context["form"]
    data = {name: form.initial.get(name, "") or "" for name in form.fields}
    return owner.post(f"/admin/catalogue/product/{product.pk}/", {**data, **values})


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_preview_of_a_change_is_what_is_sent_and_saves_nothing(owner, serve, channel):
    running = serve(channel)
    store = connected(running, channel)
    product = cup(store.currency)
    listing = listed(owner, running, store, product)
    writes = writes_of(running)

    page = change(
        owner, product, title="Cup for coffee", description="<p>Holds coffee.</p>", preview="stores"
    )

    [shown] = page.context["previews"]
    assert [(one.field, one.old, one.new) for one in shown.fields] == [
        ("description", "<p>Holds tea.</p>", "<p>Holds coffee.</p>"),
        ("title", "Cup for tea", "Cup for coffee"),
    ]
    assert shown.why_not == ""
    assert shown.requests
    assert writes == []
    product.refresh_from_db()
    listing.refresh_from_db()
    assert (product.title, listing.changed_fields) == ("Cup for tea", [])
    assert not OutboxMessage.objects.filter(topic=Topic.LISTING_UPDATE).exists()

    change(owner, product, title="Cup for coffee", description="<p>Holds coffee.</p>")
    waiting = owner.get(f"/admin/catalogue/listing/{listing.pk}/?preview=1")
    assert "These changes are saved and wait to be sent." in said(waiting)
    send(store, Topic.LISTING_UPDATE)
    planned = [(one.method, json.loads(json.dumps(one.body, default=str))) for one in shown.requests]
    sent = [(method, json.loads(json.dumps(body, default=str))) for method, _target, body in writes]
    assert sent[: len(planned)] == planned


@pytest.mark.parametrize("channel", ["bigcommerce", "etsy", "opencart"])
def test_a_new_sku_is_added_to_the_listing_of_its_group_once_after_a_lost_answer(owner, serve, channel):
    running = serve(channel)
    store = connected(running, channel)
    product = cup(store.currency)
    listing = listed(owner, running, store, product)
    act = f"/admin/catalogue/product/{product.pk}/do"
    owner.post(f"{act}/options/", {"options": "Size: Small, Medium, Large"})

    page = owner.get(f"/admin/catalogue/product/{product.pk}/?pattern=CUP-{{Size}}")
    assert "They are added to the listing in" in said(page)
    answer = owner.post(f"{act}/generate/", {"pattern": "CUP-{Size}"}, follow=True)

    assert f"1 SKU was made. It is added in {store.name}." in said(answer)
    row = ListingVariant.objects.get(listing=listing, variant__sku="CUP-MEDIUM")
    assert row.external_id == ""
    match = {"opencart": "product_update", "etsy": "/inventory"}.get(channel, "/variants")
    method = {"etsy": "PUT"}.get(channel, "POST")
    running.sandbox.inject("no_answer", match=match, method=method)
    for _step in range(3):
        send(store, Topic.LISTING_UPDATE)
    row.refresh_from_db()
    listing.refresh_from_db()
    assert row.external_id
    assert (listing.changed_fields, listing.refusal) == ([], "")
    skus = in_store(store)
    assert {"CUP-S", "CUP-MEDIUM", "CUP-L"} <= set(skus)
    assert skus["CUP-MEDIUM"] == {"Size": "Medium"}
    assert OutboxMessage.objects.filter(topic=Topic.STOCK, subject=row.pk).exists()


def test_onbuy_says_why_a_new_sku_is_not_added(owner, serve):
    running = serve("onbuy")
    store = connected(running, "onbuy")
    product = cup(store.currency)
    listed(owner, running, store, product)
    act = f"/admin/catalogue/product/{product.pk}/do"
    owner.post(f"{act}/options/", {"options": "Size: Small, Medium, Large"})
    answer = owner.post(f"{act}/generate/", {"pattern": "CUP-{Size}"}, follow=True)
    assert "OnBuy accepts no new SKU for a group that it has. List a new group." in said(answer)
    assert not ListingVariant.objects.filter(variant__sku="CUP-MEDIUM").exists()
    assert not OutboxMessage.objects.filter(topic=Topic.LISTING_UPDATE).exists()


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_removed_sku_is_deleted_in_the_store_or_offered_nothing(owner, serve, channel):
    running = serve(channel)
    store = connected(running, channel)
    product = cup(store.currency)
    listing = listed(owner, running, store, product)
    large = Variant.objects.get(sku="CUP-L")
    path = f"/admin/catalogue/product/{product.pk}/do/unsku/"
    asked = owner.post(path, {"variant": large.pk})
    deletes = channel in ("bigcommerce", "etsy")
    words = f"CUP-L is deleted from {store.name}." if deletes else f"{store.name} is offered 0 of CUP-L: "
    assert words in said(asked)
    assert not ListingVariant.objects.filter(is_removed=True).exists()

    owner.post(path, {"variant": large.pk, "confirmed": "1"})
    if deletes:
        send(store, Topic.LISTING_UPDATE)
        send(store, Topic.LISTING_UPDATE)  # nothing more is sent
        assert list(listing.variants.values_list("external_sku", flat=True)) == ["CUP-S"]
        assert "CUP-L" not in in_store(store)
        owner.post(path, {"variant": large.pk, "confirmed": "1"})
        assert not Variant.objects.filter(sku="CUP-L").exists()
    else:
        row = listing.variants.get(external_sku="CUP-L")
        assert (row.is_removed, row.is_stopped) == (True, True)
        assert not OutboxMessage.objects.filter(topic=Topic.LISTING_UPDATE).exists()
        assert "CUP-L" in in_store(store)
        stop_selling(listing_variants=[row], stopped=False)
        row.refresh_from_db()
        assert (row.is_removed, row.is_stopped) == (False, False)


def test_the_last_sku_of_a_listing_is_not_removed(owner, serve):
    running = serve("bigcommerce")
    store = connected(running, "bigcommerce")
    product = cup(store.currency)
    listing = listed(owner, running, store, product)
    small = Variant.objects.get(sku="CUP-S")
    listing.variants.exclude(variant=small).delete()
    path = f"/admin/catalogue/product/{product.pk}/do/unsku/"
    answer = owner.post(path, {"variant": small.pk, "confirmed": "1"}, follow=True)
    assert f"CUP-S is the only SKU of its listing in {store.name}. Delete the listing instead." in said(
        answer
    )
    assert not ListingVariant.objects.filter(is_removed=True).exists()
